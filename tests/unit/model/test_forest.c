/* The forest against libxgboost bit for bit, and against model files that nobody should trust. */

#include "common/model/forest.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/random.h"
#include "common/model/forest_model.h"
#include "common/model/forest_slices.h"
#include "tests/unit/model/sample.h"

enum {
        N_ROWS = 200000,
        N_ROWS_FEWER = 20000, /* where what is meant shows on these */
};

static struct sample sample;
static float *rows; /* the probing rows, row-major */
static float *columns[SAMPLE_N_FEATURES];

/* Rows to probe with: those of the sample, whose values are the thresholds themselves, beside them by one bit, missing,
 * infinite and far off. */
static int set_up(void **state) {
        (void)state;
        sample_init(&sample, N_ROWS, 7);
        rows = calloc(N_ROWS * SAMPLE_N_FEATURES, sizeof(float));
        for (size_t f = 0; f < SAMPLE_N_FEATURES; f++)
                columns[f] = calloc(N_ROWS, sizeof(float));
        for (size_t i = 0; i < N_ROWS; i++) {
                struct random random = random_stream(3, RANDOM_SALT_BOOTSTRAP, i);

                for (size_t f = 0; f < SAMPLE_N_FEATURES; f++) {
                        float value = sample.columns[f][i];

                        switch (random_below(&random, 40)) {
                        case 0:
                                value = NAN;
                                break;
                        case 1:
                                value = INFINITY;
                                break;
                        case 2:
                                value = -INFINITY;
                                break;
                        case 3:
                        case 4:
                                value = nextafterf(value, -INFINITY);
                                break;
                        case 5:
                        case 6:
                                value = nextafterf(value, INFINITY);
                                break;
                        case 7:
                                value = -0.0f;
                                break;
                        case 8:
                                value = 1e30f;
                                break;
                        default:
                                break;
                        }
                        rows[i * SAMPLE_N_FEATURES + f] = value;
                        columns[f][i] = value;
                }
        }
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        for (size_t f = 0; f < SAMPLE_N_FEATURES; f++)
                free(columns[f]);
        free(rows);
        sample_finish(&sample);
        return 0;
}

static struct forest *load(const struct buffer *model) {
        struct fault fault = FAULT_NULL;
        struct forest *forest = NULL;
        int r = forest_create(model->data, model->n_bytes, &forest, &fault);

        if (r)
                print_error("%s\n", fault.message);
        assert_int_equal(r, 0);
        return forest;
}

/* Batch, single rows and what becomes of them, against libxgboost over all probing rows. */
static void check_identical(const struct buffer *model, size_t n_outputs, size_t n_rows) {
        size_t n_values = n_rows * n_outputs;
        float *want = calloc(n_values, sizeof(float)), *got = calloc(n_values, sizeof(float));
        struct forest *forest = load(model);

        assert_int_equal(forest_n_outputs(forest), n_outputs);
        oracle_predict(model, rows, n_rows, SAMPLE_N_FEATURES, 1, n_outputs, want);
        forest_margins(forest, (const float *const *)columns, n_rows, got);
        assert_memory_equal(got, want, n_values * sizeof(float));
        memset(got, 0, n_values * sizeof(float));
        for (size_t i = 0; i < n_rows; i++)
                forest_margins_row(forest, rows + i * SAMPLE_N_FEATURES, got + i * n_outputs);
        assert_memory_equal(got, want, n_values * sizeof(float));
        oracle_predict(model, rows, n_rows, SAMPLE_N_FEATURES, 0, n_outputs, want);
        for (size_t i = 0; i < n_rows; i++)
                forest_transform(forest, got + i * n_outputs, got + i * n_outputs);
        assert_memory_equal(got, want, n_values * sizeof(float));
        forest_destroy(forest);
        free(want);
        free(got);
}

static void check_trained(const char *const *pairs, size_t n_outputs, size_t n_rows) {
        struct booster_result result = BOOSTER_RESULT_NULL;

        sample_train(&sample, pairs, &result);
        check_identical(&result.model, n_outputs, n_rows);
        booster_result_finish(&result);
}

static void test_margins_equal_libxgboost(void **state) {
        static const char *const pairs[] = { "max_depth", "6", "num_boost_round", "60", "early_stopping_rounds",
                                             "0",         NULL };

        (void)state;
        check_trained(pairs, 1, N_ROWS);
}

static void test_base_score_counts(void **state) {
        static const char *const pairs[] = { "num_boost_round", "7", "base_score", "0.123", NULL };

        (void)state;
        check_trained(pairs, 1, N_ROWS_FEWER);
}

/* more leaves than slices hold, and deeper: the walking path, mixed with early small trees */
static void test_large_trees_equal_libxgboost(void **state) {
        static const char *const pairs[] = {
                "max_depth",        "0", "max_leaves",      "900", "grow_policy", "lossguide", "gamma", "0",
                "min_child_weight", "1", "num_boost_round", "6",   NULL
        };

        (void)state;
        check_trained(pairs, 1, N_ROWS_FEWER);
}

/* more thresholds than a byte can tell apart */
static void test_many_thresholds_equal_libxgboost(void **state) {
        static const char *const pairs[] = { "max_bin", "4000", "num_boost_round", "40", "max_depth", "7", NULL };

        (void)state;
        check_trained(pairs, 1, N_ROWS_FEWER);
}

