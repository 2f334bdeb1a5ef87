/* Validation, columns: those that are absent, and those that the schema does not know. */

#include "tests/unit/data/validate_fixture.h"

static void test_columns_absent_and_new(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        _cleanup_(validate_report_destroy_pointer) struct validate_report *training = NULL;
        _cleanup_(validate_report_destroy_pointer) struct validate_report *serving = NULL;
        const struct validate_finding *finding;
        struct table table;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "age", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_column(builder, "colour", COLUMN_INT64), 0);
        for (size_t i = 0; i < 5; i++) {
                assert_int_equal(table_builder_add_int64(builder, 0, 30), 0);
                assert_int_equal(table_builder_add_int64(builder, 1, 1), 0);
        }
        table = table_builder_view(builder);
        training = validate(schema, SCHEMA_TRAINING, &table, 1);
        finding = find(training, "sex", ANOMALY_SCHEMA_MISSING_COLUMN);
        assert_non_null(finding);
        assert_int_equal(finding->severity, SEVERITY_ERROR);
        assert_non_null(find(training, "y", ANOMALY_SCHEMA_MISSING_COLUMN));
        assert_non_null(find(training, "id", ANOMALY_SCHEMA_MISSING_COLUMN));
        assert_null(find(training, "note", ANOMALY_SCHEMA_MISSING_COLUMN));
        finding = find(training, "colour", ANOMALY_SCHEMA_NEW_COLUMN);
        assert_non_null(finding);
        assert_int_equal(finding->severity, SEVERITY_WARNING);
        /* warnings stand behind errors */
        assert_int_equal(training->findings[0].severity, SEVERITY_ERROR);
        assert_int_equal(training->findings[training->n_findings - 1].severity, SEVERITY_WARNING);
        serving = validate(schema, SCHEMA_SERVING, &table, 1);
        assert_null(find(serving, "y", ANOMALY_SCHEMA_MISSING_COLUMN));
        assert_null(find(serving, "id", ANOMALY_SCHEMA_MISSING_COLUMN));
        assert_null(find(serving, "zone", ANOMALY_SCHEMA_MISSING_COLUMN));
        assert_non_null(find(serving, "sex", ANOMALY_SCHEMA_MISSING_COLUMN));
}

