/* Validation of a dataset: every anomaly, in a batch and in a row read from JSON; and what holds between rows. */

#include <math.h>
#include <sched.h>

#include "tests/unit/data/validate_fixture.h"

#include "common/base/json.h"
#include "common/base/json_builder.h"

static void test_good(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(validate_report_destroy_pointer) struct validate_report *report = NULL;
        _cleanup_(dataset_finish) struct dataset dataset;

        dataset_make(&dataset, schema, 1000, 300);
        report = validate(schema, SCHEMA_TRAINING, dataset.tables, dataset.n_tables);
        assert_int_equal(report->n_rows, 1000);
        if (report->n_findings)
                fail_msg("%s %s", anomaly_name(report->findings[0].code), report->findings[0].message);
        assert_null(validate_first_error(report));
        assert_int_equal(report->sketches[SEX].n_present, 1000);
        assert_int_equal(report->sketches[AGE].n_present, 1000);
        assert_true(report->sketches[AGE].min > 17.9 && report->sketches[AGE].max < 120.1);
}

/*
 * One bad cell, seen three ways: as a row of JSON judged alone, as a batch of one row, and in row 250 of a batch of
 * 300. The table's cell is given as text, int or double, in a column of that type.
 */
struct bad {
        int column;
        const char *json;
        enum column_type type;
        const char *text; /* NULL: missing */
        int64_t integer;
        double number;
        enum anomaly want; /* for the single row */
        enum anomaly want_batch;
        enum severity want_severity;
};

