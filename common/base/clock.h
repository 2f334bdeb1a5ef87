#pragma once

/*
 * Clock
 *
 * Wall time in milliseconds since 1970 (UTC) for what people and messages see, monotonic time for what is measured.
 */

#include <stdbool.h>
#include <stdint.h>

/* "2026-01-02T03:04:05.678Z" and its end */
#define CLOCK_RFC3339_BYTES 25

int64_t clock_realtime_ms(void);
int64_t clock_realtime_ns(void);
int64_t clock_monotonic_ms(void);
int64_t clock_monotonic_ns(void);

/* Writes time_ms as RFC 3339 in UTC with milliseconds; years 1970 to 9999. */
void clock_format_rfc3339(int64_t time_ms, char ret_text[CLOCK_RFC3339_BYTES]);

/* Reads exactly the form that clock_format_rfc3339() writes; false when text has another. */
bool clock_parse_rfc3339(const char *text, int64_t *ret_time_ms);
