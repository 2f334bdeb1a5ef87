/* Cancel and stop: on arrival, during work, at the end, and beyond the point of no return. */

#include "common/base/file.h"
#include "tests/stage/stage_samples.h"

static struct stage_to_gateway notice;
static struct envelope envelope;

static void start(struct fixture *fixture, const char *work) {
        fixture_environment(fixture, "FAKE_WORK", work, NULL);
        fixture_start(fixture);
}

/* The stage works on RUN_A, and has said so. */
static void start_work(struct fixture *fixture, const char *work) {
        start(fixture, work);
        FIXTURE_AWAIT(fixture, fixture->n_heartbeats > 0); /* it is connected: what it says once is not lost */
        sample_post(fixture, RUN_A, 1, 10);
        FIXTURE_AWAIT(fixture, fixture->n_progress > 0);
        assert_string_equal(fixture->progress.unit, "turns");
        assert_int_equal(fixture->progress.total, -1);
}

static void expect_canceled(struct fixture *fixture, int64_t n_notices, int64_t attempt) {
        char path[700];

        fixture_await_notice(fixture, n_notices, &envelope, &notice);
        assert_string_equal(envelope.run, RUN_A);
        assert_int_equal(envelope.attempt, attempt);
        assert_int_equal(notice.state, RUN_STATE_CANCELED);
        assert_false(notice.has_error);
        fixture_path(fixture, "store/runs/" RUN_A "/validator.json", path);
        assert_true(file_exists(path));
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_int_equal(station_n_inbox(&fixture->next), 0);
}

static void a_run_canceled_before_it_comes_never_begins(void **state) {
        struct fixture *fixture = *state;

        start(fixture, "");
        fixture_cancel(fixture, RUN_A, 1);
        FIXTURE_AWAIT(fixture, station_n_outbox(&fixture->gateway) == 0);
        sample_post(fixture, RUN_A, 1, 10);
        expect_canceled(fixture, 1, 1);
        assert_int_equal(fixture_n_bytes(fixture, "works"), 0);

        /* the tombstone is that attempt's, not the run's */
        start(fixture, "");
        sample_post(fixture, RUN_A, 2, 10);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
}

static void work_hears_a_cancel(void **state) {
        struct fixture *fixture = *state;

        start_work(fixture, "wait");
        fixture_cancel(fixture, RUN_A, 1);
        expect_canceled(fixture, 1, 1);
        assert_int_equal(fixture_n_bytes(fixture, "works"), 1);
}

static void a_cancel_of_another_run_is_not_heard(void **state) {
        struct fixture *fixture = *state;

        start_work(fixture, "wait");
        fixture_cancel(fixture, RUN_B, 1);
        FIXTURE_AWAIT(fixture, fixture->heartbeat.n_handled == 1);
        assert_int_equal(fixture->heartbeat.state, HEARTBEAT_WORKING);
        fixture_touch(fixture, "go");
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
}

static void a_cancel_wins_at_the_end(void **state) {
        struct fixture *fixture = *state;

        start_work(fixture, "deaf");
        fixture_cancel(fixture, RUN_A, 1);
        expect_canceled(fixture, 1, 1);
        assert_true(fixture_log_has(fixture, "outcome=CANCELED"));
}

/* To the spool a row that is gone and a tombstone are the same number. */
static void a_message_that_is_gone_is_no_cancel(void **state) {
        struct fixture *fixture = *state;
        int status;

        start_work(fixture, "wait");
        fixture_change_spool(fixture, "DELETE FROM inbox");
        fixture_touch(fixture, "go");
        status = fixture_await_end(fixture);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 1);
        assert_true(fixture_log_has(fixture, "of the inbox is gone"));
        assert_false(fixture_log_has(fixture, "outcome=CANCELED"));
}

static void beyond_the_point_of_no_return_a_cancel_is_late(void **state) {
        struct fixture *fixture = *state;

        start_work(fixture, "pass");
        fixture_cancel(fixture, RUN_A, 1);
        FIXTURE_AWAIT(fixture, fixture->heartbeat.n_handled == 1);
        fixture_touch(fixture, "go");
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
}

static void a_stage_that_decides_is_asked_before_a_canceled_run_ends(void **state) {
        struct fixture *fixture = *state;

        fixture_environment(fixture, "FAKE_WORK", "passed", "FAKE_DECIDES", "1", NULL);
        fixture_start(fixture);
        fixture_cancel(fixture, RUN_A, 1);
        FIXTURE_AWAIT(fixture, station_n_outbox(&fixture->gateway) == 0);
        sample_post(fixture, RUN_A, 1, 10);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);

        /* and may let it be canceled */
        fixture_environment(fixture, "FAKE_WORK", "pass", "FAKE_DECIDES", "1", NULL);
        fixture_start(fixture);
        fixture_cancel(fixture, RUN_A, 2);
        FIXTURE_AWAIT(fixture, station_n_outbox(&fixture->gateway) == 0);
        fixture_cancel(fixture, RUN_B, 1);
        FIXTURE_AWAIT(fixture, station_n_outbox(&fixture->gateway) == 0);
        sample_post(fixture, RUN_B, 1, 10);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_string_equal(envelope.run, RUN_B);
        assert_int_equal(notice.state, RUN_STATE_CANCELED);
}

static void a_waiting_message_does_not_keep_a_cancel_waiting(void **state) {
        struct fixture *fixture = *state;

        /* the store is away, so the message rests */
        fixture_dangle(fixture, "away");
        fixture_environment(fixture, "FIXTURE_STORE", "file://away/store", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        FIXTURE_AWAIT(fixture, fixture_log_has(fixture, "retrying in"));
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        fixture_change_spool(fixture, "UPDATE inbox SET due_ms = received_ms + 3600000, pause_ms = 3600000");
        fixture_start(fixture);
        fixture_cancel(fixture, RUN_A, 1);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_CANCELED);
}

static void a_stopped_daemon_begins_again(void **state) {
        struct fixture *fixture = *state;

        start_work(fixture, "wait");
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_int_equal(station_n_inbox(&fixture->gateway), 0);
        assert_true(fixture_log_has(fixture, "outcome=stopped"));
        assert_int_equal(fixture_query_spool(fixture, "SELECT starts FROM inbox"), 0);
        fixture_touch(fixture, "go");
        start(fixture, "wait");
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(fixture_n_bytes(fixture, "works"), 2);
}

static void work_that_does_not_let_go_is_left(void **state) {
        struct fixture *fixture = *state;

        start_work(fixture, "stuck");
        assert_int_equal(fixture_end(fixture, SIGINT), 0);
        assert_true(fixture_log_has(fixture, "the work does not end, leaving it"));
        assert_int_equal(fixture_query_spool(fixture, "SELECT starts FROM inbox"), 0);
        fixture_touch(fixture, "go");
        start(fixture, "stuck");
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_run_canceled_before_it_comes_never_begins, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(work_hears_a_cancel, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_cancel_of_another_run_is_not_heard, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_cancel_wins_at_the_end, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_message_that_is_gone_is_no_cancel, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(beyond_the_point_of_no_return_a_cancel_is_late, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_stage_that_decides_is_asked_before_a_canceled_run_ends, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_waiting_message_does_not_keep_a_cancel_waiting, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_stopped_daemon_begins_again, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(work_that_does_not_let_go_is_left, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
