#pragma once

/*
 * Mongo load
 *
 * Rows into a collection, one document each, by bulk inserts: the other way of source_mongo.h, so that the rows read
 * from the collection are the rows that were put in.
 *
 * A document has the schema's columns by name, as mongo_document_write() makes them; a missing value is left out. Its
 * _id is the row's key, so that the collection read in the order of _id is the file sorted by key; without a key it is
 * made of the content (mongo_id.h). Batches are inserted by a thread of the load's own, while the caller fills the
 * next.
 *
 * A load can be begun again at any time, with the same rows or more: those that are there already are compared and
 * counted as present, the others inserted. So nothing is lost or doubled whatever ended the first one. A key that
 * stands twice among the rows, or is there with other values, is a fault; nothing that is there is ever changed.
 *
 * What is remembered of each row is its key: some 35 bytes. All else is bounded by two batches.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/data/schema/schema.h"
#include "common/data/table.h"
#include "common/source/mongo/mongo_client.h"

/* room for why a load waits */
#define MONGO_LOAD_REASON_BYTES 512
/* how often the caller's thread is asked whether it wants to go on */
#define MONGO_LOAD_TICK_MS 100

struct mongo_load;

struct mongo_load_progress {
        int64_t n_inserted;
        int64_t n_present; /* were there before */
        int64_t n_before;  /* documents that the collection had at the beginning, after a drop 0; -1: not known */
        int64_t n_dropped; /* documents that went with the drop; -1 or 0: there was none, or no collection */

        char reason[MONGO_LOAD_REASON_BYTES]; /* why the server is waited for; "": it is not */
        int64_t retry_ms;                     /* realtime: when it is tried again */
};

struct mongo_load_options {
        const struct schema *schema; /* borrowed for the life of it */
        const char *name;            /* of the rows' origin, for faults; as long */
        bool must_drop;              /* removes the collection first */

        /* Called in the caller's thread about every MONGO_LOAD_TICK_MS, also while it waits for the server; true: give
         * up.
         */
        bool (*on_tick)(void *context, const struct mongo_load_progress *progress);
        void *context;
};

/*
 * Connects, drops if that is wanted, and looks whether the collection is empty. The client belongs to the load until
 * that is destroyed. 0, a negative errno (-ECANCELED: on_tick() gave up), or FAULT_E_INPUT with the codes of
 * mongo_client.h and mongo_insert.h, or
 *      SOURCE_URI_INVALID  a write concern of w=0, which would never tell what has arrived
 *      KEY_UNFIT           a column "_id" that is not the key
 */
int mongo_load_create(struct mongo_client *client, const struct mongo_load_options *options,
                      struct mongo_load **ret_load, struct fault *fault);

/* Gives up what was not sent; waits for the request that is under way, which the URI's timeouts bound. */
struct mongo_load *mongo_load_destroy(struct mongo_load *load);
void mongo_load_destroy_pointer(struct mongo_load **load);

/* The next rows: a table of the schema's columns, borrowed for the call. As mongo_load_create(), beside it
 *      KEY_MISSING    a row without a key
 *      KEY_DUPLICATE  a key that an earlier row has; both are named
 * After anything but 0, what came before is on its way and arrives by mongo_load_finish(). */
int mongo_load_add(struct mongo_load *load, const struct table *batch, struct fault *fault);

/* Until all is there. May follow a fault of mongo_load_add(). */
int mongo_load_finish(struct mongo_load *load, struct fault *fault);

/* May be asked at any time. */
void mongo_load_progress(struct mongo_load *load, struct mongo_load_progress *ret_progress);
