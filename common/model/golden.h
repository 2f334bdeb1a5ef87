#pragma once

/*
 * Golden rows
 *
 * Rows with which a bundle is checked: golden.arrow holds a few hundred raw rows, the schema's features only, and as
 * its last column, float32 `margin`, what the bundle must give for each of them, to the bit. Evaluator writes it,
 * pusher, gateway and command line replay it.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/data/arrow/arrow.h"
#include "common/model/bundle.h"

#define GOLDEN_FILE "golden.arrow"
#define GOLDEN_MARGIN "margin"
#define GOLDEN_ROWS_MAX 256

/*
 * Chooses at most GOLDEN_ROWS_MAX of the tables' rows, counted through all tables, ascending: for every value of every
 * closed list, and for "missing", the first row that has it, as far as there is room; the others by chance, with a
 * fixed seed. So the same rows give the same choice. 0 or -ENOMEM.
 */
int golden_choose(const struct schema *schema, const struct table *tables, size_t n_tables,
                  uint64_t ret_rows[GOLDEN_ROWS_MAX], size_t *ret_n_rows);

/* Chooses rows, scores them and writes the file to fd, which is empty and stays the caller's. 0, FAULT_E_INPUT when a
 * row cannot be transformed, or a negative errno. */
int golden_write(const struct bundle *bundle, const struct table *tables, size_t n_tables, int fd,
                 struct arrow_summary *ret_summary, struct fault *fault);

/* Scores the file's rows again, as a batch and one by one. FAULT_E_INPUT: GOLDEN_MISMATCH naming the row whose margin
 * is another, GOLDEN_MALFORMED, or what reading and transforming say. */
int golden_verify(const struct bundle *bundle, const char *path, struct fault *fault);
