/* Ingest: rows that cannot be read are told by their place, or set aside. */

#include <inttypes.h>

#include "common/base/buffer.h"
#include "tests/unit/ingestor/intake.h"

#define HEADER "id,weight,colour,ripe\n"

static const struct {
        const char *what;
        const char *name;
        const char *text;
        const char *want_code;
        int64_t want_line;
        const char *want_column;
} bad_files[] = {
        { "empty", "in.csv", "", "EMPTY_SOURCE", 0, "" },
        { "header only", "in.csv", HEADER, "EMPTY_SOURCE", 0, "" },
        { "one field too few", "in.csv", HEADER "1,2,red,0\n2,2,red\n", "CSV_WRONG_COLUMN_COUNT", 3, "" },
        { "one field too many", "in.csv", HEADER "1,2,red,0,9\n", "CSV_WRONG_COLUMN_COUNT", 2, "" },
        { "text in a number", "in.csv", HEADER "1,2,red,0\n2,heavy,red,1\n", "FLOAT_TYPE_STRING_NOT_FLOAT", 3,
          "weight" },
        { "text in a key", "in.csv", HEADER "one,2,red,0\n", "INT_TYPE_INT_EXPECTED", 2, "id" },
        { "text in a label", "in.csv", HEADER "1,2,red,maybe\n", "BOOL_TYPE_STRING_NOT_INT", 2, "ripe" },
        { "not UTF-8", "in.csv",
          HEADER "1,2,r\xff"
                 "d,0\n",
          "CSV_NOT_UTF8", 2, "" },
        { "no key", "in.csv", HEADER "1,2,red,0\n,2,red,0\n", "KEY_MISSING", 0, "id" },
        { "NaN for a key", "in.csv", HEADER "nan,2,red,0\n", "KEY_MISSING", 0, "id" },
        { "no column of the key", "in.csv", "weight,colour,ripe\n2,red,0\n", "SCHEMA_MISSING_COLUMN", 0, "id" },
        { "no column that is known", "in.csv", "a,b\n1,2\n", "SOURCE_NO_KNOWN_COLUMN", 0, "" },
        { "JSON text for a number", "in.ndjson",
          "{\"id\":1,\"weight\":1,\"colour\":\"red\",\"ripe\":0}\n"
          "{\"id\":2,\"weight\":\"1\",\"colour\":\"red\",\"ripe\":0}\n",
          "FLOAT_TYPE_STRING_NOT_FLOAT", 2, "weight" },
        { "JSON number for a text", "in.ndjson", "{\"id\":1,\"weight\":1,\"colour\":3,\"ripe\":0}\n",
          "ENUM_TYPE_INT_NOT_STRING", 1, "colour" },
        { "cut JSON", "in.ndjson", "{\"id\":1,\"weight\":1,\"colour\":\"red\",\"ripe\":0}\n{\"id\":\n",
          "JSON_MALFORMED", 2, "" },
};

static void test_the_first_bad_row_ends_the_run(void **state) {
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };

        for (size_t i = 0; i < N_ELEMENTS(bad_files); i++) {
                print_message("  %s\n", bad_files[i].what);
                intake_write_text(intake, bad_files[i].name, bad_files[i].text);
                assert_int_equal(intake_run(intake, &ingestion), FAULT_E_INPUT);
                assert_string_equal(intake->fault.code, bad_files[i].want_code);
                assert_int_equal(intake->fault.line, bad_files[i].want_line);
                assert_string_equal(intake->fault.column, bad_files[i].want_column);
                assert_string_equal(intake->fault.file, intake->uri + strlen("file://"));
                assert_true(strlen(intake->fault.message) > 10);
        }
        assert_int_equal(ingestion.n_rows, 0);
        assert_int_equal(intake_count_files(intake, "store"), 0);
}

