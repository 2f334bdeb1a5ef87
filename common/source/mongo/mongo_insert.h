#pragma once

/*
 * Mongo insert
 *
 * A batch of documents into a collection, each at most once: what is there already is compared, not written. Used by
 * one thread at a time.
 *
 * A document is the same when the schema's columns mean the same values, whatever types they have there
 * (mongo_document.h); fields that the schema does not know are not looked at. Nothing that is there is ever changed.
 *
 * An exchange with the server that fails for a reason that may pass is tried again, after a look at what of the batch
 * has arrived. So a batch whose reply was lost is neither doubled nor counted twice. The pauses are those of
 * mongo_client.h; after MONGO_TRIES without one more document there, it is given up.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/data/schema/schema.h"
#include "common/source/mongo/mongo_internal.h"
#include "common/source/mongo/mongo_judge.h"
#include "common/source/mongo/mongo_load_batch.h"

struct mongo_insert;

/* Told before each new try, with the reason; waits. False: there shall be none. */
typedef bool mongo_insert_pause(void *context, const char *words, int64_t pause_ms);

/* All borrowed for the life of it. */
struct mongo_insert_options {
        struct mongo_client *client;
        const struct schema *schema;
        mongo_insert_pause *pause;
        void *context;
};

/* 0 or -ENOMEM. */
int mongo_insert_create(const struct mongo_insert_options *options, struct mongo_insert **ret_insert);
struct mongo_insert *mongo_insert_destroy(struct mongo_insert *insert);
void mongo_insert_destroy_pointer(struct mongo_insert **insert);

/*
 * All of these return 0, -ENOMEM, -ECANCELED when pause() wanted no new try, or the code of *ret_verdict, which says
 * the rest: FAULT_E_INPUT with its fault, or a failure that lasted with its words, of which no line was logged yet.
 *
 * Beside the codes of mongo_client.h, SOURCE_NOT_AUTHORIZED also for who may not write:
 *      SOURCE_WRITE_REFUSED  the server refuses a document or all of them, in its words
 *      DOCUMENT_DIFFERS      a document of that _id is there with other values; nothing was changed
 */

/* Removes the collection, and says how many documents it had, going by its metadata: -1 when it was not there. */
int mongo_insert_drop(struct mongo_insert *insert, int64_t *ret_n_dropped, struct mongo_verdict *ret_verdict);

/* Looks whether there is anything, once before the first batch: an empty collection needs no look at each. */
int mongo_insert_look(struct mongo_insert *insert, bool *ret_is_empty, struct mongo_verdict *ret_verdict);

/* Until the batch is there as a whole. The counts are added to, also on a failure: what was inserted by this call, and
 * what was there before it. */
int mongo_insert_batch(struct mongo_insert *insert, struct mongo_load_batch *batch, int64_t *n_inserted,
                       int64_t *n_present, struct mongo_verdict *ret_verdict);
