/* Forest: walks for single rows, slices for batches. Both add the trees in order, so both give the same bits. */

#include "common/model/forest.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/base/error.h"
#include "common/model/forest_model.h"
#include "common/model/forest_slices.h"
#include "common/model/forest_walks.h"

struct forest {
        struct forest_model model; /* its trees are gone */
        size_t n_trees;
        size_t *outputs; /* of each tree */
        struct walks *walks;
        struct slices *slices;
};

void forest_margins_row(const struct forest *forest, const float *features, float *ret_margins) {
        memcpy(ret_margins, forest->model.base_margins, forest->model.n_outputs * sizeof(float));
        walks_add_row(forest->walks, features, ret_margins);
}

static void add_tree(const struct forest *forest, size_t tree, const float *const *columns, size_t first_row,
                     size_t n_rows, const struct slices_block *block, float *sums) {
        if (slices_hold(forest->slices, tree))
                slices_add(forest->slices, tree, block, sums);
        else
                walks_add(forest->walks, tree, columns, first_row, n_rows, sums);
}

void forest_margins(const struct forest *forest, const float *const *columns, size_t n_rows, float *ret_margins) {
        size_t n_outputs = forest->model.n_outputs;
        struct slices_block block;
        float sums[SLICES_ROWS];

        for (size_t first = 0; first < n_rows; first += SLICES_ROWS) {
                size_t n = n_rows - first < SLICES_ROWS ? n_rows - first : SLICES_ROWS;

                slices_cut(forest->slices, columns, first, n, &block);
                for (size_t output = 0; output < n_outputs; output++) {
                        for (size_t i = 0; i < SLICES_ROWS; i++)
                                sums[i] = forest->model.base_margins[output];
                        for (size_t t = 0; t < forest->n_trees; t++)
                                if (forest->outputs[t] == output)
                                        add_tree(forest, t, columns, first, n, &block, sums);
                        for (size_t i = 0; i < n; i++)
                                ret_margins[(first + i) * n_outputs + output] = sums[i];
                }
        }
}

static int compile(struct forest *forest) {
        const struct forest_model *model = &forest->model;
        int r;

        forest->n_trees = model->n_trees;
        forest->outputs = calloc(model->n_trees + 1, sizeof(*forest->outputs));
        if (!forest->outputs)
                return error_origin(-ENOMEM, "Cannot compile a model");
        for (size_t t = 0; t < model->n_trees; t++)
                forest->outputs[t] = model->trees[t].output;
        r = walks_create(model, &forest->walks);
        if (r)
                return error_trace(r);
        return error_trace(slices_create(model, &forest->slices));
}

int forest_create(const void *model, size_t n_bytes, struct forest **ret_forest, struct fault *fault) {
        _cleanup_(forest_destroy_pointer) struct forest *forest = NULL;
        int r;

        forest = calloc(1, sizeof(*forest));
        if (!forest)
                return error_origin(-ENOMEM, "Cannot read a model");
        r = forest_model_read(model, n_bytes, &forest->model, fault);
        if (r)
                return error_trace(r);
        r = compile(forest);
        if (r)
                return error_trace(r);
        forest_model_drop_trees(&forest->model);
        *ret_forest = steal(forest);
        return 0;
}

struct forest *forest_destroy(struct forest *forest) {
        if (!forest)
                return NULL;
        forest_model_finish(&forest->model);
        slices_destroy(forest->slices);
        walks_destroy(forest->walks);
        free(forest->outputs);
        free(forest);
        return NULL;
}

void forest_destroy_pointer(struct forest **forest) {
        forest_destroy(*forest);
}

size_t forest_n_features(const struct forest *forest) {
        return forest->model.n_features;
}

const char *forest_feature_name(const struct forest *forest, size_t feature) {
        return forest->model.names ? forest->model.names[feature] : NULL;
}

size_t forest_n_trees(const struct forest *forest) {
        return forest->n_trees;
}

size_t forest_n_outputs(const struct forest *forest) {
        return forest->model.n_outputs;
}

enum forest_objective forest_objective(const struct forest *forest) {
        return forest->model.objective;
}

float forest_base_margin(const struct forest *forest, size_t output) {
        return forest->model.base_margins[output];
}

float forest_probability(float margin) {
        float negative = -margin < 88.7f ? -margin : 88.7f; /* beyond it expf overflows */

        return 1.0f / (expf(negative) + 1.0f + 1e-16f);
}

/* XGBoost 1.7.4, src/common/math.h: Softmax, with its sum in double. */
static void softmax(size_t n, const float *margins, float *ret_values) {
        float most = margins[0];
        double sum = 0;

        for (size_t i = 1; i < n; i++)
                most = fmaxf(margins[i], most);
        for (size_t i = 0; i < n; i++) {
                ret_values[i] = expf(margins[i] - most);
                sum += (double)ret_values[i];
        }
        for (size_t i = 0; i < n; i++)
                ret_values[i] /= (float)sum;
}

void forest_transform(const struct forest *forest, const float *margins, float *ret_values) {
        switch (forest->model.objective) {
        case FOREST_OBJECTIVE_LOGISTIC:
                *ret_values = forest_probability(*margins);
                break;
        case FOREST_OBJECTIVE_IDENTITY:
                *ret_values = *margins;
                break;
        case FOREST_OBJECTIVE_SOFTMAX:
                softmax(forest->model.n_outputs, margins, ret_values);
                break;
        }
}
