#pragma once

/*
 * Mongo refusals
 *
 * What the reply to a bulk insert says of single documents.
 */

#include <mongoc/mongoc.h>
#include <stdint.h>

#include "common/source/mongo/mongo_load_batch.h"

struct mongo_refusals {
        int64_t n_inserted;
        int64_t n_errors;
        bson_error_t duplicate; /* the first of a key that is there; its code is 0 when there is none */
        bson_error_t other;     /* the first for any other reason, and its place in the batch */
        size_t other_at;
};

/* Marks the documents of the batch that were refused. */
void mongo_refusals_read(const bson_t *reply, struct mongo_load_batch *batch, struct mongo_refusals *ret_refusals);
