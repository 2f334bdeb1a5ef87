#pragma once

/*
 * Mongo fetch
 *
 * One batch after another, by the commands find and getMore: libmongoc's own cursor hands out documents singly, where
 * whole replies can be handed to another thread without a copy. Not thread-safe; knows of no pause and no second try.
 */

#include "common/source/mongo/mongo_cursor.h"
#include "common/source/mongo/mongo_internal.h"
#include "common/source/mongo/mongo_judge.h"

/* the least that is aimed at, when a connection is too slow for more */
#define MONGO_BATCH_BYTES_MIN (64 * 1024)

struct mongo_fetch {
        struct mongo_client *client; /* borrowed */
        bson_t projection;           /* empty: all fields */
        int64_t n_max;               /* 0: all */

        bson_t last; /* {_id: …} of the last document fetched; empty before the first */
        bool is_narrow;
        int64_t n_documents; /* fetched so far */
        int64_t n_bytes;
        int64_t batch_bytes; /* aimed at */

        mongoc_client_session_t *session; /* of the cursor in hand; NULL: the server has none */
        uint32_t server;                  /* that it lies on */
        int64_t cursor;                   /* 0: none */
        bool is_ended;                    /* the last document was fetched */
};

void mongo_fetch_init(struct mongo_fetch *fetch, struct mongo_client *client,
                      const struct mongo_cursor_options *options);

/* Forgets the cursor, so that the next call asks anew. is_told: the server is well and shall forget it too. */
void mongo_fetch_forget(struct mongo_fetch *fetch, bool is_told);

/* Forgets it with the server, if there is one. */
void mongo_fetch_finish(struct mongo_fetch *fetch);

/* A batch. */
struct mongo_batch {
        bson_t reply;         /* owned, always initialized */
        const uint8_t *array; /* of documents, in reply; NULL: none */
        size_t n_array;
        int64_t n_documents;
};

/* The next batch into an empty one; it may be empty. After the last one is_ended is set. False: the verdict says why,
 * and the next call asks anew for what comes after `last`. */
bool mongo_fetch_next(struct mongo_fetch *fetch, struct mongo_batch *ret_batch, struct mongo_verdict *ret_verdict);
