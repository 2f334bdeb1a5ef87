/* Arrow metadata, encoded. */

#include "common/data/arrow/arrow_encode.h"

#include <stdbool.h>

#include "common/base/cleanup.h"
#include "common/data/arrow/arrow_message.h"

/* Message { version, header_type, header, bodyLength }; gives where to link the header. */
static size_t start_message(struct flatbuffer_writer *flatbuffer, enum arrow_header kind, uint64_t n_body) {
        const struct flatbuffer_value fields[] = {
                { 2, ARROW_VERSION_5 }, { 1, kind }, { 4, 0 }, { n_body ? 8 : 0, n_body }
        };
        struct flatbuffer_place message;

        flatbuffer_writer_clear(flatbuffer);
        message = flatbuffer_write_table(flatbuffer, fields, N_ELEMENTS(fields));
        flatbuffer_link(flatbuffer, 0, message.at);
        return message.fields[2];
}

/* Int { bitWidth, is_signed }, FloatingPoint { precision } or Utf8 {}. */
static size_t write_type(struct flatbuffer_writer *flatbuffer, enum column_type type) {
        const struct flatbuffer_value int64[] = { { 4, 64 }, { 1, true } };
        const struct flatbuffer_value floating[] = { { 2, type == COLUMN_FLOAT64 ? ARROW_PRECISION_DOUBLE
                                                                                 : ARROW_PRECISION_SINGLE } };

        if (type == COLUMN_INT64)
                return flatbuffer_write_table(flatbuffer, int64, 2).at;
        return flatbuffer_write_table(flatbuffer, floating, type == COLUMN_UTF8 ? 0 : 1).at;
}

/* Field { name, nullable, type_type, type, dictionary, children }. */
static size_t write_field(struct flatbuffer_writer *flatbuffer, const char *name, enum column_type type) {
        uint64_t kind = type == COLUMN_INT64  ? ARROW_TYPE_INT
                        : type == COLUMN_UTF8 ? ARROW_TYPE_UTF8
                                              : ARROW_TYPE_FLOATING_POINT;
        const struct flatbuffer_value fields[] = { { 4, 0 }, { 1, true }, { 1, kind }, { 4, 0 }, { 0, 0 }, { 4, 0 } };
        struct flatbuffer_place field = flatbuffer_write_table(flatbuffer, fields, N_ELEMENTS(fields));

        flatbuffer_link(flatbuffer, field.fields[0], flatbuffer_write_text(flatbuffer, name));
        flatbuffer_link(flatbuffer, field.fields[3], write_type(flatbuffer, type));
        flatbuffer_link(flatbuffer, field.fields[5], flatbuffer_write_links(flatbuffer, 0));
        return field.at;
}

/* Schema { endianness, fields, custom_metadata }; links it from the place given. */
static void write_schema(struct flatbuffer_writer *flatbuffer, const struct arrow_shape *shape, size_t from) {
        const struct flatbuffer_value fields[] = { { 0, 0 }, { 4, 0 }, { shape->n_notes ? 4 : 0, 0 } };
        const struct flatbuffer_value pair[] = { { 4, 0 }, { 4, 0 } };
        struct flatbuffer_place place = flatbuffer_write_table(flatbuffer, fields, N_ELEMENTS(fields)), note;
        size_t links;

        flatbuffer_link(flatbuffer, from, place.at);
        links = flatbuffer_write_links(flatbuffer, shape->n_columns);
        flatbuffer_link(flatbuffer, place.fields[1], links);
        for (size_t i = 0; i < shape->n_columns; i++)
                flatbuffer_link(flatbuffer, links + 4 + 4 * i,
                                write_field(flatbuffer, shape->names[i], shape->types[i]));
        if (!shape->n_notes)
                return;
        links = flatbuffer_write_links(flatbuffer, shape->n_notes);
        flatbuffer_link(flatbuffer, place.fields[2], links);
        for (size_t i = 0; i < shape->n_notes; i++) {
                note = flatbuffer_write_table(flatbuffer, pair, 2);
                flatbuffer_link(flatbuffer, links + 4 + 4 * i, note.at);
                flatbuffer_link(flatbuffer, note.fields[0], flatbuffer_write_text(flatbuffer, shape->notes[i].key));
                flatbuffer_link(flatbuffer, note.fields[1], flatbuffer_write_text(flatbuffer, shape->notes[i].value));
        }
}

void arrow_encode_schema(struct flatbuffer_writer *flatbuffer, const struct arrow_shape *shape) {
        write_schema(flatbuffer, shape, start_message(flatbuffer, ARROW_HEADER_SCHEMA, 0));
}

/* RecordBatch { length, nodes, buffers }. */
void arrow_encode_batch(struct flatbuffer_writer *flatbuffer, const struct arrow_body *body) {
        const struct flatbuffer_value fields[] = { { 8, body->n_rows }, { 4, 0 }, { 4, 0 } };
        size_t from = start_message(flatbuffer, ARROW_HEADER_RECORD_BATCH, body->n_bytes);
        struct flatbuffer_place place = flatbuffer_write_table(flatbuffer, fields, N_ELEMENTS(fields));

        flatbuffer_link(flatbuffer, from, place.at);
        flatbuffer_link(flatbuffer, place.fields[1],
                        flatbuffer_write_structs(flatbuffer, body->nodes, body->n_columns, 16));
        flatbuffer_link(flatbuffer, place.fields[2],
                        flatbuffer_write_structs(flatbuffer, body->places, body->n_buffers, 16));
}

/* Footer { version, schema, dictionaries, recordBatches }. */
void arrow_encode_footer(struct flatbuffer_writer *flatbuffer, const struct arrow_shape *shape, const int64_t *blocks,
                         size_t n_blocks) {
        const struct flatbuffer_value fields[] = { { 2, ARROW_VERSION_5 }, { 4, 0 }, { 4, 0 }, { 4, 0 } };
        struct flatbuffer_place footer;

        flatbuffer_writer_clear(flatbuffer);
        footer = flatbuffer_write_table(flatbuffer, fields, N_ELEMENTS(fields));
        flatbuffer_link(flatbuffer, 0, footer.at);
        write_schema(flatbuffer, shape, footer.fields[1]);
        flatbuffer_link(flatbuffer, footer.fields[2], flatbuffer_write_structs(flatbuffer, NULL, 0, 24));
        flatbuffer_link(flatbuffer, footer.fields[3], flatbuffer_write_structs(flatbuffer, blocks, n_blocks, 24));
}
