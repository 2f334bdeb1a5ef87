/* Lines: what goes out is whole, whatever pieces came in. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/lines.h"

struct seen {
        struct buffer text;
        int n_calls;
};

static void each(void *context, const char *lines, size_t n_bytes) {
        struct seen *seen = context;

        assert_true(n_bytes > 0);
        assert_int_equal(lines[n_bytes - 1], '\n');
        assert_int_equal(buffer_append(&seen->text, lines, n_bytes), 0);
        seen->n_calls++;
}

static void test_pieces_become_lines(void **state) {
        static const struct {
                const char *pieces[4];
                const char *want; /* before the end */
                const char *want_end;
        } rows[] = {
                { { "a\n" }, "a\n", "a\n" },        { { "a" }, "", "a\n" },
                { { "a", "b\n" }, "ab\n", "ab\n" }, { { "a\nb", "c\nd" }, "a\nbc\n", "a\nbc\nd\n" },
                { { "\n", "\n" }, "\n\n", "\n\n" }, { { "one\ntwo\n", "three" }, "one\ntwo\n", "one\ntwo\nthree\n" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct lines lines = LINES_NULL;
                struct seen seen = { 0 };

                for (size_t k = 0; rows[i].pieces[k]; k++)
                        assert_int_equal(lines_feed(&lines, rows[i].pieces[k], strlen(rows[i].pieces[k]), each, &seen),
                                         0);
                assert_string_equal(buffer_text(&seen.text), rows[i].want);
                assert_int_equal(lines_end(&lines, each, &seen), 0);
                assert_string_equal(buffer_text(&seen.text), rows[i].want_end);
                assert_int_equal(lines_end(&lines, each, &seen), 0);
                assert_string_equal(buffer_text(&seen.text), rows[i].want_end);
                buffer_finish(&seen.text);
                lines_finish(&lines);
        }
}

static void test_whole_lines_go_out_in_one_call(void **state) {
        struct lines lines = LINES_NULL;
        struct seen seen = { 0 };

        (void)state;
        assert_int_equal(lines_feed(&lines, "a\nb\nc\nd", 7, each, &seen), 0);
        assert_int_equal(seen.n_calls, 1);
        assert_int_equal(lines_feed(&lines, "\ne\n", 3, each, &seen), 0);
        assert_int_equal(seen.n_calls, 2);
        assert_string_equal(buffer_text(&seen.text), "a\nb\nc\nd\ne\n");
        buffer_finish(&seen.text);
        lines_finish(&lines);
}

static void test_a_line_without_end_is_bounded(void **state) {
        static char much[LINES_BYTES_MAX / 4];
        struct lines lines = LINES_NULL;
        struct seen seen = { 0 };

        (void)state;
        memset(much, 'x', sizeof(much));
        for (int i = 0; i < 9; i++)
                assert_int_equal(lines_feed(&lines, much, sizeof(much), each, &seen), 0);
        assert_int_equal(seen.n_calls, 2);
        assert_int_equal(seen.text.n_bytes, 2 * (LINES_BYTES_MAX + 1));
        assert_true(lines.rest.n_bytes <= LINES_BYTES_MAX);
        buffer_finish(&seen.text);
        lines_finish(&lines);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pieces_become_lines),
                cmocka_unit_test(test_whole_lines_go_out_in_one_call),
                cmocka_unit_test(test_a_line_without_end_is_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
