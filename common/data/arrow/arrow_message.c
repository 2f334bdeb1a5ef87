/* Arrow messages: schema, batches and footer out of their FlatBuffers, every number checked against the bytes. */

#include "common/data/arrow/arrow_message.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/utf8.h"

/* nested fields, at most: depth, and those of all columns together */
enum { DEPTH_MAX = 64, NODES_MAX = 65536, NAME_BYTES_SHOWN = 64 };

/* what a field of each type has in a batch: its name, and buffers besides those of its children */
static const struct {
        const char *name;
        uint8_t n_buffers;
        bool is_view;
} TYPES[N_ARROW_TYPES] = {
        [ARROW_TYPE_NONE] = { "none", 0, false },
        [ARROW_TYPE_NULL] = { "null", 0, false },
        [ARROW_TYPE_INT] = { "int", 2, false },
        [ARROW_TYPE_FLOATING_POINT] = { "float", 2, false },
        [ARROW_TYPE_BINARY] = { "binary", 3, false },
        [ARROW_TYPE_UTF8] = { "string", 3, false },
        [ARROW_TYPE_BOOL] = { "bool", 2, false },
        [ARROW_TYPE_DECIMAL] = { "decimal", 2, false },
        [ARROW_TYPE_DATE] = { "date", 2, false },
        [ARROW_TYPE_TIME] = { "time", 2, false },
        [ARROW_TYPE_TIMESTAMP] = { "timestamp", 2, false },
        [ARROW_TYPE_INTERVAL] = { "interval", 2, false },
        [ARROW_TYPE_LIST] = { "list", 2, false },
        [ARROW_TYPE_STRUCT] = { "struct", 1, false },
        [ARROW_TYPE_UNION] = { "union", 1, false }, /* a dense one has 2 */
        [ARROW_TYPE_FIXED_SIZE_BINARY] = { "fixed-size binary", 2, false },
        [ARROW_TYPE_FIXED_SIZE_LIST] = { "fixed-size list", 1, false },
        [ARROW_TYPE_MAP] = { "map", 2, false },
        [ARROW_TYPE_DURATION] = { "duration", 2, false },
        [ARROW_TYPE_LARGE_BINARY] = { "large binary", 3, false },
        [ARROW_TYPE_LARGE_UTF8] = { "large string", 3, false },
        [ARROW_TYPE_LARGE_LIST] = { "large list", 2, false },
        [ARROW_TYPE_RUN_END_ENCODED] = { "run-end encoded", 0, false },
        [ARROW_TYPE_BINARY_VIEW] = { "binary view", 2, true },
        [ARROW_TYPE_UTF8_VIEW] = { "string view", 2, true },
        [ARROW_TYPE_LIST_VIEW] = { "list view", 3, false },
        [ARROW_TYPE_LARGE_LIST_VIEW] = { "large list view", 3, false },
};

int arrow_damaged(struct fault *fault, const char *what) {
        return fault_set(fault, "ARROW_MALFORMED", "the Arrow file is damaged: %s", what);
}

const char *arrow_type_name(enum arrow_type type) {
        return type < N_ARROW_TYPES ? TYPES[type].name : "unknown";
}

size_t arrow_type_n_buffers(enum arrow_type type) {
        return TYPES[type].n_buffers;
}

