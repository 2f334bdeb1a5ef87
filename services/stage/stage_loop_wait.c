/* Stage loop: what the stage waits for. Whoever asks the gateway should not need a daemon's log to learn it. */

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/stall.h"
#include "common/base/utf8.h"
#include "services/stage/stage_loop_internal.h"

void stage_loop_note_wait(struct stage_loop *loop, const struct spool_message *message, const struct envelope *about,
                          int64_t retry_at, const char *reason) {
        struct stage_wait *wait = &loop->wait;

        if (!reason && wait->number)
                return;
        *wait = (struct stage_wait){ .number = message->number, .attempt = about->attempt, .retry_at = retry_at };
        memcpy(wait->run, about->run, sizeof(wait->run));
        snprintf(wait->reason, sizeof(wait->reason), "%s",
                 reason ? reason : "storage or network, which was away before the stage began anew");
}

void stage_loop_forget_wait(struct stage_loop *loop, const struct spool_message *message) {
        if (loop->wait.number == message->number)
                loop->wait = (struct stage_wait){ 0 };
}

/* A spool that cannot be written stands in the way of everything. */
void stage_loop_tell_wait(const struct stage_loop *loop, struct heartbeat *heartbeat) {
        char reason[STALL_REASON_BYTES];
        int error = loop->pause_ms ? loop->spool_error : courier_storage_error(loop->courier);

        if (error) {
                snprintf(heartbeat->waits_for, sizeof(heartbeat->waits_for), "the spool cannot be used: %s",
                         strerror(-error));
                heartbeat->retry_at = clock_realtime_ms() + STAGE_LOOP_PAUSE_MS;
        } else if (loop->wait.number && !loop->working && !loop->ending) {
                memcpy(heartbeat->waits_for, loop->wait.reason, sizeof(heartbeat->waits_for));
                heartbeat->retry_at = loop->wait.retry_at;
        } else if (loop->working && stall_get(reason, &heartbeat->retry_at)) {
                /* the work itself tries again, for a while */
                utf8_make_fit(reason);
                snprintf(heartbeat->waits_for, sizeof(heartbeat->waits_for), "%s", reason);
        }
}
