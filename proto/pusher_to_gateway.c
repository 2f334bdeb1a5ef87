/* The release: the table of what came of the candidate, told where it can be served. */

#include "proto/pusher_to_gateway.h"

#include "common/base/error.h"

static const struct record_field pusher_to_gateway_fields[] = {
        RECORD_TEXT(pusher_to_gateway, model, NAME),
        RECORD_BOOL(pusher_to_gateway, accepted),
        RECORD_BOOL(pusher_to_gateway, promoted),
        RECORD_INT_OR_NONE(pusher_to_gateway, version, 0, INT64_MAX),
        RECORD_TEXT_OR_NONE(pusher_to_gateway, manifest, SHA256),
        RECORD_INT_OR_NONE(pusher_to_gateway, alias_sequence, 0, INT64_MAX),
        RECORD_LIST(pusher_to_gateway, reasons, reason),
        RECORD_MAP(pusher_to_gateway, candidate, scores),
        RECORD_MAP_OR_NONE(pusher_to_gateway, champion, scores),
};

const struct record pusher_to_gateway_record = RECORD(pusher_to_gateway, pusher_to_gateway_fields);

int pusher_to_gateway_pack(const struct pusher_to_gateway *message, const struct envelope *envelope,
                           struct buffer *frame) {
        return error_trace(
                envelope_pack(envelope, MESSAGE_PUSHER_TO_GATEWAY, &pusher_to_gateway_record, message, frame));
}

int pusher_to_gateway_unpack(const struct envelope *envelope, struct pusher_to_gateway *ret_message,
                             struct fault *fault) {
        return error_trace(envelope_unpack_body(envelope, MESSAGE_PUSHER_TO_GATEWAY, &pusher_to_gateway_record,
                                                ret_message, fault));
}

void pusher_to_gateway_finish(struct pusher_to_gateway *message) {
        if (message)
                *message = (struct pusher_to_gateway)PUSHER_TO_GATEWAY_NULL;
}
