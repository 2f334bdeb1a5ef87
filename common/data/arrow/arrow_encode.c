/* Arrow metadata, encoded. */

#include "common/data/arrow/arrow_encode.h"

#include <stdbool.h>

#include "common/base/cleanup.h"
#include "common/data/arrow/arrow_message.h"

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
static void write_schema(struct flat_writer *flat, const struct arrow_shape *shape, size_t from) {
        const struct flat_value fields[] = { { 0, 0 }, { 4, 0 }, { shape->n_notes ? 4 : 0, 0 } };
        const struct flat_value pair[] = { { 4, 0 }, { 4, 0 } };
        struct flat_place place = flat_write_table(flat, fields, N_ELEMENTS(fields)), note;
        size_t links;

        flat_link(flat, from, place.at);
        links = flat_write_links(flat, shape->n_columns);
        flat_link(flat, place.fields[1], links);
        for (size_t i = 0; i < shape->n_columns; i++)
                flat_link(flat, links + 4 + 4 * i, write_field(flat, shape->names[i], shape->types[i]));
        if (!shape->n_notes)
                return;
        links = flat_write_links(flat, shape->n_notes);
        flat_link(flat, place.fields[2], links);
        for (size_t i = 0; i < shape->n_notes; i++) {
                note = flat_write_table(flat, pair, 2);
                flat_link(flat, links + 4 + 4 * i, note.at);
                flat_link(flat, note.fields[0], flat_write_text(flat, shape->notes[i].key));
                flat_link(flat, note.fields[1], flat_write_text(flat, shape->notes[i].value));
        }
}

void arrow_encode_schema(struct flat_writer *flat, const struct arrow_shape *shape) {
        write_schema(flat, shape, start_message(flat, ARROW_HEADER_SCHEMA, 0));
}

/* RecordBatch { length, nodes, buffers }. */
void arrow_encode_batch(struct flat_writer *flat, const struct arrow_body *body) {
        const struct flat_value fields[] = { { 8, body->n_rows }, { 4, 0 }, { 4, 0 } };
        size_t from = start_message(flat, ARROW_HEADER_RECORD_BATCH, body->n_bytes);
        struct flat_place place = flat_write_table(flat, fields, N_ELEMENTS(fields));

        flat_link(flat, from, place.at);
        flat_link(flat, place.fields[1], flat_write_structs(flat, body->nodes, body->n_columns, 16));
        flat_link(flat, place.fields[2], flat_write_structs(flat, body->places, body->n_buffers, 16));
}

/* Footer { version, schema, dictionaries, recordBatches }. */
void arrow_encode_footer(struct flat_writer *flat, const struct arrow_shape *shape, const int64_t *blocks,
                         size_t n_blocks) {
        const struct flat_value fields[] = { { 2, ARROW_VERSION_5 }, { 4, 0 }, { 4, 0 }, { 4, 0 } };
        struct flat_place footer;

        flat_writer_clear(flat);
        footer = flat_write_table(flat, fields, N_ELEMENTS(fields));
        flat_link(flat, 0, footer.at);
        write_schema(flat, shape, footer.fields[1]);
        flat_link(flat, footer.fields[2], flat_write_structs(flat, NULL, 0, 24));
        flat_link(flat, footer.fields[3], flat_write_structs(flat, blocks, n_blocks, 24));
}
