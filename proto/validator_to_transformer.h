#pragma once

/*
 * validator_to_transformer: rows that keep the schema
 *
 * The datasets were found good; report and baseline say what they are like.
 */

#include "proto/envelope.h"
#include "proto/ingestor_to_validator.h"

struct validation {
        struct blob report;   /* JSON: statistics of every column, every anomaly */
        struct blob baseline; /* baseline.json: the train rows' histograms, against which later runs are judged */
        int64_t n_warnings;   /* anomalies that did not end the run */
};

struct validator_to_transformer {
        struct order order;
        struct ingestion ingestion;
        struct validation validation;
};

#define VALIDATOR_TO_TRANSFORMER_NULL \
        { 0 }

extern const struct record validation_record;

extern const struct record validator_to_transformer_record;

/* As all messages: pack replaces frame by the whole message, 0 or -ENOMEM; unpack reads the envelope's body, 0, -ENOMEM
 * or FAULT_E_INPUT, and leaves ret_message untouched on failure; finish empties. */
int validator_to_transformer_pack(const struct validator_to_transformer *message, const struct envelope *envelope,
                                  struct buffer *frame);
int validator_to_transformer_unpack(const struct envelope *envelope, struct validator_to_transformer *ret_message,
                                    struct fault *fault);
void validator_to_transformer_finish(struct validator_to_transformer *message);
