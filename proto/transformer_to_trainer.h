#pragma once

/*
 * transformer_to_trainer: numbers to learn from
 *
 * The train matrix and the transform that was fitted on the train rows; the raw datasets are carried on.
 */

#include "proto/envelope.h"
#include "proto/validator_to_transformer.h"

struct transformation {
        struct blob matrix;    /* Arrow: float32 features, NaN = missing, then the label */
        struct blob transform; /* transform.json */
        int64_t n_features;
        int64_t n_train_rows; /* of the matrix, to learn from */
        int64_t n_slice_rows; /* of the matrix, for early stopping and the threshold */
};

struct transformer_to_trainer {
        struct order order;
        struct ingestion ingestion;
        struct validation validation;
        struct transformation transformation;
};

#define TRANSFORMER_TO_TRAINER_NULL \
        { 0 }

extern const struct record transformation_record;

extern const struct record transformer_to_trainer_record;

/* As all messages: pack replaces frame by the whole message, 0 or -ENOMEM; unpack reads the envelope's body, 0, -ENOMEM
 * or FAULT_E_INPUT, and leaves ret_message untouched on failure; finish empties. */
int transformer_to_trainer_pack(const struct transformer_to_trainer *message, const struct envelope *envelope,
                                struct buffer *frame);
int transformer_to_trainer_unpack(const struct envelope *envelope, struct transformer_to_trainer *ret_message,
                                  struct fault *fault);
void transformer_to_trainer_finish(struct transformer_to_trainer *message);
