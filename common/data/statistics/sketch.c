/* Sketch: from a batch to sorted runs, from runs to counts and quantiles. JSON stands in sketch_json.c. */

#include "common/data/statistics/sketch.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/data/statistics/radix_sort.h"
#include "common/data/statistics/value_counts.h"

/* integers within so narrow a range are counted instead of sorted */
#define DENSE_RANGE 65536

struct sketch_scratch {
        double values[TABLE_BATCH_ROWS];
        double spare[TABLE_BATCH_ROWS];
        struct number_run runs[TABLE_BATCH_ROWS];
        uint32_t counts[DENSE_RANGE]; /* all zero between calls */
};

int sketch_scratch_create(struct sketch_scratch **ret_scratch) {
        struct sketch_scratch *scratch = calloc(1, sizeof(*scratch));

        if (!scratch)
                return error_origin(-ENOMEM, "n_bytes=%zu making room for statistics", sizeof(*scratch));
        *ret_scratch = scratch;
        return 0;
}

struct sketch_scratch *sketch_scratch_destroy(struct sketch_scratch *scratch) {
        free(scratch);
        return NULL;
}

void sketch_scratch_destroy_pointer(struct sketch_scratch **scratch) {
        *scratch = sketch_scratch_destroy(*scratch);
}

void sketch_init(struct sketch *sketch, enum value_type type, uint64_t part) {
        *sketch = (struct sketch){
                .type = type,
                .numbers = NUMBER_COUNTS_NULL,
                .texts = TEXT_COUNTS_NULL,
                .quantiles = { .seed = part },
        };
}

void sketch_finish(struct sketch *sketch) {
        if (!sketch)
                return;
        number_counts_finish(&sketch->numbers);
        text_counts_finish(&sketch->texts);
        quantiles_finish(&sketch->quantiles);
}

void sketch_add_missing(struct sketch *sketch, uint64_t n_rows) {
        sketch->n_missing += n_rows;
}

int sketch_add_text(struct sketch *sketch, const char *text, size_t n_bytes, uint64_t n_rows) {
        if (!n_rows)
                return 0;
        sketch->n_present += n_rows;
        return error_trace(text_counts_add(&sketch->texts, text, n_bytes, n_rows));
}

/* What is known of some numbers before they are joined to a sketch. */
struct part {
        uint64_t n;
        double mean, squares, min, max;
        const struct number_run *runs;
        size_t n_runs;
};

static void add_moments(struct sketch *sketch, const struct part *part) {
        double n = (double)(sketch->n_present + part->n), distance = part->mean - sketch->mean;

        if (!part->n)
                return;
        if (!sketch->n_present) {
                sketch->mean = part->mean;
                sketch->squares = part->squares;
                sketch->min = part->min;
                sketch->max = part->max;
        } else {
                sketch->squares += part->squares +
                                   distance * distance * (double)sketch->n_present * ((double)part->n / n);
                sketch->mean += distance * ((double)part->n / n);
                sketch->min = part->min < sketch->min ? part->min : sketch->min;
                sketch->max = part->max > sketch->max ? part->max : sketch->max;
        }
        sketch->n_present += part->n;
}

/* Joins runs that count exactly. sorted: the same numbers one by one, or NULL. */
static int add_exact(struct sketch *sketch, const struct part *part, const double *sorted) {
        bool was_exact = sketch->numbers.is_exact;
        int r;

        /* sampling starts with what was exact so far */
        if (was_exact && part->n_runs > VALUE_COUNTS_EXACT_MAX) {
                r = quantiles_add_runs(&sketch->quantiles, sketch->numbers.runs, sketch->numbers.n_runs);
                if (r)
                        return error_trace(r);
                sketch->numbers.is_exact = was_exact = false;
        }
        if (!was_exact) {
                r = sorted ? quantiles_add_sorted(&sketch->quantiles, sorted, part->n)
                           : quantiles_add_runs(&sketch->quantiles, part->runs, part->n_runs);
                if (r)
                        return error_trace(r);
        }
        r = number_counts_add(&sketch->numbers, part->runs, part->n_runs);
        if (!r && was_exact && number_counts_is_overfull(&sketch->numbers))
                r = quantiles_add_runs(&sketch->quantiles, sketch->numbers.runs, sketch->numbers.n_runs);
        if (!r && number_counts_is_overfull(&sketch->numbers))
                r = number_counts_prune(&sketch->numbers);
        if (r)
                return error_trace(r);
        add_moments(sketch, part);
        return 0;
}

