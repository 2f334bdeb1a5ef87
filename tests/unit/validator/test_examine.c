/* Examine: both datasets, one verdict, and what the fault says. */

#include "services/validator/examine.h"

#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/json.h"

static const char SCHEMA[] = "schema: 1\n"
                             "environments: [TRAINING, SERVING]\n"
                             "dataset: {min_examples: 10}\n"
                             "drift: {severity: %s}\n"
                             "columns:\n"
                             "  - {name: id, role: key, type: int}\n"
                             "  - {name: weight, type: float, min: 0, max: 1000}\n"
                             "  - {name: colour, type: category, values: [red, green]}\n"
                             "  - {name: ripe, role: label, type: bool}\n";

enum { N_TRAIN = 300, N_TEST = 100 };

struct row {
        int64_t id;
        double weight; /* NaN: missing */
        const char *colour;
        int64_t ripe;
};

/* Two datasets that keep the schema, to be spoilt. */
struct ground {
        struct schema *schema;
        struct row train[N_TRAIN], test[N_TEST];
        size_t n_train, n_test;
        struct examine_input input;
        struct examination examination;
};

static void use_schema(struct ground *ground, const char *drift_severity) {
        struct fault fault = FAULT_NULL;
        char text[sizeof(SCHEMA) + 16];
        int n;

        schema_destroy(ground->schema);
        n = snprintf(text, sizeof(text), SCHEMA, drift_severity);
        assert_int_equal(schema_parse("schema.yaml", text, (size_t)n, &fault, &ground->schema), 0);
        ground->input.schema = ground->schema;
}

static int setup(void **state) {
        struct ground *ground = calloc(1, sizeof(*ground));

        assert_non_null(ground);
        use_schema(ground, "warning");
        ground->n_train = N_TRAIN;
        ground->n_test = N_TEST;
        for (int i = 0; i < N_TRAIN; i++)
                ground->train[i] = (struct row){ 1000 + i, i % 97, i % 3 ? "red" : "green", i % 4 == 0 };
        for (int i = 0; i < N_TEST; i++)
                ground->test[i] = (struct row){ 5000 + i, i % 97, i % 3 ? "red" : "green", i % 4 == 0 };
        ground->examination = (struct examination)EXAMINATION_NULL;
        *state = ground;
        return 0;
}

static int teardown(void **state) {
        struct ground *ground = *state;

        examination_finish(&ground->examination);
        schema_destroy(ground->schema);
        free(ground);
        return 0;
}

static struct table_builder *build(const struct row *rows, size_t n_rows) {
        struct table_builder *builder;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "id", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_column(builder, "weight", COLUMN_FLOAT64), 0);
        assert_int_equal(table_builder_add_column(builder, "colour", COLUMN_UTF8), 0);
        assert_int_equal(table_builder_add_column(builder, "ripe", COLUMN_INT64), 0);
        for (size_t i = 0; i < n_rows; i++) {
                assert_int_equal(table_builder_add_int64(builder, 0, rows[i].id), 0);
                if (isnan(rows[i].weight))
                        assert_int_equal(table_builder_add_missing(builder, 1), 0);
                else
                        assert_int_equal(table_builder_add_float64(builder, 1, rows[i].weight), 0);
                assert_int_equal(table_builder_add_text(builder, 2, rows[i].colour, strlen(rows[i].colour)), 0);
                assert_int_equal(table_builder_add_int64(builder, 3, rows[i].ripe), 0);
        }
        return builder;
}

/* Examines the rows, train in two batches. */
static int run(struct ground *ground) {
        size_t n_first = ground->n_train / 2;
        struct table_builder *builders[] = { build(ground->train, n_first),
                                             build(ground->train + n_first, ground->n_train - n_first),
                                             build(ground->test, ground->n_test) };
        struct table train[] = { table_builder_view(builders[0]), table_builder_view(builders[1]) };
        struct table test = table_builder_view(builders[2]);
        int r;

        ground->input.train = train;
        ground->input.n_train = 2;
        ground->input.test = &test;
        ground->input.n_test = 1;
        examination_finish(&ground->examination);
        r = examine(&ground->input, &ground->examination);
        for (size_t i = 0; i < N_ELEMENTS(builders); i++)
                table_builder_destroy(builders[i]);
        return r;
}

