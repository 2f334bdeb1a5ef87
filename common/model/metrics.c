/* Metrics: one sort by margin, then sums. */

#include "common/model/metrics.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/json_builder.h"

enum {
        RADIX_BITS = 11,
        RADIX_BUCKETS = 1 << RADIX_BITS,
        RADIX_PASSES = 3,
        LABEL_BIT = 1,
};

double metrics_probability(float margin) {
        return 1.0 / (1.0 + exp(-(double)margin));
}

void confusion_f1(const struct confusion *confusion, int64_t *ret_numerator, int64_t *ret_denominator) {
        *ret_numerator = 2 * confusion->true_positives;
        *ret_denominator = *ret_numerator + confusion->false_positives + confusion->false_negatives;
}

/* Unsigned numbers in the order of the floats, highest float first; -0.0 and 0.0 are one. */
static uint32_t descending_key(float margin) {
        uint32_t bits;

        margin += 0.0F;
        memcpy(&bits, &margin, sizeof(bits));
        bits ^= bits >> 31 ? 0xffffffffU : 0x80000000U;
        return ~bits;
}

/* Least-significant-digit radix sort by the upper 32 bits; the label is in the lowest. scratch is as long. */
static void sort_rows(uint64_t *rows, uint64_t *scratch, size_t n) {
        for (int pass = 0; pass < RADIX_PASSES; pass++) {
                size_t starts[RADIX_BUCKETS] = { 0 }, sum = 0, count;
                int shift = 32 + pass * RADIX_BITS;
                uint64_t *swapped = rows;

                for (size_t i = 0; i < n; i++)
                        starts[rows[i] >> shift & (RADIX_BUCKETS - 1)]++;
                for (size_t k = 0; k < RADIX_BUCKETS; k++) {
                        count = starts[k];
                        starts[k] = sum;
                        sum += count;
                }
                for (size_t i = 0; i < n; i++)
                        scratch[starts[rows[i] >> shift & (RADIX_BUCKETS - 1)]++] = rows[i];
                rows = scratch;
                scratch = swapped;
        }
}

/* Walks groups of equal margin from the highest down. */
static void rank_figures(const uint64_t *sorted, size_t n, struct metrics *metrics) {
        double n_positives = (double)metrics->n_positives, n_negatives = (double)metrics->n_rows - n_positives;
        double area = 0, precision_sum = 0, positives_above = 0, rows_above = 0;
        size_t i = 0, end;

        while (i < n) {
                double positives = 0, negatives;

                for (end = i; end < n && sorted[end] >> 32 == sorted[i] >> 32; end++)
                        positives += (double)(sorted[end] & LABEL_BIT);
                negatives = (double)(end - i) - positives;
                area += negatives * (positives_above + positives / 2);
                positives_above += positives;
                rows_above += (double)(end - i);
                precision_sum += positives * positives_above / rows_above;
                i = end;
        }
        metrics->roc_auc = n_positives > 0 && n_negatives > 0 ? area / (n_positives * n_negatives) : NAN;
        metrics->pr_auc = n_positives > 0 ? precision_sum / n_positives : NAN;
}

static void count_row(struct metrics *metrics, float margin, bool is_positive, float threshold) {
        bool is_called = margin >= threshold;

        metrics->n_positives += is_positive;
        metrics->confusion.true_positives += is_called && is_positive;
        metrics->confusion.false_positives += is_called && !is_positive;
        metrics->confusion.false_negatives += !is_called && is_positive;
        metrics->confusion.true_negatives += !is_called && !is_positive;
}

static void add_probability(struct metrics *metrics, float margin, bool is_positive) {
        double p = metrics_probability(margin), against = is_positive ? -(double)margin : (double)margin;
        struct calibration_bin *bin;
        int at = (int)ceil(p * METRICS_CALIBRATION_BINS) - 1;

        bin = &metrics->calibration[at > 0 ? at : 0];
        bin->n_rows++;
        bin->mean_probability += p;
        bin->positive_rate += is_positive;
        metrics->brier += (p - is_positive) * (p - is_positive);
        /* log(1 + exp(x)) without overflow */
        metrics->log_loss += (against > 0 ? against : 0) + log1p(exp(-fabs(against)));
}

