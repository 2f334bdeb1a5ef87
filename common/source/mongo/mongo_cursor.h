#pragma once

/*
 * Mongo cursor
 *
 * The documents of a collection in the order of their _id, each exactly once. A thread of the cursor's own fetches the
 * next batch while the caller has the last one in hand, so that two batches are in memory at most. A batch is asked for
 * as so many documents as make MONGO_BATCH_BYTES, going by those before.
 *
 * What passes by itself is survived: a connection that is refused, reset, cut in the middle of a reply or silent, a
 * cursor that the server has forgotten or killed, a server that restarts, a primary that steps down (error codes and
 * labels of the Retryable Reads specification, which covers no getMore, so that libmongoc does not do it). The cursor
 * then reads on after the last _id that it has, however often, with a pause between the tries, and gives up after
 * MONGO_TRIES without one more document.
 *
 * "After" is in MongoDB's order over all types of _id. The operator $gt compares within a type only, so those of the
 * types behind that one are asked for as well. _id is taken to be unique: in a sharded collection whose shard key is
 * another field, that is for the application to see to.
 *
 * Documents that are written while the cursor reads may be seen or not, as with any cursor of MongoDB.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/source/mongo/mongo_client.h"
#include "common/source/mongo/mongo_field.h"

/* aimed at; the largest document has 16 MiB, and a batch at least one */
#define MONGO_BATCH_BYTES (4 * 1024 * 1024)

struct mongo_cursor;

struct mongo_cursor_options {
        const char *const *names; /* fields to fetch beside _id, borrowed for the call; NULL: all */
        size_t n_names;
        int64_t n_max; /* documents, at most; 0: all */
        bool is_look;  /* no documents at all are a fault, as mongo_client_explain_empty() says, and behind the last one
                        * mongo_cursor_estimate() knows how many there are */

        bool (*is_canceled)(void *context); /* asked while waiting for a server, by the caller's thread; or NULL */
        void *context;
};

/* The client is shared, and talks for this cursor alone until that is destroyed; another cursor waits for it. Does not
 * wait for the server. 0 or a negative errno. */
int mongo_cursor_create(struct mongo_client *client, const struct mongo_cursor_options *options,
                        struct mongo_cursor **ret_cursor);

/* May be called at any time, and the client destroyed after it. A request that is under way is waited for
 * MONGO_LEAVE_MS; when it takes longer, the cursor's thread ends with it, by itself. */
struct mongo_cursor *mongo_cursor_destroy(struct mongo_cursor *cursor);
void mongo_cursor_destroy_pointer(struct mongo_cursor **cursor);

/* The next document as BSON, borrowed until the next call; NULL behind the last. 0, -ECANCELED, or as
 * mongo_client_create() says of whatever talks to a server. */
int mongo_cursor_next(struct mongo_cursor *cursor, const uint8_t **ret_document, size_t *ret_n_bytes,
                      struct fault *fault);

/* The same of several documents at once: at most n_max (1 or more), so many as there are at hand and make some pages.
 * *ret_n is 0 behind the last. The spans are borrowed as well. */
int mongo_cursor_next_run(struct mongo_cursor *cursor, size_t n_max, const struct mongo_span **ret_documents,
                          size_t *ret_n, struct fault *fault);

/* The number of documents in the collection by its metadata, once is_look has come to its end; -1: it is not known. */
int64_t mongo_cursor_estimate(const struct mongo_cursor *cursor);
