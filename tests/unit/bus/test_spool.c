/* Spool: rows, bounds, and what a crash leaves. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/db.h"
#include "common/bus/spool.h"
#include "tests/support/scratch.h"

struct fixture {
        struct scratch *scratch;
        struct spool *spool;
        struct spool_message message;
        struct spool_letter letter;
        struct spool_done done;
};

static int setup(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        void *scratch = NULL;

        if (!fixture || scratch_setup(&scratch))
                return -1;
        fixture->scratch = scratch;
        *state = fixture;
        return spool_open(scratch_path(fixture->scratch, "spool.db"), &fixture->spool);
}

static int teardown(void **state) {
        struct fixture *fixture = *state;
        void *scratch = fixture->scratch;

        spool_destroy(fixture->spool);
        spool_message_finish(&fixture->message);
        spool_letter_finish(&fixture->letter);
        spool_done_finish(&fixture->done);
        free(fixture);
        return scratch_teardown(&scratch);
}

/* What a crash does: everything but the file is forgotten. */
static void reopen(struct fixture *fixture) {
        fixture->spool = spool_destroy(fixture->spool);
        assert_int_equal(spool_open(scratch_path(fixture->scratch, "spool.db"), &fixture->spool), 0);
}

static void make_id(int number, char ret_id[UUID_TEXT_BYTES]) {
        snprintf(ret_id, UUID_TEXT_BYTES, "00000000-0000-7000-8000-%012d", number);
}

static void put(struct fixture *fixture, int number, const char *body) {
        char id[UUID_TEXT_BYTES];

        make_id(number, id);
        assert_int_equal(spool_inbox_put(fixture->spool, id, "run-1", body, strlen(body)), 0);
}

static void begin(struct fixture *fixture) {
        assert_int_equal(spool_begin(fixture->spool), 0);
}

static void commit(struct fixture *fixture) {
        assert_int_equal(spool_commit(fixture->spool), 0);
}

static void test_inbox_in_order_of_arrival(void **state) {
        struct fixture *fixture = *state;
        struct spool_message *message = &fixture->message;
        int64_t first;

        assert_int_equal(spool_inbox_next(fixture->spool, 0, message), SPOOL_E_NONE);
        begin(fixture);
        put(fixture, 2, "two");
        put(fixture, 1, "");
        commit(fixture);
        reopen(fixture);
        assert_int_equal(spool_inbox_next(fixture->spool, 0, message), 0);
        assert_string_equal(message->id, "00000000-0000-7000-8000-000000000002");
        assert_string_equal(message->key, "run-1");
        assert_string_equal(buffer_text(&message->body), "two");
        assert_int_equal(message->rest_ms, 0);
        assert_int_equal(message->n_starts, 0);
        first = message->number;
        assert_int_equal(spool_inbox_next(fixture->spool, first, message), 0);
        assert_string_equal(message->id, "00000000-0000-7000-8000-000000000001");
        assert_int_equal(message->body.n_bytes, 0);
        assert_int_equal(spool_inbox_next(fixture->spool, message->number, message), SPOOL_E_NONE);
}

static void test_rollback_leaves_nothing(void **state) {
        struct fixture *fixture = *state;
        int64_t n_rows = -1;

        begin(fixture);
        put(fixture, 1, "one");
        assert_int_equal(spool_outbox_put(fixture->spool, "x", "run-1", "b", 1, NULL), 0);
        spool_rollback(fixture->spool);
        spool_rollback(fixture->spool);
        assert_int_equal(spool_inbox_count(fixture->spool, &n_rows), 0);
        assert_int_equal(n_rows, 0);
        assert_int_equal(spool_outbox_count(fixture->spool, &n_rows), 0);
        assert_int_equal(n_rows, 0);
        begin(fixture);
        put(fixture, 1, "one");
        reopen(fixture);
        assert_int_equal(spool_inbox_count(fixture->spool, &n_rows), 0);
        assert_int_equal(n_rows, 0);
}

