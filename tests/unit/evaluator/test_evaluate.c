/* Evaluate: the same rows for both, each at its own threshold, and only rows that both held out. */

#include "services/evaluator/evaluate.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/json.h"
#include "common/data/split.h"
#include "common/model/labels.h"
#include "tests/support/world.h"

enum { N_ROWS = 6000 };

static const char *const good_pairs[] = { "num_boost_round", "40", "max_depth", "4", NULL };
static const char *const poor_pairs[] = { "num_boost_round", "2", "max_depth", "1", NULL };

struct fixture {
        struct schema *schema;
        struct table_builder *builder;
        struct table table;
        struct world_model good_model, poor_model;
        struct bundle good, poor;
        struct parameters parameters;
};

static int set_up(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        struct table_builder *train;
        struct table table;

        fixture->schema = world_schema(world_schema_text);
        train = world_rows(fixture->schema, 0, 10000);
        table = table_builder_view(train);
        world_train(world_schema_text, NULL, 0, &table, good_pairs, -0.5F, &fixture->good_model);
        world_train(world_schema_text, NULL, 0, &table, poor_pairs, -0.25F, &fixture->poor_model);
        table_builder_destroy(train);
        world_bundle(&fixture->good_model, &fixture->good);
        world_bundle(&fixture->poor_model, &fixture->poor);
        fixture->builder = world_rows(fixture->schema, 10000, N_ROWS);
        fixture->table = table_builder_view(fixture->builder);
        parameters_init(&fixture->parameters, "toys");
        *state = fixture;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *fixture = *state;

        bundle_finish(&fixture->good);
        bundle_finish(&fixture->poor);
        world_model_finish(&fixture->good_model);
        world_model_finish(&fixture->poor_model);
        table_builder_destroy(fixture->builder);
        schema_destroy(fixture->schema);
        free(fixture);
        return 0;
}

static struct evaluate_champion champion_of(const struct fixture *fixture, const struct bundle *bundle) {
        return (struct evaluate_champion){ bundle, fixture->parameters.split, 7 };
}

/* Evaluates, checks that the verdict can travel, and frees what it does not give back. */
static struct evaluation run(const struct fixture *fixture, const struct bundle *candidate,
                             const struct evaluate_champion *champion, const struct table *tables, size_t n_tables,
                             struct verdict *ret_verdict) {
        struct evaluate_input input = { .parameters = &fixture->parameters,
                                        .candidate = candidate,
                                        .champion = champion,
                                        .tables = tables,
                                        .n_tables = n_tables };
        struct evaluation evaluation = EVALUATION_NULL;
        char path[RECORD_PATH_BYTES] = "";
        struct fault fault = FAULT_NULL;

        assert_int_equal(evaluate(&input, &evaluation, &fault), 0);
        evaluation_verdict(&input, &evaluation, ret_verdict);
        memset(ret_verdict->metrics.sha256, '0', 64);
        memset(ret_verdict->golden.sha256, '0', 64);
        if (!record_is_valid(&verdict_record, ret_verdict, path))
                print_error("invalid: %s\n", path);
        assert_string_equal(path, "");
        return evaluation;
}

static void check_metrics(const struct fixture *fixture, const struct bundle *bundle, const struct metrics *got) {
        float margins[N_ROWS];
        uint8_t labels[N_ROWS];
        struct fault fault = FAULT_NULL;
        struct metrics want;

        assert_int_equal(bundle_score(bundle, &fixture->table, 1, margins, &fault), 0);
        assert_int_equal(labels_read(fixture->schema, &fixture->table, labels, &fault), 0);
        assert_int_equal(metrics_compute(margins, labels, N_ROWS, bundle->threshold.margin, &want), 0);
        assert_memory_equal(got, &want, sizeof(want));
}

