/* Log and errors: one line per event, whatever is in it; a failure is printed once. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buffer.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/parallel.h"
#include "tests/support/scratch.h"

/* Standard error, turned into a file of the scratch folder. */
struct capture {
        struct scratch *scratch;
        int kept;
};

static struct capture capture_begin(struct scratch *scratch) {
        struct capture capture = { scratch, dup(STDERR_FILENO) };
        int fd = open(scratch_path(scratch, "log"), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);

        assert_true(fd >= 0 && capture.kept >= 0);
        assert_int_equal(dup2(fd, STDERR_FILENO), STDERR_FILENO);
        close(fd);
        return capture;
}

static void capture_end(struct capture *capture, struct buffer *ret_text) {
        assert_int_equal(dup2(capture->kept, STDERR_FILENO), STDERR_FILENO);
        close(capture->kept);
        assert_int_equal(file_read(scratch_path(capture->scratch, "log"), 1 << 24, ret_text), 0);
}

static size_t n_lines(const struct buffer *text) {
        size_t n = 0;

        for (size_t i = 0; i < text->n_bytes; i++)
                n += text->data[i] == '\n';
        return n;
}

static void no_input_can_forge_a_line(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct capture capture;

        log_open("convoy-test", LOG_LEVEL_INFO);
        capture = capture_begin(*state);
        log_warn("run=%s", "x\n2026-01-02T03:04:05.678Z error convoy-gateway forged\r\x1b[31m\x7f\ttab");
        capture_end(&capture, &text);
        assert_int_equal(n_lines(&text), 1);
        for (size_t i = 0; i + 1 < text.n_bytes; i++)
                assert_true(text.data[i] >= 0x20 && text.data[i] != 0x7f);
        assert_string_equal(
                buffer_text(&text) + strlen("2026-01-02T03:04:05.678Z"),
                " warn convoy-test run=x?2026-01-02T03:04:05.678Z error convoy-gateway forged??[31m??tab\n");
}

