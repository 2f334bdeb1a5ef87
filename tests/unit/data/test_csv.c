/* CSV: what RFC 4180 says, what is refused and where, and the same records as libcsv on random text. */

#include "common/data/csv/csv.h"

#include <csv.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/file.h"
#include "common/base/random.h"
#include <cmocka.h>

/* A reader of bytes, by way of a file without a name. */
static int open_bytes(const void *bytes, size_t n_bytes, int *ret_fd, struct csv_reader **ret_reader,
                      struct fault *fault) {
        FILE *file = tmpfile();
        int fd;

        assert_non_null(file);
        fd = dup(fileno(file));
        fclose(file);
        assert_int_equal(file_write_all(fd, bytes, n_bytes), 0);
        assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
        *ret_fd = fd;
        return csv_reader_create(fd, "in.csv", ret_reader, fault);
}

/* Appends each record as its fields in brackets, each complaint as !CODE@line:position. Returns the last result. */
static int transcribe(const void *bytes, size_t n_bytes, struct buffer *text, struct fault *fault) {
        _cleanup_(csv_reader_destroy_pointer) struct csv_reader *reader = NULL;
        _cleanup_(close_descriptor) int fd = -1;
        struct csv_record record = CSV_RECORD_NULL;
        struct fault before = *fault;
        int r;

        r = open_bytes(bytes, n_bytes, &fd, &reader, fault);
        while (!r || r == CSV_E_RECORD) {
                if (!r)
                        assert_memory_equal(fault, &before, sizeof(before));
                before = *fault;
                r = csv_reader_read(reader, &record, fault);
                if (r == CSV_E_RECORD)
                        assert_int_equal(
                                buffer_printf(text, "!%s@%d:%d\n", fault->code, (int)fault->line, (int)fault->position),
                                0);
                if (r)
                        continue;
                if (!record.n_fields)
                        break;
                for (size_t i = 0; i < record.n_fields; i++)
                        assert_int_equal(
                                buffer_printf(text, "[%.*s]", (int)record.fields[i].n_bytes, record.fields[i].text), 0);
                assert_int_equal(buffer_append_text(text, "\n"), 0);
        }
        return r;
}

static void check(const char *bytes, size_t n_bytes, const char *want) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(transcribe(bytes, n_bytes, &text, &fault), 0);
        assert_string_equal(buffer_text(&text), want);
}

#define CHECK(bytes, want) check(bytes, sizeof(bytes) - 1, want)

static void test_records(void **state) {
        (void)state;
        CHECK("a,b\n1,2\n3,4\n", "[1][2]\n[3][4]\n");
        CHECK("a,b\r\n1,2\r\n3,4\r\n", "[1][2]\n[3][4]\n");
        CHECK("a,b\n1,2\r\n3,4", "[1][2]\n[3][4]\n");
        CHECK("\xef\xbb\xbf"
              "a,b\n1,2\n",
              "[1][2]\n");
        CHECK("a,b\n,\n1,\n,2", "[][]\n[1][]\n[][2]\n");
        CHECK("a,b\n 1 ,\t2\n", "[ 1 ][\t2]\n");
        CHECK("a\n1\n2", "[1]\n[2]\n");
        CHECK("a,b\n", "");
        CHECK("a,b", "");
}

static void test_quotes(void **state) {
        (void)state;
        CHECK("a,b\n\"1\",\"2\"\n", "[1][2]\n");
        CHECK("a,b\n\"x,y\",\"p\nq\"\n1,2\n", "[x,y][p\nq]\n[1][2]\n");
        CHECK("a,b\n\"p\r\nq\",2\r\n", "[p\r\nq][2]\n");
        CHECK("a,b\n\"say \"\"hi\"\"\",\"\"\"\"\n", "[say \"hi\"][\"]\n");
        CHECK("a,b\n\"\",\"\"\n", "[][]\n");
        CHECK("a,b\n5\" disk,it\"s\n", "[5\" disk][it\"s]\n");
        CHECK("a,b\n1,\"end\"", "[1][end]\n");
        CHECK("\"a\",\"b\"\"c\"\n1,2\n", "[1][2]\n");
}

