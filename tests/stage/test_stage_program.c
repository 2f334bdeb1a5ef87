/* The skeleton as a program: help, checks, exit codes, a second one in the same home; and what it must refuse. */

#include <sys/wait.h>
#include <unistd.h>

#include "common/base/file.h"
#include "common/base/version.h"
#include "tests/stage/stage_samples.h"

enum { ARGUMENTS_MAX = 8 };

static struct stage_to_gateway notice;
static struct ingestor_to_validator input;
static struct envelope envelope;

/* Runs the program to its end: its exit code, and what it printed on either output. */
static int run(struct fixture *fixture, char *text, size_t n_text, ...) {
        char *arguments[ARGUMENTS_MAX] = { (char *)(uintptr_t)fixture->binary };
        size_t n_arguments = 1, n = 0;
        int ends[2], status;
        va_list list;
        ssize_t n_read;
        pid_t pid;

        va_start(list, n_text);
        do {
                assert_true(n_arguments < ARGUMENTS_MAX);
                arguments[n_arguments] = va_arg(list, char *);
        } while (arguments[n_arguments++]);
        va_end(list);
        assert_int_equal(pipe(ends), 0);
        pid = fixture_spawn(fixture, arguments, ends[1]);
        close(ends[1]);
        while (n + 1 < n_text && (n_read = read(ends[0], text + n, n_text - 1 - n)) > 0)
                n += (size_t)n_read;
        text[n] = 0;
        close(ends[0]);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void assert_has(const char *text, const char *part) {
        if (!strstr(text, part))
                fail_msg("\"%s\" is not in: %s", part, text);
}

static void it_tells_about_itself(void **state) {
        char text[8192];

        assert_int_equal(run(*state, text, sizeof(text), "--help", NULL), 0);
        assert_has(text, "convoy-validator");
        assert_has(text, "--pipeline");
        assert_has(text, "--colour");
        assert_has(text, "It is a fake.");
        assert_int_equal(run(*state, text, sizeof(text), "--version", NULL), 0);
        assert_has(text, version_text());
}

static void a_check_touches_nothing(void **state) {
        struct fixture *fixture = *state;
        char text[8192], path[700];

        assert_int_equal(run(fixture, text, sizeof(text), "--check", NULL), 0);
        fixture_path(fixture, "spool", path);
        assert_false(file_exists(path));
        fixture_path(fixture, "run", path);
        assert_false(file_exists(path));
}

static void misconfiguration_is_exit_2(void **state) {
        struct fixture *fixture = *state;
        char text[8192], path[700];

        assert_int_equal(run(fixture, text, sizeof(text), "--homme", "x", NULL), 2);
        assert_has(text, "OPTION_UNKNOWN");
        assert_int_equal(run(fixture, text, sizeof(text), "--colour", "blue", NULL), 2);
        assert_int_equal(run(fixture, text, sizeof(text), "--check", "--pipeline", "/nowhere", NULL), 2);
        assert_has(text, "/nowhere");
        fixture_environment(fixture, "CONVOY_ENDPOINT_TRANSFORMER", "somewhere", NULL);
        assert_int_equal(run(fixture, text, sizeof(text), "--check", NULL), 2);
        assert_has(text, "CONVOY_ENDPOINT_TRANSFORMER");
        fixture_environment(fixture, "FIXTURE_STORE", "gopher://store", NULL);
        assert_int_equal(run(fixture, text, sizeof(text), NULL), 2);
        fixture_environment(fixture, "CONVOY_ENDPOINT_VALIDATOR", "tcp://192.0.2.1:5552", NULL);
        assert_int_equal(run(fixture, text, sizeof(text), NULL), 2);
        assert_has(text, "ENDPOINT_TAKEN");
        fixture_environment(fixture, NULL);
        fixture_touch(fixture, "file");
        fixture_path(fixture, "file/home", path);
        assert_int_equal(run(fixture, text, sizeof(text), "--home", path, NULL), 2);
        assert_has(text, "HOME_NOT_WRITABLE");
}

static void a_second_one_in_the_same_home_is_exit_2(void **state) {
        struct fixture *fixture = *state;
        char text[8192];

        fixture_start(fixture);
        FIXTURE_AWAIT(fixture, fixture->n_heartbeats > 0);
        assert_int_equal(run(fixture, text, sizeof(text), NULL), 2);
        assert_has(text, "ALREADY_RUNNING");
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
}

/* The dead are counted, and the daemon goes on. */
static void expect_alive(struct fixture *fixture, int64_t n_notices, int64_t n_rejected) {
        sample_post(fixture, RUN_C, 1, 10);
        fixture_await_notice(fixture, n_notices, &envelope, &notice);
        assert_string_equal(envelope.run, RUN_C);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        FIXTURE_AWAIT(fixture, fixture->heartbeat.n_dead == n_rejected && fixture->heartbeat.n_handled == 1);
        assert_int_equal(fixture->heartbeat.n_rejected, n_rejected);
        assert_int_equal(station_n_outbox(&fixture->gateway), 0);
}

static void what_is_no_message_is_refused(void **state) {
        static const uint8_t hostile[] = { 0xdd, 0xff, 0, 0, 0 };
        struct fixture *fixture = *state;

        fixture_start(fixture);
        fixture_post_bytes(fixture, "", "", 0);
        fixture_post_bytes(fixture, "", "nonsense", 8);
        fixture_post_bytes(fixture, "nonsense", hostile, sizeof(hostile));
        /* of no stage's business here */
        fixture_post(fixture, MESSAGE_STAGE_TO_GATEWAY, RUN_A, 1,
                     &(struct stage_to_gateway){ .started_at = 1, .finished_at = 1 });
        expect_alive(fixture, 1, 4);
}

static void what_cannot_be_read_fails_the_run_of_its_key(void **state) {
        static const uint8_t hostile[] = { 0xdd, 0xff, 0, 0, 0 };
        static const uint8_t of_version_9[] = { 0x98, 9, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0 };
        static const struct {
                const void *bytes;
                size_t n_bytes;
                const char *want_message;
        } rows[] = {
                { "", 0, "FRAME_" },
                { hostile, sizeof(hostile), "FRAME_" },
                { of_version_9, sizeof(of_version_9), "ENVELOPE_VERSION" },
        };
        struct fixture *fixture = *state;

        fixture_start(fixture);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                fixture_post_bytes(fixture, RUN_A, rows[i].bytes, rows[i].n_bytes);
                fixture_await_notice(fixture, (int64_t)i + 1, &envelope, &notice);
                assert_string_equal(envelope.run, RUN_A);
                assert_int_equal(envelope.attempt, 0);
                assert_int_equal(notice.state, RUN_STATE_FAILED);
                assert_string_equal(notice.error.code, "MESSAGE_REJECTED");
                assert_has(notice.error.message, rows[i].want_message);
        }
        expect_alive(fixture, N_ELEMENTS(rows) + 1, N_ELEMENTS(rows));
}

