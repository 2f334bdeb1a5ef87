#pragma once

/*
 * Numbers as text
 *
 * [+-] digits [. digits] [e [+-] digits] with a digit on at least one side of the point, or nan, or [+-] inf or
 * infinity, case ignored. Nothing else, whatever the locale: no spaces, no hexadecimals, no separators.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_number {
        VALUE_NUMBER_NONE,   /* not a number */
        VALUE_NUMBER_INT,    /* written without point and exponent, fits int64_t */
        VALUE_NUMBER_DOUBLE, /* any other, as the nearest double */
};

/* Only the result's own output is written. */
enum value_number value_number_read(const char *text, size_t n_bytes, int64_t *ret_integer, double *ret_number);

/* Writes a number with the fewest digits that read back to the same double, at most 25 bytes and the end; returns the
 * bytes without the end. */
size_t value_number_format(double number, char *ret_text);