static void test_empty_lines_are_skipped(void **state) {
        (void)state;
        CHECK("\n\r\na,b\n\n\r\n1,2\n\n\n3,4\n\n", "[1][2]\n[3][4]\n");
}

static void test_bad_records_are_named_and_passed_over(void **state) {
        (void)state;
        CHECK("a,b\n1\n2,3\n", "!CSV_WRONG_COLUMN_COUNT@2:0\n[2][3]\n");
        CHECK("a,b\n1,2,3\n4,5", "!CSV_WRONG_COLUMN_COUNT@2:0\n[4][5]\n");
        CHECK("a,b\n\"x\ny\",1\n7\n", "[x\ny][1]\n!CSV_WRONG_COLUMN_COUNT@4:0\n");
        CHECK("a,b\n1,\xff\n2,3\n", "!CSV_NOT_UTF8@2:3\n[2][3]\n");
        CHECK("a,b\n\"x\n\xc3(\",1\n2,3\n", "!CSV_NOT_UTF8@3:1\n[2][3]\n");
        CHECK("a,b\nZ\xc3\xbcrich,\xe2\x82\xac\n", "[Zürich][€]\n");
        CHECK("a,b\n1,\0\n2,3\n", "!CSV_NUL_BYTE@2:3\n[2][3]\n");
        CHECK("a,b\n\"1\0\",x\n2,3\n", "!CSV_NUL_BYTE@2:3\n[2][3]\n");
        CHECK("a,b\n\"1\"x,2\n3,4\n", "!CSV_BAD_QUOTE@2:4\n[3][4]\n");
        CHECK("a,b\n1\r,2\n3,4\n", "!CSV_BAD_LINE_END@2:2\n[3][4]\n");
        CHECK("a,b\n1,2\r", "!CSV_BAD_LINE_END@2:4\n");
}

static void check_refused(const void *bytes, size_t n_bytes, const char *code, int64_t line, int64_t position,
                          const char *column) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(transcribe(bytes, n_bytes, &text, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, code);
        assert_string_equal(fault.file, "in.csv");
        assert_int_equal(fault.line, line);
        assert_int_equal(fault.position, position);
        assert_string_equal(fault.column, column);
}

#define CHECK_REFUSED(bytes, ...) check_refused(bytes, sizeof(bytes) - 1, __VA_ARGS__)

static void test_bad_headers_are_refused(void **state) {
        char name[TABLE_NAME_BYTES + 8];

        (void)state;
        CHECK_REFUSED("", "EMPTY_SOURCE", 0, 0, "");
        CHECK_REFUSED("\n\n", "EMPTY_SOURCE", 0, 0, "");
        CHECK_REFUSED("a,b,a\n1,2,3\n", "CSV_DUPLICATE_COLUMN", 1, 0, "a");
        CHECK_REFUSED("a,\xff\n", "CSV_NOT_UTF8", 1, 3, "");
        CHECK_REFUSED("\xff\xfe"
                      "a\0,\0b\0\n\0",
                      "CSV_NUL_BYTE", 1, 4, "");
        memset(name, 'x', sizeof(name));
        check_refused(name, sizeof(name), "CSV_BAD_HEADER", 1, 0, "");
}

static void test_an_open_quote_is_refused_where_it_opens(void **state) {
        (void)state;
        CHECK_REFUSED("a,b\n1,2\n3,\"4\n5,6\n", "CSV_UNCLOSED_QUOTE", 3, 3, "b");
}

static char *fill_text(size_t n_bytes, const char *before, const char *after, size_t *ret_n_bytes) {
        char *text = malloc(n_bytes + strlen(before) + strlen(after));

        assert_non_null(text);
        memcpy(text, before, strlen(before));
        memset(text + strlen(before), 'x', n_bytes);
        memcpy(text + strlen(before) + n_bytes, after, strlen(after));
        *ret_n_bytes = n_bytes + strlen(before) + strlen(after);
        return text;
}

