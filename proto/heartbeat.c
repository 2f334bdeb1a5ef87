/* The heartbeat: who lives, since when, what lies in its spool, and what it waits for. */

#include "proto/heartbeat.h"

#include "common/base/error.h"

static const char *const states[HEARTBEAT_N] = {
        [HEARTBEAT_IDLE] = "idle",
        [HEARTBEAT_WORKING] = "working",
};

static const struct record_field heartbeat_fields[] = {
        RECORD_CHOICE(heartbeat, stage, stage_names, STAGE_N_WORKERS),
        RECORD_CHOICE(heartbeat, state, states, HEARTBEAT_N),
        RECORD_INT(heartbeat, pid, 1, INT32_MAX),
        RECORD_TIME(heartbeat, started_at),
        RECORD_INT(heartbeat, n_handled, 0, INT64_MAX),
        RECORD_INT(heartbeat, n_rejected, 0, INT64_MAX),
        RECORD_INT(heartbeat, n_dead, 0, INT64_MAX),
        RECORD_INT(heartbeat, n_inbox, 0, INT64_MAX),
        RECORD_INT(heartbeat, n_outbox, 0, INT64_MAX),
        RECORD_TEXT_OR_NONE(heartbeat, waits_for, ANY),
        RECORD_TIME(heartbeat, retry_at),
};

const struct record heartbeat_record = RECORD(heartbeat, heartbeat_fields);

int heartbeat_pack(const struct heartbeat *message, const struct envelope *envelope, struct buffer *frame) {
        return error_trace(envelope_pack(envelope, MESSAGE_HEARTBEAT, &heartbeat_record, message, frame));
}

int heartbeat_unpack(const struct envelope *envelope, struct heartbeat *ret_message, struct fault *fault) {
        return error_trace(envelope_unpack_body(envelope, MESSAGE_HEARTBEAT, &heartbeat_record, ret_message, fault));
}

void heartbeat_finish(struct heartbeat *message) {
        if (message)
                *message = (struct heartbeat)HEARTBEAT_NULL;
}
