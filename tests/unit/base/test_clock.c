/* Clock: RFC 3339 there and back. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"

static void times_are_written_and_read_back(void **state) {
        static const struct {
                int64_t time_ms;
                const char *want;
        } ROWS[] = {
                { 0, "1970-01-01T00:00:00.000Z" },
                { 999, "1970-01-01T00:00:00.999Z" },
                { 951782400000, "2000-02-29T00:00:00.000Z" },
                { 1767323045678, "2026-01-02T03:04:05.678Z" },
                { 253402300799999, "9999-12-31T23:59:59.999Z" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(ROWS); i++) {
                char text[CLOCK_RFC3339_BYTES];
                int64_t again = -1;

                clock_format_rfc3339(ROWS[i].time_ms, text);
                assert_string_equal(text, ROWS[i].want);
                assert_true(clock_parse_rfc3339(text, &again));
                assert_int_equal(again, ROWS[i].time_ms);
        }
}

static void other_forms_are_refused(void **state) {
        static const char *const TEXTS[] = {
                "",
                "2026-01-02",
                "2026-01-02T03:04:05Z",
                "2026-01-02T03:04:05.678",
                "2026-01-02T03:04:05.678Zx",
                "2026-01-02T03:04:05.678+00:00",
                "2026-01-02 03:04:05.678Z",
                "2026-02-30T03:04:05.678Z",
                "2026-13-02T03:04:05.678Z",
                "2026-01-02T24:04:05.678Z",
                "2026-01-02T03:04:60.678Z",
                "2026-1-02T03:04:05.678Z",
                " 2026-01-02T03:04:05.678Z",
                "2026-01-02T03:04:05.67Z",
                "+026-01-02T03:04:05.678Z",
                "1969-12-31T23:59:59.999Z",
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(TEXTS); i++) {
                int64_t time_ms = 77;

                assert_false(clock_parse_rfc3339(TEXTS[i], &time_ms));
                assert_int_equal(time_ms, 77);
        }
}

static void clocks_run_forward(void **state) {
        int64_t one = clock_monotonic_ns(), two = clock_monotonic_ns();

        (void)state;
        assert_true(two >= one);
        assert_true(clock_monotonic_ms() >= one / 1000000);
        assert_true(clock_realtime_ms() > 1700000000000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(times_are_written_and_read_back),
                cmocka_unit_test(other_forms_are_refused),
                cmocka_unit_test(clocks_run_forward),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
