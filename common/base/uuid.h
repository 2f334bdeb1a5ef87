#pragma once

/*
 * UUID version 7 (RFC 9562 section 5.7)
 *
 * Sorts by time of making, to a quarter of a microsecond (section 6.2, method 3). Text is the lower-case form of 36
 * characters.
 */

#include <stdbool.h>

#define UUID_TEXT_BYTES 37

/* Returns 0, or a negative errno when the kernel gives no random bytes. */
int uuid_make_v7(char ret_text[UUID_TEXT_BYTES]);

/* True for 36 characters of lower-case hex and dashes at the right places. */
bool uuid_is_valid(const char *text);
