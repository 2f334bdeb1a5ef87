#pragma once

/*
 * Ingest
 *
 * The ingestor's work: reads a source to its end, deals its rows to train and test by the hash of their key (split.h),
 * and stores both as Arrow files. The same rows in the same order give the same bytes, however the source cuts its
 * batches and whatever the number of threads. Memory is bounded by a few record batches.
 *
 * Where the schema declares no key, the row's content stands for it (split.h), so that equal rows fall to
 * the same side.
 *
 * Columns that the source lacks, and those that the schema does not know, are named in the ingestion; they change
 * nothing in the datasets.
 *
 * A row that cannot be read, or that has no key, ends the run while max_bad_fraction is 0. Above, such rows are set
 * aside in a dataset of their own, with reasons, and the run fails only when their share of all rows is greater.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/data/schema/schema.h"
#include "common/store/store.h"
#include "proto/ingestor_to_validator.h"

enum {
        INGEST_E_CANCELED = FAULT_E_INPUT + 1,
};

/* All borrowed for the call. */
struct ingest_input {
        const struct parameters *parameters;
        const struct schema *schema;
        const char *source_uri; /* as source_open() takes it, as the next two */
        const char *database;
        const char *collection;
        const char *pipeline_folder; /* of generator.yaml */
        struct store *store;

        /* Called between batches and while a network is waited for, from the caller's thread; both may be NULL. n_total
         * is -1 while it is unknown. */
        bool (*is_canceled)(void *context);
        void (*on_progress)(void *context, int64_t n_done, int64_t n_total);
        void *context;
};

/*
 * 0; INGEST_E_CANCELED; a negative errno; or FAULT_E_INPUT with the place:
 *      EMPTY_SOURCE            there are no rows, or none that can be read
 *      BAD_ROWS_TOO_MANY       more than max_bad_fraction of them; names the first one
 *      KEY_MISSING             a row without a key, when max_bad_fraction is 0
 *      SCHEMA_MISSING_COLUMN   the same, where no row so far has the column at all
 *      SOURCE_*, CSV_*, JSON_*, ARROW_*, FILE_*, an anomaly's code, …   what the source says (source.h)
 */
int ingest(const struct ingest_input *input, struct ingestion *ret_ingestion, struct fault *fault);
