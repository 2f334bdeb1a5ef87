/* Back-off: doubling pauses with a share of chance. */

#include "common/base/backoff.h"

#include "common/base/clock.h"

int64_t backoff_pause_ms(const struct backoff *backoff, int64_t n_failed) {
        struct random chance = random_stream((uint64_t)clock_monotonic_ns(), backoff->salt, (uint64_t)n_failed);
        int64_t pause = backoff->first_ms;

        for (int64_t i = 1; i < n_failed && pause < backoff->ms_max; i++)
                pause *= 2;
        if (pause > backoff->ms_max)
                pause = backoff->ms_max;
        return pause + (int64_t)random_below(&chance, (uint64_t)pause / 4 + 1);
}
