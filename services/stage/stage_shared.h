#pragma once

/*
 * Stage, shared: the little that both threads of a stage touch while work goes on.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/bus/courier.h"
#include "proto/progress.h"

/* progress is sent to the gateway at most once in this time */
#define STAGE_PROGRESS_MS 100

enum stage_cancel {
        STAGE_CANCEL_OPEN,
        STAGE_CANCEL_ASKED,
        STAGE_CANCEL_PASSED, /* beyond the point of no return */
};

struct stage_shared {
        enum stage stage;
        struct courier *courier; /* borrowed, to wake the io thread */
        _Atomic int cancel;      /* enum stage_cancel */
        _Atomic bool is_stopping;

        pthread_mutex_t lock; /* of what follows */
        struct progress progress;
        bool has_progress; /* that the gateway has not heard */
        bool has_begun;    /* progress was told since the last reset */
        int64_t told_ms;   /* monotonic, when the io thread was woken for it last */
};

void stage_shared_init(struct stage_shared *shared, enum stage stage, struct courier *courier);
void stage_shared_finish(struct stage_shared *shared);

/* Before a run's work begins. */
void stage_shared_reset(struct stage_shared *shared, bool is_canceled);

/* Asks the work to end CANCELED, unless it is beyond the point of no return. */
void stage_shared_cancel(struct stage_shared *shared);

/* True, and the progress stored, when there is some to be told: with is_last any that was not told, else only when some
 * time has gone by since the last. */
bool stage_shared_take_progress(struct stage_shared *shared, bool is_last, struct progress *ret_progress);
