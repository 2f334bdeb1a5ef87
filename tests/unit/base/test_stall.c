/* Stall: what the process is held up by, for as long as that lasts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/stall.h"

static void it_is_told_until_it_ends(void **state) {
        char reason[STALL_REASON_BYTES];
        int64_t retry_at = 0, now = clock_realtime_ms();
        int one, other;

        (void)state;
        assert_false(stall_get(reason, &retry_at));
        stall_note(&one, 60000, "S3: %d", 503);
        assert_true(stall_get(reason, &retry_at));
        assert_string_equal(reason, "S3: 503");
        assert_true(retry_at >= now + 60000);
        /* the last counts, and only its owner ends it */
        stall_note(&other, 0, "MongoDB");
        stall_end(&one);
        assert_true(stall_get(reason, &retry_at));
        assert_string_equal(reason, "MongoDB");
        stall_end(&other);
        assert_false(stall_get(reason, &retry_at));
}

static void what_is_long_is_cut(void **state) {
        char reason[STALL_REASON_BYTES];
        int64_t retry_at;

        stall_note(state, 0, "%0*d", 3 * STALL_REASON_BYTES, 0);
        assert_true(stall_get(reason, &retry_at));
        assert_int_equal(strlen(reason), STALL_REASON_BYTES - 1);
        stall_end(state);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_is_told_until_it_ends),
                cmocka_unit_test(what_is_long_is_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
