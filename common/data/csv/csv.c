/* CSV, read: marks that csv_scanner finds, made into fields and records. */

#include "common/data/csv/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/utf8.h"
#include "common/data/csv/csv_scanner.h"

enum {
        MORE = CSV_E_RECORD + 1, /* the record goes on behind the data in memory */
};

/* the first thing wrong with a record; it is read to its end all the same */
struct complaint {
        const char *code; /* NULL: none */
        const char *text;
        size_t at;
};

struct csv_reader {
        struct csv_scanner scanner;
        int64_t line, n_records;
        size_t n_columns;
        char (*names)[TABLE_NAME_BYTES];
        struct csv_field *fields; /* TABLE_COLUMNS_MAX */
        struct buffer folded;     /* quoted fields with doubled quotes made single */
};

struct csv_reader *csv_reader_destroy(struct csv_reader *reader) {
        if (!reader)
                return NULL;
        csv_scanner_finish(&reader->scanner);
        free(reader->names);
        free(reader->fields);
        buffer_finish(&reader->folded);
        free(reader);
        return NULL;
}

void csv_reader_destroy_pointer(struct csv_reader **reader) {
        csv_reader_destroy(*reader);
}

static void complain(struct complaint *complaint, const char *code, const char *text, size_t at) {
        if (!complaint->code)
                *complaint = (struct complaint){ code, text, at };
}

/* Notes what stands at a mark that does not end a field. */
static void check_mark(const struct csv_reader *reader, size_t at, struct complaint *complaint) {
        if (!reader->scanner.data[at])
                complain(complaint, "CSV_NUL_BYTE", "a NUL byte (is this UTF-16?)", at);
        else if (reader->scanner.data[at] == '\r')
                complain(complaint, "CSV_BAD_LINE_END", "a carriage return without a line feed", at);
}

/* The end of an unquoted field that goes on at `at`: its comma, line feed or the carriage return before one, or n_data.
 * MORE when that is not in memory. */
static inline int end_plain(struct csv_reader *reader, size_t at, size_t *ret_end, struct complaint *complaint) {
        for (;; at++) {
                const uint8_t *mark;

                at = csv_scanner_next(&reader->scanner, at);
                mark = reader->scanner.data + at;
                if (*mark == ',' || *mark == '\n')
                        break;
                if (at == reader->scanner.n_data || (*mark == '\r' && at + 1 == reader->scanner.n_data)) {
                        if (!reader->scanner.is_end)
                                return MORE;
                        if (at == reader->scanner.n_data)
                                break;
                }
                if (*mark == '\r' && mark[1] == '\n')
                        break;
                check_mark(reader, at, complaint);
        }
        *ret_end = at;
        return 0;
}

/* Copies a quoted field with its doubled quotes made single. */
static int fold(struct csv_reader *reader, const uint8_t *text, size_t n_bytes, struct csv_field *ret_field) {
        size_t start = reader->folded.n_bytes;
        const uint8_t *quote;
        int r;

        /* once for the record, so that the fields before stay where they are */
        r = buffer_reserve(&reader->folded, start ? 0 : reader->scanner.n_data - reader->scanner.at);
        while (!r && (quote = memchr(text, '"', n_bytes))) {
                size_t n = (size_t)(quote - text) + 1;

                r = buffer_append(&reader->folded, text, n);
                text += n + 1;
                n_bytes -= n + 1;
        }
        if (!r)
                r = buffer_append(&reader->folded, text, n_bytes);
        if (r)
                return error_trace(r);
        *ret_field = (struct csv_field){ (const char *)reader->folded.data + start, reader->folded.n_bytes - start };
        return 0;
}

