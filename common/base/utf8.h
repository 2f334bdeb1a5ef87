#pragma once

/*
 * UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. NUL is a character like others.
 */

#include <stdbool.h>
#include <stddef.h>

/* The bytes of the character that begins here, 1 to 4; 0 when none does. n_left > 0. */
size_t utf8_character_bytes(const void *at, size_t n_left);

bool utf8_is_valid(const void *bytes, size_t n_bytes);
