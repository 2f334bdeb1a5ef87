/* Table: what is built is what is viewed, whatever the order of appending, missing, cutting and copying. */

#include "common/data/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/cleanup.h"
#include <cmocka.h>

enum { INT, FLOAT, TEXT };

static struct table_builder *make_builder(void) {
        struct table_builder *builder;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "i", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_column(builder, "f", COLUMN_FLOAT64), 0);
        assert_int_equal(table_builder_add_column(builder, "t", COLUMN_UTF8), 0);
        return builder;
}

/* Row i: i, i / 2, "v<i>"; every third int, fifth float and seventh text is missing. */
static void add_row(struct table_builder *builder, int64_t i) {
        char text[32];

        snprintf(text, sizeof(text), "v%d", (int)i);
        assert_int_equal(i % 3 ? table_builder_add_int64(builder, INT, i) : table_builder_add_missing(builder, INT), 0);
        assert_int_equal(i % 5 ? table_builder_add_float64(builder, FLOAT, (double)i / 2)
                               : table_builder_add_missing(builder, FLOAT),
                         0);
        assert_int_equal(i % 7 ? table_builder_add_text(builder, TEXT, text, strlen(text))
                               : table_builder_add_missing(builder, TEXT),
                         0);
}

static void check_row(const struct table *table, size_t row, int64_t i) {
        const struct column *columns = table->columns;
        char want[32];
        size_t n;

        assert_int_equal(column_is_present(&columns[INT], row), i % 3 != 0);
        assert_int_equal(column_is_present(&columns[FLOAT], row), i % 5 != 0);
        assert_int_equal(column_is_present(&columns[TEXT], row), i % 7 != 0);
        if (i % 3)
                assert_int_equal(columns[INT].int64[row], i);
        if (i % 5)
                assert_true(columns[FLOAT].float64[row] * 2 >= (double)i &&
                            columns[FLOAT].float64[row] * 2 <= (double)i);
        snprintf(want, sizeof(want), "v%d", (int)i);
        if (i % 7) {
                const char *text = column_text(&columns[TEXT], row, &n);

                assert_int_equal(n, strlen(want));
                assert_memory_equal(text, want, n);
        }
}

static void test_rows_are_as_appended(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_builder();
        struct table table;

        (void)state;
        for (int64_t i = 0; i < 1000; i++)
                add_row(builder, i);
        assert_int_equal(table_builder_n_rows(builder), 1000);
        table = table_builder_view(builder);
        assert_int_equal(table.n_rows, 1000);
        assert_int_equal(table.n_columns, 3);
        for (size_t i = 0; i < 1000; i++)
                check_row(&table, i, (int64_t)i);
}

static void test_columns_without_missing_values_have_no_bitmap(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_builder();
        struct table table;

        (void)state;
        for (int64_t i = 1; i < 3; i++)
                add_row(builder, i);
        table = table_builder_view(builder);
        for (size_t k = 0; k < 3; k++)
                assert_null(table.columns[k].validity);
}

static void test_columns_are_found_by_name(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_builder();
        struct table table = table_builder_view(builder);

        (void)state;
        assert_ptr_equal(table_find(&table, "f"), &table.columns[FLOAT]);
        assert_null(table_find(&table, "F"));
}

static void test_truncate_undoes_a_half_written_row(void **state) {
        struct table table;

        (void)state;
        for (size_t n_kept = 0; n_kept < 40; n_kept++) {
                _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_builder();

                for (size_t i = 0; i < 40; i++)
                        add_row(builder, (int64_t)i);
                assert_int_equal(table_builder_add_int64(builder, INT, 99), 0);
                assert_int_equal(table_builder_add_missing(builder, FLOAT), 0);
                table_builder_truncate(builder, n_kept);
                for (size_t i = n_kept; i < 60; i++)
                        add_row(builder, (int64_t)i);
                table = table_builder_view(builder);
                assert_int_equal(table.n_rows, 60);
                for (size_t i = 0; i < 60; i++)
                        check_row(&table, i, (int64_t)i);
        }
}

static void test_clear_keeps_the_columns(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_builder();
        struct table table;

        (void)state;
        for (int round = 0; round < 3; round++) {
                table_builder_clear(builder);
                assert_int_equal(table_builder_n_rows(builder), 0);
                for (int64_t i = 0; i < 21; i++)
                        add_row(builder, i + round);
                table = table_builder_view(builder);
                for (size_t i = 0; i < 21; i++)
                        check_row(&table, i, (int64_t)i + round);
        }
}

