/* Variables in text. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/expand.h"

static int setup(void **state) {
        (void)state;
        setenv("EXPAND_A", "alpha", 1);
        setenv("EXPAND_EMPTY", "", 1);
        setenv("EXPAND_NESTED", "${EXPAND_A}", 1);
        unsetenv("EXPAND_NONE");
        return 0;
}

static void variables_become_their_values(void **state) {
        static const struct {
                const char *text;
                int want;
                const char *want_text; /* or the name at fault */
        } ROWS[] = {
                { "", 0, "" },
                { "plain $ {text} $EXPAND_A }", 0, "plain $ {text} $EXPAND_A }" },
                { "<${EXPAND_A}>", 0, "<alpha>" },
                { "${EXPAND_A}${EXPAND_A}", 0, "alphaalpha" },
                { "${EXPAND_EMPTY}", 0, "" },
                { "${EXPAND_NONE:-}", 0, "" },
                { "${EXPAND_NONE:-x y}", 0, "x y" },
                { "${EXPAND_EMPTY:-x}", 0, "x" },
                { "${EXPAND_A:-x}", 0, "alpha" },
                { "${EXPAND_NONE:-${EXPAND_EMPTY:-generate:rows=5,seed=1}}", 0, "generate:rows=5,seed=1" },
                { "${EXPAND_NONE:-${EXPAND_A:-b}}c", 0, "alphac" },
                { "${EXPAND_A:-${EXPAND_NONE}}", 0, "alpha" },
                { "${EXPAND_NONE:-{\"a\":{}}}", 0, "{\"a\":{}}" },
                { "${EXPAND_NESTED}", 0, "${EXPAND_A}" },
                { "$${EXPAND_A}", 0, "${EXPAND_A}" },
                { "${EXPAND_NONE:-$${X}}!", 0, "${X}!" },
                { "a ${EXPAND_NONE}", EXPAND_E_UNSET, "EXPAND_NONE" },
                { "${EXPAND_NONE:-${EXPAND_NONE}}", EXPAND_E_UNSET, "EXPAND_NONE" },
                { "${EXPAND_A", EXPAND_E_MALFORMED, "EXPAND_A" },
                { "${EXPAND_NONE:-x", EXPAND_E_MALFORMED, "EXPAND_NONE" },
                { "${EXPAND_A-x}", EXPAND_E_MALFORMED, "EXPAND_A" },
                { "${}", EXPAND_E_MALFORMED, "}" },
                { "${1A}", EXPAND_E_MALFORMED, "1A}" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(ROWS); i++) {
                _cleanup_(buffer_finish) struct buffer expanded = BUFFER_NULL;
                char name[EXPAND_NAME_BYTES] = "untouched";

                assert_int_equal(expand_text(ROWS[i].text, 1000, &expanded, name), ROWS[i].want);
                assert_string_equal(ROWS[i].want ? name : buffer_text(&expanded), ROWS[i].want_text);
        }
}

static void nesting_is_bounded(void **state) {
        _cleanup_(buffer_finish) struct buffer expanded = BUFFER_NULL, text = BUFFER_NULL;
        char name[EXPAND_NAME_BYTES];

        (void)state;
        for (int i = 0; i < EXPAND_DEPTH_MAX + 1; i++)
                assert_int_equal(buffer_append_text(&text, "${EXPAND_NONE:-"), 0);
        for (int i = 0; i < EXPAND_DEPTH_MAX + 1; i++)
                assert_int_equal(buffer_append_text(&text, "}"), 0);
        assert_int_equal(expand_text(buffer_text(&text), 1000, &expanded, name), EXPAND_E_MALFORMED);
}

static void length_is_bounded(void **state) {
        _cleanup_(buffer_finish) struct buffer expanded = BUFFER_NULL;
        char name[EXPAND_NAME_BYTES];

        (void)state;
        assert_int_equal(expand_text("${EXPAND_A}${EXPAND_A}", 10, &expanded, name), 0);
        buffer_clear(&expanded);
        assert_int_equal(expand_text("${EXPAND_A}${EXPAND_A}", 9, &expanded, name), EXPAND_E_TOO_LONG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(variables_become_their_values),
                cmocka_unit_test(nesting_is_bounded),
                cmocka_unit_test(length_is_bounded),
        };

        return cmocka_run_group_tests(tests, setup, NULL);
}