int arrow_message_read(const uint8_t *bytes, size_t n_bytes, struct arrow_message *message, struct fault *fault) {
        uint32_t mark, n_metadata;
        struct flatbuffer_table root;
        uint64_t n_body;

        *message = (struct arrow_message){ 0 };
        if (!n_bytes)
                return 0;
        if (n_bytes < 8)
                return arrow_damaged(fault, "a message is cut off");
        memcpy(&mark, bytes, 4);
        memcpy(&n_metadata, bytes + 4, 4);
        if (mark != UINT32_MAX)
                return arrow_damaged(fault, "a message does not start with its mark (files from before Arrow 0.15 have "
                                            "none and must be written again)");
        if (!n_metadata)
                return 0;
        if (n_metadata > n_bytes - 8)
                return arrow_damaged(fault, "a message's metadata is cut off");
        message->reader = (struct flatbuffer_reader){ .bytes = bytes + 8, .n_bytes = n_metadata };
        root = flatbuffer_root(&message->reader);
        message->version = (int)flatbuffer_get_uint(&root, 0, 2, 0);
        message->kind = (enum arrow_header)flatbuffer_get_uint(&root, 1, 1, 0);
        message->header = flatbuffer_get_table(&root, 2);
        n_body = flatbuffer_get_uint(&root, 3, 8, 0);
        if (message->reader.is_broken || !message->header.reader)
                return arrow_damaged(fault, "a message's metadata cannot be read");
        if (message->version != ARROW_VERSION_4 && message->version != ARROW_VERSION_5)
                return fault_set(fault, "ARROW_UNSUPPORTED", "version %d of Arrow's format is neither V4 nor V5",
                                 message->version + 1);
        if (n_body > n_bytes - 8 - n_metadata)
                return arrow_damaged(fault, "a message's body is cut off");
        message->body = bytes + 8 + n_metadata;
        message->n_body = (size_t)n_body;
        message->n_bytes = 8 + (size_t)n_metadata + (size_t)n_body;
        return 0;
}

static int read_layout(const struct flatbuffer_table *table, enum arrow_type type, struct arrow_layout *layout,
                       struct fault *fault) {
        uint64_t precision;

        *layout = (struct arrow_layout){ .type = type };
        switch (type) {
        case ARROW_TYPE_INT:
                layout->n_bits = (unsigned)flatbuffer_get_uint(table, 0, 4, 0);
                layout->is_signed = flatbuffer_get_uint(table, 1, 1, 0);
                break;
        case ARROW_TYPE_FLOATING_POINT:
                precision = flatbuffer_get_uint(table, 0, 2, 0);
                layout->n_bits = precision == ARROW_PRECISION_HALF ? 16 : precision == ARROW_PRECISION_SINGLE ? 32 : 64;
                if (precision > ARROW_PRECISION_DOUBLE)
                        return arrow_damaged(fault, "a float has no known precision");
                break;
        case ARROW_TYPE_DECIMAL:
                layout->scale = (int)(int32_t)flatbuffer_get_uint(table, 1, 4, 0);
                layout->n_bits = (unsigned)flatbuffer_get_uint(table, 2, 4, 128);
                break;
        case ARROW_TYPE_BOOL:
                layout->n_bits = 1;
                break;
        default:
                return 0;
        }
        if (type != ARROW_TYPE_BOOL && layout->n_bits != 8 && layout->n_bits != 16 && layout->n_bits != 32 &&
            layout->n_bits != 64 && (type != ARROW_TYPE_DECIMAL || (layout->n_bits != 128 && layout->n_bits != 256)))
                return arrow_damaged(fault, "a number has no known width");
        return 0;
}

/* what is counted while the tree of fields is walked */
struct count {
        size_t n_before; /* nodes of the columns before */
        size_t n_nodes, n_buffers, n_views;
        int version;
};

