#pragma once

/*
 * Sketch
 *
 * The statistics of one column, gathered in one pass in bounded memory. Sketches of parts are merged; who gathered
 * which part on which thread does not matter, only the order of merging does, so merge in the order of the batches.
 *
 * Up to VALUE_COUNTS_EXACT_MAX different values, counts and all that follows from them (quantiles, histogram, top
 * values) are exact. Beyond that quantiles and histogram come from a sample whose ranks are off by less than 0.25 % of
 * the rows (quantiles.h), and top values are counted too low by at most n_dropped (value_counts.h); is_approximate says
 * so. Count, missing, mean, deviation, least and greatest are always exact, up to rounding: moments by the pairwise
 * formula of Chan, Golub, LeVeque (Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/data/statistics/number_counts.h"
#include "common/data/statistics/quantiles.h"
#include "common/data/statistics/text_counts.h"
#include "common/data/table.h"
#include "common/data/value.h"

struct json_builder;

#define SKETCH_HISTOGRAM_BINS 20
#define SKETCH_TOP 10

struct sketch {
        enum value_type type;
        uint64_t n_present;
        uint64_t n_missing;
        double mean;     /* of numbers, as all up to quantiles */
        double squares;  /* sum of squared distances from the mean */
        double min, max; /* valid when n_present > 0; numbers may be infinite, and then moments are NaN */
        struct number_counts numbers;
        struct quantiles quantiles; /* used when numbers is not exact */
        struct text_counts texts;
};

/* Room to work in, one for each thread; about 3 MiB. */
struct sketch_scratch;

int sketch_scratch_create(struct sketch_scratch **ret_scratch);
struct sketch_scratch *sketch_scratch_destroy(struct sketch_scratch *scratch);
void sketch_scratch_destroy_pointer(struct sketch_scratch **scratch);

/* part, the number of the batch, gives each part random bits of its own. */
void sketch_init(struct sketch *sketch, enum value_type type, uint64_t part);
void sketch_finish(struct sketch *sketch);

/* Adds all rows of a column of value_column_type(type) (asserted). NaN counts as missing. 0 or -ENOMEM. */
int sketch_add(struct sketch *sketch, const struct column *column, size_t n_rows, struct sketch_scratch *scratch);

/* Adds rows without a value, and rows that all have the same text. */
void sketch_add_missing(struct sketch *sketch, uint64_t n_rows);
int sketch_add_text(struct sketch *sketch, const char *text, size_t n_bytes, uint64_t n_rows);

/* Adds all that other has. 0 or -ENOMEM; then sketch may only be finished. */
int sketch_merge(struct sketch *sketch, const struct sketch *other);

static inline bool sketch_is_text(const struct sketch *sketch) {
        return value_column_type(sketch->type) == COLUMN_UTF8;
}

static inline bool sketch_is_approximate(const struct sketch *sketch) {
        return sketch_is_text(sketch) ? !sketch->texts.is_exact : !sketch->numbers.is_exact;
}

/* Different values; false when they are too many to be known. */
bool sketch_n_distinct(const struct sketch *sketch, uint64_t *ret_n_distinct);

/* Standard deviation of the population (divided by n, as TensorFlow Data Validation's). */
double sketch_deviation(const struct sketch *sketch);

/* The numbers as runs sorted by value, exact or sampled; their counts add up to n_present. The caller frees them. */
int sketch_runs(const struct sketch *sketch, struct number_run **ret_runs, size_t *ret_n_runs);

/* The least value that at least share of all lie at or below, 0 ≤ share ≤ 1: an observed one, never interpolated
 * (definition 1 of Hyndman, Fan: Sample Quantiles in Statistical Packages, 1996). n_runs > 0. */
double sketch_quantile(const struct number_run *runs, size_t n_runs, double share);

/* Writes an object: type, count, missing, distinct, approximate; for numbers mean, deviation, min, max, quantiles and
 * histogram (bins of equal width); top: the most frequent values. 0 or -ENOMEM. */
int sketch_put_json(const struct sketch *sketch, struct json_builder *json);
