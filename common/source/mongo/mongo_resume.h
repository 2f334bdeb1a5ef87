#pragma once

/*
 * Mongo resume
 *
 * The filter for what comes after an _id in MongoDB's order over all types:
 *
 *   MinKey, null, numbers, strings and symbols, objects, binary data, ObjectIds, bools, dates, timestamps, DBPointers,
 *   JavaScript, JavaScript with a scope, MaxKey        (arrays, regular expressions and undefined cannot be an _id)
 *
 * The operator $gt compares within a type alone, so the types that follow are named: {$or: [{_id: {$gt: last}}, {_id:
 * {$type: [...]}}]}. Both halves are ranges of the index on _id, which a server merges in order.
 *
 * Source of the order: MongoDB Manual, Comparison/Sort Order; the server's canonicalizeBSONType().
 */

#include <bson/bson.h>
#include <stdbool.h>

/* last is the field _id of a document. is_narrow leaves out the types that smaller implementations of MongoDB do not
 * know: who refuses them in a filter has none of them as _id. Appends to filter; false: no memory, or a type that is
 * none. */
bool mongo_resume_append(const bson_iter_t *last, bool is_narrow, bson_t *filter);
