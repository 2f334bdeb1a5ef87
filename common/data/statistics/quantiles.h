#pragma once

/*
 * Quantiles of many numbers in bounded memory
 *
 * Level j holds sorted values that stand for 2^j numbers each. A full level is thinned: of each two neighbours one goes
 * up, which one is decided by one random bit for the whole level (Agarwal et al.: Mergeable Summaries, PODS 2012,
 * section 3.2; the scheme that KLL refines: Karnin, Lang, Liberty, FOCS 2016). With QUANTILES_LEVEL values a level the
 * rank of a quantile is off by less than 0.25 % of n, whatever n and however the parts were merged. The random bits
 * come from the seed and the order of calls, so the same calls give the same values.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/data/statistics/number_counts.h"

/* a level is thinned when it holds twice as many */
#define QUANTILES_LEVEL 4096
#define QUANTILES_LEVELS 44

struct quantiles_level {
        double *values;
        size_t n_values;
};

struct quantiles {
        struct quantiles_level levels[QUANTILES_LEVELS];
        uint64_t seed;
        uint64_t n_tosses;
};

#define QUANTILES_NULL \
        { 0 }

void quantiles_finish(struct quantiles *quantiles);

/* Add numbers: sorted ones, ones with counts, those of another. 0 or -ENOMEM. */
int quantiles_add_sorted(struct quantiles *quantiles, const double *values, size_t n_values);
int quantiles_add_runs(struct quantiles *quantiles, const struct number_run *runs, size_t n_runs);
int quantiles_merge(struct quantiles *quantiles, const struct quantiles *other);

/* All that is held, as runs sorted by value whose counts add up to n. The caller frees them. 0 or -ENOMEM. */
int quantiles_runs(const struct quantiles *quantiles, struct number_run **ret_runs, size_t *ret_n_runs);
