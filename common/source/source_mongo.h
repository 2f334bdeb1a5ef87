#pragma once

/*
 * A collection of MongoDB as a source: `mongodb://…` and `mongodb+srv://…`
 *
 * Documents come in the order of their _id, with the schema's fields alone, and become rows as mongo_document.h says.
 * The first SOURCE_MONGO_LOOK documents are looked at whole, so that fields which the schema does not know are told of.
 * Memory is bounded by two batches of the cursor (mongo_cursor.h) and one of rows.
 */

#include "common/source/mongo/mongo_client.h"
#include "common/source/source.h"

#define SOURCE_MONGO_LOOK 100

/* As source_check(). */
int source_mongo_check(const char *uri, struct fault *fault);

/* As source_open(); what else may be at fault stands in mongo_client.h. */
int source_mongo_open(const struct source_options *options, struct source **ret_source, struct fault *fault);

/* As source_place(). */
void source_mongo_place(const struct source_options *options, char ret_text[SOURCE_PLACE_BYTES]);
