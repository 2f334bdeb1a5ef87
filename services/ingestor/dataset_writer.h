#pragma once

/*
 * Dataset writer
 *
 * One dataset on its way into the store. Rows are gathered into batches, and a thread of the writer's own digests and
 * writes each while the next one fills, so that several datasets grow side by side. A batch ends with the
 * TABLE_BATCH_ROWS-th row, or with the one whose text makes it DATASET_WRITER_TEXT_BYTES or more: what the file is cut
 * into depends on its rows alone, not on the pieces in which they came.
 *
 * The caller's calls come from one thread at a time.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/data/arrow/arrow.h"
#include "common/data/table.h"
#include "common/store/store.h"
#include "proto/blob.h"

#define DATASET_WRITER_TEXT_BYTES ((size_t)64 << 20)

struct dataset_writer;

/* The columns are those of shape, whose rows are not looked at; the store outlives the writer. 0 or a negative errno.
 */
int dataset_writer_create(struct store *store, const struct table *shape, const struct arrow_note *notes,
                          size_t n_notes, struct dataset_writer **ret_writer);

/* Undoes everything that was not finished: nothing of it is in the store then. */
struct dataset_writer *dataset_writer_destroy(struct dataset_writer *writer);
void dataset_writer_destroy_pointer(struct dataset_writer **writer);

/* Adds the given rows of a table with the shape's names, types and order (asserted); they are copied. 0 or a negative
 * errno, which may be that of an earlier batch. */
int dataset_writer_add(struct dataset_writer *writer, const struct table *table, const uint32_t *rows, size_t n_rows);

/* Tells the writer that no rows follow and does not wait: several can end at once. */
void dataset_writer_end(struct dataset_writer *writer);

/* Waits until the dataset lies in the store. dataset_writer_end() has been called; only destroy may follow. */
int dataset_writer_finish(struct dataset_writer *writer, struct dataset *ret_dataset);
