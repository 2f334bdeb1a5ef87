/* Threshold: the choice is made on margins, so that the decisions on the slice are exactly those counted here. */

#include "common/model/threshold.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/model/forest.h"
#include "common/model/metrics.h"

/* how far mean probability and rate may differ */
#define STANDARD_ERRORS_MAX 3.0

struct row {
        float margin;
        float label;
};

/* Sums over all rows. */
struct totals {
        double probability; /* expected positives */
        double variance;
        double positives;
};

/* The best cut so far: the first k rows are positive. */
struct cut {
        size_t k;
        double f1;
};

const char *threshold_method_name(enum threshold_method method) {
        static const char *const names[THRESHOLD_N_METHODS] = {
                [THRESHOLD_METHOD_EXPECTED_F1] = "expected_f1",
                [THRESHOLD_METHOD_EMPIRICAL_F1] = "empirical_f1",
                [THRESHOLD_METHOD_FIXED] = "fixed",
        };

        return names[method];
}

static double logit(double probability) {
        return log(probability / (1 - probability));
}

static int compare_rows(const void *a, const void *b) {
        const struct row *x = a, *y = b;

        return (x->margin < y->margin) - (x->margin > y->margin);
}

static struct totals sum_rows(const struct row *rows, size_t n) {
        struct totals totals = { 0 };
        double p;

        for (size_t i = 0; i < n; i++) {
                p = metrics_probability(rows[i].margin);
                totals.probability += p;
                totals.variance += p * (1 - p);
                totals.positives += rows[i].label > 0.5f;
        }
        return totals;
}

/* Were the probabilities true, the positives would have mean Σp and variance Σp(1-p). */
static bool is_calibrated(const struct totals *totals) {
        return fabs(totals->probability - totals->positives) <= STANDARD_ERRORS_MAX * sqrt(totals->variance);
}

/* The k that maximises 2 · hits(k) / (k + all), where hits are expected or counted positives. Rows of equal margin
 * cannot be parted, so k is looked at only where the next margin is lower. */
static struct cut find_cut(const struct row *rows, size_t n, double all, bool is_expected) {
        struct cut best = { n, 0 };
        double hits = 0, f1;

        for (size_t i = 0; i < n; i++) {
                hits += is_expected ? metrics_probability(rows[i].margin) : (double)(rows[i].label > 0.5f);
                if (i + 1 < n && !(rows[i + 1].margin < rows[i].margin))
                        continue;
                f1 = 2 * hits / ((double)(i + 1) + all);
                if (f1 > best.f1)
                        best = (struct cut){ i + 1, f1 };
        }
        return best;
}

/* The margin in (below, above] whose probability is the midpoint of theirs. Rounding, and probabilities that have run
 * into 0 or 1, may push it out of there; above always parts the two. */
static float margin_between(float above, float below) {
        float middle = (float)logit((metrics_probability(above) + metrics_probability(below)) / 2);

        return middle > below && middle <= above ? middle : above;
}

int threshold_choose(const float *margins, const float *labels, size_t n, struct threshold *ret_threshold) {
        _cleanup_(free_pointer) struct row *rows = NULL;
        struct threshold threshold = THRESHOLD_NULL;
        struct totals totals;
        struct cut cut;

        if (!n)
                return THRESHOLD_E_NO_ROWS;
        rows = calloc(n, sizeof(*rows));
        if (!rows)
                return error_origin(-ENOMEM, "Cannot choose a threshold");
        for (size_t i = 0; i < n; i++)
                rows[i] = (struct row){ margins[i], labels[i] };
        qsort(rows, n, sizeof(*rows), compare_rows);
        totals = sum_rows(rows, n);
        threshold.method = THRESHOLD_METHOD_EXPECTED_F1;
        if (!is_calibrated(&totals) && totals.positives > 0)
                threshold.method = THRESHOLD_METHOD_EMPIRICAL_F1;
        if (threshold.method == THRESHOLD_METHOD_EXPECTED_F1)
                cut = find_cut(rows, n, totals.probability, true);
        else
                cut = find_cut(rows, n, totals.positives, false);
        threshold.n_positive = cut.k;
        threshold.f1 = cut.f1;
        threshold.margin = rows[cut.k - 1].margin;
        if (cut.k < n)
                threshold.margin = margin_between(threshold.margin, rows[cut.k].margin);
        threshold.probability = metrics_probability(threshold.margin);
        threshold.mean_probability = totals.probability / (double)n;
        threshold.rate = totals.positives / (double)n;
        *ret_threshold = threshold;
        return 0;
}

double threshold_shown(const struct threshold *threshold) {
        float probability = forest_probability(threshold->margin);
        char text[32];

        if (threshold->method == THRESHOLD_METHOD_FIXED)
                return threshold->probability;
        for (int n_digits = 1; n_digits <= FLT_DECIMAL_DIG; n_digits++) {
                snprintf(text, sizeof(text), "%.*g", n_digits, (double)probability);
                if (!islessgreater(strtof(text, NULL), probability))
                        break;
        }
        return strtod(text, NULL);
}

int threshold_fix(double probability, struct threshold *ret_threshold) {
        if (!(probability > 0 && probability < 1))
                return THRESHOLD_E_RANGE;
        *ret_threshold = (struct threshold){ .method = THRESHOLD_METHOD_FIXED,
                                             .margin = (float)logit(probability),
                                             .probability = probability,
                                             .f1 = NAN,
                                             .mean_probability = NAN,
                                             .rate = NAN };
        return 0;
}
