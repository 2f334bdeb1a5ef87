#pragma once

/*
 * trainer_to_evaluator: a candidate
 *
 * A model and the margin from which its answer is yes, both chosen without a look at the test rows.
 */

#include "common/model/threshold.h"
#include "proto/envelope.h"
#include "proto/transformer_to_trainer.h"

struct decision {
        enum threshold_method method;
        double probability; /* of the margin, for people */
        float margin;       /* a row is positive when its margin is at or above */
};

struct candidate {
        struct blob model; /* model.ubj, cut to the rounds that count */
        int64_t n_rounds;  /* in the model */
        int64_t n_trained; /* before early stopping ended it */
        double logloss;    /* on the slice after n_rounds; NaN when it was not watched */
        struct decision decision;
        int64_t booster_ms; /* inside libxgboost */
        char xgboost[32];   /* its version */
};

struct trainer_to_evaluator {
        struct order order;
        struct ingestion ingestion;
        struct validation validation;
        struct transformation transformation;
        struct candidate candidate;
};

#define TRAINER_TO_EVALUATOR_NULL \
        { 0 }

extern const struct record candidate_record;
extern const struct record decision_record;

extern const struct record trainer_to_evaluator_record;

/* As all messages: pack replaces frame by the whole message, 0 or -ENOMEM; unpack reads the envelope's body, 0, -ENOMEM
 * or FAULT_E_INPUT, and leaves ret_message untouched on failure; finish empties. */
int trainer_to_evaluator_pack(const struct trainer_to_evaluator *message, const struct envelope *envelope,
                              struct buffer *frame);
int trainer_to_evaluator_unpack(const struct envelope *envelope, struct trainer_to_evaluator *ret_message,
                                struct fault *fault);
void trainer_to_evaluator_finish(struct trainer_to_evaluator *message);
