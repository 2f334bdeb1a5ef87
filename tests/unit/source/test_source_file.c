/* Files as a source: the same rows from every format, and every malformed row told by its place. */

#include "common/source/source_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/utf8.h"
#include "common/data/arrow/arrow.h"
#include "common/source/source.h"
#include "tests/support/scratch.h"
#include <cmocka.h>

static const char SCHEMA[] = "schema: 1\n"
                             "environments: [TRAINING, SERVING]\n"
                             "columns:\n"
                             "  - {name: id, role: key, type: int}\n"
                             "  - {name: weight, type: float}\n"
                             "  - {name: colour, type: category, values: [red, green]}\n"
                             "  - {name: zone, type: category, of: int, values: [1, 2]}\n"
                             "  - {name: ripe, role: label, type: bool}\n";

enum { ID, WEIGHT, COLOUR, ZONE, RIPE, N_COLUMNS };

static struct schema *load_schema(void) {
        struct schema *schema = NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(schema_parse("schema.yaml", SCHEMA, strlen(SCHEMA), &fault, &schema), 0);
        return schema;
}

static void write_bytes(const char *path, const void *bytes, size_t n_bytes) {
        _cleanup_(close_descriptor) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, bytes, n_bytes), 0);
}

static void append_cell(struct buffer *text, const struct column *column, size_t row) {
        const char *value;
        size_t n;

        if (!column_is_present(column, row)) {
                assert_int_equal(buffer_append_text(text, "-"), 0);
        } else if (column->type == COLUMN_INT64) {
                assert_int_equal(buffer_printf(text, "%d", (int)column->int64[row]), 0);
        } else if (column->type == COLUMN_FLOAT64) {
                assert_int_equal(buffer_printf(text, "%g", column->float64[row]), 0);
        } else {
                value = column_text(column, row, &n);
                assert_int_equal(buffer_printf(text, "%.*s", (int)n, value), 0);
        }
}

/* Notes "CODE@line column;" of a rejected row and its text. */
static int on_reject(void *context, const struct fault *fault, const char *text, size_t n_bytes) {
        return buffer_printf(context, "%s@%d:%d row %d %s <%.*s>\n", fault->code, (int)fault->line,
                             (int)fault->position, (int)fault->row, fault->column, (int)n_bytes, text);
}

/* All rows of a file as "id weight colour zone ripe" lines. What is set aside or well leaves the fault alone. */
static int transcribe(const char *path, struct buffer *rejects, struct buffer *ret_text, int64_t *ret_n_rows,
                      struct fault *fault) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = load_schema();
        _cleanup_(source_close_pointer) struct source *source = NULL;
        struct source_options options = { .pipeline_path = ".", .schema = schema };
        const struct fault before = *fault;
        struct table batch;
        char uri[2048];
        int r;

        snprintf(uri, sizeof(uri), SOURCE_FILE_SCHEME "%s", path);
        options.uri = uri;
        options.on_reject = rejects ? on_reject : NULL;
        options.on_reject_context = rejects;
        r = source_open(&options, &source, fault);
        while (!r) {
                r = source_read(source, &batch, fault);
                if (r || !batch.n_rows)
                        break;
                assert_int_equal(batch.n_columns, N_COLUMNS);
                assert_true(batch.n_rows <= TABLE_BATCH_ROWS);
                for (size_t i = 0; i < batch.n_rows; i++) {
                        for (size_t k = 0; k < N_COLUMNS; k++) {
                                append_cell(ret_text, &batch.columns[k], i);
                                assert_int_equal(buffer_append_text(ret_text, k + 1 < N_COLUMNS ? " " : "\n"), 0);
                        }
                }
        }
        if (!r)
                assert_memory_equal(fault, &before, sizeof(before));
        if (!r && ret_n_rows)
                *ret_n_rows = source_n_rows(source);
        return r;
}

static void check_rows(const char *path, const char *want) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(transcribe(path, NULL, &text, NULL, &fault), 0);
        assert_string_equal(buffer_text(&text), want);
}

