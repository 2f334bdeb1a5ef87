#pragma once

/* What the ingestor would have sent, and ids of runs. */

#include "proto/ingestor_to_validator.h"
#include "proto/pipeline.h"
#include "proto/validator_to_transformer.h"
#include "tests/stage/stage_fixture.h"

#define RUN_A "01890a5d-ac96-774b-bcce-b302099a8057"
#define RUN_B "01890a5d-ac96-774b-bcce-b302099a8058"
#define RUN_C "01890a5d-ac96-774b-bcce-b302099a8059"

/* Names of nothing that is stored: the fake stage does not look. rows tells one input from another. */
static inline void sample_fill(struct fixture *fixture, int64_t n_rows, struct ingestor_to_validator *ret_message) {
        static struct pipeline pipeline;
        struct fault fault = FAULT_NULL;
        struct ingestion *ingestion = &ret_message->ingestion;

        assert_int_equal(pipeline_load(fixture->scratch->folder, &pipeline, &fault), 0);
        memset(ret_message, 0, sizeof(*ret_message));
        ret_message->order.parameters = pipeline.parameters;
        ret_message->order.schema.n_bytes = 1;
        memset(ret_message->order.schema.sha256, 'a', DIGEST_SHA256_BYTES - 1);
        strcpy(ret_message->order.cause, "test");
        ingestion->n_rows = n_rows;
        ingestion->train.n_rows = n_rows;
        assert_int_equal(digest_sha256(&n_rows, sizeof(n_rows), ingestion->train.sha256), 0);
        memset(ingestion->train.content, 'b', DIGEST_CONTENT_BYTES - 1);
        ingestion->test = ingestion->train;
}

static inline void sample_post(struct fixture *fixture, const char *run, int64_t attempt, int64_t n_rows) {
        static struct ingestor_to_validator message;

        sample_fill(fixture, n_rows, &message);
        fixture_post(fixture, MESSAGE_INGESTOR_TO_VALIDATOR, run, attempt, &message);
}
