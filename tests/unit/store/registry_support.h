#pragma once

/* What the registry's tests share: a registry in a scratch folder, and a toy version to put into it. */

#include <string.h>

#include "common/base/error.h"
#include "common/base/json_builder.h"
#include "common/store/registry.h"
#include "tests/support/scratch.h"
#include "tests/support/store_place.h"

static const struct alias_request by_pusher = { .actor = "pusher", .at_ms = 1767323045678 };
static const struct alias_request by_ann = { .actor = "ann", .reason = "why", .at_ms = 1767323045678 };

static const char *const toy_files[] = { "model.ubj", "transform.json", "MLmodel" };

/* The content of a toy file; the same for each redo of a run. */
static inline void toy_content(const char *run, const char *file, struct buffer *ret_content) {
        buffer_clear(ret_content);
        if (buffer_printf(ret_content, "%s of %s", file, run))
                abort();
}

/* Writes the files of a claimed version and its manifest. */
static inline int toy_publish(struct registry *registry, const struct registry_claim *claim) {
        struct manifest manifest = { .version = claim->version, .created_at_ms = claim->created_at_ms };
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct buffer contents[N_ELEMENTS(toy_files)] = { 0 };
        struct store_item files[N_ELEMENTS(toy_files)];
        struct json_builder json;
        int r = 0;

        snprintf(manifest.model, sizeof(manifest.model), "%s", registry->model);
        snprintf(manifest.run, sizeof(manifest.run), "%s", claim->run);
        for (size_t i = 0; i < N_ELEMENTS(toy_files) && !r; i++) {
                toy_content(claim->run, toy_files[i], &contents[i]);
                files[i] = (struct store_item){ toy_files[i], contents[i].data, contents[i].n_bytes };
                r = manifest_add_file(&manifest, toy_files[i], contents[i].data, contents[i].n_bytes);
        }
        if (!r)
                r = registry_put_files(registry, claim, files, N_ELEMENTS(toy_files));
        for (size_t i = 0; i < N_ELEMENTS(toy_files); i++)
                buffer_finish(&contents[i]);
        if (r)
                return r;
        json = json_begin(&text, JSON_PRETTY);
        json_begin_object(&json);
        manifest_build(&manifest, &json);
        json_end_object(&json);
        r = json_end(&json);
        if (!r)
                r = manifest_seal(&text);
        return r ? r : registry_publish(registry, claim, &text);
}

/* All a pusher does for one run. */
static inline int toy_push(struct registry *registry, const char *run, int64_t expected_champion,
                           struct alias_move *ret_move) {
        struct registry_claim claim;
        int r;

        r = registry_claim(registry, run, &claim);
        if (!r)
                r = toy_publish(registry, &claim);
        if (!r)
                r = registry_release(registry, &claim, &by_pusher, expected_champion, true, ret_move);
        return r;
}

/* The complete versions. */
static inline int toy_n_versions(struct registry *registry) {
        _cleanup_(registry_versions_finish) struct registry_versions versions = REGISTRY_VERSIONS_NULL;
        int n = 0;

        if (registry_versions_init(registry, &versions))
                abort();
        for (;; n++) {
                _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;

                if (registry_versions_next(&versions, &manifest))
                        return n;
        }
}

static inline int toy_put_file(struct registry *registry, const struct registry_claim *claim, const char *name,
                               const char *text) {
        return registry_put_files(registry, claim, &(struct store_item){ name, text, strlen(text) }, 1);
}

static inline struct store *toy_store(const char *folder) {
        struct fault fault = FAULT_NULL;
        struct store *store = NULL;

        if (store_open(store_place(folder), &store, &fault))
                abort();
        return store;
}