static void check_text(void **state, const char *bytes, const char *want) {
        const char *path = scratch_path(*state, "in");

        write_bytes(path, bytes, strlen(bytes));
        check_rows(path, want);
}

static void check_fault(void **state, const void *bytes, size_t n_bytes, const char *code, int64_t line,
                        int64_t position, int64_t row, const char *column) {
        const char *path = scratch_path(*state, "in");
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;

        write_bytes(path, bytes, n_bytes);
        assert_int_equal(transcribe(path, NULL, &text, NULL, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, code);
        assert_string_equal(fault.file, path);
        assert_int_equal(fault.line, line);
        assert_int_equal(fault.position, position);
        assert_int_equal(fault.row, row);
        assert_string_equal(fault.column, column);
        assert_int_not_equal(strlen(fault.message), 0);
}

#define CHECK_FAULT(state, bytes, ...) check_fault(state, bytes, sizeof(bytes) - 1, __VA_ARGS__)

static const char WANT[] = "1 0.5 red 1 1\n2 - green 2 0\n3 2 - - -\n";

static void test_csv(void **state) {
        check_text(state, "id,weight,colour,zone,ripe\n1,0.5,red,1,1\n2,,green,2.0,0\n3,2,,,\n", WANT);
        check_text(state,
                   "\xef\xbb\xbfid,weight,colour,zone,ripe\r\n1.0,5e-1,\"red\",01,true\r\n2,NaN,green,2,False\r\n"
                   "3,2,,,",
                   WANT);
}

static void test_ndjson(void **state) {
        check_text(state,
                   "{\"id\":1,\"weight\":0.5,\"colour\":\"red\",\"zone\":1,\"ripe\":1}\n"
                   "{\"id\":2.0,\"weight\":null,\"colour\":\"green\",\"zone\":2,\"ripe\":false}\r\n"
                   "\n  {\"colour\":\"\",\"weight\":2,\"id\":3}",
                   WANT);
        check_text(state, "\xef\xbb\xbf{\"id\":7}\n", "7 - - - -\n");
}

static void test_columns_are_taken_by_name(void **state) {
        check_text(state, "x,ripe,zone,colour,weight,id,y\n9,1,1,red,0.5,1,9\n9,0,2,green,,2,9\n9,,,,2,3,9\n", WANT);
        check_text(state, "colour,id\nred,1\n", "1 - red - -\n");
}

static void add(struct table_builder *builder, size_t column, const char *text) {
        assert_int_equal(text ? table_builder_add_text(builder, column, text, strlen(text))
                              : table_builder_add_missing(builder, column),
                         0);
}

/* The rows of WANT as others may store them: ints as floats, floats as ints. */
static void write_arrow(const char *path, bool is_bad) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = NULL;
        _cleanup_(close_descriptor) int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        static const char *const colours[] = { "red", "green", NULL };
        struct arrow_summary summary;
        struct table table;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "unknown", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_column(builder, "colour", COLUMN_UTF8), 0);
        assert_int_equal(table_builder_add_column(builder, "zone", COLUMN_FLOAT64), 0);
        assert_int_equal(table_builder_add_column(builder, "id", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_column(builder, "weight", COLUMN_FLOAT64), 0);
        assert_int_equal(table_builder_add_column(builder, "ripe", COLUMN_FLOAT32), 0);
        for (int i = 0; i < 3; i++) {
                assert_int_equal(table_builder_add_int64(builder, 0, i), 0);
                add(builder, 1, is_bad && i == 1 ? "gr\xffn" : colours[i]);
                assert_int_equal(i < 2 ? table_builder_add_float64(builder, 2, i + 1 + (is_bad && !i ? 0.5 : 0))
                                       : table_builder_add_missing(builder, 2),
                                 0);
                assert_int_equal(table_builder_add_int64(builder, 3, i + 1), 0);
                assert_int_equal(i != 1 ? table_builder_add_float64(builder, 4, i ? 2 : 0.5)
                                        : table_builder_add_missing(builder, 4),
                                 0);
                assert_int_equal(i < 2 ? table_builder_add_float32(builder, 5, i == 0)
                                       : table_builder_add_missing(builder, 5),
                                 0);
        }
        table = table_builder_view(builder);
        assert_int_equal(arrow_writer_create(fd, &table, NULL, 0, &writer), 0);
        assert_int_equal(arrow_writer_add(writer, &table), 0);
        assert_int_equal(arrow_writer_finish(writer, &summary), 0);
}

