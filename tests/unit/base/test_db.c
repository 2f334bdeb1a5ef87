/* Database file: private, durable, failures translated. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/base/db.h"
#include "common/base/file.h"
#include "tests/support/scratch.h"

static const char TABLE[] =
        "CREATE TABLE item (id TEXT PRIMARY KEY, n INTEGER NOT NULL CHECK (n >= 0), body BLOB) STRICT";

static struct db *must_open(struct scratch *scratch) {
        struct db *db = NULL;

        assert_int_equal(db_open(scratch_path(scratch, "a.db"), &db), 0);
        return db;
}

static int64_t count(struct db *db) {
        _cleanup_(db_release) struct db_statement *statement = NULL;

        assert_int_equal(db_prepare(db, "SELECT count(*) FROM item", &statement), 0);
        assert_int_equal(db_step(statement), DB_E_ROW);
        return db_column_int64(statement, 0);
}

static int insert(struct db *db, const char *id, int64_t n) {
        _cleanup_(db_release) struct db_statement *statement = NULL;

        assert_int_equal(db_prepare(db, "INSERT INTO item (id, n) VALUES (?, ?)", &statement), 0);
        db_bind_text(statement, 1, id);
        db_bind_int64(statement, 2, n);
        return db_step(statement);
}

static int64_t pragma(struct db *db, const char *sql) {
        _cleanup_(db_release) struct db_statement *statement = NULL;

        assert_int_equal(db_prepare(db, sql, &statement), 0);
        assert_int_equal(db_step(statement), DB_E_ROW);
        return db_column_int64(statement, 0);
}

static void the_file_is_private_and_durable(void **state) {
        _cleanup_(db_destroy_pointer) struct db *db = must_open(*state);
        static const char *const NAMES[] = { "a.db", "a.db-wal", "a.db-shm" };
        struct stat status;

        assert_int_equal(db_exec(db, TABLE), 0);
        for (size_t i = 0; i < N_ELEMENTS(NAMES); i++) {
                assert_int_equal(stat(scratch_path(*state, NAMES[i]), &status), 0);
                assert_int_equal(status.st_mode & 0777, 0600);
        }
        assert_int_equal(pragma(db, "PRAGMA synchronous"), 2);
        assert_int_equal(pragma(db, "PRAGMA foreign_keys"), 1);
        assert_int_equal(pragma(db, "PRAGMA busy_timeout"), 5000);
}

static void a_file_that_others_may_read_is_made_private(void **state) {
        const char *path = scratch_path(*state, "a.db");
        struct stat status;

        assert_int_equal(file_replace(path, "", 0), 0);
        assert_int_equal(chmod(path, 0644), 0);
        db_destroy(must_open(*state));
        assert_int_equal(stat(scratch_path(*state, "a.db"), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
}

static void values_come_back_as_they_went(void **state) {
        _cleanup_(db_destroy_pointer) struct db *db = must_open(*state);
        _cleanup_(db_release) struct db_statement *statement = NULL;
        const void *bytes;
        size_t n_bytes;

        assert_int_equal(db_prepare(db, "SELECT ?, ?, ?, ?, ?, ?", &statement), 0);
        db_bind_int64(statement, 1, INT64_MIN);
        db_bind_int64(statement, 2, INT64_MAX);
        db_bind_text(statement, 3, "t\xc3\xa9xt");
        db_bind_blob(statement, 4, "a\0b", 3);
        db_bind_null(statement, 5);
        db_bind_text(statement, 6, NULL);
        assert_int_equal(db_step(statement), DB_E_ROW);
        assert_true(db_column_int64(statement, 0) == INT64_MIN);
        assert_true(db_column_int64(statement, 1) == INT64_MAX);
        assert_string_equal(db_column_text(statement, 2), "t\xc3\xa9xt");
        bytes = db_column_blob(statement, 3, &n_bytes);
        assert_int_equal(n_bytes, 3);
        assert_memory_equal(bytes, "a\0b", 3);
        assert_null(db_column_text(statement, 4));
        assert_null(db_column_text(statement, 5));
        assert_null(db_column_blob(statement, 5, &n_bytes));
        assert_int_equal(n_bytes, 0);
        assert_int_equal(db_step(statement), 0);
}

static void statements_are_lent_again_without_parameters(void **state) {
        _cleanup_(db_destroy_pointer) struct db *db = must_open(*state);
        struct db_statement *one = NULL, *two = NULL, *three = NULL, *first;
        static const char SQL[] = "SELECT ?";

        assert_int_equal(db_prepare(db, SQL, &one), 0);
        db_bind_int64(one, 1, 5);
        assert_int_equal(db_step(one), DB_E_ROW);
        /* the first is in the middle of its rows */
        assert_int_equal(db_prepare(db, SQL, &two), 0);
        assert_ptr_not_equal(one, two);
        assert_int_equal(db_step(two), DB_E_ROW);
        assert_null(db_column_text(two, 0));
        assert_int_equal(db_column_int64(one, 0), 5);
        first = one;
        db_release(&one);
        assert_null(one);
        assert_int_equal(db_prepare(db, SQL, &three), 0);
        assert_ptr_equal(three, first);
        assert_int_equal(db_step(three), DB_E_ROW);
        assert_null(db_column_text(three, 0));
        db_release(&two);
        db_release(&three);
        db_release(&three);
}

