#pragma once

/*
 * AWS clock
 *
 * The time with which requests are signed. AWS refuses a signature that is more than some minutes off (S3: fifteen,
 * with RequestTimeTooSkewed), so what each answer's Date header says is compared with the machine's clock; when that is
 * more than a minute off, the difference is remembered and added from then on. Nothing but signing and the expiry of
 * keys goes by it. Thread-safe.
 */

#include <stdbool.h>
#include <stdint.h>

struct aws_clock {
        int64_t (*now_ms)(void);   /* the machine's clock */
        _Atomic int64_t offset_ms; /* what AWS's is ahead of it */
};

/* now_ms NULL: clock_realtime_ms(). */
void aws_clock_init(struct aws_clock *ret_clock, int64_t (*now_ms)(void));

int64_t aws_clock_now_ms(const struct aws_clock *clock);

/* Looks at the Date header of an answer ("Fri, 24 May 2013 00:00:00 GMT"; any other text is ignored). True when the
 * clock was set: a request refused as skewed is then signed anew and tried again at once. */
bool aws_clock_observe(struct aws_clock *clock, const char *date);