/* Somewhat more than that is held by the fast path still: 256 bins with missing values make 256 thresholds. */
static void test_some_more_thresholds_are_held(void **state) {
        static const char *const pairs[] = { "max_bin",   "600", "num_boost_round",       "80",
                                             "max_depth", "6",   "early_stopping_rounds", "0",
                                             NULL };
        struct booster_result result = BOOSTER_RESULT_NULL;
        struct forest_model model = FOREST_MODEL_NULL;
        struct slices *slices = NULL;
        struct fault fault = FAULT_NULL;
        size_t n_nodes = 0;

        (void)state;
        sample_train(&sample, pairs, &result);
        assert_int_equal(forest_model_read(result.model.data, result.model.n_bytes, &model, &fault), 0);
        assert_int_equal(slices_create(&model, &slices), 0);
        for (size_t t = 0; t < model.n_trees; t++) {
                assert_true(slices_hold(slices, t));
                n_nodes += model.trees[t].n_nodes;
        }
        assert_true(n_nodes > 2000);
        slices_destroy(slices);
        forest_model_finish(&model);
        check_identical(&result.model, 1, N_ROWS_FEWER);
        booster_result_finish(&result);
}

static void test_regression_equals_libxgboost(void **state) {
        static const char *const pairs[] = { "objective", "reg:squarederror", "base_score",
                                             "3.25",      "num_boost_round",  "20",
                                             NULL };

        (void)state;
        check_trained(pairs, 1, N_ROWS_FEWER);
}

static void test_classes_equal_libxgboost(void **state) {
        static const char *const pairs[] = { "objective", "multi:softprob", "num_class", "3", "num_boost_round", "9",
                                             NULL };
        float *labels = sample.labels;
        size_t first = 0;

        (void)state;
        for (size_t b = 0; b <= sample.n_batches; b++) {
                sample.batches[b].labels = sample.classes + first;
                first += sample.batches[b].n_rows;
        }
        check_trained(pairs, 3, N_ROWS_FEWER);
        first = 0;
        for (size_t b = 0; b <= sample.n_batches; b++) {
                sample.batches[b].labels = labels + first;
                first += sample.batches[b].n_rows;
        }
}

/* every length below, at and above a block, so that no row past the end is touched or left out */
static void test_any_number_of_rows(void **state) {
        static const char *const pairs[] = { "num_boost_round", "3", NULL };
        static const size_t lengths[] = { 0, 1, 63, 64, 255, 256, 257, 511, 512, 1000 };
        struct booster_result result = BOOSTER_RESULT_NULL;
        float all[1000], got[1001];
        struct forest *forest;

        (void)state;
        sample_train(&sample, pairs, &result);
        forest = load(&result.model);
        forest_margins(forest, (const float *const *)columns, 1000, all);
        for (size_t k = 0; k < N_ELEMENTS(lengths); k++) {
                for (size_t i = 0; i < 1001; i++)
                        got[i] = -12345;
                forest_margins(forest, (const float *const *)columns, lengths[k], got);
                assert_memory_equal(got, all, lengths[k] * sizeof(float));
                assert_true(got[lengths[k]] < -12344 && got[lengths[k]] > -12346);
        }
        forest_destroy(forest);
        booster_result_finish(&result);
}

static void test_forest_says_what_it_is(void **state) {
        static const char *const pairs[] = { "num_boost_round", "5", "early_stopping_rounds", "0", NULL };
        struct booster_result result = BOOSTER_RESULT_NULL;
        struct forest *forest;

        (void)state;
        sample_train(&sample, pairs, &result);
        forest = load(&result.model);
        assert_int_equal(forest_n_features(forest), SAMPLE_N_FEATURES);
        for (size_t f = 0; f < SAMPLE_N_FEATURES; f++)
                assert_string_equal(forest_feature_name(forest, f), sample_names[f]);
        assert_int_equal(forest_n_trees(forest), 5);
        assert_int_equal(forest_n_outputs(forest), 1);
        assert_int_equal(forest_objective(forest), FOREST_OBJECTIVE_LOGISTIC);
        assert_true(fabsf(forest_base_margin(forest, 0)) <= 0);
        forest_destroy(forest);
        booster_result_finish(&result);
}

static void test_probability_is_bounded(void **state) {
        (void)state;
        assert_true(forest_probability(1e30f) >= 1 && forest_probability(1e30f) <= 1);
        assert_true(forest_probability(-1e30f) > 0 && forest_probability(-1e30f) < 1e-37f);
        assert_true(forest_probability(0) >= 0.5f && forest_probability(0) <= 0.5f);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_margins_equal_libxgboost),
                cmocka_unit_test(test_base_score_counts),
                cmocka_unit_test(test_large_trees_equal_libxgboost),
                cmocka_unit_test(test_many_thresholds_equal_libxgboost),
                cmocka_unit_test(test_some_more_thresholds_are_held),
                cmocka_unit_test(test_regression_equals_libxgboost),
                cmocka_unit_test(test_classes_equal_libxgboost),
                cmocka_unit_test(test_any_number_of_rows),
                cmocka_unit_test(test_forest_says_what_it_is),
                cmocka_unit_test(test_probability_is_bounded),
        };

        return cmocka_run_group_tests_name("forest", tests, set_up, tear_down);
}
