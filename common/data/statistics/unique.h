#pragma once

/*
 * Uniqueness of a key
 *
 * Exact, in bounded memory: ints of a narrow range set one bit each; all other keys are divided by a hash into as many
 * passes over the tables as keep every index within UNIQUE_BYTES for all threads together, and equal hashes are told
 * apart by the keys themselves. Missing keys are not looked at.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/data/table.h"

#define UNIQUE_BYTES (48 * 1024 * 1024)
#define UNIQUE_EXAMPLES 3

/* One row whose key stood in an earlier row. Rows are 0-based over all tables. */
struct unique_example {
        uint64_t first_row, row;
};

struct unique_report {
        uint64_t n_duplicates; /* rows whose key stood in an earlier one */
        size_t n_examples;
        struct unique_example examples[UNIQUE_EXAMPLES]; /* the first of them by row */
};

/* Looks at columns[i], of n_rows of tables[i]; all of one type, INT64 or UTF8. A NULL column has no keys. 0 or -ENOMEM.
 */
int unique_check(const struct column *const *columns, const struct table *tables, size_t n_tables,
                 struct unique_report *ret_report);
