/* Version: files fetched, verified, put together. */

#include "cli/version.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/place.h"
#include "common/base/error.h"
#include "common/base/file.h"

#define MANIFEST_FILE "manifest.json"

enum {
        N_PARTS = 4,
        MANIFEST_BYTES_MOST = 16 * 1024 * 1024,
};

static const char *const PART_NAMES[N_PARTS] = { BUNDLE_SCHEMA, BUNDLE_TRANSFORM, BUNDLE_MODEL, BUNDLE_THRESHOLD };

int version_find(const struct pipeline *pipeline, const char *home, const char *text, struct store **ret_store,
                 struct registry *ret_registry, int64_t *ret_number, struct fault *fault) {
        _cleanup_(store_close_pointer) struct store *store = NULL;
        struct reference reference;
        int r;

        r = reference_parse(text, pipeline->parameters.name, &reference, fault);
        if (!r)
                r = place_open_store(home, pipeline->registry_uri, &store, fault);
        if (!r)
                r = registry_init(ret_registry, store, reference.model);
        if (!r)
                r = reference_resolve(&reference, ret_registry, ret_number, fault);
        if (!r)
                *ret_store = steal(store);
        return r;
}

/* What the registry's conditions mean to whoever asked for a version. */
static int judge(int r, const char *model, int64_t number, struct fault *fault) {
        if (r == REGISTRY_E_MISSING)
                return fault_set(fault, "VERSION_UNKNOWN", "%s has no version %lld; `convoy models` lists them", model,
                                 (long long)number);
        if (r > 0)
                return fault_set(fault, "VERSION_CORRUPT",
                                 "version %lld of %s is not what was published; the log above names the file",
                                 (long long)number, model);
        return error_trace(r);
}

static void unmap_parts(struct file_map (*maps)[N_PARTS]) {
        for (int i = 0; i < N_PARTS; i++)
                file_unmap(&(*maps)[i]);
}

static int load(const struct file_map maps[N_PARTS], const struct manifest *manifest, struct version *ret_version,
                struct fault *fault) {
        const struct bundle_parts parts = {
                .schema = { maps[0].data, maps[0].n_bytes },
                .transform = { maps[1].data, maps[1].n_bytes },
                .model = { maps[2].data, maps[2].n_bytes },
                .threshold = { maps[3].data, maps[3].n_bytes },
        };
        struct version version = { .number = manifest->version };
        int r;

        r = bundle_load(&parts, &version.bundle, fault);
        if (r)
                return r;
        snprintf(version.model, sizeof(version.model), "%s", manifest->model);
        *ret_version = version;
        return 0;
}

int version_load(struct registry *registry, int64_t number, struct version *ret_version, struct fault *fault) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        _cleanup_(unmap_parts) struct file_map maps[N_PARTS] = { FILE_MAP_NULL };
        char path[STORE_PATH_BYTES];
        int r;

        r = registry_read_manifest(registry, number, &manifest);
        for (int i = 0; i < N_PARTS && !r; i++) {
                r = registry_fetch_file(registry, &manifest, PART_NAMES[i], path);
                if (!r)
                        r = file_map(path, &maps[i]);
        }
        if (r)
                return judge(r, registry->model, number, fault);
        return load(maps, &manifest, ret_version, fault);
}

static int refuse_file(const char *folder, const char *name, struct fault *fault, const char *sentence) {
        char path[STORE_PATH_BYTES];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        fault_at(fault, path, 0, 0);
        return fault_set(fault, "VERSION_CORRUPT", "%s", sentence);
}

static int map_verified(const char *folder, const struct manifest *manifest, const char *name, struct file_map *ret_map,
                        struct fault *fault) {
        const struct manifest_file *file = manifest_find_file(manifest, name);
        char path[STORE_PATH_BYTES], digest[DIGEST_SHA256_BYTES];
        int r;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        r = file_map(path, ret_map);
        if (r == -ENOENT || !file)
                return refuse_file(folder, name, fault, "the bundle lacks this file");
        if (!r)
                r = digest_sha256(ret_map->data, ret_map->n_bytes, digest);
        if (r)
                return error_trace(r);
        return strcmp(digest, file->digest) != 0 ? refuse_file(folder, name, fault, "is not what the manifest names")
                                                 : 0;
}

