#pragma once

/*
 * FlatBuffers
 *
 * The encoding of Arrow's metadata, without a schema compiler: tables are asked for a field by its number. Reading is
 * bounded: whatever the bytes say, nothing outside them is touched. What does not fit makes the reader broken and
 * answers as if it were absent, so a caller looks at is_broken once, after it has read everything.
 *
 * Source of the format: FlatBuffers, "FlatBuffers Internals" (little-endian; a table stands behind a signed offset to
 * its vtable, everything else behind unsigned forward offsets).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"

struct flatbuffer_reader {
        const uint8_t *bytes; /* borrowed */
        size_t n_bytes;
        bool is_broken;
};

struct flatbuffer_table {
        struct flatbuffer_reader *reader; /* NULL: no such table */
        size_t at, vtable;                /* positions in the reader's bytes */
        size_t n_table, n_vtable;         /* their sizes */
};

struct flatbuffer_vector {
        struct flatbuffer_reader *reader; /* NULL: no such vector */
        size_t at;                        /* of element 0 */
        size_t n;                         /* elements */
};

struct flatbuffer_table flatbuffer_root(struct flatbuffer_reader *reader);

/* A scalar of 1, 2, 4 or 8 bytes, not sign-extended; absent when the field is not there. */
uint64_t flatbuffer_get_uint(const struct flatbuffer_table *table, unsigned field, size_t width, uint64_t absent);
struct flatbuffer_table flatbuffer_get_table(const struct flatbuffer_table *table, unsigned field);

/* Elements stand element_bytes apart: 4 for tables and texts. */
struct flatbuffer_vector flatbuffer_get_vector(const struct flatbuffer_table *table, unsigned field,
                                               size_t element_bytes);

/* Text without its end; false when absent. */
bool flatbuffer_get_text(const struct flatbuffer_table *table, unsigned field, const char **ret_text,
                         size_t *ret_n_bytes);

struct flatbuffer_table flatbuffer_vector_table(const struct flatbuffer_vector *vector, size_t i);

/* Element i of 8-byte words of structs that are element_words long; i and word are within range. */
int64_t flatbuffer_vector_int64(const struct flatbuffer_vector *vector, size_t element_words, size_t i, size_t word);

/* Writing goes forward; links are set when their target's position is known. The first failure (-ENOMEM) stays in
 * error and everything after it does nothing. */
struct flatbuffer_writer {
        struct buffer bytes;
        int error;
};

/* a field of a table: width 0 leaves it out; one that links is written as 4 bytes and set later */
struct flatbuffer_value {
        uint8_t width;
        uint64_t value;
};

#define FLATBUFFER_FIELDS_MAX 8

/* Where a table's fields ended up, for flatbuffer_link(). */
struct flatbuffer_place {
        size_t at;
        size_t fields[FLATBUFFER_FIELDS_MAX];
};

void flatbuffer_writer_finish(struct flatbuffer_writer *writer);

/* Starts anew with the place for the root's link, at 0. */
void flatbuffer_writer_clear(struct flatbuffer_writer *writer);
struct flatbuffer_place flatbuffer_write_table(struct flatbuffer_writer *writer, const struct flatbuffer_value *values,
                                               size_t n_values);
size_t flatbuffer_write_text(struct flatbuffer_writer *writer, const char *text);

/* A vector of n links of 4 bytes; link i is at the returned position + 4 + 4 i. */
size_t flatbuffer_write_links(struct flatbuffer_writer *writer, size_t n);

/* A vector of n structs of element_bytes, a multiple of 8. */
size_t flatbuffer_write_structs(struct flatbuffer_writer *writer, const void *structs, size_t n, size_t element_bytes);
void flatbuffer_link(struct flatbuffer_writer *writer, size_t from, size_t target);
