#pragma once

/*
 * Examine
 *
 * The validator's work: checks train and test against the schema's rules for TRAINING (validate.h), train also against
 * the champion's training data, and writes down what both are like. Pure: structs in, structs out; the same rows give
 * the same bytes, whatever the number of threads.
 *
 * Keys are dealt to train or test by their hash, so two rows of one key are always in the same set, and looking in each
 * is looking in both.
 *
 * The report:
 *      {"report":1,"schema":"<sha256>","valid":false,"errors":2,"warnings":1,"baseline":"<sha256>",
 *       "train":{"validation": as validate_put_json(),"statistics": as validate_put_statistics()},
 *       "test":{…}}
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/data/schema/schema.h"
#include "common/data/statistics/baseline.h"
#include "common/data/table.h"
#include "common/data/validate/validate.h"
#include "proto/stage_to_gateway.h"

enum {
        EXAMINE_E_CANCELED = FAULT_E_INPUT + 1,
};

/* All borrowed for the call. */
struct examine_input {
        const struct schema *schema;
        const struct table *train;
        size_t n_train;
        const struct table *test;
        size_t n_test;
        struct validate_columns columns; /* of the source; told once, of train */
        const struct baseline *baseline; /* of the champion; NULL: drift is not looked for */
        const char *baseline_digest;     /* its file's SHA-256, for the report; NULL: none */

        /* Called now and then; anything but 0 ends it with EXAMINE_E_CANCELED. May be NULL. */
        int (*on_rows)(void *context, int64_t n_done, int64_t n_total);
        void *context;
};

struct examination {
        bool is_valid;
        struct fault fault; /* the first error, when not valid: its file is "train.arrow" or "test.arrow", and
                                    "" where it is one of the source's columns */
        int64_t n_errors;
        int64_t n_warnings;
        int64_t n_drifted; /* features that moved away from the baseline */
        size_t n_farthest; /* … that are named here, the farthest first */
        struct drifted_column farthest[STAGE_TO_GATEWAY_DRIFTED_MAX];
        struct buffer report;    /* JSON */
        struct buffer anomalies; /* all findings of it in short, JSON on one line:
                                    [{"dataset","column","code","severity","rows","message"}] */
        struct buffer warnings;  /* the first warnings as text, "train Age: message; test …"; empty: none */
        struct buffer baseline;  /* baseline.json of train */
};

#define EXAMINATION_NULL \
        { .fault = FAULT_NULL }

/* 0, valid or not; EXAMINE_E_CANCELED; or a negative errno. */
int examine(const struct examine_input *input, struct examination *ret_examination);
void examination_finish(struct examination *examination);
