/* A candidate: learned from its own rows only, cut, and with a threshold that its own margins on the slice choose. */

#include "services/trainer/train.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/arrow/arrow.h"
#include "common/model/booster.h"
#include "common/model/bundle.h"
#include "common/model/forest.h"
#include "services/transformer/transform.h"
#include "tests/support/scratch.h"
#include "tests/support/world.h"

enum {
        N_ROWS = 40000,
        N_FEATURES = 11,
        BATCHES_MAX = 8,
};

/* A train matrix, and what is learned from it. */
struct fixture {
        struct scratch *scratch;
        struct schema *schema;
        struct parameters parameters;
        struct transform_result matrix;
        struct arrow_file *file;
        struct table tables[BATCHES_MAX];
        size_t n_tables, n_train; /* tables, and those to learn from */
        struct column changed[N_FEATURES + 1];
        float *values; /* of changed */
        struct train_input input;
        struct train_result result;
        struct fault fault;
};

static void write_matrix(struct fixture *fixture) {
        _cleanup_(close_descriptor) int fd = open(scratch_path(fixture->scratch, "matrix"), O_RDWR | O_CREAT, 0600);
        struct table_builder *builder = world_rows(fixture->schema, 0, N_ROWS);
        struct table whole = table_builder_view(builder), tables[2];
        struct column columns[2][SCHEMA_COLUMNS_MAX];
        struct transform_input input = { .schema = fixture->schema,
                                         .parameters = &fixture->parameters,
                                         .tables = tables,
                                         .n_tables = 2,
                                         .matrix_fd = fd };

        assert_true(fd >= 0);
        tables[0] = table_slice(&whole, 0, N_ROWS / 2, columns[0]);
        tables[1] = table_slice(&whole, N_ROWS / 2, N_ROWS / 2, columns[1]);
        assert_int_equal(transform(&input, &fixture->matrix, &fixture->fault), 0);
        table_builder_destroy(builder);
}

static int set_up(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        void *scratch = NULL;

        assert_non_null(fixture);
        assert_int_equal(scratch_setup(&scratch), 0);
        fixture->scratch = scratch;
        fixture->schema = world_schema(world_schema_text);
        parameters_init(&fixture->parameters, "world");
        write_matrix(fixture);
        assert_int_equal(arrow_file_open(scratch_path(fixture->scratch, "matrix"), &fixture->file, &fixture->fault), 0);
        fixture->n_tables = arrow_file_n_batches(fixture->file);
        assert_true(fixture->n_tables <= BATCHES_MAX);
        for (size_t t = 0; t < fixture->n_tables; t++) {
                assert_int_equal(arrow_file_batch(fixture->file, t, &fixture->tables[t], &fixture->fault), 0);
                fixture->n_train += arrow_file_first_row(fixture->file, t) < fixture->matrix.n_train_rows;
        }
        fixture->parameters.train.num_boost_round = 25;
        fixture->input = (struct train_input){ .parameters = &fixture->parameters.train,
                                               .tables = fixture->tables,
                                               .n_tables = fixture->n_tables,
                                               .n_train_rows = fixture->matrix.n_train_rows,
                                               .n_slice_rows = fixture->matrix.n_slice_rows };
        *state = fixture;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *fixture = *state;
        void *scratch = fixture->scratch;

        train_result_finish(&fixture->result);
        transform_result_finish(&fixture->matrix);
        arrow_file_close(fixture->file);
        schema_destroy(fixture->schema);
        free(fixture->values);
        assert_int_equal(scratch_teardown(&scratch), 0);
        free(fixture);
        return 0;
}

static int run(struct fixture *fixture) {
        train_result_finish(&fixture->result);
        fixture->result = (struct train_result)TRAIN_RESULT_NULL;
        fixture->fault = (struct fault)FAULT_NULL;
        return train(&fixture->input, &fixture->result, &fixture->fault);
}

/* Copies a batch so that it can be changed; column k of it is values + k * n_rows. */
static void copy_batch(struct fixture *fixture, size_t at) {
        struct table *table = &fixture->tables[at];

        assert_null(fixture->values);
        fixture->values = calloc(table->n_columns * table->n_rows, sizeof(float));
        for (size_t k = 0; k < table->n_columns; k++) {
                float *values = fixture->values + k * table->n_rows;

                memcpy(values, table->columns[k].float32, table->n_rows * sizeof(float));
                fixture->changed[k] = table->columns[k];
                fixture->changed[k].float32 = values;
        }
        table->columns = fixture->changed;
}

