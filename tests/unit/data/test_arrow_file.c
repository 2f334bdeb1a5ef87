/* Arrow writer and file: what is written is read, in the layout that is promised, and damage is found. */

#include "common/data/arrow/arrow.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "tests/support/scratch.h"
#include <cmocka.h>

static const struct arrow_note NOTES[] = { { "n_train", "17" }, { "names", "a,b" }, { "empty", "" } };

static struct table_builder *make_builder(void) {
        struct table_builder *builder;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "id", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_column(builder, "x", COLUMN_FLOAT64), 0);
        assert_int_equal(table_builder_add_column(builder, "größe", COLUMN_UTF8), 0);
        assert_int_equal(table_builder_add_column(builder, "f", COLUMN_FLOAT32), 0);
        return builder;
}

static void add_rows(struct table_builder *builder, int64_t from, size_t n) {
        char text[32];

        for (int64_t i = from; i < from + (int64_t)n; i++) {
                snprintf(text, sizeof(text), "v%d", (int)i * 7);
                assert_int_equal(table_builder_add_int64(builder, 0, i), 0);
                assert_int_equal(i % 3 ? table_builder_add_float64(builder, 1, (double)i / 4)
                                       : table_builder_add_missing(builder, 1),
                                 0);
                assert_int_equal(i % 5 ? table_builder_add_text(builder, 2, text, strlen(text))
                                       : table_builder_add_missing(builder, 2),
                                 0);
                assert_int_equal(table_builder_add_float32(builder, 3, (float)i), 0);
        }
}

static void check_rows(const struct table *table, int64_t from) {
        char want[32];
        size_t n;

        for (size_t row = 0; row < table->n_rows; row++) {
                int64_t i = from + (int64_t)row;

                assert_int_equal(table->columns[0].int64[row], i);
                assert_int_equal(column_is_present(&table->columns[1], row), i % 3 != 0);
                if (i % 3)
                        assert_int_equal((int64_t)(table->columns[1].float64[row] * 4), i);
                assert_int_equal(column_is_present(&table->columns[2], row), i % 5 != 0);
                assert_int_equal((int64_t)table->columns[3].float32[row], i);
                if (!(i % 5))
                        continue;
                snprintf(want, sizeof(want), "v%d", (int)i * 7);
                assert_memory_equal(column_text(&table->columns[2], row, &n), want, strlen(want));
                assert_int_equal(n, strlen(want));
        }
}

/* Writes batches of these many rows each. */
static void write_file(const char *path, const size_t *sizes, size_t n_batches, struct arrow_summary *ret_summary) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_builder();
        _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = NULL;
        _cleanup_(close_descriptor) int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        struct table table = table_builder_view(builder);
        int64_t from = 0;

        assert_true(fd >= 0);
        assert_int_equal(arrow_writer_create(fd, &table, NOTES, N_ELEMENTS(NOTES), &writer), 0);
        for (size_t i = 0; i < n_batches; i++) {
                table_builder_clear(builder);
                add_rows(builder, from, sizes[i]);
                table = table_builder_view(builder);
                assert_int_equal(arrow_writer_add(writer, &table), 0);
                from += (int64_t)sizes[i];
        }
        assert_int_equal(arrow_writer_finish(writer, ret_summary), 0);
}

