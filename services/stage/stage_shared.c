/* Shared between the threads: the cancel is one atomic, so that neither asking nor passing the point of no return
 * waits; progress lies behind the lock. */

#include "services/stage/stage_shared.h"

#include "common/base/clock.h"

void stage_shared_init(struct stage_shared *shared, enum stage stage, struct courier *courier) {
        *shared = (struct stage_shared){ .stage = stage, .courier = courier };
        pthread_mutex_init(&shared->lock, NULL);
}

void stage_shared_finish(struct stage_shared *shared) {
        pthread_mutex_destroy(&shared->lock);
}

void stage_shared_reset(struct stage_shared *shared, bool is_canceled) {
        atomic_store(&shared->cancel, is_canceled ? STAGE_CANCEL_ASKED : STAGE_CANCEL_OPEN);
        pthread_mutex_lock(&shared->lock);
        shared->has_progress = false;
        shared->has_begun = false;
        shared->told_ms = 0;
        pthread_mutex_unlock(&shared->lock);
}

void stage_shared_cancel(struct stage_shared *shared) {
        int open = STAGE_CANCEL_OPEN;

        atomic_compare_exchange_strong(&shared->cancel, &open, STAGE_CANCEL_ASKED);
}

bool stage_shared_take_progress(struct stage_shared *shared, bool is_last, struct progress *ret_progress) {
        int64_t now = clock_monotonic_ms();
        bool is_due;

        pthread_mutex_lock(&shared->lock);
        is_due = shared->has_progress && (is_last || now - shared->told_ms >= STAGE_PROGRESS_MS);
        if (is_due) {
                *ret_progress = shared->progress;
                shared->has_progress = false;
                shared->told_ms = now;
        }
        pthread_mutex_unlock(&shared->lock);
        return is_due;
}
