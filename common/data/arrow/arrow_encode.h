#pragma once

/*
 * Arrow metadata, encoded
 *
 * The FlatBuffers of the files that arrow_writer writes (Schema.fbs, Message.fbs, File.fbs).
 */

#include <stddef.h>
#include <stdint.h>

#include "common/data/arrow/arrow.h"
#include "common/data/arrow/flatbuffer.h"
#include "common/data/table.h"

/* what all batches of a file share */
struct arrow_shape {
        size_t n_columns;
        char (*names)[TABLE_NAME_BYTES];
        enum column_type *types;
        size_t n_notes;
        struct arrow_note *notes; /* with texts of their own */
};

/* A batch's columns as runs of bytes, in Arrow's order. */
struct arrow_body {
        size_t n_rows, n_columns, n_buffers;
        int64_t (*nodes)[2];  /* of each column: rows, missing rows */
        int64_t (*places)[2]; /* of each buffer: offset and length in the body */
        size_t n_bytes;
};

/* Each starts the writer anew; failures stay in it. */
void arrow_encode_schema(struct flatbuffer_writer *flatbuffer, const struct arrow_shape *shape);
void arrow_encode_batch(struct flatbuffer_writer *flatbuffer, const struct arrow_body *body);

/* blocks: three words for each batch: offset, length of the metadata with its prefix, length of the body */
void arrow_encode_footer(struct flatbuffer_writer *flatbuffer, const struct arrow_shape *shape, const int64_t *blocks,
                         size_t n_blocks);
