/* Pull: a folder beside the one wanted, filled and renamed. */

#include "cli/pull.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/version/version.h"

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
        return r ? r : copy_file(registry, manifest, VERSION_MANIFEST, folder);
}

static void remove_all(const struct manifest *manifest, const char *folder) {
        char path[STORE_PATH_BYTES];

        for (size_t i = 0; i <= manifest->n_files; i++) {
                snprintf(path, sizeof(path), "%s/%s", folder,
                         i < manifest->n_files ? manifest->files[i].name : VERSION_MANIFEST);
                unlink(path);
        }
        rmdir(folder);
}

int pull_version(struct registry *registry, int64_t number, const char *folder, struct fault *fault) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        char temporary[STORE_PATH_BYTES];
        int r;

        if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", folder) >= sizeof(temporary))
                return error_origin(-ENAMETOOLONG, "pulling into %s", folder);
        r = registry_read_manifest(registry, number, &manifest);
        if (r)
                return version_fault(r, registry->model, number, fault);
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
        return r ? version_fault(r, registry->model, number, fault) : error_trace(file_sync_folder(folder));
}