static void a_wrong_parameter_is_told_by_step(void **state) {
        _cleanup_(db_destroy_pointer) struct db *db = must_open(*state);
        _cleanup_(db_release) struct db_statement *statement = NULL;

        assert_int_equal(db_prepare(db, "SELECT ?", &statement), 0);
        db_bind_int64(statement, 2, 1);
        db_bind_int64(statement, 1, 1);
        assert_int_equal(db_step(statement), -EPROTO);
        db_reset(statement);
        db_bind_int64(statement, 1, 1);
        assert_int_equal(db_step(statement), DB_E_ROW);
}

static void a_key_that_exists_is_a_condition(void **state) {
        _cleanup_(db_destroy_pointer) struct db *db = must_open(*state);

        assert_int_equal(db_exec(db, TABLE), 0);
        assert_int_equal(insert(db, "a", 1), 0);
        assert_int_equal(db_n_changed(db), 1);
        assert_int_equal(insert(db, "a", 2), DB_E_EXISTS);
        assert_int_equal(insert(db, "b", -1), -EINVAL);
        assert_int_equal(insert(db, "b", 2), 0);
        assert_int_equal(db_last_row_id(db), 2);
        assert_int_equal(count(db), 2);
        assert_int_equal(db_exec(db, "INSERT INTO item (id, n) VALUES ('a', 1)"), DB_E_EXISTS);
        assert_int_equal(db_exec(db, "SELEC 1"), -EPROTO);
}

static void a_transaction_is_whole_or_absent(void **state) {
        struct db *db = must_open(*state);

        assert_int_equal(db_exec(db, TABLE), 0);
        {
                _cleanup_(db_rollback) struct db_transaction transaction = DB_TRANSACTION_NULL;

                assert_int_equal(db_begin(db, &transaction), 0);
                assert_int_equal(insert(db, "a", 1), 0);
                assert_int_equal(count(db), 1);
        }
        assert_int_equal(count(db), 0);
        {
                _cleanup_(db_rollback) struct db_transaction transaction = DB_TRANSACTION_NULL;

                assert_int_equal(db_begin(db, &transaction), 0);
                assert_int_equal(insert(db, "a", 1), 0);
                assert_int_equal(insert(db, "a", 2), DB_E_EXISTS);
                assert_int_equal(insert(db, "b", 1), 0);
                assert_int_equal(db_commit(&transaction), 0);
                assert_null(transaction.db);
        }
        db_destroy(db);
        db = must_open(*state);
        assert_int_equal(count(db), 2);
        db_destroy(db);
}

static void one_who_waits_too_long_hears_busy(void **state) {
        _cleanup_(db_destroy_pointer) struct db *one = must_open(*state), *two = must_open(*state);
        _cleanup_(db_rollback) struct db_transaction held = DB_TRANSACTION_NULL, wanted = DB_TRANSACTION_NULL;

        assert_int_equal(db_exec(one, TABLE), 0);
        assert_int_equal(db_exec(two, "PRAGMA busy_timeout = 1"), 0);
        assert_int_equal(db_begin(one, &held), 0);
        assert_int_equal(db_begin(two, &wanted), -EBUSY);
        assert_null(wanted.db);
        /* readers do not wait */
        assert_int_equal(count(two), 0);
        assert_int_equal(db_commit(&held), 0);
        assert_int_equal(db_begin(two, &wanted), 0);
        assert_int_equal(db_commit(&wanted), 0);
}

static void a_full_disk_undoes_the_transaction(void **state) {
        _cleanup_(db_destroy_pointer) struct db *db = must_open(*state);
        _cleanup_(db_rollback) struct db_transaction transaction = DB_TRANSACTION_NULL;

        assert_int_equal(db_exec(db, TABLE), 0);
        assert_int_equal(insert(db, "before", 1), 0);
        pragma(db, "PRAGMA max_page_count = 8");
        assert_int_equal(db_begin(db, &transaction), 0);
        assert_int_equal(insert(db, "within", 1), 0);
        assert_int_equal(db_exec(db, "INSERT INTO item (id, n, body) VALUES ('big', 1, zeroblob(1000000))"), -ENOSPC);
        db_rollback(&transaction);
        assert_int_equal(count(db), 1);
        assert_int_equal(insert(db, "after", 1), 0);
}

static void a_file_that_is_no_database_is_refused(void **state) {
        char junk[8192];
        struct db *db = NULL;

        memset(junk, 'x', sizeof(junk));
        assert_int_equal(file_replace(scratch_path(*state, "a.db"), junk, sizeof(junk)), 0);
        assert_int_equal(db_open(scratch_path(*state, "a.db"), &db), -EBADMSG);
        assert_null(db);
        assert_int_equal(db_open(scratch_path(*state, "none/a.db"), &db), -ENOENT);
        assert_null(db);
}

