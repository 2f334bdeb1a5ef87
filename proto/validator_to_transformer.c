/* The validator's message: the table of report and baseline. */

#include "proto/validator_to_transformer.h"

#include "common/base/error.h"

static const struct record_field validation_fields[] = {
        RECORD_MAP(validation, report, blob),
        RECORD_MAP(validation, baseline, blob),
        RECORD_INT(validation, n_warnings, 0, INT64_MAX),
};

const struct record validation_record = RECORD(validation, validation_fields);

static const struct record_field validator_to_transformer_fields[] = {
        RECORD_MAP(validator_to_transformer, order, order),
        RECORD_MAP(validator_to_transformer, ingestion, ingestion),
        RECORD_MAP(validator_to_transformer, validation, validation),
};

const struct record validator_to_transformer_record = RECORD(validator_to_transformer, validator_to_transformer_fields);

int validator_to_transformer_pack(const struct validator_to_transformer *message, const struct envelope *envelope,
                                  struct buffer *frame) {
        return error_trace(envelope_pack(envelope, MESSAGE_VALIDATOR_TO_TRANSFORMER, &validator_to_transformer_record,
                                         message, frame));
}

int validator_to_transformer_unpack(const struct envelope *envelope, struct validator_to_transformer *ret_message,
                                    struct fault *fault) {
        return error_trace(envelope_unpack_body(envelope, MESSAGE_VALIDATOR_TO_TRANSFORMER,
                                                &validator_to_transformer_record, ret_message, fault));
}

void validator_to_transformer_finish(struct validator_to_transformer *message) {
        if (message)
                *message = (struct validator_to_transformer)VALIDATOR_TO_TRANSFORMER_NULL;
}
