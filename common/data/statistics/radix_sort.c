/* Sorting doubles by their bits. */

#include "common/data/statistics/radix_sort.h"

#include <stdint.h>
#include <string.h>

enum {
        DIGIT_BITS = 11,
        N_BUCKETS = 1 << DIGIT_BITS,
        N_DIGITS = 6,
};

/* Negative numbers are ordered backwards by their bits: flip them, and put the positive ones above. */
static uint64_t key_from_double(double value) {
        uint64_t bits;

        memcpy(&bits, &value, sizeof(bits));
        return bits ^ (bits >> 63 ? ~UINT64_C(0) : UINT64_C(1) << 63);
}

static double double_from_key(uint64_t key) {
        uint64_t bits = key ^ (key >> 63 ? UINT64_C(1) << 63 : ~UINT64_C(0));
        double value;

        memcpy(&value, &bits, sizeof(value));
        return value;
}

static size_t digit_of(uint64_t key, unsigned digit) {
        return key >> (digit * DIGIT_BITS) & (N_BUCKETS - 1);
}

/* One pass: keys in the order of one digit, equal ones in the order they had. */
static void scatter(const uint64_t *from, uint64_t *to, size_t n_values, unsigned digit, uint32_t *counts) {
        uint32_t at = 0;

        for (size_t i = 0; i < N_BUCKETS; i++) {
                uint32_t n = counts[i];

                counts[i] = at;
                at += n;
        }
        for (size_t i = 0; i < n_values; i++)
                to[counts[digit_of(from[i], digit)]++] = from[i];
}

void radix_sort(double *values, double *spare, size_t n_values) {
        uint32_t counts[N_DIGITS][N_BUCKETS] = { 0 };
        /* -fno-strict-aliasing: the same 8 bytes serve as key and as number */
        uint64_t *keys = (uint64_t *)(void *)values, *other = (uint64_t *)(void *)spare, *swap;

        for (size_t i = 0; i < n_values; i++) {
                keys[i] = key_from_double(values[i]);
                for (unsigned digit = 0; digit < N_DIGITS; digit++)
                        counts[digit][digit_of(keys[i], digit)]++;
        }
        for (unsigned digit = 0; digit < N_DIGITS && n_values; digit++) {
                if (counts[digit][digit_of(keys[0], digit)] == n_values)
                        continue;
                scatter(keys, other, n_values, digit, counts[digit]);
                swap = keys;
                keys = other;
                other = swap;
        }
        for (size_t i = 0; i < n_values; i++)
                values[i] = double_from_key(keys[i]);
}