static void test_both_are_measured_on_the_same_rows(void **state) {
        const struct fixture *fixture = *state;
        struct evaluate_champion champion = champion_of(fixture, &fixture->poor);
        _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
        struct verdict verdict;
        int64_t n_cells = 0;

        evaluation = run(fixture, &fixture->good, &champion, &fixture->table, 1, &verdict);
        check_metrics(fixture, &fixture->good, &evaluation.candidate);
        check_metrics(fixture, &fixture->good, &evaluation.rival);
        check_metrics(fixture, &fixture->poor, &evaluation.champion);
        for (int i = 0; i < BOOTSTRAP_CELLS; i++)
                n_cells += evaluation.cells[i];
        assert_int_equal(n_cells, N_ROWS);
        assert_int_equal(evaluation.cells[BOOTSTRAP_LABEL | BOOTSTRAP_CANDIDATE] +
                                 evaluation.cells[BOOTSTRAP_LABEL | BOOTSTRAP_CANDIDATE | BOOTSTRAP_CHAMPION],
                         evaluation.candidate.confusion.true_positives);
        assert_int_equal(evaluation.cells[BOOTSTRAP_CHAMPION] +
                                 evaluation.cells[BOOTSTRAP_CANDIDATE | BOOTSTRAP_CHAMPION],
                         evaluation.champion.confusion.false_positives);
        assert_true(verdict.accepted && verdict.may_promote && verdict.has_champion);
        assert_int_equal(verdict.compared_version, 7);
        assert_int_equal(verdict.n_reasons, 0);
        assert_true(fabs(verdict.candidate.f1 - evaluation.candidate.f1) <= 0);
        assert_true(fabs(verdict.candidate.auc - evaluation.candidate.roc_auc) <= 0);
        assert_true(fabs(verdict.champion.threshold - threshold_shown(&fixture->poor.threshold)) <= 0);
        assert_int_equal(verdict.champion.n_rows, N_ROWS);
}

static void test_an_equal_candidate_is_not_accepted(void **state) {
        const struct fixture *fixture = *state;
        struct evaluate_champion champion = champion_of(fixture, &fixture->good);
        _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
        struct verdict verdict;

        evaluation = run(fixture, &fixture->good, &champion, &fixture->table, 1, &verdict);
        assert_false(verdict.accepted);
        assert_string_equal(verdict.reasons[0].code, "F1_NOT_IMPROVED");
        assert_int_equal(evaluation.cells[BOOTSTRAP_CANDIDATE] + evaluation.cells[BOOTSTRAP_CHAMPION], 0);
}

static void test_without_a_champion(void **state) {
        const struct fixture *fixture = *state;
        _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
        struct verdict verdict;

        evaluation = run(fixture, &fixture->good, NULL, &fixture->table, 1, &verdict);
        assert_true(verdict.accepted && verdict.may_promote);
        assert_false(verdict.has_champion || evaluation.is_compared);
        assert_int_equal(verdict.compared_version, 0);
        assert_null(strstr(buffer_text(&evaluation.json), "comparison"));
}

/* metrics.json does not depend on how the rows are cut, nor on chance, and is JSON that says what the structs say. */
static void test_metrics_json(void **state) {
        const struct fixture *fixture = *state;
        struct evaluate_champion champion = champion_of(fixture, &fixture->poor);
        _cleanup_(evaluation_finish) struct evaluation first = EVALUATION_NULL, second = EVALUATION_NULL;
        _cleanup_(json_destroy_pointer) struct json *document = NULL;
        struct column columns[2][32];
        struct table tables[2] = { table_slice(&fixture->table, 0, 1000, columns[0]),
                                   table_slice(&fixture->table, 1000, N_ROWS - 1000, columns[1]) };
        const struct json_value *comparison;
        struct fault fault = FAULT_NULL;
        struct verdict verdict;
        double f1 = 0;
        bool accepted = false;

        first = run(fixture, &fixture->good, &champion, &fixture->table, 1, &verdict);
        second = run(fixture, &fixture->good, &champion, tables, 2, &verdict);
        assert_string_equal(buffer_text(&first.json), buffer_text(&second.json));
        assert_int_equal(json_parse(buffer_text(&first.json), first.json.n_bytes, &fault, &document), 0);
        assert_true(json_as_double(json_get(json_get(json_root(document), "candidate"), "f1"), &f1));
        assert_true(fabs(f1 - first.candidate.f1) <= 0);
        comparison = json_get(json_root(document), "comparison");
        assert_true(json_as_double(json_get(json_get(comparison, "champion"), "f1"), &f1));
        assert_true(fabs(f1 - first.champion.f1) <= 0);
        assert_true(json_as_double(json_get(json_get(comparison, "f1_difference"), "low"), &f1));
        assert_true(fabs(f1 - first.gate.interval.low) <= 0);
        assert_int_equal(json_count(json_get(comparison, "cells")), BOOTSTRAP_CELLS);
        assert_true(json_as_bool(json_get(json_get(json_root(document), "gate"), "accepted"), &accepted));
        assert_true(accepted);
}

