/* AWS time and clock: instants as AWS writes them, and a machine whose clock is wrong. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/store/aws/aws_clock.h"
#include "common/store/aws/aws_time.h"

#define NOON INT64_C(1440938160000) /* 2015-08-30T12:36:00Z */

enum {
        MINUTE_MS = 60000,
        HOUR_MS = 3600000,
};

static int64_t machine_ms;

static int64_t machine_now(void) {
        return machine_ms;
}

static void a_signature_s_form(void **state) {
        char text[AWS_TIME_BYTES];

        (void)state;
        aws_time_format(NOON + 999, text);
        assert_string_equal(text, "20150830T123600Z");
        aws_time_format(0, text);
        assert_string_equal(text, "19700101T000000Z");
}

static void an_expiry_in_any_form(void **state) {
        const struct {
                const char *text;
                int64_t want_ms; /* 0: refused */
        } rows[] = {
                { "2015-08-30T12:36:00Z", NOON },
                { "2015-08-30T12:36:00.123456Z", NOON + 123 },
                { "2015-08-30T12:36:00.000Z", NOON },
                { "2015-08-30T12:36:00.5Z", NOON + 500 },
                { "2015-08-30T14:36:00.09+02:00", NOON + 90 },
                { "2015-08-30T12:36:00.Z", NOON },
                { "2015-08-30T12:36:00.5", 0 },
                { "2015-08-30T14:36:00+02:00", NOON },
                { "2015-08-30T07:06:00-05:30", NOON },
                { "2015-08-30T12:36:00", 0 },
                { "2015-08-30T12:36:00+0200", 0 },
                { "2015-08-30T12:36:00Z ", 0 },
                { "2015-02-30T12:36:00Z", 0 },
                { "2015-08-30 12:36:00Z", 0 },
                { "", 0 },
                { "never", 0 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                int64_t got = 0;

                assert_int_equal(aws_time_parse(rows[i].text, &got), rows[i].want_ms != 0);
                assert_int_equal(got, rows[i].want_ms);
        }
}

static void a_date_header(void **state) {
        const struct {
                const char *text;
                int64_t want_ms;
        } rows[] = {
                { "Sun, 30 Aug 2015 12:36:00 GMT", NOON },
                { "Sun, 30 aug 2015 12:36:00 GMT", 0 },
                { "Sun, 31 Feb 2015 12:36:00 GMT", 0 },
                { "Sun, 30 Aug 2015 12:36:00 UTC", 0 },
                { "Sunday, 30-Aug-15 12:36:00 GMT", 0 },
                { "Sun, 30 Aug 2015 25:36:00 GMT", 0 },
                { "", 0 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                int64_t got = 0;

                assert_int_equal(aws_time_parse_date(rows[i].text, &got), rows[i].want_ms != 0);
                assert_int_equal(got, rows[i].want_ms);
        }
}

static void a_clock_an_hour_off_is_corrected(void **state) {
        static const char date[] = "Sun, 30 Aug 2015 12:36:00 GMT";
        struct aws_clock clock;

        (void)state;
        for (int sign = -1; sign <= 1; sign += 2) {
                machine_ms = NOON + (int64_t)sign * HOUR_MS;
                aws_clock_init(&clock, machine_now);
                assert_int_equal(aws_clock_now_ms(&clock), machine_ms);
                assert_true(aws_clock_observe(&clock, date));
                assert_int_equal(aws_clock_now_ms(&clock), NOON);
                assert_false(aws_clock_observe(&clock, date));
                /* goes on with the machine's */
                machine_ms += MINUTE_MS;
                assert_int_equal(aws_clock_now_ms(&clock), NOON + MINUTE_MS);
                /* somebody sets the machine's clock right */
                machine_ms = NOON + 500;
                assert_true(aws_clock_observe(&clock, date));
                assert_int_equal(aws_clock_now_ms(&clock), NOON + 500);
        }
}

static void a_clock_some_seconds_off_is_left(void **state) {
        struct aws_clock clock;

        (void)state;
        machine_ms = NOON + MINUTE_MS;
        aws_clock_init(&clock, machine_now);
        assert_false(aws_clock_observe(&clock, "Sun, 30 Aug 2015 12:36:00 GMT"));
        assert_false(aws_clock_observe(&clock, "yesterday"));
        assert_false(aws_clock_observe(&clock, ""));
        assert_int_equal(aws_clock_now_ms(&clock), machine_ms);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_signature_s_form),
                cmocka_unit_test(an_expiry_in_any_form),
                cmocka_unit_test(a_date_header),
                cmocka_unit_test(a_clock_an_hour_off_is_corrected),
                cmocka_unit_test(a_clock_some_seconds_off_is_left),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