static void assert_same_bytes(const struct buffer *a, const struct buffer *b) {
        assert_int_equal(a->n_bytes, b->n_bytes);
        assert_memory_equal(a->data, b->data, a->n_bytes);
}

static struct forest *forest_of(const struct fixture *fixture) {
        struct forest *forest = NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(forest_create(fixture->result.model.data, fixture->result.model.n_bytes, &forest, &fault), 0);
        return forest;
}

/* Margins and labels of the slice by single rows; the caller frees both. */
static void score_slice(const struct fixture *fixture, float **ret_margins, float **ret_labels) {
        struct forest *forest = forest_of(fixture);
        float *margins = calloc((size_t)fixture->matrix.n_slice_rows, sizeof(float));
        float *labels = calloc((size_t)fixture->matrix.n_slice_rows, sizeof(float));
        float row[N_FEATURES];
        size_t n = 0;

        for (size_t t = fixture->n_train; t < fixture->n_tables; t++)
                for (size_t i = 0; i < fixture->tables[t].n_rows; i++) {
                        for (size_t k = 0; k < N_FEATURES; k++)
                                row[k] = fixture->tables[t].columns[k].float32[i];
                        labels[n] = fixture->tables[t].columns[N_FEATURES].float32[i];
                        forest_margins_row(forest, row, &margins[n++]);
                }
        assert_int_equal(n, fixture->matrix.n_slice_rows);
        forest_destroy(forest);
        *ret_margins = margins;
        *ret_labels = labels;
}

static size_t count_above(const float *margins, size_t n, float threshold) {
        size_t n_above = 0;

        for (size_t i = 0; i < n; i++)
                n_above += margins[i] >= threshold;
        return n_above;
}

/* the k of design: 2 * sum of the k largest probabilities / (k + sum of all), at its most */
static size_t best_count(const float *margins, size_t n) {
        double all = 0, best = 0, f1;
        size_t best_k = 0;

        for (size_t i = 0; i < n; i++)
                all += 1 / (1 + exp(-(double)margins[i]));
        for (size_t i = 0; i < n; i++) {
                double hits = 0;
                size_t k = 0;

                for (size_t j = 0; j < n; j++)
                        if (margins[j] >= margins[i]) {
                                hits += 1 / (1 + exp(-(double)margins[j]));
                                k++;
                        }
                f1 = 2 * hits / ((double)k + all);
                if (f1 > best) {
                        best = f1;
                        best_k = k;
                }
        }
        return best_k;
}

static void test_threshold_calls_as_many_positive_as_it_was_chosen_for(void **state) {
        struct fixture *fixture = *state;
        size_t n = (size_t)fixture->matrix.n_slice_rows;
        const struct decision *decision = &fixture->result.candidate.decision;
        float *margins, *labels;

        assert_int_equal(run(fixture), 0);
        score_slice(fixture, &margins, &labels);
        assert_int_equal(decision->method, THRESHOLD_METHOD_EXPECTED_F1);
        assert_int_equal(count_above(margins, n, decision->margin), fixture->result.threshold.n_positive);
        assert_int_equal(count_above(margins, n, decision->margin), best_count(margins, n));
        assert_in_range(fixture->result.threshold.n_positive, n / 10, n * 9 / 10);
        free(margins);
        free(labels);
}

