/* Serving: a folder of links and copies, and the state beside them. */

#include "services/gateway/serving.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/sync_set.h"
#include "common/version/version.h"
#include "services/gateway/serving_state.h"

#define STATE_NAME "serving.json"

struct serving {
        char folder[STORE_PATH_BYTES / 4]; /* of the model */
        char state_name[STORE_NAME_BYTES];
        char *registry_uri;
        struct store *store;
        struct registry registry;
        struct buffer saved; /* the document as it was saved last */
};

int serving_create(const char *folder, const char *model, const char *registry_uri, struct serving **ret_serving) {
        _cleanup_(serving_destroy_pointer) struct serving *serving = calloc(1, sizeof(*serving));
        struct fault fault = FAULT_NULL;
        char uri[sizeof(serving->folder)];
        int r;

        if (!serving)
                return error_origin(-ENOMEM, "opening %s", folder);
        serving->registry_uri = strdup(registry_uri);
        if (!serving->registry_uri)
                return error_origin(-ENOMEM, "opening %s", folder);
        if ((size_t)snprintf(serving->folder, sizeof(serving->folder), "%s/%s", folder, model) >=
                    sizeof(serving->folder) ||
            (size_t)snprintf(uri, sizeof(uri), "file://%s", folder) >= sizeof(uri))
                return error_origin(-ENAMETOOLONG, "opening %s", folder);
        snprintf(serving->state_name, sizeof(serving->state_name), "%s/" STATE_NAME, model);
        r = store_open(&(struct store_options){ .uri = uri }, &serving->store, &fault);
        if (r == FAULT_E_INPUT)
                return error_origin(-ENOTDIR, "opening %s: %s", folder, fault.message);
        if (!r)
                r = registry_init(&serving->registry, serving->store, model);
        if (r)
                return error_trace(r);
        *ret_serving = steal(serving);
        return 0;
}

struct serving *serving_destroy(struct serving *serving) {
        if (!serving)
                return NULL;
        store_close(serving->store);
        buffer_finish(&serving->saved);
        free(serving->registry_uri);
        free(serving);
        return NULL;
}

void serving_destroy_pointer(struct serving **serving) {
        serving_destroy(*serving);
}

struct registry *serving_registry(struct serving *serving) {
        return &serving->registry;
}

int serving_save(struct serving *serving, const struct serving_state *state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        int r;

        r = serving_state_format(state, serving->registry_uri, &text);
        if (!r && text.n_bytes == serving->saved.n_bytes && !memcmp(text.data, serving->saved.data, text.n_bytes))
                return 0;
        if (!r)
                r = store_put(serving->store, serving->state_name, text.data, text.n_bytes);
        if (r)
                return error_trace(r);
        buffer_finish(&serving->saved);
        serving->saved = text;
        text = (struct buffer)BUFFER_NULL;
        return 0;
}

/* A file of a version that is kept; "" as name: the folder. */
static void path_of(const struct serving *serving, int64_t version, const char *name, char ret_path[STORE_PATH_BYTES]) {
        snprintf(ret_path, STORE_PATH_BYTES, "%s/versions/%" PRId64 "%s%s", serving->folder, version, *name ? "/" : "",
                 name);
}

bool serving_has(struct serving *serving, int64_t version, const char *digest) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char path[STORE_PATH_BYTES], found[DIGEST_SHA256_BYTES];

        path_of(serving, version, VERSION_MANIFEST, path);
        if (!digest)
                return file_exists(path);
        return !file_read(path, STORE_GET_BYTES_MAX, &text) && !digest_sha256(text.data, text.n_bytes, found) &&
               !strcmp(found, digest);
}

/* Links cost nothing and cannot be torn; where there can be none, a copy does it. */
static int link_or_copy(const char *from, const char *to) {
        _cleanup_(close_descriptor) int fd = -1;
        struct file_map map = FILE_MAP_NULL;
        int r;

        if (unlink(to) && errno != ENOENT)
                return error_origin(-errno, "removing %s", to);
        if (link(from, to)) {
                r = file_map(from, &map);
                if (!r)
                        r = file_replace(to, map.data, map.n_bytes);
                file_unmap(&map);
                return error_trace(r);
        }
        /* a local copy of the registry's need not have been durable */
        fd = open(to, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return error_origin(-errno, "opening %s", to);
        return fsync(fd) ? error_origin(-errno, "syncing %s", to) : 0;
}

int serving_keep(struct serving *serving, struct registry *registry, const struct manifest *manifest) {
        char from[STORE_PATH_BYTES], to[STORE_PATH_BYTES];
        int r;

        serving_drop(serving, manifest->version);
        path_of(serving, manifest->version, "", to);
        r = file_make_folders(to);
        for (size_t i = 0; i < VERSION_N_PARTS && !r; i++) {
                r = registry_fetch_file(registry, manifest, version_part_names[i], from);
                path_of(serving, manifest->version, version_part_names[i], to);
                if (!r)
                        r = link_or_copy(from, to);
        }
        if (!r)
                r = file_sync_folder(to);
        path_of(serving, manifest->version, VERSION_MANIFEST, to);
        if (!r)
                r = file_replace(to, manifest->text.data, manifest->text.n_bytes);
        if (r)
                serving_drop(serving, manifest->version);
        return error_trace(r);
}

void serving_drop(struct serving *serving, int64_t version) {
        char path[STORE_PATH_BYTES];

        path_of(serving, version, VERSION_MANIFEST, path);
        /* without its manifest it is none, so this goes first, for good */
        if (!unlink(path))
                file_sync_folder(path);
        for (size_t i = 0; i < VERSION_N_PARTS; i++) {
                path_of(serving, version, version_part_names[i], path);
                unlink(path);
        }
        path_of(serving, version, "", path);
        rmdir(path);
}

int serving_list(struct serving *serving, int64_t ret_versions[SERVING_VERSIONS_MAX], size_t *ret_n_versions) {
        _cleanup_(registry_versions_finish) struct registry_versions versions = REGISTRY_VERSIONS_NULL;
        size_t n = 0;
        int r;

        r = registry_versions_init(&serving->registry, &versions);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < versions.n_numbers && n < SERVING_VERSIONS_MAX; i++)
                if (serving_has(serving, versions.numbers[i], NULL))
                        ret_versions[n++] = versions.numbers[i];
        *ret_n_versions = n;
        return 0;
}

/* Without a state that says whose they are. */
static int drop_all(struct serving *serving) {
        _cleanup_(registry_versions_finish) struct registry_versions versions = REGISTRY_VERSIONS_NULL;
        int r;

        r = registry_versions_init(&serving->registry, &versions);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < versions.n_numbers; i++)
                serving_drop(serving, versions.numbers[i]);
        return 0;
}

int serving_read(struct serving *serving, struct serving_state *ret_state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        char sentence[FAULT_TEXT_BYTES];
        bool is_ours = false;
        int r;

        memset(ret_state, 0, sizeof(*ret_state));
        r = store_get(serving->store, serving->state_name, &text, NULL);
        if (r == STORE_E_MISSING)
                return error_trace(drop_all(serving));
        if (!r)
                r = serving_state_parse(&text, serving->registry_uri, &is_ours, ret_state, &fault);
        if (r == FAULT_E_INPUT) {
                log_error("file=%s/" STATE_NAME " %s; it is not used", serving->folder,
                          fault_format(&fault, sentence, sizeof(sentence)));
                return error_trace(drop_all(serving));
        }
        if (r || is_ours)
                return error_trace(r);
        log_warn("what is kept in %s is of another registry than %s, ignoring", serving->folder, serving->registry_uri);
        return error_trace(drop_all(serving));
}
