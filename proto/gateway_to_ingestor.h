#pragma once

/*
 * gateway_to_ingestor: a run request
 *
 * What the gateway recorded before it answered 202.
 */

#include "proto/envelope.h"
#include "proto/order.h"

struct gateway_to_ingestor {
        struct order order;
};

#define GATEWAY_TO_INGESTOR_NULL \
        { 0 }

extern const struct record gateway_to_ingestor_record;

/* As all messages: pack replaces frame by the whole message, 0 or -ENOMEM; unpack reads the envelope's body, 0, -ENOMEM
 * or FAULT_E_INPUT, and leaves ret_message untouched on failure; finish empties. */
int gateway_to_ingestor_pack(const struct gateway_to_ingestor *message, const struct envelope *envelope,
                             struct buffer *frame);
int gateway_to_ingestor_unpack(const struct envelope *envelope, struct gateway_to_ingestor *ret_message,
                               struct fault *fault);
void gateway_to_ingestor_finish(struct gateway_to_ingestor *message);