/* How many of the test rows another split held out, and how many of those are positive. */
static void count_held_out(const struct fixture *fixture, const struct split *split, int64_t *ret_n,
                           int64_t *ret_n_positives) {
        const struct column *ids = table_find(&fixture->table, "id"), *labels = table_find(&fixture->table, "bought");

        *ret_n = *ret_n_positives = 0;
        for (size_t i = 0; i < N_ROWS; i++) {
                struct value key = { .kind = VALUE_INT, .integer = ids->int64[i] };

                if (!split_is_test(&key, (uint64_t)split->salt, split->test_ten_thousandths))
                        continue;
                ++*ret_n;
                *ret_n_positives += labels->int64[i];
        }
}

static void test_another_split_leaves_what_both_held_out(void **state) {
        struct fixture *fixture = *state;
        struct evaluate_champion champion = champion_of(fixture, &fixture->poor);
        _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
        int64_t n, n_positives;
        struct verdict verdict;

        champion.split = (struct split){ .salt = 99, .test_ten_thousandths = 4000 };
        count_held_out(fixture, &champion.split, &n, &n_positives);
        assert_true(n > 2200 && n < 2600);
        evaluation = run(fixture, &fixture->good, &champion, &fixture->table, 1, &verdict);
        assert_true(evaluation.is_compared);
        check_metrics(fixture, &fixture->good, &evaluation.candidate);
        assert_int_equal(evaluation.champion.n_rows, n);
        assert_int_equal(evaluation.rival.n_rows, n);
        assert_int_equal(evaluation.champion.n_positives, n_positives);
        assert_int_equal(evaluation.rival.n_positives, n_positives);
        assert_int_equal(verdict.candidate.n_rows, N_ROWS);
        assert_int_equal(verdict.champion.n_rows, n);
        assert_int_equal(evaluation.cells[BOOTSTRAP_LABEL | BOOTSTRAP_CHAMPION] +
                                 evaluation.cells[BOOTSTRAP_LABEL | BOOTSTRAP_CHAMPION | BOOTSTRAP_CANDIDATE],
                         evaluation.champion.confusion.true_positives);
        assert_true(verdict.accepted);
}

/* As many positives as the gate wants are enough, one less is not. */
static void test_too_few_rows_new_to_both(void **state) {
        struct fixture *fixture = *state;
        struct evaluate_champion champion = champion_of(fixture, &fixture->poor);
        struct evaluate_parameters kept = fixture->parameters.evaluate;
        int64_t n, n_positives;

        champion.split = (struct split){ .salt = 99, .test_ten_thousandths = 1000 };
        count_held_out(fixture, &champion.split, &n, &n_positives);
        for (int64_t more = 0; more <= 1; more++) {
                _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
                struct verdict verdict;

                fixture->parameters.evaluate.min_test_positives = n_positives + more;
                evaluation = run(fixture, &fixture->good, &champion, &fixture->table, 1, &verdict);
                assert_int_equal(evaluation.is_compared, !more);
                assert_int_equal(verdict.accepted, !more);
                assert_int_equal(verdict.has_champion, !more);
                if (more)
                        assert_string_equal(verdict.reasons[0].code, "CHAMPION_SAW_TEST_ROWS");
        }
        fixture->parameters.evaluate = kept;
}

