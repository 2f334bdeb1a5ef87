/* Back-off: bounds of the pauses, and that they differ. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/base/backoff.h"

static const struct backoff backoff = { 100, 5000, RANDOM_SALT_RETRY };

static void pauses_double_to_a_bound(void **state) {
        int64_t least = 100, pause;

        (void)state;
        for (int64_t n = 1; n < 40; n++) {
                for (int i = 0; i < 100; i++) {
                        pause = backoff_pause_ms(&backoff, n);
                        assert_in_range(pause, least, least + least / 4);
                }
                least = least * 2 < 5000 ? least * 2 : 5000;
        }
        assert_int_equal(least, 5000);
        assert_in_range(backoff_pause_ms(&backoff, INT64_MAX), 5000, 6250);
}

/* Those who failed together, at the same moment even, have other pauses next time. */
static void chance_has_a_share(void **state) {
        int64_t seen[32];
        size_t n_other = 0;

        (void)state;
        for (size_t i = 0; i < 32; i++)
                seen[i] = backoff_pause_ms(&backoff, 20 + (int64_t)i);
        for (size_t i = 1; i < 32; i++)
                n_other += seen[i] != seen[0];
        assert_in_range(n_other, 20, 31);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pauses_double_to_a_bound),
                cmocka_unit_test(chance_has_a_share),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
