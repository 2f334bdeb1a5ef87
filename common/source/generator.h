#pragma once

/*
 * Generator
 *
 * Makes rows that look and train like a data set of which only counts are known. What to draw, and in which order, says
 * a generator.yaml; its grammar stands in the head of the one in pipelines/. Row i depends on (seed, i) alone: any
 * range of rows can be made by any thread, and the first N rows of a longer set are the shorter set.
 *
 * A generator is constant once created; any number of threads may use one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/data/table.h"

struct generator;

/* A column to hand out. */
struct generator_column {
        const char *name; /* borrowed for the call */
        enum column_type type;
};

/*
 * Reads the file at path and binds its draws to the columns asked for, in their order. A column that no draw makes is
 * handed out as missing; a draw that is not asked for is made, since others may build on it, but not handed out. Whole
 * numbers serve as COLUMN_INT64 and COLUMN_FLOAT64, other numbers as COLUMN_FLOAT64, values of tables and labels also
 * as COLUMN_UTF8. 0, FAULT_E_INPUT (codes CONFIG_* and GENERATOR_INVALID, with the place in the file), or -ENOMEM.
 */
int generator_create(const char *path, const struct generator_column *columns, size_t n_columns,
                     struct generator **ret_generator, struct fault *fault);
struct generator *generator_destroy(struct generator *generator);
void generator_destroy_pointer(struct generator **generator);

/* Whether some draw makes the n-th column asked for. */
bool generator_makes(const struct generator *generator, size_t column);

/* Appends rows first … first + n_rows - 1 of this seed. The builder must have the columns that were asked for, with
 * their types and in their order. 0, -ENOMEM or -EFBIG; on failure the builder holds some of the rows. */
int generator_make(const struct generator *generator, uint64_t seed, uint64_t first, size_t n_rows,
                   struct table_builder *builder);
