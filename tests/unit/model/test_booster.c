/* Training: what the model is, that it is the same again, and what is refused. */

#include "common/model/booster.h"

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/digest.h"
#include "common/model/forest.h"
#include "tests/unit/model/sample.h"

enum {
        N_ROWS = 20000,
};

static struct sample sample;

static int set_up(void **state) {
        (void)state;
        sample_init(&sample, N_ROWS, 11);
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        sample_finish(&sample);
        return 0;
}

static struct booster_input whole_input(void) {
        return (struct booster_input){ .train = sample.batches,
                                       .n_train = sample.n_batches,
                                       .stop = sample.batches + sample.n_batches,
                                       .n_stop = 1,
                                       .n_features = SAMPLE_N_FEATURES,
                                       .feature_names = sample_names };
}

static void assert_same_model(const struct buffer *a, const struct buffer *b) {
        assert_int_equal(a->n_bytes, b->n_bytes);
        assert_memory_equal(a->data, b->data, a->n_bytes);
}

static void test_bytes_do_not_depend_on_threads(void **state) {
        struct booster_parameter parameters[] = {
                { "num_boost_round", "30" }, { "subsample", "0.8" }, { "colsample_bytree", "0.7" }, { "seed", "5" }
        };
        struct booster_result results[4] = { 0 };
        struct booster_input input = whole_input();
        static const int n_threads[] = { 1, 2, 4, 0 };
        struct fault fault = FAULT_NULL;

        (void)state;
        input.parameters = parameters;
        input.n_parameters = 4;
        for (size_t i = 0; i < 4; i++) {
                input.n_threads = n_threads[i];
                assert_int_equal(booster_train(&input, &results[i], &fault), 0);
                assert_same_model(&results[i].model, &results[0].model);
        }
        for (size_t i = 0; i < 4; i++)
                booster_result_finish(&results[i]);
}

static void test_seed_counts(void **state) {
        static const char *const one[] = { "num_boost_round", "5", "subsample", "0.5", "seed", "1", NULL };
        static const char *const two[] = { "num_boost_round", "5", "subsample", "0.5", "seed", "2", NULL };
        struct booster_result a = BOOSTER_RESULT_NULL, b = BOOSTER_RESULT_NULL;

        (void)state;
        sample_train(&sample, one, &a);
        sample_train(&sample, two, &b);
        assert_true(a.model.n_bytes != b.model.n_bytes || memcmp(a.model.data, b.model.data, a.model.n_bytes));
        booster_result_finish(&a);
        booster_result_finish(&b);
}

static void test_defaults(void **state) {
        static const char *const none[] = { "num_boost_round", "9", NULL };
        static const char *const all[] = { "num_boost_round",
                                           "9",
                                           "objective",
                                           "binary:logistic",
                                           "max_depth",
                                           "5",
                                           "learning_rate",
                                           "0.1",
                                           "seed",
                                           "0",
                                           "tree_method",
                                           "hist",
                                           "min_child_weight",
                                           "10",
                                           NULL };
        struct booster_result a = BOOSTER_RESULT_NULL, b = BOOSTER_RESULT_NULL;

        (void)state;
        sample_train(&sample, none, &a);
        sample_train(&sample, all, &b);
        assert_same_model(&a.model, &b.model);
        booster_result_finish(&a);
        booster_result_finish(&b);
}

/* logloss, or the root of the mean square error, over a batch */
static double metric_of(const struct buffer *model, const struct booster_batch *batch, bool is_rmse) {
        const float *columns[SAMPLE_N_FEATURES];
        float *margins = calloc(batch->n_rows, sizeof(float));
        struct forest *forest = NULL;
        struct fault fault = FAULT_NULL;
        double sum = 0, p;
        float value;

        assert_int_equal(forest_create(model->data, model->n_bytes, &forest, &fault), 0);
        for (size_t f = 0; f < SAMPLE_N_FEATURES; f++)
                columns[f] = batch->values + f * batch->distance_bytes / sizeof(float);
        forest_margins(forest, columns, batch->n_rows, margins);
        for (size_t i = 0; i < batch->n_rows; i++) {
                forest_transform(forest, &margins[i], &value);
                p = (double)value;
                if (is_rmse)
                        sum += pow(p - (double)batch->labels[i], 2);
                else
                        sum -= log(batch->labels[i] > 0 ? p : 1 - p);
        }
        forest_destroy(forest);
        free(margins);
        return is_rmse ? sqrt(sum / (double)batch->n_rows) : sum / (double)batch->n_rows;
}

