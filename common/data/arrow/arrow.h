#pragma once

/*
 * Arrow
 *
 * Arrow's IPC format, and the only door to LZ4 and ZSTD (arrow_pipe.c). Three objects:
 *
 *   arrow_writer   writes what travels between stages: an Arrow IPC file, uncompressed, every buffer on a multiple of
 *                  64 bytes, text as utf8, no dictionaries, no statistics; the same tables give the same bytes
 *   arrow_file     reads exactly that, mapped, without a copy, any batch at any time from any thread
 *   arrow_input    reads what others write (file or stream, LZ4, ZSTD, dictionaries, large and view strings, every
 *                  width of number) and turns it into plain columns, TABLE_BATCH_ROWS rows at a time, in memory that
 *                  depends on these rows and on the dictionaries, not on the file's own batches
 *
 * What is read may be hostile: every size and offset is checked before it is used. Bad content is FAULT_E_INPUT with
 * the code ARROW_MALFORMED, ARROW_UNSUPPORTED or ARROW_TYPE, and the column where one is at fault.
 *
 * Why Apache nanoarrow is not used: its reader, 0.9.0, was tried on 42 files and streams of pandas 3.1, pyarrow 26 and
 * polars 2.1.
 *
 *   - It takes compressed dictionaries for plain ones, and pandas.to_feather compresses by default: a categorical
 *     column of texts was refused, one of int64 gave wrong numbers and no error.
 *   - It refuses dictionary deltas, and a whole file for one column of string views (what polars writes by default) or
 *     run-end encoded, even where nobody asks for that column.
 *   - It unpacks a record batch as a whole: 10,000,000 rows of 4 columns in one LZ4 batch took 291 MiB of memory of its
 *     own; here 6.
 *   - It adds offsets and lengths without a check: of 6,000 damaged streams 28 led it outside its memory, as
 *     AddressSanitizer saw; of 22,000 damaged files and streams none did here.
 *
 * A caller cannot work around these, since the decoders of dictionaries and the lists of buffers are private to it. It
 * is not slower: 381,109 rows of 12 columns in LZ4, each value looked at, took it 62 ms and this 76. A version that
 * reads what is named here can take the place of arrow_input.
 *
 * Source of the format: Apache Arrow, Columnar Format, "Serialization and Interprocess Communication (IPC)".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/fault.h"
#include "common/data/table.h"

/* text in the schema, for whoever opens the file; both borrowed for the call */
struct arrow_note {
        const char *key;
        const char *value;
};

struct arrow_writer;

/* What was written: enough to name the blob without reading it again. */
struct arrow_summary {
        char sha256[DIGEST_SHA256_BYTES];
        int64_t n_bytes;
        int64_t n_rows;
        int64_t n_batches;
};

/*
 * Starts a file at the present end of fd, which is empty and stays the caller's. The columns' names and types come from
 * shape; its rows are not looked at. 0 or a negative errno.
 */
int arrow_writer_create(int fd, const struct table *shape, const struct arrow_note *notes, size_t n_notes,
                        struct arrow_writer **ret_writer);

/*
 * Writes one record batch of 1 … TABLE_BATCH_ROWS rows (a batch without rows is left out) with the shape's names, types
 * and order (asserted). Columns of one width without missing values stand at one distance from each other, so a batch
 * of float32 columns is a matrix for table_as_matrix(). Write-back starts at once, so that the caller's fsync at the
 * end finds little left to do.
 */
int arrow_writer_add(struct arrow_writer *writer, const struct table *batch);

/* Ends the file with its footer. The caller syncs and publishes it. Only destroy may follow. */
int arrow_writer_finish(struct arrow_writer *writer, struct arrow_summary *ret_summary);
struct arrow_writer *arrow_writer_destroy(struct arrow_writer *writer);
void arrow_writer_destroy_pointer(struct arrow_writer **writer);

struct arrow_file;

