#pragma once

/*
 * Back-off: the pause before the next try doubles from the first to the most, with up to a quarter more by chance, so
 * that those who failed together do not return together.
 */

#include <stdint.h>

#include "common/base/random.h"

struct backoff {
        int64_t first_ms;
        int64_t ms_max; /* before the quarter */
        enum random_salt salt;
};

/* The pause in milliseconds after n_failed tries (1 or more) in succession. */
int64_t backoff_pause_ms(const struct backoff *backoff, int64_t n_failed);
