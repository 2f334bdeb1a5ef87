/* Generated rows as a source: in the schema's order, the same from any number of cores. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "common/base/file.h"
#include "common/source/source_generate.h"
#include "tests/support/scratch.h"

static const char drawn[] = "generator: 1\n"
                            "draws:\n"
                            "  - {column: n, sequence: {}}\n"
                            "  - {column: hidden, table: [[1, 5], [2, 5]]}\n"
                            "  - column: coat\n"
                            "    given: hidden\n"
                            "    evidence: {shrink: 2}\n"
                            "    table: {1: [[red, 30, 10], [blue, 70, 20]], 2: [[red, 50, 40], [green, 50, 10]]}\n"
                            "  - {column: price, quantiles: {points: [[0, 1], [1, 2]]}}\n"
                            "  - {column: back, label: {log_odds: 0}}\n";

/* Another order than that of the draws, and one column that nobody draws. */
static const char schema_yaml[] = "schema: 1\n"
                                  "environments: [TRAINING, SERVING]\n"
                                  "columns:\n"
                                  "  - {name: back, role: label, type: bool}\n"
                                  "  - {name: price, type: float}\n"
                                  "  - {name: coat, type: category, values: [red, green, blue]}\n"
                                  "  - {name: weather, type: int, required_in: [], missing: keep}\n"
                                  "  - {name: n, role: key, type: int}\n";

static struct schema *create_schema(void) {
        struct fault fault = FAULT_NULL;
        struct schema *schema = NULL;

        if (schema_parse("schema.yaml", schema_yaml, strlen(schema_yaml), &fault, &schema))
                fail_msg("%s:%ld: %s", fault.file, (long)fault.line, fault.message);
        return schema;
}

static int open_source(struct scratch *scratch, const struct schema *schema, const char *uri, const char *yaml,
                       struct source **ret_source, struct fault *fault) {
        struct source_options options = { .uri = uri, .pipeline_path = scratch->folder, .schema = schema };

        assert_int_equal(file_replace(scratch_path(scratch, "generator.yaml"), yaml, strlen(yaml)), 0);
        return source_open(&options, ret_source, fault);
}

static void test_batches_follow_each_other(void **state) {
        static const size_t rows[] = { 1, 1000, TABLE_BATCH_ROWS, TABLE_BATCH_ROWS + 1, 5 * TABLE_BATCH_ROWS + 17 };
        _cleanup_(schema_destroy_pointer) struct schema *schema = create_schema();

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(source_close_pointer) struct source *source = NULL;
                struct fault fault = FAULT_NULL;
                struct table batch;
                size_t n_rows = 0;
                char uri[64];

                snprintf(uri, sizeof(uri), "generate:rows=%zu,seed=3", rows[i]);
                assert_int_equal(open_source(*state, schema, uri, drawn, &source, &fault), 0);
                assert_int_equal(source_n_rows(source), rows[i]);
                for (;;) {
                        assert_int_equal(source_read(source, &batch, &fault), 0);
                        if (batch.n_rows == 0)
                                break;
                        assert_int_equal(batch.n_rows,
                                         rows[i] - n_rows < TABLE_BATCH_ROWS ? rows[i] - n_rows : TABLE_BATCH_ROWS);
                        for (size_t k = 0; k < batch.n_rows; k++)
                                assert_int_equal(batch.columns[4].int64[k], (int64_t)(n_rows + k) + 1);
                        n_rows += batch.n_rows;
                }
                assert_int_equal(n_rows, rows[i]);
                assert_int_equal(source_read(source, &batch, &fault), 0);
                assert_int_equal(batch.n_rows, 0);
        }
}

static void test_columns_are_the_schemas(void **state) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = create_schema();
        _cleanup_(source_close_pointer) struct source *source = NULL;
        struct fault fault = FAULT_NULL;
        struct table batch;

        assert_int_equal(open_source(*state, schema, "generate:rows=100", drawn, &source, &fault), 0);
        assert_int_equal(source_read(source, &batch, &fault), 0);
        assert_int_equal(batch.n_rows, 100);
        assert_int_equal(batch.n_columns, 5);
        for (size_t i = 0; i < 5; i++)
                assert_string_equal(batch.columns[i].name, schema->columns[i].name);
        assert_int_equal(batch.columns[0].type, COLUMN_INT64);
        assert_int_equal(batch.columns[1].type, COLUMN_FLOAT64);
        assert_int_equal(batch.columns[2].type, COLUMN_UTF8);
        for (size_t i = 0; i < 100; i++) {
                assert_true(column_is_present(&batch.columns[2], i));
                assert_false(column_is_present(&batch.columns[3], i));
        }
}

static void test_columns_that_nobody_draws_are_told(void **state) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = create_schema();
        _cleanup_(source_close_pointer) struct source *source = NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(open_source(*state, schema, "generate:rows=1", drawn, &source, &fault), 0);
        for (size_t i = 0; i < 5; i++)
                assert_int_equal(source_has_column(source, i), i != 3);
        /* what is drawn for others alone is no column of the source */
        assert_int_equal(source_n_unknown(source), 0);
}

