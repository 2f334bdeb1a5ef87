/* Metrics against brute force, each figure from its definition. */

#include "common/model/metrics.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/json.h"
#include "common/base/json_builder.h"
#include "common/base/random.h"

enum { N_MAX = 1000 };

static void draw(unsigned seed, size_t n, double grid, float *ret_margins, uint8_t *ret_labels) {
        for (size_t i = 0; i < n; i++) {
                struct random random = random_stream(seed, RANDOM_SALT_GENERATOR, i);
                double margin = 8 * random_uniform(&random) - 5;

                if (grid > 0)
                        margin = grid * floor(margin / grid);
                ret_margins[i] = (float)margin;
                ret_labels[i] = random_uniform(&random) < 1 / (1 + exp(-margin));
        }
}

static void assert_near(double got, double want) {
        if (!(fabs(got - want) <= 1e-12 * fmax(1, fabs(want))))
                print_error("%.17g is not %.17g\n", got, want);
        assert_true(fabs(got - want) <= 1e-12 * fmax(1, fabs(want)));
}

/* The share of pairs (positive, negative) that stand in the right order; ties count one half. */
static double brute_roc_auc(const float *margins, const uint8_t *labels, size_t n) {
        double right = 0, n_pairs = 0;

        for (size_t i = 0; i < n; i++)
                for (size_t j = 0; labels[i] && j < n; j++) {
                        if (labels[j])
                                continue;
                        n_pairs++;
                        right += margins[i] > margins[j] ? 1 : margins[i] < margins[j] ? 0 : 0.5;
                }
        return right / n_pairs;
}

/* Mean over positives of the precision among the rows at or above each. */
static double brute_pr_auc(const float *margins, const uint8_t *labels, size_t n) {
        double sum = 0, n_positives = 0;

        for (size_t i = 0; i < n; i++) {
                double above = 0, hits = 0;

                if (!labels[i])
                        continue;
                for (size_t j = 0; j < n; j++) {
                        above += margins[j] >= margins[i];
                        hits += margins[j] >= margins[i] && labels[j];
                }
                sum += hits / above;
                n_positives++;
        }
        return sum / n_positives;
}

static void check(unsigned seed, size_t n, double grid, float threshold) {
        double log_loss = 0, brier = 0, tp = 0, fp = 0, fn = 0, tn = 0;
        struct metrics metrics;
        float margins[N_MAX];
        uint8_t labels[N_MAX];

        draw(seed, n, grid, margins, labels);
        assert_int_equal(metrics_compute(margins, labels, n, threshold, &metrics), 0);
        for (size_t i = 0; i < n; i++) {
                double p = 1 / (1 + exp(-(double)margins[i]));

                log_loss -= labels[i] ? log(p) : log(1 - p);
                brier += (p - labels[i]) * (p - labels[i]);
                tp += margins[i] >= threshold && labels[i];
                fp += margins[i] >= threshold && !labels[i];
                fn += margins[i] < threshold && labels[i];
                tn += margins[i] < threshold && !labels[i];
        }
        assert_int_equal(metrics.n_rows, n);
        assert_int_equal(metrics.n_positives, (int64_t)(tp + fn));
        assert_int_equal(metrics.confusion.true_positives, (int64_t)tp);
        assert_int_equal(metrics.confusion.false_positives, (int64_t)fp);
        assert_int_equal(metrics.confusion.false_negatives, (int64_t)fn);
        assert_int_equal(metrics.confusion.true_negatives, (int64_t)tn);
        assert_near(metrics.f1, 2 * tp / (2 * tp + fp + fn));
        assert_near(metrics.precision, tp / (tp + fp));
        assert_near(metrics.recall, tp / (tp + fn));
        assert_near(metrics.accuracy, (tp + tn) / (double)n);
        assert_near(metrics.log_loss, log_loss / (double)n);
        assert_near(metrics.brier, brier / (double)n);
        assert_near(metrics.roc_auc, brute_roc_auc(margins, labels, n));
        assert_near(metrics.pr_auc, brute_pr_auc(margins, labels, n));
}

static void test_figures_against_their_definitions(void **state) {
        (void)state;
        for (unsigned seed = 0; seed < 5; seed++) {
                check(seed, N_MAX, 0, 0);
                check(seed, N_MAX, 0, -1.25F);
                check(seed, 301, 0.25, 0.25F); /* many ties, one of them at the threshold */
                check(seed, 100, 1, -2);
        }
}

