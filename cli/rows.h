#pragma once

/*
 * Rows
 *
 * Batches of a schema's rows written to a file that appears whole or not at all, or to standard output.
 */

#include "common/base/fault.h"
#include "common/data/schema/schema.h"
#include "common/data/table.h"

enum rows_format {
        ROWS_CSV,
        ROWS_NDJSON,
        ROWS_ARROW,
};

/* The format by its word, or, word NULL, by the name's end. FAULT_E_INPUT: FORMAT_UNKNOWN. */
int rows_format_parse(const char *word, const char *path, enum rows_format *ret_format, struct fault *fault);

struct rows;

/* path "-" is standard output, which takes no Arrow file; a link is followed, and its file replaced. schema tells
 * numbers from texts in ndjson; NULL: by the table's own types. Both are borrowed until rows_destroy(). FAULT_E_INPUT
 * (FILE_NOT_WRITABLE), or a negative errno. */
int rows_create(const char *path, enum rows_format format, const struct schema *schema, struct rows **ret_rows,
                struct fault *fault);

/* Appends a batch; all have the columns of the first, which may be without rows. A later one without rows, such as that
 * which ends a source, adds nothing. */
int rows_add(struct rows *rows, const struct table *batch, struct fault *fault);

/* Makes the file appear. Only destroy may follow; without this call it removes what was written. */
int rows_finish(struct rows *rows, struct fault *fault);
struct rows *rows_destroy(struct rows *rows);
void rows_destroy_pointer(struct rows **rows);