static void check_fault(struct ground *ground, const char *code, const char *file, const char *column,
                        const char *in_message) {
        const struct fault *fault = &ground->examination.fault;

        assert_int_equal(run(ground), 0);
        assert_false(ground->examination.is_valid);
        assert_true(ground->examination.n_errors > 0);
        assert_string_equal(fault->code, code);
        assert_string_equal(fault->file, file);
        assert_string_equal(fault->column, column);
        if (!strstr(fault->message, in_message))
                fail_msg("\"%s\" is not in: %s", in_message, fault->message);
        /* what the next run would be held against is there all the same */
        assert_true(ground->examination.baseline.n_bytes > 0);
}

static struct json *parse(const struct buffer *text) {
        struct fault fault = FAULT_NULL;
        struct json *json = NULL;

        assert_int_equal(json_parse(buffer_text(text), text->n_bytes, &fault, &json), 0);
        return json;
}

static bool is_valid_in(const struct json *json) {
        bool is_valid = false;

        assert_true(json_as_bool(json_get(json_root(json), "valid"), &is_valid));
        return is_valid;
}

static const struct json_value *element_at(const struct json_value *array, size_t place) {
        struct json_array_iterator iterator = json_iterate_array(array);
        const struct json_value *value = NULL;

        for (size_t i = 0; i <= place; i++)
                assert_true(json_next_element(&iterator, &value));
        return value;
}

static void test_good_rows_pass(void **state) {
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        struct ground *ground = *state;
        struct fault fault = FAULT_NULL;
        const struct json_value *train;

        assert_int_equal(run(ground), 0);
        assert_true(ground->examination.is_valid);
        assert_int_equal(ground->examination.n_errors, 0);
        assert_int_equal(ground->examination.n_warnings, 0);
        assert_int_equal(ground->examination.warnings.n_bytes, 0);
        json = parse(&ground->examination.report);
        assert_true(is_valid_in(json));
        assert_null(json_get(json_root(json), "baseline"));
        train = json_get(json_get(json_root(json), "train"), "statistics");
        assert_int_equal(json_count(json_get(train, "columns")), 4);
        assert_non_null(json_get(json_get(json_root(json), "test"), "validation"));
        assert_int_equal(baseline_parse(buffer_text(&ground->examination.baseline),
                                        ground->examination.baseline.n_bytes, &fault, &baseline),
                         0);
        assert_int_equal(baseline->n_rows, N_TRAIN);
        assert_int_equal(baseline->n_columns, 2);
        assert_non_null(baseline_find(baseline, "weight"));
        assert_null(baseline_find(baseline, "id"));
}

static void test_a_key_twice(void **state) {
        struct ground *ground = *state;

        ground->train[250].id = ground->train[3].id;
        check_fault(ground, "FEATURE_TYPE_LOW_UNIQUE", "train.arrow", "id", "key \"1003\" stands in rows 4 and 251");
}

static void test_a_key_twice_in_test(void **state) {
        struct ground *ground = *state;

        ground->test[50].id = ground->test[51].id;
        check_fault(ground, "FEATURE_TYPE_LOW_UNIQUE", "test.arrow", "id", "\"5051\"");
}

static void test_a_label_outside_its_domain_names_the_row_by_its_key(void **state) {
        struct ground *ground = *state;

        ground->train[200].ripe = 7;
        check_fault(ground, "BOOL_TYPE_BIG_INT", "train.arrow", "ripe", "; its first row has id 1200");
        assert_int_equal(ground->examination.fault.row, 200);
}

static void test_one_class(void **state) {
        struct ground *ground = *state;

        for (int i = 0; i < N_TRAIN; i++)
                ground->train[i].ripe = 1;
        check_fault(ground, "LABEL_ONE_CLASS", "train.arrow", "ripe", "every label is 1");
}

static void test_one_class_in_test_alone_is_no_error(void **state) {
        struct ground *ground = *state;

        for (int i = 0; i < N_TEST; i++)
                ground->test[i].ripe = 0;
        assert_int_equal(run(ground), 0);
        assert_true(ground->examination.is_valid);
}

static void test_a_missing_value(void **state) {
        struct ground *ground = *state;

        ground->train[7].weight = NAN;
        check_fault(ground, "FEATURE_TYPE_LOW_FRACTION_PRESENT", "train.arrow", "weight", "its first row has id 1007");
}

static void test_values_outside_the_domain(void **state) {
        struct ground *ground = *state;

        ground->test[9].colour = "blue";
        check_fault(ground, "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "test.arrow", "colour", "\"blue\"");
        ground->train[9].weight = INFINITY;
        check_fault(ground, "FLOAT_TYPE_HAS_INF", "train.arrow", "weight", "its first row has id 1009");
}