static void test_rows_come_back(void **state) {
        static const size_t sizes[] = { 1, 8, 1000, 0, 63, 65536, 64 };
        const char *path = scratch_path(*state, "a.arrow");
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = NULL;
        struct fault fault = FAULT_NULL;
        struct arrow_summary summary;
        struct table table;
        int64_t from = 0;

        write_file(path, sizes, N_ELEMENTS(sizes), &summary);
        assert_int_equal(summary.n_rows, 1 + 8 + 1000 + 63 + 65536 + 64);
        assert_int_equal(summary.n_batches, 6);
        assert_int_equal(arrow_file_open(path, &file, &fault), 0);
        assert_int_equal(arrow_file_n_rows(file), summary.n_rows);
        assert_int_equal(arrow_file_n_batches(file), 6);
        for (size_t i = 0; i < 6; i++) {
                assert_int_equal(arrow_file_first_row(file, i), from);
                assert_int_equal(arrow_file_batch(file, i, &table, &fault), 0);
                check_rows(&table, from);
                from += (int64_t)table.n_rows;
                if (i == 3)
                        arrow_file_forget_before(file, i);
        }
        assert_int_equal(arrow_file_first_row(file, 6), from);
        assert_int_equal(arrow_file_batch(file, 0, &table, &fault), 0);
        check_rows(&table, 0);
}

static void test_shape_and_notes_come_back(void **state) {
        static const size_t sizes[] = { 5 };
        const char *path = scratch_path(*state, "a.arrow");
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = NULL;
        struct fault fault = FAULT_NULL;
        struct arrow_summary summary;
        struct table shape;

        write_file(path, sizes, 1, &summary);
        assert_int_equal(arrow_file_open(path, &file, &fault), 0);
        shape = arrow_file_shape(file);
        assert_int_equal(shape.n_columns, 4);
        assert_int_equal(shape.n_rows, 0);
        assert_string_equal(shape.columns[2].name, "größe");
        assert_int_equal(shape.columns[2].type, COLUMN_UTF8);
        assert_int_equal(shape.columns[3].type, COLUMN_FLOAT32);
        for (size_t i = 0; i < N_ELEMENTS(NOTES); i++)
                assert_string_equal(arrow_file_note(file, NOTES[i].key), NOTES[i].value);
        assert_null(arrow_file_note(file, "other"));
}

static void test_summary_is_that_of_the_file(void **state) {
        static const size_t sizes[] = { 70, 65536, 30 };
        const char *path = scratch_path(*state, "a.arrow");
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        char sha256[DIGEST_SHA256_BYTES];
        struct arrow_summary summary;

        write_file(path, sizes, 3, &summary);
        assert_int_equal(file_read(path, 1 << 24, &content), 0);
        assert_int_equal(summary.n_bytes, content.n_bytes);
        assert_int_equal(digest_sha256(content.data, content.n_bytes, sha256), 0);
        assert_string_equal(summary.sha256, sha256);
}

static void test_same_rows_give_same_bytes(void **state) {
        static const size_t sizes[] = { 9, 100 };
        struct arrow_summary first, second;

        write_file(scratch_path(*state, "a.arrow"), sizes, 2, &first);
        write_file(scratch_path(*state, "b.arrow"), sizes, 2, &second);
        assert_string_equal(first.sha256, second.sha256);
}

static void test_file_without_rows(void **state) {
        const char *path = scratch_path(*state, "a.arrow");
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = NULL;
        struct fault fault = FAULT_NULL;
        struct arrow_summary summary;

        write_file(path, NULL, 0, &summary);
        assert_int_equal(arrow_file_open(path, &file, &fault), 0);
        assert_int_equal(arrow_file_n_rows(file), 0);
        assert_int_equal(arrow_file_n_batches(file), 0);
        assert_int_equal(arrow_file_shape(file).n_columns, 4);
}

static void test_buffers_lie_on_multiples_of_64(void **state) {
        static const size_t sizes[] = { 3, 65, 1001 };
        const char *path = scratch_path(*state, "a.arrow");
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = NULL;
        struct fault fault = FAULT_NULL;
        struct arrow_summary summary;
        struct table table;

        write_file(path, sizes, 3, &summary);
        assert_int_equal(arrow_file_open(path, &file, &fault), 0);
        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(arrow_file_batch(file, i, &table, &fault), 0);
                assert_int_equal((uintptr_t)table.columns[0].int64 % 64, 0);
                assert_int_equal((uintptr_t)table.columns[1].validity % 64, 0);
                assert_int_equal((uintptr_t)table.columns[1].float64 % 64, 0);
                assert_int_equal((uintptr_t)table.columns[2].offsets % 64, 0);
                assert_int_equal((uintptr_t)table.columns[2].text % 64, 0);
                assert_int_equal((uintptr_t)table.columns[3].float32 % 64, 0);
        }
}

