/*
 * Arrow writer
 *
 * The columns are written from where they lie: nothing is copied but their tails.
 * Every message starts, and every buffer lies, on a multiple of 64 bytes, by padding the metadata before it.
 */

#include "common/data/arrow/arrow.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/data/arrow/arrow_encode.h"
#include "common/data/arrow/arrow_message.h"
#include "common/data/arrow/flatbuffer.h"

enum {
        ALIGNMENT = 64,
        /* buffers of one column: validity, offsets or values, text */
        COLUMN_BUFFERS = 3,
        /* pieces of one writev(2): fewer than IOV_MAX */
        PIECES_MAX = 256,
        /* the least that is worth starting a thread */
        SIDE_BY_SIDE_BYTES = 512 * 1024,
};

static const uint8_t ZEROS[ALIGNMENT];

struct arrow_writer {
        int fd;
        struct arrow_shape shape;
        struct digest *digest;
        struct arrow_summary summary;
        struct flatbuffer_writer flatbuffer;
        struct buffer blocks; /* 3 words for each batch, as File.fbs has them */
        struct buffer tails;  /* rewritten validity and offsets of the batch in hand */
        size_t n_pieces, n_pending;
        struct iovec pieces[PIECES_MAX];
};

struct arrow_writer *arrow_writer_destroy(struct arrow_writer *writer) {
        if (!writer)
                return NULL;
        for (size_t i = 0; i < writer->shape.n_notes; i++) {
                free((void *)(uintptr_t)writer->shape.notes[i].key);
                free((void *)(uintptr_t)writer->shape.notes[i].value);
        }
        free(writer->shape.notes);
        free(writer->shape.names);
        free(writer->shape.types);
        digest_destroy(writer->digest);
        flatbuffer_writer_finish(&writer->flatbuffer);
        buffer_finish(&writer->blocks);
        buffer_finish(&writer->tails);
        free(writer);
        return NULL;
}

void arrow_writer_destroy_pointer(struct arrow_writer **writer) {
        arrow_writer_destroy(*writer);
}

static int write_pieces(struct arrow_writer *writer) {
        struct iovec pieces[PIECES_MAX], *piece = pieces;
        size_t n = writer->n_pieces;

        memcpy(pieces, writer->pieces, n * sizeof(*pieces));
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
        return 0;
}

static int digest_pieces(struct arrow_writer *writer) {
        int r = 0;

        for (size_t i = 0; i < writer->n_pieces && !r; i++)
                r = digest_update(writer->digest, writer->pieces[i].iov_base, writer->pieces[i].iov_len);
        return error_trace(r);
}

static int write_or_digest(void *context, size_t unit, int worker) {
        (void)worker;
        return unit ? digest_pieces(context) : write_pieces(context);
}

/* Writes and digests the pieces gathered so far, side by side where that pays; they may be gone afterwards. */
static int flush(struct arrow_writer *writer) {
        int r;

        if (writer->n_pending >= SIDE_BY_SIDE_BYTES) {
                r = parallel_for(2, write_or_digest, writer);
        } else {
                r = write_pieces(writer);
                if (!r)
                        r = digest_pieces(writer);
        }
        writer->n_pieces = 0;
        writer->n_pending = 0;
        return error_trace(r);
}

/* Adds bytes to the file; they must stay until flush(). */
static int put(struct arrow_writer *writer, const void *bytes, size_t n_bytes) {
        int r;

        if (!n_bytes)
                return 0;
        if (writer->n_pieces == PIECES_MAX) {
                r = flush(writer);
                if (r)
                        return error_trace(r);
        }
        writer->pieces[writer->n_pieces++] = (struct iovec){ (void *)(uintptr_t)bytes, n_bytes };
        writer->n_pending += n_bytes;
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
        size_t n = writer->flatbuffer.bytes.n_bytes;
        size_t n_padding = -((size_t)writer->summary.n_bytes + 8 + n) & (ALIGNMENT - 1);
        int r;

        if (writer->flatbuffer.error)
                return error_trace(writer->flatbuffer.error);
        if (n > INT32_MAX - 2 * ALIGNMENT)
                return error_origin(-EFBIG, "the metadata of an Arrow file would pass 2 GiB");
        prefix[0] = UINT32_MAX;
        prefix[1] = (uint32_t)(n + n_padding);
        r = put(writer, prefix, 8);
        if (!r)
                r = put(writer, writer->flatbuffer.bytes.data, n);
        if (!r)
                r = put(writer, ZEROS, n_padding);
        *ret_n_bytes = (int32_t)(8 + n + n_padding);
        return error_trace(r);
}

