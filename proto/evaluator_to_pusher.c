/* The evaluator's message: the tables of the verdict, and of all that led to it. */

#include "proto/evaluator_to_pusher.h"

#include "common/base/error.h"

static const struct record_field verdict_fields[] = {
        RECORD_BOOL(verdict, accepted),
        RECORD_BOOL(verdict, may_promote),
        RECORD_INT_OR_NONE(verdict, compared_version, 0, INT64_MAX),
        RECORD_LIST(verdict, reasons, reason),
        RECORD_MAP(verdict, candidate, scores),
        RECORD_MAP_OR_NONE(verdict, champion, scores),
        RECORD_MAP(verdict, metrics, blob),
        RECORD_MAP(verdict, golden, blob),
        RECORD_MAP_OR_NONE(verdict, report, blob),
};

const struct record verdict_record = RECORD(verdict, verdict_fields);

static const struct record_field evaluator_to_pusher_fields[] = {
        RECORD_MAP(evaluator_to_pusher, order, order),
        RECORD_MAP(evaluator_to_pusher, ingestion, ingestion),
        RECORD_MAP(evaluator_to_pusher, validation, validation),
        RECORD_MAP(evaluator_to_pusher, transformation, transformation),
        RECORD_MAP(evaluator_to_pusher, candidate, candidate),
        RECORD_MAP(evaluator_to_pusher, verdict, verdict),
};

const struct record evaluator_to_pusher_record = RECORD(evaluator_to_pusher, evaluator_to_pusher_fields);

int evaluator_to_pusher_pack(const struct evaluator_to_pusher *message, const struct envelope *envelope,
                             struct buffer *frame) {
        return error_trace(
                envelope_pack(envelope, MESSAGE_EVALUATOR_TO_PUSHER, &evaluator_to_pusher_record, message, frame));
}

int evaluator_to_pusher_unpack(const struct envelope *envelope, struct evaluator_to_pusher *ret_message,
                               struct fault *fault) {
        return error_trace(envelope_unpack_body(envelope, MESSAGE_EVALUATOR_TO_PUSHER, &evaluator_to_pusher_record,
                                                ret_message, fault));
}

void evaluator_to_pusher_finish(struct evaluator_to_pusher *message) {
        if (message)
                *message = (struct evaluator_to_pusher)EVALUATOR_TO_PUSHER_NULL;
}