static void test_a_field_of_ten_megabytes_is_refused(void **state) {
        static const char *const befores[] = { "a,b\n1,2\n3,", "a,b\n1,2\n3,\"" };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(befores); i++) {
                size_t n;
                _cleanup_(free_pointer) char *text = fill_text(10 * 1000 * 1000, befores[i], i ? "\"\n" : "\n", &n);

                check_refused(text, n, "CSV_FIELD_TOO_LONG", 3, 3, "b");
        }
}

static void test_the_longest_field_is_read(void **state) {
        size_t n;
        _cleanup_(free_pointer) char *text = fill_text(CSV_FIELD_BYTES, "a,b\n1,", "\n3,4\n", &n);
        _cleanup_(free_pointer) char *longer = fill_text(CSV_FIELD_BYTES + 1, "a,b\n1,", "\n3,4\n", &n);
        _cleanup_(buffer_finish) struct buffer got = BUFFER_NULL;
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(transcribe(text, n - 1, &got, &fault), 0);
        assert_int_equal(got.n_bytes, CSV_FIELD_BYTES + strlen("[1][]\n[3][4]\n"));
        check_refused(longer, n, "CSV_FIELD_TOO_LONG", 2, 3, "b");
}

/* Records longer than what is read at once, so that every kind of field is cut somewhere. */
static void test_records_across_reads(void **state) {
        _cleanup_(buffer_finish) struct buffer bytes = BUFFER_NULL, want = BUFFER_NULL, got = BUFFER_NULL;
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(buffer_append_text(&bytes, "a,b,c\n"), 0);
        for (int i = 0; bytes.n_bytes < 5 * 1024 * 1024; i++) {
                int n = i % 97;

                assert_int_equal(buffer_printf(&bytes, "%d,\"%.*s\"\"\n,\",é%d\r\n", i, n,
                                               "0123456789012345678901234567890123456789012345678901234567890123456789"
                                               "0123456789012345678901234567890123456789",
                                               i * 7),
                                 0);
                assert_int_equal(buffer_printf(&want, "[%d][%.*s\"\n,][é%d]\n", i, n,
                                               "0123456789012345678901234567890123456789012345678901234567890123456789"
                                               "0123456789012345678901234567890123456789",
                                               i * 7),
                                 0);
        }
        assert_int_equal(transcribe(bytes.data, bytes.n_bytes, &got, &fault), 0);
        assert_int_equal(got.n_bytes, want.n_bytes);
        assert_memory_equal(got.data, want.data, want.n_bytes);
}

static void test_the_record_is_given_as_it_stands(void **state) {
        static const char bytes[] = "a,b\n1,\"x\"\"y\"\r\n1\n";
        _cleanup_(csv_reader_destroy_pointer) struct csv_reader *reader = NULL;
        _cleanup_(close_descriptor) int fd = -1;
        struct fault fault = FAULT_NULL;
        struct csv_record record;

        (void)state;
        assert_int_equal(open_bytes(bytes, sizeof(bytes) - 1, &fd, &reader, &fault), 0);
        assert_int_equal(csv_reader_n_columns(reader), 2);
        assert_string_equal(csv_reader_name(reader, 1), "b");
        assert_int_equal(csv_reader_read(reader, &record, &fault), 0);
        assert_int_equal(record.line, 2);
        assert_int_equal(record.n_bytes, strlen("1,\"x\"\"y\""));
        assert_memory_equal(record.text, "1,\"x\"\"y\"", record.n_bytes);
        assert_int_equal(csv_reader_read(reader, &record, &fault), CSV_E_RECORD);
        assert_int_equal(fault.row, 1);
        assert_non_null(strstr(fault.message, "2 columns"));
        assert_non_null(strstr(fault.message, "has 1"));
        assert_int_equal(record.n_bytes, 1);
        assert_int_equal(csv_reader_read(reader, &record, &fault), 0);
        assert_int_equal(record.n_fields, 0);
        assert_int_equal(csv_reader_n_bytes(reader), sizeof(bytes) - 1);
}

static int never(unsigned char byte) {
        (void)byte;
        return 0;
}

