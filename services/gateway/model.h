#pragma once

/*
 * Model
 *
 * One version of the model, loaded and ready to answer. Never changed after model_load(); shared by loops and the
 * thread of models.h through references.
 */

#include <stdint.h>

#include "common/base/digest.h"
#include "common/model/bundle.h"
#include "common/store/registry.h"
#include "services/gateway/server.h"

struct model {
        struct server_shared super; /* its references */
        char name[REGISTRY_MODEL_BYTES];
        int64_t version;
        char run[MANIFEST_RUN_BYTES];
        char manifest[DIGEST_SHA256_BYTES]; /* SHA-256 of manifest.json */
        struct bundle bundle;
};

/* Reads a version, verified against its manifest; the caller holds the one reference. REGISTRY_E_MISSING,
 * REGISTRY_E_CORRUPT (logged), or a negative errno (-EBADMSG for a sound file that cannot be understood). */
int model_load(struct registry *registry, int64_t version, struct model **ret_model);

static inline struct model *model_of_shared(struct server_shared *shared) {
        return (struct model *)(void *)shared; /* its references stand first */
}
