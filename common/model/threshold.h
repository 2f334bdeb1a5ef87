#pragma once

/*
 * Threshold
 *
 * Where a margin begins to count as positive. A row is positive when its margin >= threshold.margin, a float32, so that
 * a decision never depends on how a probability is rounded. Pure functions.
 */

#include <stddef.h>

enum {
        _THRESHOLD_E_SUCCESS,
        THRESHOLD_E_NO_ROWS, /* nothing to choose it on */
        THRESHOLD_E_RANGE,   /* not a probability strictly between 0 and 1 */
};

enum threshold_method {
        THRESHOLD_METHOD_EXPECTED_F1,
        THRESHOLD_METHOD_EMPIRICAL_F1,
        THRESHOLD_METHOD_FIXED,
        THRESHOLD_N_METHODS,
};

struct threshold {
        enum threshold_method method;
        float margin;
        double probability;      /* sigmoid of the margin, for people */
        size_t n_positive;       /* rows at or above it among those it was chosen on */
        double f1;               /* there: the expected or the empirical F1; NaN when fixed */
        double mean_probability; /* over all rows, and the share of positive labels; NaN when fixed */
        double rate;
};

#define THRESHOLD_NULL \
        { 0 }

/* "expected_f1", "empirical_f1", "fixed" */
const char *threshold_method_name(enum threshold_method method);

/*
 * Chooses the threshold on n rows that were not trained on. Expected F1 (Jansche: A maximum expected utility framework
 * for binary sequence labeling, ACL 2007; plug-in form): with probabilities p sorted descending, the k that maximises
 * 2·Σ₁ᵏp / (k + Σp). The threshold lies between the k-th row and the next, at the midpoint of their probabilities, or
 * at the k-th itself when there is no next; rows of equal margin stay together. Of equally good k the smallest.
 *
 * Where the mean probability and the rate of positive labels differ by more than three standard errors, the
 * probabilities are not to be trusted, and the k that maximises F1 on the labels is taken instead (unless there is no
 * positive label at all).
 *
 * margins[n], finite; labels[n], positive when > 0.5. THRESHOLD_E_NO_ROWS when n is 0, or -ENOMEM.
 */
int threshold_choose(const float *margins, const float *labels, size_t n, struct threshold *ret_threshold);

/* The number by which answers and metrics name the threshold: the configured probability; or else the margin's sigmoid
 * in float32, as rows have theirs (forest.h), to as few digits as tell it from other float32. So the row that lies at
 * the threshold shows the same digits. */
double threshold_shown(const struct threshold *threshold);

/* A configured probability, 0 < probability < 1, else THRESHOLD_E_RANGE. */
int threshold_fix(double probability, struct threshold *ret_threshold);
