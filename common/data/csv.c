/*
 * CSV, read
 *
 * Bytes are looked at 64 at a time: one bit for each that means something outside quotes, so that a field costs a few
 * instructions whatever its length. Behind the data stand 64 zeros; the first of them stops every scan.
 */

#include "common/data/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/utf8.h"

enum {
        BLOCK_BYTES = 64,
        FIRST_BYTES = 1024 * 1024, /* of memory, and so of a read(2) */
        MORE = CSV_E_RECORD + 1,   /* the record goes on behind the data in memory */
};

/* the first thing wrong with a record; it is read to its end all the same */
struct complaint {
        const char *code; /* NULL: none */
        const char *text;
        size_t at;
};

struct csv_reader {
        int fd;
        char *name;
        uint8_t *data; /* capacity + BLOCK_BYTES */
        size_t capacity, n_data;
        size_t at;   /* of the next record */
        bool is_end; /* nothing is left behind the data */
        int64_t n_read, line, n_records;
        size_t block;  /* position of the block that mask describes */
        uint64_t mask; /* its bytes of meaning that are not used up */
        bool is_wide;  /* a byte above 127 in a block of the record */
        bool is_block_wide;
        size_t n_columns;
        char (*names)[TABLE_NAME_BYTES];
        struct csv_field *fields; /* TABLE_COLUMNS_MOST */
        struct buffer folded;     /* quoted fields with doubled quotes made single */
};

struct csv_reader *csv_reader_destroy(struct csv_reader *reader) {
        if (!reader)
                return NULL;
        free(reader->name);
        free(reader->data);
        free(reader->names);
        free(reader->fields);
        buffer_finish(&reader->folded);
        free(reader);
        return NULL;
}

void csv_reader_destroy_pointer(struct csv_reader **reader) {
        csv_reader_destroy(*reader);
}

/* Bit i: byte i is a comma, a quote, a line end or NUL. */
#ifdef __SSE2__
static uint64_t block_mask(const uint8_t *bytes, bool *ret_is_wide) {
        const __m128i comma = _mm_set1_epi8(','), quote = _mm_set1_epi8('"'), feed = _mm_set1_epi8('\n'),
                      carriage = _mm_set1_epi8('\r'), zero = _mm_setzero_si128();
        uint64_t mask = 0;
        int wide = 0;

        for (int i = 0; i < BLOCK_BYTES; i += 16) {
                __m128i part = _mm_loadu_si128((const void *)(bytes + i));
                __m128i line = _mm_or_si128(_mm_cmpeq_epi8(part, feed), _mm_cmpeq_epi8(part, carriage));
                __m128i mark = _mm_or_si128(_mm_cmpeq_epi8(part, comma), _mm_cmpeq_epi8(part, quote));

                mark = _mm_or_si128(_mm_or_si128(mark, line), _mm_cmpeq_epi8(part, zero));
                mask |= (uint64_t)(unsigned)_mm_movemask_epi8(mark) << i;
                wide |= _mm_movemask_epi8(part);
        }
        *ret_is_wide = wide;
        return mask;
}
#else
static uint64_t block_mask(const uint8_t *bytes, bool *ret_is_wide) {
        uint64_t mask = 0;
        uint8_t wide = 0;

        for (int i = 0; i < BLOCK_BYTES; i++) {
                uint8_t byte = bytes[i];

                mask |= (uint64_t)(byte == ',' || byte == '"' || byte == '\n' || byte == '\r' || !byte) << i;
                wide |= byte;
        }
        *ret_is_wide = wide & 0x80;
        return mask;
}
#endif

static void load_block(struct csv_reader *reader, size_t at) {
        reader->block = at;
        reader->mask = block_mask(reader->data + at, &reader->is_block_wide);
        reader->is_wide |= reader->is_block_wide;
}

