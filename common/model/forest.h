#pragma once

/*
 * Forest
 *
 * Gradient-boosted trees as the bundle's `model.ubj` holds them (XGBoost's UBJSON, as 1.7 to 3.2 write it), evaluated
 * without libxgboost. Margins are bit-identical to XGBoost's: float32 leaves are added in tree order to the base
 * margin, a row goes left where `value < threshold`, and NaN, which means missing, goes the node's default direction.
 * A forest never changes after forest_create(), so any number of threads may evaluate it at once.
 *
 * Trees of numeric splits with one value per leaf are read (gbtree), under the objectives below; categorical splits,
 * DART, linear boosters, vector leaves and other objectives are refused, and so is every malformed model.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/fault.h"

enum {
        FOREST_BYTES_MAX = 1 << 30,
        FOREST_FEATURES_MAX = 1 << 12,
        FOREST_OUTPUTS_MAX = 1 << 10,
        FOREST_NODES_MAX = 1 << 26,      /* over all trees */
        FOREST_TREE_NODES_MAX = 1 << 19, /* of one tree */
};

/* what a margin is turned into */
enum forest_objective {
        FOREST_OBJECTIVE_LOGISTIC, /* binary:logistic, reg:logistic: a probability, by forest_probability() */
        FOREST_OBJECTIVE_IDENTITY, /* reg:squarederror: the value itself */
        FOREST_OBJECTIVE_SOFTMAX,  /* multi:softprob, multi:softmax: a probability for each of n_outputs classes */
};

struct forest;

/* Reads a model. FAULT_E_INPUT (code MODEL_INVALID, or MODEL_UNSUPPORTED for a sound model of another kind) or -ENOMEM.
 * Nothing of the bytes is needed afterwards. */
int forest_create(const void *model, size_t n_bytes, struct forest **ret_forest, struct fault *fault);
struct forest *forest_destroy(struct forest *forest);
void forest_destroy_pointer(struct forest **forest);

size_t forest_n_features(const struct forest *forest);

/* Borrowed from the forest; NULL when the model carries no names. */
const char *forest_feature_name(const struct forest *forest, size_t feature);
size_t forest_n_trees(const struct forest *forest);

/* Margins per row: 1, or the number of classes. */
size_t forest_n_outputs(const struct forest *forest);
enum forest_objective forest_objective(const struct forest *forest);

/* The margin of an output before the first tree. */
float forest_base_margin(const struct forest *forest, size_t output);

/* One row: n_features values in, n_outputs margins out. Allocates nothing (uses up to 33 KiB of stack). */
void forest_margins_row(const struct forest *forest, const float *features, float *ret_margins);

/* A batch: columns[feature][row] in, ret_margins[row * n_outputs + output] out. Allocates nothing (uses up to 80 KiB of
 * stack). Rows are independent of each other, so a caller may cut a batch anywhere and spread the pieces over threads;
 * pieces of a few thousand rows are as fast as larger ones. */
void forest_margins(const struct forest *forest, const float *const *columns, size_t n_rows, float *ret_margins);

/* 1 / (1 + exp(-margin)) in float32, rounded as XGBoost does (src/common/math.h: Sigmoid). */
float forest_probability(float margin);

/* What the objective makes of one row's margins: n_outputs values in, as many out; the arrays may be the same. */
void forest_transform(const struct forest *forest, const float *margins, float *ret_values);
