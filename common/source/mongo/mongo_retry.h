#pragma once

/*
 * Mongo retry: how often, and how long after each other. mongo_judge.h tells which failures are worth it.
 */

#include "common/base/backoff.h"

/* Tries without a document between them before a server counts as away, and the pauses between them: some 25 seconds in
 * all. */
#define MONGO_TRIES 10
#define MONGO_PAUSE_FIRST_MS 100
#define MONGO_PAUSE_MS_MAX 5000

/* The pause in milliseconds before the next try, after n_failed of them (1 or more) in succession. */
static inline int64_t mongo_retry_pause_ms(int64_t n_failed) {
        static const struct backoff backoff = { MONGO_PAUSE_FIRST_MS, MONGO_PAUSE_MS_MAX, RANDOM_SALT_MONGO };

        return backoff_pause_ms(&backoff, n_failed);
}