static void a_damaged_file_is_told_from_a_sound_one(void **state) {
        const char *path = scratch_path(*state, "a.db");
        struct db *db = must_open(*state);
        struct buffer bytes = BUFFER_NULL;
        char id[16];

        assert_int_equal(db_exec(db, TABLE), 0);
        for (int i = 0; i < 500; i++) {
                (void)snprintf(id, sizeof(id), "row %d", i);
                assert_int_equal(insert(db, id, i), 0);
        }
        /* while another has it open, and its log holds what the file does not */
        assert_int_equal(db_check(path), 0);
        assert_int_equal(count(db), 500);
        db_destroy(db);
        assert_int_equal(db_check(path), 0);
        assert_int_equal(file_read(path, 1 << 20, &bytes), 0);
        assert_true(bytes.n_bytes > 8192);
        memset(bytes.data + 4096, 0x5a, bytes.n_bytes - 4096);
        assert_int_equal(file_replace(path, bytes.data, bytes.n_bytes), 0);
        assert_int_equal(db_check(path), -EBADMSG);
        memset(bytes.data, 'x', 100);
        assert_int_equal(file_replace(path, bytes.data, bytes.n_bytes), 0);
        assert_int_equal(db_check(path), -EBADMSG);
        buffer_finish(&bytes);
        assert_int_equal(db_check(scratch_path(*state, "none.db")), -EACCES);
        assert_false(file_exists(scratch_path(*state, "none.db")));
}

static void a_damaged_file_makes_room_and_is_kept(void **state) {
        char path[4096], aside[4096], log[4200];
        struct db *db;

        (void)snprintf(path, sizeof(path), "%s", scratch_path(*state, "a.db"));
        for (int i = 1; i <= 2; i++) {
                assert_int_equal(file_replace(path, "old", 3), 0);
                (void)snprintf(log, sizeof(log), "%s-wal", path);
                assert_int_equal(file_replace(log, "log", 3), 0);
                assert_int_equal(db_set_aside(path, aside, sizeof(aside)), 0);
                (void)snprintf(log, sizeof(log), "%s.broken-%d", path, i);
                assert_string_equal(aside, log);
                assert_true(file_exists(aside));
                (void)snprintf(log, sizeof(log), "%s.broken-%d-wal", path, i);
                assert_true(file_exists(log));
                assert_false(file_exists(path));
        }
        db = must_open(*state);
        assert_int_equal(db_exec(db, TABLE), 0);
        db_destroy(db);
        assert_int_equal(db_set_aside(scratch_path(*state, "none.db"), aside, sizeof(aside)), -ENOENT);
}

static void migration_goes_step_by_step(void **state) {
        static const char *const STEPS[] = { TABLE,
                                             "ALTER TABLE item ADD COLUMN extra TEXT; CREATE INDEX x ON item (n)",
                                             "INSERT INTO item (id, n) VALUES ('a', 1); BROKEN" };
        struct db *db = must_open(*state);

        assert_int_equal(db_migrate(db, STEPS, 1), 0);
        assert_int_equal(insert(db, "old", 1), 0);
        db_destroy(db);
        db = must_open(*state);
        assert_int_equal(db_migrate(db, STEPS, 2), 0);
        assert_int_equal(db_migrate(db, STEPS, 2), 0);
        assert_int_equal(pragma(db, "PRAGMA user_version"), 2);
        assert_int_equal(db_exec(db, "UPDATE item SET extra = 'x'"), 0);
        /* a step that fails leaves nothing of itself */
        assert_int_equal(db_migrate(db, STEPS, 3), -EPROTO);
        assert_int_equal(pragma(db, "PRAGMA user_version"), 2);
        assert_int_equal(count(db), 1);
        /* a file from a newer program is not touched */
        assert_int_equal(db_migrate(db, STEPS, 1), -EBADMSG);
        assert_int_equal(pragma(db, "PRAGMA user_version"), 2);
        db_destroy(db);
}

#define DB_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                DB_TEST(the_file_is_private_and_durable),
                DB_TEST(a_file_that_others_may_read_is_made_private),
                DB_TEST(values_come_back_as_they_went),
                DB_TEST(statements_are_lent_again_without_parameters),
                DB_TEST(a_wrong_parameter_is_told_by_step),
                DB_TEST(a_key_that_exists_is_a_condition),
                DB_TEST(a_transaction_is_whole_or_absent),
                DB_TEST(one_who_waits_too_long_hears_busy),
                DB_TEST(a_full_disk_undoes_the_transaction),
                DB_TEST(a_file_that_is_no_database_is_refused),
                DB_TEST(a_damaged_file_is_told_from_a_sound_one),
                DB_TEST(a_damaged_file_makes_room_and_is_kept),
                DB_TEST(migration_goes_step_by_step),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