static void test_reserved_values_are_present(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        struct table table;
        void *values;

        (void)state;
        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "i", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_missing(builder, 0), 0);
        assert_int_equal(table_builder_reserve(builder, 0, 20, &values), 0);
        for (size_t i = 0; i < 20; i++)
                ((int64_t *)values)[i] = (int64_t)i;
        assert_int_equal(table_builder_add_missing(builder, 0), 0);
        table = table_builder_view(builder);
        assert_int_equal(table.n_rows, 22);
        for (size_t i = 0; i < 22; i++)
                assert_int_equal(column_is_present(&table.columns[0], i), i != 0 && i != 21);
        assert_int_equal(table.columns[0].int64[20], 19);
}

static void test_rows_are_copied_in_the_order_asked(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *from = make_builder(), *to = make_builder();
        uint32_t rows[100];
        struct table table;

        (void)state;
        for (int64_t i = 0; i < 200; i++)
                add_row(from, i);
        for (uint32_t i = 0; i < 100; i++)
                rows[i] = 199 - 2 * i;
        table = table_builder_view(from);
        add_row(to, 1);
        assert_int_equal(table_builder_add_rows(to, &table, rows, 100), 0);
        assert_int_equal(table_builder_add_rows(to, &table, rows, 0), 0);
        table = table_builder_view(to);
        assert_int_equal(table.n_rows, 101);
        for (size_t i = 0; i < 100; i++)
                check_row(&table, i + 1, 199 - 2 * (int64_t)i);
}

static void test_rows_without_missing_values_are_copied(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *from = make_builder(), *to = make_builder();
        const uint32_t rows[] = { 1, 0 };
        struct table table;

        (void)state;
        add_row(from, 1);
        add_row(from, 2);
        table = table_builder_view(from);
        assert_int_equal(table_builder_add_rows(to, &table, rows, 2), 0);
        table = table_builder_view(to);
        check_row(&table, 0, 2);
        check_row(&table, 1, 1);
        for (size_t k = 0; k < 3; k++)
                assert_null(table.columns[k].validity);
}

static void content_of(const struct table *table, char ret_hex[DIGEST_CONTENT_BYTES]) {
        struct digest_content content = DIGEST_CONTENT_NULL;

        assert_int_equal(table_add_content(table, &content), 0);
        digest_content_format(&content, ret_hex);
}

static void test_content_does_not_depend_on_order_or_batches(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *whole = make_builder(), *part = make_builder();
        struct digest_content sum = DIGEST_CONTENT_NULL;
        char want[DIGEST_CONTENT_BYTES], got[DIGEST_CONTENT_BYTES];
        struct table table;

        (void)state;
        for (int64_t i = 0; i < 100; i++)
                add_row(whole, i);
        table = table_builder_view(whole);
        content_of(&table, want);
        for (int64_t start = 3; start >= 0; start--) {
                table_builder_clear(part);
                for (int64_t i = 99 - start; i >= 0; i -= 4)
                        add_row(part, i);
                table = table_builder_view(part);
                assert_int_equal(table_add_content(&table, &sum), 0);
        }
        digest_content_format(&sum, got);
        assert_string_equal(got, want);
}

/* Columns of one row each, of which no two may have the same content. */
static void test_content_tells_values_apart(void **state) {
        char hex[8][DIGEST_CONTENT_BYTES];
        size_t n = 0;

        (void)state;
        for (int kind = 0; kind < 6; kind++) {
                _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
                struct table table;

                assert_int_equal(table_builder_create(&builder), 0);
                assert_int_equal(table_builder_add_column(builder, "a",
                                                          kind < 2   ? COLUMN_INT64
                                                          : kind < 3 ? COLUMN_FLOAT64
                                                                     : COLUMN_UTF8),
                                 0);
                assert_int_equal(kind == 0   ? table_builder_add_int64(builder, 0, 0)
                                 : kind == 1 ? table_builder_add_missing(builder, 0)
                                 : kind == 2 ? table_builder_add_float64(builder, 0, 0.0)
                                 : kind == 3 ? table_builder_add_text(builder, 0, "", 0)
                                 : kind == 4 ? table_builder_add_text(builder, 0, "0", 1)
                                             : table_builder_add_text(builder, 0, "\0\0\0\0\0\0\0\0", 8),
                                 0);
                table = table_builder_view(builder);
                content_of(&table, hex[n]);
                for (size_t i = 0; i < n; i++)
                        assert_string_not_equal(hex[i], hex[n]);
                n++;
        }
}