static const struct bad bads[] = {
        { AGE, "17", COLUMN_INT64, "", 17, 0, ANOMALY_INT_TYPE_SMALL_INT, ANOMALY_INT_TYPE_SMALL_INT, SEVERITY_ERROR },
        { AGE, "121.0", COLUMN_INT64, "", 121, 0, ANOMALY_INT_TYPE_BIG_INT, ANOMALY_INT_TYPE_BIG_INT, SEVERITY_ERROR },
        { AGE, "\"30\"", COLUMN_UTF8, "30", 0, 0, ANOMALY_INT_TYPE_INT_EXPECTED, ANOMALY_INT_TYPE_INT_EXPECTED,
          SEVERITY_ERROR },
        { AGE, "30.5", COLUMN_FLOAT64, "", 0, 30.5, ANOMALY_INT_TYPE_INT_EXPECTED, ANOMALY_INT_TYPE_INT_EXPECTED,
          SEVERITY_ERROR },
        { AGE, "9007199254740993", COLUMN_INT64, "", 9007199254740993, 0, ANOMALY_INT_TYPE_INT_EXPECTED,
          ANOMALY_INT_TYPE_INT_EXPECTED, SEVERITY_ERROR },
        { AGE, "null", COLUMN_INT64, NULL, 0, 0, ANOMALY_FEATURE_TYPE_NOT_PRESENT,
          ANOMALY_FEATURE_TYPE_LOW_FRACTION_PRESENT, SEVERITY_ERROR },
        { ID, "-1", COLUMN_INT64, "", -1, 0, ANOMALY_INT_TYPE_SMALL_INT, ANOMALY_INT_TYPE_SMALL_INT, SEVERITY_ERROR },
        { SIZE, "0.25", COLUMN_FLOAT64, "", 0, 0.25, ANOMALY_FLOAT_TYPE_SMALL_FLOAT, ANOMALY_FLOAT_TYPE_SMALL_FLOAT,
          SEVERITY_WARNING },
        { SIZE, "99.5", COLUMN_FLOAT64, "", 0, 99.5, ANOMALY_FLOAT_TYPE_BIG_FLOAT, ANOMALY_FLOAT_TYPE_BIG_FLOAT,
          SEVERITY_WARNING },
        { SIZE, NULL, COLUMN_FLOAT64, "", 0, (double)INFINITY, ANOMALY_FLOAT_TYPE_HAS_INF, ANOMALY_FLOAT_TYPE_HAS_INF,
          SEVERITY_ERROR },
        { SIZE, "\"1.5\"", COLUMN_UTF8, "1.5", 0, 0, ANOMALY_FLOAT_TYPE_STRING_NOT_FLOAT,
          ANOMALY_FLOAT_TYPE_STRING_NOT_FLOAT, SEVERITY_ERROR },
        { SIZE, "null", COLUMN_FLOAT64, "", 0, (double)NAN, ANOMALY_FEATURE_TYPE_NOT_PRESENT,
          ANOMALY_FEATURE_TYPE_LOW_FRACTION_PRESENT, SEVERITY_ERROR },
        { SEX, "\"x\"", COLUMN_UTF8, "x", 0, 0, ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES,
          ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES, SEVERITY_ERROR },
        { SEX, "\"\"", COLUMN_UTF8, "", 0, 0, ANOMALY_FEATURE_TYPE_NOT_PRESENT,
          ANOMALY_FEATURE_TYPE_LOW_FRACTION_PRESENT, SEVERITY_ERROR },
        { SEX, "1", COLUMN_INT64, "", 1, 0, ANOMALY_ENUM_TYPE_INT_NOT_STRING, ANOMALY_ENUM_TYPE_INT_NOT_STRING,
          SEVERITY_ERROR },
        { SEX, "0.5", COLUMN_FLOAT64, "", 0, 0.5, ANOMALY_ENUM_TYPE_FLOAT_NOT_STRING,
          ANOMALY_ENUM_TYPE_FLOAT_NOT_STRING, SEVERITY_ERROR },
        { SEX, NULL, COLUMN_UTF8, "\xff", 0, 0, ANOMALY_ENUM_TYPE_INVALID_UTF8, ANOMALY_ENUM_TYPE_INVALID_UTF8,
          SEVERITY_ERROR },
        { NOTE, NULL, COLUMN_UTF8, "\xc3", 0, 0, ANOMALY_ENUM_TYPE_INVALID_UTF8, ANOMALY_ENUM_TYPE_INVALID_UTF8,
          SEVERITY_ERROR },
        { TAME, "2", COLUMN_INT64, "", 2, 0, ANOMALY_BOOL_TYPE_BIG_INT, ANOMALY_BOOL_TYPE_BIG_INT, SEVERITY_ERROR },
        { TAME, "-1", COLUMN_INT64, "", -1, 0, ANOMALY_BOOL_TYPE_SMALL_INT, ANOMALY_BOOL_TYPE_SMALL_INT,
          SEVERITY_ERROR },
        { TAME, "\"1\"", COLUMN_UTF8, "1", 0, 0, ANOMALY_BOOL_TYPE_STRING_NOT_INT, ANOMALY_BOOL_TYPE_STRING_NOT_INT,
          SEVERITY_ERROR },
        { TAME, "0.5", COLUMN_FLOAT64, "", 0, 0.5, ANOMALY_BOOL_TYPE_UNEXPECTED_FLOAT,
          ANOMALY_BOOL_TYPE_UNEXPECTED_FLOAT, SEVERITY_ERROR },
        { Y, "2", COLUMN_INT64, "", 2, 0, ANOMALY_BOOL_TYPE_BIG_INT, ANOMALY_BOOL_TYPE_BIG_INT, SEVERITY_ERROR },
        { Y, "null", COLUMN_INT64, NULL, 0, 0, ANOMALY_FEATURE_TYPE_NOT_PRESENT,
          ANOMALY_FEATURE_TYPE_LOW_FRACTION_PRESENT, SEVERITY_ERROR },
        /* text read as a category of int: any source without types */
        { ZONE, "1.5", COLUMN_UTF8, "1.5", 0, 0, ANOMALY_INT_TYPE_INT_EXPECTED, ANOMALY_INT_TYPE_INT_EXPECTED,
          SEVERITY_ERROR },
};

static enum anomaly validate_json(const struct schema *schema, const struct bad *bad, unsigned environment) {
        const struct schema_column *column = &schema->columns[bad->column];
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        char scratch[VALUE_SCRATCH_BYTES];
        struct fault fault = FAULT_NULL;
        struct value value = VALUE_NULL;
        enum anomaly anomaly;

        assert_int_equal(json_parse(bad->json, strlen(bad->json), &fault, &json), 0);
        anomaly = value_from_json(column->type, json_root(json), scratch, &value);
        return anomaly ? anomaly : schema_check(column, environment, &value);
}

