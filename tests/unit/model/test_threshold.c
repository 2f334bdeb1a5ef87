/* The threshold against brute force, and where there is nothing to choose from. */

#include "common/base/json_builder.h"
#include "common/model/forest.h"
#include "common/model/threshold.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/random.h"

static double sigmoid(float margin) {
        return 1 / (1 + exp(-(double)margin));
}

static size_t count_at_or_above(const float *margins, size_t n, float threshold) {
        size_t k = 0;

        for (size_t i = 0; i < n; i++)
                k += margins[i] >= threshold;
        return k;
}

/* F1, expected or counted, when the rows with margin >= threshold are positive. */
static double f1_at(const float *margins, const float *labels, size_t n, float threshold, bool is_expected) {
        double hits = 0, all = 0, k = 0, one;

        for (size_t i = 0; i < n; i++) {
                one = is_expected ? sigmoid(margins[i]) : (double)labels[i];
                all += one;
                if (margins[i] >= threshold) {
                        hits += one;
                        k++;
                }
        }
        return 2 * hits / (k + all);
}

/* Tries every margin as a threshold. */
static double best_f1(const float *margins, const float *labels, size_t n, bool is_expected) {
        double best = 0, f1;

        for (size_t i = 0; i < n; i++) {
                f1 = f1_at(margins, labels, n, margins[i], is_expected);
                best = f1 > best ? f1 : best;
        }
        return best;
}

/* n rows whose labels come true with the probability of (margin + shift). grid > 0 makes many margins equal. */
static void draw(unsigned seed, size_t n, double shift, double grid, float *ret_margins, float *ret_labels) {
        for (size_t i = 0; i < n; i++) {
                struct random random = random_stream(seed, RANDOM_SALT_GENERATOR, i);
                double margin = 6 * random_uniform(&random) - 5;

                if (grid > 0)
                        margin = grid * floor(margin / grid);
                ret_margins[i] = (float)margin;
                ret_labels[i] = random_uniform(&random) < sigmoid((float)(margin + shift)) ? 1.0f : 0.0f;
        }
}

static void check(const float *margins, const float *labels, size_t n, enum threshold_method want_method) {
        bool is_expected = want_method == THRESHOLD_METHOD_EXPECTED_F1;
        struct threshold got = THRESHOLD_NULL;

        assert_int_equal(threshold_choose(margins, labels, n, &got), 0);
        assert_int_equal(got.method, want_method);
        assert_true(fabs(got.f1 - best_f1(margins, labels, n, is_expected)) < 1e-12);
        assert_true(fabs(f1_at(margins, labels, n, got.margin, is_expected) - got.f1) < 1e-12);
        assert_int_equal(count_at_or_above(margins, n, got.margin), got.n_positive);
        assert_true(fabs(got.probability - sigmoid(got.margin)) < 1e-12);
}

/* As a row at the threshold shows its own probability, to the digit; a configured one as it was configured. */
static void test_it_is_shown_as_rows_are(void **state) {
        static const float margins[] = { -1.2074343f, -20, -3.5f, 0, 0.1f, 7, 30 };
        struct threshold threshold = { .method = THRESHOLD_METHOD_EXPECTED_F1 };
        char row[64], shown[64];

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(margins); i++) {
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                struct json_builder json = json_begin(&text, JSON_COMPACT);

                threshold.margin = margins[i];
                json_begin_array(&json);
                json_put_float(&json, forest_probability(margins[i]));
                json_put_double(&json, threshold_shown(&threshold));
                json_end_array(&json);
                assert_int_equal(json_end(&json), 0);
                assert_int_equal(sscanf(buffer_text(&text), "[%63[^,],%63[^]]", row, shown), 2);
                assert_string_equal(row, shown);
        }
        assert_int_equal(threshold_fix(0.3, &threshold), 0);
        assert_true(fabs(threshold_shown(&threshold) - 0.3) <= 0);
}

static void test_expected_f1_is_the_best_there_is(void **state) {
        float margins[700], labels[700];

        (void)state;
        for (unsigned seed = 1; seed < 30; seed++) {
                draw(seed, 700, 0, 0, margins, labels);
                check(margins, labels, 700, THRESHOLD_METHOD_EXPECTED_F1);
        }
}

static void test_rows_of_equal_margin_stay_together(void **state) {
        float margins[700], labels[700];

        (void)state;
        for (unsigned seed = 1; seed < 30; seed++) {
                draw(seed, 700, 0, 0.7, margins, labels);
                check(margins, labels, 700, THRESHOLD_METHOD_EXPECTED_F1);
        }
}

static void test_wrong_probabilities_are_not_trusted(void **state) {
        float margins[700], labels[700];

        (void)state;
        for (unsigned seed = 1; seed < 30; seed++) {
                draw(seed, 700, seed % 2 ? 1.5 : -1.5, seed % 3 ? 0 : 0.5, margins, labels);
                check(margins, labels, 700, THRESHOLD_METHOD_EMPIRICAL_F1);
        }
}

