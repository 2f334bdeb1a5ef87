#pragma once

/*
 * Mongo document
 *
 * A document to a row, by the rules of value.h for sources with types; what a value means is what it would mean in JSON
 * or Arrow. Fields are taken by name, in any order.
 *
 *   field of the document     int              float            bool           category of string  category of int
 *   int32, int64              within ±2^53     the number       within ±2^53   error               within ±2^53
 *   double, decimal128        integral value   the number       integral value error               integral value
 *   bool                      error            error            0 or 1         error               error
 *   string                    error            error            error          the text            error
 *   ObjectId                  error            error            error          24 hex digits       error
 *   date                      milliseconds     milliseconds     error          RFC 3339, UTC       milliseconds
 *   null, NaN, "", no field   missing
 *   anything else             error
 *
 * A number that is a bool is 0 or 1; whether it is one is for the validation to say, as with rows of a file.
 * Milliseconds count from 1970. A date as text is "2026-01-02T03:04:05.678Z", always with milliseconds; years before 0
 * and after 9999 have no such text and are an error. A decimal128 is read as the number it would be in a CSV file: to
 * the nearest double where it is no int. Infinities are values of a float, for the schema to judge. A field that
 * stands twice in a document is an error, unless the schema does not know it.
 *
 * An error names the document by its _id, and the field: `document 17: value "abc" is no int`. Its code is the
 * anomaly's (anomaly.h), or BSON_DUPLICATE_FIELD, or BSON_MALFORMED for bytes that are no BSON.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/data/schema/schema.h"
#include "common/data/table.h"
#include "common/source/mongo/mongo_field.h"

/* room for mongo_document_name(), its end included */
#define MONGO_DOCUMENT_NAME_BYTES 96

struct mongo_document_reader;

/* The schema is borrowed for the life of it. has (as long as the schema, borrowed as well) learns of the columns that
 * some document had. 0 or -ENOMEM. */
int mongo_document_reader_create(const struct schema *schema, bool *has, struct mongo_document_reader **ret_reader);
struct mongo_document_reader *mongo_document_reader_destroy(struct mongo_document_reader *reader);
void mongo_document_reader_destroy_pointer(struct mongo_document_reader **reader);

/*
 * Appends the document as a row to a builder whose columns are the schema's. row is its 0-based place in the source.
 * After a failure the builder holds half a row, to be cut back with table_builder_truncate(). 0, FAULT_E_INPUT, or a
 * negative errno.
 *
 * Documents mostly have the same fields in the same order, so each field is first compared with the one at this place
 * in the document before, and searched for by name only where that is another.
 */
int mongo_document_append(struct mongo_document_reader *reader, const uint8_t *document, size_t n_bytes, int64_t row,
                          struct table_builder *builder, struct fault *fault);

/*
 * The same of some of the documents, from the first on: until one fails, which is then documents[*ret_n_done], or at
 * most all of them; at least one. row is the place of the first. *ret_n_done is set in either case, but not on a
 * negative errno.
 */
int mongo_document_append_run(struct mongo_document_reader *reader, const struct mongo_span *documents,
                              size_t n_documents, int64_t row, struct table_builder *builder, size_t *ret_n_done,
                              struct fault *fault);

/* How people should be told of a document: its _id as in mongo's shell (17, "abc", ObjectId("…")), cut; "without _id"
 * where it has none. Returns ret_text. */
char *mongo_document_name(const uint8_t *document, size_t n_bytes, char ret_text[MONGO_DOCUMENT_NAME_BYTES]);

/* The document as text, near enough to JSON for a person to read, cut at n_bytes with its end. Returns the length. */
size_t mongo_document_show(const uint8_t *document, size_t n_document, char *ret_text, size_t n_bytes);

struct _bson_t;

/* The other way: appends the present cells of a row of the schema's columns to a document of libbson's: int and
 * category of int as int32 or, where that is too small, int64; bool as bool, or as the int that is in its place; float
 * as double; category as string. What mongo_document_append() makes of that is the same row. 0 or -ENOMEM. */
int mongo_document_write(const struct schema *schema, const struct table *table, size_t row, struct _bson_t *document);
