/* credential_process: a command that does not end is ended, whatever it has done with its output. The clock is made to
 * run ahead at each look, so that a minute takes no time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/file.h"
#include "common/store/aws/aws_process.h"
#include "tests/support/scratch.h"

enum {
        STEP_MS = 1000, /* per look at the clock */
        DEADLINE_MS = 40000,
};

#define KEYS "echo '{\"Version\": 1, \"AccessKeyId\": \"AKIDTEST\", \"SecretAccessKey\": \"sesame\"}'"

int64_t __wrap_clock_monotonic_ms(void);

static int64_t machine_ms = 1, step_ms;

int64_t __wrap_clock_monotonic_ms(void) {
        return machine_ms += step_ms;
}

/* Runs a command that leaves its process id in the folder. */
static int run(struct scratch *scratch, const char *script, int64_t deadline_ms,
               char sentence[AWS_SEARCH_SENTENCE_BYTES], pid_t *ret_pid) {
        _cleanup_(http_destroy_pointer) struct http *http = NULL;
        _cleanup_(buffer_finish) struct buffer command = BUFFER_NULL, text = BUFFER_NULL;
        _cleanup_(aws_keys_finish) struct aws_keys keys = AWS_KEYS_NULL;
        _Atomic int64_t deadline = deadline_ms ? machine_ms + deadline_ms : 0;
        struct aws_clock clock;
        struct aws_search search = { .clock = &clock };
        int r;

        aws_clock_init(&clock, NULL);
        assert_int_equal(http_create(&http), 0);
        http_set_deadline(http, &deadline);
        search.http = http;
        assert_int_equal(buffer_printf(&command, "echo $$ >%s; %s", scratch_path(scratch, "pid"), script), 0);
        r = aws_process_run(&search, buffer_text(&command), &keys);
        if (!r)
                assert_string_equal(keys.secret_key, "sesame");
        snprintf(sentence, AWS_SEARCH_SENTENCE_BYTES, "%s", search.sentence);
        assert_int_equal(file_read(scratch_path(scratch, "pid"), 64, &text), 0);
        *ret_pid = (pid_t)strtol(buffer_text(&text), NULL, 10);
        assert_true(*ret_pid > 1);
        return r;
}

static void test_what_does_not_end_is_ended(void **state) {
        static const struct {
                const char *script;
                int64_t deadline_ms;
                const char *want;
        } rows[] = {
                { KEYS "; exec sleep 1000", 0, "a minute" },
                { KEYS "; exec >&-; exec sleep 1000", 0, "a minute" },
                { KEYS "; exec >&-; sleep 1000; true", 0, "a minute" },
                { KEYS "; exec sleep 1000", DEADLINE_MS, "canceled" },
                { KEYS "; exec >&-; exec sleep 1000", DEADLINE_MS, "canceled" },
        };

        step_ms = STEP_MS;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char sentence[AWS_SEARCH_SENTENCE_BYTES];
                pid_t pid;

                assert_int_equal(run(*state, rows[i].script, rows[i].deadline_ms, sentence, &pid), -EHOSTUNREACH);
                if (!strstr(sentence, rows[i].want))
                        fail_msg("%s: %s", rows[i].script, sentence);
                /* gone, and waited for */
                assert_int_equal(kill(pid, 0), -1);
                assert_int_equal(errno, ESRCH);
        }
}

static void test_what_ends_after_its_output_has_its_say(void **state) {
        char sentence[AWS_SEARCH_SENTENCE_BYTES];
        pid_t pid;

        step_ms = 0;
        assert_int_equal(run(*state, KEYS "; exec >&-; exit 0", 0, sentence, &pid), 0);
        assert_int_equal(run(*state, KEYS "; exec >&-; exit 3", 0, sentence, &pid), -EACCES);
        assert_non_null(strstr(sentence, "exit code 3"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_what_does_not_end_is_ended, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_what_ends_after_its_output_has_its_say, scratch_setup,
                                                scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
