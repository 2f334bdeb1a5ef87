/*
 * Forest: whole trees in a row of nodes for single rows and for trees that forest_slices does not hold, slices for
 * batches of the others. Both add the trees in order, so both give the same bits.
 */

#include "common/model/forest.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/base/error.h"
#include "common/model/forest_model.h"
#include "common/model/forest_slices.h"

enum {
        INTERLEAVED = 8, /* trees that one row walks at once, to hide the latency of each step */
};

/* A step of a walk: right side at left + 1. A leaf leads to itself: no value is below NaN, and its left is the node
 * before it, so that a walk may take more steps than a tree is deep and needs no branch. */
struct walk_node {
        float threshold;
        float leaf;
        uint32_t left;
        uint32_t feature : 31;
        uint32_t default_left : 1;
};

struct walk_tree {
        const struct walk_node *nodes;
        size_t depth;
        size_t output;
};

struct forest {
        struct forest_model model; /* its trees are gone */
        size_t n_trees;
        struct walk_tree *trees; /* padded with empty ones to a multiple of INTERLEAVED */
        struct walk_node *nodes;
        struct slices *slices;
};

static inline uint32_t walk_step(const struct walk_node *node, float value) {
        uint32_t is_right = !(value < node->threshold);

        return node->left + (is_right & !(node->default_left & (isnan(value) != 0)));
}

void forest_margins_row(const struct forest *forest, const float *features, float *ret_margins) {
        memcpy(ret_margins, forest->model.base_margins, forest->model.n_outputs * sizeof(float));
        for (size_t t = 0; t < forest->n_trees; t += INTERLEAVED) {
                const struct walk_tree *trees = forest->trees + t;
                uint32_t at[INTERLEAVED] = { 0 };
                size_t depth = 0;

                for (size_t k = 0; k < INTERLEAVED; k++)
                        depth = trees[k].depth > depth ? trees[k].depth : depth;
                for (; depth; depth--) {
                        for (size_t k = 0; k < INTERLEAVED; k++) {
                                const struct walk_node *node = &trees[k].nodes[at[k]];

                                at[k] = walk_step(node, features[node->feature]);
                        }
                }
                for (size_t k = 0; k < INTERLEAVED && t + k < forest->n_trees; k++)
                        ret_margins[trees[k].output] += trees[k].nodes[at[k]].leaf;
        }
}

/* One tree over a block of rows, where slices do not hold it. */
static void walk_block(const struct walk_tree *tree, const float *const *columns, size_t first_row, size_t n_rows,
                       float *sums) {
        for (size_t i = 0; i < n_rows; i++) {
                uint32_t at = 0, next = 0;

                do {
                        at = next;
                        next = walk_step(&tree->nodes[at], columns[tree->nodes[at].feature][first_row + i]);
                } while (next != at);
                sums[i] += tree->nodes[at].leaf;
        }
}

static void add_tree(const struct forest *forest, size_t tree, const float *const *columns, size_t first_row,
                     size_t n_rows, const struct slices_block *block, float *sums) {
        if (slices_hold(forest->slices, tree))
                slices_add(forest->slices, tree, block, sums);
        else
                walk_block(&forest->trees[tree], columns, first_row, n_rows, sums);
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
                                if (forest->trees[t].output == output)
                                        add_tree(forest, t, columns, first, n, &block, sums);
                        for (size_t i = 0; i < n; i++)
                                ret_margins[(first + i) * n_outputs + output] = sums[i];
                }
        }
}

static void compile_walk(const struct forest_tree *tree, struct walk_node *nodes, struct walk_tree *ret_walk) {
        for (size_t i = 0; i < tree->n_nodes; i++) {
                const struct forest_node *from = &tree->nodes[i];

                if (from->left)
                        nodes[i] = (struct walk_node){ .threshold = from->value,
                                                       .left = from->left,
                                                       .feature = from->feature & 0x7fffffff,
                                                       .default_left = from->default_left & 1 };
                else
                        nodes[i] = (struct walk_node){ .threshold = NAN, .leaf = from->value, .left = (uint32_t)i - 1 };
        }
        *ret_walk = (struct walk_tree){ nodes, tree->depth, tree->output };
}

static int compile(struct forest *forest) {
        struct forest_model *model = &forest->model;
        size_t n_padded = (model->n_trees + INTERLEAVED - 1) / INTERLEAVED * INTERLEAVED, n_nodes = 1;

        for (size_t t = 0; t < model->n_trees; t++)
                n_nodes += model->trees[t].n_nodes;
        forest->trees = calloc(n_padded + 1, sizeof(*forest->trees));
        forest->nodes = calloc(n_nodes, sizeof(*forest->nodes));
        if (!forest->trees || !forest->nodes)
                return error_origin(-ENOMEM, "Cannot compile a model");
        forest->n_trees = model->n_trees;

        /* node 0 serves all padding trees: a leaf that leads to itself */
        forest->nodes[0] = (struct walk_node){ .threshold = NAN, .left = UINT32_MAX };
        for (size_t t = 0; t < n_padded; t++)
                forest->trees[t].nodes = forest->nodes;
        n_nodes = 1;
        for (size_t t = 0; t < model->n_trees; t++) {
                compile_walk(&model->trees[t], forest->nodes + n_nodes, &forest->trees[t]);
                n_nodes += model->trees[t].n_nodes;
        }
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
        free(forest->trees);
        free(forest->nodes);
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
