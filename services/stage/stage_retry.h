#pragma once

/*
 * Retry later: which failures pass by themselves, and how long to wait.
 */

#include <stdbool.h>
#include <stdint.h>

/* the pause doubles from the first to the most, with up to a quarter more by chance */
#define STAGE_RETRY_FIRST_MS 250
#define STAGE_RETRY_MOST_MS 60000
/* a message that was put off first so long ago is given up */
#define STAGE_RETRY_LIMIT_MS (INT64_C(24) * 60 * 60 * 1000)

/* True for failures of storage, network or memory, which may be over later; false for those that are a bug's. */
bool stage_retry_is_worthwhile(int error);

/* The pause before the next try, after so many that failed. */
int64_t stage_retry_pause_ms(int64_t n_failed);
