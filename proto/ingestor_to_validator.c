/* The ingestor's message: the tables of the datasets, and of the columns that the source had. */

#include "proto/ingestor_to_validator.h"

#include "common/base/error.h"

static const struct record_field column_name_fields[] = {
        RECORD_TEXT(column_name, name, ANY),
};

const struct record column_name_record = RECORD(column_name, column_name_fields);

static const struct record_field ingestion_fields[] = {
        RECORD_MAP(ingestion, train, dataset),
        RECORD_MAP(ingestion, test, dataset),
        RECORD_INT(ingestion, n_rows, 0, INT64_MAX),
        RECORD_INT(ingestion, n_bad, 0, INT64_MAX),
        RECORD_MAP_OR_NONE(ingestion, rejected, dataset),
        RECORD_INT(ingestion, n_missing_columns, 0, INT64_MAX),
        RECORD_LIST(ingestion, missing, column_name),
        RECORD_INT(ingestion, n_new_columns, 0, INT64_MAX),
        RECORD_LIST(ingestion, new, column_name),
};

const struct record ingestion_record = RECORD(ingestion, ingestion_fields);

static const struct record_field ingestor_to_validator_fields[] = {
        RECORD_MAP(ingestor_to_validator, order, order),
        RECORD_MAP(ingestor_to_validator, ingestion, ingestion),
};

const struct record ingestor_to_validator_record = RECORD(ingestor_to_validator, ingestor_to_validator_fields);

int ingestor_to_validator_pack(const struct ingestor_to_validator *message, const struct envelope *envelope,
                               struct buffer *frame) {
        return error_trace(
                envelope_pack(envelope, MESSAGE_INGESTOR_TO_VALIDATOR, &ingestor_to_validator_record, message, frame));
}

int ingestor_to_validator_unpack(const struct envelope *envelope, struct ingestor_to_validator *ret_message,
                                 struct fault *fault) {
        return error_trace(envelope_unpack_body(envelope, MESSAGE_INGESTOR_TO_VALIDATOR, &ingestor_to_validator_record,
                                                ret_message, fault));
}

void ingestor_to_validator_finish(struct ingestor_to_validator *message) {
        if (message)
                *message = (struct ingestor_to_validator)INGESTOR_TO_VALIDATOR_NULL;
}
