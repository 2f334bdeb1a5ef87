#pragma once

/*
 * Retry later: which failures pass by themselves, how long to wait, and when to give up.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/fault.h"

/* the pause doubles from the first to the most, with up to a quarter more by chance */
#define STAGE_RETRY_FIRST_MS 250
#define STAGE_RETRY_MS_MAX 60000
/* a message that has waited for so long, its pauses taken together, is given up */
#define STAGE_RETRY_LIMIT_MS (INT64_C(24) * 60 * 60 * 1000)
/* and one that this machine is too small for after so many times in succession, some four seconds */
#define STAGE_RETRY_FEW 4

enum stage_retry {
        STAGE_RETRY_NEVER,  /* a bug's, which no waiting mends */
        STAGE_RETRY_SHORT,  /* this machine is short of memory or files: another process may let go, or nobody will */
        STAGE_RETRY_PATIENT /* storage or network are away, and somebody will see to it */
};

/* What is to be done about a failure. */
enum stage_retry stage_retry_kind(int error);

/* The pause before the next try of what was put off n_deferrals times before and failed again. */
int64_t stage_retry_pause_ms(int64_t n_deferrals);

/* Whether a message that was put off n_deferrals times in succession for the same kind of failure, that has waited for
 * waited_ms in all, and that failed again with this error is to be given up: then ret_reason says so, with
 * STORE_UNAVAILABLE, OUT_OF_MEMORY or OUT_OF_FILES. */
bool stage_retry_is_over(int error, int64_t n_deferrals, int64_t waited_ms, struct fault *ret_reason);
