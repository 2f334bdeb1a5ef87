#pragma once

/*
 * Rows on their way into a batch
 *
 * What the readers of CSV, ndjson and Arrow have in common: a batch whose columns are the schema's, names matched to
 * them, and rows that cannot be parsed handed to on_reject or refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/data/schema/schema.h"
#include "common/data/table.h"
#include "common/source/source.h"

/* a batch ends early when the text it was read from passes this, so that long fields do not make long batches */
#define SOURCE_BATCH_BYTES (64 * 1024 * 1024)
/* a rejected row's text is cut here */
#define SOURCE_REJECT_BYTES 4096

struct source_rows {
        struct source *super;        /* borrowed: learns of columns */
        const struct schema *schema; /* borrowed */
        char *path;
        int fd;         /* -1: read by other means */
        int64_t n_file; /* bytes behind fd */
        source_on_reject *on_reject;
        void *on_reject_context;
        struct table_builder *builder;
        size_t n_batch;                    /* rows of the batch in hand */
        int64_t n_read;                    /* rows met so far, the rejected ones too */
        bool *has;                         /* of each schema column: the input has it */
        char (*unknown)[TABLE_NAME_BYTES]; /* SOURCE_UNKNOWN_MAX */
};

/* Takes what it needs from options, and fd (-1: none), also on failure; after a failure finish frees what was made. */
int source_rows_init(struct source_rows *rows, struct source *super, const struct source_options *options,
                     const char *path, int fd);
void source_rows_finish(struct source_rows *rows);

/* Starts a batch. */
void source_rows_clear(struct source_rows *rows);

/*
 * Matches n_names names to schema columns: ret_names (as long as the schema) is the name of each schema column, or
 * SCHEMA_NO_VALUE. Remembers and logs what is not known. FAULT_E_INPUT: SOURCE_NO_KNOWN_COLUMN when there is none,
 * SOURCE_DUPLICATE_COLUMN.
 */
int source_rows_match(struct source_rows *rows, const char *(*name)(const void *context, size_t i), const void *context,
                      size_t n_names, size_t *ret_names, struct fault *fault);

/* Remembers that the input has the schema column at that place. */
static inline void source_rows_add_known(struct source_rows *rows, size_t column) {
        rows->has[column] = true;
}

/* Remembers and logs the name of a column that the schema does not know, once. */
void source_rows_add_unknown(struct source_rows *rows, const char *name, size_t n_name);

/* Ends the rows in hand, which have a value in every column. */
void source_rows_end(struct source_rows *rows, size_t n_rows);

/* Undoes the row in hand and hands it to on_reject; without one: FAULT_E_INPUT. Else what on_reject returned; on 0
 * the fault is empty again. */
int source_rows_reject(struct source_rows *rows, struct fault *fault, const char *text, size_t n_bytes);

/* Tells how many rows there will be in all, going by the n_done bytes of the file that held those met so far. */
void source_rows_estimate(struct source_rows *rows, int64_t n_done);

/* True when the batch has enough. */
bool source_rows_is_full(const struct source_rows *rows, int64_t n_bytes);

/* The batch; FAULT_E_INPUT (EMPTY_SOURCE) when it is empty and no row was ever met. */
int source_rows_hand_out(struct source_rows *rows, struct table *ret_batch, struct fault *fault);