/* Counts a field's nodes, buffers and views, and those of its children. */
static int count_field(const struct flatbuffer_table *field, int depth, struct count *count, struct fault *fault) {
        struct flatbuffer_table type = flatbuffer_get_table(field, 3), dictionary = flatbuffer_get_table(field, 4),
                                child;
        uint64_t kind = flatbuffer_get_uint(field, 2, 1, 0);
        struct flatbuffer_vector children;
        int r;

        if (!field->reader)
                return arrow_damaged(fault, "a column's metadata cannot be read");
        if (kind == ARROW_TYPE_NONE || kind >= N_ARROW_TYPES)
                return fault_set(fault, "ARROW_UNSUPPORTED",
                                 "a column has type %u, which Arrow had not when this was made", (unsigned)kind);
        if (depth > DEPTH_MAX || count->n_before + count->n_nodes > NODES_MAX)
                return arrow_damaged(fault, "columns nest without end");
        count->n_nodes++;
        if (dictionary.reader) {
                count->n_buffers += 2;
                return 0;
        }
        count->n_buffers += TYPES[kind].n_buffers;
        count->n_views += TYPES[kind].is_view;
        if (kind == ARROW_TYPE_UNION) {
                count->n_buffers += flatbuffer_get_uint(&type, 0, 2, 0) == 1;
                count->n_buffers += count->version < ARROW_VERSION_5;
        }
        children = flatbuffer_get_vector(field, 5, 4);
        for (size_t i = 0; i < children.n; i++) {
                child = flatbuffer_vector_table(&children, i);
                r = count_field(&child, depth + 1, count, fault);
                if (r)
                        return r;
        }
        return 0;
}

static int read_name(const struct flatbuffer_table *table, char ret_name[TABLE_NAME_BYTES], struct fault *fault) {
        const char *name = "";
        size_t n_name = 0, n_shown = 0;

        flatbuffer_get_text(table, 0, &name, &n_name);
        if (!utf8_is_valid(name, n_name))
                return arrow_damaged(fault, "the name of a column is no UTF-8");
        if (n_name >= TABLE_NAME_BYTES || memchr(name, 0, n_name)) {
                while (n_shown < n_name && n_shown < NAME_BYTES_SHOWN && name[n_shown])
                        n_shown += utf8_character_bytes(name + n_shown, n_name - n_shown);
                return fault_set(fault, "ARROW_UNSUPPORTED",
                                 "column name \"%.*s\" is longer than %d bytes or contains NUL", (int)n_shown, name,
                                 TABLE_NAME_BYTES - 1);
        }
        memcpy(ret_name, name, n_name);
        ret_name[n_name] = 0;
        return 0;
}

static int read_field(const struct flatbuffer_table *table, int version, size_t n_before, struct arrow_field *field,
                      struct fault *fault) {
        struct flatbuffer_table type = flatbuffer_get_table(table, 3), dictionary = flatbuffer_get_table(table, 4),
                                index;
        enum arrow_type kind = (enum arrow_type)flatbuffer_get_uint(table, 2, 1, 0);
        struct count count = { .n_before = n_before, .version = version };
        int r;

        *field = (struct arrow_field){ .has_dictionary = dictionary.reader };
        r = read_name(table, field->name, fault);
        if (!r)
                r = count_field(table, 0, &count, fault);
        if (!r)
                r = read_layout(&type, kind, &field->layout, fault);
        if (!r && field->has_dictionary) {
                field->dictionary = (int64_t)flatbuffer_get_uint(&dictionary, 0, 8, 0);
                index = flatbuffer_get_table(&dictionary, 1);
                field->index = (struct arrow_layout){ .type = ARROW_TYPE_INT, .n_bits = 32, .is_signed = true };
                if (index.reader)
                        r = read_layout(&index, ARROW_TYPE_INT, &field->index, fault);
        }
        if (r)
                return r;
        field->n_nodes = count.n_nodes;
        field->n_buffers = count.n_buffers;
        field->n_views = count.n_views;
        return 0;
}