static void test_arrow(void **state) {
        const char *path = scratch_path(*state, "in.arrow");

        write_arrow(path, false);
        check_rows(path, WANT);
}

static void test_bad_rows_of_arrow_are_named_or_set_aside(void **state) {
        const char *path = scratch_path(*state, "in.arrow");
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL, rejects = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        int64_t n_rows;

        write_arrow(path, true);
        assert_int_equal(transcribe(path, NULL, &text, NULL, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "INT_TYPE_INT_EXPECTED");
        assert_string_equal(fault.file, path);
        assert_string_equal(fault.column, "zone");
        assert_int_equal(fault.row, 0);
        assert_int_equal(transcribe(path, &rejects, &text, &n_rows, &fault), 0);
        assert_string_equal(buffer_text(&text), "3 2 - - -\n");
        assert_string_equal(buffer_text(&rejects), "INT_TYPE_INT_EXPECTED@0:0 row 0 zone <1,0.5,red,1.5,1>\n"
                                                   "ENUM_TYPE_INVALID_UTF8@0:0 row 1 colour <2,,gr\xffn,2,0>\n");
        assert_int_equal(n_rows, 3);
}

static void test_bad_csv_rows_are_named(void **state) {
        CHECK_FAULT(state, "id,weight\n1,2\nx,2\n", "INT_TYPE_INT_EXPECTED", 3, 1, 1, "id");
        CHECK_FAULT(state, "id,weight\n1,heavy\n", "FLOAT_TYPE_STRING_NOT_FLOAT", 2, 3, 0, "weight");
        CHECK_FAULT(state, "id,ripe\n1,yes\n", "BOOL_TYPE_STRING_NOT_INT", 2, 3, 0, "ripe");
        CHECK_FAULT(state, "id,weight\n1\n", "CSV_WRONG_COLUMN_COUNT", 2, 0, 0, "");
        CHECK_FAULT(state,
                    "id,colour\n1,r\xff"
                    "d\n",
                    "CSV_NOT_UTF8", 2, 4, 0, "");
        CHECK_FAULT(state, "x,id\n\"a\nb\",q\n", "INT_TYPE_INT_EXPECTED", 3, 4, 0, "id");
}

static void test_bad_json_rows_are_named(void **state) {
        CHECK_FAULT(state, "{\"id\":1}\n{\"id\":\"2\"}\n", "INT_TYPE_INT_EXPECTED", 2, 0, 1, "id");
        CHECK_FAULT(state, "{\"id\":1,\"colour\":3}\n", "ENUM_TYPE_INT_NOT_STRING", 1, 0, 0, "colour");
        CHECK_FAULT(state, "{\"id\":true}\n", "INT_TYPE_INT_EXPECTED", 1, 0, 0, "id");
        CHECK_FAULT(state, "{\"id\":[1]}\n", "UNEXPECTED_DATA_TYPE", 1, 0, 0, "id");
        CHECK_FAULT(state, "{\"id\":1}\n{\"id\":2,\"id\":3}\n", "JSON_DUPLICATE_FIELD", 2, 0, 1, "id");
        CHECK_FAULT(state, "{\"id\":1}\n[1]\n", "NDJSON_NOT_OBJECT", 2, 0, 1, "");
        CHECK_FAULT(state, "{\"id\":1}\n{\"id\":}\n", "JSON_MALFORMED", 2, 7, 1, "");
        CHECK_FAULT(state, "{\"id\":1} {\"id\":2}\n", "JSON_MALFORMED", 1, 10, 0, "");
        CHECK_FAULT(state, "{\"id\":1}\n{\"colour\":\"\xff\"}\n", "JSON_MALFORMED", 2, 12, 1, "");
}

static void test_empty_files_are_refused(void **state) {
        CHECK_FAULT(state, "", "EMPTY_SOURCE", 0, 0, -1, "");
        CHECK_FAULT(state, "id,weight\n", "EMPTY_SOURCE", 0, 0, -1, "");
        CHECK_FAULT(state, "id,weight", "EMPTY_SOURCE", 0, 0, -1, "");
}

static void test_headers_that_do_not_fit_are_refused(void **state) {
        CHECK_FAULT(state, "1,0.5,red\n2,0.6,green\n", "SOURCE_NO_KNOWN_COLUMN", 0, 0, -1, "");
        CHECK_FAULT(state, "id,weight,id\n1,2,3\n", "CSV_DUPLICATE_COLUMN", 1, 0, -1, "id");
}

/* What the header may have meant stands in the refusal. */
static void test_a_header_that_is_nearly_right_is_explained(void **state) {
        static const char many[] =
                "id;weight;colour;zone;ripe;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;"
                "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb\n1;2;red;1;1;;\n";
        static const struct {
                const char *bytes, *code, *want;
        } rows[] = {
                { "id;weight;colour\n1;2;red\n", "SOURCE_NO_KNOWN_COLUMN",
                  "is a semicolon the separator? Convoy reads" },
                { "id\tweight\n1\t2\n", "SOURCE_NO_KNOWN_COLUMN", "is a tab the separator? Convoy reads commas" },
                { many, "CSV_BAD_HEADER", "is a semicolon the separator? Convoy reads commas" },
                { "x,ID,WEIGHT\n1,1,2\n", "SOURCE_NO_KNOWN_COLUMN", "case matters: is \"ID\" meant as id?" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                const char *path = scratch_path(*state, "in");
                struct fault fault = FAULT_NULL;

                write_bytes(path, rows[i].bytes, strlen(rows[i].bytes));
                assert_int_equal(transcribe(path, NULL, &text, NULL, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, rows[i].code);
                assert_non_null(strstr(fault.message, rows[i].want));
        }
}

static void test_other_formats_are_refused_by_name(void **state) {
        CHECK_FAULT(state, "\x1f\x8b\x08\0\0\0\0\0", "SOURCE_FORMAT_UNSUPPORTED", 0, 0, -1, "");
        CHECK_FAULT(state, "PAR1\0\0\0\0", "SOURCE_FORMAT_UNSUPPORTED", 0, 0, -1, "");
        CHECK_FAULT(state, " [{\"id\":1}]", "SOURCE_FORMAT_UNSUPPORTED", 0, 0, -1, "");
        CHECK_FAULT(state, "ARROW1\0\0", "ARROW_MALFORMED", 0, 0, -1, "");
}

static void check_path(const char *path, const char *code) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(transcribe(path, NULL, &text, NULL, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, code);
}

static void test_paths_without_a_file_are_refused(void **state) {
        struct scratch *scratch = *state;

        check_path(scratch_path(scratch, "none.csv"), "FILE_NOT_FOUND");
        check_path(scratch->folder, "FILE_NOT_REGULAR");
        check_path("/dev/null", "FILE_NOT_REGULAR");
        check_path("", "SOURCE_URI_INVALID");
        assert_int_equal(mkfifo(scratch_path(scratch, "fifo"), 0600), 0);
        check_path(scratch_path(scratch, "fifo"), "FILE_NOT_REGULAR");
}

static void test_bad_rows_are_set_aside_with_their_text(void **state) {
        static const char csv[] = "id,weight,colour\n1,2,red\nx,2,red\n2,\n3,1e400,red\n4,\xff,green\n5,,green\n";
        static const char json[] = "{\"id\":1}\n{\"id\":\"x\"}\n{\"id\":\nnonsense\n{\"id\":5}\n";
        const char *path = scratch_path(*state, "in");
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL, rejects = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        int64_t n_rows;

        write_bytes(path, csv, sizeof(csv) - 1);
        assert_int_equal(transcribe(path, &rejects, &text, &n_rows, &fault), 0);
        assert_string_equal(buffer_text(&text), "1 2 red - -\n3 inf red - -\n5 - green - -\n");
        assert_string_equal(buffer_text(&rejects), "INT_TYPE_INT_EXPECTED@3:1 row 1 id <x,2,red>\n"
                                                   "CSV_WRONG_COLUMN_COUNT@4:0 row 2  <2,>\n"
                                                   "CSV_NOT_UTF8@6:3 row 4  <4,\xff,green>\n");
        assert_int_equal(n_rows, 6);
        buffer_clear(&text);
        buffer_clear(&rejects);
        write_bytes(path, json, sizeof(json) - 1);
        assert_int_equal(transcribe(path, &rejects, &text, &n_rows, &fault), 0);
        assert_string_equal(buffer_text(&text), "1 - - - -\n5 - - - -\n");
        assert_non_null(strstr(buffer_text(&rejects), "INT_TYPE_INT_EXPECTED@2:0 row 1 id <{\"id\":\"x\"}>\n"));
        assert_non_null(strstr(buffer_text(&rejects), "<nonsense>\n"));
        assert_int_equal(n_rows, 5);
}

static int refuse(void *context, const struct fault *fault, const char *text, size_t n_bytes) {
        (void)context;
        (void)fault;
        (void)text;
        (void)n_bytes;
        return FAULT_E_INPUT;
}

static void test_on_reject_may_end_the_reading(void **state) {
        static const char *const inputs[] = { "id\nx\n1\n", "{\"id\":\"x\"}\n{\"id\":1}\n" };
        const char *path = scratch_path(*state, "in");

        for (size_t i = 0; i < N_ELEMENTS(inputs); i++) {
                _cleanup_(schema_destroy_pointer) struct schema *schema = load_schema();
                _cleanup_(source_close_pointer) struct source *source = NULL;
                struct source_options options = { .pipeline_path = ".", .schema = schema, .on_reject = refuse };
                struct fault fault = FAULT_NULL;
                struct table batch;
                char uri[2048];

                write_bytes(path, inputs[i], strlen(inputs[i]));
                snprintf(uri, sizeof(uri), SOURCE_FILE_SCHEME "%s", path);
                options.uri = uri;
                assert_int_equal(source_open(&options, &source, &fault), 0);
                assert_int_equal(source_read(source, &batch, &fault), FAULT_E_INPUT);
                assert_int_equal(fault.row, 0);
        }
}

static void test_all_rows_rejected_is_an_end_not_an_emptiness(void **state) {
        const char *path = scratch_path(*state, "in");
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL, rejects = BUFFER_NULL;
        struct fault fault = FAULT_NULL;

        write_bytes(path, "id\nx\ny\n", 7);
        assert_int_equal(transcribe(path, &rejects, &text, NULL, &fault), 0);
        assert_string_equal(buffer_text(&text), "");
}

/* More rows than a batch has, from each format; and the same rows from all of them. */
static void test_many_rows_come_in_batches(void **state) {
        enum { N_ROWS = 2 * TABLE_BATCH_ROWS + 1000 };
        _cleanup_(buffer_finish) struct buffer csv = BUFFER_NULL, json = BUFFER_NULL, from_csv = BUFFER_NULL,
                                               from_json = BUFFER_NULL;
        const char *path = scratch_path(*state, "in");
        struct fault fault = FAULT_NULL;
        int64_t n_rows;

        assert_int_equal(buffer_append_text(&csv, "id,weight,colour\n"), 0);
        for (int i = 0; i < N_ROWS; i++) {
                assert_int_equal(buffer_printf(&csv, "%d,%d.5,%s\n", i, i, i % 2 ? "red" : "green"), 0);
                assert_int_equal(buffer_printf(&json, "{\"id\":%d,\"weight\":%d.5,\"colour\":\"%s\"}\n", i, i,
                                               i % 2 ? "red" : "green"),
                                 0);
        }
        write_bytes(path, csv.data, csv.n_bytes);
        assert_int_equal(transcribe(path, NULL, &from_csv, &n_rows, &fault), 0);
        assert_int_equal(n_rows, N_ROWS);
        write_bytes(path, json.data, json.n_bytes);
        assert_int_equal(transcribe(path, NULL, &from_json, &n_rows, &fault), 0);
        assert_int_equal(n_rows, N_ROWS);
        assert_int_equal(from_csv.n_bytes, from_json.n_bytes);
        assert_memory_equal(from_csv.data, from_json.data, from_csv.n_bytes);
        assert_non_null(strstr(buffer_text(&from_csv), "\n132071 132072 red - -\n"));
}

static void test_unknown_columns_are_named_once(void **state) {
        static const char *const inputs[] = { "x,id,y\n1,2,3\n4,5,6\n",
                                              "{\"x\":1,\"id\":2}\n{\"y\":1,\"id\":2,\"x\":[]}\n" };
        const char *path = scratch_path(*state, "in");

        for (size_t i = 0; i < N_ELEMENTS(inputs); i++) {
                _cleanup_(schema_destroy_pointer) struct schema *schema = load_schema();
                _cleanup_(source_close_pointer) struct source *source = NULL;
                struct source_options options = { .pipeline_path = ".", .schema = schema };
                struct fault fault = FAULT_NULL;
                struct table batch;
                char uri[2048];

                write_bytes(path, inputs[i], strlen(inputs[i]));
                snprintf(uri, sizeof(uri), SOURCE_FILE_SCHEME "%s", path);
                options.uri = uri;
                assert_int_equal(source_open(&options, &source, &fault), 0);
                assert_int_equal(source_read(source, &batch, &fault), 0);
                assert_int_equal(batch.n_rows, 2);
                assert_int_equal(source_n_unknown(source), 2);
                assert_string_equal(source_unknown(source, 0), "x");
                assert_string_equal(source_unknown(source, 1), "y");
        }
}

/* "id weight": the schema columns that the source has; "|x y": those that the schema does not know. */
static void list_columns(const struct source *source, const struct schema *schema, struct buffer *ret_text) {
        buffer_clear(ret_text);
        for (size_t k = 0; k < schema->n_columns; k++)
                if (source_has_column(source, k))
                        assert_int_equal(buffer_printf(ret_text, "%s ", schema->columns[k].name), 0);
        assert_int_equal(buffer_append_text(ret_text, "|"), 0);
        for (size_t i = 0; i < source_n_unknown(source); i++)
                assert_int_equal(buffer_printf(ret_text, " %s", source_unknown(source, i)), 0);
}

static struct source *open_source(const char *path, const struct schema *schema) {
        struct source_options options = { .pipeline_path = ".", .schema = schema };
        struct fault fault = FAULT_NULL;
        struct source *source = NULL;
        char uri[2048];

        snprintf(uri, sizeof(uri), SOURCE_FILE_SCHEME "%s", path);
        options.uri = uri;
        assert_int_equal(source_open(&options, &source, &fault), 0);
        return source;
}

static void check_columns(const char *path, const char *want_at_first, const char *want_at_last) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = load_schema();
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        _cleanup_(source_close_pointer) struct source *source = open_source(path, schema);
        struct fault fault = FAULT_NULL;
        struct table batch;

        list_columns(source, schema, &text);
        assert_string_equal(buffer_text(&text), want_at_first);
        do
                assert_int_equal(source_read(source, &batch, &fault), 0);
        while (batch.n_rows);
        list_columns(source, schema, &text);
        assert_string_equal(buffer_text(&text), want_at_last);
}

static void test_columns_are_told(void **state) {
        static const char csv[] = "Weight,ripe,,id\n1,,2,1\n";
        static const char json[] = "{\"id\":1,\"ripe\":null}\n{\"Weight\":2,\"id\":2}\n{\"zone\":1,\"id\":3}\n";
        const char *path = scratch_path(*state, "in");

        write_bytes(path, csv, sizeof(csv) - 1);
        check_columns(path, "id ripe | Weight ", "id ripe | Weight ");
        write_arrow(path, false);
        check_columns(path, "id weight colour zone ripe | unknown", "id weight colour zone ripe | unknown");
        /* each document may have other members, and a null is one */
        write_bytes(path, json, sizeof(json) - 1);
        check_columns(path, "|", "id zone ripe | Weight");
}

/* Names that no message may hold as they are. */
static void test_odd_names_are_cut(void **state) {
        _cleanup_(buffer_finish) struct buffer json = BUFFER_NULL;
        _cleanup_(schema_destroy_pointer) struct schema *schema = load_schema();
        _cleanup_(source_close_pointer) struct source *source = NULL;
        const char *path = scratch_path(*state, "in");
        struct fault fault = FAULT_NULL;
        struct table batch;

        assert_int_equal(buffer_append_text(&json, "{\"id\":1,\"a\\u0000b\":1,\"x"), 0);
        for (int i = 0; i < 100; i++)
                assert_int_equal(buffer_append_text(&json, "\xc3\xbc"), 0);
        assert_int_equal(buffer_append_text(&json, "\":1}\n{\"id\":2,\"b\":1,\"a\\u0000c\":1}\n"), 0);
        write_bytes(path, json.data, json.n_bytes);
        source = open_source(path, schema);
        assert_int_equal(source_read(source, &batch, &fault), 0);
        assert_int_equal(source_n_unknown(source), 3);
        assert_string_equal(source_unknown(source, 0), "a");
        assert_int_equal(strlen(source_unknown(source, 1)), TABLE_NAME_BYTES - 1);
        assert_true(utf8_is_valid(source_unknown(source, 1), TABLE_NAME_BYTES - 1));
        assert_string_equal(source_unknown(source, 2), "b");
}

static void test_unknown_columns_are_counted_up_to_a_limit(void **state) {
        _cleanup_(buffer_finish) struct buffer json = BUFFER_NULL;
        _cleanup_(schema_destroy_pointer) struct schema *schema = load_schema();
        _cleanup_(source_close_pointer) struct source *source = NULL;
        const char *path = scratch_path(*state, "in");
        struct fault fault = FAULT_NULL;
        struct table batch;

        for (int i = 0; i < SOURCE_UNKNOWN_MAX + 10; i++)
                assert_int_equal(buffer_printf(&json, "{\"id\":1,\"c%d\":1}\n", i), 0);
        write_bytes(path, json.data, json.n_bytes);
        source = open_source(path, schema);
        assert_int_equal(source_read(source, &batch, &fault), 0);
        assert_int_equal(source_n_unknown(source), SOURCE_UNKNOWN_MAX);
        assert_string_equal(source_unknown(source, SOURCE_UNKNOWN_MAX - 1), "c1023");
}

static void test_a_line_without_end_is_refused(void **state) {
        _cleanup_(buffer_finish) struct buffer bytes = BUFFER_NULL;

        assert_int_equal(buffer_append_text(&bytes, "{\"id\":1}\n{\"colour\":\""), 0);
        for (int i = 0; i < 20 * 1024; i++)
                assert_int_equal(buffer_printf(&bytes, "%01024d", 0), 0);
        check_fault(state, bytes.data, bytes.n_bytes, "NDJSON_LINE_TOO_LONG", 2, 0, 1, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_csv, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_ndjson, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_columns_are_taken_by_name, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_arrow, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_bad_rows_of_arrow_are_named_or_set_aside, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_bad_csv_rows_are_named, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_bad_json_rows_are_named, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_empty_files_are_refused, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_headers_that_do_not_fit_are_refused, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_a_header_that_is_nearly_right_is_explained, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_other_formats_are_refused_by_name, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_paths_without_a_file_are_refused, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_bad_rows_are_set_aside_with_their_text, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_on_reject_may_end_the_reading, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_all_rows_rejected_is_an_end_not_an_emptiness, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_many_rows_come_in_batches, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_unknown_columns_are_named_once, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_columns_are_told, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_odd_names_are_cut, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_unknown_columns_are_counted_up_to_a_limit, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_a_line_without_end_is_refused, scratch_setup, scratch_teardown),
        };

        log_open("test", LOG_LEVEL_ERROR);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