/* eta 0.5 overfits soon, so that it stops long before 400 rounds */
static void test_early_stopping_keeps_the_best_rounds(void **state) {
        static const char *const stopping[] = { "num_boost_round",       "400", "eta", "0.5",
                                                "early_stopping_rounds", "7",   NULL };
        const char *fixed[] = { "num_boost_round", NULL, "eta", "0.5", "early_stopping_rounds", "0", NULL };
        struct booster_result stopped = BOOSTER_RESULT_NULL, cut = BOOSTER_RESULT_NULL;
        char n_rounds[16];

        (void)state;
        sample_train(&sample, stopping, &stopped);
        assert_true(stopped.n_rounds > 1 && stopped.n_trained < 400);
        assert_int_equal(stopped.n_trained - stopped.n_rounds, 7);
        assert_true(fabs(stopped.logloss - metric_of(&stopped.model, sample.batches + sample.n_batches, false)) < 1e-6);
        assert_true(stopped.booster_ns > 0);

        snprintf(n_rounds, sizeof(n_rounds), "%zu", stopped.n_rounds);
        fixed[1] = n_rounds;
        sample_train(&sample, fixed, &cut);
        assert_true(isnan(cut.logloss));
        assert_int_equal(cut.n_rounds, stopped.n_rounds);
        assert_same_model(&cut.model, &stopped.model);
        booster_result_finish(&stopped);
        booster_result_finish(&cut);
}

/* the metric is that of all stop rows together, however they are cut into batches */
static void test_stop_rows_may_come_in_batches(void **state) {
        static const char *const objectives[] = { "binary:logistic", "reg:squarederror", "reg:logistic" };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(objectives); i++) {
                struct booster_parameter parameters[] = { { "num_boost_round", "60" },
                                                          { "eta", "0.5" },
                                                          { "early_stopping_rounds", "5" },
                                                          { "objective", objectives[i] } };
                struct booster_batch whole = sample.batches[sample.n_batches], pieces[3] = { whole, whole, whole };
                struct booster_result one = BOOSTER_RESULT_NULL, many = BOOSTER_RESULT_NULL;
                struct booster_input input = whole_input();
                struct fault fault = FAULT_NULL;

                pieces[0].n_rows = 300;
                pieces[1].n_rows = 0;
                pieces[2].n_rows = whole.n_rows - 300;
                pieces[2].values += 300;
                pieces[2].labels += 300;
                input.parameters = parameters;
                input.n_parameters = N_ELEMENTS(parameters);
                assert_int_equal(booster_train(&input, &one, &fault), 0);
                input.stop = pieces;
                input.n_stop = 3;
                assert_int_equal(booster_train(&input, &many, &fault), 0);
                assert_true(one.n_rounds < 55);
                assert_true(fabs(one.logloss - many.logloss) < 1e-6);
                assert_true(fabs(many.logloss - metric_of(&many.model, &whole, i > 0)) < 1e-6);
                assert_same_model(&one.model, &many.model);
                booster_result_finish(&one);
                booster_result_finish(&many);
        }
}

static void test_without_stop_rows_all_rounds_are_kept(void **state) {
        struct booster_parameter parameter = { "num_boost_round", "12" };
        struct booster_result result = BOOSTER_RESULT_NULL;
        struct booster_input input = whole_input();
        struct fault fault = FAULT_NULL;

        (void)state;
        input.n_stop = 0;
        input.parameters = &parameter;
        input.n_parameters = 1;
        assert_int_equal(booster_train(&input, &result, &fault), 0);
        assert_int_equal(result.n_rounds, 12);
        assert_true(isnan(result.logloss));
        booster_result_finish(&result);
}

struct rounds {
        size_t n_seen, n_rounds, cancel_at;
        double last;
};

static int on_round(void *context, size_t n_done, size_t n_rounds, double logloss) {
        struct rounds *rounds = context;

        rounds->n_seen++;
        assert_int_equal(n_done, rounds->n_seen);
        rounds->n_rounds = n_rounds;
        rounds->last = logloss;
        return n_done == rounds->cancel_at;
}

static void test_each_round_is_told_and_may_cancel(void **state) {
        struct booster_parameter parameter = { "num_boost_round", "9" };
        struct booster_result result = { .n_rounds = 77 };
        struct rounds rounds = { 0 };
        struct booster_input input = whole_input();
        struct fault fault = FAULT_NULL;

        (void)state;
        input.parameters = &parameter;
        input.n_parameters = 1;
        input.on_round = on_round;
        input.context = &rounds;
        rounds.cancel_at = 3;
        assert_int_equal(booster_train(&input, &result, &fault), BOOSTER_E_CANCELED);
        assert_int_equal(rounds.n_seen, 3);
        assert_int_equal(rounds.n_rounds, 9);
        assert_true(rounds.last > 0.1 && rounds.last < 0.7);
        assert_int_equal(result.n_rounds, 77);
        rounds = (struct rounds){ 0 };
        assert_int_equal(booster_train(&input, &result, &fault), 0);
        assert_int_equal(rounds.n_seen, 9);
        booster_result_finish(&result);
}

