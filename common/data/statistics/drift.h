#pragma once

/*
 * Drift
 *
 * How far data have moved from a model's training data. Numbers: Jensen-Shannon DIVERGENCE (not its root, the distance)
 * to base 2, 0 … 1, over the baseline's cells (Lin: Divergence Measures Based on the Shannon Entropy, 1991). Categories
 * and bools: L-infinity, the largest difference of two shares, 0 … 1.
 *
 * An alarm needs two things: a distance above the schema's threshold, and one above the 99 % quantile of what equal
 * data would show at these sizes. That null is simulated: DRIFT_DRAWS pairs of multinomial samples of both sizes from
 * the pooled shares, seeded (RANDOM_SALT_DRIFT_NULL), so that the same counts give the same answer. The chi-square
 * approximation would be faster and wrong: with few rows in a cell it fires up to nine times as often. Below the
 * threshold nothing is simulated.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/data/statistics/baseline.h"

struct json_builder;

#define DRIFT_DRAWS 2000
#define DRIFT_QUANTILE 0.99

enum drift_measure {
        DRIFT_JENSEN_SHANNON_DIVERGENCE,
        DRIFT_L_INFINITY,
};

/* The result for one feature. */
struct drift {
        size_t column; /* place in the schema */
        enum drift_measure measure;
        double distance;
        double threshold;
        bool has_null;
        double null_quantile; /* when has_null: the distance was above the threshold */
        bool is_alarm;
        enum severity severity;
};

/* The distance of two histograms over the same cells; 0 when one of them is empty. */
double drift_distance(enum drift_measure measure, const uint64_t *reference, const uint64_t *current, size_t n_cells);

/* The DRIFT_QUANTILE quantile of that distance between two samples of the sizes of these histograms, drawn from their
 * pooled shares. stream tells one column's draws from another's. 0 or -ENOMEM. */
int drift_null(enum drift_measure measure, const uint64_t *reference, const uint64_t *current, size_t n_cells,
               uint64_t stream, double *ret_quantile);

/* "jensen_shannon_divergence", "infinity_norm": the names in schema.yaml. Borrowed forever. */
const char *drift_measure_name(enum drift_measure measure);

/* Compares rows, with their sketches in the order of the schema's columns, with a baseline: all features that the
 * schema checks and both know as the same type. ret_drifts has room for n_features; *ret_n_drifts are filled, in the
 * schema's order. 0 or -ENOMEM. */
int drift_check(const struct schema *schema, const struct baseline *baseline, const struct sketch *sketches,
                const struct table *tables, size_t n_tables, struct drift *ret_drifts, size_t *ret_n_drifts);