/* With the same salt, a champion that held out more held out all of these. */
static void test_a_larger_share_under_the_same_salt(void **state) {
        struct fixture *fixture = *state;
        struct evaluate_champion champion = champion_of(fixture, &fixture->poor);
        struct split kept = fixture->parameters.split;
        _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
        _cleanup_(free_pointer) uint32_t *rows = calloc(N_ROWS, sizeof(*rows));
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = world_rows(fixture->schema, 0, 0);
        const struct column *ids = table_find(&fixture->table, "id");
        struct table held_out;
        struct verdict verdict;
        size_t n = 0;

        fixture->parameters.split = (struct split){ .salt = 5, .test_ten_thousandths = 4000 };
        champion.split = (struct split){ .salt = 5, .test_ten_thousandths = 5000 };
        for (uint32_t i = 0; i < N_ROWS; i++) {
                struct value key = { .kind = VALUE_INT, .integer = ids->int64[i] };

                if (split_is_test(&key, 5, 4000))
                        rows[n++] = i;
        }
        assert_int_equal(table_builder_add_rows(builder, &fixture->table, rows, n), 0);
        held_out = table_builder_view(builder);
        evaluation = run(fixture, &fixture->good, &champion, &held_out, 1, &verdict);
        assert_int_equal(evaluation.champion.n_rows, n);
        /* the other way round it has learned from some */
        champion.split.test_ten_thousandths = 3000;
        evaluation_finish(&evaluation);
        evaluation = run(fixture, &fixture->good, &champion, &held_out, 1, &verdict);
        assert_in_range(evaluation.champion.n_rows, n / 2, n - 1);
        fixture->parameters.split = kept;
}

#define HEAD "schema: 1\nenvironments: [TRAINING, SERVING]\ncolumns:\n"
#define KEY "  - {name: id, role: key, type: int}\n"
#define LABEL "  - {name: bought, role: label, type: bool}\n"

/* A champion of another schema, trained on rows that it can read. */
static struct evaluation run_other(struct fixture *fixture, const char *schema_text, const struct table *train,
                                   const struct split *split, struct verdict *ret_verdict) {
        struct evaluate_champion champion = champion_of(fixture, NULL);
        _cleanup_(bundle_finish) struct bundle bundle = BUNDLE_NULL;
        struct evaluation evaluation;
        struct world_model model;

        world_train(schema_text, NULL, 0, train, poor_pairs, -0.25F, &model);
        world_bundle(&model, &bundle);
        champion.bundle = &bundle;
        if (split)
                champion.split = *split;
        evaluation = run(fixture, &fixture->good, &champion, &fixture->table, 1, ret_verdict);
        world_model_finish(&model);
        return evaluation;
}

static void test_another_schema_that_reads_the_rows(void **state) {
        struct fixture *fixture = *state;
        _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
        struct verdict verdict;

        /* fewer columns, and one of another type */
        evaluation = run_other(fixture,
                               HEAD KEY "  - {name: insured, type: bool}\n  - {name: age, type: float}\n" LABEL,
                               &fixture->table, NULL, &verdict);
        assert_true(evaluation.is_compared && verdict.accepted && verdict.may_promote);
        assert_int_equal(evaluation.champion.n_rows, N_ROWS);
}

static void test_another_key_cannot_be_dealt_again(void **state) {
        struct fixture *fixture = *state;
        _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
        struct verdict verdict;

        evaluation = run_other(fixture, HEAD "  - {name: insured, type: bool}\n  - {name: age, type: int}\n" LABEL,
                               &fixture->table, NULL, &verdict);
        assert_false(evaluation.is_compared || verdict.accepted);
        assert_string_equal(verdict.reasons[0].code, "CHAMPION_SAW_TEST_ROWS");
}