static void test_content_takes_both_zeros_for_one(void **state) {
        char hex[2][DIGEST_CONTENT_BYTES];

        (void)state;
        for (int i = 0; i < 2; i++) {
                _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
                struct table table;

                assert_int_equal(table_builder_create(&builder), 0);
                assert_int_equal(table_builder_add_column(builder, "a", COLUMN_FLOAT64), 0);
                assert_int_equal(table_builder_add_float64(builder, 0, i ? -0.0 : 0.0), 0);
                table = table_builder_view(builder);
                content_of(&table, hex[i]);
        }
        assert_string_equal(hex[0], hex[1]);
}

/* The canonical form is written down in table.h; who changes it gives every dataset another digest. */
static void test_content_is_golden(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_builder();
        static const uint8_t row[] = { 1, 1, 0, 0,    0,    0, 0, 0, 0, 2, 0,   0,  0,
                                       0, 0, 0, 0xe0, 0x3f, 3, 2, 0, 0, 0, 'v', '1' };
        struct digest_content want = DIGEST_CONTENT_NULL;
        char want_hex[DIGEST_CONTENT_BYTES], hex[DIGEST_CONTENT_BYTES];
        struct table table;

        (void)state;
        add_row(builder, 1);
        table = table_builder_view(builder);
        content_of(&table, hex);
        digest_content_add_row(&want, row, sizeof(row));
        digest_content_format(&want, want_hex);
        assert_string_equal(hex, want_hex);
}

static void test_columns_at_one_distance_are_a_matrix(void **state) {
        float values[3 * 16] = { 0 };
        struct column columns[3];
        struct table table = { 10, 3, columns };
        struct table_matrix matrix;

        (void)state;
        for (size_t k = 0; k < 3; k++)
                columns[k] = (struct column){ .name = "x", .type = COLUMN_FLOAT32, .float32 = values + 16 * k };
        assert_true(table_as_matrix(&table, &matrix));
        assert_ptr_equal(matrix.values, values);
        assert_int_equal(matrix.distance, 16);
        assert_int_equal(matrix.n_rows, 10);
        assert_int_equal(matrix.n_columns, 3);
        columns[2].float32++;
        assert_false(table_as_matrix(&table, &matrix));
        columns[2].float32 -= 17;
        assert_false(table_as_matrix(&table, &matrix));
        table.n_columns = 2;
        assert_true(table_as_matrix(&table, &matrix));
        columns[1].type = COLUMN_FLOAT64;
        assert_false(table_as_matrix(&table, &matrix));
        table.n_columns = 1;
        assert_true(table_as_matrix(&table, &matrix));
        table.n_columns = 0;
        assert_false(table_as_matrix(&table, &matrix));
}

static void test_columns_that_overlap_are_no_matrix(void **state) {
        float values[64] = { 0 };
        struct column columns[2] = {
                { .name = "a", .type = COLUMN_FLOAT32, .float32 = values },
                { .name = "b", .type = COLUMN_FLOAT32, .float32 = values + 9 },
        };
        struct table table = { 10, 2, columns };
        struct table_matrix matrix;

        (void)state;
        assert_false(table_as_matrix(&table, &matrix));
        columns[0].float32 = values + 20;
        columns[1].float32 = values;
        assert_false(table_as_matrix(&table, &matrix));
}

static void test_too_many_columns_are_refused(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;

        (void)state;
        assert_int_equal(table_builder_create(&builder), 0);
        for (int i = 0; i < TABLE_COLUMNS_MAX; i++)
                assert_int_equal(table_builder_add_column(builder, "a", COLUMN_FLOAT32), 0);
        assert_true(table_builder_add_column(builder, "a", COLUMN_FLOAT32) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows_are_as_appended),
                cmocka_unit_test(test_columns_without_missing_values_have_no_bitmap),
                cmocka_unit_test(test_columns_are_found_by_name),
                cmocka_unit_test(test_truncate_undoes_a_half_written_row),
                cmocka_unit_test(test_clear_keeps_the_columns),
                cmocka_unit_test(test_reserved_values_are_present),
                cmocka_unit_test(test_rows_are_copied_in_the_order_asked),
                cmocka_unit_test(test_rows_without_missing_values_are_copied),
                cmocka_unit_test(test_content_does_not_depend_on_order_or_batches),
                cmocka_unit_test(test_content_tells_values_apart),
                cmocka_unit_test(test_content_takes_both_zeros_for_one),
                cmocka_unit_test(test_content_is_golden),
                cmocka_unit_test(test_columns_at_one_distance_are_a_matrix),
                cmocka_unit_test(test_columns_that_overlap_are_no_matrix),
                cmocka_unit_test(test_too_many_columns_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