/* A field whose opening quote stands at `at`. */
static int end_quoted(struct csv_reader *reader, size_t at, struct csv_field *ret_field, size_t *ret_end,
                      struct complaint *complaint) {
        size_t start = at + 1, end, from = start;
        bool is_doubled = false;
        const uint8_t *quote;
        int r;

        /* what is jumped over below is in no block */
        reader->scanner.is_wide = true;
        for (;;) {
                quote = memchr(reader->scanner.data + from, '"', reader->scanner.n_data - from);
                if (!quote)
                        return MORE;
                end = (size_t)(quote - reader->scanner.data);
                if (end + 1 == reader->scanner.n_data && !reader->scanner.is_end)
                        return MORE;
                if (quote[1] != '"')
                        break;
                is_doubled = true;
                from = end + 2;
        }
        quote = memchr(reader->scanner.data + start, 0, end - start);
        if (quote)
                check_mark(reader, (size_t)(quote - reader->scanner.data), complaint);
        r = end_plain(reader, end + 1, ret_end, complaint);
        if (r)
                return r;
        if (*ret_end != end + 1)
                complain(complaint, "CSV_BAD_QUOTE", "text behind a closing quote", end + 1);
        if (is_doubled)
                return error_trace(fold(reader, reader->scanner.data + start, end - start, ret_field));
        *ret_field = (struct csv_field){ (const char *)reader->scanner.data + start, end - start };
        return 0;
}

/* Line and position of a byte of the record in hand. */
static void place(const struct csv_reader *reader, size_t at, struct fault *fault) {
        const uint8_t *from = reader->scanner.data + reader->scanner.at, *feed;
        int64_t line = reader->line;
        size_t n = at - reader->scanner.at;

        while ((feed = memchr(from, '\n', n))) {
                n -= (size_t)(feed - from) + 1;
                from = feed + 1;
                line++;
        }
        fault_at(fault, reader->scanner.name, line, (int64_t)n + 1);
}

static const char *column_name(const struct csv_reader *reader, size_t field) {
        return reader->names && field < reader->n_columns ? reader->names[field] : "";
}

static int refuse_length(const struct csv_reader *reader, size_t field, size_t at, struct fault *fault) {
        place(reader, at, fault);
        fault_in(fault, column_name(reader, field), reader->n_records);
        return fault_set(fault, "CSV_FIELD_TOO_LONG", "field %zu has more than %d bytes%s", field + 1, CSV_FIELD_BYTES,
                         reader->scanner.data[at] == '"' ? " (is the quote that opens it closed?)" : "");
}

/* Why the record is given up: the file ends within it, or it is too long. */
static int refuse_more(const struct csv_reader *reader, size_t field, size_t at, struct fault *fault) {
        bool is_quoted = reader->scanner.data[at] == '"';

        if (reader->scanner.n_data - at > CSV_FIELD_BYTES)
                return refuse_length(reader, field, at, fault);
        if (reader->scanner.is_end && is_quoted) {
                place(reader, at, fault);
                fault_in(fault, column_name(reader, field), reader->n_records);
                return fault_set(fault, "CSV_UNCLOSED_QUOTE", "the quote that opens here is never closed");
        }
        if (reader->scanner.n_data - reader->scanner.at > CSV_RECORD_BYTES) {
                place(reader, reader->scanner.at, fault);
                fault_in(fault, "", reader->n_records);
                return fault_set(fault, "CSV_RECORD_TOO_LONG", "the record has more than %d bytes", CSV_RECORD_BYTES);
        }
        return MORE;
}

/* Splits the record at reader->scanner.at. Gives its end, before the line end, and the number of its fields. */
static int split(struct csv_reader *reader, size_t *ret_n_fields, size_t *ret_end, struct complaint *complaint,
                 struct fault *fault) {
        size_t at = reader->scanner.at, n = 0, end = at;
        struct csv_field field;
        int r;

        reader->scanner.is_wide = reader->scanner.is_block_wide;
        reader->folded.n_bytes = 0;
        for (;; at = end + 1) {
                if (reader->scanner.data[at] == '"' && at < reader->scanner.n_data) {
                        r = end_quoted(reader, at, &field, &end, complaint);
                } else {
                        r = end_plain(reader, at, &end, complaint);
                        field = (struct csv_field){ (const char *)reader->scanner.data + at, end - at };
                }
                if (r == MORE)
                        return refuse_more(reader, n, at, fault);
                if (r)
                        return error_trace(r);
                if (field.n_bytes > CSV_FIELD_BYTES)
                        return refuse_length(reader, n, at, fault);
                if (n < TABLE_COLUMNS_MAX)
                        reader->fields[n] = field;
                n++;
                if (end == reader->scanner.n_data || reader->scanner.data[end] != ',')
                        break;
        }
        *ret_n_fields = n;
        *ret_end = end;
        return 0;
}

