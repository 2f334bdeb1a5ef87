/*
 * Arrow input: what others write. samples/ was written by pandas, pyarrow and polars (make_arrow_samples.py says what
 * is in it), since nothing here can make LZ4, ZSTD, dictionaries and string views.
 */

#include "common/data/arrow/arrow.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/file.h"
#include "tests/support/scratch.h"
#include <cmocka.h>

enum { SAMPLE_ROWS = 20 };

static const char *const SAMPLES[] = { "pandas.arrow",     "zstd.arrow",    "polars.arrow",
                                       "polars_lz4.arrow", "deltas.arrows", "types.arrow" };

static const char *sample_path(const char *name) {
        static char path[1024];

        snprintf(path, sizeof(path), "%s/%s", SAMPLE_FOLDER, name);
        return path;
}

static void check_sample_row(const struct table *table, size_t row, int64_t i) {
        static const char *const words[] = { "x", "yy", "zzz" };
        char want[32] = "ab";
        const char *text;
        size_t n;

        assert_int_equal(table->columns[0].int64[row], i);
        assert_int_equal(column_is_present(&table->columns[1], row), i % 7 != 0);
        if (i % 7)
                assert_int_equal((int64_t)(table->columns[1].float64[row] * 4), i);
        if (i % 2)
                snprintf(want, sizeof(want), "value-long-text-%d", (int)i);
        text = column_text(&table->columns[2], row, &n);
        assert_int_equal(n, strlen(want));
        assert_memory_equal(text, want, n);
        assert_int_equal(table->columns[3].int64[row], i % 2 == 0);
        assert_int_equal(column_is_present(&table->columns[4], row), i % 11 != 0);
        if (i % 11) {
                text = column_text(&table->columns[4], row, &n);
                assert_int_equal(n, strlen(words[i % 3]));
                assert_memory_equal(text, words[i % 3], n);
        }
        assert_int_equal(table->columns[5].int64[row], 5 * i);
}

static void test_what_others_write_is_read(void **state) {
        (void)state;
        for (size_t s = 0; s < 5; s++) {
                _cleanup_(arrow_input_close_pointer) struct arrow_input *input = NULL;
                const struct fault untouched = FAULT_NULL;
                struct fault fault = FAULT_NULL;
                struct table table;
                int64_t i = 0;

                assert_int_equal(arrow_input_open(sample_path(SAMPLES[s]), &input, &fault), 0);
                assert_int_equal(arrow_input_n_columns(input), 6);
                assert_string_equal(arrow_input_name(input, 4), "c");
                assert_int_equal(arrow_input_kind(input, 0), ARROW_KIND_INT);
                assert_int_equal(arrow_input_kind(input, 1), ARROW_KIND_FLOAT);
                assert_int_equal(arrow_input_kind(input, 2), ARROW_KIND_TEXT);
                assert_int_equal(arrow_input_kind(input, 3), ARROW_KIND_BOOL);
                assert_int_equal(arrow_input_kind(input, 4), ARROW_KIND_TEXT);
                assert_int_equal(arrow_input_kind(input, 5), ARROW_KIND_INT);
                assert_int_equal(arrow_input_n_rows(input), strstr(SAMPLES[s], ".arrows") ? -1 : SAMPLE_ROWS);
                for (;;) {
                        assert_int_equal(arrow_input_read(input, &table, &fault), 0);
                        if (!table.n_rows)
                                break;
                        for (size_t row = 0; row < table.n_rows; row++)
                                check_sample_row(&table, row, i++);
                }
                assert_int_equal(i, SAMPLE_ROWS);
                assert_int_equal(arrow_input_read(input, &table, &fault), 0);
                assert_int_equal(table.n_rows, 0);
                assert_memory_equal(&fault, &untouched, sizeof(fault));
        }
}

static size_t find(const struct arrow_input *input, const char *name) {
        size_t i = 0;

        while (strcmp(arrow_input_name(input, i), name))
                i++;
        return i;
}

static void assert_near(double got, double want) {
        assert_true(got >= want && got <= want);
}

