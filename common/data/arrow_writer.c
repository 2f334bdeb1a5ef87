/*
 * Arrow writer
 *
 * The FlatBuffers are made here and the columns are written from where they lie: nothing is copied but their tails.
 * Every message starts, and every buffer lies, on a multiple of 64 bytes, by padding the metadata before it.
 */

#include "common/data/arrow.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/data/arrow_message.h"
#include "common/data/flat.h"

enum {
        ALIGNMENT = 64,
        /* buffers of one column: validity, offsets or values, text */
        COLUMN_BUFFERS = 3,
        /* pieces of one writev(2): fewer than IOV_MAX */
        PIECES_MOST = 256,
};

static const uint8_t ZEROS[ALIGNMENT];

struct arrow_writer {
        int fd;
        size_t n_columns;
        char (*names)[TABLE_NAME_BYTES];
        enum column_type *types;
        struct arrow_note *notes; /* borrowed until the schema is written, copied texts afterwards */
        size_t n_notes;
        struct digest *digest;
        struct arrow_summary summary;
        struct flat_writer flat;
        struct buffer blocks; /* 3 words for each batch, as File.fbs has them */
        struct buffer tails;  /* rewritten validity and offsets of the batch in hand */
        size_t n_pieces;
        struct iovec pieces[PIECES_MOST];
};

struct arrow_writer *arrow_writer_destroy(struct arrow_writer *writer) {
        if (!writer)
                return NULL;
        for (size_t i = 0; i < writer->n_notes; i++) {
                free((char *)writer->notes[i].key);
                free((char *)writer->notes[i].value);
        }
        free(writer->notes);
        free(writer->names);
        free(writer->types);
        digest_destroy(writer->digest);
        flat_writer_finish(&writer->flat);
        buffer_finish(&writer->blocks);
        buffer_finish(&writer->tails);
        free(writer);
        return NULL;
}

void arrow_writer_destroy_pointer(struct arrow_writer **writer) {
        arrow_writer_destroy(*writer);
}

/* Writes the pieces gathered so far; they may be gone afterwards. */
static int flush(struct arrow_writer *writer) {
        struct iovec *piece = writer->pieces;
        size_t n = writer->n_pieces;

        while (n) {
                ssize_t n_written = writev(writer->fd, piece, (int)n);

                if (n_written < 0 && errno == EINTR)
                        continue;
                if (n_written < 0)
                        return error_origin(-errno, "writing an Arrow file");
                for (; n && (size_t)n_written >= piece->iov_len; piece++, n--)
                        n_written -= (ssize_t)piece->iov_len;
                if (n) {
                        piece->iov_base = (uint8_t *)piece->iov_base + n_written;
                        piece->iov_len -= (size_t)n_written;
                }
        }
        writer->n_pieces = 0;
        return 0;
}

/* Adds bytes to the file; they must stay until flush(). */
static int put(struct arrow_writer *writer, const void *bytes, size_t n_bytes) {
        int r;

        if (!n_bytes)
                return 0;
        r = digest_update(writer->digest, bytes, n_bytes);
        if (!r && writer->n_pieces == PIECES_MOST)
                r = flush(writer);
        if (r)
                return error_trace(r);
        writer->pieces[writer->n_pieces++] = (struct iovec){ (void *)bytes, n_bytes };
        writer->summary.n_bytes += (int64_t)n_bytes;
        return 0;
}

static int put_padded(struct arrow_writer *writer, const void *bytes, size_t n_bytes) {
        int r;

        r = put(writer, bytes, n_bytes);
        return r ? r : put(writer, ZEROS, -n_bytes & (ALIGNMENT - 1));
}

/* Puts the metadata in hand as a message whose body starts on a multiple of ALIGNMENT; gives prefix and all in bytes.
 */
static int put_metadata(struct arrow_writer *writer, uint32_t prefix[2], int32_t *ret_n_bytes) {
        size_t n = writer->flat.bytes.n_bytes;
        size_t n_padding = -((size_t)writer->summary.n_bytes + 8 + n) & (ALIGNMENT - 1);
        int r;

        if (writer->flat.error)
                return error_trace(writer->flat.error);
        if (n > INT32_MAX - 2 * ALIGNMENT)
                return error_origin(-EFBIG, "the metadata of an Arrow file would pass 2 GiB");
        prefix[0] = UINT32_MAX;
        prefix[1] = (uint32_t)(n + n_padding);
        r = put(writer, prefix, 8);
        if (!r)
                r = put(writer, writer->flat.bytes.data, n);
        if (!r)
                r = put(writer, ZEROS, n_padding);
        *ret_n_bytes = (int32_t)(8 + n + n_padding);
        return error_trace(r);
}

