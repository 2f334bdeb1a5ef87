/* Retry: which failures are waited for, and for how long. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "services/stage/stage_retry.h"

static const struct {
        int error;
        enum stage_retry want_kind;
        const char *want_code; /* when it has lasted too long */
} FAILURES[] = {
        { ENOSPC, STAGE_RETRY_PATIENT, "STORE_UNAVAILABLE" },
        { EDQUOT, STAGE_RETRY_PATIENT, "STORE_UNAVAILABLE" },
        { EIO, STAGE_RETRY_PATIENT, "STORE_UNAVAILABLE" },
        { EROFS, STAGE_RETRY_PATIENT, "STORE_UNAVAILABLE" },
        { ENOENT, STAGE_RETRY_PATIENT, "STORE_UNAVAILABLE" },
        { ENOTDIR, STAGE_RETRY_PATIENT, "STORE_UNAVAILABLE" },
        { EACCES, STAGE_RETRY_PATIENT, "STORE_UNAVAILABLE" },
        { ETIMEDOUT, STAGE_RETRY_PATIENT, "STORE_UNAVAILABLE" },
        { ECONNREFUSED, STAGE_RETRY_PATIENT, "STORE_UNAVAILABLE" },
        { ECONNRESET, STAGE_RETRY_PATIENT, "STORE_UNAVAILABLE" },
        { EHOSTUNREACH, STAGE_RETRY_PATIENT, "STORE_UNAVAILABLE" },
        { EAGAIN, STAGE_RETRY_PATIENT, "STORE_UNAVAILABLE" },
        { ENOMEM, STAGE_RETRY_SHORT, "OUT_OF_MEMORY" },
        { EMFILE, STAGE_RETRY_SHORT, "OUT_OF_FILES" },
        { ENFILE, STAGE_RETRY_SHORT, "OUT_OF_FILES" },
};

static void storage_and_network_are_waited_for_memory_and_files_a_little(void **state) {
        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(FAILURES); i++)
                assert_int_equal(stage_retry_kind(-FAILURES[i].error), FAILURES[i].want_kind);
}

static void each_is_given_up_in_its_time(void **state) {
        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(FAILURES); i++) {
                bool is_patient = FAILURES[i].want_kind == STAGE_RETRY_PATIENT;
                struct fault reason = FAULT_NULL;
                int error = -FAILURES[i].error;

                assert_false(stage_retry_is_over(error, 0, 0, &reason));
                /* the first of its kind, after a day of others: what is waited for shares one day */
                assert_int_equal(stage_retry_is_over(error, 0, STAGE_RETRY_LIMIT_MS, &reason), is_patient);
                assert_false(stage_retry_is_over(error, STAGE_RETRY_FEW - 1, 2000, &reason));
                assert_int_equal(stage_retry_is_over(error, STAGE_RETRY_FEW, 4000, &reason), !is_patient);
                assert_int_equal(stage_retry_is_over(error, 1000, STAGE_RETRY_LIMIT_MS - 1, &reason), !is_patient);
                assert_true(stage_retry_is_over(error, 1000, STAGE_RETRY_LIMIT_MS, &reason));
                assert_string_equal(reason.code, FAILURES[i].want_code);
                assert_true(*reason.message);
        }
}

static void bugs_are_not(void **state) {
        static const int want[] = { 0, EINVAL, EPROTO, EDOM, ERANGE, EBADMSG, EFBIG, ENOSYS, ECANCELED };

        (void)state;
        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
                assert_int_equal(stage_retry_kind(-want[i]), STAGE_RETRY_NEVER);
        /* a condition is no errno */
        assert_int_equal(stage_retry_kind(ENOSPC), STAGE_RETRY_NEVER);
}

static void the_first_pause_is_short_and_the_last_a_minute(void **state) {
        (void)state;
        assert_in_range(stage_retry_pause_ms(0), 250, 250 + 250 / 4);
        assert_in_range(stage_retry_pause_ms(1), 500, 500 + 500 / 4);
        assert_in_range(stage_retry_pause_ms(1000), 60000, 75000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(storage_and_network_are_waited_for_memory_and_files_a_little),
                cmocka_unit_test(each_is_given_up_in_its_time),
                cmocka_unit_test(bugs_are_not),
                cmocka_unit_test(the_first_pause_is_short_and_the_last_a_minute),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
