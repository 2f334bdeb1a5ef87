#pragma once

/*
 * Baseline
 *
 * What the training data of a model looked like, kept in its bundle as baseline.json so that later data can be compared
 * with it: for each feature a histogram over cells.
 *
 *   int and float       BASELINE_BINS quantile bins (e[i-1], e[i]] of the training data, fewer where values repeat
 *   category and bool   one cell for each value of the closed list, and one for others
 *   all                 a last cell for missing values
 *
 * Cells are counted exactly; only where the edges lie may rest on a sketch.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/data/schema/schema.h"
#include "common/data/statistics/sketch.h"
#include "common/data/table.h"

struct json_builder;

#define BASELINE_VERSION 1
#define BASELINE_BINS 30
#define BASELINE_BYTES_MAX (16 * 1024 * 1024)

struct baseline_column {
        char *name;
        enum value_type type;
        size_t n_edges; /* numbers: ascending; there is one bin more */
        double *edges;
        size_t n_values; /* others: the closed list */
        char **values;
        size_t n_cells;   /* missing is the last one; others stand before it in a closed list */
        uint64_t *counts; /* n_cells long */
};

struct baseline {
        uint64_t n_rows;
        size_t n_columns;
        struct baseline_column *columns;
};

/* Makes the baseline of tables for all features; sketches are theirs, in the order of the schema's columns. 0 or
 * -ENOMEM. */
int baseline_create(const struct schema *schema, const struct sketch *sketches, const struct table *tables,
                    size_t n_tables, struct baseline **ret_baseline);
struct baseline *baseline_destroy(struct baseline *baseline);
void baseline_destroy_pointer(struct baseline **baseline);

/* Reads baseline.json. 0, FAULT_E_INPUT (a JSON_… code or BASELINE_MALFORMED), or -ENOMEM. */
int baseline_parse(const char *text, size_t n_bytes, struct fault *fault, struct baseline **ret_baseline);
void baseline_put_json(const struct baseline *baseline, struct json_builder *json);

/* The column of that name, or NULL. */
const struct baseline_column *baseline_find(const struct baseline *baseline, const char *name);

/* Adds rows to the counts of a column's cells, n_cells of them. sketch is of the same rows, of a type of the same kind;
 * the tables are only read where it is not exact. */
void baseline_count(const struct baseline_column *column, const struct sketch *sketch, const struct table *tables,
                    size_t n_tables, uint64_t *ret_counts);