static void test_every_width_of_number(void **state) {
        static const struct {
                const char *name;
                int present; /* bit i: row i */
                int64_t integers[3];
                double numbers[3];
        } wants[] = {
                { "u8", 3, { 1, 255 }, { 0 } },          { "i8", 5, { -1, 0, 127 }, { 0 } },
                { "u16", 3, { 1, 65535 }, { 0 } },       { "i32", 5, { INT32_MIN, 0, INT32_MAX }, { 0 } },
                { "u64", 3, { 1, INT64_MAX }, { 0 } },   { "f16", 3, { 0 }, { 1.5, -65504 } },
                { "f32", 5, { 0 }, { 0.5, 0, -0.25 } },  { "d128", 5, { 0 }, { -12.34, 0, 0.1 } },
                { "d32", 5, { 0 }, { -12.34, 0, 0.1 } }, { "nothing", 0, { 0 }, { 0 } },
        };
        _cleanup_(arrow_input_close_pointer) struct arrow_input *input = NULL;
        struct fault fault = FAULT_NULL;
        size_t columns[N_ELEMENTS(wants)];
        struct table table;

        (void)state;
        assert_int_equal(arrow_input_open(sample_path("types.arrow"), &input, &fault), 0);
        for (size_t k = 0; k < N_ELEMENTS(wants); k++)
                columns[k] = find(input, wants[k].name);
        assert_int_equal(arrow_input_choose(input, columns, N_ELEMENTS(wants), &fault), 0);
        assert_int_equal(arrow_input_read(input, &table, &fault), 0);
        assert_int_equal(table.n_rows, 3);
        for (size_t k = 0; k < N_ELEMENTS(wants); k++) {
                const struct column *column = &table.columns[k];

                assert_string_equal(column->name, wants[k].name);
                for (size_t row = 0; row < 3; row++) {
                        assert_int_equal(column_is_present(column, row), wants[k].present >> row & 1);
                        if (!column_is_present(column, row))
                                continue;
                        if (column->type == COLUMN_INT64)
                                assert_int_equal(column->int64[row], wants[k].integers[row]);
                        else
                                assert_near(column->float64[row], wants[k].numbers[row]);
                }
        }
}

static void test_columns_behind_nested_ones_are_read(void **state) {
        _cleanup_(arrow_input_close_pointer) struct arrow_input *input = NULL;
        struct fault fault = FAULT_NULL;
        struct table table;
        size_t columns[2], n;

        (void)state;
        assert_int_equal(arrow_input_open(sample_path("types.arrow"), &input, &fault), 0);
        columns[0] = find(input, "last");
        columns[1] = find(input, "large");
        assert_int_equal(arrow_input_choose(input, columns, 2, &fault), 0);
        assert_int_equal(arrow_input_read(input, &table, &fault), 0);
        assert_memory_equal(column_text(&table.columns[0], 2, &n), "nested", 6);
        assert_int_equal(n, 6);
        assert_memory_equal(column_text(&table.columns[1], 2, &n), "ccc", 3);
        assert_false(column_is_present(&table.columns[1], 1));
}

static void test_types_without_values_are_refused_by_name(void **state) {
        static const char *const names[][2] = { { "list", "list" }, { "struct", "struct" }, { "when", "timestamp" } };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(names); i++) {
                _cleanup_(arrow_input_close_pointer) struct arrow_input *input = NULL;
                struct fault fault = FAULT_NULL;
                size_t column;

                assert_int_equal(arrow_input_open(sample_path("types.arrow"), &input, &fault), 0);
                column = find(input, names[i][0]);
                assert_int_equal(arrow_input_kind(input, column), ARROW_KIND_OTHER);
                assert_int_equal(arrow_input_choose(input, &column, 1, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "ARROW_TYPE");
                assert_string_equal(fault.column, names[i][0]);
                assert_non_null(strstr(fault.message, names[i][1]));
        }
}

static struct table_builder *make_builder(size_t n_rows) {
        struct table_builder *builder;
        void *values;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "i", COLUMN_INT64), 0);
        assert_int_equal(table_builder_reserve(builder, 0, n_rows, &values), 0);
        for (size_t i = 0; i < n_rows; i++)
                ((int64_t *)values)[i] = (int64_t)i;
        return builder;
}

static void write_own(const char *path, size_t n_rows, size_t n_batches) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_builder(n_rows);
        _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = NULL;
        _cleanup_(close_descriptor) int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        struct table table = table_builder_view(builder);
        struct arrow_summary summary;

        assert_int_equal(arrow_writer_create(fd, &table, NULL, 0, &writer), 0);
        for (size_t i = 0; i < n_batches; i++)
                assert_int_equal(arrow_writer_add(writer, &table), 0);
        assert_int_equal(arrow_writer_finish(writer, &summary), 0);
}

