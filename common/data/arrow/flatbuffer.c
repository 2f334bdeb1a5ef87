/* FlatBuffers: bounded reading by field number, forward writing. */

#include "common/data/arrow/flatbuffer.h"

#include <assert.h>
#include <endian.h>
#include <string.h>

#include "common/base/error.h"

#if __BYTE_ORDER != __LITTLE_ENDIAN
#error "Arrow files are mapped as they are, which needs a little-endian machine"
#endif

static uint64_t broken(struct flatbuffer_reader *reader) {
        reader->is_broken = true;
        return 0;
}

static bool is_within(const struct flatbuffer_reader *reader, size_t at, size_t n_bytes) {
        return at <= reader->n_bytes && n_bytes <= reader->n_bytes - at;
}

static uint64_t read_uint(struct flatbuffer_reader *reader, size_t at, size_t width) {
        uint64_t value = 0;

        if (!is_within(reader, at, width))
                return broken(reader);
        memcpy(&value, reader->bytes + at, width);
        return value;
}

/* The target of the unsigned offset at a position; 0 is never one. */
static size_t follow(struct flatbuffer_reader *reader, size_t at) {
        uint64_t target = at + read_uint(reader, at, 4);

        if (target == at || target >= reader->n_bytes)
                return broken(reader);
        return (size_t)target;
}

static struct flatbuffer_table table_at(struct flatbuffer_reader *reader, size_t at) {
        int64_t vtable = (int64_t)at - (int32_t)read_uint(reader, at, 4);
        struct flatbuffer_table table = { .reader = reader, .at = at };

        if (vtable < 0 || !is_within(reader, (size_t)vtable, 4)) {
                broken(reader);
                return (struct flatbuffer_table){ 0 };
        }
        table.vtable = (size_t)vtable;
        table.n_vtable = read_uint(reader, table.vtable, 2);
        table.n_table = read_uint(reader, table.vtable + 2, 2);
        if (table.n_vtable < 4 || !is_within(reader, table.vtable, table.n_vtable) || table.n_table < 4 ||
            !is_within(reader, at, table.n_table)) {
                broken(reader);
                return (struct flatbuffer_table){ 0 };
        }
        return table;
}

struct flatbuffer_table flatbuffer_root(struct flatbuffer_reader *reader) {
        size_t at = follow(reader, 0);

        return reader->is_broken ? (struct flatbuffer_table){ 0 } : table_at(reader, at);
}

/* The position of a field of that width, or 0. */
static size_t field_at(const struct flatbuffer_table *table, unsigned field, size_t width) {
        size_t slot = 4 + 2 * (size_t)field, offset;

        if (!table->reader || slot + 2 > table->n_vtable)
                return 0;
        offset = read_uint(table->reader, table->vtable + slot, 2);
        if (!offset)
                return 0;
        if (offset < 4 || offset + width > table->n_table)
                return broken(table->reader);
        return table->at + offset;
}

uint64_t flatbuffer_get_uint(const struct flatbuffer_table *table, unsigned field, size_t width, uint64_t absent) {
        size_t at = field_at(table, field, width);

        return at ? read_uint(table->reader, at, width) : absent;
}

struct flatbuffer_table flatbuffer_get_table(const struct flatbuffer_table *table, unsigned field) {
        size_t at = field_at(table, field, 4), target = at ? follow(table->reader, at) : 0;

        return target ? table_at(table->reader, target) : (struct flatbuffer_table){ 0 };
}

struct flatbuffer_vector flatbuffer_get_vector(const struct flatbuffer_table *table, unsigned field,
                                               size_t element_bytes) {
        size_t at = field_at(table, field, 4), target = at ? follow(table->reader, at) : 0, n;

        if (!target)
                return (struct flatbuffer_vector){ 0 };
        n = read_uint(table->reader, target, 4);
        if (!is_within(table->reader, target + 4, n * element_bytes)) {
                broken(table->reader);
                return (struct flatbuffer_vector){ 0 };
        }
        return (struct flatbuffer_vector){ table->reader, target + 4, n };
}

bool flatbuffer_get_text(const struct flatbuffer_table *table, unsigned field, const char **ret_text,
                         size_t *ret_n_bytes) {
        struct flatbuffer_vector bytes = flatbuffer_get_vector(table, field, 1);

        if (!bytes.reader)
                return false;
        *ret_text = (const char *)bytes.reader->bytes + bytes.at;
        *ret_n_bytes = bytes.n;
        return true;
}