static void a_long_line_is_cut_and_ended(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char longest[3 * LOG_LINE_BYTES];
        struct capture capture;

        memset(longest, 'x', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = 0;
        capture = capture_begin(*state);
        log_info("%s", longest);
        log_info("next");
        capture_end(&capture, &text);
        assert_int_equal(n_lines(&text), 2);
        assert_true(strchr(buffer_text(&text), '\n') - buffer_text(&text) < LOG_LINE_BYTES);
        assert_non_null(strstr(buffer_text(&text), "x\n2"));
}

static void levels_hide_what_is_less_urgent(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct capture capture;
        enum log_level level;

        assert_true(log_level_parse("warn", &level));
        assert_false(log_level_parse("WARN", &level));
        assert_false(log_level_parse("", &level));
        assert_int_equal(level, LOG_LEVEL_WARN);
        log_open("convoy-test", level);
        capture = capture_begin(*state);
        log_error("one");
        log_warn("two");
        log_info("three");
        log_debug("four");
        capture_end(&capture, &text);
        log_open("convoy-test", LOG_LEVEL_INFO);
        assert_int_equal(n_lines(&text), 2);
        assert_null(strstr(buffer_text(&text), "three"));
        assert_false(log_level_is_shown(LOG_LEVEL_DEBUG));
}

static void what_is_hushed_counts_as_debug(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct capture capture = capture_begin(*state);

        log_hush(true);
        log_error("one");
        assert_false(log_level_is_shown(LOG_LEVEL_ERROR));
        log_open("convoy-test", LOG_LEVEL_DEBUG);
        assert_int_equal(error_origin(-EIO, "two"), -EIO);
        log_open("convoy-test", LOG_LEVEL_INFO);
        assert_string_equal(error_reason(-EIO), "two: Input/output error");
        log_hush(false);
        log_info("three");
        capture_end(&capture, &text);
        assert_int_equal(n_lines(&text), 2);
        assert_null(strstr(buffer_text(&text), "one"));
        assert_non_null(strstr(buffer_text(&text), " debug convoy-test errno=5 at="));
        assert_non_null(strstr(buffer_text(&text), " info convoy-test three\n"));
}

static void a_failure_is_printed_once(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct capture capture = capture_begin(*state);
        int r = error_trace(error_trace(error_origin(-ENOSPC, "writing %s", "a.db")));

        capture_end(&capture, &text);
        assert_int_equal(r, -ENOSPC);
        assert_int_equal(n_lines(&text), 1);
        assert_non_null(strstr(buffer_text(&text), "error convoy-test errno=28 at="));
        assert_non_null(strstr(buffer_text(&text), "writing a.db: No space left on device\n"));
}

static void a_trail_is_left_for_failures_at_debug(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct capture capture;
        int r;

        log_open("convoy-test", LOG_LEVEL_DEBUG);
        capture = capture_begin(*state);
        r = error_trace(-EIO);
        assert_int_equal(error_trace(0), 0);
        assert_int_equal(error_trace(5), 5);
        capture_end(&capture, &text);
        log_open("convoy-test", LOG_LEVEL_INFO);
        assert_int_equal(r, -EIO);
        assert_int_equal(n_lines(&text), 1);
}

static int failing_unit(void *context, size_t unit, int worker) {
        (void)worker;
        return unit == *(size_t *)context ? error_origin_in_full(-EACCES, "unit %zu is refused", unit) : 0;
}

static void the_reason_of_a_failure_is_kept(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct capture capture = capture_begin(*state);
        size_t unit = 7;

        error_forget();
        assert_string_equal(error_reason(-EIO), "Input/output error");
        (void)error_origin(-EIO, "reading %s", "a.db");
        (void)error_origin_in_full(-EACCES, "403 AccessDenied");
        assert_string_equal(error_reason(-EIO), "reading a.db: Input/output error");
        assert_string_equal(error_reason(-EACCES), "403 AccessDenied");
        (void)error_origin(-EIO, "clearing up");
        assert_string_equal(error_reason(-EIO), "clearing up: Input/output error");
        error_forget();
        assert_string_equal(error_reason(-EACCES), "Permission denied");
        /* whichever thread it was in */
        assert_int_equal(parallel_for_on(4, 100, failing_unit, &unit), -EACCES);
        assert_string_equal(error_reason(-EACCES), "unit 7 is refused");
        capture_end(&capture, &text);
        assert_non_null(strstr(buffer_text(&text), "403 AccessDenied\n"));
}

static void errno_survives(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct capture capture = capture_begin(*state);
        int seen;

        close(STDERR_FILENO);
        errno = ENOENT;
        log_error("into nothing");
        seen = errno;
        capture_end(&capture, &text);
        assert_int_equal(seen, ENOENT);
}

static int log_unit(void *context, size_t unit, int worker) {
        (void)context;
        (void)worker;
        log_info("unit=%zu %0200d end", unit, 5);
        return 0;
}

static void lines_of_threads_do_not_mix(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct capture capture = capture_begin(*state);
        size_t n = 0;

        assert_int_equal(parallel_for(500, log_unit, NULL), 0);
        capture_end(&capture, &text);
        for (char *line = strtok((char *)text.data, "\n"); line; line = strtok(NULL, "\n"), n++)
                assert_true(strstr(line, " info convoy-test unit=") && !strcmp(strrchr(line, ' '), " end"));
        assert_int_equal(n, 500);
}

#define LOG_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                LOG_TEST(no_input_can_forge_a_line),       LOG_TEST(a_long_line_is_cut_and_ended),
                LOG_TEST(levels_hide_what_is_less_urgent), LOG_TEST(what_is_hushed_counts_as_debug),
                LOG_TEST(a_failure_is_printed_once),       LOG_TEST(a_trail_is_left_for_failures_at_debug),
                LOG_TEST(the_reason_of_a_failure_is_kept), LOG_TEST(errno_survives),
                LOG_TEST(lines_of_threads_do_not_mix),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
