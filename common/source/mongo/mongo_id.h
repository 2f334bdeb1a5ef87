#pragma once

/*
 * Mongo id
 *
 * The _id of a document that comes from a row: the row's key, an int or a text. MongoDB compares numbers by value,
 * whatever their type, so an int that lies there as a double is the same _id.
 *
 * A schema without a key gives each row the _id "DIGEST-N": the content digest of its values (table.h), 32 hex digits,
 * and how many rows of this content came up to it. So the same rows have the same ids whenever they come, in any order.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/data/schema/schema.h"
#include "common/data/table.h"
#include "common/source/mongo/mongo_field.h"

/* DIGEST, "-", 20 digits, end */
#define MONGO_ID_SCRATCH_BYTES (DIGEST_CONTENT_BYTES + 22)

struct mongo_id {
        bool is_text;
        int64_t integer;
        const char *text; /* borrowed, without an end */
        size_t n_bytes;
};

struct _bson_t;

/* The key of a row; false when it has none there. The schema has a key. Its text is borrowed from the table. */
bool mongo_id_of_key(const struct schema *schema, const struct table *table, size_t row, struct mongo_id *ret_id);

/* The n-th row (1 …) of that content. Its text is borrowed from scratch. */
void mongo_id_of_content(const struct digest_content *content, int64_t n, char scratch[MONGO_ID_SCRATCH_BYTES],
                         struct mongo_id *ret_id);

/* An _id as it lies in a document: int, double of integral value, or string; false for anything else. Borrowed. */
bool mongo_id_of_field(const struct mongo_field *field, struct mongo_id *ret_id);

/* The same for the same id; of two others it differs, but for a chance of 2^-64 among billions of texts. */
struct digest_content mongo_id_digest(const struct mongo_id *id);

/* Appends it to a document: int32 where it fits, else int64, or string. 0 or -ENOMEM. */
int mongo_id_append(const struct mongo_id *id, const char *name, struct _bson_t *document);

/* 17, or "abc" in quotes, for people. Returns ret_text. */
char *mongo_id_show(const struct mongo_id *id, char ret_text[VALUE_QUOTE_BYTES]);