static double ratio(int64_t part, int64_t whole) {
        return whole ? (double)part / (double)whole : 0;
}

static void finish_means(struct metrics *metrics) {
        const struct confusion *confusion = &metrics->confusion;
        int64_t numerator, denominator;
        double n = (double)metrics->n_rows;

        metrics->brier = metrics->n_rows ? metrics->brier / n : NAN;
        metrics->log_loss = metrics->n_rows ? metrics->log_loss / n : NAN;
        metrics->accuracy = metrics->n_rows ? (double)(confusion->true_positives + confusion->true_negatives) / n : NAN;
        metrics->precision = ratio(confusion->true_positives, confusion->true_positives + confusion->false_positives);
        metrics->recall = ratio(confusion->true_positives, metrics->n_positives);
        confusion_f1(confusion, &numerator, &denominator);
        metrics->f1 = ratio(numerator, denominator);
        for (int i = 0; i < METRICS_CALIBRATION_BINS; i++) {
                struct calibration_bin *bin = &metrics->calibration[i];

                bin->mean_probability = bin->n_rows ? bin->mean_probability / (double)bin->n_rows : NAN;
                bin->positive_rate = bin->n_rows ? bin->positive_rate / (double)bin->n_rows : NAN;
        }
}

int metrics_compute(const float *margins, const uint8_t *labels, size_t n, float threshold,
                    struct metrics *ret_metrics) {
        _cleanup_(free_pointer) uint64_t *rows = calloc(n ? n : 1, sizeof(*rows));
        _cleanup_(free_pointer) uint64_t *scratch = calloc(n ? n : 1, sizeof(*scratch));
        struct metrics metrics = { .n_rows = (int64_t)n };

        if (!rows || !scratch)
                return error_origin(-ENOMEM, "computing metrics of %zu rows", n);
        for (size_t i = 0; i < n; i++) {
                count_row(&metrics, margins[i], labels[i], threshold);
                add_probability(&metrics, margins[i], labels[i]);
                rows[i] = (uint64_t)descending_key(margins[i]) << 32 | labels[i];
        }
        sort_rows(rows, scratch, n);
        /* an odd number of passes ends in the other array */
        rank_figures(RADIX_PASSES % 2 ? scratch : rows, n, &metrics);
        finish_means(&metrics);
        *ret_metrics = metrics;
        return 0;
}

void metrics_put_json(struct json_builder *json, const struct metrics *metrics) {
        json_begin_object(json);
        json_key_int64(json, "n_rows", metrics->n_rows);
        json_key_int64(json, "n_positives", metrics->n_positives);
        json_key_double(json, "f1", metrics->f1);
        json_key_double(json, "precision", metrics->precision);
        json_key_double(json, "recall", metrics->recall);
        json_key_double(json, "accuracy", metrics->accuracy);
        json_key_double(json, "roc_auc", metrics->roc_auc);
        json_key_double(json, "pr_auc", metrics->pr_auc);
        json_key_double(json, "log_loss", metrics->log_loss);
        json_key_double(json, "brier", metrics->brier);
        json_key(json, "confusion");
        json_begin_object(json);
        json_key_int64(json, "true_positives", metrics->confusion.true_positives);
        json_key_int64(json, "false_positives", metrics->confusion.false_positives);
        json_key_int64(json, "false_negatives", metrics->confusion.false_negatives);
        json_key_int64(json, "true_negatives", metrics->confusion.true_negatives);
        json_end_object(json);
        json_key(json, "calibration");
        json_begin_array(json);
        for (int i = 0; i < METRICS_CALIBRATION_BINS; i++) {
                json_begin_object(json);
                json_key_int64(json, "n_rows", metrics->calibration[i].n_rows);
                json_key_double(json, "mean_probability", metrics->calibration[i].mean_probability);
                json_key_double(json, "positive_rate", metrics->calibration[i].positive_rate);
                json_end_object(json);
        }
        json_end_array(json);
        json_end_object(json);
}