int arrow_schema_read(const struct flatbuffer_table *table, int version, struct arrow_schema *ret_schema,
                      struct fault *fault) {
        struct flatbuffer_vector fields = flatbuffer_get_vector(table, 1, 4);
        _cleanup_(arrow_schema_finish) struct arrow_schema schema = ARROW_SCHEMA_NULL;
        struct flatbuffer_table field;
        size_t n_nodes = 0;
        int r;

        if (!table->reader || table->reader->is_broken)
                return arrow_damaged(fault, "its schema cannot be read");
        if (flatbuffer_get_uint(table, 0, 2, 0))
                return fault_set(fault, "ARROW_UNSUPPORTED", "its numbers are big-endian");
        if (fields.n > TABLE_COLUMNS_MAX)
                return fault_set(fault, "ARROW_UNSUPPORTED", "it has %zu columns, more than %d", fields.n,
                                 TABLE_COLUMNS_MAX);
        schema.fields = calloc(fields.n ? fields.n : 1, sizeof(*schema.fields));
        if (!schema.fields)
                return error_origin(-ENOMEM, "reading an Arrow schema");
        for (; schema.n_fields < fields.n; schema.n_fields++) {
                field = flatbuffer_vector_table(&fields, schema.n_fields);
                r = read_field(&field, version, n_nodes, &schema.fields[schema.n_fields], fault);
                if (r)
                        return r;
                n_nodes += schema.fields[schema.n_fields].n_nodes;
        }
        schema.notes = flatbuffer_get_vector(table, 2, 4);
        if (table->reader->is_broken)
                return arrow_damaged(fault, "its schema cannot be read");
        *ret_schema = (struct arrow_schema){ schema.n_fields, steal(schema.fields), schema.notes };
        return 0;
}

void arrow_schema_finish(struct arrow_schema *schema) {
        free(schema->fields);
        *schema = (struct arrow_schema)ARROW_SCHEMA_NULL;
}

static int read_compression(const struct flatbuffer_table *table, enum arrow_codec *ret_codec, struct fault *fault) {
        struct flatbuffer_table compression = flatbuffer_get_table(table, 3);
        uint64_t codec;

        *ret_codec = ARROW_CODEC_NONE;
        if (!compression.reader)
                return 0;
        codec = flatbuffer_get_uint(&compression, 0, 1, ARROW_CODEC_LZ4_FRAME);
        if (codec > ARROW_CODEC_ZSTD || flatbuffer_get_uint(&compression, 1, 1, 0))
                return fault_set(fault, "ARROW_UNSUPPORTED", "its compression is neither LZ4 nor ZSTD");
        *ret_codec = (enum arrow_codec)codec;
        return 0;
}

int arrow_batch_read(const struct flatbuffer_table *table, const struct arrow_message *message,
                     const struct arrow_field *fields, size_t n_fields, struct arrow_batch *ret_batch,
                     struct arrow_place *ret_places, struct fault *fault) {
        struct arrow_batch batch = {
                .n_rows = (int64_t)flatbuffer_get_uint(table, 0, 8, 0),
                .nodes = flatbuffer_get_vector(table, 1, 16),
                .buffers = flatbuffer_get_vector(table, 2, 16),
                .views = flatbuffer_get_vector(table, 4, 8),
                .body = message->body,
                .n_body = message->n_body,
        };
        size_t node = 0, buffer = 0, view = 0, n;
        int r;

        if (!table->reader)
                return arrow_damaged(fault, "a batch has no content");
        r = read_compression(table, &batch.codec, fault);
        if (r)
                return r;
        if (message->reader.is_broken || batch.n_rows < 0)
                return arrow_damaged(fault, "a batch's metadata cannot be read");
        for (size_t i = 0; i < n_fields; i++) {
                ret_places[i] = (struct arrow_place){ .node = node, .buffer = buffer };
                for (size_t k = 0; k < fields[i].n_views; k++) {
                        if (view >= batch.views.n)
                                return arrow_damaged(fault, "a batch does not count the buffers of its views");
                        n = (size_t)flatbuffer_vector_int64(&batch.views, 1, view++, 0);
                        if (n > batch.buffers.n)
                                return arrow_damaged(fault, "a batch counts more buffers than it has");
                        ret_places[i].n_view_buffers += n;
                }
                node += fields[i].n_nodes;
                buffer += fields[i].n_buffers + ret_places[i].n_view_buffers;
        }
        if (node != batch.nodes.n || buffer != batch.buffers.n)
                return arrow_damaged(fault, "a batch has not the columns that the schema names");
        *ret_batch = batch;
        return 0;
}

