/* A stage killed at each point, or away from its store: every run it accepted ends, and is told once. */

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "proto/stage_manifest.h"
#include "services/stage/stage_retry.h"
#include "tests/stage/stage_samples.h"

static struct validator_to_transformer output, undisturbed;
static struct stage_to_gateway notice;
static struct envelope envelope;

static void expect_kill(struct fixture *fixture) {
        int status = fixture_await_end(fixture);

        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* RUN_A works undisturbed, RUN_B with the same input and without cache is killed once and begun again. */
static void survives(struct fixture *fixture, const char *point, int64_t n_works) {
        char crash[64], path[700];

        snprintf(crash, sizeof(crash), "validator:%s:1", point);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
        fixture_read(&fixture->next, 0, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &undisturbed);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        fixture_path(fixture, "works", path);
        assert_int_equal(remove(path), 0);

        fixture_environment(fixture, "CONVOY_CRASH", crash, "FIXTURE_STORE", "file://another", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_B, 1, 10);
        expect_kill(fixture);
        fixture_start(fixture);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_string_equal(envelope.run, RUN_B);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 2 && station_n_outbox(&fixture->gateway) == 0);
        fixture_read(&fixture->next, 1, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &output);
        assert_memory_equal(&output, &undisturbed, sizeof(output));
        assert_int_equal(fixture_n_bytes(fixture, "works"), n_works);

        /* nothing more is to come */
        FIXTURE_AWAIT(fixture, fixture->heartbeat.pid == fixture->pid && fixture->heartbeat.n_outbox == 0);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_int_equal(station_n_inbox(&fixture->next), 2);
        assert_int_equal(station_n_inbox(&fixture->gateway), 2);
}

static void killed_when_the_message_was_accepted(void **state) {
        survives(*state, "accepted", 1);
}

static void killed_at_work(void **state) {
        survives(*state, "working", 2);
}

static void killed_when_the_result_was_stored(void **state) {
        survives(*state, "stored", 1);
}

static void killed_when_the_end_was_committed(void **state) {
        survives(*state, "committed", 1);
}

/* Without a cache the work is done again, to the same bytes. */
static void killed_when_the_result_was_stored_without_a_cache(void **state) {
        struct fixture *fixture = *state;

        fixture_environment(fixture, "CONVOY_CRASH", "stored:1", "FAKE_DECIDES", "1", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        expect_kill(fixture);
        fixture_start(fixture);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(fixture_n_bytes(fixture, "works"), 2);
}

static void a_message_that_kills_each_time_is_given_up(void **state) {
        struct fixture *fixture = *state;

        fixture_environment(fixture, "CONVOY_CRASH", "validator:working", NULL);
        sample_post(fixture, RUN_A, 1, 10);
        for (int i = 0; i < SPOOL_STARTS_MAX; i++) {
                fixture_start(fixture);
                expect_kill(fixture);
        }
        fixture_start(fixture);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "STAGE_CRASHED");
        assert_int_equal(fixture_n_bytes(fixture, "works"), SPOOL_STARTS_MAX);
        FIXTURE_AWAIT(fixture, fixture->heartbeat.n_dead == 1);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_int_equal(station_n_inbox(&fixture->next), 0);
}