/* A view into the middle of another table: offsets do not start at 0, and the bitmap has bits behind the end. */
static void test_part_of_a_table_is_written_as_its_own(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_builder();
        struct arrow_summary summaries[2];

        add_rows(builder, 0, 64);
        for (int i = 0; i < 2; i++) {
                _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = NULL;
                _cleanup_(close_descriptor) int fd = open(scratch_path(*state, "a.arrow"), O_RDWR | O_CREAT | O_TRUNC,
                                                          0600);
                struct table table = table_builder_view(builder);

                if (!i) {
                        table.n_rows = 20;
                        table.columns[0].int64 += 16;
                        table.columns[1].float64 += 16;
                        table.columns[1].validity += 2;
                        table.columns[2].offsets += 16;
                        table.columns[2].validity += 2;
                        table.columns[3].float32 += 16;
                } else {
                        table_builder_clear(builder);
                        add_rows(builder, 16, 20);
                        table = table_builder_view(builder);
                }
                assert_int_equal(arrow_writer_create(fd, &table, NULL, 0, &writer), 0);
                assert_int_equal(arrow_writer_add(writer, &table), 0);
                assert_int_equal(arrow_writer_finish(writer, &summaries[i]), 0);
        }
        assert_string_equal(summaries[0].sha256, summaries[1].sha256);
}

static void test_float32_columns_are_a_matrix(void **state) {
        static const size_t sizes[] = { 1, 16, 17, 1000, 65536 };
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = NULL;
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = NULL;
        _cleanup_(close_descriptor) int fd = -1;
        const char *path = scratch_path(*state, "m.arrow");
        struct fault fault = FAULT_NULL;
        struct arrow_summary summary;
        struct table_matrix matrix;
        struct table table;
        void *values;

        assert_int_equal(table_builder_create(&builder), 0);
        for (int k = 0; k < 5; k++)
                assert_int_equal(table_builder_add_column(builder, &"abcde"[k], COLUMN_FLOAT32), 0);
        fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        table = table_builder_view(builder);
        assert_int_equal(arrow_writer_create(fd, &table, NULL, 0, &writer), 0);
        for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
                table_builder_clear(builder);
                for (size_t k = 0; k < 5; k++) {
                        assert_int_equal(table_builder_reserve(builder, k, sizes[i], &values), 0);
                        for (size_t row = 0; row < sizes[i]; row++)
                                ((float *)values)[row] = (float)(row * 5 + k);
                }
                table = table_builder_view(builder);
                assert_int_equal(arrow_writer_add(writer, &table), 0);
        }
        assert_int_equal(arrow_writer_finish(writer, &summary), 0);
        assert_int_equal(arrow_file_open(path, &file, &fault), 0);
        for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
                assert_int_equal(arrow_file_batch(file, i, &table, &fault), 0);
                assert_true(table_as_matrix(&table, &matrix));
                assert_int_equal(matrix.n_rows, sizes[i]);
                for (size_t k = 0; k < 5; k++)
                        for (size_t row = 0; row < sizes[i]; row++)
                                assert_int_equal((size_t)matrix.values[k * matrix.distance + row], row * 5 + k);
        }
}

static void test_write_error_is_told(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_builder();
        _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = NULL;
        _cleanup_(close_descriptor) int fd = open("/dev/full", O_WRONLY);
        struct table table = table_builder_view(builder);

        (void)state;
        assert_int_equal(arrow_writer_create(fd, &table, NULL, 0, &writer), -ENOSPC);
}

