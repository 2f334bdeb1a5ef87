#pragma once

/*
 * Alias table
 *
 * Draws one of n things in proportion to their weights with one random number and one comparison, however many there
 * are. Built by Vose's method (A linear algorithm for generating random numbers with a given distribution, IEEE
 * Transactions on Software Engineering 17(9), 1991).
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/random.h"

struct alias_table_cell {
        uint64_t threshold; /* the thing itself below it, the other from there on */
        uint64_t other;
};

/* Fills table[n] from weights[n], which are finite and not negative, with a sum above 0. n > 0. 0 or -ENOMEM. */
int alias_table_build(const double *weights, size_t n, struct alias_table_cell *table);

/* One of 0 … n-1. */
static inline size_t alias_table_draw(const struct alias_table_cell *table, size_t n, struct random *random) {
        __extension__ unsigned __int128 product = (__extension__(unsigned __int128) random_next(random)) * n;
        size_t i = (size_t)(product >> 64);

        /* a selection by mask, since a branch could not be predicted */
        return i ^ ((i ^ (size_t)table[i].other) & -(size_t)((uint64_t)product >= table[i].threshold));
}
