#pragma once

/*
 * Random numbers by counter
 *
 * The n-th draw of a stream is a pure function of (seed, salt, n), so work can be cut among threads and repeated to the
 * bit. Every use of random numbers has a salt of its own, listed here so that no two can be the same.
 * Mixing: the finalizer of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA
 * 2014), applied to a Weyl sequence that starts at mixed seed and salt.
 */

#include <stdint.h>

enum random_salt {
        RANDOM_SALT_GENERATOR = 0x67656e65,
        RANDOM_SALT_STOPPING_SLICE = 0x736c6963,
        RANDOM_SALT_BOOTSTRAP = 0x626f6f74,
        RANDOM_SALT_GOLDEN_ROWS = 0x676f6c64,
        RANDOM_SALT_DRIFT_NULL = 0x64726966,
        RANDOM_SALT_SKETCH = 0x736b6574,
        RANDOM_SALT_COURIER = 0x636f7572,
        RANDOM_SALT_RETRY = 0x72657472,
        RANDOM_SALT_CREDENTIALS = 0x63726564,
        RANDOM_SALT_MONGO = 0x6d6f6e67,
        RANDOM_SALT_S3 = 0x73330000,
};

struct random {
        uint64_t state;
};

static inline uint64_t random_mix(uint64_t x) {
        x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
        x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
        return x ^ (x >> 31);
}

/* The stream of (seed, salt, index): streams with different indices are independent of each other. */
static inline struct random random_stream(uint64_t seed, enum random_salt salt, uint64_t index) {
        uint64_t state = random_mix(seed + 0x9e3779b97f4a7c15ULL);

        state = random_mix(state ^ ((uint64_t)salt + 0x9e3779b97f4a7c15ULL));
        return (struct random){ random_mix(state ^ (index * 0x9e3779b97f4a7c15ULL + 0x632be59bd9b4e019ULL)) };
}

static inline uint64_t random_next(struct random *random) {
        random->state += 0x9e3779b97f4a7c15ULL;
        return random_mix(random->state);
}

/* Uniform in [0, 1), 53 bits. */
static inline double random_uniform(struct random *random) {
        return (double)(random_next(random) >> 11) * 0x1p-53;
}

/* Uniform in 0 … n-1, n > 0 (Lemire's multiply-shift; the bias is below n / 2^64). */
static inline uint64_t random_below(struct random *random, uint64_t n) {
        return (uint64_t)((__extension__(unsigned __int128) random_next(random) * n) >> 64);
}
