/* Model: four files of a version, mapped, verified and parsed. */

#include "services/gateway/model.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/error.h"
#include "common/base/file.h"

enum {
        N_PARTS = 4,
        FAULT_TEXT_BYTES = 2048,
};

static const char *const PART_NAMES[N_PARTS] = { BUNDLE_SCHEMA, BUNDLE_TRANSFORM, BUNDLE_MODEL, BUNDLE_THRESHOLD };

static void destroy(struct server_shared *shared) {
        struct model *model = model_of_shared(shared);

        bundle_finish(&model->bundle);
        free(model);
}

static void model_unref_pointer(struct model **model) {
        if (*model)
                server_shared_unref(&(*model)->super);
}

static void unmap_parts(struct file_map (*maps)[N_PARTS]) {
        for (int i = 0; i < N_PARTS; i++)
                file_unmap(&(*maps)[i]);
}

static int map_parts(struct registry *registry, const struct manifest *manifest, struct file_map maps[N_PARTS]) {
        char path[STORE_PATH_BYTES];
        int r;

        for (int i = 0; i < N_PARTS; i++) {
                r = registry_fetch_file(registry, manifest, PART_NAMES[i], path);
                if (!r)
                        r = file_map(path, &maps[i]);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int load_bundle(const struct file_map maps[N_PARTS], int64_t version, struct bundle *ret_bundle) {
        const struct bundle_parts parts = {
                .schema = { maps[0].data, maps[0].n_bytes },
                .transform = { maps[1].data, maps[1].n_bytes },
                .model = { maps[2].data, maps[2].n_bytes },
                .threshold = { maps[3].data, maps[3].n_bytes },
        };
        struct fault fault = FAULT_NULL;
        char text[FAULT_TEXT_BYTES];
        int r;

        r = bundle_load(&parts, ret_bundle, &fault);
        if (r == FAULT_E_INPUT)
                return error_origin(-EBADMSG, "loading version %lld: %s", (long long)version,
                                    fault_format(&fault, text, sizeof(text)));
        return error_trace(r);
}

int model_load(struct registry *registry, int64_t version, struct model **ret_model) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        _cleanup_(unmap_parts) struct file_map maps[N_PARTS] = { FILE_MAP_NULL };
        _cleanup_(model_unref_pointer) struct model *model = calloc(1, sizeof(*model));
        int r;

        if (!model)
                return error_origin(-ENOMEM, "loading version %lld", (long long)version);
        model->super.n_references = 1;
        model->super.destroy = destroy;
        r = registry_read_manifest(registry, version, &manifest);
        if (!r)
                r = digest_sha256(manifest.text.data, manifest.text.n_bytes, model->manifest);
        if (!r)
                r = map_parts(registry, &manifest, maps);
        if (!r)
                r = load_bundle(maps, version, &model->bundle);
        if (r)
                return error_trace(r);
        snprintf(model->name, sizeof(model->name), "%s", manifest.model);
        snprintf(model->run, sizeof(model->run), "%s", manifest.run);
        model->version = version;
        *ret_model = steal(model);
        return 0;
}