/* Mean and squares of runs: two passes over few values. */
static void measure_runs(struct part *part) {
        double sum = 0.0;

        for (size_t i = 0; i < part->n_runs; i++)
                sum += part->runs[i].value * (double)part->runs[i].count;
        part->mean = sum / (double)part->n;
        for (size_t i = 0; i < part->n_runs; i++) {
                double distance = part->runs[i].value - part->mean;

                part->squares += distance * distance * (double)part->runs[i].count;
        }
}

static int add_values(struct sketch *sketch, size_t n, struct sketch_scratch *scratch) {
        struct part part = { .n = n, .runs = scratch->runs };

        if (!n)
                return 0;
        radix_sort(scratch->values, scratch->spare, n);
        for (size_t i = 0; i < n; i++) {
                if (!part.n_runs || scratch->runs[part.n_runs - 1].value < scratch->values[i])
                        scratch->runs[part.n_runs++] = (struct number_run){ scratch->values[i], 0 };
                scratch->runs[part.n_runs - 1].count++;
        }
        part.min = scratch->values[0];
        part.max = scratch->values[n - 1];
        measure_runs(&part);
        return error_trace(add_exact(sketch, &part, scratch->values));
}

static int add_float64(struct sketch *sketch, const struct column *column, size_t from, size_t n_rows,
                       struct sketch_scratch *scratch) {
        size_t n = 0;

        for (size_t i = 0; i < n_rows; i++) {
                double value = column->float64[from + i];

                scratch->values[n] = value + 0.0;
                n += column_is_present(column, from + i) && !isnan(value);
        }
        sketch->n_missing += n_rows - n;
        return error_trace(add_values(sketch, n, scratch));
}

/* Counts integers of a narrow range without sorting. */
static int add_dense(struct sketch *sketch, const struct column *column, size_t from, size_t n_rows, int64_t min,
                     int64_t max, struct sketch_scratch *scratch) {
        struct part part = { .runs = scratch->runs, .min = (double)min, .max = (double)max };
        const int64_t *values = column->int64 + from;

        if (!column->validity) {
                for (size_t i = 0; i < n_rows; i++)
                        scratch->counts[values[i] - min]++;
                part.n = n_rows;
        } else {
                for (size_t i = 0; i < n_rows; i++) {
                        if (!column_is_present(column, from + i))
                                continue;
                        scratch->counts[values[i] - min]++;
                        part.n++;
                }
        }
        for (size_t i = 0; i <= (size_t)(max - min); i++) {
                if (!scratch->counts[i])
                        continue;
                scratch->runs[part.n_runs++] = (struct number_run){ (double)(min + (int64_t)i), scratch->counts[i] };
                scratch->counts[i] = 0;
        }
        measure_runs(&part);
        return error_trace(add_exact(sketch, &part, NULL));
}

static int add_int64(struct sketch *sketch, const struct column *column, size_t from, size_t n_rows,
                     struct sketch_scratch *scratch) {
        const int64_t *values = column->int64 + from;
        int64_t min = INT64_MAX, max = INT64_MIN;
        size_t n = 0;

        for (size_t i = 0; i < n_rows; i++) {
                if (column->validity && !column_is_present(column, from + i))
                        continue;
                min = values[i] < min ? values[i] : min;
                max = values[i] > max ? values[i] : max;
                n++;
        }
        sketch->n_missing += n_rows - n;
        if (!n)
                return 0;
        if ((uint64_t)max - (uint64_t)min < DENSE_RANGE)
                return error_trace(add_dense(sketch, column, from, n_rows, min, max, scratch));
        n = 0;
        for (size_t i = 0; i < n_rows; i++)
                if (!column->validity || column_is_present(column, from + i))
                        scratch->values[n++] = (double)values[i];
        return error_trace(add_values(sketch, n, scratch));
}