/* Where the first byte stands that is not UTF-8, at or behind from. */
static size_t find_bad_byte(const struct csv_reader *reader, size_t from, size_t end) {
        size_t n;

        for (; from < end; from += n) {
                n = utf8_character_bytes(reader->scanner.data + from, end - from);
                if (!n)
                        break;
        }
        return from;
}

static int report(const struct csv_reader *reader, const struct complaint *complaint, struct fault *fault) {
        place(reader, complaint->at, fault);
        fault_in(fault, "", reader->n_records);
        fault_set(fault, complaint->code, "%s", complaint->text);
        return CSV_E_RECORD;
}

/* Steps over empty lines; false at the end of the data in memory. */
static bool skip_empty_lines(struct csv_reader *reader) {
        for (; reader->scanner.at < reader->scanner.n_data; reader->line++) {
                const uint8_t *byte = reader->scanner.data + reader->scanner.at;

                if (*byte == '\r' && byte[1] == '\n')
                        reader->scanner.at += 2;
                else if (*byte == '\n')
                        reader->scanner.at++;
                else
                        return *byte != '\r' || reader->scanner.at + 1 < reader->scanner.n_data ||
                               reader->scanner.is_end;
        }
        return false;
}

static int64_t count_lines(const uint8_t *from, size_t n_bytes) {
        const uint8_t *end = from + n_bytes, *feed;
        int64_t n = 0;

        for (; (feed = memchr(from, '\n', (size_t)(end - from))); from = feed + 1)
                n++;
        return n;
}

/* The next record with any number of fields; n_fields 0 at the end. */
static int read_any(struct csv_reader *reader, struct csv_record *ret_record, struct fault *fault) {
        struct complaint complaint;
        size_t n_fields = 0, end = 0, next;
        int r;

        do {
                while (!skip_empty_lines(reader)) {
                        if (reader->scanner.is_end && reader->scanner.at == reader->scanner.n_data) {
                                *ret_record = (struct csv_record)CSV_RECORD_NULL;
                                return 0;
                        }
                        r = csv_scanner_fill(&reader->scanner);
                        if (r)
                                return error_trace(r);
                }
                complaint = (struct complaint){ 0 };
                r = split(reader, &n_fields, &end, &complaint, fault);
                if (r == MORE) {
                        r = csv_scanner_fill(&reader->scanner);
                        if (!r)
                                r = MORE;
                }
        } while (r == MORE);
        if (r)
                return error_trace(r);
        if (reader->scanner.is_wide &&
            !utf8_is_valid(reader->scanner.data + reader->scanner.at, end - reader->scanner.at))
                complain(&complaint, "CSV_NOT_UTF8", "a byte that is not UTF-8",
                         find_bad_byte(reader, reader->scanner.at, end));
        *ret_record = (struct csv_record){ reader->fields, n_fields, reader->line,
                                           (const char *)reader->scanner.data + reader->scanner.at,
                                           end - reader->scanner.at };
        if (complaint.code)
                r = report(reader, &complaint, fault);
        next = end + (reader->scanner.data[end] == '\r') + (end < reader->scanner.n_data);
        if (next > reader->scanner.n_data)
                next = reader->scanner.n_data;
        reader->line += count_lines(reader->scanner.data + reader->scanner.at, next - reader->scanner.at);
        reader->scanner.at = next;
        return r;
}

int csv_reader_read(struct csv_reader *reader, struct csv_record *ret_record, struct fault *fault) {
        struct csv_record record;
        int r;

        r = read_any(reader, &record, fault);
        if (r && r != CSV_E_RECORD)
                return error_trace(r);
        if (!r && record.n_fields && record.n_fields != reader->n_columns) {
                fault_at(fault, reader->scanner.name, record.line, 0);
                fault_in(fault, "", reader->n_records);
                fault_set(fault, "CSV_WRONG_COLUMN_COUNT", "the header has %zu columns, this record has %zu",
                          reader->n_columns, record.n_fields);
                r = CSV_E_RECORD;
        }
        reader->n_records++;
        *ret_record = record;
        return r;
}

const char *csv_separator_name(char separator) {
        return separator == '\t' ? "a tab" : separator == ';' ? "a semicolon" : "a vertical bar";
}