int arrow_batch_bytes(const struct arrow_batch *batch, size_t i, struct arrow_bytes *ret_bytes, struct fault *fault) {
        int64_t offset = flatbuffer_vector_int64(&batch->buffers, 2, i, 0);
        int64_t n_bytes = flatbuffer_vector_int64(&batch->buffers, 2, i, 1);

        if (offset < 0 || n_bytes < 0 || (uint64_t)offset > batch->n_body ||
            (uint64_t)n_bytes > batch->n_body - (uint64_t)offset)
                return arrow_damaged(fault, "a buffer lies outside its message");
        *ret_bytes = (struct arrow_bytes){ batch->body + offset, (size_t)n_bytes };
        return 0;
}

int arrow_batch_node(const struct arrow_batch *batch, size_t i, int64_t *ret_n_missing, struct fault *fault) {
        int64_t n_missing = flatbuffer_vector_int64(&batch->nodes, 2, i, 1);

        if (flatbuffer_vector_int64(&batch->nodes, 2, i, 0) != batch->n_rows)
                return arrow_damaged(fault, "a column has not the rows of its batch");
        if (n_missing < 0 || n_missing > batch->n_rows)
                return arrow_damaged(fault, "a column misses more rows than it has");
        *ret_n_missing = n_missing;
        return 0;
}

int arrow_footer_read(const uint8_t *bytes, size_t n_bytes, struct arrow_footer *footer, struct fault *fault) {
        struct flatbuffer_table root;
        uint32_t n_footer;

        if (n_bytes < 2 * (ARROW_MAGIC_BYTES + 2) + 4 || memcmp(bytes, ARROW_MAGIC, ARROW_MAGIC_BYTES) ||
            memcmp(bytes + n_bytes - ARROW_MAGIC_BYTES, ARROW_MAGIC, ARROW_MAGIC_BYTES))
                return arrow_damaged(fault, "its end is not that of an Arrow file");
        memcpy(&n_footer, bytes + n_bytes - ARROW_MAGIC_BYTES - 4, 4);
        if (!n_footer || n_footer > n_bytes - 2 * ARROW_MAGIC_BYTES - 4)
                return arrow_damaged(fault, "its footer is cut off");
        *footer = (struct arrow_footer){
                .reader = { .bytes = bytes + n_bytes - ARROW_MAGIC_BYTES - 4 - n_footer, .n_bytes = n_footer },
        };
        root = flatbuffer_root(&footer->reader);
        footer->version = (int)flatbuffer_get_uint(&root, 0, 2, 0);
        footer->schema = flatbuffer_get_table(&root, 1);
        footer->dictionaries = flatbuffer_get_vector(&root, 2, 24);
        footer->batches = flatbuffer_get_vector(&root, 3, 24);
        if (footer->reader.is_broken || !footer->schema.reader)
                return arrow_damaged(fault, "its footer cannot be read");
        return 0;
}

int arrow_footer_message(const uint8_t *bytes, size_t n_bytes, const struct flatbuffer_vector *blocks, size_t i,
                         enum arrow_header kind, struct arrow_message *ret_message, struct fault *fault) {
        int64_t offset = flatbuffer_vector_int64(blocks, 3, i, 0);
        int r;

        if (offset < 0 || (uint64_t)offset >= n_bytes)
                return arrow_damaged(fault, "its footer names a batch outside the file");
        r = arrow_message_read(bytes + offset, n_bytes - (size_t)offset, ret_message, fault);
        if (r)
                return r;
        if (!ret_message->n_bytes || ret_message->kind != kind)
                return arrow_damaged(fault, "its footer names something as a batch that is none");
        return 0;
}