static void test_too_few_rows(void **state) {
        struct ground *ground = *state;

        ground->n_train = 6;
        ground->n_test = 3;
        check_fault(ground, "DATASET_LOW_NUM_EXAMPLES", "train.arrow", "", "there are 9 rows, at least 10");
}

static void test_no_train_rows_at_all(void **state) {
        struct ground *ground = *state;

        ground->n_train = 0;
        check_fault(ground, "DATASET_LOW_NUM_EXAMPLES", "train.arrow", "", "there are 0 rows");
}

static void test_no_test_rows_are_for_the_gate_to_decide(void **state) {
        struct ground *ground = *state;

        ground->n_test = 0;
        assert_int_equal(run(ground), 0);
        assert_true(ground->examination.is_valid);
}

static void test_a_column_that_the_source_lacks(void **state) {
        static const bool no_weight[] = { false, true, false, false }, no_label[] = { false, false, false, true };
        static const char *const names[] = { "waight" };
        struct ground *ground = *state;

        for (int i = 0; i < N_TRAIN; i++)
                ground->train[i].weight = NAN;
        for (int i = 0; i < N_TEST; i++)
                ground->test[i].weight = NAN;
        check_fault(ground, "FEATURE_TYPE_NOT_PRESENT", "train.arrow", "weight", "a value is required here");
        ground->input.columns = (struct validate_columns){ no_weight, names, 1, 1 };
        check_fault(ground, "SCHEMA_MISSING_COLUMN", "", "weight",
                    "there is no such column, and TRAINING requires it; there is a column \"waight\" (is it meant?)");
        assert_int_equal(ground->examination.fault.row, -1);
        /* told once, not of each dataset */
        assert_int_equal(ground->examination.n_errors, 1);
        assert_int_equal(ground->examination.n_warnings, 1);
        assert_non_null(strstr(buffer_text(&ground->examination.anomalies), "\"code\":\"SCHEMA_MISSING_COLUMN\""));
        assert_non_null(strstr(buffer_text(&ground->examination.report), "\"code\": \"SCHEMA_MISSING_COLUMN\""));
        for (int i = 0; i < N_TRAIN; i++)
                ground->train[i].weight = 1;
        for (int i = 0; i < N_TEST; i++)
                ground->test[i].weight = 1;
        ground->input.columns = (struct validate_columns){ .missing = no_label };
        check_fault(ground, "SCHEMA_MISSING_COLUMN", "", "ripe", "TRAINING requires it");
        assert_int_equal(ground->examination.n_errors, 1);
}

static void test_columns_that_the_schema_does_not_know(void **state) {
        static const char *const names[] = { "size", "shape" };
        struct ground *ground = *state;

        ground->input.columns = (struct validate_columns){ .names = names, .n_names = 2, .n_new = 2 };
        assert_int_equal(run(ground), 0);
        assert_true(ground->examination.is_valid);
        assert_int_equal(ground->examination.n_warnings, 2);
        assert_non_null(strstr(buffer_text(&ground->examination.anomalies),
                               "{\"dataset\":\"train\",\"column\":\"shape\",\"code\":\"SCHEMA_NEW_COLUMN\","
                               "\"severity\":\"warning\""));
        ground->schema->new_columns = SEVERITY_ERROR;
        check_fault(ground, "SCHEMA_NEW_COLUMN", "", "size", "the schema does not know this column");
        ground->schema->new_columns = SEVERITY_IGNORE;
        assert_int_equal(run(ground), 0);
        assert_true(ground->examination.is_valid);
        assert_int_equal(ground->examination.n_warnings, 0);
}

