#pragma once

/*
 * gateway_to_stage: a command about a run
 *
 * Sent by courier to every stage, and valid even when it arrives before or after what it is about: a cancel leaves a
 * tombstone (run, attempt), both of them the envelope's.
 */

#include "proto/envelope.h"
#include <stdint.h>

enum stage_command {
        STAGE_COMMAND_CANCEL,
        STAGE_COMMAND_N,
};

struct gateway_to_stage {
        enum stage_command command;
};

#define GATEWAY_TO_STAGE_NULL \
        { 0 }

extern const struct record gateway_to_stage_record;

/* As all messages: pack replaces frame by the whole message, 0 or -ENOMEM; unpack reads the envelope's body, 0, -ENOMEM
 * or FAULT_E_INPUT, and leaves ret_message untouched on failure; finish empties. */
int gateway_to_stage_pack(const struct gateway_to_stage *message, const struct envelope *envelope,
                          struct buffer *frame);
int gateway_to_stage_unpack(const struct envelope *envelope, struct gateway_to_stage *ret_message, struct fault *fault);
void gateway_to_stage_finish(struct gateway_to_stage *message);