/* 100 rows of probability 1/2 have a standard error of 0.05: a rate of 0.65 is just within three, 0.66 is not */
static void test_three_standard_errors_are_the_limit(void **state) {
        float margins[100] = { 0 }, labels[100] = { 0 };

        (void)state;
        for (size_t i = 0; i < 65; i++)
                labels[i] = 1;
        check(margins, labels, 100, THRESHOLD_METHOD_EXPECTED_F1);
        labels[65] = 1;
        check(margins, labels, 100, THRESHOLD_METHOD_EMPIRICAL_F1);
}

static void test_threshold_is_the_midpoint(void **state) {
        const float margins[] = { -3, 2, -3.5f, -4 }, labels[] = { 0, 1, 0, 0 };
        struct threshold got = THRESHOLD_NULL;

        (void)state;
        assert_int_equal(threshold_choose(margins, labels, 4, &got), 0);
        assert_int_equal(got.n_positive, 1);
        assert_true(fabs(got.probability - (sigmoid(2) + sigmoid(-3)) / 2) < 1e-7);
}

static void test_equal_probabilities_are_all_positive(void **state) {
        const float margins[] = { -1.5f, -1.5f, -1.5f }, labels[] = { 0, 1, 0 };
        struct threshold got = THRESHOLD_NULL;

        (void)state;
        assert_int_equal(threshold_choose(margins, labels, 3, &got), 0);
        assert_int_equal(got.n_positive, 3);
        assert_int_equal(count_at_or_above(margins, 3, got.margin), 3);
}

/* neighbours in float32, and margins whose probabilities are all 1: nothing lies between, yet the cut must hold */
static void test_close_margins_are_parted(void **state) {
        float margins[] = { 0, nextafterf(0.25f, 1), 0.25f, -40 }, labels[] = { 0, 1, 1, 0 };
        float saturated[] = { 60, 50, 45, 40, -60 }, positive[] = { 1, 1, 1, 1, 0 };

        (void)state;
        check(margins, labels, 4, THRESHOLD_METHOD_EXPECTED_F1);
        check(saturated, positive, 5, THRESHOLD_METHOD_EXPECTED_F1);
        positive[2] = positive[3] = 0;
        check(saturated, positive, 5, THRESHOLD_METHOD_EMPIRICAL_F1);
}

static void test_one_class(void **state) {
        float margins[200], labels[200];
        struct threshold got = THRESHOLD_NULL;

        (void)state;
        draw(5, 200, 0, 0, margins, labels);
        for (size_t i = 0; i < 200; i++)
                labels[i] = 0;
        assert_int_equal(threshold_choose(margins, labels, 200, &got), 0);
        assert_int_equal(got.method, THRESHOLD_METHOD_EXPECTED_F1); /* no F1 to be had from the labels */
        assert_true(got.n_positive > 0);
        for (size_t i = 0; i < 200; i++)
                labels[i] = 1;
        assert_int_equal(threshold_choose(margins, labels, 200, &got), 0);
        assert_int_equal(got.method, THRESHOLD_METHOD_EMPIRICAL_F1);
        assert_int_equal(got.n_positive, 200);
}

static void test_no_rows(void **state) {
        struct threshold got = { .n_positive = 77 };

        (void)state;
        assert_int_equal(threshold_choose(NULL, NULL, 0, &got), THRESHOLD_E_NO_ROWS);
        assert_int_equal(got.n_positive, 77);
}

static void test_fixed(void **state) {
        static const double wrong[] = { 0, 1, -0.1, 1.5, NAN, INFINITY };
        struct threshold got = THRESHOLD_NULL;

        (void)state;
        assert_int_equal(threshold_fix(0.5, &got), 0);
        assert_int_equal(got.method, THRESHOLD_METHOD_FIXED);
        assert_true(fabsf(got.margin) <= 0);
        assert_int_equal(threshold_fix(0.2, &got), 0);
        assert_true(fabs((double)got.margin - log(0.25)) < 1e-7);
        assert_string_equal(threshold_method_name(got.method), "fixed");
        for (size_t i = 0; i < N_ELEMENTS(wrong); i++)
                assert_int_equal(threshold_fix(wrong[i], &got), THRESHOLD_E_RANGE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_it_is_shown_as_rows_are),
                cmocka_unit_test(test_expected_f1_is_the_best_there_is),
                cmocka_unit_test(test_rows_of_equal_margin_stay_together),
                cmocka_unit_test(test_wrong_probabilities_are_not_trusted),
                cmocka_unit_test(test_three_standard_errors_are_the_limit),
                cmocka_unit_test(test_threshold_is_the_midpoint),
                cmocka_unit_test(test_equal_probabilities_are_all_positive),
                cmocka_unit_test(test_close_margins_are_parted),
                cmocka_unit_test(test_one_class),
                cmocka_unit_test(test_no_rows),
                cmocka_unit_test(test_fixed),
        };

        return cmocka_run_group_tests_name("threshold", tests, NULL, NULL);
}