static void test_all_anomalies_stand_in_the_report(void **state) {
        static const char *const want[] = { "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "BOOL_TYPE_BIG_INT" };
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        struct ground *ground = *state;
        const struct json_value *anomalies;

        ground->train[5].colour = "blue";
        ground->train[6].ripe = 9;
        ground->test[1].weight = -3;
        check_fault(ground, want[0], "train.arrow", "colour", "1005");
        assert_int_equal(ground->examination.n_errors, 3);
        json = parse(&ground->examination.report);
        assert_false(is_valid_in(json));
        anomalies = json_get(json_get(json_get(json_root(json), "train"), "validation"), "anomalies");
        assert_int_equal(json_count(anomalies), 2);
        for (size_t i = 0; i < N_ELEMENTS(want); i++)
                assert_string_equal(json_text(json_get(element_at(anomalies, i), "code")), want[i]);
        anomalies = json_get(json_get(json_get(json_root(json), "test"), "validation"), "anomalies");
        assert_int_equal(json_count(anomalies), 1);
        json_destroy(json);
        json = parse(&ground->examination.anomalies);
        assert_int_equal(json_count(json_root(json)), 3);
        assert_null(strchr(buffer_text(&ground->examination.anomalies), '\n'));
        assert_string_equal(json_text(json_get(element_at(json_root(json), 1), "column")), "ripe");
        assert_string_equal(json_text(json_get(element_at(json_root(json), 1), "severity")), "error");
        assert_string_equal(json_text(json_get(element_at(json_root(json), 2), "dataset")), "test");
        assert_string_equal(json_text(json_get(element_at(json_root(json), 2), "code")), "FLOAT_TYPE_SMALL_FLOAT");
}

/* The baseline of the good rows. */
static struct baseline *learn_baseline(struct ground *ground) {
        struct fault fault = FAULT_NULL;
        struct baseline *baseline = NULL;

        assert_int_equal(run(ground), 0);
        assert_int_equal(baseline_parse(buffer_text(&ground->examination.baseline),
                                        ground->examination.baseline.n_bytes, &fault, &baseline),
                         0);
        return baseline;
}

static void test_drift_is_told(void **state) {
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        struct ground *ground = *state;

        baseline = learn_baseline(ground);
        ground->input.baseline = baseline;
        ground->input.baseline_digest = "abc";
        assert_int_equal(run(ground), 0);
        assert_int_equal(ground->examination.n_drifted, 0);
        json = parse(&ground->examination.report);
        assert_string_equal(json_text(json_get(json_root(json), "baseline")), "abc");
        for (int i = 0; i < N_TRAIN; i++)
                ground->train[i].weight += 60;
        assert_int_equal(run(ground), 0);
        assert_true(ground->examination.is_valid);
        assert_int_equal(ground->examination.n_drifted, 1);
        assert_int_equal(ground->examination.n_farthest, 1);
        assert_string_equal(ground->examination.farthest[0].column, "weight");
        assert_true(ground->examination.farthest[0].distance > 0.1);
        assert_int_equal(ground->examination.n_warnings, 1);
        assert_ptr_equal(strstr(buffer_text(&ground->examination.warnings), "train weight: "),
                         buffer_text(&ground->examination.warnings));
        assert_null(strstr(buffer_text(&ground->examination.warnings), " more"));
        use_schema(ground, "error");
        check_fault(ground, "COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH", "train.arrow", "weight", "from the baseline");
}

enum { N_WIDE = STAGE_TO_GATEWAY_DRIFTED_MAX + 4 };

static struct schema *make_wide_schema(void) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        struct schema *schema = NULL;

        assert_int_equal(buffer_append_text(&text, "schema: 1\nenvironments: [TRAINING, SERVING]\ncolumns:\n"
                                                   "  - {name: id, role: key, type: int}\n"
                                                   "  - {name: ripe, role: label, type: bool}\n"),
                         0);
        for (int i = 0; i < N_WIDE; i++)
                assert_int_equal(buffer_printf(&text, "  - {name: f%d, type: float}\n", i), 0);
        assert_int_equal(schema_parse("schema.yaml", buffer_text(&text), text.n_bytes, &fault, &schema), 0);
        return schema;
}

/* The columns have moved by step times their number. */
static int run_wide(struct ground *ground, int step) {
        struct table_builder *builder;
        struct table rows;
        char name[8];
        int r;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "id", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_column(builder, "ripe", COLUMN_INT64), 0);
        for (int i = 0; i < N_WIDE; i++) {
                snprintf(name, sizeof(name), "f%d", i);
                assert_int_equal(table_builder_add_column(builder, name, COLUMN_FLOAT64), 0);
        }
        for (int k = 0; k < N_TRAIN; k++) {
                assert_int_equal(table_builder_add_int64(builder, 0, k), 0);
                assert_int_equal(table_builder_add_int64(builder, 1, k % 2), 0);
                for (size_t i = 0; i < N_WIDE; i++)
                        assert_int_equal(table_builder_add_float64(builder, 2 + i, k + step * (double)(i + 1)), 0);
        }
        rows = table_builder_view(builder);
        ground->input.train = &rows;
        ground->input.n_train = 1;
        ground->input.test = NULL;
        ground->input.n_test = 0;
        examination_finish(&ground->examination);
        r = examine(&ground->input, &ground->examination);
        table_builder_destroy(builder);
        return r;
}

