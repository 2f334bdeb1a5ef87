#pragma once

/*
 * ingestor_to_validator: raw rows, split
 *
 * The rows of the source as they are, in two datasets that share no row. Both have the columns of the schema, whatever
 * the source had; what it had instead travels as names.
 */

#include "common/data/table.h"
#include "proto/envelope.h"
#include "proto/order.h"

/* columns of each kind that are named, at most */
#define INGESTION_COLUMNS_MAX 32

struct column_name {
        char name[TABLE_NAME_BYTES];
};

struct ingestion {
        struct dataset train;
        struct dataset test;
        int64_t n_rows; /* read from the source: train + test + bad */
        int64_t n_bad;  /* could not be parsed */
        bool has_rejected;
        struct dataset rejected; /* the bad rows with reasons; absent when there are none */

        int64_t n_missing_columns; /* of the schema, that the source has not; the first of them: */
        size_t n_missing;
        struct column_name missing[INGESTION_COLUMNS_MAX];
        int64_t n_new_columns; /* of the source, that the schema does not know; the first of them: */
        size_t n_new;
        struct column_name new[INGESTION_COLUMNS_MAX];
};

struct ingestor_to_validator {
        struct order order;
        struct ingestion ingestion;
};

#define INGESTOR_TO_VALIDATOR_NULL \
        { 0 }

extern const struct record column_name_record;
extern const struct record ingestion_record;

extern const struct record ingestor_to_validator_record;

/* As all messages: pack replaces frame by the whole message, 0 or -ENOMEM; unpack reads the envelope's body, 0, -ENOMEM
 * or FAULT_E_INPUT, and leaves ret_message untouched on failure; finish empties. */
int ingestor_to_validator_pack(const struct ingestor_to_validator *message, const struct envelope *envelope,
                               struct buffer *frame);
int ingestor_to_validator_unpack(const struct envelope *envelope, struct ingestor_to_validator *ret_message,
                                 struct fault *fault);
void ingestor_to_validator_finish(struct ingestor_to_validator *message);
