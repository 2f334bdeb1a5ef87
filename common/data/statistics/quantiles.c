/* Quantiles: levels of sorted values, thinned upwards. */

#include "common/data/statistics/quantiles.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/random.h"

void quantiles_finish(struct quantiles *quantiles) {
        if (!quantiles)
                return;
        for (size_t i = 0; i < QUANTILES_LEVELS; i++)
                free(quantiles->levels[i].values);
        *quantiles = (struct quantiles)QUANTILES_NULL;
}

static uint64_t toss(struct quantiles *quantiles, uint64_t n) {
        struct random random = random_stream(quantiles->seed, RANDOM_SALT_SKETCH, quantiles->n_tosses++);

        return random_below(&random, n);
}

static int insert(struct quantiles *quantiles, size_t level, const double *values, size_t n_values);

/* Sends half of a full level up; an odd last value stays. */
static int thin(struct quantiles *quantiles, size_t level) {
        struct quantiles_level *full = &quantiles->levels[level];
        size_t n_pairs = full->n_values / 2, n_left = full->n_values % 2;
        uint64_t odd = toss(quantiles, 2);
        double last = full->values[full->n_values - 1];
        int r;

        assert(level + 1 < QUANTILES_LEVELS);
        for (size_t i = 0; i < n_pairs; i++)
                full->values[i] = full->values[2 * i + odd];
        r = insert(quantiles, level + 1, full->values, n_pairs);
        if (r)
                return error_trace(r);
        full->values[0] = last;
        full->n_values = n_left;
        return 0;
}

/* Merges sorted values into a level. */
static int insert(struct quantiles *quantiles, size_t level, const double *values, size_t n_values) {
        struct quantiles_level *into = &quantiles->levels[level];
        size_t n = into->n_values + n_values, i = 0, j = 0;
        double *merged;

        if (!n_values)
                return 0;
        merged = malloc(n * sizeof(*merged));
        if (!merged)
                return error_origin(-ENOMEM, "n_values=%zu keeping quantiles", n);
        for (size_t k = 0; k < n; k++) {
                bool is_ours = j == n_values || (i < into->n_values && into->values[i] <= values[j]);

                merged[k] = is_ours ? into->values[i++] : values[j++];
        }
        free(into->values);
        into->values = merged;
        into->n_values = n;
        return n >= 2 * QUANTILES_LEVEL ? error_trace(thin(quantiles, level)) : 0;
}

int quantiles_add_sorted(struct quantiles *quantiles, const double *values, size_t n_values) {
        _cleanup_(free_pointer) double *thinned = NULL;
        size_t level = 0, n_thinned, offset;
        int r;

        while (n_values >> level > QUANTILES_LEVEL)
                level++;
        n_thinned = n_values >> level;
        thinned = malloc((n_thinned + 1) * sizeof(*thinned));
        if (!thinned)
                return error_origin(-ENOMEM, "n_values=%zu keeping quantiles", n_thinned);
        /* one of each 2^level neighbours at once, what many thinnings would do; the rest keeps its weight */
        offset = level ? (size_t)toss(quantiles, UINT64_C(1) << level) : 0;
        for (size_t i = 0; i < n_thinned; i++)
                thinned[i] = values[(i << level) + offset];
        r = insert(quantiles, level, thinned, n_thinned);
        if (!r)
                r = insert(quantiles, 0, values + (n_thinned << level), n_values - (n_thinned << level));
        return error_trace(r);
}

int quantiles_add_runs(struct quantiles *quantiles, const struct number_run *runs, size_t n_runs) {
        _cleanup_(free_pointer) double *values = malloc((n_runs + 1) * sizeof(*values));

        if (!values)
                return error_origin(-ENOMEM, "n_values=%zu keeping quantiles", n_runs);
        /* a count is a sum of powers of two, and each level stands for one */
        for (size_t level = 0; level < QUANTILES_LEVELS; level++) {
                size_t n = 0;
                int r;

                for (size_t i = 0; i < n_runs; i++)
                        if (runs[i].count >> level & 1)
                                values[n++] = runs[i].value;
                r = insert(quantiles, level, values, n);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

int quantiles_merge(struct quantiles *quantiles, const struct quantiles *other) {
        for (size_t level = 0; level < QUANTILES_LEVELS; level++) {
                int r = insert(quantiles, level, other->levels[level].values, other->levels[level].n_values);

                if (r)
                        return error_trace(r);
        }
        return 0;
}

int quantiles_runs(const struct quantiles *quantiles, struct number_run **ret_runs, size_t *ret_n_runs) {
        struct number_counts all = NUMBER_COUNTS_NULL;

        for (size_t level = 0; level < QUANTILES_LEVELS; level++) {
                const struct quantiles_level *from = &quantiles->levels[level];
                _cleanup_(free_pointer) struct number_run *runs = NULL;
                size_t n = 0;
                int r;

                if (!from->n_values)
                        continue;
                runs = malloc(from->n_values * sizeof(*runs));
                if (!runs) {
                        number_counts_finish(&all);
                        return error_origin(-ENOMEM, "n_values=%zu reading quantiles", from->n_values);
                }
                for (size_t i = 0; i < from->n_values; i++) {
                        if (!n || runs[n - 1].value < from->values[i])
                                runs[n++] = (struct number_run){ from->values[i], 0 };
                        runs[n - 1].count += UINT64_C(1) << level;
                }
                r = number_counts_add(&all, runs, n);
                if (r) {
                        number_counts_finish(&all);
                        return error_trace(r);
                }
        }
        *ret_runs = all.runs;
        *ret_n_runs = all.n_runs;
        return 0;
}