/* Message { version, header_type, header, bodyLength }; gives where to link the header. */
static size_t start_message(struct flat_writer *flat, enum arrow_header kind, uint64_t n_body) {
        const struct flat_value fields[] = {
                { 2, ARROW_VERSION_5 }, { 1, kind }, { 4, 0 }, { n_body ? 8 : 0, n_body }
        };
        struct flat_place message;

        flat_writer_clear(flat);
        message = flat_write_table(flat, fields, N_ELEMENTS(fields));
        flat_link(flat, 0, message.at);
        return message.fields[2];
}

/* Int { bitWidth, is_signed }, FloatingPoint { precision } or Utf8 {}. */
static size_t write_type(struct flat_writer *flat, enum column_type type) {
        const struct flat_value int64[] = { { 4, 64 }, { 1, true } };
        const struct flat_value floating[] = { { 2, type == COLUMN_FLOAT64 ? ARROW_PRECISION_DOUBLE
                                                                           : ARROW_PRECISION_SINGLE } };

        if (type == COLUMN_INT64)
                return flat_write_table(flat, int64, 2).at;
        return flat_write_table(flat, floating, type == COLUMN_UTF8 ? 0 : 1).at;
}

/* Field { name, nullable, type_type, type, dictionary, children }. */
static size_t write_field(struct flat_writer *flat, const char *name, enum column_type type) {
        uint64_t kind = type == COLUMN_INT64  ? ARROW_TYPE_INT
                        : type == COLUMN_UTF8 ? ARROW_TYPE_UTF8
                                              : ARROW_TYPE_FLOATING_POINT;
        const struct flat_value fields[] = { { 4, 0 }, { 1, true }, { 1, kind }, { 4, 0 }, { 0, 0 }, { 4, 0 } };
        struct flat_place field = flat_write_table(flat, fields, N_ELEMENTS(fields));

        flat_link(flat, field.fields[0], flat_write_text(flat, name));
        flat_link(flat, field.fields[3], write_type(flat, type));
        flat_link(flat, field.fields[5], flat_write_links(flat, 0));
        return field.at;
}

/* Schema { endianness, fields, custom_metadata }; links it from the place given. */
static void write_schema(struct arrow_writer *writer, size_t from) {
        const struct flat_value fields[] = { { 0, 0 }, { 4, 0 }, { writer->n_notes ? 4 : 0, 0 } };
        const struct flat_value pair[] = { { 4, 0 }, { 4, 0 } };
        struct flat_writer *flat = &writer->flat;
        struct flat_place schema = flat_write_table(flat, fields, N_ELEMENTS(fields)), note;
        size_t links;

        flat_link(flat, from, schema.at);
        links = flat_write_links(flat, writer->n_columns);
        flat_link(flat, schema.fields[1], links);
        for (size_t i = 0; i < writer->n_columns; i++)
                flat_link(flat, links + 4 + 4 * i, write_field(flat, writer->names[i], writer->types[i]));
        if (!writer->n_notes)
                return;
        links = flat_write_links(flat, writer->n_notes);
        flat_link(flat, schema.fields[2], links);
        for (size_t i = 0; i < writer->n_notes; i++) {
                note = flat_write_table(flat, pair, 2);
                flat_link(flat, links + 4 + 4 * i, note.at);
                flat_link(flat, note.fields[0], flat_write_text(flat, writer->notes[i].key));
                flat_link(flat, note.fields[1], flat_write_text(flat, writer->notes[i].value));
        }
}

static int take_shape(struct arrow_writer *writer, const struct table *shape, const struct arrow_note *notes,
                      size_t n_notes) {
        assert(shape->n_columns <= TABLE_COLUMNS_MOST);
        writer->names = calloc(shape->n_columns + 1, sizeof(*writer->names));
        writer->types = calloc(shape->n_columns + 1, sizeof(*writer->types));
        writer->notes = calloc(n_notes + 1, sizeof(*writer->notes));
        if (!writer->names || !writer->types || !writer->notes)
                return error_origin(-ENOMEM, "creating an Arrow writer");
        for (; writer->n_columns < shape->n_columns; writer->n_columns++) {
                const struct column *column = &shape->columns[writer->n_columns];

                assert(strlen(column->name) < TABLE_NAME_BYTES);
                memcpy(writer->names[writer->n_columns], column->name, strlen(column->name));
                writer->types[writer->n_columns] = column->type;
        }
        for (; writer->n_notes < n_notes; writer->n_notes++) {
                writer->notes[writer->n_notes].key = strdup(notes[writer->n_notes].key);
                writer->notes[writer->n_notes].value = strdup(notes[writer->n_notes].value);
                if (!writer->notes[writer->n_notes].key || !writer->notes[writer->n_notes].value) {
                        writer->n_notes++;
                        return error_origin(-ENOMEM, "creating an Arrow writer");
                }
        }
        return 0;
}

