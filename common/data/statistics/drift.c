/* Drift: distances of histograms, and how large they can be by chance alone. */

#include "common/data/statistics/drift.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/compare.h"
#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/base/random_binomial.h"

const char *drift_measure_name(enum drift_measure measure) {
        return measure == DRIFT_L_INFINITY ? "infinity_norm" : "jensen_shannon_divergence";
}

static uint64_t sum(const uint64_t *counts, size_t n_cells) {
        uint64_t n = 0;

        for (size_t i = 0; i < n_cells; i++)
                n += counts[i];
        return n;
}

/* p log2(p / m) where p may be 0. */
static double entropy_term(double p, double m) {
        return p > 0.0 ? p * log2(p / m) : 0.0;
}

double drift_distance(enum drift_measure measure, const uint64_t *reference, const uint64_t *current, size_t n_cells) {
        double n = (double)sum(reference, n_cells), m = (double)sum(current, n_cells), distance = 0.0;

        if (n < 1.0 || m < 1.0)
                return 0.0;
        for (size_t i = 0; i < n_cells; i++) {
                double p = (double)reference[i] / n, q = (double)current[i] / m, mixed = (p + q) / 2.0;

                if (measure == DRIFT_L_INFINITY)
                        distance = fmax(distance, fabs(p - q));
                else
                        distance += (entropy_term(p, mixed) + entropy_term(q, mixed)) / 2.0;
        }
        return fmin(fmax(distance, 0.0), 1.0);
}

int drift_null(enum drift_measure measure, const uint64_t *reference, const uint64_t *current, size_t n_cells,
               uint64_t stream, double *ret_quantile) {
        _cleanup_(free_pointer) double *distances = malloc(DRIFT_DRAWS * sizeof(*distances));
        _cleanup_(free_pointer) uint64_t *pooled = malloc((n_cells + 1) * sizeof(*pooled));
        _cleanup_(free_pointer) uint64_t *samples = malloc((n_cells + 1) * 2 * sizeof(*samples));
        struct random random = random_stream(0, RANDOM_SALT_DRIFT_NULL, stream);
        uint64_t n = sum(reference, n_cells), m = sum(current, n_cells);
        size_t n_filled = 0;

        if (!distances || !pooled || !samples)
                return error_origin(-ENOMEM, "simulating drift");
        /* a cell that is empty in both stays so */
        for (size_t i = 0; i < n_cells; i++)
                if (reference[i] + current[i])
                        pooled[n_filled++] = reference[i] + current[i];
        for (size_t i = 0; i < DRIFT_DRAWS; i++) {
                random_multinomial(&random, n, pooled, n_filled, samples);
                random_multinomial(&random, m, pooled, n_filled, samples + n_filled);
                distances[i] = drift_distance(measure, samples, samples + n_filled, n_filled);
        }
        qsort(distances, DRIFT_DRAWS, sizeof(*distances), compare_doubles);
        *ret_quantile = distances[(size_t)ceil(DRIFT_QUANTILE * DRIFT_DRAWS) - 1];
        return 0;
}

/* What the threads need that compare the columns with a baseline. */
struct comparison {
        const struct schema *schema;
        const struct baseline *baseline;
        const struct sketch *sketches;
        const struct table *tables;
        size_t n_tables;
        struct drift *drifts;
};

static bool is_number(enum value_type type) {
        return type == VALUE_TYPE_INT || type == VALUE_TYPE_FLOAT;
}

/* Two types whose values fall into the same cells. */
static bool is_comparable(enum value_type a, enum value_type b) {
        return a == b || (is_number(a) && is_number(b));
}

static int check_unit(void *context, size_t unit, int worker _unused_) {
        const struct comparison *comparison = context;
        struct drift *drift = &comparison->drifts[unit];
        const struct schema_column *column = &comparison->schema->columns[drift->column];
        const struct baseline_column *reference = baseline_find(comparison->baseline, column->name);
        _cleanup_(free_pointer) uint64_t *counts = calloc(reference->n_cells, sizeof(*counts));
        int r;

        if (!counts)
                return error_origin(-ENOMEM, "checking drift of %s", column->name);
        baseline_count(reference, &comparison->sketches[drift->column], comparison->tables, comparison->n_tables,
                       counts);
        drift->distance = drift_distance(drift->measure, reference->counts, counts, reference->n_cells);
        if (!(drift->distance > drift->threshold))
                return 0;
        r = drift_null(drift->measure, reference->counts, counts, reference->n_cells, drift->column,
                       &drift->null_quantile);
        if (r)
                return error_trace(r);
        drift->has_null = true;
        drift->is_alarm = drift->distance > drift->null_quantile;
        return 0;
}

int drift_check(const struct schema *schema, const struct baseline *baseline, const struct sketch *sketches,
                const struct table *tables, size_t n_tables, struct drift *ret_drifts, size_t *ret_n_drifts) {
        struct comparison comparison = { schema, baseline, sketches, tables, n_tables, ret_drifts };
        size_t n = 0;
        int r;

        for (size_t i = 0; i < schema->n_columns; i++) {
                const struct schema_column *column = &schema->columns[i];
                const struct baseline_column *reference = baseline_find(baseline, column->name);

                if (!column->drift.is_checked || !reference || !is_comparable(column->type, reference->type))
                        continue;
                ret_drifts[n++] = (struct drift){
                        .column = i,
                        .measure = is_number(column->type) ? DRIFT_JENSEN_SHANNON_DIVERGENCE : DRIFT_L_INFINITY,
                        .threshold = column->drift.threshold,
                        .severity = column->drift.severity,
                };
        }
        r = parallel_for(n, check_unit, &comparison);
        if (r)
                return error_trace(r);
        *ret_n_drifts = n;
        return 0;
}
