#pragma once

/*
 * Random binomial
 *
 * Binomial and multinomial counts, exact for every size and share.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/random.h"

/* How many of n tries succeed, each with probability p in [0, 1]; n below 2^62. */
uint64_t random_binomial(struct random *random, uint64_t n, double p);

/* How n draws with replacement fall into cells, each cell with the share that its weight has in the sum of the weights.
 * The weights are not all 0, or n is 0. */
void random_multinomial(struct random *random, uint64_t n, const uint64_t *weights, size_t n_cells,
                        uint64_t *ret_counts);
