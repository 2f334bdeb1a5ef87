/* Reasons: added in words, cut where they are too long, left out where there is no room. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "common/base/utf8.h"
#include "proto/reason.h"

static void test_a_reason_is_code_and_sentence(void **state _unused_) {
        struct reason reasons[REASONS_MAX];
        size_t n_reasons = 0;

        reason_add(reasons, &n_reasons, "F1_BELOW_MINIMUM", "F1 %.1f is below %g", 0.3, 0.4);
        assert_int_equal(n_reasons, 1);
        assert_string_equal(reasons[0].code, "F1_BELOW_MINIMUM");
        assert_string_equal(reasons[0].message, "F1 0.3 is below 0.4");
}

static void test_a_long_sentence_ends_in_a_whole_character(void **state _unused_) {
        struct reason reasons[REASONS_MAX];
        char text[sizeof(reasons[0].message) + 8] = "";

        for (size_t n_before = 0; n_before < 4; n_before++) {
                size_t n_reasons = 0;

                memset(text, 'a', sizeof(text) - 1);
                for (size_t at = n_before; at + 2 < sizeof(text); at += 2)
                        memcpy(text + at, "\303\251", 2);
                reason_add(reasons, &n_reasons, "LONG", "%s", text);
                assert_true(utf8_is_valid(reasons[0].message, strlen(reasons[0].message)));
                assert_in_range(strlen(reasons[0].message), sizeof(reasons[0].message) - 2,
                                sizeof(reasons[0].message) - 1);
        }
}

static void test_what_is_too_much_is_left_out(void **state _unused_) {
        struct reason reasons[REASONS_MAX];
        size_t n_reasons = 0;

        for (int i = 0; i < REASONS_MAX + 3; i++)
                reason_add(reasons, &n_reasons, "MANY", "number %d", i);
        assert_int_equal(n_reasons, REASONS_MAX);
        assert_string_equal(reasons[REASONS_MAX - 1].message, "number 15");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_reason_is_code_and_sentence),
                cmocka_unit_test(test_a_long_sentence_ends_in_a_whole_character),
                cmocka_unit_test(test_what_is_too_much_is_left_out),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
