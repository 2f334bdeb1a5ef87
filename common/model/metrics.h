#pragma once

/*
 * Metrics
 *
 * How good margins are against labels, as scikit-learn 1.x defines each figure (tests recompute them there). A figure
 * that has no value, such as the ROC AUC of one class, is NaN here and null in JSON. Pure functions.
 */

#include <stddef.h>
#include <stdint.h>

struct json_builder;

enum { METRICS_CALIBRATION_BINS = 10 };

/* Decisions against labels. */
struct confusion {
        int64_t true_positives;
        int64_t false_positives;
        int64_t false_negatives;
        int64_t true_negatives;
};

/* Rows whose probability lies in one tenth of [0, 1], its upper end included; the first bin takes 0. */
struct calibration_bin {
        int64_t n_rows;
        double mean_probability; /* NaN when empty */
        double positive_rate;    /* NaN when empty */
};

struct metrics {
        int64_t n_rows;
        int64_t n_positives;
        struct confusion confusion; /* at the threshold */
        double accuracy;
        double precision; /* 0 when nothing was called positive */
        double recall;    /* 0 when nothing is positive */
        double f1;        /* 2TP / (2TP + FP + FN), 0 when that is 0/0 */
        double roc_auc;   /* roc_auc_score: ties count one half */
        double pr_auc;    /* average_precision_score */
        double log_loss;  /* natural log, mean over rows */
        double brier;     /* mean of (p - y)² */
        struct calibration_bin calibration[METRICS_CALIBRATION_BINS];
};

/* The margin's probability in double precision, 1 / (1 + exp(-margin)). */
double metrics_probability(float margin);

/* Numerator and denominator of F1, exact: 2TP and 2TP + FP + FN. */
void confusion_f1(const struct confusion *confusion, int64_t *ret_numerator, int64_t *ret_denominator);

/* margins[n], finite; labels[n], 0 or 1; a row is called positive when its margin >= threshold. 0 or -ENOMEM. */
int metrics_compute(const float *margins, const uint8_t *labels, size_t n, float threshold,
                    struct metrics *ret_metrics);

/* One JSON object with every figure, by the names of the struct. */
void metrics_put_json(struct json_builder *json, const struct metrics *metrics);