/* The bundle that is made of a candidate must decide as the trainer did. */
static void test_what_travels_makes_the_same_decisions(void **state) {
        _cleanup_(bundle_finish) struct bundle bundle = BUNDLE_NULL;
        _cleanup_(buffer_finish) struct buffer json = BUFFER_NULL;
        struct fixture *fixture = *state;
        struct threshold threshold = THRESHOLD_NULL;
        struct bundle_parts parts;

        assert_int_equal(run(fixture), 0);
        threshold.method = fixture->result.candidate.decision.method;
        threshold.margin = fixture->result.candidate.decision.margin;
        threshold.probability = fixture->result.candidate.decision.probability;
        assert_int_equal(bundle_save_threshold(&threshold, &json), 0);
        parts = (struct bundle_parts){ { world_schema_text, strlen(world_schema_text) },
                                       { fixture->matrix.transform.data, fixture->matrix.transform.n_bytes },
                                       { fixture->result.model.data, fixture->result.model.n_bytes },
                                       { json.data, json.n_bytes } };
        assert_int_equal(bundle_load(&parts, &bundle, &fixture->fault), 0);
        assert_memory_equal(&bundle.threshold.margin, &fixture->result.threshold.margin, sizeof(float));
        assert_memory_equal(&bundle.threshold.probability, &fixture->result.threshold.probability, sizeof(double));
}

/* libxgboost itself, given those rows alone */
static void test_only_the_rows_to_learn_from_are_learned(void **state) {
        struct booster_parameter parameters[] = { { "num_boost_round", "25" },
                                                  { "early_stopping_rounds", "0" },
                                                  { "seed", "1" } };
        struct booster_batch batches[BATCHES_MAX];
        struct fixture *fixture = *state;
        const char *names[N_FEATURES];
        struct booster_result want = BOOSTER_RESULT_NULL;
        struct booster_input input = { .train = batches,
                                       .n_train = fixture->n_train,
                                       .n_features = N_FEATURES,
                                       .feature_names = names,
                                       .parameters = parameters,
                                       .n_parameters = N_ELEMENTS(parameters) };

        for (size_t k = 0; k < N_FEATURES; k++)
                names[k] = fixture->tables[0].columns[k].name;
        for (size_t t = 0; t < fixture->n_train; t++) {
                const struct column *columns = fixture->tables[t].columns;

                batches[t] = (struct booster_batch){ columns[0].float32, fixture->tables[t].n_rows,
                                                     (size_t)((const uint8_t *)columns[1].float32 -
                                                              (const uint8_t *)columns[0].float32),
                                                     columns[N_FEATURES].float32 };
        }
        assert_int_equal(booster_train(&input, &want, &fixture->fault), 0);
        fixture->parameters.train.early_stopping_rounds = 0;
        assert_int_equal(run(fixture), 0);
        assert_same_bytes(&fixture->result.model, &want.model);
        booster_result_finish(&want);
}

static void test_bytes_do_not_depend_on_threads(void **state) {
        static const int n_threads[] = { 1, 2, 4, 0 };
        struct fixture *fixture = *state;
        struct buffer first = BUFFER_NULL;
        struct candidate candidate = { 0 };

        for (size_t i = 0; i < N_ELEMENTS(n_threads); i++) {
                fixture->input.n_threads = n_threads[i];
                assert_int_equal(run(fixture), 0);
                if (!i) {
                        candidate = fixture->result.candidate;
                        assert_int_equal(
                                buffer_append(&first, fixture->result.model.data, fixture->result.model.n_bytes), 0);
                }
                assert_same_bytes(&fixture->result.model, &first);
                assert_memory_equal(&fixture->result.candidate.decision, &candidate.decision,
                                    sizeof(candidate.decision));
                assert_int_equal(fixture->result.candidate.n_rounds, candidate.n_rounds);
        }
        buffer_finish(&first);
}

static void test_model_holds_only_the_rounds_that_count(void **state) {
        struct fixture *fixture = *state;
        const struct candidate *candidate = &fixture->result.candidate;
        struct setting eta = { "eta", "0.8" };
        struct forest *forest;
        char version[32];

        fixture->parameters.train.num_boost_round = 400;
        fixture->parameters.train.early_stopping_rounds = 5;
        setting_put(fixture->parameters.train.settings, &fixture->parameters.train.n_settings, PARAMETERS_SETTINGS_MAX,
                    &eta);
        assert_int_equal(run(fixture), 0);
        forest = forest_of(fixture);
        assert_int_equal(forest_n_trees(forest), candidate->n_rounds);
        assert_true(candidate->n_rounds < 400);
        assert_int_equal(candidate->n_trained, candidate->n_rounds + 5);
        assert_true(candidate->logloss > 0.1 && candidate->logloss < 0.69);
        assert_true(candidate->booster_ms > 0);
        booster_version(version);
        assert_string_equal(candidate->xgboost, version);
        forest_destroy(forest);
}