/* A table of one column with n_rows good values of the bad one's type, and the bad one. */
static struct table_builder *make_bad_column(const struct schema *schema, const struct bad *bad, size_t n_before,
                                             size_t n_after) {
        struct table_builder *builder = NULL;

        assert_int_equal(table_builder_create(&builder), 0);
        for (size_t i = 0; i < schema->n_columns; i++)
                assert_int_equal(table_builder_add_column(builder, schema->columns[i].name,
                                                          i == (size_t)bad->column
                                                                  ? bad->type
                                                                  : value_column_type(schema->columns[i].type)),
                                 0);
        for (size_t row = 0; row < n_before + 1 + n_after; row++) {
                _cleanup_(table_builder_destroy_pointer) struct table_builder *good = NULL;
                struct table table;

                assert_int_equal(table_builder_create(&good), 0);
                add_columns(good, schema);
                add_good_row(good, row);
                table = table_builder_view(good);
                for (size_t i = 0; i < schema->n_columns; i++) {
                        struct value value = VALUE_NULL;
                        char scratch[VALUE_SCRATCH_BYTES];

                        (void)value_from_column(schema->columns[i].type, &table.columns[i], 0, scratch, &value);
                        if (i != (size_t)bad->column) {
                                assert_int_equal(value_append(&value, builder, i), 0);
                        } else if (row == n_before && !bad->text) {
                                assert_int_equal(table_builder_add_missing(builder, i), 0);
                        } else if (row == n_before) {
                                value = (struct value){ .kind = VALUE_INT, .integer = bad->integer };
                                if (bad->type == COLUMN_FLOAT64)
                                        value = (struct value){ .kind = VALUE_FLOAT, .number = bad->number };
                                if (bad->type == COLUMN_UTF8) {
                                        value = (struct value){ .kind = VALUE_TEXT, .n_bytes = strlen(bad->text) };
                                        value.text = bad->text;
                                }
                                assert_int_equal(value_append(&value, builder, i), 0);
                        } else if (bad->type == value_column_type(schema->columns[i].type)) {
                                assert_int_equal(value_append(&value, builder, i), 0);
                        } else {
                                assert_int_equal(table_builder_add_missing(builder, i), 0);
                        }
                }
        }
        return builder;
}

static void test_same_verdict_everywhere(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();

        for (size_t i = 0; i < N_ELEMENTS(bads); i++) {
                const struct bad *bad = &bads[i];
                const struct schema_column *column = &schema->columns[bad->column];

                if (bad->json && validate_json(schema, bad, SCHEMA_TRAINING) != bad->want)
                        fail_msg("row %zu: %s as JSON: got %s, want %s", i, bad->json,
                                 anomaly_name(validate_json(schema, bad, SCHEMA_TRAINING)), anomaly_name(bad->want));
                for (size_t n_before = 0; n_before <= 250; n_before += 250) {
                        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
                        _cleanup_(validate_report_destroy_pointer) struct validate_report *report = NULL;
                        const struct validate_finding *finding;
                        enum anomaly want = n_before ? bad->want_batch : bad->want;
                        struct table table;

                        builder = make_bad_column(schema, bad, n_before, n_before ? 49 : 0);
                        table = table_builder_view(builder);
                        report = validate(schema, SCHEMA_TRAINING, &table, 1);
                        finding = find(report, column->name, want);
                        if (!finding)
                                fail_msg("row %zu: %s after %zu rows: %s is not reported", i, column->name, n_before,
                                         anomaly_name(want));
                        if (finding->severity !=
                            (column->role == SCHEMA_ROLE_IGNORE ? SEVERITY_ERROR : bad->want_severity))
                                fail_msg("row %zu: severity %d", i, finding->severity);
                        assert_true(*finding->message);
                        if (bad->type == value_column_type(column->type)) {
                                assert_int_equal(finding->n_rows, 1);
                                assert_int_equal(finding->n_examples, 1);
                                assert_int_equal(finding->examples[0].row, n_before);
                        }
                }
        }
}