int version_load_folder(const char *folder, struct version *ret_version, struct fault *fault) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        _cleanup_(unmap_parts) struct file_map maps[N_PARTS] = { FILE_MAP_NULL };
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char path[STORE_PATH_BYTES];
        int r;

        snprintf(path, sizeof(path), "%s/" MANIFEST_FILE, folder);
        r = file_read(path, MANIFEST_BYTES_MOST, &text);
        if (r == -ENOENT)
                return refuse_file(folder, MANIFEST_FILE, fault,
                                   "is not there; `convoy models pull` fills a folder with a version");
        if (r)
                return error_trace(r);
        fault_at(fault, path, 0, 0);
        r = manifest_parse(text.data, text.n_bytes, &manifest, fault);
        for (int i = 0; i < N_PARTS && !r; i++)
                r = map_verified(folder, &manifest, PART_NAMES[i], &maps[i], fault);
        return r ? r : load(maps, &manifest, ret_version, fault);
}

void version_finish(struct version *version) {
        bundle_finish(&version->bundle);
}

static int copy_file(struct registry *registry, const struct manifest *manifest, const char *name, const char *folder) {
        _cleanup_(file_unmap) struct file_map map = FILE_MAP_NULL;
        char from[STORE_PATH_BYTES], to[STORE_PATH_BYTES];
        int r;

        if ((size_t)snprintf(to, sizeof(to), "%s/%s", folder, name) >= sizeof(to))
                return error_origin(-ENAMETOOLONG, "copying %s", name);
        r = registry_fetch_file(registry, manifest, name, from);
        if (!r)
                r = file_map(from, &map);
        return r ? r : error_trace(file_create(to, map.data, map.n_bytes));
}

static int copy_all(struct registry *registry, const struct manifest *manifest, const char *folder) {
        int r = 0;

        for (size_t i = 0; i < manifest->n_files && !r; i++)
                r = copy_file(registry, manifest, manifest->files[i].name, folder);
        return r ? r : copy_file(registry, manifest, MANIFEST_FILE, folder);
}

static void remove_all(const struct manifest *manifest, const char *folder) {
        char path[STORE_PATH_BYTES];

        for (size_t i = 0; i <= manifest->n_files; i++) {
                snprintf(path, sizeof(path), "%s/%s", folder,
                         i < manifest->n_files ? manifest->files[i].name : MANIFEST_FILE);
                unlink(path);
        }
        rmdir(folder);
}

int version_pull(struct registry *registry, int64_t number, const char *folder, struct fault *fault) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        char temporary[STORE_PATH_BYTES];
        int r;

        if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", folder) >= sizeof(temporary))
                return error_origin(-ENAMETOOLONG, "pulling into %s", folder);
        r = registry_read_manifest(registry, number, &manifest);
        if (r)
                return judge(r, registry->model, number, fault);
        if (!mkdtemp(temporary)) {
                fault_at(fault, folder, 0, 0);
                return fault_set(fault, "FOLDER_NOT_WRITABLE", "cannot be made: %s", strerror(errno));
        }
        r = copy_all(registry, &manifest, temporary);
        /* succeeds when the folder is absent or empty */
        if (!r && rename(temporary, folder)) {
                fault_at(fault, folder, 0, 0);
                r = fault_set(fault, "FOLDER_EXISTS", "the version cannot be put here: %s", strerror(errno));
                remove_all(&manifest, temporary);
                return r;
        }
        if (r)
                remove_all(&manifest, temporary);
        return r ? judge(r, registry->model, number, fault) : error_trace(file_sync_folder(folder));
}