struct flatbuffer_table flatbuffer_vector_table(const struct flatbuffer_vector *vector, size_t i) {
        size_t target;

        assert(i < vector->n);
        target = follow(vector->reader, vector->at + 4 * i);
        return target ? table_at(vector->reader, target) : (struct flatbuffer_table){ 0 };
}

int64_t flatbuffer_vector_int64(const struct flatbuffer_vector *vector, size_t element_words, size_t i, size_t word) {
        assert(i < vector->n && word < element_words);
        return (int64_t)read_uint(vector->reader, vector->at + 8 * (i * element_words + word), 8);
}

void flatbuffer_writer_finish(struct flatbuffer_writer *writer) {
        buffer_finish(&writer->bytes);
        writer->error = 0;
}

static void append(struct flatbuffer_writer *writer, const void *bytes, size_t n_bytes) {
        if (!writer->error && n_bytes)
                writer->error = error_trace(buffer_append(&writer->bytes, bytes, n_bytes));
}

/* Fills with zeros until the place `ahead` bytes further on is a multiple of alignment; returns where it stands. */
static size_t align(struct flatbuffer_writer *writer, size_t alignment, size_t ahead) {
        static const uint8_t zeros[8];

        append(writer, zeros, -(writer->bytes.n_bytes + ahead) & (alignment - 1));
        return writer->bytes.n_bytes;
}

static void put_uint(struct flatbuffer_writer *writer, size_t at, uint64_t value, size_t width) {
        if (!writer->error)
                memcpy(writer->bytes.data + at, &value, width);
}

void flatbuffer_writer_clear(struct flatbuffer_writer *writer) {
        const uint32_t zero = 0;

        buffer_clear(&writer->bytes);
        writer->error = 0;
        append(writer, &zero, sizeof(zero));
}

struct flatbuffer_place flatbuffer_write_table(struct flatbuffer_writer *writer, const struct flatbuffer_value *values,
                                               size_t n_values) {
        uint16_t vtable[2 + FLATBUFFER_FIELDS_MAX] = { (uint16_t)(4 + 2 * n_values) };
        uint8_t table[8 + 8 * FLATBUFFER_FIELDS_MAX] = { 0 };
        struct flatbuffer_place place = { 0 };
        size_t vtable_at, size = 4;
        int32_t back;

        assert(n_values <= FLATBUFFER_FIELDS_MAX);
        /* widest first, so that only the first of them can need padding */
        for (size_t width = 8; width; width /= 2) {
                for (size_t i = 0; i < n_values; i++) {
                        if (values[i].width != width)
                                continue;
                        size = (size + width - 1) & ~(width - 1);
                        memcpy(table + size, &values[i].value, width);
                        vtable[2 + i] = (uint16_t)size;
                        size += width;
                }
        }
        vtable[1] = (uint16_t)size;
        vtable_at = align(writer, 2, 0);
        append(writer, vtable, vtable[0]);
        place.at = align(writer, 8, 0);
        back = (int32_t)(place.at - vtable_at);
        memcpy(table, &back, sizeof(back));
        append(writer, table, size);
        for (size_t i = 0; i < n_values; i++)
                place.fields[i] = place.at + vtable[2 + i];
        return place;
}

size_t flatbuffer_write_text(struct flatbuffer_writer *writer, const char *text) {
        uint32_t n = (uint32_t)strlen(text);
        size_t at = align(writer, 4, 0);

        append(writer, &n, sizeof(n));
        append(writer, text, n + 1);
        return at;
}

size_t flatbuffer_write_links(struct flatbuffer_writer *writer, size_t n) {
        const uint32_t zero = 0, length = (uint32_t)n;
        size_t at = align(writer, 4, 0);

        append(writer, &length, sizeof(length));
        for (size_t i = 0; i < n; i++)
                append(writer, &zero, sizeof(zero));
        return at;
}

size_t flatbuffer_write_structs(struct flatbuffer_writer *writer, const void *structs, size_t n, size_t element_bytes) {
        uint32_t length = (uint32_t)n;
        size_t at = align(writer, 8, sizeof(length));

        append(writer, &length, sizeof(length));
        append(writer, structs, n * element_bytes);
        return at;
}

void flatbuffer_link(struct flatbuffer_writer *writer, size_t from, size_t target) {
        put_uint(writer, from, target - from, 4);
}