int arrow_writer_create(int fd, const struct table *shape, const struct arrow_note *notes, size_t n_notes,
                        struct arrow_writer **ret_writer) {
        _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = calloc(1, sizeof(*writer));
        uint32_t prefix[2];
        int32_t n_metadata;
        int r;

        if (!writer)
                return error_origin(-ENOMEM, "creating an Arrow writer");
        writer->fd = fd;
        r = take_shape(writer, shape, notes, n_notes);
        if (!r)
                r = digest_create(&writer->digest);
        if (!r)
                r = put(writer, ARROW_MAGIC "\0", ARROW_MAGIC_BYTES + 2);
        if (r)
                return error_trace(r);
        write_schema(writer, start_message(&writer->flat, ARROW_HEADER_SCHEMA, 0));
        r = put_metadata(writer, prefix, &n_metadata);
        if (!r)
                r = flush(writer);
        if (r)
                return error_trace(r);
        *ret_writer = steal(writer);
        return 0;
}

/* A batch's columns as buffers, in Arrow's order. */
struct layout {
        size_t n_buffers;
        struct arrow_bytes *buffers; /* COLUMN_BUFFERS for each column at most */
        int64_t (*nodes)[2];         /* rows, missing rows */
        int64_t (*places)[2];        /* offset and length in the body */
        size_t n_body;
};

static void layout_finish(struct layout *layout) {
        free(layout->buffers);
        free(layout->nodes);
        free(layout->places);
}

static int layout_init(struct layout *layout, size_t n_columns) {
        layout->buffers = calloc(COLUMN_BUFFERS * n_columns + 1, sizeof(*layout->buffers));
        layout->nodes = calloc(n_columns + 1, sizeof(*layout->nodes));
        layout->places = calloc(COLUMN_BUFFERS * n_columns + 1, sizeof(*layout->places));
        if (!layout->buffers || !layout->nodes || !layout->places)
                return error_origin(-ENOMEM, "laying out an Arrow batch");
        return 0;
}