static void on_field(void *field, size_t n_bytes, void *text) {
        assert_int_equal(buffer_printf(text, "[%.*s]", (int)n_bytes, (const char *)field), 0);
}

static void on_record(int end, void *text) {
        (void)end;
        assert_int_equal(buffer_append_text(text, "\n"), 0);
}

/* What libcsv makes of all records behind the header. */
static void ask_oracle(const struct buffer *bytes, struct buffer *text) {
        struct csv_parser parser;
        const char *at;

        assert_int_equal(csv_init(&parser, 0), 0);
        csv_set_space_func(&parser, never);
        assert_int_equal(csv_parse(&parser, bytes->data, bytes->n_bytes, on_field, on_record, text), bytes->n_bytes);
        assert_int_equal(csv_fini(&parser, on_field, on_record, text), 0);
        csv_free(&parser);
        at = strchr(buffer_text(text), '\n') + 1;
        text->n_bytes -= (size_t)(at - buffer_text(text));
        memmove(text->data, at, text->n_bytes);
        text->data[text->n_bytes] = 0;
}

static void append_random_field(struct buffer *bytes, struct random *random) {
        static const char *const plain[] = { "",    "1",    "-2.5", "abc",
                                             " x ", "a\"b", "é",    "a longer text without any mark" };
        static const char *const quoted[] = {
                "", "1", ",", "\n", "\r\n", "\"\"", "a\"\"b", ",\n,\"\"", "text, and more"
        };

        if (random_below(random, 2))
                assert_int_equal(buffer_append_text(bytes, plain[random_below(random, N_ELEMENTS(plain))]), 0);
        else
                assert_int_equal(buffer_printf(bytes, "\"%s%s\"", quoted[random_below(random, N_ELEMENTS(quoted))],
                                               quoted[random_below(random, N_ELEMENTS(quoted))]),
                                 0);
}

static void test_random_text_is_read_as_libcsv_reads_it(void **state) {
        (void)state;
        for (uint64_t seed = 0; seed < 300; seed++) {
                _cleanup_(buffer_finish) struct buffer bytes = BUFFER_NULL, want = BUFFER_NULL, got = BUFFER_NULL;
                struct random random = random_stream(seed, RANDOM_SALT_GENERATOR, 0);
                size_t n_columns = 2 + random_below(&random, 4), n_records = random_below(&random, 40);
                struct fault fault = FAULT_NULL;

                for (size_t k = 0; k < n_columns; k++)
                        assert_int_equal(buffer_printf(&bytes, "%sc%zu", k ? "," : "", k), 0);
                for (size_t i = 0; i < n_records; i++) {
                        assert_int_equal(buffer_append_text(&bytes, random_below(&random, 2) ? "\n" : "\r\n"), 0);
                        for (size_t k = 0; k < n_columns; k++) {
                                if (k)
                                        assert_int_equal(buffer_append_text(&bytes, ","), 0);
                                append_random_field(&bytes, &random);
                        }
                }
                if (random_below(&random, 2))
                        assert_int_equal(buffer_append_text(&bytes, "\n"), 0);
                ask_oracle(&bytes, &want);
                assert_int_equal(transcribe(bytes.data, bytes.n_bytes, &got, &fault), 0);
                assert_string_equal(buffer_text(&got), buffer_text(&want));
        }
}

/* Any bytes at all: records, complaints or a refusal (the sanitizers watch). */
static void test_random_bytes_never_lead_astray(void **state) {
        static const char marks[] = "a1,,,\"\"\n\n\r\r\0\xc3\xa9\xff";

        (void)state;
        for (uint64_t seed = 0; seed < 3000; seed++) {
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                struct random random = random_stream(seed, RANDOM_SALT_GENERATOR, 1);
                size_t n = random_below(&random, 200);
                struct fault fault = FAULT_NULL;
                char bytes[204] = "a,b\n";
                int r;

                for (size_t i = 4; i < n; i++)
                        bytes[i] = marks[random_below(&random, sizeof(marks) - 1)];
                r = transcribe(bytes, n < 4 ? 4 : n, &text, &fault);
                assert_true(!r || r == FAULT_E_INPUT);
        }
}