static void test_wrong_parameters_are_named(void **state) {
        static const struct {
                const char *name, *value;
        } rows[] = {
                { "max_dept", "5" },
                { "max_depth", "deep" },
                { "max_depth", "-1" },
                { "eta", "abc" },
                { "subsample", "7" },
                { "num_boost_round", "0" },
                { "num_boost_round", "" },
                { "num_boost_round", "5x" },
                { "early_stopping_rounds", "-1" },
                { "booster", "dart" },
                { "tree_method", "exact" },
                { "objective", "rank:pairwise" },
                { "objective", "no" },
                { "nthread", "4" },
                { "max_bin", "1" },
                { "grow_policy", "up" },
                { "min_child_weight", "-3" },
                { "eval_metric", "auc" },
                { "verbosity", "3" },
                { "monotone_constraints", "x" },
                { "reg_lambda", "-1" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct booster_parameter parameters[] = { { "num_boost_round", "2" }, { rows[i].name, rows[i].value } };
                struct booster_result result = { .n_rounds = 77 };
                struct booster_input input = whole_input();
                struct fault fault = FAULT_NULL;

                input.parameters = parameters;
                input.n_parameters = 2;
                assert_int_equal(booster_train(&input, &result, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "PARAMETER_INVALID");
                if (strcmp(fault.column, rows[i].name))
                        print_error("%s: %s\n", fault.column, fault.message);
                assert_string_equal(fault.column, rows[i].name);
                assert_non_null(strstr(fault.message, rows[i].name));
                assert_int_equal(result.n_rounds, 77);
        }
}

static void test_wrong_rows_are_refused(void **state) {
        static const float bad_labels[] = { 2, -1, NAN, INFINITY };
        float *labels = calloc(sample.batches[0].n_rows, sizeof(float));
        struct booster_result result = BOOSTER_RESULT_NULL;
        struct booster_input input = whole_input();
        struct booster_batch batch = sample.batches[0];
        struct fault fault = FAULT_NULL;

        (void)state;
        batch.labels = labels;
        input.train = &batch;
        input.n_train = 1;
        for (size_t i = 0; i < N_ELEMENTS(bad_labels); i++) {
                labels[17] = bad_labels[i];
                assert_int_equal(booster_train(&input, &result, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "DATA_INVALID");
        }
        batch.n_rows = 0;
        assert_int_equal(booster_train(&input, &result, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "DATA_INVALID");
        input.n_train = 0;
        assert_int_equal(booster_train(&input, &result, &fault), FAULT_E_INPUT);
        free(labels);
}

/* in train rows and in stop rows, in any batch */
static void test_infinite_values_are_refused(void **state) {
        static const float infinities[] = { INFINITY, -INFINITY };
        static const size_t places[] = { 0, N_ROWS * 8 / 10, N_ROWS - 1 };

        (void)state;
        for (size_t i = 0; i < 2 * N_ELEMENTS(places); i++) {
                struct booster_result result = BOOSTER_RESULT_NULL;
                struct booster_input input = whole_input();
                struct fault fault = FAULT_NULL;
                float *value = &sample.values[3 * sample.distance + places[i / 2]], before = *value;

                *value = infinities[i % 2];
                assert_int_equal(booster_train(&input, &result, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "DATA_INVALID");
                if (places[i / 2] < N_ROWS * 9 / 10)
                        assert_string_equal(fault.column, sample_names[3]);
                *value = before;
        }
}

static void test_version(void **state) {
        char version[32];

        (void)state;
        booster_version(version);
        assert_int_equal(strncmp(version, "1.7.", 4), 0);
}

/* whose digest is part of what decides a model */
static void test_library(void **state) {
        char path[4096] = "", digest[DIGEST_SHA256_BYTES];

        (void)state;
        assert_int_equal(booster_library(path, sizeof(path)), 0);
        assert_int_equal(path[0], '/');
        assert_non_null(strstr(path, "libxgboost.so"));
        assert_int_equal(digest_sha256_file(path, digest), 0);
        assert_int_equal(booster_library(path, 8), -ENAMETOOLONG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bytes_do_not_depend_on_threads),
                cmocka_unit_test(test_seed_counts),
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_early_stopping_keeps_the_best_rounds),
                cmocka_unit_test(test_stop_rows_may_come_in_batches),
                cmocka_unit_test(test_without_stop_rows_all_rounds_are_kept),
                cmocka_unit_test(test_each_round_is_told_and_may_cancel),
                cmocka_unit_test(test_wrong_parameters_are_named),
                cmocka_unit_test(test_wrong_rows_are_refused),
                cmocka_unit_test(test_infinite_values_are_refused),
                cmocka_unit_test(test_version),
                cmocka_unit_test(test_library),
        };

        return cmocka_run_group_tests_name("booster", tests, set_up, tear_down);
}
