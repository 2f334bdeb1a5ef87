#pragma once

/*
 * Rejects
 *
 * Rows that were set aside, on their way into a dataset of the columns
 *
 *   source_row  int64  from 1, without a header
 *   line        int64  of the file, from 1; missing where there are no lines
 *   position    int64  in the line, from 1; missing where unknown
 *   column      text   missing where the whole row is at fault
 *   code        text
 *   message     text
 *   text        text   the row's own, cut at 4 KiB; what is no UTF-8 in it is written as U+FFFD
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/store/store.h"
#include "proto/blob.h"

struct rejects;

/* store is borrowed for the life of it. Nothing is written before the first row. 0 or -ENOMEM. */
int rejects_create(struct store *store, struct rejects **ret_rejects);
struct rejects *rejects_destroy(struct rejects *rejects);
void rejects_destroy_pointer(struct rejects **rejects);

/* Adds a row. 0 or a negative errno. */
int rejects_add(struct rejects *rejects, const struct fault *fault, const char *text, size_t n_bytes);

int64_t rejects_n_rows(const struct rejects *rejects);

/* The fault of the row that stands first in the source, or NULL; borrowed. */
const struct fault *rejects_first(const struct rejects *rejects);

/* The numbers of the rows that were added since the last call of rejects_forget_rows(), ascending; borrowed until the
 * next call. */
const int64_t *rejects_rows(const struct rejects *rejects, size_t *ret_n_rows);
void rejects_forget_rows(struct rejects *rejects);

/* Stores them; there is at least one (asserted). Only destroy may follow. */
int rejects_finish(struct rejects *rejects, struct dataset *ret_dataset);