/* A whole header that was taken for one name. */
static int refuse_long_name(const struct csv_record *header, size_t i, struct fault *fault) {
        const struct csv_field *field = &header->fields[i];
        const char *other = NULL;

        for (size_t k = 0; k < field->n_bytes && !other; k++)
                other = field->text[k] ? strchr(CSV_OTHER_SEPARATORS, field->text[k]) : NULL;
        if (header->n_fields > 1 || !other)
                return fault_set(fault, "CSV_BAD_HEADER", "the name of column %zu has more than %d bytes", i + 1,
                                 TABLE_NAME_BYTES - 1);
        return fault_set(fault, "CSV_BAD_HEADER",
                         "the header is one name of more than %d bytes; is %s the separator? Convoy reads commas",
                         TABLE_NAME_BYTES - 1, csv_separator_name(*other));
}

static int read_names(struct csv_reader *reader, const struct csv_record *header, struct fault *fault) {
        if (!header->n_fields)
                return fault_set(fault, "EMPTY_SOURCE", "the file is empty; its first line should name the columns");
        if (header->n_fields > TABLE_COLUMNS_MAX)
                return fault_set(fault, "CSV_BAD_HEADER", "the header has %zu columns, more than %d", header->n_fields,
                                 TABLE_COLUMNS_MAX);
        reader->names = calloc(header->n_fields, sizeof(*reader->names));
        if (!reader->names)
                return error_origin(-ENOMEM, "reading %s", reader->scanner.name);
        for (size_t i = 0; i < header->n_fields; i++) {
                const struct csv_field *field = &header->fields[i];

                if (field->n_bytes >= TABLE_NAME_BYTES)
                        return refuse_long_name(header, i, fault);
                memcpy(reader->names[i], field->text, field->n_bytes);
                for (size_t k = 0; k < i; k++) {
                        if (strcmp(reader->names[i], reader->names[k]))
                                continue;
                        fault_in(fault, reader->names[i], -1);
                        return fault_set(fault, "CSV_DUPLICATE_COLUMN",
                                         "columns %zu and %zu of the header are both named \"%s\"", k + 1, i + 1,
                                         reader->names[i]);
                }
        }
        reader->n_columns = header->n_fields;
        return 0;
}

static int read_header(struct csv_reader *reader, struct fault *fault) {
        static const uint8_t mark[] = { 0xef, 0xbb, 0xbf };
        struct csv_record header;
        int r;

        r = csv_scanner_fill(&reader->scanner);
        if (r)
                return error_trace(r);
        if (reader->scanner.n_data >= sizeof(mark) && !memcmp(reader->scanner.data, mark, sizeof(mark)))
                reader->scanner.at = sizeof(mark);
        r = read_any(reader, &header, fault);
        if (r == CSV_E_RECORD || r == FAULT_E_INPUT) {
                fault->row = -1;
                return FAULT_E_INPUT;
        }
        if (r)
                return error_trace(r);
        r = read_names(reader, &header, fault);
        if (r == FAULT_E_INPUT)
                fault_at(fault, reader->scanner.name, header.line, 0);
        return error_trace(r);
}

int csv_reader_create(int fd, const char *name, struct csv_reader **ret_reader, struct fault *fault) {
        _cleanup_(csv_reader_destroy_pointer) struct csv_reader *reader = calloc(1, sizeof(*reader));
        int r;

        if (!reader)
                return error_origin(-ENOMEM, "opening %s", name);
        reader->line = 1;
        reader->fields = calloc(TABLE_COLUMNS_MAX, sizeof(*reader->fields));
        if (!reader->fields)
                return error_origin(-ENOMEM, "opening %s", name);
        r = csv_scanner_init(&reader->scanner, fd, name);
        if (!r)
                r = read_header(reader, fault);
        if (r)
                return error_trace(r);
        *ret_reader = steal(reader);
        return 0;
}

size_t csv_reader_n_columns(const struct csv_reader *reader) {
        return reader->n_columns;
}

const char *csv_reader_name(const struct csv_reader *reader, size_t column) {
        return reader->names[column];
}

int64_t csv_reader_n_bytes(const struct csv_reader *reader) {
        return reader->scanner.n_read - (int64_t)(reader->scanner.n_data - reader->scanner.at);
}