static int add_utf8(struct sketch *sketch, const struct column *column, size_t from, size_t n_rows) {
        for (size_t i = from; i < from + n_rows; i++) {
                size_t n_bytes = 0;
                const char *text = column_is_present(column, i) ? column_text(column, i, &n_bytes) : NULL;
                int r;

                if (!n_bytes) {
                        sketch->n_missing++;
                        continue;
                }
                r = sketch_add_text(sketch, text, n_bytes, 1);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

int sketch_add(struct sketch *sketch, const struct column *column, size_t n_rows, struct sketch_scratch *scratch) {
        assert(column->type == value_column_type(sketch->type));
        for (size_t from = 0; from < n_rows; from += TABLE_BATCH_ROWS) {
                size_t n = n_rows - from < TABLE_BATCH_ROWS ? n_rows - from : TABLE_BATCH_ROWS;
                int r;

                switch (column->type) {
                case COLUMN_INT64:
                        r = add_int64(sketch, column, from, n, scratch);
                        break;
                case COLUMN_FLOAT64:
                        r = add_float64(sketch, column, from, n, scratch);
                        break;
                default:
                        r = add_utf8(sketch, column, from, n);
                        break;
                }
                if (r)
                        return error_trace(r);
        }
        return 0;
}

int sketch_merge(struct sketch *sketch, const struct sketch *other) {
        struct part part = {
                .n = other->n_present,
                .mean = other->mean,
                .squares = other->squares,
                .min = other->min,
                .max = other->max,
                .runs = other->numbers.runs,
                .n_runs = other->numbers.n_runs,
        };
        int r;

        assert(sketch->type == other->type);
        sketch->n_missing += other->n_missing;
        if (sketch_is_text(sketch)) {
                sketch->n_present += other->n_present;
                return error_trace(text_counts_merge(&sketch->texts, &other->texts));
        }
        if (other->numbers.is_exact)
                return error_trace(add_exact(sketch, &part, NULL));
        if (sketch->numbers.is_exact) {
                r = quantiles_add_runs(&sketch->quantiles, sketch->numbers.runs, sketch->numbers.n_runs);
                if (r)
                        return error_trace(r);
                sketch->numbers.is_exact = false;
        }
        r = quantiles_merge(&sketch->quantiles, &other->quantiles);
        if (!r)
                r = number_counts_add(&sketch->numbers, part.runs, part.n_runs);
        sketch->numbers.n_dropped += other->numbers.n_dropped;
        if (!r && number_counts_is_overfull(&sketch->numbers))
                r = number_counts_prune(&sketch->numbers);
        if (r)
                return error_trace(r);
        add_moments(sketch, &part);
        return 0;
}

bool sketch_n_distinct(const struct sketch *sketch, uint64_t *ret_n_distinct) {
        if (sketch_is_approximate(sketch))
                return false;
        *ret_n_distinct = sketch_is_text(sketch) ? sketch->texts.n_entries : sketch->numbers.n_runs;
        return true;
}

double sketch_deviation(const struct sketch *sketch) {
        return sketch->n_present ? sqrt(sketch->squares / (double)sketch->n_present) : (double)NAN;
}

int sketch_runs(const struct sketch *sketch, struct number_run **ret_runs, size_t *ret_n_runs) {
        size_t n_bytes = sketch->numbers.n_runs * sizeof(struct number_run);
        struct number_run *runs;

        if (!sketch->numbers.is_exact)
                return error_trace(quantiles_runs(&sketch->quantiles, ret_runs, ret_n_runs));
        runs = malloc(n_bytes + 1);
        if (!runs)
                return error_origin(-ENOMEM, "n_values=%zu reading a sketch", sketch->numbers.n_runs);
        if (n_bytes)
                memcpy(runs, sketch->numbers.runs, n_bytes);
        *ret_runs = runs;
        *ret_n_runs = sketch->numbers.n_runs;
        return 0;
}

double sketch_quantile(const struct number_run *runs, size_t n_runs, double share) {
        uint64_t n = 0, at = 0;
        double wanted;

        for (size_t i = 0; i < n_runs; i++)
                n += runs[i].count;
        wanted = share * (double)n;
        for (size_t i = 0; i < n_runs; i++) {
                at += runs[i].count;
                if ((double)at >= wanted)
                        return runs[i].value;
        }
        return runs[n_runs - 1].value;
}
