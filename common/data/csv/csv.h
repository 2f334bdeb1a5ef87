#pragma once

/*
 * CSV
 *
 * Text in records and fields (RFC 4180): commas, quotes doubled inside quotes, CRLF or LF, line ends inside quotes, a
 * byte order mark, a last line without an end. A quote inside an unquoted field is an ordinary character. Empty lines
 * are skipped. The first record names the columns. Everything is UTF-8; NUL is refused.
 *
 * Memory is bounded by the longest record, and that by CSV_RECORD_BYTES.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/data/table.h"

/* one field, at most */
#define CSV_FIELD_BYTES (1024 * 1024)
/* one record, at most */
#define CSV_RECORD_BYTES (16 * 1024 * 1024)

enum {
        CSV_E_RECORD = FAULT_E_INPUT + 1, /* this record is at fault, the next one can be read */
};

struct csv_field {
        const char *text; /* unquoted; not ended by NUL */
        size_t n_bytes;
};

struct csv_record {
        const struct csv_field *fields;
        size_t n_fields;  /* 0: the end */
        int64_t line;     /* of its first byte, 1-based */
        const char *text; /* as it stands in the file, without the line end */
        size_t n_bytes;
};

#define CSV_RECORD_NULL \
        { 0 }

/* A separator that other programs write instead of a comma, and its name for people: "a semicolon". */
#define CSV_OTHER_SEPARATORS ";\t|"
const char *csv_separator_name(char separator);

struct csv_reader;

/*
 * Reads the header of what fd holds from its present position on. fd stays the caller's; name is what faults call the
 * file, copied. FAULT_E_INPUT: EMPTY_SOURCE, CSV_DUPLICATE_COLUMN, CSV_BAD_HEADER, or a bad first record.
 */
int csv_reader_create(int fd, const char *name, struct csv_reader **ret_reader, struct fault *fault);
struct csv_reader *csv_reader_destroy(struct csv_reader *reader);
void csv_reader_destroy_pointer(struct csv_reader **reader);

size_t csv_reader_n_columns(const struct csv_reader *reader);
/* The name of column i; borrowed from the reader. */
const char *csv_reader_name(const struct csv_reader *reader, size_t column);

/*
 * The next record, borrowed until the next call, with as many fields as the header has. 0; CSV_E_RECORD
 * (CSV_WRONG_COLUMN_COUNT, CSV_NOT_UTF8, CSV_NUL_BYTE, CSV_BAD_QUOTE, CSV_BAD_LINE_END), fault filled with file, line
 * and position and ret_record with line and text; FAULT_E_INPUT where the end of the record cannot be known
 * (CSV_FIELD_TOO_LONG, CSV_RECORD_TOO_LONG, CSV_UNCLOSED_QUOTE); or a negative errno.
 */
int csv_reader_read(struct csv_reader *reader, struct csv_record *ret_record, struct fault *fault);

/* Bytes of the records so far, for progress. */
int64_t csv_reader_n_bytes(const struct csv_reader *reader);

/* Append the header, or all rows, of a table as CSV with LF; quotes where needed, missing as nothing, an empty text as
 * "", floats as the shortest text that reads back to the same value. 0 or -ENOMEM. */
int csv_append_header(const struct table *table, struct buffer *buffer);
int csv_append_rows(const struct table *table, struct buffer *buffer);