static void test_a_mistyped_key_is_recognised(void **state) {
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };

        intake_write_text(intake, "in.csv", "Id,weight,colour,ripe\n1,2,red,0\n");
        assert_int_equal(intake_run(intake, &ingestion), FAULT_E_INPUT);
        assert_string_equal(intake->fault.code, "SCHEMA_MISSING_COLUMN");
        assert_string_equal(intake->fault.column, "id");
        assert_non_null(strstr(intake->fault.message, "there is a column \"Id\""));
        intake->parameters.max_bad_fraction = 0.5;
        assert_int_equal(intake_run(intake, &ingestion), FAULT_E_INPUT);
        assert_string_equal(intake->fault.code, "BAD_ROWS_TOO_MANY");
        assert_non_null(strstr(intake->fault.message, "there is a column \"Id\""));
}

static void test_a_field_of_ten_megabytes_is_refused(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };

        assert_int_equal(buffer_append_text(&text, HEADER "1,2,red,0\n2,2,"), 0);
        assert_int_equal(buffer_reserve(&text, 10000000), 0);
        memset(text.data + text.n_bytes, 'x', 10000000);
        text.n_bytes += 10000000;
        assert_int_equal(buffer_append_text(&text, ",0\n"), 0);
        intake_write(intake, "in.csv", text.data, text.n_bytes);
        intake->parameters.max_bad_fraction = 1.0;
        assert_int_equal(intake_run(intake, &ingestion), FAULT_E_INPUT);
        assert_string_equal(intake->fault.code, "CSV_FIELD_TOO_LONG");
        assert_int_equal(intake->fault.line, 3);
        assert_string_equal(intake->fault.column, "colour");
}

static void test_a_file_that_is_not_there_is_named(void **state) {
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };

        snprintf(intake->uri, sizeof(intake->uri), "file:///nowhere/at-all.csv");
        assert_int_equal(intake_run(intake, &ingestion), FAULT_E_INPUT);
        assert_string_equal(intake->fault.code, "FILE_NOT_FOUND");
        assert_string_equal(intake->fault.file, "/nowhere/at-all.csv");
}

/* A cell of rejected.arrow as text, "-" when missing. */
static void cell_of(const struct table *table, const char *name, size_t row, char *ret_text, size_t n_bytes) {
        const struct column *column = table_find(table, name);
        const char *text;
        size_t n;

        assert_non_null(column);
        if (!column_is_present(column, row)) {
                snprintf(ret_text, n_bytes, "-");
        } else if (column->type == COLUMN_INT64) {
                snprintf(ret_text, n_bytes, "%" PRId64, column->int64[row]);
        } else {
                text = column_text(column, row, &n);
                snprintf(ret_text, n_bytes, "%.*s", (int)n, text);
        }
}

/* All rejected rows as "row line column code text" lines. */
static void transcribe(struct intake *intake, const struct dataset *dataset, struct buffer *text) {
        static const char *const names[] = { "source_row", "line", "column", "code", "text" };
        struct arrow_file *file = intake_open(intake, dataset);
        struct table batch;
        char cell[8192];

        for (size_t b = 0; b < arrow_file_n_batches(file); b++) {
                assert_int_equal(arrow_file_batch(file, b, &batch, &intake->fault), 0);
                for (size_t i = 0; i < batch.n_rows; i++) {
                        cell_of(&batch, "message", i, cell, sizeof(cell));
                        assert_true(strlen(cell) > 10);
                        for (size_t k = 0; k < N_ELEMENTS(names); k++) {
                                cell_of(&batch, names[k], i, cell, sizeof(cell));
                                assert_int_equal(buffer_printf(text, "%s%s", k ? " " : "", cell), 0);
                        }
                        assert_int_equal(buffer_append_text(text, "\n"), 0);
                }
        }
        arrow_file_close(file);
}