static void test_missing_file_is_a_fault(void **state) {
        struct arrow_file *file = NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(arrow_file_open(scratch_path(*state, "none.arrow"), &file, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FILE_NOT_FOUND");
        assert_null(file);
}

/* Reads all that can be read; the sum keeps the compiler from leaving it out. */
static uint64_t touch_everything(const char *path, int *ret_result) {
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = NULL;
        struct fault fault = FAULT_NULL;
        struct table table;
        uint64_t sum = 0;
        size_t n;
        int r;

        r = arrow_file_open(path, &file, &fault);
        for (size_t i = 0; !r && i < arrow_file_n_batches(file); i++) {
                r = arrow_file_batch(file, i, &table, &fault);
                for (size_t k = 0; !r && k < table.n_columns; k++)
                        for (size_t row = 0; row < table.n_rows; row++) {
                                const struct column *column = &table.columns[k];

                                if (!column_is_present(column, row))
                                        continue;
                                if (column->type == COLUMN_INT64)
                                        sum += (uint64_t)column->int64[row];
                                else if (column->type == COLUMN_FLOAT64)
                                        sum += column->float64[row] > 1.0;
                                else if (column->type == COLUMN_FLOAT32)
                                        sum += column->float32[row] > 1.0F;
                                else
                                        for (const char *text = column_text(column, row, &n); n; n--)
                                                sum += (uint8_t)text[n - 1];
                        }
        }
        if (r)
                assert_int_equal(r, FAULT_E_INPUT);
        *ret_result = r;
        return sum;
}

static void overwrite(const char *path, const void *bytes, size_t n_bytes) {
        _cleanup_(close_descriptor) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(file_write_all(fd, bytes, n_bytes), 0);
}

static void test_cut_off_files_are_refused(void **state) {
        static const size_t sizes[] = { 5, 6 };
        const char *path = scratch_path(*state, "a.arrow");
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        struct arrow_summary summary;
        int r;

        write_file(path, sizes, 2, &summary);
        assert_int_equal(file_read(path, 1 << 20, &content), 0);
        for (size_t n = 0; n < content.n_bytes; n += 7) {
                overwrite(path, content.data, n);
                touch_everything(path, &r);
                assert_int_equal(r, FAULT_E_INPUT);
        }
}

/* Whatever a byte becomes, the file is read within its bounds or refused (the sanitizers watch). */
static void test_changed_bytes_never_lead_astray(void **state) {
        static const size_t sizes[] = { 5, 6 };
        static const uint8_t values[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
        const char *path = scratch_path(*state, "a.arrow");
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        _cleanup_(close_descriptor) int fd = -1;
        struct arrow_summary summary;
        size_t n_refused = 0;
        uint64_t sum = 0;
        int r;

        write_file(path, sizes, 2, &summary);
        assert_int_equal(file_read(path, 1 << 20, &content), 0);
        fd = open(path, O_WRONLY);
        for (size_t at = 0; at < content.n_bytes; at++) {
                for (size_t i = 0; i < N_ELEMENTS(values); i++) {
                        assert_int_equal(pwrite(fd, &values[i], 1, (off_t)at), 1);
                        sum += touch_everything(path, &r);
                        n_refused += r != 0;
                }
                assert_int_equal(pwrite(fd, &content.data[at], 1, (off_t)at), 1);
        }
        assert_true(n_refused > 100);
        assert_true(sum > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_rows_come_back, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_shape_and_notes_come_back, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_summary_is_that_of_the_file, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_same_rows_give_same_bytes, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_file_without_rows, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_buffers_lie_on_multiples_of_64, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_part_of_a_table_is_written_as_its_own, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_float32_columns_are_a_matrix, scratch_setup, scratch_teardown),
                cmocka_unit_test(test_write_error_is_told),
                cmocka_unit_test_setup_teardown(test_missing_file_is_a_fault, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_cut_off_files_are_refused, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_changed_bytes_never_lead_astray, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
