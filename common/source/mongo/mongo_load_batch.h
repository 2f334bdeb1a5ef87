#pragma once

/*
 * Mongo load batch
 *
 * Documents on their way to a server, one behind the other in one piece of memory, each with its _id and the row that
 * it was made of.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/data/schema/schema.h"
#include "common/data/table.h"
#include "common/source/mongo/mongo_id.h"
#include "common/source/mongo/mongo_keys.h"

/* a batch is full at the first of the two */
#define MONGO_LOAD_BATCH_DOCUMENTS 5000
#define MONGO_LOAD_BATCH_BYTES (4 * 1024 * 1024)

struct mongo_load_batch_document {
        size_t at; /* in the batch's bytes */
        size_t n_bytes;
        int64_t row;     /* 0-based place in the source */
        bool is_there;   /* the server has it */
        bool is_refused; /* it said so, the last time it was sent */
};

struct mongo_load_batch {
        struct buffer bytes;
        struct mongo_load_batch_document *documents; /* MONGO_LOAD_BATCH_DOCUMENTS */
        size_t n_documents;
        size_t *sent; /* places of the documents that were sent last, in their order */
        size_t n_sent;
        struct mongo_keys places; /* of each _id: place in documents + 1 */
};

#define MONGO_LOAD_BATCH_NULL \
        { 0 }

/* 0 or -ENOMEM. */
int mongo_load_batch_init(struct mongo_load_batch *batch);
void mongo_load_batch_finish(struct mongo_load_batch *batch);
void mongo_load_batch_clear(struct mongo_load_batch *batch);

static inline bool mongo_load_batch_is_full(const struct mongo_load_batch *batch) {
        return batch->n_documents == MONGO_LOAD_BATCH_DOCUMENTS || batch->bytes.n_bytes >= MONGO_LOAD_BATCH_BYTES;
}

/* Adds a row of the schema's columns under an _id that the batch does not have; it is not full (asserted). row is its
 * 0-based place in the source. 0 or -ENOMEM. */
int mongo_load_batch_add(struct mongo_load_batch *batch, const struct schema *schema, const struct table *table,
                         size_t at, const struct mongo_id *id, int64_t row);

static inline const uint8_t *mongo_load_batch_document(const struct mongo_load_batch *batch, size_t i) {
        return batch->bytes.data + batch->documents[i].at;
}

/* The place of the document with that _id, or SIZE_MAX. */
size_t mongo_load_batch_find(const struct mongo_load_batch *batch, const struct mongo_id *id);