static void test_duplicates(void **state) {
        struct fixture *fixture = *state;
        char id[UUID_TEXT_BYTES];
        bool is_known = true;

        make_id(1, id);
        assert_int_equal(spool_knows(fixture->spool, id, &is_known), 0);
        assert_false(is_known);
        begin(fixture);
        put(fixture, 1, "one");
        assert_int_equal(spool_inbox_put(fixture->spool, id, "run-1", "x", 1), SPOOL_E_DUPLICATE);
        assert_int_equal(spool_inbox_next(fixture->spool, 0, &fixture->message), 0);
        assert_int_equal(spool_inbox_end(fixture->spool, fixture->message.number), 0);
        assert_int_equal(spool_inbox_end(fixture->spool, fixture->message.number), SPOOL_E_NONE);
        commit(fixture);
        reopen(fixture);
        begin(fixture);
        assert_int_equal(spool_inbox_put(fixture->spool, id, "run-1", "x", 1), SPOOL_E_DUPLICATE);
        assert_int_equal(spool_seen_put(fixture->spool, id), 0);
        commit(fixture);
        assert_int_equal(spool_knows(fixture->spool, id, &is_known), 0);
        assert_true(is_known);
}

/* A number that was once used is never seen again, or a reader that has come so far would miss a message. */
static void test_numbers_are_never_used_twice(void **state) {
        struct fixture *fixture = *state;
        int64_t number;

        begin(fixture);
        put(fixture, 1, "one");
        commit(fixture);
        assert_int_equal(spool_inbox_next(fixture->spool, 0, &fixture->message), 0);
        number = fixture->message.number;
        begin(fixture);
        assert_int_equal(spool_inbox_end(fixture->spool, number), 0);
        commit(fixture);
        begin(fixture);
        put(fixture, 2, "two");
        commit(fixture);
        assert_int_equal(spool_inbox_next(fixture->spool, number, &fixture->message), 0);
        assert_string_equal(buffer_text(&fixture->message.body), "two");
}

static void test_inbox_is_bounded(void **state) {
        struct fixture *fixture = *state;
        char id[UUID_TEXT_BYTES];

        begin(fixture);
        for (int i = 0; i < SPOOL_INBOX_ROWS_MAX; i++)
                put(fixture, i, "x");
        make_id(SPOOL_INBOX_ROWS_MAX, id);
        assert_int_equal(spool_inbox_put(fixture->spool, id, "run-1", "x", 1), SPOOL_E_FULL);
        make_id(0, id);
        assert_int_equal(spool_inbox_put(fixture->spool, id, "run-1", "x", 1), SPOOL_E_DUPLICATE);
        assert_int_equal(spool_inbox_next(fixture->spool, 0, &fixture->message), 0);
        assert_int_equal(spool_inbox_end(fixture->spool, fixture->message.number), 0);
        put(fixture, SPOOL_INBOX_ROWS_MAX, "x");
        commit(fixture);
}

static void test_starts_and_deferrals(void **state) {
        struct fixture *fixture = *state;
        int64_t number, n_starts = 0;

        begin(fixture);
        put(fixture, 1, "one");
        commit(fixture);
        assert_int_equal(spool_inbox_next(fixture->spool, 0, &fixture->message), 0);
        number = fixture->message.number;
        begin(fixture);
        assert_int_equal(spool_inbox_start(fixture->spool, number, &n_starts), 0);
        commit(fixture);
        assert_int_equal(n_starts, 1);
        reopen(fixture);
        begin(fixture);
        assert_int_equal(spool_inbox_start(fixture->spool, number, &n_starts), 0);
        assert_int_equal(n_starts, 2);
        assert_int_equal(spool_inbox_release(fixture->spool, number), 0);
        commit(fixture);
        assert_int_equal(spool_inbox_next(fixture->spool, 0, &fixture->message), 0);
        assert_int_equal(fixture->message.n_starts, 1);
        assert_int_equal(fixture->message.waited_ms, 0);
        begin(fixture);
        assert_int_equal(spool_inbox_defer(fixture->spool, number, 1, 40000), 0);
        assert_int_equal(spool_inbox_defer(fixture->spool, number, 1, 60000), 0);
        assert_int_equal(spool_inbox_start(fixture->spool, 99, &n_starts), SPOOL_E_NONE);
        commit(fixture);
        assert_int_equal(spool_inbox_next(fixture->spool, 0, &fixture->message), 0);
        assert_int_equal(fixture->message.n_starts, 0);
        assert_int_equal(fixture->message.n_deferrals, 2);
        assert_int_equal(fixture->message.deferral_kind, 1);
        assert_int_equal(fixture->message.waited_ms, 100000);
        assert_true(fixture->message.rest_ms > 0 && fixture->message.rest_ms <= 60000);
        begin(fixture);
        assert_int_equal(spool_inbox_defer(fixture->spool, number, 2, 5000), 0);
        commit(fixture);
        assert_int_equal(spool_inbox_next(fixture->spool, 0, &fixture->message), 0);
        assert_int_equal(fixture->message.n_deferrals, 1);
        assert_int_equal(fixture->message.waited_ms, 105000);
}