static void test_what_is_written_reads_back(void **state) {
        static const char *const texts[] = { "plain", "a,b", "say \"hi\"", "two\nlines", "\r", " x ", "é" };
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        _cleanup_(buffer_finish) struct buffer bytes = BUFFER_NULL, got = BUFFER_NULL, want = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        struct table table;

        (void)state;
        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "id", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_column(builder, "a \"text\", quoted", COLUMN_UTF8), 0);
        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                assert_int_equal(table_builder_add_int64(builder, 0, -(int64_t)i), 0);
                assert_int_equal(table_builder_add_text(builder, 1, texts[i], strlen(texts[i])), 0);
                assert_int_equal(buffer_printf(&want, "[%d][%s]\n", -(int)i, texts[i]), 0);
        }
        assert_int_equal(table_builder_add_missing(builder, 0), 0);
        assert_int_equal(table_builder_add_missing(builder, 1), 0);
        assert_int_equal(buffer_append_text(&want, "[][]\n"), 0);
        table = table_builder_view(builder);
        assert_int_equal(csv_append_header(&table, &bytes), 0);
        assert_string_equal(buffer_text(&bytes), "id,\"a \"\"text\"\", quoted\"\n");
        assert_int_equal(csv_append_rows(&table, &bytes), 0);
        assert_int_equal(transcribe(bytes.data, bytes.n_bytes, &got, &fault), 0);
        assert_string_equal(buffer_text(&got), buffer_text(&want));
}

static void test_numbers_are_written_short_and_exact(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        _cleanup_(buffer_finish) struct buffer bytes = BUFFER_NULL;
        struct table table;

        (void)state;
        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "d", COLUMN_FLOAT64), 0);
        assert_int_equal(table_builder_add_column(builder, "f", COLUMN_FLOAT32), 0);
        assert_int_equal(table_builder_add_float64(builder, 0, 0.1), 0);
        assert_int_equal(table_builder_add_float32(builder, 1, 0.1F), 0);
        assert_int_equal(table_builder_add_float64(builder, 0, 2630), 0);
        assert_int_equal(table_builder_add_float32(builder, 1, 16777216), 0);
        assert_int_equal(table_builder_add_float64(builder, 0, 1.0 / 3), 0);
        assert_int_equal(table_builder_add_float32(builder, 1, NAN), 0);
        table = table_builder_view(builder);
        assert_int_equal(csv_append_rows(&table, &bytes), 0);
        assert_string_equal(buffer_text(&bytes), "0.1,0.1\n2630,16777216\n0.3333333333333333,\n");
}

static void test_a_missing_value_alone_in_its_row_is_a_record(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        _cleanup_(buffer_finish) struct buffer bytes = BUFFER_NULL;
        struct table table;

        (void)state;
        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "a", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_missing(builder, 0), 0);
        table = table_builder_view(builder);
        assert_int_equal(csv_append_header(&table, &bytes), 0);
        assert_int_equal(csv_append_rows(&table, &bytes), 0);
        check(buffer_text(&bytes), bytes.n_bytes, "[]\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_records),
                cmocka_unit_test(test_quotes),
                cmocka_unit_test(test_empty_lines_are_skipped),
                cmocka_unit_test(test_bad_records_are_named_and_passed_over),
                cmocka_unit_test(test_bad_headers_are_refused),
                cmocka_unit_test(test_an_open_quote_is_refused_where_it_opens),
                cmocka_unit_test(test_a_field_of_ten_megabytes_is_refused),
                cmocka_unit_test(test_the_longest_field_is_read),
                cmocka_unit_test(test_records_across_reads),
                cmocka_unit_test(test_the_record_is_given_as_it_stands),
                cmocka_unit_test(test_random_text_is_read_as_libcsv_reads_it),
                cmocka_unit_test(test_random_bytes_never_lead_astray),
                cmocka_unit_test(test_what_is_written_reads_back),
                cmocka_unit_test(test_numbers_are_written_short_and_exact),
                cmocka_unit_test(test_a_missing_value_alone_in_its_row_is_a_record),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
