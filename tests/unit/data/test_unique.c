/* Uniqueness of a key, by bitmap and by hashed parts. */

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/data/statistics/unique.h"

enum { N_TABLES = 3, N_ROWS = 1000 };

/* Three tables of 1,000 rows; row i has the key i * step + start, but two rows are told to repeat earlier ones. */
struct fixture {
        struct table_builder *builders[N_TABLES];
        struct table tables[N_TABLES];
        const struct column *columns[N_TABLES];
};

static int64_t key_of(uint64_t row, int64_t start, int64_t step) {
        if (row == 2500)
                row = 7;
        if (row == 1200)
                row = 1100;
        return start + (int64_t)row * step;
}

static void fixture_make(struct fixture *fixture, enum column_type type, int64_t start, int64_t step) {
        char text[32];

        for (size_t i = 0; i < N_TABLES; i++) {
                assert_int_equal(table_builder_create(&fixture->builders[i]), 0);
                assert_int_equal(table_builder_add_column(fixture->builders[i], "key", type), 0);
                for (size_t row = 0; row < N_ROWS; row++) {
                        int64_t key = key_of(i * N_ROWS + row, start, step);

                        snprintf(text, sizeof(text), "k%" PRId64, key);
                        if (row == 500 || row == 501)
                                assert_int_equal(table_builder_add_missing(fixture->builders[i], 0), 0);
                        else if (type == COLUMN_INT64)
                                assert_int_equal(table_builder_add_int64(fixture->builders[i], 0, key), 0);
                        else
                                assert_int_equal(table_builder_add_text(fixture->builders[i], 0, text, strlen(text)),
                                                 0);
                }
                fixture->tables[i] = table_builder_view(fixture->builders[i]);
                fixture->columns[i] = &fixture->tables[i].columns[0];
        }
}

static void fixture_finish(struct fixture *fixture) {
        for (size_t i = 0; i < N_TABLES; i++)
                table_builder_destroy(fixture->builders[i]);
}

/* dense ints, sparse ints (no bitmap reaches over them), texts */
static const struct {
        enum column_type type;
        int64_t start, step;
} kinds[] = {
        { COLUMN_INT64, -5, 1 },
        { COLUMN_INT64, -(INT64_C(1) << 52), INT64_C(1) << 41 },
        { COLUMN_UTF8, 0, 1 },
};

static void test_names_the_first_rows(void **state _unused_) {
        for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
                struct fixture fixture;
                struct unique_report report;

                fixture_make(&fixture, kinds[i].type, kinds[i].start, kinds[i].step);
                assert_int_equal(unique_check(fixture.columns, fixture.tables, N_TABLES, &report), 0);
                /* row 2500 is missing: 500 of the third table */
                assert_int_equal(report.n_duplicates, 1);
                assert_int_equal(report.n_examples, 1);
                assert_int_equal(report.examples[0].first_row, 1100);
                assert_int_equal(report.examples[0].row, 1200);
                fixture_finish(&fixture);
        }
}

static void test_many_examples_come_in_order(void **state _unused_) {
        for (size_t i = 0; i < N_ELEMENTS(kinds); i++) {
                struct fixture fixture;
                struct unique_report report;
                const struct column *columns[2 * N_TABLES];
                struct table tables[2 * N_TABLES];

                fixture_make(&fixture, kinds[i].type, kinds[i].start, kinds[i].step);
                for (size_t j = 0; j < 2 * N_TABLES; j++) {
                        columns[j] = fixture.columns[j % N_TABLES];
                        tables[j] = fixture.tables[j % N_TABLES];
                }
                assert_int_equal(unique_check(columns, tables, 2 * N_TABLES, &report), 0);
                assert_int_equal(report.n_duplicates, 1 + 3 * N_ROWS - 6);
                assert_int_equal(report.n_examples, UNIQUE_EXAMPLES);
                assert_int_equal(report.examples[0].row, 1200);
                assert_int_equal(report.examples[1].first_row, 0);
                assert_int_equal(report.examples[1].row, 3000);
                assert_int_equal(report.examples[2].first_row, 1);
                assert_int_equal(report.examples[2].row, 3001);
                fixture_finish(&fixture);
        }
}

static void test_nothing_to_compare(void **state _unused_) {
        const struct column *columns[1] = { NULL };
        struct table table = { .n_rows = 5 };
        struct unique_report report;

        assert_int_equal(unique_check(columns, &table, 1, &report), 0);
        assert_int_equal(report.n_duplicates, 0);
        assert_int_equal(unique_check(columns, &table, 0, &report), 0);
        assert_int_equal(report.n_duplicates, 0);
}

/* More keys than one index may hold, so that several passes are needed, and one duplicate across them. */
static void test_passes(void **state _unused_) {
        enum { N = 1500000 };
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        struct unique_report report;
        struct table table;
        const struct column *column;
        void *values;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "key", COLUMN_INT64), 0);
        assert_int_equal(table_builder_reserve(builder, 0, N, &values), 0);
        for (int64_t i = 0; i < N; i++)
                ((int64_t *)values)[i] = i * 6000 + (i == N - 1 ? -6000 * 77 : 0);
        table = table_builder_view(builder);
        column = &table.columns[0];
        assert_int_equal(unique_check(&column, &table, 1, &report), 0);
        assert_int_equal(report.n_duplicates, 1);
        assert_int_equal(report.examples[0].first_row, N - 1 - 77);
        assert_int_equal(report.examples[0].row, N - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names_the_first_rows),
                cmocka_unit_test(test_many_examples_come_in_order),
                cmocka_unit_test(test_nothing_to_compare),
                cmocka_unit_test(test_passes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