static void a_store_that_is_away_is_waited_for(void **state) {
        struct fixture *fixture = *state;
        char path[700];

        fixture_dangle(fixture, "away");
        fixture_path(fixture, "away", path);
        fixture_environment(fixture, "FIXTURE_STORE", "file://away/store", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        FIXTURE_AWAIT(fixture, fixture_log_has(fixture, "retrying in"));
        FIXTURE_AWAIT(fixture, *fixture->heartbeat.waits_for);
        assert_string_equal(fixture->heartbeat.waits_for, "creating folder away/store: No such file or directory");
        assert_true(fixture->heartbeat.retry_at >= fixture->heartbeat.started_at);
        assert_string_equal(fixture->beats_about, RUN_A);
        assert_int_equal(station_n_inbox(&fixture->gateway), 0);
        /* a daemon that begins anew does not know why its message rests, yet that it does */
        fixture_end(fixture, SIGKILL);
        fixture_change_spool(fixture, "UPDATE inbox SET due_ms = due_ms + 60000, pause_ms = pause_ms + 60000");
        fixture_start(fixture);
        FIXTURE_AWAIT(fixture, strstr(fixture->heartbeat.waits_for, "before the stage began anew"));
        assert_string_equal(fixture->beats_about, RUN_A);
        fixture_end(fixture, SIGKILL);
        fixture_change_spool(fixture, "UPDATE inbox SET due_ms = 0");
        assert_int_equal(remove(path), 0);
        fixture_start(fixture);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        FIXTURE_AWAIT(fixture, !*fixture->heartbeat.waits_for && !fixture->heartbeat.retry_at);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
}

static void a_store_that_stays_away_for_a_day_fails_the_run(void **state) {
        struct fixture *fixture = *state;

        fixture_dangle(fixture, "away");
        fixture_environment(fixture, "FIXTURE_STORE", "file://away/store", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        FIXTURE_AWAIT(fixture, fixture_log_has(fixture, "retrying in"));
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        fixture_change_spool(fixture, "UPDATE inbox SET waited_ms = waited_ms + 86400000");
        fixture_start(fixture);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "STORE_UNAVAILABLE");
}

/* The disk was full for an hour; then memory is short, which is another matter and gets its own few tries. */
static void each_kind_of_failure_has_its_own_count(void **state) {
        struct fixture *fixture = *state;
        int64_t n_before;

        fixture_dangle(fixture, "away");
        fixture_environment(fixture, "FIXTURE_STORE", "file://away/store", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        FIXTURE_AWAIT(fixture, fixture_log_has(fixture, "retrying in"));
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        fixture_change_spool(fixture, "UPDATE inbox SET due_ms = 0, deferrals = 60");
        n_before = (int64_t)fixture_n_bytes(fixture, "works");
        fixture_environment(fixture, "FAKE_WORK", "hungry", "FIXTURE_STORE", "file://store", NULL);
        fixture_start(fixture);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_string_equal(notice.error.code, "OUT_OF_MEMORY");
        assert_int_equal(fixture_n_bytes(fixture, "works"), n_before + STAGE_RETRY_FEW + 1);
}

/* The machine slept, or its clock was set: nobody has waited for the store meanwhile. */
static void a_clock_that_jumps_ends_no_patience(void **state) {
        struct fixture *fixture = *state;
        char path[700], before[700];

        fixture_dangle(fixture, "away");
        fixture_path(fixture, "away", path);
        fixture_environment(fixture, "FIXTURE_STORE", "file://away/store", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        FIXTURE_AWAIT(fixture, fixture_log_has(fixture, "retrying in"));
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        fixture_path(fixture, "log.before", before);
        fixture_change_spool(fixture,
                             "UPDATE inbox SET received_ms = received_ms - 172800000, due_ms = due_ms - 172800000");
        assert_int_equal(rename(fixture->log, before), 0);
        fixture_start(fixture);
        FIXTURE_AWAIT(fixture, fixture_log_has(fixture, "retrying in"));
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_int_equal(remove(path), 0);
        fixture_change_spool(fixture, "UPDATE inbox SET due_ms = due_ms + 172800000");
        fixture_start(fixture);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
}

/* A machine that is too small does not grow overnight. */
static void memory_that_is_not_there_is_waited_for_a_few_times(void **state) {
        struct fixture *fixture = *state;

        fixture_environment(fixture, "FAKE_WORK", "hungry", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "OUT_OF_MEMORY");
        assert_int_equal(fixture_n_bytes(fixture, "works"), STAGE_RETRY_FEW + 1);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_int_equal(station_n_inbox(&fixture->next), 0);
}

/* The machine was off, or the stage was behind: that is no failure of the store. */
static void a_message_that_waited_long_has_its_day_too(void **state) {
        struct fixture *fixture = *state;
        char path[700], before[700];

        fixture_dangle(fixture, "away");
        fixture_path(fixture, "away", path);
        fixture_environment(fixture, "FIXTURE_STORE", "file://away/store", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        FIXTURE_AWAIT(fixture, fixture_log_has(fixture, "retrying in"));
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        fixture_path(fixture, "log.before", before);
        fixture_change_spool(fixture, "UPDATE inbox SET received_ms = received_ms - 86400000,"
                                      " due_ms = 0, deferrals = 0, deferral_kind = 0, waited_ms = 0");
        assert_int_equal(rename(fixture->log, before), 0);
        fixture_start(fixture);
        FIXTURE_AWAIT(fixture, fixture_log_has(fixture, "retrying in"));
        assert_int_equal(remove(path), 0);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
}

static void fill(const char *path) {
        static const char block[4096] = "x";
        int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ssize_t n;

        assert_true(fd >= 0);
        do
                n = write(fd, block, sizeof(block));
        while (n > 0);
        close(fd);
}

/* Home, spool and store on a disk that fills up while the stage works. */
static void a_full_disk_is_waited_for(void **state) {
        struct fixture *fixture = *state;
        char filler[700];

        if (mount("none", fixture->home, "tmpfs", 0, "size=4m"))
                skip();
        fixture_path(fixture, "filler", filler);
        fixture_environment(fixture, "FAKE_WORK", "wait", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        FIXTURE_AWAIT(fixture, fixture->n_progress > 0);
        fill(filler);
        fixture_touch(fixture, "go");
        FIXTURE_AWAIT(fixture, fixture_log_has(fixture, "No space left on device"));
        FIXTURE_AWAIT(fixture, fixture_log_has(fixture, "retrying"));
        FIXTURE_AWAIT(fixture, strstr(fixture->heartbeat.waits_for, "No space left on device"));
        assert_true(fixture->heartbeat.retry_at > 0);
        assert_string_equal(fixture->beats_about, RUN_A);
        assert_int_equal(station_n_inbox(&fixture->gateway), 0);
        assert_int_equal(remove(filler), 0);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_int_equal(umount2(fixture->home, MNT_DETACH), 0);
}

/* Nor can it take in what comes, which then is nowhere but at the neighbour. */
static void a_spool_without_room_is_told(void **state) {
        struct fixture *fixture = *state;
        char filler[700];

        if (mount("none", fixture->home, "tmpfs", 0, "size=4m"))
                skip();
        fixture_path(fixture, "filler", filler);
        fixture_start(fixture);
        FIXTURE_AWAIT(fixture, fixture->n_heartbeats > 0);
        fill(filler);
        sample_post(fixture, RUN_A, 1, 10);
        FIXTURE_AWAIT(fixture, *fixture->heartbeat.waits_for);
        assert_non_null(strstr(fixture->heartbeat.waits_for, "the spool cannot be used: "));
        assert_string_equal(fixture->beats_about, "");
        assert_int_equal(remove(filler), 0);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        FIXTURE_AWAIT(fixture, !*fixture->heartbeat.waits_for);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_int_equal(umount2(fixture->home, MNT_DETACH), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(killed_when_the_message_was_accepted, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(killed_at_work, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(killed_when_the_result_was_stored, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(killed_when_the_end_was_committed, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(killed_when_the_result_was_stored_without_a_cache, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_message_that_kills_each_time_is_given_up, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_store_that_is_away_is_waited_for, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_store_that_stays_away_for_a_day_fails_the_run, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(memory_that_is_not_there_is_waited_for_a_few_times, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_message_that_waited_long_has_its_day_too, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(each_kind_of_failure_has_its_own_count, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_clock_that_jumps_ends_no_patience, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_full_disk_is_waited_for, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_spool_without_room_is_told, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
