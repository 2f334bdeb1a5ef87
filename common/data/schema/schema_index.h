#pragma once

/*
 * Index of texts
 *
 * From a text to its place in a list that is known beforehand: open addressing, never more than half full, no heap on
 * the way. The texts are borrowed for the life of the index.
 */

#include <stdbool.h>
#include <stddef.h>

struct schema_index;

/* For n_max texts. 0 or -ENOMEM. */
int schema_index_create(size_t n_max, struct schema_index **ret_index);
struct schema_index *schema_index_destroy(struct schema_index *index);

/* False, and nothing changed, when the text is there already. */
bool schema_index_add(struct schema_index *index, const char *text, size_t n_bytes, size_t place);

/* The place, or SIZE_MAX. */
size_t schema_index_find(const struct schema_index *index, const char *text, size_t n_bytes);
