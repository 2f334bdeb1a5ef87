/* Retry: which failures are waited for, and for how long. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/stage/stage_retry.h"

static void storage_network_and_memory_are_waited_for(void **state) {
        static const int want[] = { ENOSPC,    EDQUOT,       EIO,        EROFS,        ENOENT, ENOTDIR,
                                    ETIMEDOUT, ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EAGAIN, ENOMEM };

        (void)state;
        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
                assert_true(stage_retry_is_worthwhile(-want[i]));
}

static void bugs_are_not(void **state) {
        static const int want[] = { 0, EINVAL, EPROTO, EDOM, ERANGE, EBADMSG, EFBIG, ENOSYS };

        (void)state;
        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
                assert_false(stage_retry_is_worthwhile(-want[i]));
        /* a condition is no errno */
        assert_false(stage_retry_is_worthwhile(ENOSPC));
}

static void pauses_double_up_to_a_minute(void **state) {
        int64_t least = STAGE_RETRY_FIRST_MS, pause;

        (void)state;
        for (int64_t n = 0; n < 40; n++) {
                for (int i = 0; i < 100; i++) {
                        pause = stage_retry_pause_ms(n);
                        assert_true(pause >= least && pause <= least + least / 4);
                }
                least = least * 2 < STAGE_RETRY_MOST_MS ? least * 2 : STAGE_RETRY_MOST_MS;
        }
        assert_int_equal(least, 60000);
        assert_true(stage_retry_pause_ms(INT64_MAX) <= 75000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(storage_network_and_memory_are_waited_for),
                cmocka_unit_test(bugs_are_not),
                cmocka_unit_test(pauses_double_up_to_a_minute),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