static void test_bad_rows_are_set_aside_with_reasons(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };

        intake_write_text(intake, "in.csv",
                          HEADER "1,2,red,0\n"
                                 "2,heavy,red,1\n"
                                 ",2,red,1\n"
                                 "4,2,red\n"
                                 "5,2,r\xff"
                                 "d,0\n"
                                 "6,2,red,1\n"
                                 ",3,green,0\n"
                                 "8,2,red,1\n");
        intake->parameters.max_bad_fraction = 0.7;
        assert_int_equal(intake_run(intake, &ingestion), 0);
        assert_int_equal(ingestion.n_rows, 8);
        assert_int_equal(ingestion.n_bad, 5);
        assert_int_equal(ingestion.train.n_rows + ingestion.test.n_rows, 3);
        assert_true(ingestion.has_rejected);
        assert_int_equal(ingestion.rejected.n_rows, 5);
        transcribe(intake, &ingestion.rejected, &text);
        /* what the source sets aside comes first, as a whole batch is read before it is dealt */
        assert_string_equal(buffer_text(&text), "2 3 weight FLOAT_TYPE_STRING_NOT_FLOAT 2,heavy,red,1\n"
                                                "4 5 - CSV_WRONG_COLUMN_COUNT 4,2,red\n"
                                                "5 6 - CSV_NOT_UTF8 5,2,r\xef\xbf\xbd"
                                                "d,0\n"
                                                "3 - id KEY_MISSING ,2,red,1\n"
                                                "7 - id KEY_MISSING ,3,green,0\n");
}

/* n_bad of n rows, the first bad one in row 3. */
static void write_share(struct intake *intake, int n, int n_bad) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;

        assert_int_equal(buffer_append_text(&text, HEADER), 0);
        for (int i = 0; i < n; i++)
                assert_int_equal(buffer_printf(&text, "%d,%s,red,0\n", i, i >= 3 && i < 3 + n_bad ? "heavy" : "1"), 0);
        intake_write(intake, "in.csv", text.data, text.n_bytes);
}

static void test_a_share_of_exactly_the_most_passes(void **state) {
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };

        intake->parameters.max_bad_fraction = 0.29;
        write_share(intake, 100, 29);
        assert_int_equal(intake_run(intake, &ingestion), 0);
        assert_int_equal(ingestion.n_bad, 29);
        write_share(intake, 100, 30);
        assert_int_equal(intake_run(intake, &ingestion), FAULT_E_INPUT);
        assert_string_equal(intake->fault.code, "BAD_ROWS_TOO_MANY");
        assert_int_equal(intake->fault.line, 5);
        assert_int_equal(intake->fault.row, 3);
        assert_string_equal(intake->fault.column, "weight");
        assert_non_null(strstr(intake->fault.message, "30 of 100 rows"));
        /* a sentence counts from 1 */
        assert_non_null(strstr(intake->fault.message, "the first, in row 4: "));
        assert_non_null(strstr(intake->fault.message, "\"heavy\""));
}

static void test_many_bad_rows_are_all_kept(void **state) {
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };
        _cleanup_(free_pointer) int64_t *rows = NULL;

        intake->parameters.max_bad_fraction = 0.9;
        write_share(intake, 5000, 3000);
        assert_int_equal(intake_run(intake, &ingestion), 0);
        assert_int_equal(ingestion.rejected.n_rows, 3000);
        rows = intake_numbers(intake, &ingestion.rejected, "source_row");
        for (int64_t i = 0; i < 3000; i++)
                assert_int_equal(rows[i], 4 + i);
}

static void test_nothing_but_bad_rows_is_no_source(void **state) {
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };

        intake->parameters.max_bad_fraction = 1.0;
        intake_write_text(intake, "in.csv", HEADER "one,1,red,0\ntwo,1,red,0\n");
        assert_int_equal(intake_run(intake, &ingestion), FAULT_E_INPUT);
        assert_string_equal(intake->fault.code, "EMPTY_SOURCE");
        assert_int_equal(intake->fault.line, 2);
        assert_non_null(strstr(intake->fault.message, "\"one\""));
}

static void test_values_that_the_schema_forbids_are_for_the_validator(void **state) {
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };

        intake_write_text(intake, "in.csv", HEADER "1,nan,blue,7\n1,inf,,0\n");
        assert_int_equal(intake_run(intake, &ingestion), 0);
        assert_int_equal(ingestion.train.n_rows + ingestion.test.n_rows, 2);
        assert_int_equal(ingestion.n_bad, 0);
}