/* Where no column is the key, rows are dealt by their content. */
static void test_rows_without_a_key(void **state) {
        static const char keyless[] = HEAD
                "  - {name: id, type: int}\n  - {name: insured, type: bool}\n  - {name: age, type: int}\n" LABEL;
        struct fixture *fixture = *state;
        _cleanup_(free_pointer) uint8_t *sides = calloc(N_ROWS, 1);
        _cleanup_(bundle_finish) struct bundle bundle = BUNDLE_NULL;
        struct evaluate_champion champion;
        struct world_model model;
        size_t n = 0;

        world_train(keyless, NULL, 0, &fixture->table, poor_pairs, -0.25F, &model);
        world_bundle(&model, &bundle);
        champion = champion_of(fixture, &bundle);
        assert_int_equal(split_table(&fixture->table, NULL, 77, 5000, sides), 0);
        for (size_t i = 0; i < N_ROWS; i++)
                n += sides[i] == SPLIT_TEST;
        for (int other = 0; other <= 1; other++) {
                _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
                struct verdict verdict;

                if (other)
                        champion.split = (struct split){ .salt = 77, .test_ten_thousandths = 5000 };
                evaluation = run(fixture, &bundle, &champion, &fixture->table, 1, &verdict);
                assert_true(evaluation.is_compared);
                assert_int_equal(evaluation.champion.n_rows, other ? n : N_ROWS);
        }
        world_model_finish(&model);
}

/* What the champion cannot read: a column that is gone, a value it never heard of, another question. */
static void test_an_incompatible_champion(void **state) {
        static const struct {
                const char *columns, *label, *want_words;
        } rows[] = {
                { "  - {name: height, type: int}\n", LABEL, "height" },
                { "  - {name: size, type: category, values: [small, medium]}\n", LABEL, "size" },
                { "  - {name: age, type: int}\n", "  - {name: sold, role: label, type: bool}\n", "question" },
                { "  - {name: age, type: int}\n",
                  "  - {name: bought, role: label, type: category, of: int, values: [1, 0]}\n", "question" },
        };
        struct fixture *fixture = *state;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
                _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                struct verdict verdict;
                struct table train;

                assert_int_equal(buffer_printf(&text, HEAD KEY "%s%s", rows[i].columns, rows[i].label), 0);
                assert_int_equal(table_builder_create(&builder), 0);
                assert_int_equal(table_builder_add_column(builder, "height", COLUMN_INT64), 0);
                assert_int_equal(table_builder_add_column(builder, "age", COLUMN_INT64), 0);
                assert_int_equal(table_builder_add_column(builder, "size", COLUMN_UTF8), 0);
                assert_int_equal(table_builder_add_column(builder, i == 2 ? "sold" : "bought",
                                                          i == 3 ? COLUMN_UTF8 : COLUMN_INT64),
                                 0);
                for (int64_t row = 0; row < 200; row++) {
                        assert_int_equal(table_builder_add_int64(builder, 0, row), 0);
                        assert_int_equal(table_builder_add_int64(builder, 1, row), 0);
                        assert_int_equal(
                                table_builder_add_text(builder, 2, row % 3 ? "small" : "medium", row % 3 ? 5 : 6), 0);
                        assert_int_equal(i == 3 ? table_builder_add_text(builder, 3, row % 2 ? "1" : "0", 1)
                                                : table_builder_add_int64(builder, 3, row % 2),
                                         0);
                }
                train = table_builder_view(builder);
                evaluation = run_other(fixture, buffer_text(&text), &train, NULL, &verdict);
                assert_true(verdict.accepted);
                assert_false(verdict.may_promote || verdict.has_champion);
                assert_int_equal(verdict.compared_version, 7);
                assert_string_equal(verdict.reasons[0].code, "CHAMPION_INCOMPATIBLE");
                if (!strstr(verdict.reasons[0].message, rows[i].want_words))
                        print_error("%s\n", verdict.reasons[0].message);
                assert_non_null(strstr(verdict.reasons[0].message, rows[i].want_words));
        }
}

