/* The gateway's commands: one word each. */

#include "proto/gateway_to_stage.h"

#include "common/base/error.h"

static const char *const commands[STAGE_COMMAND_N] = {
        [STAGE_COMMAND_CANCEL] = "cancel",
};

static const struct record_field gateway_to_stage_fields[] = {
        RECORD_CHOICE(gateway_to_stage, command, commands, STAGE_COMMAND_N),
};

const struct record gateway_to_stage_record = RECORD(gateway_to_stage, gateway_to_stage_fields);

int gateway_to_stage_pack(const struct gateway_to_stage *message, const struct envelope *envelope,
                          struct buffer *frame) {
        return error_trace(envelope_pack(envelope, MESSAGE_GATEWAY_TO_STAGE, &gateway_to_stage_record, message, frame));
}

int gateway_to_stage_unpack(const struct envelope *envelope, struct gateway_to_stage *ret_message,
                            struct fault *fault) {
        return error_trace(
                envelope_unpack_body(envelope, MESSAGE_GATEWAY_TO_STAGE, &gateway_to_stage_record, ret_message, fault));
}

void gateway_to_stage_finish(struct gateway_to_stage *message) {
        if (message)
                *message = (struct gateway_to_stage)GATEWAY_TO_STAGE_NULL;
}