static void test_every_code_is_reached(void **state _unused_) {
        static const enum anomaly elsewhere[] = {
                /* of values that no table holds: test_value */
                ANOMALY_FLOAT_TYPE_NOT_FLOAT,
                ANOMALY_VALUE_TOO_LONG,
                /* between rows, columns and datasets: the tests below */
                ANOMALY_UNEXPECTED_DATA_TYPE,
                ANOMALY_FEATURE_TYPE_LOW_UNIQUE,
                ANOMALY_LABEL_ONE_CLASS,
                ANOMALY_SCHEMA_MISSING_COLUMN,
                ANOMALY_SCHEMA_NEW_COLUMN,
                ANOMALY_DATASET_LOW_NUM_EXAMPLES,
                ANOMALY_COMPARATOR_LOW_NUM_EXAMPLES,
                ANOMALY_COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH,
                ANOMALY_COMPARATOR_L_INFTY_HIGH,
        };

        for (enum anomaly code = 1; code < N_ANOMALIES; code++) {
                bool is_reached = false;

                for (size_t i = 0; i < N_ELEMENTS(bads); i++)
                        is_reached |= bads[i].want == code || bads[i].want_batch == code;
                for (size_t i = 0; i < N_ELEMENTS(elsewhere); i++)
                        is_reached |= elsewhere[i] == code;
                if (!is_reached)
                        fail_msg("nothing tests %s", anomaly_name(code));
        }
}

/* Unknown and missing zones are excused up to a half each. */
static void test_shares(void **state _unused_) {
        static const struct {
                size_t n_unknown, n_missing;
                bool want_unknown, want_missing;
        } rows[] = { { 0, 5, false, false }, { 0, 6, false, true }, { 5, 0, false, false }, { 6, 0, true, false },
                     { 2, 5, false, false }, { 3, 5, true, false }, { 0, 10, false, true } };
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
                _cleanup_(validate_report_destroy_pointer) struct validate_report *training = NULL;
                _cleanup_(validate_report_destroy_pointer) struct validate_report *serving = NULL;
                enum anomaly missing = rows[i].n_missing == 10 ? ANOMALY_FEATURE_TYPE_NOT_PRESENT
                                                               : ANOMALY_FEATURE_TYPE_LOW_FRACTION_PRESENT;
                struct table table;

                assert_int_equal(table_builder_create(&builder), 0);
                assert_int_equal(table_builder_add_column(builder, "zone", COLUMN_UTF8), 0);
                for (size_t row = 0; row < 10; row++)
                        assert_int_equal(row < rows[i].n_missing
                                                 ? table_builder_add_missing(builder, 0)
                                                 : table_builder_add_text(
                                                           builder, 0,
                                                           row < rows[i].n_missing + rows[i].n_unknown ? "9" : "2", 1),
                                         0);
                table = table_builder_view(builder);
                training = validate(schema, SCHEMA_TRAINING, &table, 1);
                assert_int_equal(!!find(training, "zone", ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES),
                                 rows[i].want_unknown);
                assert_int_equal(!!find(training, "zone", missing), rows[i].want_missing);
                serving = validate(schema, SCHEMA_SERVING, &table, 1);
                assert_null(find(serving, "zone", ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES));
                assert_null(find(serving, "zone", missing));
        }
}

static void test_key(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(validate_report_destroy_pointer) struct validate_report *report = NULL;
        _cleanup_(validate_report_destroy_pointer) struct validate_report *serving = NULL;
        _cleanup_(dataset_finish) struct dataset dataset;
        const struct validate_finding *finding;
        struct table twice[2];

        dataset_make(&dataset, schema, 100, 60);
        twice[0] = dataset.tables[1];
        twice[1] = dataset.tables[1];
        report = validate(schema, SCHEMA_TRAINING, twice, 2);
        finding = find(report, "id", ANOMALY_FEATURE_TYPE_LOW_UNIQUE);
        assert_non_null(finding);
        assert_int_equal(finding->n_rows, 40);
        assert_int_equal(finding->examples[0].row, 40);
        assert_string_equal(finding->examples[0].value, "180");
        assert_string_equal(finding->message,
                            "key \"180\" stands in rows 1 and 41; 40 of 80 rows repeat the key of an earlier one");
        serving = validate(schema, SCHEMA_SERVING, twice, 2);
        assert_null(find(serving, "id", ANOMALY_FEATURE_TYPE_LOW_UNIQUE));
}

