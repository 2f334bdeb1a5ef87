#pragma once

/*
 * Table
 *
 * Rows in columns, in Arrow's memory layout: a column is a run of values and, where some are missing, a validity bitmap
 * (bit i of byte i/8, least significant first; 1 = present). A `struct table` is a view: it owns nothing and may lie in
 * a mapped file or in a `struct table_builder`. Between stages a schema column has one of three types:
 *
 *   int and bool   COLUMN_INT64     bool as 0 and 1
 *   float          COLUMN_FLOAT64   never NaN; infinities are values
 *   category       COLUMN_UTF8      canonical text (value.h), also where the schema says `of: int`
 *
 * COLUMN_FLOAT32 is the train matrix's: NaN = missing, no bitmap.
 *
 * Source of the layout: Apache Arrow, Columnar Format, "Physical Memory Layout".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"

/* rows of one record batch, at most */
#define TABLE_BATCH_ROWS 65536
/* columns of one table, at most */
#define TABLE_COLUMNS_MAX 1024
/* a column's name in bytes, its end included */
#define TABLE_NAME_BYTES 128

enum column_type {
        COLUMN_INT64,
        COLUMN_FLOAT64,
        COLUMN_UTF8,
        COLUMN_FLOAT32,
};

struct column {
        const char *name; /* borrowed as the table is */
        enum column_type type;
        const uint8_t *validity; /* NULL: nothing is missing */
        const int64_t *int64;    /* one of these four, n_rows long */
        const double *float64;
        const float *float32;
        const int32_t *offsets; /* n_rows + 1 offsets into text; value i is text[offsets[i] … offsets[i+1]) */
        const char *text;
};

struct table {
        size_t n_rows;
        size_t n_columns;
        struct column *columns; /* borrowed */
};

#define TABLE_NULL \
        { 0 }

/* A table of float32 columns as one strided matrix: row r of column c is values[c * distance + r]. */
struct table_matrix {
        const float *values; /* borrowed as the table is */
        size_t distance;     /* in floats, at least n_rows */
        size_t n_rows;
        size_t n_columns;
};

/* True when every column is COLUMN_FLOAT32 without a bitmap and all stand at one distance, ascending. */
bool table_as_matrix(const struct table *table, struct table_matrix *ret_matrix);

static inline bool column_is_present(const struct column *column, size_t row) {
        return !column->validity || (column->validity[row / 8] >> (row % 8) & 1);
}

static inline const char *column_text(const struct column *column, size_t row, size_t *ret_n_bytes) {
        *ret_n_bytes = (size_t)(column->offsets[row + 1] - column->offsets[row]);
        return column->text + column->offsets[row];
}

/* The column of that name, or NULL. */
const struct column *table_find(const struct table *table, const char *name);

/* The rows first … first+n_rows-1 of a table; first is a multiple of 8 (asserted). The columns are written to
 * ret_columns, which has room for n_columns and is borrowed by the slice. */
struct table table_slice(const struct table *table, size_t first, size_t n_rows, struct column *ret_columns);

/*
 * Adds every row to a content digest that does not depend on the order of rows or of batches: XXH3-128 over the row's
 * columns in the table's order, each as one tag byte (0 missing, 1 int64, 2 float64, 3 text) followed by 8 bytes
 * little-endian (-0.0 as 0.0), or a length of 4 bytes little-endian and the text. Tables whose columns have the same
 * order and the same values give the same digest, whatever source they came from. 0 or -ENOMEM.
 */
int table_add_content(const struct table *table, struct digest_content *content);

/* The digest of each row by itself; ret_rows is n_rows long. Added up they are what table_add_content() adds. 0 or
 * -ENOMEM. */
int table_digest_rows(const struct table *table, struct digest_content *ret_rows);

/*
 * A table being built: columns are declared once, then values are appended column by column or whole ranges are
 * reserved and written in place. Every column must have the same length when the table is viewed (asserted).
 * builder_clear() empties the rows and keeps the memory, so that one builder serves all batches of a stream.
 */
struct table_builder;

int table_builder_create(struct table_builder **ret_builder);
struct table_builder *table_builder_destroy(struct table_builder *builder);
void table_builder_destroy_pointer(struct table_builder **builder);

/* Declares a column while there are no rows; name is copied. Returns 0, -ENOMEM, or -E2BIG beyond TABLE_COLUMNS_MAX.
 */
int table_builder_add_column(struct table_builder *builder, const char *name, enum column_type type);
void table_builder_clear(struct table_builder *builder);

/* Cuts every column back to n_rows, undoing a half-written row. */
void table_builder_truncate(struct table_builder *builder, size_t n_rows);

/* Append one value to column (0-based). 0, -ENOMEM, or -EFBIG when a column's text would pass 2 GiB. */
int table_builder_add_int64(struct table_builder *builder, size_t column, int64_t value);
int table_builder_add_float64(struct table_builder *builder, size_t column, double value);
int table_builder_add_float32(struct table_builder *builder, size_t column, float value);
int table_builder_add_text(struct table_builder *builder, size_t column, const char *text, size_t n_bytes);
int table_builder_add_missing(struct table_builder *builder, size_t column);

/* Append n_rows values to a fixed-width column without writing them; they are all present. The address is valid until
 * the column grows again. */
int table_builder_reserve(struct table_builder *builder, size_t column, size_t n_rows, void **ret_values);

/* Append n_rows texts of n_bytes in all, to be written by the caller: ret_ends[i] is the offset of the end of the i-th
 * text, the first of which begins at offset *ret_start and at ret_text. TABLE_TEXT_SLACK bytes after the last text may
 * be overwritten. Valid until the column grows again. 0, -ENOMEM or -EFBIG. */
#define TABLE_TEXT_SLACK 24
int table_builder_reserve_texts(struct table_builder *builder, size_t column, size_t n_rows, size_t n_bytes,
                                int32_t *ret_start, int32_t **ret_ends, char **ret_text);

/*
 * Whole rows written in place: room for n_rows values in every column, and for n_text bytes of each column of text, all
 * behind what is there. ret_rooms has as many as there are columns. What is written counts when the rows are closed;
 * until then no other function may be called. A column that reaches 2 GiB of text gets no room for more.
 */
struct table_room {
        int64_t *int64; /* one of these three; the address of float32 is never asked for */
        double *float64;
        int32_t *ends;     /* of each row, the offset of the end of its text */
        char *text;        /* where the first row's begins */
        int32_t start;     /* the offset of that */
        size_t n_text;     /* written so far, by the caller */
        size_t n_text_max; /* bytes of room */
};

int table_builder_open_rows(struct table_builder *builder, size_t n_rows, size_t n_text, struct table_room *ret_rooms);

/* Takes the first n_rows of them; is_filled tells of each column whether it was written, else it is missing in all of
 * them. 0, or -ENOMEM and none is taken. */
int table_builder_close_rows(struct table_builder *builder, size_t n_rows, const bool *is_filled);

/* Appends the given rows of a table whose columns have the builder's names, types and order (asserted). */
int table_builder_add_rows(struct table_builder *builder, const struct table *table, const uint32_t *rows,
                           size_t n_rows);

size_t table_builder_n_rows(const struct table_builder *builder);

/* The view of all rows so far; borrowed until the builder changes. */
struct table table_builder_view(struct table_builder *builder);
