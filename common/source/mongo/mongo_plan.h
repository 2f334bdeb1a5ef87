#pragma once

/*
 * Mongo plan
 *
 * Documents of one collection mostly have the same fields of the same types in the same order. The plan is that layout:
 * what stands before each value, and what becomes of the value. A document that has it is taken by comparing, without
 * looking for the end of a name, asking for a type or calling anything for a cell; its cells go into the columns in
 * place. A document that does not, or one with a value that needs more thought (NaN, an empty text, an int beyond
 * ±2^53), is left to mongo_document_append(), which alone knows of errors.
 *
 * Like the folder's other readers it takes any bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/data/schema/schema.h"
#include "common/data/table.h"
#include "common/source/mongo/mongo_field.h"

struct mongo_plan;

/* The schema is borrowed for the life of it. There is no layout yet. 0 or -ENOMEM. */
int mongo_plan_create(const struct schema *schema, struct mongo_plan **ret_plan);
struct mongo_plan *mongo_plan_destroy(struct mongo_plan *plan);

/* Takes the layout of a document that has become a row; columns[i] is the schema column of its i-th field or
 * SCHEMA_NO_VALUE, none twice. One that cannot be planned leaves no layout. */
void mongo_plan_learn(struct mongo_plan *plan, const uint8_t *document, size_t n_bytes, const size_t *columns,
                      size_t n_columns);

/* Appends the documents, as rows, up to the first one that is not as planned; *ret_n_done of them. The builder's
 * columns are the schema's. 0, -ENOMEM, with no row appended. */
int mongo_plan_append(struct mongo_plan *plan, const struct mongo_span *documents, size_t n_documents,
                      struct table_builder *builder, size_t *ret_n_done);