static void test_key_of_another_type(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        _cleanup_(validate_report_destroy_pointer) struct validate_report *report = NULL;
        struct table table;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "id", COLUMN_FLOAT64), 0);
        assert_int_equal(table_builder_add_float64(builder, 0, 7.0), 0);
        table = table_builder_view(builder);
        report = validate(schema, SCHEMA_TRAINING, &table, 1);
        assert_non_null(find(report, "id", ANOMALY_UNEXPECTED_DATA_TYPE));
}

static void test_label_of_one_class(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        _cleanup_(validate_report_destroy_pointer) struct validate_report *report = NULL;
        _cleanup_(validate_report_destroy_pointer) struct validate_report *holdout = NULL;
        const struct validate_options options = { .schema = schema, .is_holdout = true };
        struct table table;

        assert_int_equal(table_builder_create(&builder), 0);
        add_columns(builder, schema);
        /* every fifth row is positive */
        for (uint64_t row = 1; row < 5; row++)
                add_good_row(builder, row);
        table = table_builder_view(builder);
        report = validate(schema, SCHEMA_TRAINING, &table, 1);
        assert_int_equal(report->n_findings, 1);
        assert_string_equal(find(report, "y", ANOMALY_LABEL_ONE_CLASS)->message,
                            "every label is 0, so there is nothing to learn");
        assert_int_equal(validate_dataset(&options, &table, 1, &holdout), 0);
        assert_int_equal(holdout->n_findings, 0);
}

static void test_number_of_rows(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        _cleanup_(dataset_finish) struct dataset small;
        _cleanup_(dataset_finish) struct dataset large;
        struct validate_options options = { .schema = schema };
        struct validate_report *report = NULL;

        dataset_make(&small, schema, 2, 10);
        assert_int_equal(validate_dataset(&options, small.tables, 1, &report), 0);
        assert_string_equal(find(report, "", ANOMALY_DATASET_LOW_NUM_EXAMPLES)->message,
                            "there are 2 rows, at least 3 are required");
        assert_ptr_equal(validate_first_error(report), &report->findings[0]);
        report = validate_report_destroy(report);
        assert_int_equal(validate_dataset(&options, NULL, 0, &report), 0);
        assert_non_null(find(report, "", ANOMALY_DATASET_LOW_NUM_EXAMPLES));
        report = validate_report_destroy(report);
        options.n_rows_beside = 1;
        assert_int_equal(validate_dataset(&options, small.tables, 1, &report), 0);
        assert_null(find(report, "", ANOMALY_DATASET_LOW_NUM_EXAMPLES));
        report = validate_report_destroy(report);

        dataset_make(&large, schema, 100, 100);
        assert_int_equal(validate_dataset(&options, large.tables, 1, &report), 0);
        assert_int_equal(baseline_create(schema, report->sketches, large.tables, 1, &baseline), 0);
        report = validate_report_destroy(report);
        options.baseline = baseline;
        assert_int_equal(validate_dataset(&options, small.tables, 1, &report), 0);
        assert_int_equal(find(report, "", ANOMALY_COMPARATOR_LOW_NUM_EXAMPLES)->severity, SEVERITY_ERROR);
        report = validate_report_destroy(report);
}

