/* Reference: from the registry, believing nothing but the order's digest. */

#include "services/validator/reference.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/store/registry.h"

#define BASELINE_NAME "baseline.json"

/* Conditions of the registry as a fault; failures of the machine pass. */
static int refuse(int result, const struct order *order, const char *file, struct fault *fault) {
        char what[256];

        snprintf(what, sizeof(what), "%s of version %" PRId64 " of %s, the champion when the run began", file,
                 order->champion.version, order->parameters.name);
        return store_fault_as(result, "CHAMPION_UNREADABLE", what, fault);
}

/* The champion's manifest, whose bytes are those that the order names. */
static int read_manifest(struct registry *registry, const struct order *order, struct manifest *ret_manifest,
                         struct fault *fault) {
        char digest[DIGEST_SHA256_BYTES];
        int r;

        r = refuse(registry_read_manifest(registry, order->champion.version, ret_manifest), order, "manifest.json",
                   fault);
        if (!r)
                r = digest_sha256(ret_manifest->text.data, ret_manifest->text.n_bytes, digest);
        if (!r && strcmp(digest, order->champion.manifest))
                r = refuse(REGISTRY_E_CORRUPT, order, "manifest.json", fault);
        return error_trace(r);
}

/* Finds the file in the manifest, which is filled. NULL: there is none. */
static int find(struct store *registry_store, const struct order *order, struct registry *registry,
                struct manifest *manifest, const struct manifest_file **ret_file, struct fault *fault) {
        int r;

        r = registry_init(registry, registry_store, order->parameters.name);
        if (!r)
                r = read_manifest(registry, order, manifest, fault);
        if (r)
                return error_trace(r);
        *ret_file = manifest_find_file(manifest, BASELINE_NAME);
        if (!*ret_file)
                log_warn("model=%s version=%" PRId64 " has no " BASELINE_NAME ", so drift is not looked for",
                         order->parameters.name, order->champion.version);
        return 0;
}

int reference_find(struct store *registry_store, const struct order *order, bool *ret_has,
                   char ret_digest[DIGEST_SHA256_BYTES], struct fault *fault) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        const struct manifest_file *file = NULL;
        struct registry registry;
        int r;

        if (order->has_champion) {
                r = find(registry_store, order, &registry, &manifest, &file, fault);
                if (r)
                        return error_trace(r);
        }
        *ret_has = file;
        if (file)
                memcpy(ret_digest, file->digest, DIGEST_SHA256_BYTES);
        return 0;
}

int reference_read(struct store *registry_store, const struct order *order, struct baseline **ret_baseline,
                   char ret_digest[DIGEST_SHA256_BYTES], struct fault *fault) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        _cleanup_(file_unmap) struct file_map map = FILE_MAP_NULL;
        const struct manifest_file *file = NULL;
        struct baseline *baseline = NULL;
        struct registry registry;
        char path[STORE_PATH_BYTES];
        int r;

        if (order->has_champion) {
                r = find(registry_store, order, &registry, &manifest, &file, fault);
                if (r)
                        return error_trace(r);
        }
        if (file) {
                r = refuse(registry_fetch_file(&registry, &manifest, BASELINE_NAME, path), order, BASELINE_NAME, fault);
                if (!r)
                        r = file_map(path, &map);
                if (r)
                        return error_trace(r);
                r = baseline_parse((const char *)map.data, map.n_bytes, fault, &baseline);
                if (r == FAULT_E_INPUT)
                        r = refuse(REGISTRY_E_CORRUPT, order, BASELINE_NAME, fault);
                if (r)
                        return error_trace(r);
        }
        memcpy(ret_digest, file ? file->digest : "", file ? DIGEST_SHA256_BYTES : 1);
        *ret_baseline = baseline;
        return 0;
}
