/*
 * Numbers as text. Plain decimals take the fast path: up to 19 digits are gathered in an integer, and where that and
 * the power of ten are exact in a double, one multiplication or division rounds correctly (Clinger: How to Read
 * Floating Point Numbers Accurately, PLDI 1990). All else goes to strtod in the C locale.
 */

#include "common/data/value_number.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/data/value.h"

enum {
        /* 10^22 is the largest power of ten that a double holds exactly */
        POWER_MAX = 22,
        /* far beyond any double, far below overflow of the counter */
        EXPONENT_MAX = 99999,
};

struct number {
        bool is_negative;
        bool is_plain; /* neither point nor exponent */
        bool is_cut;   /* digits that do not fit were dropped */
        size_t n_digits;
        uint64_t digits;
        int64_t exponent;
};

static locale_t c_locale;

static void make_locale(void) {
        c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

/* Gathers digits from *at on; those behind the point lower the exponent. */
static void gather(struct number *number, const char **at, const char *end, bool is_fraction) {
        for (; *at < end && is_digit(**at); (*at)++) {
                number->n_digits++;
                if (number->digits < UINT64_C(1000000000000000000)) {
                        number->digits = number->digits * 10 + (uint64_t)(**at - '0');
                        number->exponent -= is_fraction;
                } else {
                        number->is_cut |= **at != '0';
                        number->exponent += !is_fraction;
                }
        }
}

static bool gather_exponent(struct number *number, const char **at, const char *end) {
        bool is_negative = false;
        int64_t exponent = 0;

        if (*at < end && (**at == '+' || **at == '-'))
                is_negative = *(*at)++ == '-';
        if (*at == end || !is_digit(**at))
                return false;
        for (; *at < end && is_digit(**at); (*at)++)
                if (exponent < EXPONENT_MAX)
                        exponent = exponent * 10 + (**at - '0');
        number->exponent += is_negative ? -exponent : exponent;
        return true;
}

static bool scan(const char *text, size_t n_bytes, struct number *ret_number) {
        const char *at = text, *end = text + n_bytes;
        struct number number = { .is_plain = true };

        if (at < end && (*at == '+' || *at == '-'))
                number.is_negative = *at++ == '-';
        gather(&number, &at, end, false);
        if (at < end && *at == '.') {
                at++;
                number.is_plain = false;
                gather(&number, &at, end, true);
        }
        if (!number.n_digits)
                return false;
        if (at < end && (*at == 'e' || *at == 'E')) {
                at++;
                number.is_plain = false;
                if (!gather_exponent(&number, &at, end))
                        return false;
        }
        if (at != end)
                return false;
        *ret_number = number;
        return true;
}

static bool read_word(const char *text, size_t n_bytes, double *ret_number) {
        bool is_signed = n_bytes && (*text == '+' || *text == '-');
        double infinity = is_signed && *text == '-' ? -(double)INFINITY : (double)INFINITY;

        if (n_bytes == 3 && !strncasecmp(text, "nan", 3)) {
                *ret_number = (double)NAN;
                return true;
        }
        text += is_signed;
        n_bytes -= is_signed;
        if (!(n_bytes == 3 && !strncasecmp(text, "inf", 3)) && !(n_bytes == 8 && !strncasecmp(text, "infinity", 8)))
                return false;
        *ret_number = infinity;
        return true;
}

/* Most of what is read: a few digits and nothing else. */
static bool read_short_int(const char *text, size_t n_bytes, int64_t *ret_integer) {
        int64_t integer = 0;

        if (!n_bytes || n_bytes > 18)
                return false;
        for (size_t i = 0; i < n_bytes; i++) {
                if (!is_digit(text[i]))
                        return false;
                integer = integer * 10 + (text[i] - '0');
        }
        *ret_integer = integer;
        return true;
}

/* The nearest double of a text that scan() accepted. */
static double round_slowly(const char *text, size_t n_bytes) {
        static pthread_once_t once = PTHREAD_ONCE_INIT;
        char copy[VALUE_NUMBER_BYTES_MAX + 1];

        pthread_once(&once, make_locale);
        memcpy(copy, text, n_bytes);
        copy[n_bytes] = '\0';
        return c_locale ? strtod_l(copy, NULL, c_locale) : strtod(copy, NULL);
}

enum value_number value_number_read(const char *text, size_t n_bytes, int64_t *ret_integer, double *ret_number) {
        static const double powers[] = { 1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                         1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22 };
        struct number number;
        double rounded;

        if (read_short_int(text, n_bytes, ret_integer))
                return VALUE_NUMBER_INT;
        if (n_bytes > VALUE_NUMBER_BYTES_MAX)
                return VALUE_NUMBER_NONE;
        if (!scan(text, n_bytes, &number))
                return read_word(text, n_bytes, ret_number) ? VALUE_NUMBER_DOUBLE : VALUE_NUMBER_NONE;
        if (number.is_plain && !number.is_cut && !number.exponent && number.digits <= INT64_MAX) {
                *ret_integer = number.is_negative ? -(int64_t)number.digits : (int64_t)number.digits;
                return VALUE_NUMBER_INT;
        }
        if (!number.is_cut && number.digits <= (UINT64_C(1) << 53) && number.exponent >= -POWER_MAX &&
            number.exponent <= POWER_MAX) {
                rounded = (double)number.digits;
                if (number.exponent < 0)
                        rounded /= powers[-number.exponent];
                else
                        rounded *= powers[number.exponent];
                *ret_number = number.is_negative ? -rounded : rounded;
        } else {
                *ret_number = round_slowly(text, n_bytes);
        }
        return VALUE_NUMBER_DOUBLE;
}

size_t value_number_format(double number, char *ret_text) {
        char text[VALUE_SCRATCH_BYTES];
        double back = 0.0;
        int64_t unused;
        int n = 0;

        if (isnan(number) || isinf(number)) {
                strcpy(ret_text, isnan(number) ? "nan" : number < 0 ? "-inf" : "inf");
                return strlen(ret_text);
        }
        for (int n_digits = 15; n_digits <= 17; n_digits++) {
                n = snprintf(text, sizeof(text), "%.*g", n_digits, number);
                if (value_number_read(text, (size_t)n, &unused, &back) == VALUE_NUMBER_INT)
                        back = (double)unused;
                if (!memcmp(&back, &number, sizeof(back)))
                        break;
        }
        memcpy(ret_text, text, (size_t)n + 1);
        return (size_t)n;
}
