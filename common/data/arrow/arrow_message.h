#pragma once

/*
 * Arrow messages
 *
 * The metadata around Arrow's columns: which columns there are, and where in a message's body the buffers of each one
 * lie. Read through flatbuffer.h, checked against the bytes that are there, and used by arrow_file and arrow_input; the
 * rest of the tree includes arrow.h.
 *
 * A message is 0xffffffff, the length of its metadata (int32), the metadata (a FlatBuffer, Message.fbs), and a body. A
 * file is "ARROW1\0\0", messages, a footer (File.fbs) with the place of every batch, its length, and "ARROW1".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/data/arrow/flatbuffer.h"
#include "common/data/table.h"

#define ARROW_MAGIC "ARROW1"
#define ARROW_MAGIC_BYTES 6

/* the members of the union Type in Schema.fbs */
enum arrow_type {
        ARROW_TYPE_NONE,
        ARROW_TYPE_NULL,
        ARROW_TYPE_INT,
        ARROW_TYPE_FLOATING_POINT,
        ARROW_TYPE_BINARY,
        ARROW_TYPE_UTF8,
        ARROW_TYPE_BOOL,
        ARROW_TYPE_DECIMAL,
        ARROW_TYPE_DATE,
        ARROW_TYPE_TIME,
        ARROW_TYPE_TIMESTAMP,
        ARROW_TYPE_INTERVAL,
        ARROW_TYPE_LIST,
        ARROW_TYPE_STRUCT,
        ARROW_TYPE_UNION,
        ARROW_TYPE_FIXED_SIZE_BINARY,
        ARROW_TYPE_FIXED_SIZE_LIST,
        ARROW_TYPE_MAP,
        ARROW_TYPE_DURATION,
        ARROW_TYPE_LARGE_BINARY,
        ARROW_TYPE_LARGE_UTF8,
        ARROW_TYPE_LARGE_LIST,
        ARROW_TYPE_RUN_END_ENCODED,
        ARROW_TYPE_BINARY_VIEW,
        ARROW_TYPE_UTF8_VIEW,
        ARROW_TYPE_LIST_VIEW,
        ARROW_TYPE_LARGE_LIST_VIEW,
        N_ARROW_TYPES,
};

/* the members of the union MessageHeader in Message.fbs */
enum arrow_header {
        ARROW_HEADER_SCHEMA = 1,
        ARROW_HEADER_DICTIONARY_BATCH = 2,
        ARROW_HEADER_RECORD_BATCH = 3,
};

/* CompressionType in Message.fbs, and none */
enum arrow_codec {
        ARROW_CODEC_LZ4_FRAME,
        ARROW_CODEC_ZSTD,
        ARROW_CODEC_NONE,
};

enum {
        ARROW_PRECISION_HALF,
        ARROW_PRECISION_SINGLE,
        ARROW_PRECISION_DOUBLE,
        ARROW_VERSION_4 = 3,
        ARROW_VERSION_5 = 4,
};

/* What values look like: of a column, or of the indices into its dictionary. */
struct arrow_layout {
        enum arrow_type type;
        unsigned n_bits; /* of a value of fixed width */
        bool is_signed;
        int scale; /* decimals */
};

struct arrow_field {
        char name[TABLE_NAME_BYTES];
        struct arrow_layout layout; /* with a dictionary: of its values */
        bool has_dictionary;
        int64_t dictionary;        /* its id */
        struct arrow_layout index; /* with a dictionary */
        size_t n_nodes;            /* of the field and everything below it in a record batch */
        size_t n_buffers, n_views; /* likewise; every view has buffers beside these, counted in each batch */
};

struct arrow_schema {
        size_t n_fields;
        struct arrow_field *fields;
        struct flatbuffer_vector notes; /* KeyValue tables, in the reader's bytes */
};

#define ARROW_SCHEMA_NULL \
        { 0 }

struct arrow_message {
        struct flatbuffer_reader reader;
        enum arrow_header kind;
        struct flatbuffer_table header; /* points to reader, so a message is never copied */
        int version;
        const uint8_t *body;
        size_t n_body;
        size_t n_bytes; /* of all of it */
};

/* A run of bytes in a body, inside it. */
struct arrow_bytes {
        const uint8_t *data;
        size_t n_bytes;
};

struct arrow_batch {
        int64_t n_rows;
        enum arrow_codec codec;
        struct flatbuffer_vector nodes, buffers, views;
        const uint8_t *body;
        size_t n_body;
};

/* Where a field's nodes and buffers start in a batch. */
struct arrow_place {
        size_t node, buffer;
        size_t n_view_buffers; /* those of its views beside the first two */
};

/* FAULT_E_INPUT with ARROW_MALFORMED and what is wrong. */
int arrow_damaged(struct fault *fault, const char *what);

/* "timestamp"; borrowed forever. */
const char *arrow_type_name(enum arrow_type type);

/* Buffers of a column of that type in a batch, without those of its children and views. */
size_t arrow_type_n_buffers(enum arrow_type type);

/* Reads the message at bytes. 0; FAULT_E_INPUT; n_bytes 0 when there is none: the end mark, or no bytes left. */
int arrow_message_read(const uint8_t *bytes, size_t n_bytes, struct arrow_message *ret_message, struct fault *fault);

/* Reads a table Schema. 0, FAULT_E_INPUT, or -ENOMEM. */
int arrow_schema_read(const struct flatbuffer_table *table, int version, struct arrow_schema *ret_schema,
                      struct fault *fault);
void arrow_schema_finish(struct arrow_schema *schema);

/* Reads a table RecordBatch, checks that it has the nodes and buffers of these fields, and says where each field's
 * are. The message must stay as long as the batch. */
int arrow_batch_read(const struct flatbuffer_table *table, const struct arrow_message *message,
                     const struct arrow_field *fields, size_t n_fields, struct arrow_batch *ret_batch,
                     struct arrow_place *ret_places, struct fault *fault);

/* The bytes of buffer i; they lie in the body. */
int arrow_batch_bytes(const struct arrow_batch *batch, size_t i, struct arrow_bytes *ret_bytes, struct fault *fault);

/* The rows and missing rows that node i says it has; checked to be the batch's. */
int arrow_batch_node(const struct arrow_batch *batch, size_t i, int64_t *ret_n_missing, struct fault *fault);

/* The schema of a file's footer and the places of its batches (Block: offset, metadata, body; 3 words each). */
struct arrow_footer {
        struct flatbuffer_reader reader;
        struct flatbuffer_table schema;
        int version;
        struct flatbuffer_vector dictionaries, batches;
};

int arrow_footer_read(const uint8_t *bytes, size_t n_bytes, struct arrow_footer *ret_footer, struct fault *fault);

/* Reads the message of block i of a footer's vector, which is of that kind. */
int arrow_footer_message(const uint8_t *bytes, size_t n_bytes, const struct flatbuffer_vector *blocks, size_t i,
                         enum arrow_header kind, struct arrow_message *ret_message, struct fault *fault);