/* The first position of meaning not before `at`; n_data at the latest. */
static inline size_t next_mark(struct csv_reader *reader, size_t at) {
        if (at - reader->block < BLOCK_BYTES)
                reader->mask &= UINT64_MAX << (at - reader->block);
        else
                load_block(reader, at);
        while (!reader->mask)
                load_block(reader, reader->block + BLOCK_BYTES);
        return reader->block + (size_t)__builtin_ctzll(reader->mask);
}

/* Reads more behind the data, after moving the record in hand to the front or growing the memory. */
static int fill(struct csv_reader *reader) {
        size_t n_kept = reader->n_data - reader->at;
        uint8_t *data;
        ssize_t n;

        if (reader->at) {
                memmove(reader->data, reader->data + reader->at, n_kept);
        } else if (reader->n_data == reader->capacity) {
                data = realloc(reader->data, 2 * reader->capacity + BLOCK_BYTES);
                if (!data)
                        return error_origin(-ENOMEM, "reading %s", reader->name);
                reader->data = data;
                reader->capacity *= 2;
        }
        reader->at = 0;
        reader->n_data = n_kept;
        do
                n = read(reader->fd, reader->data + n_kept, reader->capacity - n_kept);
        while (n < 0 && errno == EINTR);
        if (n < 0)
                return error_origin(-errno, "reading %s", reader->name);
        reader->n_data += (size_t)n;
        reader->n_read += n;
        reader->is_end = !n;
        memset(reader->data + reader->n_data, 0, BLOCK_BYTES);
        reader->is_wide = false;
        load_block(reader, 0);
        return 0;
}

static void complain(struct complaint *complaint, const char *code, const char *text, size_t at) {
        if (!complaint->code)
                *complaint = (struct complaint){ code, text, at };
}

/* Notes what stands at a mark that does not end a field. */
static void check_mark(const struct csv_reader *reader, size_t at, struct complaint *complaint) {
        if (!reader->data[at])
                complain(complaint, "CSV_NUL_BYTE", "a NUL byte (is this UTF-16?)", at);
        else if (reader->data[at] == '\r')
                complain(complaint, "CSV_BAD_LINE_END", "a carriage return without a line feed", at);
}

/* The end of an unquoted field that goes on at `at`: its comma, line feed or the carriage return before one, or n_data.
 * MORE when that is not in memory. */