static void test_order_does_not_matter(void **state) {
        float margins[N_MAX], turned[N_MAX];
        uint8_t labels[N_MAX], turned_labels[N_MAX];
        struct metrics a, b;

        (void)state;
        draw(3, N_MAX, 0.5, margins, labels);
        for (size_t i = 0; i < N_MAX; i++) {
                turned[i] = margins[(i * 7 + 3) % N_MAX];
                turned_labels[i] = labels[(i * 7 + 3) % N_MAX];
        }
        assert_int_equal(metrics_compute(margins, labels, N_MAX, 0, &a), 0);
        assert_int_equal(metrics_compute(turned, turned_labels, N_MAX, 0, &b), 0);
        assert_near(a.roc_auc, b.roc_auc);
        assert_near(a.pr_auc, b.pr_auc);
        assert_near(a.log_loss, b.log_loss);
}

/* Zeros of either sign are one margin, and the ends of the range keep their places. */
static void test_odd_margins(void **state) {
        static const float margins[] = { -0.0F, 0.0F, FLT_MAX, -FLT_MAX, FLT_MIN / 2, -FLT_MIN / 2 };
        static const uint8_t labels[] = { 1, 0, 1, 0, 1, 0 };
        struct metrics metrics;

        (void)state;
        assert_int_equal(metrics_compute(margins, labels, 6, 0, &metrics), 0);
        /* of nine pairs one is a tie */
        assert_near(metrics.roc_auc, 8.5 / 9);
        assert_int_equal(metrics.confusion.true_positives, 3);
        assert_int_equal(metrics.confusion.false_positives, 1);
        assert_true(metrics.log_loss > 0.2 && metrics.log_loss < 0.7);
}

static void test_large_margins_do_not_overflow(void **state) {
        static const float margins[] = { 800, -800 };
        static const uint8_t right[] = { 1, 0 }, wrong[] = { 0, 1 };
        struct metrics metrics;

        (void)state;
        assert_int_equal(metrics_compute(margins, right, 2, 0, &metrics), 0);
        assert_near(metrics.log_loss, 0);
        assert_near(metrics.brier, 0);
        assert_int_equal(metrics_compute(margins, wrong, 2, 0, &metrics), 0);
        assert_near(metrics.log_loss, 800);
        assert_near(metrics.brier, 1);
        assert_int_equal(metrics.calibration[0].n_rows, 1);
        assert_int_equal(metrics.calibration[METRICS_CALIBRATION_BINS - 1].n_rows, 1);
}

static void test_one_class_and_no_rows(void **state) {
        static const float margins[] = { 1, 2 };
        static const uint8_t ones[] = { 1, 1 }, zeros[] = { 0, 0 };
        struct metrics metrics;

        (void)state;
        assert_int_equal(metrics_compute(margins, ones, 2, 1.5F, &metrics), 0);
        assert_true(isnan(metrics.roc_auc));
        assert_near(metrics.pr_auc, 1);
        assert_near(metrics.recall, 0.5);
        assert_int_equal(metrics_compute(margins, zeros, 2, 5, &metrics), 0);
        assert_true(isnan(metrics.roc_auc) && isnan(metrics.pr_auc));
        assert_near(metrics.f1, 0);
        assert_near(metrics.precision, 0);
        assert_near(metrics.recall, 0);
        assert_near(metrics.accuracy, 1);
        assert_int_equal(metrics_compute(NULL, NULL, 0, 0, &metrics), 0);
        assert_int_equal(metrics.n_rows, 0);
        assert_true(isnan(metrics.roc_auc) && isnan(metrics.pr_auc) && isnan(metrics.log_loss) && isnan(metrics.brier));
        assert_near(metrics.f1, 0);
}

