/* Check apart: findings come back, and a check that hangs or dies is told of. */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/check_apart.h"

static struct findings findings;

struct context {
        const char *text;
        pid_t pid;
};

static void look(struct findings *found, const void *argument) {
        const struct context *context = argument;

        findings_note(found, "part", WELL, "%s", context->text);
        findings_note(found, "part", DOUBTFUL, "by %d", getpid() == context->pid);
}

static void hang(struct findings *found, const void *context) {
        (void)context;
        findings_note(found, "part", WELL, "so far");
        for (;;)
                pause();
}

static void die(struct findings *found, const void *context) {
        (void)found;
        (void)context;
        raise(SIGKILL);
}

static void refuse(struct findings *found, const void *context) {
        (void)context;
        findings_note(found, "part", WRONG, "no");
}

static int setup(void **state) {
        (void)state;
        memset(&findings, 0, sizeof(findings));
        return 0;
}

/* No child is left, whatever became of it. */
static int teardown(void **state) {
        (void)state;
        return waitpid(-1, NULL, WNOHANG) == -1 ? 0 : 1;
}

static void what_was_found_comes_back(void **state) {
        struct check_apart apart = CHECK_APART_NULL;
        const struct context context = { "fine", getpid() };

        (void)state;
        check_apart_start(&apart, "part", look, &context, 60000);
        assert_true(check_apart_finish(&apart, &findings));
        assert_int_equal(findings.n_items, 2);
        assert_string_equal(findings.items[0].name, "part");
        assert_string_equal(findings.items[0].sentence, "fine");
        /* another process */
        assert_string_equal(findings.items[1].sentence, "by 0");
}

static void several_wait_together(void **state) {
        struct check_apart aparts[] = { CHECK_APART_NULL, CHECK_APART_NULL };

        (void)state;
        check_apart_start(&aparts[0], "one", hang, NULL, 50);
        check_apart_start(&aparts[1], "other", refuse, NULL, 60000);
        assert_false(check_apart_finish(&aparts[0], &findings));
        assert_false(check_apart_finish(&aparts[1], &findings));
        assert_int_equal(findings.n_items, 3);
        assert_string_equal(findings.items[0].name, "one");
        assert_int_equal(findings.items[0].outcome, WRONG);
        assert_non_null(strstr(findings.items[0].sentence, "did not end within"));
        assert_string_equal(findings.items[1].sentence, "so far");
        assert_string_equal(findings.items[2].sentence, "no");
}

static void a_check_that_dies_is_told(void **state) {
        struct check_apart apart = CHECK_APART_NULL;

        (void)state;
        check_apart_start(&apart, "part", die, NULL, 60000);
        assert_false(check_apart_finish(&apart, &findings));
        assert_int_equal(findings.n_items, 1);
        assert_int_equal(findings.items[0].outcome, WRONG);
}

static void what_was_not_started_is_well(void **state) {
        struct check_apart apart = CHECK_APART_NULL;

        (void)state;
        assert_true(check_apart_finish(&apart, &findings));
        assert_int_equal(findings.n_items, 0);
}

#define APART_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                APART_TEST(what_was_found_comes_back),
                APART_TEST(several_wait_together),
                APART_TEST(a_check_that_dies_is_told),
                APART_TEST(what_was_not_started_is_well),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