static inline int end_plain(struct csv_reader *reader, size_t at, size_t *ret_end, struct complaint *complaint) {
        for (;; at++) {
                const uint8_t *mark;

                at = next_mark(reader, at);
                mark = reader->data + at;
                if (*mark == ',' || *mark == '\n')
                        break;
                if (at == reader->n_data || (*mark == '\r' && at + 1 == reader->n_data)) {
                        if (!reader->is_end)
                                return MORE;
                        if (at == reader->n_data)
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
        r = buffer_reserve(&reader->folded, start ? 0 : reader->n_data - reader->at);
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
        reader->is_wide = true;
        for (;;) {
                quote = memchr(reader->data + from, '"', reader->n_data - from);
                if (!quote)
                        return MORE;
                end = (size_t)(quote - reader->data);
                if (end + 1 == reader->n_data && !reader->is_end)
                        return MORE;
                if (quote[1] != '"')
                        break;
                is_doubled = true;
                from = end + 2;
        }
        quote = memchr(reader->data + start, 0, end - start);
        if (quote)
                check_mark(reader, (size_t)(quote - reader->data), complaint);
        r = end_plain(reader, end + 1, ret_end, complaint);
        if (r)
                return r;
        if (*ret_end != end + 1)
                complain(complaint, "CSV_BAD_QUOTE", "text behind a closing quote", end + 1);
        if (is_doubled)
                return error_trace(fold(reader, reader->data + start, end - start, ret_field));
        *ret_field = (struct csv_field){ (const char *)reader->data + start, end - start };
        return 0;
}

/* Line and position of a byte of the record in hand. */
static void place(const struct csv_reader *reader, size_t at, struct fault *fault) {
        const uint8_t *from = reader->data + reader->at, *feed;
        int64_t line = reader->line;
        size_t n = at - reader->at;

        while ((feed = memchr(from, '\n', n))) {
                n -= (size_t)(feed - from) + 1;
                from = feed + 1;
                line++;
        }
        fault_at(fault, reader->name, line, (int64_t)n + 1);
}

static const char *column_name(const struct csv_reader *reader, size_t field) {
        return reader->names && field < reader->n_columns ? reader->names[field] : "";
}

static int refuse_length(const struct csv_reader *reader, size_t field, size_t at, struct fault *fault) {
        place(reader, at, fault);
        fault_in(fault, column_name(reader, field), reader->n_records);
        return fault_set(fault, "CSV_FIELD_TOO_LONG", "field %zu has more than %d bytes%s", field + 1, CSV_FIELD_BYTES,
                         reader->data[at] == '"' ? " (is the quote that opens it closed?)" : "");
}

/* Why the record cannot be ended although there is no more, or should not go on any longer. */
static int refuse_more(const struct csv_reader *reader, size_t field, size_t at, struct fault *fault) {
        bool is_quoted = reader->data[at] == '"';

        if (reader->n_data - at > CSV_FIELD_BYTES)
                return refuse_length(reader, field, at, fault);
        if (reader->is_end && is_quoted) {
                place(reader, at, fault);
                fault_in(fault, column_name(reader, field), reader->n_records);
                return fault_set(fault, "CSV_UNCLOSED_QUOTE", "the quote that opens here is never closed");
        }
        if (reader->n_data - reader->at > CSV_RECORD_BYTES) {
                place(reader, reader->at, fault);
                fault_in(fault, "", reader->n_records);
                return fault_set(fault, "CSV_RECORD_TOO_LONG", "the record has more than %d bytes", CSV_RECORD_BYTES);
        }
        return MORE;
}

/* Splits the record at reader->at. Gives its end, before the line end, and the number of its fields. */
static int split(struct csv_reader *reader, size_t *ret_n_fields, size_t *ret_end, struct complaint *complaint,
                 struct fault *fault) {
        size_t at = reader->at, n = 0, end;
        struct csv_field field;
        int r;

        reader->is_wide = reader->is_block_wide;
        reader->folded.n_bytes = 0;
        for (;; at = end + 1) {
                if (reader->data[at] == '"' && at < reader->n_data) {
                        r = end_quoted(reader, at, &field, &end, complaint);
                } else {
                        r = end_plain(reader, at, &end, complaint);
                        field = (struct csv_field){ (const char *)reader->data + at, end - at };
                }
                if (r == MORE)
                        return refuse_more(reader, n, at, fault);
                if (r)
                        return error_trace(r);
                if (field.n_bytes > CSV_FIELD_BYTES)
                        return refuse_length(reader, n, at, fault);
                if (n < TABLE_COLUMNS_MOST)
                        reader->fields[n] = field;
                n++;
                if (end == reader->n_data || reader->data[end] != ',')
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
                n = utf8_character_bytes(reader->data + from, end - from);
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
        for (; reader->at < reader->n_data; reader->line++) {
                const uint8_t *byte = reader->data + reader->at;

                if (*byte == '\r' && byte[1] == '\n')
                        reader->at += 2;
                else if (*byte == '\n')
                        reader->at++;
                else
                        return *byte != '\r' || reader->at + 1 < reader->n_data || reader->is_end;
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
                        if (reader->is_end && reader->at == reader->n_data) {
                                *ret_record = (struct csv_record)CSV_RECORD_NULL;
                                return 0;
                        }
                        r = fill(reader);
                        if (r)
                                return error_trace(r);
                }
                complaint = (struct complaint){ 0 };
                r = split(reader, &n_fields, &end, &complaint, fault);
                if (r == MORE) {
                        r = fill(reader);
                        if (!r)
                                r = MORE;
                }
        } while (r == MORE);
        if (r)
                return error_trace(r);
        if (reader->is_wide && !utf8_is_valid(reader->data + reader->at, end - reader->at))
                complain(&complaint, "CSV_NOT_UTF8", "a byte that is not UTF-8",
                         find_bad_byte(reader, reader->at, end));
        *ret_record = (struct csv_record){ reader->fields, n_fields, reader->line,
                                           (const char *)reader->data + reader->at, end - reader->at };
        if (complaint.code)
                r = report(reader, &complaint, fault);
        next = end + (reader->data[end] == '\r') + (end < reader->n_data);
        if (next > reader->n_data)
                next = reader->n_data;
        reader->line += count_lines(reader->data + reader->at, next - reader->at);
        reader->at = next;
        return r;
}

int csv_reader_read(struct csv_reader *reader, struct csv_record *ret_record, struct fault *fault) {
        struct csv_record record;
        int r;

        r = read_any(reader, &record, fault);
        if (r && r != CSV_E_RECORD)
                return error_trace(r);
        if (!r && record.n_fields && record.n_fields != reader->n_columns) {
                fault_at(fault, reader->name, record.line, 0);
                fault_in(fault, "", reader->n_records);
                fault_set(fault, "CSV_WRONG_COLUMN_COUNT", "the header has %zu columns, this record has %zu",
                          reader->n_columns, record.n_fields);
                r = CSV_E_RECORD;
        }
        reader->n_records++;
        *ret_record = record;
        return r;
}

static int read_names(struct csv_reader *reader, const struct csv_record *header, struct fault *fault) {
        reader->names = calloc(header->n_fields, sizeof(*reader->names));
        if (!reader->names)
                return error_origin(-ENOMEM, "reading %s", reader->name);
        for (size_t i = 0; i < header->n_fields; i++) {
                const struct csv_field *field = &header->fields[i];

                if (field->n_bytes >= TABLE_NAME_BYTES)
                        return fault_set(fault, "CSV_BAD_HEADER", "the name of column %zu has more than %d bytes",
                                         i + 1, TABLE_NAME_BYTES - 1);
                memcpy(reader->names[i], field->text, field->n_bytes);
                for (size_t k = 0; k < i; k++) {
                        if (strcmp(reader->names[i], reader->names[k]) != 0)
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

        r = fill(reader);
        if (r)
                return error_trace(r);
        if (reader->n_data >= sizeof(mark) && !memcmp(reader->data, mark, sizeof(mark)))
                reader->at = sizeof(mark);
        fault_at(fault, reader->name, 1, 0);
        fault_in(fault, "", -1);
        r = read_any(reader, &header, fault);
        fault->row = -1;
        if (r)
                return r == CSV_E_RECORD ? FAULT_E_INPUT : error_trace(r);
        fault_at(fault, reader->name, header.line, 0);
        if (!header.n_fields)
                return fault_set(fault, "EMPTY_SOURCE", "the file is empty; its first line should name the columns");
        if (header.n_fields > TABLE_COLUMNS_MOST)
                return fault_set(fault, "CSV_BAD_HEADER", "the header has %zu columns, more than %d", header.n_fields,
                                 TABLE_COLUMNS_MOST);
        return read_names(reader, &header, fault);
}

int csv_reader_create(int fd, const char *name, struct csv_reader **ret_reader, struct fault *fault) {
        _cleanup_(csv_reader_destroy_pointer) struct csv_reader *reader = calloc(1, sizeof(*reader));
        int r;

        if (!reader)
                return error_origin(-ENOMEM, "opening %s", name);
        reader->fd = fd;
        reader->line = 1;
        reader->capacity = FIRST_BYTES;
        reader->name = strdup(name);
        reader->data = malloc(reader->capacity + BLOCK_BYTES);
        reader->fields = calloc(TABLE_COLUMNS_MOST, sizeof(*reader->fields));
        if (!reader->name || !reader->data || !reader->fields)
                return error_origin(-ENOMEM, "opening %s", name);
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
        return reader->n_read - (int64_t)(reader->n_data - reader->at);
}