static void layout_add(struct layout *layout, const void *data, size_t n_bytes) {
        layout->places[layout->n_buffers][0] = (int64_t)layout->n_body;
        layout->places[layout->n_buffers][1] = (int64_t)n_bytes;
        layout->buffers[layout->n_buffers++] = (struct arrow_bytes){ data, n_bytes };
        layout->n_body += (n_bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* Writes the bitmap without the bits behind the last row to the tails, and counts the zeros. tails has room. */
static const uint8_t *trim_validity(struct buffer *tails, const uint8_t *validity, size_t n_rows,
                                    int64_t *ret_missing) {
        size_t n_bytes = (n_rows + 7) / 8;
        uint8_t *bits = tails->data + tails->n_bytes;
        size_t n_present = 0;

        memcpy(bits, validity, n_bytes);
        if (n_rows % 8)
                bits[n_bytes - 1] &= (uint8_t)((1U << n_rows % 8) - 1);
        for (size_t i = 0; i < n_bytes; i++)
                n_present += (size_t)__builtin_popcount(bits[i]);
        tails->n_bytes += n_bytes;
        *ret_missing = (int64_t)(n_rows - n_present);
        return bits;
}

/* Offsets that start at zero: the column's own, or rewritten to the tails, which has room. */
static const void *rebase_offsets(struct buffer *tails, const int32_t *offsets, size_t n_rows) {
        uint8_t *at = tails->data + tails->n_bytes;

        if (!offsets[0])
                return offsets;
        for (size_t i = 0; i <= n_rows; i++) {
                int32_t offset = offsets[i] - offsets[0];

                memcpy(at + i * sizeof(offset), &offset, sizeof(offset));
        }
        tails->n_bytes += (n_rows + 1) * sizeof(int32_t);
        return at;
}

static int lay_out(struct arrow_writer *writer, const struct table *batch, struct layout *layout) {
        size_t n = batch->n_rows;
        const uint8_t *validity;
        int r;

        buffer_clear(&writer->tails);
        r = buffer_reserve(&writer->tails, batch->n_columns * ((n + 7) / 8 + (n + 1) * sizeof(int32_t) + 8));
        if (r)
                return error_trace(r);
        for (size_t k = 0; k < batch->n_columns; k++) {
                const struct column *column = &batch->columns[k];

                assert(column->type == writer->types[k] && !strcmp(column->name, writer->names[k]));
                layout->nodes[k][0] = (int64_t)n;
                validity = column->validity;
                if (validity)
                        validity = trim_validity(&writer->tails, validity, n, &layout->nodes[k][1]);
                layout_add(layout, validity, layout->nodes[k][1] ? (n + 7) / 8 : 0);
                writer->tails.n_bytes = (writer->tails.n_bytes + 7) & ~(size_t)7;
                if (column->type == COLUMN_INT64)
                        layout_add(layout, column->int64, n * 8);
                else if (column->type == COLUMN_FLOAT64)
                        layout_add(layout, column->float64, n * 8);
                else if (column->type == COLUMN_FLOAT32)
                        layout_add(layout, column->float32, n * 4);
                if (column->type != COLUMN_UTF8)
                        continue;
                layout_add(layout, rebase_offsets(&writer->tails, column->offsets, n), (n + 1) * sizeof(int32_t));
                layout_add(layout, column->text + column->offsets[0],
                           (size_t)(column->offsets[n] - column->offsets[0]));
        }
        return 0;
}

/* RecordBatch { length, nodes, buffers }. */
static void write_batch(struct arrow_writer *writer, const struct table *batch, const struct layout *layout) {
        const struct flat_value fields[] = { { 8, batch->n_rows }, { 4, 0 }, { 4, 0 } };
        struct flat_writer *flat = &writer->flat;
        size_t from = start_message(flat, ARROW_HEADER_RECORD_BATCH, layout->n_body);
        struct flat_place place = flat_write_table(flat, fields, N_ELEMENTS(fields));

        flat_link(flat, from, place.at);
        flat_link(flat, place.fields[1], flat_write_structs(flat, layout->nodes, batch->n_columns, 16));
        flat_link(flat, place.fields[2], flat_write_structs(flat, layout->places, layout->n_buffers, 16));
}

int arrow_writer_add(struct arrow_writer *writer, const struct table *batch) {
        _cleanup_(layout_finish) struct layout layout = { 0 };
        int64_t block[3] = { writer->summary.n_bytes };
        uint32_t prefix[2];
        int32_t n_metadata;
        int r;

        assert(batch->n_rows <= TABLE_BATCH_ROWS && batch->n_columns == writer->n_columns);
        if (!batch->n_rows)
                return 0;
        r = layout_init(&layout, batch->n_columns);
        if (!r)
                r = lay_out(writer, batch, &layout);
        if (r)
                return error_trace(r);
        write_batch(writer, batch, &layout);
        r = put_metadata(writer, prefix, &n_metadata);
        for (size_t i = 0; i < layout.n_buffers && !r; i++)
                r = put_padded(writer, layout.buffers[i].data, layout.buffers[i].n_bytes);
        if (!r)
                r = flush(writer);
        if (r)
                return error_trace(r);
        block[1] = n_metadata;
        block[2] = (int64_t)layout.n_body;
        /* a hint: where the file system cannot, nothing is lost */
        sync_file_range(writer->fd, block[0], writer->summary.n_bytes - block[0], SYNC_FILE_RANGE_WRITE);
        writer->summary.n_rows += (int64_t)batch->n_rows;
        writer->summary.n_batches++;
        return error_trace(buffer_append(&writer->blocks, block, sizeof(block)));
}

/* Footer { version, schema, dictionaries, recordBatches }. */
static void write_footer(struct arrow_writer *writer) {
        const struct flat_value fields[] = { { 2, ARROW_VERSION_5 }, { 4, 0 }, { 4, 0 }, { 4, 0 } };
        struct flat_writer *flat = &writer->flat;
        struct flat_place footer;

        flat_writer_clear(flat);
        footer = flat_write_table(flat, fields, N_ELEMENTS(fields));
        flat_link(flat, 0, footer.at);
        write_schema(writer, footer.fields[1]);
        flat_link(flat, footer.fields[2], flat_write_structs(flat, NULL, 0, 24));
        flat_link(flat, footer.fields[3],
                  flat_write_structs(flat, writer->blocks.data, (size_t)writer->summary.n_batches, 24));
}

int arrow_writer_finish(struct arrow_writer *writer, struct arrow_summary *ret_summary) {
        const uint32_t end[2] = { UINT32_MAX, 0 };
        uint32_t n_footer;
        int r;

        write_footer(writer);
        if (writer->flat.error)
                return error_trace(writer->flat.error);
        n_footer = (uint32_t)writer->flat.bytes.n_bytes;
        r = put(writer, end, sizeof(end));
        if (!r)
                r = put(writer, writer->flat.bytes.data, n_footer);
        if (!r)
                r = put(writer, &n_footer, sizeof(n_footer));
        if (!r)
                r = put(writer, ARROW_MAGIC, ARROW_MAGIC_BYTES);
        if (!r)
                r = flush(writer);
        if (!r)
                r = digest_end(writer->digest, writer->summary.sha256);
        if (r)
                return error_trace(r);
        *ret_summary = writer->summary;
        return 0;
}
