/* Child: the pauses between starts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/child.h"

static void test_pauses_double_up_to_a_limit(void **state) {
        static const int64_t want[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
        int64_t pause = 0;

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(want); i++) {
                pause = child_next_pause(pause, 0);
                assert_int_equal(pause, want[i]);
        }
}

static void test_a_steady_life_begins_anew(void **state) {
        (void)state;
        assert_int_equal(child_next_pause(5000, CHILD_STEADY_MS - 1), 5000);
        assert_int_equal(child_next_pause(5000, CHILD_STEADY_MS), CHILD_PAUSE_MS_MIN);
}

static void test_a_program_that_is_not_there_ends(void **state) {
        static const char *const argv[] = { "/nowhere/convoy-test", NULL };
        struct child child = CHILD_NULL;

        (void)state;
        child.name = "test";
        child.argv = argv;
        assert_int_equal(child_start(&child, 0), 0);
        assert_true(child.pid > 0);
        /* its end of the pipe closes with it */
        while (child.output >= 0)
                assert_int_equal(child_forward(&child), 0);
        assert_int_equal(child_ended(&child, 5), 0);
        assert_int_equal(child.pid, 0);
        assert_int_equal(child.due_ms, 5 + CHILD_PAUSE_MS_MIN);
        child_finish(&child);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pauses_double_up_to_a_limit),
                cmocka_unit_test(test_a_steady_life_begins_anew),
                cmocka_unit_test(test_a_program_that_is_not_there_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
