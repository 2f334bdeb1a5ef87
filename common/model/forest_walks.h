#pragma once

/*
 * Forest walks
 *
 * The engine of a forest for single rows, and for the trees of a batch that slices do not hold: from the root down, one
 * node at a time. Thresholds and values are turned into integers of the same order first, a missing value into the
 * least where a node sends it left and into the greatest where it sends it right. So a step is one comparison and one
 * addition, with no branch that could be mispredicted, and several trees are walked side by side.
 */

#include <stddef.h>

#include "common/model/forest_model.h"

struct walks;

/* 0 or -ENOMEM. The model is read, not kept. */
int walks_create(const struct forest_model *model, struct walks **ret_walks);
struct walks *walks_destroy(struct walks *walks);

/* Adds the leaf of each tree to its output's margin, in the trees' order. */
void walks_add_row(const struct walks *walks, const float *features, float *margins);

/* Adds one tree's leaves over rows first_row … first_row + n_rows - 1 of the columns to sums[n_rows]. */
void walks_add(const struct walks *walks, size_t tree, const float *const *columns, size_t first_row, size_t n_rows,
               float *sums);