static void test_drift(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        _cleanup_(dataset_finish) struct dataset old;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        struct validate_options options = { .schema = schema };
        struct validate_report *report = NULL;
        struct table table;

        dataset_make(&old, schema, 2000, 500);
        assert_int_equal(validate_dataset(&options, old.tables, old.n_tables, &report), 0);
        assert_int_equal(baseline_create(schema, report->sketches, old.tables, old.n_tables, &baseline), 0);
        report = validate_report_destroy(report);
        options.baseline = baseline;
        assert_int_equal(validate_dataset(&options, old.tables, old.n_tables, &report), 0);
        assert_int_equal(report->n_drifts, 5);
        assert_int_equal(report->n_findings, 0);
        report = validate_report_destroy(report);

        /* only every sixth row: one sex, one zone, never tame, fewer ages */
        assert_int_equal(table_builder_create(&builder), 0);
        add_columns(builder, schema);
        for (uint64_t row = 0; row < 103 * 60; row += 6)
                if (row % 103 < 50)
                        add_good_row(builder, row);
        for (uint64_t row = 0; row < 600; row += 6)
                add_good_row(builder, 1000000 + row * 103);
        table = table_builder_view(builder);
        assert_int_equal(validate_dataset(&options, &table, 1, &report), 0);
        assert_non_null(find(report, "age", ANOMALY_COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH));
        assert_non_null(find(report, "sex", ANOMALY_COMPARATOR_L_INFTY_HIGH));
        assert_int_equal(find(report, "tame", ANOMALY_COMPARATOR_L_INFTY_HIGH)->severity, SEVERITY_ERROR);
        report = validate_report_destroy(report);
}

static void put(const struct validate_report *report, struct buffer *text) {
        struct json_builder json = json_begin(text, JSON_COMPACT);

        json_begin_array(&json);
        validate_put_json(report, &json);
        assert_int_equal(validate_put_statistics(report, &json), 0);
        json_end_array(&json);
        assert_int_equal(json_end(&json), 0);
}

/* One thread or all of them: the same bytes. */
static void test_threads_change_nothing(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(dataset_finish) struct dataset dataset;
        _cleanup_(buffer_finish) struct buffer one = BUFFER_NULL;
        _cleanup_(buffer_finish) struct buffer all = BUFFER_NULL;
        struct validate_report *report;
        cpu_set_t before, first;
        int cpu = 0;

        dataset_make(&dataset, schema, 40000, 1000);
        report = validate(schema, SCHEMA_TRAINING, dataset.tables, dataset.n_tables);
        assert_true(sketch_is_approximate(&report->sketches[SIZE]));
        put(report, &all);
        validate_report_destroy(report);
        assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
        while (!CPU_ISSET(cpu, &before))
                cpu++;
        CPU_ZERO(&first);
        CPU_SET(cpu, &first);
        assert_int_equal(sched_setaffinity(0, sizeof(first), &first), 0);
        report = validate(schema, SCHEMA_TRAINING, dataset.tables, dataset.n_tables);
        put(report, &one);
        validate_report_destroy(report);
        assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
        assert_string_equal(buffer_text(&one), buffer_text(&all));
}

static void test_json(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(validate_report_destroy_pointer) struct validate_report *report = NULL;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_COMPACT);
        struct fault fault = FAULT_NULL;
        struct table table;

        builder = make_bad_column(schema, &bads[0], 5, 0);
        table = table_builder_view(builder);
        report = validate(schema, SCHEMA_TRAINING, &table, 1);
        validate_put_json(report, &json);
        assert_int_equal(json_end(&json), 0);
        assert_string_equal(
                buffer_text(&text),
                "{\"environment\":\"TRAINING\",\"rows\":6,\"valid\":false,\"anomalies\":[{\"column\":\"age\",\"code\":"
                "\"INT_TYPE_SMALL_INT\",\"severity\":\"error\",\"rows\":1,\"fraction\":0.16666666666666666,\"message\":"
                "\"value \\\"17\\\" is below the minimum, which is 18 (1 of 6 rows, first row 6)\",\"examples\":[{"
                "\"row\":5,\"value\":\"17\"}]}],\"drift\":[]}");
        assert_int_equal(validate_fault(validate_first_error(report), &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "INT_TYPE_SMALL_INT");
        assert_string_equal(fault.column, "age");
        assert_int_equal(fault.row, 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_same_verdict_everywhere),
                cmocka_unit_test(test_every_code_is_reached),
                cmocka_unit_test(test_shares),
                cmocka_unit_test(test_key),
                cmocka_unit_test(test_key_of_another_type),
                cmocka_unit_test(test_label_of_one_class),
                cmocka_unit_test(test_number_of_rows),
                cmocka_unit_test(test_drift),
                cmocka_unit_test(test_threads_change_nothing),
                cmocka_unit_test(test_json),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
