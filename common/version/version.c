/* Version: four files mapped, verified, put together. */

#include "common/version/version.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/file.h"

enum {
        MANIFEST_BYTES_MAX = 16 * 1024 * 1024,
};

const char *const version_part_names[VERSION_N_PARTS] = { BUNDLE_SCHEMA, BUNDLE_TRANSFORM, BUNDLE_MODEL,
                                                          BUNDLE_THRESHOLD };

struct parts {
        struct file_map maps[VERSION_N_PARTS];
};

static void parts_finish(struct parts *parts) {
        for (int i = 0; i < VERSION_N_PARTS; i++)
                file_unmap(&parts->maps[i]);
}

static struct bundle_bytes bytes_of(const struct file_map *map) {
        return (struct bundle_bytes){ map->data, map->n_bytes };
}

/* Takes the version's manifest with it on success. */
static int assemble(const struct parts *parts, struct version *version, struct version *ret_version,
                    struct fault *fault) {
        const struct bundle_parts files = {
                .schema = bytes_of(&parts->maps[0]),
                .transform = bytes_of(&parts->maps[1]),
                .model = bytes_of(&parts->maps[2]),
                .threshold = bytes_of(&parts->maps[3]),
        };
        int r;

        r = digest_sha256(version->manifest.text.data, version->manifest.text.n_bytes, version->digest);
        if (!r)
                r = bundle_load(&files, &version->bundle, fault);
        if (r)
                return error_trace(r);
        *ret_version = *version;
        *version = (struct version)VERSION_NULL;
        return 0;
}

int version_fault(int result, const char *model, int64_t number, struct fault *fault) {
        char what[REGISTRY_MODEL_BYTES + 32];

        if (result == REGISTRY_E_MISSING)
                return fault_set(fault, "VERSION_UNKNOWN", "%s has no version %" PRId64 "; `convoy models` lists them",
                                 model, number);
        snprintf(what, sizeof(what), "version %" PRId64 " of %s", number, model);
        return store_fault_as(result, "VERSION_CORRUPT", what, fault);
}

int version_load(struct registry *registry, int64_t number, struct version *ret_version, struct fault *fault) {
        _cleanup_(version_finish) struct version version = VERSION_NULL;
        _cleanup_(parts_finish) struct parts parts = { 0 };
        char path[STORE_PATH_BYTES], what[REGISTRY_MODEL_BYTES + 64];
        int r;

        r = registry_read_manifest(registry, number, &version.manifest);
        if (r)
                return version_fault(r, registry->model, number, fault);
        for (int i = 0; i < VERSION_N_PARTS && !r; i++) {
                snprintf(what, sizeof(what), "%s of version %lld of %s", version_part_names[i], (long long)number,
                         registry->model);
                r = registry_fetch_file(registry, &version.manifest, version_part_names[i], path);
                if (!r)
                        r = file_map(path, &parts.maps[i]);
        }
        if (r)
                return store_fault_as(r, "VERSION_CORRUPT", what, fault);
        return error_trace(assemble(&parts, &version, ret_version, fault));
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
        return strcmp(digest, file->digest) ? refuse_file(folder, name, fault, "is not what the manifest names") : 0;
}

int version_load_folder(const char *folder, struct version *ret_version, struct fault *fault) {
        _cleanup_(version_finish) struct version version = VERSION_NULL;
        _cleanup_(parts_finish) struct parts parts = { 0 };
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char path[STORE_PATH_BYTES];
        int r;

        snprintf(path, sizeof(path), "%s/" VERSION_MANIFEST, folder);
        r = file_read(path, MANIFEST_BYTES_MAX, &text);
        if (r == -ENOENT)
                return refuse_file(folder, VERSION_MANIFEST, fault,
                                   "is not there; `convoy models pull` fills a folder with a version");
        if (r)
                return error_trace(r);
        r = manifest_parse(text.data, text.n_bytes, &version.manifest, fault);
        if (r == FAULT_E_INPUT)
                fault_at(fault, path, 0, 0);
        for (int i = 0; i < VERSION_N_PARTS && !r; i++)
                r = map_verified(folder, &version.manifest, version_part_names[i], &parts.maps[i], fault);
        return r ? error_trace(r) : error_trace(assemble(&parts, &version, ret_version, fault));
}

void version_finish(struct version *version) {
        if (!version)
                return;
        bundle_finish(&version->bundle);
        manifest_finish(&version->manifest);
}
