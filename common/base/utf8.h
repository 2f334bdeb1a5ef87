#pragma once

/*
 * UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. NUL is a character like others.
 */

#include <stdbool.h>
#include <stddef.h>

bool utf8_is_valid(const void *bytes, size_t n_bytes);