static void a_message_that_breaks_its_grammar_fails_its_run(void **state) {
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
        struct envelope about = ENVELOPE_NULL;
        struct fixture *fixture = *state;

        sample_fill(fixture, 10, &input);
        envelope_init(&about, RUN_A, 3, 0, "");
        assert_int_equal(
                envelope_pack(&about, MESSAGE_INGESTOR_TO_VALIDATOR, &ingestor_to_validator_record, &input, &frame), 0);
        /* the last n_bytes of the body, nil, becomes a boolean */
        frame.data[frame.n_bytes - 1] = 0xc3;
        fixture_start(fixture);
        fixture_post_bytes(fixture, RUN_A, frame.data, frame.n_bytes);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_string_equal(envelope.run, RUN_A);
        assert_int_equal(envelope.attempt, 3);
        assert_int_equal(notice.state, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "MESSAGE_REJECTED");
        assert_has(notice.error.message, "F");
        expect_alive(fixture, 2, 1);

        /* a header that names another run than the envelope is believed by nobody */
        fixture_post_bytes(fixture, RUN_B, frame.data, frame.n_bytes);
        FIXTURE_AWAIT(fixture, fixture->heartbeat.n_rejected == 2);
        assert_int_equal(station_n_inbox(&fixture->gateway), 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(it_tells_about_itself, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_check_touches_nothing, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(misconfiguration_is_exit_2, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_second_one_in_the_same_home_is_exit_2, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(what_is_no_message_is_refused, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(what_cannot_be_read_fails_the_run_of_its_key, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_message_that_breaks_its_grammar_fails_its_run, fixture_setup,
                                                fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
