#pragma once

/*
 * Model
 *
 * A version that is loaded and ready to answer. Never changed after model_load(); shared by the loops and the thread of
 * model_swap.h through references.
 */

#include "common/version/version.h"
#include "services/gateway/server.h"

struct model {
        struct server_shared super; /* its references */
        struct version version;
};

/* Loads a version; the caller holds the one reference. As version_load(). */
int model_load(struct registry *registry, int64_t number, struct model **ret_model, struct fault *fault);

static inline struct model *model_of_shared(struct server_shared *shared) {
        return (struct model *)(void *)shared; /* its references stand first */
}
