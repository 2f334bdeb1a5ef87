#pragma once

/*
 * Draws of the bootstrap
 */

#include <stdint.h>

#include "common/base/random.h"
#include "services/evaluator/bootstrap.h"

/* How many of n tries succeed, each with probability p in [0, 1]. */
int64_t bootstrap_draw_binomial(struct random *random, int64_t n, double p);

/* n_rows rows with replacement, of cells whose sum is n_rows. */
void bootstrap_draw_cells(struct random *random, const int64_t cells[BOOTSTRAP_CELLS], int64_t n_rows,
                          int64_t ret_drawn[BOOTSTRAP_CELLS]);
