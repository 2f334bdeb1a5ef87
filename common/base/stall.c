/* Stall: one slot under a lock. */

#include "common/base/stall.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"

static struct {
        pthread_mutex_t lock;
        const void *owner; /* NULL: nothing is held up */
        int64_t retry_at;
        char reason[STALL_REASON_BYTES];
} slot = { .lock = PTHREAD_MUTEX_INITIALIZER };

void stall_note(const void *owner, int64_t retry_in_ms, const char *format, ...) {
        va_list arguments;

        pthread_mutex_lock(&slot.lock);
        slot.owner = owner;
        slot.retry_at = clock_realtime_ms() + retry_in_ms;
        va_start(arguments, format);
        vsnprintf(slot.reason, sizeof(slot.reason), format, arguments);
        va_end(arguments);
        pthread_mutex_unlock(&slot.lock);
}

void stall_end(const void *owner) {
        pthread_mutex_lock(&slot.lock);
        if (slot.owner == owner)
                slot.owner = NULL;
        pthread_mutex_unlock(&slot.lock);
}

bool stall_get(char ret_reason[STALL_REASON_BYTES], int64_t *ret_retry_at) {
        bool is_stalled;

        pthread_mutex_lock(&slot.lock);
        is_stalled = slot.owner;
        if (is_stalled) {
                memcpy(ret_reason, slot.reason, sizeof(slot.reason));
                *ret_retry_at = slot.retry_at;
        }
        pthread_mutex_unlock(&slot.lock);
        return is_stalled;
}
