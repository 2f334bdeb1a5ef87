/* Query: parameters of each type, and the three ways a statement can end. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/db.h"
#include "common/base/query.h"
#include "tests/support/scratch.h"

static struct db *open_table(struct scratch *scratch) {
        struct db *db = NULL;

        assert_int_equal(db_open(scratch_path(scratch, "query.db"), &db), 0);
        assert_int_equal(db_exec(db, "CREATE TABLE t (k TEXT PRIMARY KEY, i INTEGER, d REAL, b BLOB)"), 0);
        return db;
}

static void test_values_come_back(void **state) {
        _cleanup_(db_destroy_pointer) struct db *db = open_table(*state);
        _cleanup_(db_release) struct db_statement *row = NULL;
        size_t n_bytes = 9;

        assert_int_equal(query_change(db, "INSERT INTO t VALUES (?, ?, ?, ?)",
                                      QUERY_VALUES(query_text("one"), query_int64(INT64_MIN), query_int64(7),
                                                   query_bytes("a\0b", 3))),
                         0);
        assert_int_equal(
                query_change(db, "INSERT INTO t VALUES (?, ?, ?, ?)",
                             QUERY_VALUES(query_text(""), query_int64(0), query_text(NULL), query_bytes(NULL, 0))),
                0);
        assert_int_equal(query_find(db, "SELECT i, d, b FROM t WHERE k = ?", QUERY_VALUES(query_text("one")), &row), 0);
        assert_true(db_column_int64(row, 0) == INT64_MIN);
        assert_true(db_column_int64(row, 1) == 7);
        assert_memory_equal(db_column_blob(row, 2, &n_bytes), "a\0b", 3);
        assert_int_equal(n_bytes, 3);
        db_release(&row);
        assert_int_equal(query_find(db, "SELECT d, b FROM t WHERE k = ''", NULL, 0, &row), 0);
        assert_null(db_column_text(row, 0));
        assert_non_null(db_column_text(row, 1));
}

static void test_ways_to_end(void **state) {
        _cleanup_(db_destroy_pointer) struct db *db = open_table(*state);
        struct db_statement *row = NULL;
        int64_t value = 77;

        assert_int_equal(query_find(db, "SELECT 1 FROM t", NULL, 0, &row), QUERY_E_NONE);
        assert_null(row);
        assert_int_equal(query_int64_of(db, "SELECT i FROM t", NULL, 0, &value), QUERY_E_NONE);
        assert_int_equal(value, 77);
        assert_int_equal(query_change(db, "INSERT INTO t (k, i) VALUES ('x', 5)", NULL, 0), 0);
        assert_int_equal(query_change(db, "INSERT INTO t (k, i) VALUES ('x', 6)", NULL, 0), QUERY_E_EXISTS);
        assert_int_equal(query_int64_of(db, "SELECT i FROM t", NULL, 0, &value), 0);
        assert_int_equal(value, 5);
        assert_true(query_change(db, "no statement", NULL, 0) < 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_values_come_back, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_ways_to_end, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