static void test_calibration_bins(void **state) {
        float margins[N_MAX];
        uint8_t labels[N_MAX];
        struct metrics metrics;
        int64_t n_rows = 0;

        (void)state;
        draw(5, N_MAX, 0, margins, labels);
        assert_int_equal(metrics_compute(margins, labels, N_MAX, 0, &metrics), 0);
        for (int bin = 0; bin < METRICS_CALIBRATION_BINS; bin++) {
                const struct calibration_bin *got = &metrics.calibration[bin];
                double sum = 0, positives = 0, n = 0;

                for (size_t i = 0; i < N_MAX; i++) {
                        double p = metrics_probability(margins[i]);

                        if (p <= bin / 10.0 || p > (bin + 1) / 10.0)
                                continue;
                        sum += p;
                        positives += labels[i];
                        n++;
                }
                assert_int_equal(got->n_rows, (int64_t)n);
                assert_near(got->mean_probability, sum / n);
                assert_near(got->positive_rate, positives / n);
                n_rows += got->n_rows;
        }
        assert_int_equal(n_rows, N_MAX);
}

static void test_a_bin_takes_its_upper_end(void **state) {
        static const float margin = 0; /* probability 0.5 */
        static const uint8_t label = 1;
        struct metrics metrics;

        (void)state;
        assert_int_equal(metrics_compute(&margin, &label, 1, 0, &metrics), 0);
        assert_int_equal(metrics.calibration[4].n_rows, 1);
}

static void test_empty_bins_have_no_means(void **state) {
        static const float margin = 3;
        static const uint8_t label = 1;
        struct metrics metrics;

        (void)state;
        assert_int_equal(metrics_compute(&margin, &label, 1, 0, &metrics), 0);
        assert_true(isnan(metrics.calibration[0].mean_probability) && isnan(metrics.calibration[0].positive_rate));
        assert_int_equal(metrics.calibration[9].n_rows, 1);
}

static void test_f1_is_an_exact_fraction(void **state) {
        const struct confusion confusion = { .true_positives = INT64_C(3) << 31,
                                             .false_positives = 5,
                                             .false_negatives = 7 };
        const struct confusion empty = { .true_negatives = 9 };
        int64_t numerator, denominator;

        (void)state;
        confusion_f1(&confusion, &numerator, &denominator);
        assert_int_equal(numerator, INT64_C(3) << 32);
        assert_int_equal(denominator, (INT64_C(3) << 32) + 12);
        confusion_f1(&empty, &numerator, &denominator);
        assert_int_equal(numerator, 0);
        assert_int_equal(denominator, 0);
}

static void test_json_says_every_figure(void **state) {
        static const float margin = 3;
        static const uint8_t label = 1;
        _cleanup_(json_destroy_pointer) struct json *document = NULL;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_COMPACT);
        const struct json_value *root, *bin = NULL;
        struct json_array_iterator bins;
        struct fault fault = FAULT_NULL;
        struct metrics metrics;
        double number = 0;

        (void)state;
        assert_int_equal(metrics_compute(&margin, &label, 1, 0, &metrics), 0);
        metrics_put_json(&json, &metrics);
        assert_int_equal(json_end(&json), 0);
        assert_int_equal(json_parse(buffer_text(&text), text.n_bytes, &fault, &document), 0);
        root = json_root(document);
        assert_true(json_is_null(json_get(root, "roc_auc")));
        assert_true(json_as_double(json_get(root, "log_loss"), &number));
        assert_near(number, metrics.log_loss);
        assert_true(json_as_double(json_get(root, "f1"), &number));
        assert_near(number, 1);
        assert_int_equal(json_count(root), 12);
        assert_int_equal(json_count(json_get(root, "confusion")), 4);
        assert_int_equal(json_count(json_get(root, "calibration")), METRICS_CALIBRATION_BINS);
        bins = json_iterate_array(json_get(root, "calibration"));
        assert_true(json_next_element(&bins, &bin));
        assert_true(json_is_null(json_get(bin, "mean_probability")));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_figures_against_their_definitions),
                cmocka_unit_test(test_order_does_not_matter),
                cmocka_unit_test(test_odd_margins),
                cmocka_unit_test(test_large_margins_do_not_overflow),
                cmocka_unit_test(test_one_class_and_no_rows),
                cmocka_unit_test(test_calibration_bins),
                cmocka_unit_test(test_a_bin_takes_its_upper_end),
                cmocka_unit_test(test_empty_bins_have_no_means),
                cmocka_unit_test(test_f1_is_an_exact_fraction),
                cmocka_unit_test(test_json_says_every_figure),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
