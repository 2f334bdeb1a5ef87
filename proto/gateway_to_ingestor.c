/* The run request: an order and nothing else. */

#include "proto/gateway_to_ingestor.h"

#include "common/base/error.h"

static const struct record_field gateway_to_ingestor_fields[] = {
        RECORD_MAP(gateway_to_ingestor, order, order),
};

const struct record gateway_to_ingestor_record = RECORD(gateway_to_ingestor, gateway_to_ingestor_fields);

int gateway_to_ingestor_pack(const struct gateway_to_ingestor *message, const struct envelope *envelope,
                             struct buffer *frame) {
        return error_trace(
                envelope_pack(envelope, MESSAGE_GATEWAY_TO_INGESTOR, &gateway_to_ingestor_record, message, frame));
}

int gateway_to_ingestor_unpack(const struct envelope *envelope, struct gateway_to_ingestor *ret_message,
                               struct fault *fault) {
        return error_trace(envelope_unpack_body(envelope, MESSAGE_GATEWAY_TO_INGESTOR, &gateway_to_ingestor_record,
                                                ret_message, fault));
}

void gateway_to_ingestor_finish(struct gateway_to_ingestor *message) {
        if (message)
                *message = (struct gateway_to_ingestor)GATEWAY_TO_INGESTOR_NULL;
}
