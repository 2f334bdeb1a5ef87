/* The transformer's message: the table of matrix and transform. */

#include "proto/transformer_to_trainer.h"

#include "common/base/error.h"

static const struct record_field transformation_fields[] = {
        RECORD_MAP(transformation, matrix, blob),
        RECORD_MAP(transformation, transform, blob),
        RECORD_INT(transformation, n_features, 1, INT32_MAX),
        RECORD_INT(transformation, n_train_rows, 0, INT64_MAX),
        RECORD_INT(transformation, n_slice_rows, 0, INT64_MAX),
};

const struct record transformation_record = RECORD(transformation, transformation_fields);

static const struct record_field transformer_to_trainer_fields[] = {
        RECORD_MAP(transformer_to_trainer, order, order),
        RECORD_MAP(transformer_to_trainer, ingestion, ingestion),
        RECORD_MAP(transformer_to_trainer, validation, validation),
        RECORD_MAP(transformer_to_trainer, transformation, transformation),
};

const struct record transformer_to_trainer_record = RECORD(transformer_to_trainer, transformer_to_trainer_fields);

int transformer_to_trainer_pack(const struct transformer_to_trainer *message, const struct envelope *envelope,
                                struct buffer *frame) {
        return error_trace(envelope_pack(envelope, MESSAGE_TRANSFORMER_TO_TRAINER, &transformer_to_trainer_record,
                                         message, frame));
}

int transformer_to_trainer_unpack(const struct envelope *envelope, struct transformer_to_trainer *ret_message,
                                  struct fault *fault) {
        return error_trace(envelope_unpack_body(envelope, MESSAGE_TRANSFORMER_TO_TRAINER,
                                                &transformer_to_trainer_record, ret_message, fault));
}

void transformer_to_trainer_finish(struct transformer_to_trainer *message) {
        if (message)
                *message = (struct transformer_to_trainer)TRANSFORMER_TO_TRAINER_NULL;
}