static void test_a_label_that_is_missing(void **state) {
        const struct fixture *fixture = *state;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = world_rows(fixture->schema, 10000,
                                                                                            3000);
        struct table table = table_builder_view(builder), tables[2];
        struct column columns[2][32];
        uint8_t validity[3000 / 8];
        struct evaluate_input input = {
                .parameters = &fixture->parameters, .candidate = &fixture->good, .tables = tables, .n_tables = 2
        };
        struct evaluation evaluation = EVALUATION_NULL;
        struct fault fault = FAULT_NULL;

        memset(validity, 0xff, sizeof(validity));
        validity[1200 / 8] = 0xfb;
        table.columns[table.n_columns - 1].validity = validity;
        tables[0] = table_slice(&table, 0, 1000, columns[0]);
        tables[1] = table_slice(&table, 1000, 2000, columns[1]);
        assert_int_equal(evaluate(&input, &evaluation, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FEATURE_TYPE_NOT_PRESENT");
        assert_string_equal(fault.column, "bought");
        assert_int_equal(fault.row, 1202);
        assert_null(evaluation.json.data);
}

static void test_no_rows_decide_nothing(void **state) {
        const struct fixture *fixture = *state;
        struct evaluate_champion champion = champion_of(fixture, &fixture->poor);
        _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
        struct verdict verdict;

        evaluation = run(fixture, &fixture->good, &champion, NULL, 0, &verdict);
        assert_false(verdict.accepted);
        assert_string_equal(verdict.reasons[0].code, "INSUFFICIENT_DATA");
}

/* Cancels at the n-th time that it is asked. */
static bool is_canceled(void *context) {
        int *n_left = context;

        return (*n_left)-- == 0;
}

/* How often a cancel is heard, each time without a result. */
static int count_hearings(const struct fixture *fixture, const struct evaluate_champion *champion, int64_t n_draws) {
        _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
        struct parameters parameters = fixture->parameters;
        struct evaluate_input input = { .parameters = &parameters,
                                        .candidate = &fixture->good,
                                        .champion = champion,
                                        .tables = &fixture->table,
                                        .n_tables = 1,
                                        .is_canceled = is_canceled };
        struct fault fault = FAULT_NULL;
        int n = 0, n_left, r;

        parameters.evaluate.bootstrap = n_draws;
        for (;; n++) {
                n_left = n;
                input.context = &n_left;
                r = evaluate(&input, &evaluation, &fault);
                if (!r)
                        return n;
                assert_int_equal(r, EVALUATE_E_CANCELED);
                assert_null(evaluation.json.data);
        }
}

static void test_a_cancel_is_heard_at_every_boundary(void **state) {
        const struct fixture *fixture = *state;
        struct evaluate_champion champion = champion_of(fixture, &fixture->poor);

        /* before each model and the metrics */
        assert_int_equal(count_hearings(fixture, NULL, 2000), 3);
        /* and before each block of the bootstrap */
        assert_int_equal(count_hearings(fixture, &champion, 1000), 3 + 1);
        assert_int_equal(count_hearings(fixture, &champion, 10000), 3 + 10);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_both_are_measured_on_the_same_rows),
                cmocka_unit_test(test_an_equal_candidate_is_not_accepted),
                cmocka_unit_test(test_without_a_champion),
                cmocka_unit_test(test_metrics_json),
                cmocka_unit_test(test_another_split_leaves_what_both_held_out),
                cmocka_unit_test(test_too_few_rows_new_to_both),
                cmocka_unit_test(test_a_larger_share_under_the_same_salt),
                cmocka_unit_test(test_another_schema_that_reads_the_rows),
                cmocka_unit_test(test_another_key_cannot_be_dealt_again),
                cmocka_unit_test(test_rows_without_a_key),
                cmocka_unit_test(test_an_incompatible_champion),
                cmocka_unit_test(test_a_label_that_is_missing),
                cmocka_unit_test(test_no_rows_decide_nothing),
                cmocka_unit_test(test_a_cancel_is_heard_at_every_boundary),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