static void test_without_early_stopping_the_slice_still_chooses_the_threshold(void **state) {
        struct fixture *fixture = *state;
        float *margins, *labels;

        fixture->parameters.train.early_stopping_rounds = 0;
        assert_int_equal(run(fixture), 0);
        assert_int_equal(fixture->result.candidate.n_rounds, 25);
        assert_int_equal(fixture->result.candidate.n_trained, 25);
        assert_true(isnan(fixture->result.candidate.logloss));
        score_slice(fixture, &margins, &labels);
        assert_int_equal(
                count_above(margins, (size_t)fixture->matrix.n_slice_rows, fixture->result.candidate.decision.margin),
                best_count(margins, (size_t)fixture->matrix.n_slice_rows));
        free(margins);
        free(labels);
}

static void test_a_fixed_threshold_needs_no_slice(void **state) {
        struct fixture *fixture = *state;

        fixture->input.n_tables = fixture->n_train;
        fixture->input.n_slice_rows = 0;
        assert_int_equal(run(fixture), FAULT_E_INPUT);
        assert_string_equal(fixture->fault.code, "SLICE_EMPTY");

        fixture->parameters.train.threshold = 0.3;
        assert_int_equal(run(fixture), 0);
        assert_int_equal(fixture->result.candidate.n_rounds, 25);
        assert_int_equal(fixture->result.candidate.decision.method, THRESHOLD_METHOD_FIXED);
        assert_true(fabs(fixture->result.candidate.decision.probability - 0.3) < 1e-9);
        assert_true(fabs((double)fixture->result.candidate.decision.margin - log(0.3 / 0.7)) < 1e-6);
}

static void test_labels_of_one_class_are_refused_in_the_train_part_only(void **state) {
        struct fixture *fixture = *state;
        size_t slice = fixture->n_train, n = fixture->tables[slice].n_rows;

        assert_int_equal(slice + 1, fixture->n_tables);
        copy_batch(fixture, slice);
        for (int label = 0; label < 2; label++) {
                for (size_t i = 0; i < n; i++)
                        fixture->values[N_FEATURES * n + i] = (float)label;
                assert_int_equal(run(fixture), 0);
                assert_in_range(fixture->result.threshold.n_positive, 1, n);
        }
        fixture->input.tables = &fixture->tables[slice];
        fixture->input.n_tables = 1;
        fixture->input.n_train_rows = (int64_t)n;
        fixture->input.n_slice_rows = 0;
        fixture->parameters.train.threshold = 0.5;
        assert_int_equal(run(fixture), FAULT_E_INPUT);
        assert_string_equal(fixture->fault.code, "LABEL_ONE_CLASS");
        assert_string_equal(fixture->fault.column, "bought");
}

static void test_a_matrix_with_other_rows_than_said_is_refused(void **state) {
        struct fixture *fixture = *state;
        struct train_input input = fixture->input;
        static const int64_t rows[][2] = { { 1, -1 }, { -1, 1 }, { 0, 1 }, { 0, -1 }, { -1, 0 } };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                fixture->input = input;
                fixture->input.n_train_rows += rows[i][0];
                fixture->input.n_slice_rows += rows[i][1];
                assert_int_equal(run(fixture), FAULT_E_INPUT);
                assert_string_equal(fixture->fault.code, "MATRIX_INVALID");
        }
        fixture->input = input;
        fixture->input.n_tables = 0;
        assert_int_equal(run(fixture), FAULT_E_INPUT);
        assert_string_equal(fixture->fault.code, "MATRIX_INVALID");
        fixture->input = input;
        fixture->tables[1].n_columns--;
        assert_int_equal(run(fixture), FAULT_E_INPUT);
        assert_string_equal(fixture->fault.code, "MATRIX_INVALID");
        fixture->tables[1].n_columns++;
}

static void test_infinite_features_are_named(void **state) {
        struct fixture *fixture = *state;

        copy_batch(fixture, 0);
        fixture->values[fixture->tables[0].n_rows + 17] = INFINITY;
        assert_int_equal(run(fixture), FAULT_E_INPUT);
        assert_string_equal(fixture->fault.code, "DATA_INVALID");
        assert_string_equal(fixture->fault.column, "income");
}

