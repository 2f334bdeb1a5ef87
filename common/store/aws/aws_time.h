#pragma once

/*
 * AWS time
 *
 * The three ways in which AWS writes an instant. Milliseconds since 1970, UTC.
 */

#include <stdbool.h>
#include <stdint.h>

/* "20150830T123600Z" and its end */
#define AWS_TIME_BYTES 17

/* of these the day */
#define AWS_TIME_DAY_BYTES 8

/* As signatures have it (ISO 8601 basic). */
void aws_time_format(int64_t time_ms, char ret_text[AWS_TIME_BYTES]);

/* An expiry, or the age of an object in a listing: "2015-08-30T12:36:00Z", also with a fraction of the second or an
 * offset such as +02:00 (RFC 3339). */
bool aws_time_parse(const char *text, int64_t *ret_time_ms);

/* The headers Date and Last-Modified: "Sun, 30 Aug 2015 12:36:00 GMT" (RFC 9110 section 5.6.7, the preferred form). */
bool aws_time_parse_date(const char *text, int64_t *ret_time_ms);
