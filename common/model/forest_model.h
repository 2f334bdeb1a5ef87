#pragma once

/*
 * Forest model
 *
 * What a model file says, checked: forest_create() compiles its engines from this. Every index in it is within bounds.
 */

#include <stddef.h>

#include "common/base/cleanup.h"
#include "common/model/forest.h"
#include "common/model/forest_tree.h"

struct forest_model {
        size_t n_features;
        char **names; /* n_features, or NULL */
        enum forest_objective objective;
        size_t n_outputs;
        float *base_margins; /* n_outputs */
        struct forest_tree *trees;
        size_t n_trees;
};

#define FOREST_MODEL_NULL \
        { 0 }

/* Errors as forest_create()'s. */
int forest_model_read(const void *bytes, size_t n_bytes, struct forest_model *ret_model, struct fault *fault);
void forest_model_finish(struct forest_model *model);

/* Frees the trees, which a compiled forest has no use for. */
void forest_model_drop_trees(struct forest_model *model);
