/* Progress: the table of how far a stage is. */

#include "proto/progress.h"

#include "common/base/error.h"

static const struct record_field progress_fields[] = {
        RECORD_CHOICE(progress, stage, stage_names, STAGE_N_WORKERS),
        RECORD_INT(progress, done, 0, INT64_MAX),
        RECORD_INT(progress, total, -1, INT64_MAX),
        RECORD_TEXT(progress, unit, NAME),
};

const struct record progress_record = RECORD(progress, progress_fields);

int progress_pack(const struct progress *message, const struct envelope *envelope, struct buffer *frame) {
        return error_trace(envelope_pack(envelope, MESSAGE_PROGRESS, &progress_record, message, frame));
}

int progress_unpack(const struct envelope *envelope, struct progress *ret_message, struct fault *fault) {
        return error_trace(envelope_unpack_body(envelope, MESSAGE_PROGRESS, &progress_record, ret_message, fault));
}

void progress_finish(struct progress *message) {
        if (message)
                *message = (struct progress)PROGRESS_NULL;
}