/* No rest is longer than its pause, also when the clock was set meanwhile, here by a day. */
static void test_clock_that_was_set(void **state) {
        struct fixture *fixture = *state;

        begin(fixture);
        put(fixture, 1, "one");
        assert_int_equal(spool_inbox_next(fixture->spool, 0, &fixture->message), 0);
        assert_int_equal(spool_inbox_defer(fixture->spool, fixture->message.number, 1, 60000), 0);
        commit(fixture);
        assert_int_equal(spool_inbox_next(fixture->spool, 0, &fixture->message), 0);
        assert_true(fixture->message.rest_ms > 0);
        assert_int_equal(db_exec(spool_db(fixture->spool), "UPDATE inbox SET due_ms = due_ms + 86400000"), 0);
        assert_int_equal(spool_inbox_next(fixture->spool, 0, &fixture->message), 0);
        assert_int_equal(fixture->message.rest_ms, 0);
        assert_int_equal(db_exec(spool_db(fixture->spool), "UPDATE inbox SET due_ms = due_ms - 2 * 86400000"), 0);
        assert_int_equal(spool_inbox_next(fixture->spool, 0, &fixture->message), 0);
        assert_int_equal(fixture->message.rest_ms, 0);
        assert_int_equal(fixture->message.waited_ms, 60000);
}

static void test_outbox_by_peer(void **state) {
        struct fixture *fixture = *state;
        struct spool_letter *letter = &fixture->letter;
        char id[UUID_TEXT_BYTES] = "";
        int64_t number;

        begin(fixture);
        assert_int_equal(spool_outbox_put(fixture->spool, "a", "run-1", "one", 3, id), 0);
        assert_int_equal(spool_outbox_put(fixture->spool, "b", "run-1", "two", 3, NULL), 0);
        assert_int_equal(spool_outbox_put(fixture->spool, "a", "run-2", NULL, 0, NULL), 0);
        commit(fixture);
        reopen(fixture);
        assert_true(uuid_is_valid(id));
        assert_int_equal(spool_outbox_next(fixture->spool, "a", 0, letter), 0);
        assert_string_equal(letter->id, id);
        assert_string_equal(letter->key, "run-1");
        assert_string_equal(buffer_text(&letter->body), "one");
        number = letter->number;
        assert_int_equal(spool_outbox_next(fixture->spool, "a", number, letter), 0);
        assert_string_equal(letter->key, "run-2");
        assert_int_equal(letter->body.n_bytes, 0);
        assert_int_equal(spool_outbox_next(fixture->spool, "a", letter->number, letter), SPOOL_E_NONE);
        assert_int_equal(spool_outbox_get(fixture->spool, number, letter), 0);
        assert_string_equal(letter->id, id);
        begin(fixture);
        assert_int_equal(spool_outbox_remove(fixture->spool, number), 0);
        assert_int_equal(spool_outbox_remove(fixture->spool, number), SPOOL_E_NONE);
        commit(fixture);
        assert_int_equal(spool_outbox_get(fixture->spool, number, letter), SPOOL_E_NONE);
}