static void test_only_the_farthest_columns_are_named(void **state) {
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        struct ground *ground = *state;
        const struct examination *examination = &ground->examination;
        struct fault fault = FAULT_NULL;
        char name[8];

        schema_destroy(ground->schema);
        ground->input.schema = ground->schema = make_wide_schema();
        assert_int_equal(run_wide(ground, 0), 0);
        assert_int_equal(
                baseline_parse(buffer_text(&examination->baseline), examination->baseline.n_bytes, &fault, &baseline),
                0);
        ground->input.baseline = baseline;
        assert_int_equal(run_wide(ground, 10), 0);
        assert_true(examination->n_drifted > STAGE_TO_GATEWAY_DRIFTED_MAX);
        assert_int_equal(examination->n_farthest, STAGE_TO_GATEWAY_DRIFTED_MAX);
        for (int i = 0; i < STAGE_TO_GATEWAY_DRIFTED_MAX; i++) {
                snprintf(name, sizeof(name), "f%d", N_WIDE - 1 - i);
                assert_string_equal(examination->farthest[i].column, name);
                assert_true(i == 0 || examination->farthest[i].distance < examination->farthest[i - 1].distance);
        }
}

static void test_drift_of_test_rows_is_not_looked_for(void **state) {
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        struct ground *ground = *state;

        baseline = learn_baseline(ground);
        ground->input.baseline = baseline;
        for (int i = 0; i < N_TEST; i++)
                ground->test[i].weight = 900;
        assert_int_equal(run(ground), 0);
        assert_int_equal(ground->examination.n_drifted, 0);
        assert_int_equal(ground->examination.n_warnings, 0);
}

static void test_bytes_do_not_depend_on_the_number_of_threads(void **state) {
        _cleanup_(buffer_finish) struct buffer report = BUFFER_NULL, baseline = BUFFER_NULL;
        struct ground *ground = *state;
        cpu_set_t all, one;
        int cpu = 0;

        assert_int_equal(run(ground), 0);
        assert_int_equal(buffer_append(&report, ground->examination.report.data, ground->examination.report.n_bytes),
                         0);
        assert_int_equal(
                buffer_append(&baseline, ground->examination.baseline.data, ground->examination.baseline.n_bytes), 0);
        assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
        while (!CPU_ISSET(cpu, &all))
                cpu++;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
        assert_int_equal(run(ground), 0);
        assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
        assert_string_equal(buffer_text(&ground->examination.report), buffer_text(&report));
        assert_string_equal(buffer_text(&ground->examination.baseline), buffer_text(&baseline));
}

static int stop_at_train(void *context, int64_t n_done, int64_t n_total) {
        int *n_calls = context;

        assert_int_equal(n_total, N_TRAIN + N_TEST);
        assert_int_equal(n_done, *n_calls == 0 ? 0 : N_TRAIN);
        return (*n_calls)++;
}

static void test_cancel_is_heard_between_the_datasets(void **state) {
        struct ground *ground = *state;
        int n_calls = 0;

        ground->input.on_rows = stop_at_train;
        ground->input.context = &n_calls;
        assert_int_equal(run(ground), EXAMINE_E_CANCELED);
        assert_int_equal(n_calls, 2);
        assert_int_equal(ground->examination.report.n_bytes, 0);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(test_good_rows_pass),
                test(test_a_key_twice),
                test(test_a_key_twice_in_test),
                test(test_a_label_outside_its_domain_names_the_row_by_its_key),
                test(test_one_class),
                test(test_one_class_in_test_alone_is_no_error),
                test(test_a_missing_value),
                test(test_values_outside_the_domain),
                test(test_too_few_rows),
                test(test_no_train_rows_at_all),
                test(test_no_test_rows_are_for_the_gate_to_decide),
                test(test_a_column_that_the_source_lacks),
                test(test_columns_that_the_schema_does_not_know),
                test(test_all_anomalies_stand_in_the_report),
                test(test_drift_is_told),
                test(test_only_the_farthest_columns_are_named),
                test(test_drift_of_test_rows_is_not_looked_for),
                test(test_bytes_do_not_depend_on_the_number_of_threads),
                test(test_cancel_is_heard_between_the_datasets),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