/* Maps a file that arrow_writer wrote and checks its structure. 0, FAULT_E_INPUT (also FILE_NOT_FOUND), or a negative
 * errno. */
int arrow_file_open(const char *path, struct arrow_file **ret_file, struct fault *fault);
struct arrow_file *arrow_file_close(struct arrow_file *file);
void arrow_file_close_pointer(struct arrow_file **file);

/* Names and types without rows; borrowed from the file. */
struct table arrow_file_shape(const struct arrow_file *file);
int64_t arrow_file_n_rows(const struct arrow_file *file);
size_t arrow_file_n_batches(const struct arrow_file *file);

/* The note of that key, or NULL; borrowed from the file. */
const char *arrow_file_note(const struct arrow_file *file, const char *key);

/* The number of the first row of a batch, 0-based within the file; batch may be n_batches: then n_rows. */
int64_t arrow_file_first_row(const struct arrow_file *file, size_t batch);

/* A batch as a view into the mapping; borrowed until the file is closed. Thread-safe. Text offsets are checked each
 * time, so what comes back can be read without further care. UTF-8 is not checked: the file's digest says that a stage
 * wrote it. */
int arrow_file_batch(const struct arrow_file *file, size_t batch, struct table *ret_table, struct fault *fault);

/* All batches, arrow_file_n_batches() of them, as arrow_file_batch() gives them; the caller frees the array. */
int arrow_file_batches(const struct arrow_file *file, struct table **ret_tables, struct fault *fault);

/* Lets the kernel take back the memory of batches before this one, for readers of files larger than memory. */
void arrow_file_forget_before(const struct arrow_file *file, size_t batch);

struct arrow_input;

/* What a foreign column is, and the type of column it is turned into. A dictionary has the kind of its values. */
enum arrow_kind {
        ARROW_KIND_INT,   /* any width, signed or not: COLUMN_INT64; uint64 beyond its range saturates */
        ARROW_KIND_FLOAT, /* any width, and decimals: COLUMN_FLOAT64; NaN becomes missing */
        ARROW_KIND_BOOL,  /* COLUMN_INT64, 0 and 1 */
        ARROW_KIND_TEXT,  /* COLUMN_UTF8, any width and form; not checked to be UTF-8 */
        ARROW_KIND_NONE,  /* always missing: COLUMN_UTF8 */
        ARROW_KIND_OTHER, /* cannot be read as a value; reading it is refused */
};

/* Tells by the first bytes whether a file is Arrow IPC, file or stream. */
bool arrow_input_is_arrow(const void *bytes, size_t n_bytes);

/* Opens a file of any of the forms above. 0, FAULT_E_INPUT, or a negative errno. path is borrowed for the call. */
int arrow_input_open(const char *path, struct arrow_input **ret_input, struct fault *fault);
struct arrow_input *arrow_input_close(struct arrow_input *input);
void arrow_input_close_pointer(struct arrow_input **input);

size_t arrow_input_n_columns(const struct arrow_input *input);
/* Borrowed from the input. */
const char *arrow_input_name(const struct arrow_input *input, size_t column);
enum arrow_kind arrow_input_kind(const struct arrow_input *input, size_t column);

/* Chooses the n_columns columns to read, in the order they shall have. 0, or FAULT_E_INPUT (ARROW_TYPE) naming one of
 * ARROW_KIND_OTHER. Without a call all columns are chosen. */
int arrow_input_choose(struct arrow_input *input, const size_t *columns, size_t n_columns, struct fault *fault);

/* The next at most TABLE_BATCH_ROWS rows of the chosen columns, borrowed until the next call; n_rows is 0 at the end.
 * More than 256 MiB of text in them, in their dictionaries or in a batch's compressed views is ARROW_UNSUPPORTED. */
int arrow_input_read(struct arrow_input *input, struct table *ret_table, struct fault *fault);

/* Rows of the whole file, or -1 for a stream, which says so only at its end. */
int64_t arrow_input_n_rows(const struct arrow_input *input);