static void test_done_answers_again(void **state) {
        struct fixture *fixture = *state;

        assert_int_equal(spool_done_get(fixture->spool, "run-1", &fixture->done), SPOOL_E_NONE);
        begin(fixture);
        assert_int_equal(spool_done_put(fixture->spool, "run-1", 1, "FAILED", NULL, 0), 0);
        commit(fixture);
        begin(fixture);
        assert_int_equal(spool_done_put(fixture->spool, "run-1", 2, "SUCCEEDED", "next", 4), 0);
        commit(fixture);
        reopen(fixture);
        assert_int_equal(spool_done_get(fixture->spool, "run-1", &fixture->done), 0);
        assert_int_equal(fixture->done.attempt, 2);
        assert_string_equal(fixture->done.outcome, "SUCCEEDED");
        assert_string_equal(buffer_text(&fixture->done.emitted), "next");
}

static int64_t count_rows(struct fixture *fixture, const char *sql) {
        struct db_statement *statement;
        int64_t n_rows;

        assert_int_equal(db_prepare(spool_db(fixture->spool), sql, &statement), 0);
        assert_int_equal(db_step(statement), DB_E_ROW);
        n_rows = db_column_int64(statement, 0);
        db_release(&statement);
        return n_rows;
}

static void test_old_rows_go(void **state) {
        struct fixture *fixture = *state;
        char run[32], id[UUID_TEXT_BYTES];
        bool is_canceled = true;

        begin(fixture);
        for (int i = 0; i < SPOOL_DONE_ROWS_MAX + 5; i++) {
                snprintf(run, sizeof(run), "run-%d", i);
                assert_int_equal(spool_done_put(fixture->spool, run, 1, "SUCCEEDED", "m", 1), 0);
                assert_int_equal(spool_cancel_put(fixture->spool, run, 1), 0);
        }
        for (int i = 0; i < SPOOL_SEEN_ROWS_MAX + 5; i++) {
                make_id(i, id);
                assert_int_equal(spool_seen_put(fixture->spool, id), 0);
        }
        for (int i = 0; i < SPOOL_DEAD_ROWS_MAX + 5; i++) {
                make_id(i, id);
                assert_int_equal(spool_dead_put(fixture->spool, "bad", id, "", "x", 1), 0);
        }
        commit(fixture);
        assert_int_equal(count_rows(fixture, "SELECT count(*) FROM seen"), SPOOL_SEEN_ROWS_MAX);
        begin(fixture);
        make_id(SPOOL_SEEN_ROWS_MAX + 5, id);
        assert_int_equal(spool_inbox_put(fixture->spool, id, "run-1", "x", 1), 0);
        assert_int_equal(spool_inbox_next(fixture->spool, 0, &fixture->message), 0);
        assert_int_equal(spool_inbox_end(fixture->spool, fixture->message.number), 0);
        commit(fixture);
        assert_int_equal(count_rows(fixture, "SELECT count(*) FROM done"), SPOOL_DONE_ROWS_MAX);
        assert_int_equal(count_rows(fixture, "SELECT count(*) FROM cancels"), SPOOL_DONE_ROWS_MAX);
        assert_int_equal(count_rows(fixture, "SELECT count(*) FROM seen"), SPOOL_SEEN_ROWS_MAX);
        assert_int_equal(count_rows(fixture, "SELECT count(*) FROM dead"), SPOOL_DEAD_ROWS_MAX);
        assert_int_equal(spool_done_get(fixture->spool, "run-4", &fixture->done), SPOOL_E_NONE);
        assert_int_equal(spool_done_get(fixture->spool, "run-5", &fixture->done), 0);
        assert_int_equal(spool_cancel_has(fixture->spool, "run-4", 1, &is_canceled), 0);
        assert_false(is_canceled);
}

static void test_dead_keeps_the_head(void **state) {
        struct fixture *fixture = *state;
        int64_t n_rows = 0;
        char *bytes;

        bytes = calloc(1, SPOOL_DEAD_BYTES_MAX + 1);
        assert_non_null(bytes);
        begin(fixture);
        assert_int_equal(spool_dead_put(fixture->spool, "too large", "", "", bytes, SPOOL_DEAD_BYTES_MAX + 1), 0);
        commit(fixture);
        free(bytes);
        assert_int_equal(spool_dead_count(fixture->spool, &n_rows), 0);
        assert_int_equal(n_rows, 1);
        assert_int_equal(count_rows(fixture, "SELECT n_bytes FROM dead"), SPOOL_DEAD_BYTES_MAX + 1);
        assert_int_equal(count_rows(fixture, "SELECT length(bytes) FROM dead"), SPOOL_DEAD_BYTES_MAX);
}

