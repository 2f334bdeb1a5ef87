#pragma once

/*
 * Source
 *
 * Where rows come from: a URI chosen by the operator's configuration.
 *
 *   generate:rows=N,seed=S     synthetic rows from the pipeline's generator.yaml
 *   file://PATH                CSV, ndjson or Arrow IPC (file or stream), told apart by content, then by name
 *   mongodb://…, mongodb+srv://…   the documents of a collection, in the order of their _id
 *
 * A source hands out batches of at most TABLE_BATCH_ROWS rows whose columns are the schema's, in the schema's order and
 * types, whatever order and types the input has. Memory is bounded by one batch. Columns that the schema does not know
 * are not handed out, and a schema column that the input lacks is a column of missing values; both are reported, for
 * the validator to judge.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/data/schema/schema.h"
#include "common/data/table.h"

/* unknown columns that are counted and remembered by name, at most: no table has more */
#define SOURCE_UNKNOWN_MAX TABLE_COLUMNS_MAX

/* room for source_place(), its end included */
#define SOURCE_PLACE_BYTES 1024
/* how long a server may take, when somebody only wants to look */
#define SOURCE_LOOK_MS 4000

struct source;

/* Why a row was set aside: what was wrong, where, and the row's own text (cut at 4 KiB). */
typedef int source_on_reject(void *context, const struct fault *fault, const char *text, size_t n_bytes);

struct source_options {
        const char *uri;             /* borrowed for the call */
        const char *pipeline_path;   /* folder of generator.yaml, borrowed for the call */
        const struct schema *schema; /* borrowed for the life of the source */
        const char *database;        /* of MongoDB, borrowed for the call; NULL or "": the one in the URI's path */
        const char *collection;      /* of MongoDB, borrowed for the call */
        int64_t n_look; /* not 0: no more than so many rows are wanted, and soon. What lies on a network is then waited
                         * for SOURCE_LOOK_MS at most and asked once; a file may give more */
        source_on_reject *on_reject; /* called for a row that cannot be parsed; NULL: such a row is a fault */
        void *on_reject_context;
        bool (*is_canceled)(void *context); /* asked while the source waits for a network, or NULL */
        void *is_canceled_context;
};

/* The operations of one kind of source; `super` stands first in each kind's own struct. */
struct source_kind {
        int (*read)(struct source *source, struct table *ret_batch, struct fault *fault);
        void (*destroy)(struct source *source);
};

struct source {
        const struct source_kind *kind;
        int64_t n_rows;  /* as of source_n_rows(); set by the kind when it opens */
        const bool *has; /* as of source_has_column(), of each schema column; of the kind */
        size_t n_unknown;
        const char (*unknown)[TABLE_NAME_BYTES]; /* as of source_unknown() */
};

/* Looks at the URI alone, so that a wrong one is told before anything starts. 0 or FAULT_E_INPUT
 * (SOURCE_SCHEME_UNKNOWN, SOURCE_URI_INVALID). */
int source_check(const char *uri, struct fault *fault);

/* How people should be told of a source: as it is written, but for an address that may hold a password, of which only
 * the scheme is shown. Borrowed from uri, or forever. */
const char *source_shown(const char *uri);

/* Where the rows of these options come from, for people: the file, "Proj1.Proj1-Data of MongoDB at db.example:27017";
 * never a user's name or a password. Returns ret_text. */
char *source_place(const struct source_options *options, char ret_text[SOURCE_PLACE_BYTES]);

/* 0, FAULT_E_INPUT (unknown scheme, no such file, bad header, …), or a negative errno. */
int source_open(const struct source_options *options, struct source **ret_source, struct fault *fault);
struct source *source_close(struct source *source);
void source_close_pointer(struct source **source);

/* The next batch, borrowed until the next call; n_rows is 0 at the end. 0, FAULT_E_INPUT naming file, line and column,
 * or a negative errno; -ECANCELED when is_canceled() said so. */
int source_read(struct source *source, struct table *ret_batch, struct fault *fault);

/* Rows the source expects to hand out in all, for progress; -1 when unknown. */
int64_t source_n_rows(const struct source *source);

/* Whether the input has the schema's column at that place, filled or not. Known at opening, but of ndjson, where every
 * document may have other members: there it says whether one of those read so far had it. */
bool source_has_column(const struct source *source, size_t column);

/* Columns that the input has and the schema does not, met so far; names are cut at TABLE_NAME_BYTES - 1 bytes, and one
 * may be empty. Borrowed from the source. */
size_t source_n_unknown(const struct source *source);
const char *source_unknown(const struct source *source, size_t i);
