/* Ledger: what runs_fixture.h does not reach: pages, keys that grow old, events that are forgotten. */

#include "tests/unit/gateway/runs_fixture.h"

#include "common/base/cleanup.h"

struct page {
        int64_t numbers[8];
        char runs[8][UUID_TEXT_BYTES];
        size_t n;
        int stop_at;
};

static int keep(void *context, int64_t number, const char *run) {
        struct page *page = context;

        page->numbers[page->n] = number;
        snprintf(page->runs[page->n++], UUID_TEXT_BYTES, "%s", run);
        return page->stop_at && (int)page->n == page->stop_at ? 77 : 0;
}

static void pages_go_from_the_newest_to_the_oldest(void **state) {
        struct fixture *fixture = *state;
        char runs[5][UUID_TEXT_BYTES];
        struct page page = { .n = 0 };

        for (int i = 0; i < 5; i++)
                fixture_accept(fixture, "", "", runs[i]);
        assert_int_equal(ledger_list(fixture->ledger, 0, 3, keep, &page), 0);
        assert_int_equal(page.n, 3);
        for (int i = 0; i < 3; i++)
                assert_string_equal(page.runs[i], runs[4 - i]);
        assert_int_equal(ledger_list(fixture->ledger, page.numbers[2], 3, keep, &page), 0);
        assert_int_equal(page.n, 5);
        assert_string_equal(page.runs[3], runs[1]);
        assert_string_equal(page.runs[4], runs[0]);
        page.n = 0;
        page.stop_at = 2;
        assert_int_equal(ledger_list(fixture->ledger, 0, 5, keep, &page), 77);
}

static void a_key_is_forgotten_after_a_day(void **state) {
        struct fixture *fixture = *state;
        char sha256[DIGEST_SHA256_BYTES], request[DIGEST_SHA256_BYTES], run[UUID_TEXT_BYTES];
        const int64_t at = 1767323045000;

        assert_int_equal(digest_sha256("x", 1, request), 0);
        assert_int_equal(ledger_put_key(fixture->ledger, "key", request, "run-1", at), 0);
        assert_int_equal(ledger_get_key(fixture->ledger, "key", at + LEDGER_KEY_MS - 1, sha256, run), 0);
        assert_string_equal(sha256, request);
        assert_string_equal(run, "run-1");
        assert_int_equal(ledger_get_key(fixture->ledger, "key", at + LEDGER_KEY_MS, sha256, run), LEDGER_E_NONE);
        assert_int_equal(ledger_get_key(fixture->ledger, "Key", at, sha256, run), LEDGER_E_NONE);
        /* another key that is put then takes its place on the disk, too */
        assert_int_equal(ledger_put_key(fixture->ledger, "next", request, "run-2", at + LEDGER_KEY_MS), 0);
        assert_int_equal(ledger_get_key(fixture->ledger, "key", at, sha256, run), LEDGER_E_NONE);
}

static int count(void *context, const struct ledger_event *event) {
        int64_t *n = context;

        assert_string_equal(event->kind, "run");
        assert_int_equal(event->n_bytes, 1);
        ++*n;
        return 0;
}

static void the_oldest_events_are_forgotten(void **state) {
        _cleanup_(buffer_finish) struct buffer data = BUFFER_NULL;
        struct fixture *fixture = *state;
        int64_t number = 0, newest, n = 0;

        assert_int_equal(ledger_newest_event(fixture->ledger, &newest), 0);
        assert_int_equal(newest, 0);
        assert_int_equal(buffer_append(&data, "x", 1), 0);
        assert_int_equal(spool_begin(fixture->spool), 0);
        for (int i = 0; i < LEDGER_EVENTS_MAX + 10; i++)
                assert_int_equal(ledger_add_event(fixture->ledger, i % 2 ? "odd" : "even", "run", &data, &number), 0);
        assert_int_equal(spool_commit(fixture->spool), 0);
        assert_int_equal(ledger_newest_event(fixture->ledger, &newest), 0);
        assert_int_equal(newest, number);
        assert_int_equal(ledger_events(fixture->ledger, "odd", 0, count, &n), 0);
        assert_int_equal(n, LEDGER_EVENTS_MAX / 2);
        n = 0;
        assert_int_equal(ledger_events(fixture->ledger, "even", number - 4, count, &n), 0);
        assert_int_equal(n, 2);
}

static void what_a_transaction_undid_is_not_there(void **state) {
        struct fixture *fixture = *state;
        static struct run_manifest run;
        char id[UUID_TEXT_BYTES];
        int64_t counts[RUN_STATE_N];

        fixture_accept(fixture, "", "", id);
        assert_int_equal(ledger_get_run(fixture->ledger, id, &run), 0);
        run.state = RUN_STATE_FAILED;
        assert_int_equal(spool_begin(fixture->spool), 0);
        assert_int_equal(ledger_put_run(fixture->ledger, &run), 0);
        spool_rollback(fixture->spool);
        assert_int_equal(ledger_count_states(fixture->ledger, counts), 0);
        assert_int_equal(counts[RUN_STATE_RUNNING], 1);
        assert_int_equal(counts[RUN_STATE_FAILED], 0);
        /* what was counted is not kept for longer than it holds */
        assert_int_equal(ledger_put_run(fixture->ledger, &run), 0);
        assert_int_equal(ledger_count_states(fixture->ledger, counts), 0);
        assert_int_equal(counts[RUN_STATE_RUNNING], 0);
        assert_int_equal(counts[RUN_STATE_FAILED], 1);
}

int main(void) {
#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
        const struct CMUnitTest tests[] = {
                WITH_FIXTURE(pages_go_from_the_newest_to_the_oldest),
                WITH_FIXTURE(a_key_is_forgotten_after_a_day),
                WITH_FIXTURE(the_oldest_events_are_forgotten),
                WITH_FIXTURE(what_a_transaction_undid_is_not_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
