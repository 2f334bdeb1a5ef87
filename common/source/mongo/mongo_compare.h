#pragma once

/*
 * Mongo compare
 *
 * Whether two documents are the same row: both are read by the schema, so that types do not matter where values are
 * equal, nor fields that the schema does not know.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/data/schema/schema.h"

struct mongo_compare;

/* The schema and the collection's name, for faults, are borrowed for the life of it. 0 or -ENOMEM. */
int mongo_compare_create(const struct schema *schema, const char *collection, struct mongo_compare **ret_compare);
struct mongo_compare *mongo_compare_destroy(struct mongo_compare *compare);
void mongo_compare_destroy_pointer(struct mongo_compare **compare);

/* there: the document in the collection, ours: the one made of the row, 0-based. 0 when they are the same,
 * FAULT_E_INPUT (DOCUMENT_DIFFERS) naming _id, field and both values, or -ENOMEM. */
int mongo_compare_documents(struct mongo_compare *compare, const uint8_t *there, size_t n_there, const uint8_t *ours,
                            size_t n_ours, int64_t row, struct fault *fault);