static void test_more_rows_begin_with_fewer(void **state) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = create_schema();
        _cleanup_(source_close_pointer) struct source *few = NULL, *many = NULL;
        struct fault fault = FAULT_NULL;
        struct table a, b;

        assert_int_equal(open_source(*state, schema, "generate:rows=500,seed=8", drawn, &few, &fault), 0);
        assert_int_equal(open_source(*state, schema, "generate:seed=8,rows=200000", drawn, &many, &fault), 0);
        assert_int_equal(source_read(few, &a, &fault), 0);
        assert_int_equal(source_read(many, &b, &fault), 0);
        assert_memory_equal(a.columns[0].int64, b.columns[0].int64, 500 * sizeof(int64_t));
        assert_memory_equal(a.columns[1].float64, b.columns[1].float64, 500 * sizeof(double));
        assert_memory_equal(a.columns[2].offsets, b.columns[2].offsets, 501 * sizeof(int32_t));
        assert_memory_equal(a.columns[2].text, b.columns[2].text, (size_t)a.columns[2].offsets[500]);
}

static void test_defaults(void **state) {
        struct source_generate_request request = { 0 };
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(source_generate_parse("generate:", &request, &fault), 0);
        assert_int_equal(request.n_rows, 50000);
        assert_int_equal(request.seed, 1);
        assert_int_equal(
                source_generate_parse("generate:seed=9223372036854775807,rows=1000000000000", &request, &fault), 0);
        assert_int_equal(request.n_rows, UINT64_C(1000000000000));
        assert_int_equal(request.seed, INT64_MAX);
}

static void test_bad_addresses_are_refused(void **state) {
        static const struct {
                const char *uri;
                const char *want_words;
        } rows[] = {
                { "generate:rows=0", "rows must be an integer from 1 to 1000000000000, not \"0\"" },
                { "generate:rows=1000000000001", "rows must be" },
                { "generate:rows=99999999999999999999999999", "rows must be" },
                { "generate:rows=-5", "not \"-5\"" },
                { "generate:rows=5e3", "not \"5e3\"" },
                { "generate:rows= 5", "not \" 5\"" },
                { "generate:rows=", "rows must be" },
                { "generate:rows", "rows must be" },
                { "generate:seed=9223372036854775808", "seed must be" },
                { "generate:rows=5,rows=6", "rows is given twice" },
                { "generate:row=5", "no key \"row\" (did you mean rows?)" },
                { "generate:rows=5,size=6", "no key \"size\"" },
                { "generate:rows=5,", "must follow the last comma" },
                { "generate:,rows=5", "no key \"\"" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct source_generate_request request = { 7, 7 };
                struct fault fault = FAULT_NULL;

                assert_int_equal(source_generate_parse(rows[i].uri, &request, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "SOURCE_URI_INVALID");
                assert_string_equal(fault.file, rows[i].uri);
                if (!strstr(fault.message, rows[i].want_words))
                        fail_msg("%s: %s", rows[i].uri, fault.message);
                assert_int_equal(request.n_rows, 7);
        }
}

static void test_faults_of_the_file_are_passed_on(void **state) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = create_schema();
        struct source *source = NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(open_source(*state, schema, "generate:", "generator: 1\ndraws: 5\n", &source, &fault),
                         FAULT_E_INPUT);
        assert_null(source);
        assert_int_equal(fault.line, 2);
        assert_non_null(strstr(fault.file, "generator.yaml"));
        fault = (struct fault)FAULT_NULL;
        assert_int_equal(open_source(*state, schema, "generte:", drawn, &source, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "SOURCE_SCHEME_UNKNOWN");
        assert_null(source);
}

static void test_an_address_is_checked_without_its_password(void **state) {
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(source_check("generate:rows=7,seed=2", &fault), 0);
        assert_int_equal(source_check("file:///nowhere/at-all.csv", &fault), 0);
        assert_string_equal(fault.file, "");
        assert_int_equal(source_check("file://", &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "SOURCE_URI_INVALID");
        assert_int_equal(source_check("generate:rows=x", &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "SOURCE_URI_INVALID");
        assert_int_equal(source_check("mongo://user:secret@host/", &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "SOURCE_SCHEME_UNKNOWN");
        assert_string_equal(fault.file, "");
        assert_non_null(strstr(fault.message, "\"mongo:\""));
        assert_null(strstr(fault.message, "secret"));
        assert_non_null(strstr(fault.message, "file://, generate:, mongodb://, mongodb+srv://"));
        assert_int_equal(source_check("mongodb://user:secret@host/", &fault), 0);
        assert_int_equal(source_check("mongodb+srv://user:secret@a.host.name/", &fault), 0);
        for (size_t i = 0; i < 8; i++) {
                static const char *const wrong[] = {
                        "mongodb://user:sec@ret@host/",    "mongodb://user:sec/ret@host/",
                        "mongodb://user:sec%zzret@host/",  "mongodb://user:sec?ret@host/",
                        "mongodb+srv://user:secret@host/", "mongodb://user:secret@host:x/",
                        "mongodb://user:secret@/",         "mongodb://user:secret@host/?tls=secret"
                };

                assert_int_equal(source_check(wrong[i], &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "SOURCE_URI_INVALID");
                assert_null(strstr(fault.message, "sec"));
                assert_null(strstr(fault.message, "ret@"));
                assert_string_equal(fault.file, "mongodb");
        }
        assert_int_equal(source_check("mongodb://host/?tls=maybe", &fault), FAULT_E_INPUT);
        assert_non_null(strstr(fault.message, "maybe"));
        assert_int_equal(source_check("secret", &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "SOURCE_SCHEME_UNKNOWN");
}

#define test(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(test_batches_follow_each_other),
                test(test_columns_are_the_schemas),
                test(test_columns_that_nobody_draws_are_told),
                test(test_more_rows_begin_with_fewer),
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_an_address_is_checked_without_its_password),
                cmocka_unit_test(test_bad_addresses_are_refused),
                test(test_faults_of_the_file_are_passed_on),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
