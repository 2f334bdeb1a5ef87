#pragma once

/*
 * Forest slices
 *
 * The batch engine of a forest. Every feature is cut into at most 256 ranges by the thresholds that the trees use, so a
 * value becomes one byte, the number of its range, without any decision being lost: `x < cuts[j]` exactly when
 * `range(x) <= j`. A block of rows then goes through a tree node by node, not row by row: each node makes a mask over
 * all rows of the block and picks, per row, the leaf number that its left or its right side has found. That costs every
 * node for every row, but as byte operations over whole vectors, without a branch that could be mispredicted.
 *
 * A feature with more cuts than that is ranged several times, over some of its cuts each: a node needs only the range
 * beside its own threshold.
 *
 * A missing value is in the lowest range where nodes send it left and in the highest where they send it right; a
 * feature whose nodes differ in that has two columns of ranges, named slots here.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/model/forest_model.h"

enum {
        SLICES_ROWS = 256,      /* a block */
        SLICES_SLOTS_MAX = 256, /* so a block of ranges takes at most 64 KiB */
        SLICES_LEAVES_MAX = 256,
        SLICES_DEPTH_MAX = 16,
};

struct slices;

/* The ranges of a block, less 128; aligned for vectors. */
struct slices_block {
        int8_t ranges[SLICES_SLOTS_MAX][SLICES_ROWS] __attribute__((aligned(64)));
};

/* 0 or -ENOMEM. The model is read, not kept. */
int slices_create(const struct forest_model *model, struct slices **ret_slices);
struct slices *slices_destroy(struct slices *slices);

/* False for a tree that does not fit: too many leaves, too deep, or over features of too many thresholds. */
bool slices_hold(const struct slices *slices, size_t tree);

/* Cuts n_rows <= SLICES_ROWS rows from first_row on; the rest of the block may hold anything. */
void slices_cut(const struct slices *slices, const float *const *columns, size_t first_row, size_t n_rows,
                struct slices_block *ret_block);

/* Adds each row's leaf of a tree that slices_hold() to sums[SLICES_ROWS]. */
void slices_add(const struct slices *slices, size_t tree, const struct slices_block *block, float *sums);