static void test_columns_that_nobody_knows_are_passed_over(void **state) {
        struct intake *intake = *state;
        struct ingestion with = { 0 }, without = { 0 };

        intake_write_text(intake, "in.csv", "note,ripe,id,colour,weight\nhello,0,1,red,2.5\nx,1,2,green,3\n");
        assert_int_equal(intake_run(intake, &with), 0);
        intake_write_text(intake, "in.csv", HEADER "1,2.5,red,0\n2,3,green,1\n");
        assert_int_equal(intake_run(intake, &without), 0);
        assert_string_equal(with.train.sha256, without.train.sha256);
        assert_string_equal(with.test.sha256, without.test.sha256);
        assert_int_equal(with.n_new_columns, 1);
        assert_int_equal(with.n_new, 1);
        assert_string_equal(with.new[0].name, "note");
        assert_int_equal(without.n_new_columns + without.n_missing_columns + with.n_missing_columns, 0);
}

static void test_columns_that_are_not_there_are_named_and_change_no_byte(void **state) {
        static const char *const files[] = {
                HEADER "1,,red,\n2,,green,\n",
                "id,colour\n1,red\n2,green\n",
                "{\"id\":1,\"colour\":\"red\"}\n{\"id\":2,\"colour\":\"green\"}\n",
        };
        struct intake *intake = *state;
        struct ingestion full = { 0 }, ingestion = { 0 };

        for (size_t i = 0; i < N_ELEMENTS(files); i++) {
                intake_write_text(intake, "in", files[i]);
                assert_int_equal(intake_run(intake, i ? &ingestion : &full), 0);
                if (!i)
                        continue;
                assert_string_equal(ingestion.train.sha256, full.train.sha256);
                assert_string_equal(ingestion.test.sha256, full.test.sha256);
                assert_int_equal(ingestion.n_missing_columns, 2);
                assert_int_equal(ingestion.n_missing, 2);
                assert_string_equal(ingestion.missing[0].name, "weight");
                assert_string_equal(ingestion.missing[1].name, "ripe");
        }
        assert_int_equal(full.n_missing_columns, 0);
}

static void test_so_many_columns_are_named_and_all_counted(void **state) {
        enum { N_NEW = INGESTION_COLUMNS_MAX + 8 };
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct intake *intake = *state;
        struct ingestion ingestion = { 0 };

        for (int i = 0; i < N_NEW; i++)
                assert_int_equal(buffer_printf(&text, "c%d,", i), 0);
        assert_int_equal(buffer_append_text(&text, HEADER), 0);
        for (int i = 0; i < N_NEW; i++)
                assert_int_equal(buffer_append_text(&text, "x,"), 0);
        assert_int_equal(buffer_append_text(&text, "1,2,red,0\n"), 0);
        intake_write(intake, "in.csv", text.data, text.n_bytes);
        assert_int_equal(intake_run(intake, &ingestion), 0);
        assert_int_equal(ingestion.n_new_columns, N_NEW);
        assert_int_equal(ingestion.n_new, INGESTION_COLUMNS_MAX);
        assert_string_equal(ingestion.new[INGESTION_COLUMNS_MAX - 1].name, "c31");
}

#define test(function) cmocka_unit_test_setup_teardown(function, intake_setup, intake_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(test_the_first_bad_row_ends_the_run),
                test(test_a_mistyped_key_is_recognised),
                test(test_a_field_of_ten_megabytes_is_refused),
                test(test_a_file_that_is_not_there_is_named),
                test(test_bad_rows_are_set_aside_with_reasons),
                test(test_a_share_of_exactly_the_most_passes),
                test(test_many_bad_rows_are_all_kept),
                test(test_nothing_but_bad_rows_is_no_source),
                test(test_values_that_the_schema_forbids_are_for_the_validator),
                test(test_columns_that_nobody_knows_are_passed_over),
                test(test_columns_that_are_not_there_are_named_and_change_no_byte),
                test(test_so_many_columns_are_named_and_all_counted),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
