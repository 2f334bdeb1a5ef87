/* Marks: what counts as a digest in a text, and that a set is a set. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/marks.h"
#include "common/base/cleanup.h"

#define A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void texts_name_digests(void **state _unused_) {
        static const struct {
                const char *text;
                bool want_a, want_b;
        } rows[] = {
                { "", false, false },
                { A, true, false },
                { "{\"sha256\":\"" A "\",\"schema\":\"" B "\"}", true, true },
                { A "\n" B, true, true },
                { A "a", false, false },
                { "f" B, false, false },
                { "g" B "g", false, true },
                { "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", false, false },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(marks_finish) struct marks marks = MARKS_NULL, others = MARKS_NULL;

                assert_int_equal(marks_add_text(&marks, rows[i].text, strlen(rows[i].text)), 0);
                assert_int_equal(marks_has(&marks, A), rows[i].want_a);
                assert_int_equal(marks_has(&marks, B), rows[i].want_b);
                assert_int_equal(marks_add(&others, B), 0);
                assert_int_equal(marks_has_any(&others, rows[i].text, strlen(rows[i].text)), rows[i].want_b);
        }
}

/* A text that ends in the middle of memory. */
static void only_the_given_bytes_count(void **state _unused_) {
        _cleanup_(marks_finish) struct marks marks = MARKS_NULL;

        assert_int_equal(marks_add_text(&marks, A, 63), 0);
        assert_int_equal(marks.n_items, 0);
        assert_int_equal(marks_add_text(&marks, A "a", 64), 0);
        assert_true(marks_has(&marks, A));
}

static void many_are_kept_once_each(void **state _unused_) {
        enum { N = 5000 };
        _cleanup_(marks_finish) struct marks marks = MARKS_NULL;
        char digest[65];

        for (int round = 0; round < 3; round++)
                for (int i = 0; i < N; i++) {
                        snprintf(digest, sizeof(digest), "%064x", i * 7919 % N);
                        assert_int_equal(marks_add(&marks, digest), 0);
                        assert_true(i % 997 || marks_has(&marks, digest));
                }
        assert_false(marks_has(&marks, A));
        assert_int_equal(marks.n_items, N);
        for (int i = 0; i < N; i++) {
                snprintf(digest, sizeof(digest), "%064x", i);
                assert_true(marks_has(&marks, digest));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(texts_name_digests),
                cmocka_unit_test(only_the_given_bytes_count),
                cmocka_unit_test(many_are_kept_once_each),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