/* Two batches, of which the first has fewer rows. */
static void write_two(const char *path, size_t n_first, size_t n_second) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_builder(n_second);
        _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = NULL;
        _cleanup_(close_descriptor) int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        struct table table = table_builder_view(builder), first = table;
        struct arrow_summary summary;

        first.n_rows = n_first;
        assert_int_equal(arrow_writer_create(fd, &table, NULL, 0, &writer), 0);
        assert_int_equal(arrow_writer_add(writer, &first), 0);
        assert_int_equal(arrow_writer_add(writer, &table), 0);
        assert_int_equal(arrow_writer_finish(writer, &summary), 0);
}

static void overwrite(const char *path, const void *bytes, size_t n_bytes) {
        _cleanup_(close_descriptor) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, bytes, n_bytes), 0);
}

static size_t count_rows(const char *path, int *ret_result, struct fault *fault) {
        _cleanup_(arrow_input_close_pointer) struct arrow_input *input = NULL;
        struct table table;
        size_t n_rows = 0;
        int r;

        r = arrow_input_open(path, &input, fault);
        while (!r) {
                r = arrow_input_read(input, &table, fault);
                if (r || !table.n_rows)
                        break;
                n_rows += table.n_rows;
        }
        *ret_result = r;
        return n_rows;
}

/* A stream is a file's middle; it may lack its end mark. */
static void test_streams_end_with_a_mark_or_with_the_file(void **state) {
        const char *path = scratch_path(*state, "a.arrows");
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        static const uint8_t mark[8] = { 0xff, 0xff, 0xff, 0xff };
        struct fault fault = FAULT_NULL;
        uint8_t *end;
        size_t n;
        int r;

        write_own(path, 100, 3);
        assert_int_equal(file_read(path, 1 << 20, &content), 0);
        end = memmem(content.data, content.n_bytes, mark, sizeof(mark));
        assert_non_null(end);
        n = (size_t)(end - content.data) - 8;
        overwrite(path, content.data + 8, n + 8);
        assert_int_equal(count_rows(path, &r, &fault), 300);
        assert_int_equal(r, 0);
        overwrite(path, content.data + 8, n);
        assert_int_equal(count_rows(path, &r, &fault), 300);
        assert_int_equal(r, 0);
        overwrite(path, content.data + 8, n - 1);
        assert_int_equal(count_rows(path, &r, &fault), 200);
        assert_int_equal(r, FAULT_E_INPUT);
        assert_string_equal(fault.code, "ARROW_MALFORMED");
}

/* The places of two batches stand side by side in the footer. */
static uint8_t *find_blocks(const struct buffer *content) {
        uint64_t words[6];

        for (size_t at = 0; at + sizeof(words) <= content->n_bytes; at += 2) {
                memcpy(words, content->data + at, sizeof(words));
                if (words[0] && words[1] && words[2] && words[3] == words[0] + words[1] + words[2])
                        return content->data + at;
        }
        return NULL;
}