/* What the source's columns were, though the table has the schema's. */
static void test_columns_of_the_source(void **state _unused_) {
        static const bool missing[N_COLUMNS] = { [SEX] = true, [ZONE] = true, [NOTE] = true, [Y] = true };
        static const char *const names[] = { "colour", "Sexx", "" };
        _cleanup_(schema_destroy_pointer) struct schema *schema = make_schema();
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        struct validate_options options = { .schema = schema,
                                            .environment = SCHEMA_TRAINING,
                                            .columns = { missing, names, N_ELEMENTS(names), 5 } };
        struct validate_report *report = NULL;
        struct table table;

        assert_int_equal(table_builder_create(&builder), 0);
        add_columns(builder, schema);
        /* what a source lacks does not depend on how many rows there are */
        for (size_t n_rows = 0; n_rows < 10; n_rows += 5) {
                for (size_t row = 0; row < n_rows; row++) {
                        assert_int_equal(table_builder_add_int64(builder, ID, (int64_t)row), 0);
                        assert_int_equal(table_builder_add_int64(builder, AGE, 30), 0);
                        assert_int_equal(table_builder_add_float64(builder, SIZE, 1), 0);
                        assert_int_equal(table_builder_add_missing(builder, SEX), 0);
                        assert_int_equal(table_builder_add_missing(builder, ZONE), 0);
                        assert_int_equal(table_builder_add_int64(builder, TAME, 1), 0);
                        assert_int_equal(table_builder_add_missing(builder, NOTE), 0);
                        assert_int_equal(table_builder_add_missing(builder, Y), 0);
                }
                table = table_builder_view(builder);
                options.is_holdout = false;
                assert_int_equal(validate_dataset(&options, &table, 1, &report), 0);
                assert_non_null(find(report, "sex", ANOMALY_SCHEMA_MISSING_COLUMN));
                assert_int_equal(find(report, "sex", ANOMALY_SCHEMA_MISSING_COLUMN)->severity, SEVERITY_ERROR);
                assert_string_equal(find(report, "sex", ANOMALY_SCHEMA_MISSING_COLUMN)->message,
                                    "there is no such column, and TRAINING requires it; there is a column \"Sexx\" (is "
                                    "it meant?)");
                assert_string_equal(find(report, "zone", ANOMALY_SCHEMA_MISSING_COLUMN)->message,
                                    "there is no such column, and TRAINING requires it");
                assert_non_null(find(report, "y", ANOMALY_SCHEMA_MISSING_COLUMN));
                assert_null(find(report, "note", ANOMALY_SCHEMA_MISSING_COLUMN));
                assert_null(find(report, "sex", ANOMALY_FEATURE_TYPE_NOT_PRESENT));
                assert_int_equal(find(report, "colour", ANOMALY_SCHEMA_NEW_COLUMN)->severity, SEVERITY_WARNING);
                assert_non_null(find(report, "Sexx", ANOMALY_SCHEMA_NEW_COLUMN));
                /* three names, and two more */
                assert_string_equal(report->findings[report->n_findings - 2].message,
                                    "there is a column without a name, so it is not read");
                assert_string_equal(report->findings[report->n_findings - 1].message,
                                    "the schema does not know 2 more columns, so they are not read");
                report = validate_report_destroy(report);
                options.is_holdout = true;
                assert_int_equal(validate_dataset(&options, &table, 1, &report), 0);
                assert_int_equal(report->n_findings, 0);
                report = validate_report_destroy(report);
        }
}

static void test_new_columns_are_as_bad_as_the_schema_says(void **state _unused_) {
        static const char text[] = "schema: 1\nenvironments: [TRAINING, SERVING]\ndataset: {new_columns: %s}\n"
                                   "columns: [{name: age, type: int}, {name: y, role: label, type: bool}]\n";
        static const char *const words[] = { "ignore", "warning", "error" };
        const char *names[VALIDATE_NEW_COLUMNS_MAX + 1];

        for (size_t i = 0; i < N_ELEMENTS(names); i++)
                names[i] = "colour";
        for (enum severity severity = SEVERITY_IGNORE; severity <= SEVERITY_ERROR; severity++) {
                _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;
                _cleanup_(validate_report_destroy_pointer) struct validate_report *report = NULL;
                struct validate_options options = { .columns = { .names = names, .n_names = N_ELEMENTS(names) } };
                struct fault fault = FAULT_NULL;
                char yaml[sizeof(text) + 16];
                int n = snprintf(yaml, sizeof(yaml), text, words[severity]);

                assert_int_equal(schema_parse("test.yaml", yaml, (size_t)n, &fault, &schema), 0);
                options.schema = schema;
                options.columns.n_new = N_ELEMENTS(names);
                assert_int_equal(validate_dataset(&options, NULL, 0, &report), 0);
                if (severity == SEVERITY_IGNORE) {
                        assert_null(find(report, "colour", ANOMALY_SCHEMA_NEW_COLUMN));
                        continue;
                }
                assert_int_equal(find(report, "colour", ANOMALY_SCHEMA_NEW_COLUMN)->severity, severity);
                assert_int_equal(find(report, "", ANOMALY_SCHEMA_NEW_COLUMN)->severity, severity);
                assert_non_null(strstr(find(report, "", ANOMALY_SCHEMA_NEW_COLUMN)->message, "does not know 1 more"));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_columns_absent_and_new),
                cmocka_unit_test(test_columns_of_the_source),
                cmocka_unit_test(test_new_columns_are_as_bad_as_the_schema_says),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
