/* Fault: the place and the sentence in one line. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/fault.h"

static void what_is_unknown_is_left_out(void **state) {
        static const struct {
                const char *file;
                int64_t line, position;
                const char *column, *want;
        } ROWS[] = {
                { "", 0, 0, "", "why 5" },
                { "a.csv", 0, 0, "", "a.csv: why 5" },
                { "a.csv", 3, 0, "", "a.csv:3: why 5" },
                { "a.csv", 3, 7, "Age", "a.csv:3:7: Age: why 5" },
                { "a.csv", 0, 7, "Age", "a.csv: Age: why 5" },
                { "", 3, 7, "", "line 3:7: why 5" },
                { "", 0, 0, "Age", "Age: why 5" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(ROWS); i++) {
                struct fault fault = FAULT_NULL;
                char text[200];

                fault_at(&fault, ROWS[i].file, ROWS[i].line, ROWS[i].position);
                fault_in(&fault, ROWS[i].column, 4);
                assert_int_equal(fault_set(&fault, "CODE", "why %d", 5), FAULT_E_INPUT);
                assert_string_equal(fault_format(&fault, text, sizeof(text)), ROWS[i].want);
                assert_string_equal(fault.code, "CODE");
                assert_int_equal(fault.row, 4);
        }
}

static void what_is_too_long_is_cut(void **state) {
        char longest[5000], text[10];
        struct fault fault = FAULT_NULL;

        (void)state;
        memset(longest, 'x', sizeof(longest) - 1);
        longest[sizeof(longest) - 1] = 0;
        fault_at(&fault, longest, 1, 1);
        fault_in(&fault, longest, -1);
        fault_set(&fault, longest, "%s", longest);
        assert_int_equal(strlen(fault.file), sizeof(fault.file) - 1);
        assert_int_equal(strlen(fault.column), sizeof(fault.column) - 1);
        assert_int_equal(strlen(fault.code), sizeof(fault.code) - 1);
        assert_int_equal(strlen(fault.message), sizeof(fault.message) - 1);
        assert_string_equal(fault_format(&fault, text, sizeof(text)), "xxxxxxxxx");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_unknown_is_left_out),
                cmocka_unit_test(what_is_too_long_is_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