static void test_a_batch_that_is_named_twice_is_refused(void **state) {
        const char *path = scratch_path(*state, "a.arrow");
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = NULL;
        struct fault fault = FAULT_NULL;
        uint8_t *blocks;
        int r;

        write_two(path, 8, 20000);
        assert_int_equal(file_read(path, 1 << 20, &content), 0);
        blocks = find_blocks(&content);
        assert_non_null(blocks);
        memcpy(blocks, blocks + 24, 24);
        overwrite(path, content.data, content.n_bytes);
        assert_int_equal(arrow_file_open(path, &file, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "ARROW_MALFORMED");
        count_rows(path, &r, &fault);
        assert_int_equal(r, FAULT_E_INPUT);
}

static void test_what_is_arrow_is_told_by_its_first_bytes(void **state) {
        (void)state;
        assert_true(arrow_input_is_arrow("ARROW1\0\0", 8));
        assert_true(arrow_input_is_arrow("\xff\xff\xff\xff\0\0\0\0", 8));
        assert_false(arrow_input_is_arrow("ARROW", 5));
        assert_false(arrow_input_is_arrow("id,Age\n", 7));
        assert_false(arrow_input_is_arrow("", 0));
}

static void test_missing_and_empty_files_are_faults(void **state) {
        const char *path = scratch_path(*state, "a.arrow");
        struct fault fault = FAULT_NULL;
        int r;

        count_rows(path, &r, &fault);
        assert_int_equal(r, FAULT_E_INPUT);
        assert_string_equal(fault.code, "FILE_NOT_FOUND");
        overwrite(path, "", 0);
        count_rows(path, &r, &fault);
        assert_int_equal(r, FAULT_E_INPUT);
        assert_string_equal(fault.code, "ARROW_MALFORMED");
        assert_string_equal(fault.file, path);
}

/* Whatever becomes of a byte: rows or a fault, within the file's bounds (the sanitizers watch). */
static void test_changed_bytes_never_lead_astray(void **state) {
        static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
        const char *path = scratch_path(*state, "a.arrow");
        size_t n_refused = 0, n_rows = 0;

        for (size_t s = 0; s < N_ELEMENTS(SAMPLES); s++) {
                _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
                _cleanup_(close_descriptor) int fd = -1;
                struct fault fault = FAULT_NULL;
                int r;

                assert_int_equal(file_read(sample_path(SAMPLES[s]), 1 << 20, &content), 0);
                overwrite(path, content.data, content.n_bytes);
                fd = open(path, O_WRONLY);
                for (size_t at = 0; at < content.n_bytes; at++) {
                        uint8_t value = values[(at + s) % N_ELEMENTS(values)];

                        assert_int_equal(pwrite(fd, &value, 1, (off_t)at), 1);
                        n_rows += count_rows(path, &r, &fault);
                        n_refused += r != 0;
                        assert_int_equal(pwrite(fd, &content.data[at], 1, (off_t)at), 1);
                }
        }
        assert_true(n_refused > 100);
        assert_true(n_rows > 1000);
}

/* Lengths and offsets at their limits: sums of two of them must not turn around. */
static void test_extreme_numbers_never_lead_astray(void **state) {
        static const uint64_t values[] = { INT64_MAX,      (uint64_t)INT64_MIN, UINT64_MAX, UINT64_MAX - 15,
                                           INT64_MAX - 15, UINT32_MAX,          INT32_MAX,  (uint64_t)INT32_MIN };
        const char *path = scratch_path(*state, "a.arrow");
        size_t n_refused = 0;

        for (size_t s = 0; s < N_ELEMENTS(SAMPLES); s++) {
                _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
                _cleanup_(close_descriptor) int fd = -1;
                struct fault fault = FAULT_NULL;
                int r;

                assert_int_equal(file_read(sample_path(SAMPLES[s]), 1 << 20, &content), 0);
                overwrite(path, content.data, content.n_bytes);
                fd = open(path, O_WRONLY);
                for (size_t at = 0, i = s; at + 8 <= content.n_bytes; at += 8, i++) {
                        assert_int_equal(pwrite(fd, &values[i % N_ELEMENTS(values)], 8, (off_t)at), 8);
                        count_rows(path, &r, &fault);
                        n_refused += r == FAULT_E_INPUT;
                        assert_true(r == 0 || r == FAULT_E_INPUT);
                        assert_int_equal(pwrite(fd, content.data + at, 8, (off_t)at), 8);
                }
        }
        assert_true(n_refused > 100);
}

static void test_cut_off_files_are_refused(void **state) {
        const char *path = scratch_path(*state, "a.arrow");

        for (size_t s = 0; s < 4; s++) {
                _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
                struct fault fault = FAULT_NULL;
                int r;

                assert_int_equal(file_read(sample_path(SAMPLES[s]), 1 << 20, &content), 0);
                for (size_t n = 0; n < content.n_bytes; n += 131) {
                        overwrite(path, content.data, n);
                        count_rows(path, &r, &fault);
                        assert_int_equal(r, FAULT_E_INPUT);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_others_write_is_read),
                cmocka_unit_test(test_every_width_of_number),
                cmocka_unit_test(test_columns_behind_nested_ones_are_read),
                cmocka_unit_test(test_types_without_values_are_refused_by_name),
                cmocka_unit_test_setup_teardown(test_streams_end_with_a_mark_or_with_the_file, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test(test_what_is_arrow_is_told_by_its_first_bytes),
                cmocka_unit_test_setup_teardown(test_missing_and_empty_files_are_faults, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_a_batch_that_is_named_twice_is_refused, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_changed_bytes_never_lead_astray, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_extreme_numbers_never_lead_astray, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_cut_off_files_are_refused, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
