#pragma once

/*
 * ingestor_to_validator: raw rows, split
 *
 * The rows of the source as they are, in two datasets that share no row.
 */

#include "proto/envelope.h"
#include "proto/order.h"

struct ingestion {
        struct dataset train;
        struct dataset test;
        int64_t n_rows; /* read from the source: train + test + bad */
        int64_t n_bad;  /* could not be parsed */
        bool has_rejected;
        struct dataset rejected; /* the bad rows with reasons; absent when there are none */
};

struct ingestor_to_validator {
        struct order order;
        struct ingestion ingestion;
};

#define INGESTOR_TO_VALIDATOR_NULL \
        { 0 }

extern const struct record ingestion_record;

extern const struct record ingestor_to_validator_record;

/* As all messages: pack replaces frame by the whole message, 0 or -ENOMEM; unpack reads the envelope's body, 0, -ENOMEM
 * or FAULT_E_INPUT, and leaves ret_message untouched on failure; finish empties. */
int ingestor_to_validator_pack(const struct ingestor_to_validator *message, const struct envelope *envelope,
                               struct buffer *frame);
int ingestor_to_validator_unpack(const struct envelope *envelope, struct ingestor_to_validator *ret_message,
                                 struct fault *fault);
void ingestor_to_validator_finish(struct ingestor_to_validator *message);