static void test_cancels(void **state) {
        static const struct {
                const char *run;
                int64_t attempt;
                bool want_canceled;
        } rows[] = { { "run-1", 1, true }, { "run-1", 2, true }, { "run-1", 3, false }, { "run-2", 1, false } };
        struct fixture *fixture = *state;
        bool is_canceled;

        begin(fixture);
        assert_int_equal(spool_cancel_put(fixture->spool, "run-1", 2), 0);
        assert_int_equal(spool_cancel_put(fixture->spool, "run-1", 1), 0);
        commit(fixture);
        reopen(fixture);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                is_canceled = !rows[i].want_canceled;
                assert_int_equal(spool_cancel_has(fixture->spool, rows[i].run, rows[i].attempt, &is_canceled), 0);
                assert_int_equal(is_canceled, rows[i].want_canceled);
        }
}

/* The owner's tables live and die with the spool's transaction. */
static void test_tables_of_the_owner(void **state) {
        struct fixture *fixture = *state;

        assert_int_equal(db_exec(spool_db(fixture->spool), "CREATE TABLE ledger (run TEXT)"), 0);
        begin(fixture);
        assert_int_equal(db_exec(spool_db(fixture->spool), "INSERT INTO ledger VALUES ('a')"), 0);
        assert_int_equal(spool_outbox_put(fixture->spool, "a", "a", "b", 1, NULL), 0);
        spool_rollback(fixture->spool);
        assert_int_equal(count_rows(fixture, "SELECT count(*) FROM ledger"), 0);
        begin(fixture);
        assert_int_equal(db_exec(spool_db(fixture->spool), "INSERT INTO ledger VALUES ('a')"), 0);
        commit(fixture);
        reopen(fixture);
        assert_int_equal(count_rows(fixture, "SELECT count(*) FROM ledger"), 1);
}

/* A commit that finds the disk full changes nothing, and the spool works on when there is room again. */
static void test_full_disk(void **state) {
        struct fixture *fixture = *state;
        int64_t n_rows = -1;
        char id[UUID_TEXT_BYTES], *body;
        int r = 0;

        body = calloc(1, 100000);
        assert_non_null(body);
        assert_true(count_rows(fixture, "PRAGMA max_page_count = 20") <= 20);
        begin(fixture);
        for (int i = 0; i < 10 && !r; i++) {
                make_id(i, id);
                r = spool_inbox_put(fixture->spool, id, "run-1", body, 100000);
        }
        assert_int_equal(r, -ENOSPC);
        spool_rollback(fixture->spool);
        assert_int_equal(spool_inbox_count(fixture->spool, &n_rows), 0);
        assert_int_equal(n_rows, 0);
        assert_true(count_rows(fixture, "PRAGMA max_page_count = 1000") == 1000);
        begin(fixture);
        assert_int_equal(spool_inbox_put(fixture->spool, id, "run-1", body, 100000), 0);
        commit(fixture);
        free(body);
}

int main(void) {
#define SPOOL_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        const struct CMUnitTest tests[] = {
                SPOOL_TEST(test_inbox_in_order_of_arrival),
                SPOOL_TEST(test_rollback_leaves_nothing),
                SPOOL_TEST(test_duplicates),
                SPOOL_TEST(test_numbers_are_never_used_twice),
                SPOOL_TEST(test_inbox_is_bounded),
                SPOOL_TEST(test_starts_and_deferrals),
                SPOOL_TEST(test_clock_that_was_set),
                SPOOL_TEST(test_outbox_by_peer),
                SPOOL_TEST(test_done_answers_again),
                SPOOL_TEST(test_old_rows_go),
                SPOOL_TEST(test_dead_keeps_the_head),
                SPOOL_TEST(test_cancels),
                SPOOL_TEST(test_tables_of_the_owner),
                SPOOL_TEST(test_full_disk),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