static int take_shape(struct arrow_writer *writer, const struct table *shape, const struct arrow_note *notes,
                      size_t n_notes) {
        assert(shape->n_columns <= TABLE_COLUMNS_MAX);
        writer->shape.names = calloc(shape->n_columns + 1, sizeof(*writer->shape.names));
        writer->shape.types = calloc(shape->n_columns + 1, sizeof(*writer->shape.types));
        writer->shape.notes = calloc(n_notes + 1, sizeof(*writer->shape.notes));
        if (!writer->shape.names || !writer->shape.types || !writer->shape.notes)
                return error_origin(-ENOMEM, "creating an Arrow writer");
        for (; writer->shape.n_columns < shape->n_columns; writer->shape.n_columns++) {
                const struct column *column = &shape->columns[writer->shape.n_columns];

                assert(strlen(column->name) < TABLE_NAME_BYTES);
                memcpy(writer->shape.names[writer->shape.n_columns], column->name, strlen(column->name));
                writer->shape.types[writer->shape.n_columns] = column->type;
        }
        for (; writer->shape.n_notes < n_notes; writer->shape.n_notes++) {
                writer->shape.notes[writer->shape.n_notes].key = strdup(notes[writer->shape.n_notes].key);
                writer->shape.notes[writer->shape.n_notes].value = strdup(notes[writer->shape.n_notes].value);
                if (!writer->shape.notes[writer->shape.n_notes].key ||
                    !writer->shape.notes[writer->shape.n_notes].value) {
                        writer->shape.n_notes++;
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
        arrow_encode_schema(&writer->flatbuffer, &writer->shape);
        r = put_metadata(writer, prefix, &n_metadata);
        if (!r)
                r = flush(writer);
        if (r)
                return error_trace(r);
        *ret_writer = steal(writer);
        return 0;
}

/* A batch's columns: what stands in its metadata, and where the bytes lie. */
struct layout {
        struct arrow_body body;
        struct arrow_bytes *buffers; /* COLUMN_BUFFERS for each column at most */
};

static void layout_finish(struct layout *layout) {
        free(layout->buffers);
        free(layout->body.nodes);
        free(layout->body.places);
}

static int layout_init(struct layout *layout, size_t n_columns) {
        layout->buffers = calloc(COLUMN_BUFFERS * n_columns + 1, sizeof(*layout->buffers));
        layout->body.nodes = calloc(n_columns + 1, sizeof(*layout->body.nodes));
        layout->body.places = calloc(COLUMN_BUFFERS * n_columns + 1, sizeof(*layout->body.places));
        if (!layout->buffers || !layout->body.nodes || !layout->body.places)
                return error_origin(-ENOMEM, "laying out an Arrow batch");
        return 0;
}

static void layout_add(struct layout *layout, const void *data, size_t n_bytes) {
        layout->body.places[layout->body.n_buffers][0] = (int64_t)layout->body.n_bytes;
        layout->body.places[layout->body.n_buffers][1] = (int64_t)n_bytes;
        layout->buffers[layout->body.n_buffers++] = (struct arrow_bytes){ data, n_bytes };
        layout->body.n_bytes += (n_bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
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

        layout->body.n_rows = n;
        layout->body.n_columns = batch->n_columns;
        buffer_clear(&writer->tails);
        r = buffer_reserve(&writer->tails, batch->n_columns * ((n + 7) / 8 + (n + 1) * sizeof(int32_t) + 8));
        if (r)
                return error_trace(r);
        for (size_t k = 0; k < batch->n_columns; k++) {
                const struct column *column = &batch->columns[k];

                assert(column->type == writer->shape.types[k] && !strcmp(column->name, writer->shape.names[k]));
                layout->body.nodes[k][0] = (int64_t)n;
                validity = column->validity;
                if (validity)
                        validity = trim_validity(&writer->tails, validity, n, &layout->body.nodes[k][1]);
                layout_add(layout, validity, layout->body.nodes[k][1] ? (n + 7) / 8 : 0);
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

int arrow_writer_add(struct arrow_writer *writer, const struct table *batch) {
        _cleanup_(layout_finish) struct layout layout = { 0 };
        int64_t block[3] = { writer->summary.n_bytes };
        uint32_t prefix[2];
        int32_t n_metadata;
        int r;

        assert(batch->n_rows <= TABLE_BATCH_ROWS && batch->n_columns == writer->shape.n_columns);
        if (!batch->n_rows)
                return 0;
        r = layout_init(&layout, batch->n_columns);
        if (!r)
                r = lay_out(writer, batch, &layout);
        if (r)
                return error_trace(r);
        arrow_encode_batch(&writer->flatbuffer, &layout.body);
        r = put_metadata(writer, prefix, &n_metadata);
        for (size_t i = 0; i < layout.body.n_buffers && !r; i++)
                r = put_padded(writer, layout.buffers[i].data, layout.buffers[i].n_bytes);
        if (!r)
                r = flush(writer);
        if (r)
                return error_trace(r);
        block[1] = n_metadata;
        block[2] = (int64_t)layout.body.n_bytes;
        /* a hint: where the file system cannot, nothing is lost */
        sync_file_range(writer->fd, block[0], writer->summary.n_bytes - block[0], SYNC_FILE_RANGE_WRITE);
        writer->summary.n_rows += (int64_t)batch->n_rows;
        writer->summary.n_batches++;
        return error_trace(buffer_append(&writer->blocks, block, sizeof(block)));
}

int arrow_writer_finish(struct arrow_writer *writer, struct arrow_summary *ret_summary) {
        const uint32_t end[2] = { UINT32_MAX, 0 };
        uint32_t n_footer;
        int r;

        arrow_encode_footer(&writer->flatbuffer, &writer->shape, (const void *)writer->blocks.data,
                            (size_t)writer->summary.n_batches);
        if (writer->flatbuffer.error)
                return error_trace(writer->flatbuffer.error);
        n_footer = (uint32_t)writer->flatbuffer.bytes.n_bytes;
        r = put(writer, end, sizeof(end));
        if (!r)
                r = put(writer, writer->flatbuffer.bytes.data, n_footer);
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