static void test_parameters_that_xgboost_refuses_are_named(void **state) {
        static const struct setting rows[] = { { "max_depth", "-1" }, { "subsample", "7" }, { "objective", "no" } };
        struct fixture *fixture = *state;
        struct train_parameters before = fixture->parameters.train;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                fixture->parameters.train = before;
                setting_put(fixture->parameters.train.settings, &fixture->parameters.train.n_settings,
                            PARAMETERS_SETTINGS_MAX, &rows[i]);
                assert_int_equal(run(fixture), FAULT_E_INPUT);
                assert_string_equal(fixture->fault.code, "PARAMETER_INVALID");
                assert_string_equal(fixture->fault.column, rows[i].name);
        }
        fixture->parameters.train = before;
        fixture->parameters.train.threshold = 1;
        assert_int_equal(run(fixture), FAULT_E_INPUT);
        assert_string_equal(fixture->fault.code, "PARAMETER_INVALID");
        assert_string_equal(fixture->fault.column, "threshold");
}

static void test_another_objective_is_refused(void **state) {
        struct setting objective = { "objective", "reg:squarederror" };
        struct fixture *fixture = *state;

        setting_put(fixture->parameters.train.settings, &fixture->parameters.train.n_settings, PARAMETERS_SETTINGS_MAX,
                    &objective);
        assert_int_equal(run(fixture), FAULT_E_INPUT);
        assert_string_equal(fixture->fault.code, "MODEL_UNSUPPORTED");
}

static void test_seed_reaches_the_booster(void **state) {
        struct setting subsample = { "subsample", "0.5" };
        struct fixture *fixture = *state;
        struct buffer first = BUFFER_NULL;

        setting_put(fixture->parameters.train.settings, &fixture->parameters.train.n_settings, PARAMETERS_SETTINGS_MAX,
                    &subsample);
        fixture->parameters.train.num_boost_round = 3;
        assert_int_equal(run(fixture), 0);
        first = fixture->result.model;
        fixture->result.model = (struct buffer)BUFFER_NULL;
        assert_int_equal(run(fixture), 0);
        assert_same_bytes(&fixture->result.model, &first);
        fixture->parameters.train.seed = 2;
        assert_int_equal(run(fixture), 0);
        assert_true(fixture->result.model.n_bytes != first.n_bytes ||
                    memcmp(fixture->result.model.data, first.data, first.n_bytes));
        buffer_finish(&first);
}

struct rounds {
        int64_t n_seen, n_rounds, cancel_at;
};

static int on_round(void *context, int64_t n_done, int64_t n_rounds) {
        struct rounds *rounds = context;

        assert_int_equal(n_done, ++rounds->n_seen);
        rounds->n_rounds = n_rounds;
        return n_done == rounds->cancel_at;
}

static void test_each_round_is_told_and_may_cancel(void **state) {
        struct fixture *fixture = *state;
        struct rounds rounds = { .cancel_at = 3 };

        fixture->input.on_round = on_round;
        fixture->input.context = &rounds;
        assert_int_equal(run(fixture), TRAIN_E_CANCELED);
        assert_int_equal(rounds.n_seen, 3);
        assert_null(fixture->result.model.data);
        rounds = (struct rounds){ 0 };
        assert_int_equal(run(fixture), 0);
        assert_int_equal(rounds.n_seen, 25);
        assert_int_equal(rounds.n_rounds, 25);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_threshold_calls_as_many_positive_as_it_was_chosen_for, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_what_travels_makes_the_same_decisions, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_only_the_rows_to_learn_from_are_learned, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_bytes_do_not_depend_on_threads, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_model_holds_only_the_rounds_that_count, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_without_early_stopping_the_slice_still_chooses_the_threshold,
                                                set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_fixed_threshold_needs_no_slice, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_labels_of_one_class_are_refused_in_the_train_part_only, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_a_matrix_with_other_rows_than_said_is_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_infinite_features_are_named, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_parameters_that_xgboost_refuses_are_named, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_another_objective_is_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_seed_reaches_the_booster, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_each_round_is_told_and_may_cancel, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
