/* UUID version 7: the form of RFC 9562, and in order of time. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/base/uuid.h"

static void ids_have_version_variant_and_time(void **state) {
        int64_t before = clock_realtime_ms(), after, time_ms;
        char id[UUID_TEXT_BYTES], head[13];

        (void)state;
        assert_int_equal(uuid_make_v7(id), 0);
        after = clock_realtime_ms();
        assert_true(uuid_is_valid(id));
        assert_int_equal(strlen(id), 36);
        assert_int_equal(id[14], '7');
        assert_non_null(strchr("89ab", id[19]));
        snprintf(head, sizeof(head), "%.8s%.4s", id, id + 9);
        time_ms = strtoll(head, NULL, 16);
        assert_true(time_ms >= before && time_ms <= after);
}

static void ids_differ(void **state) {
        enum { N = 1000 };
        static char ids[N][UUID_TEXT_BYTES];

        (void)state;
        for (size_t i = 0; i < N; i++) {
                assert_int_equal(uuid_make_v7(ids[i]), 0);
                for (size_t j = 0; j < i; j++)
                        assert_string_not_equal(ids[i], ids[j]);
        }
}

/* Runs are accepted several in a millisecond, and listed in the order of their ids after a rebuild. */
static void ids_are_in_order_within_a_millisecond(void **state) {
        enum { N = 1000 };
        char before[UUID_TEXT_BYTES], id[UUID_TEXT_BYTES];
        int64_t until_ns;

        (void)state;
        assert_int_equal(uuid_make_v7(before), 0);
        for (size_t i = 0; i < N; i++) {
                until_ns = clock_monotonic_ns() + 2000;
                while (clock_monotonic_ns() < until_ns)
                        ;
                assert_int_equal(uuid_make_v7(id), 0);
                assert_true(strcmp(before, id) < 0);
                memcpy(before, id, sizeof(id));
        }
}

static void other_forms_are_refused(void **state) {
        static const char *const TEXTS[] = {
                "",
                "01890a5d-ac96-774b-bcce-b302099a805",
                "01890a5d-ac96-774b-bcce-b302099a80577",
                "01890A5D-ac96-774b-bcce-b302099a8057",
                "01890a5dxac96-774b-bcce-b302099a8057",
                "01890a5d-ac96-774b-bcce-b302099a805/",
                "../../../../../etc/passwd01234567890",
        };

        (void)state;
        assert_true(uuid_is_valid("01890a5d-ac96-774b-bcce-b302099a8057"));
        for (size_t i = 0; i < N_ELEMENTS(TEXTS); i++)
                assert_false(uuid_is_valid(TEXTS[i]));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(ids_have_version_variant_and_time),
                cmocka_unit_test(ids_differ),
                cmocka_unit_test(ids_are_in_order_within_a_millisecond),
                cmocka_unit_test(other_forms_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
