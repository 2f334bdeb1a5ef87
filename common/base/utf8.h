#pragma once

/*
 * UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. NUL is a character like others.
 */

#include <stdbool.h>
#include <stddef.h>

/* The bytes of the character that begins here, 1 to 4; 0 when none does. n_left > 0. */
size_t utf8_character_bytes(const void *at, size_t n_left);

/* Makes words of others fit to be shown: what is no UTF-8 or a control character becomes '?'; a character that was cut
 * off at the end goes. */
void utf8_make_fit(char *text);

bool utf8_is_valid(const void *bytes, size_t n_bytes);
