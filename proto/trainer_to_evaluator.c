/* The trainer's message: the tables of the candidate and of its decision threshold. */

#include "proto/trainer_to_evaluator.h"

#include <math.h>

#include "common/base/error.h"

static const char *const methods[THRESHOLD_N_METHODS] = {
        [THRESHOLD_METHOD_EXPECTED_F1] = "expected_f1",
        [THRESHOLD_METHOD_EMPIRICAL_F1] = "empirical_f1",
        [THRESHOLD_METHOD_FIXED] = "fixed",
};

static const struct record_field decision_fields[] = {
        RECORD_CHOICE(decision, method, methods, THRESHOLD_N_METHODS),
        RECORD_DOUBLE(decision, probability, 0, 1),
        RECORD_FLOAT(decision, margin),
};

const struct record decision_record = RECORD(decision, decision_fields);

static const struct record_field candidate_fields[] = {
        RECORD_MAP(candidate, model, blob),
        RECORD_INT(candidate, n_rounds, 1, INT32_MAX),
        RECORD_INT(candidate, n_trained, 1, INT32_MAX),
        RECORD_DOUBLE_OR_NONE(candidate, logloss, 0, HUGE_VAL),
        RECORD_MAP(candidate, decision, decision),
        RECORD_INT(candidate, booster_ms, 0, INT64_MAX),
        RECORD_TEXT(candidate, xgboost, ANY),
};

const struct record candidate_record = RECORD(candidate, candidate_fields);

static const struct record_field trainer_to_evaluator_fields[] = {
        RECORD_MAP(trainer_to_evaluator, order, order),
        RECORD_MAP(trainer_to_evaluator, ingestion, ingestion),
        RECORD_MAP(trainer_to_evaluator, validation, validation),
        RECORD_MAP(trainer_to_evaluator, transformation, transformation),
        RECORD_MAP(trainer_to_evaluator, candidate, candidate),
};

const struct record trainer_to_evaluator_record = RECORD(trainer_to_evaluator, trainer_to_evaluator_fields);

int trainer_to_evaluator_pack(const struct trainer_to_evaluator *message, const struct envelope *envelope,
                              struct buffer *frame) {
        return error_trace(
                envelope_pack(envelope, MESSAGE_TRAINER_TO_EVALUATOR, &trainer_to_evaluator_record, message, frame));
}

int trainer_to_evaluator_unpack(const struct envelope *envelope, struct trainer_to_evaluator *ret_message,
                                struct fault *fault) {
        return error_trace(envelope_unpack_body(envelope, MESSAGE_TRAINER_TO_EVALUATOR, &trainer_to_evaluator_record,
                                                ret_message, fault));
}

void trainer_to_evaluator_finish(struct trainer_to_evaluator *message) {
        if (message)
                *message = (struct trainer_to_evaluator)TRAINER_TO_EVALUATOR_NULL;
}
