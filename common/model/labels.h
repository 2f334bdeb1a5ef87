#pragma once

/*
 * Labels
 *
 * The label of each row of a table, as 0 or 1: a bool as it is, of a category of two values the second is 1.
 */

#include <stdint.h>

#include "common/base/fault.h"
#include "common/data/schema/schema.h"
#include "common/data/table.h"

/* Writes n_rows labels. FAULT_E_INPUT naming column and row for a label that is missing or none of the two values, and
 * (LABEL_NOT_BINARY) for a schema whose label has another number of values. */
int labels_read(const struct schema *schema, const struct table *table, uint8_t *ret_labels, struct fault *fault);
