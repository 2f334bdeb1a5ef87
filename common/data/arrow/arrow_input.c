/* Arrow input: files and streams of others, batch by batch. */

#include "common/data/arrow/arrow.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/data/arrow/arrow_column.h"
#include "common/data/arrow/arrow_dictionary.h"
#include "common/data/arrow/arrow_message.h"

struct arrow_input {
        struct file_map map;
        char *path;
        bool is_stream;
        struct arrow_footer footer;          /* of a file */
        struct arrow_message schema_message; /* of a stream */
        struct arrow_schema schema;
        struct arrow_dictionaries dictionaries;
        int64_t n_rows;
        size_t next;                  /* the next batch of a file, the next message's position in a stream */
        struct arrow_message message; /* of the batch in hand */
        struct arrow_place *places;
        int64_t n_left;        /* rows of the batch in hand */
        bool has_dictionaries; /* of a file: they were read */
        struct arrow_room room;
        size_t n_chosen;
        size_t *chosen;
        struct arrow_column *columns; /* one for each chosen */
        struct table_builder *builder;
};

bool arrow_input_is_arrow(const void *bytes, size_t n_bytes) {
        static const uint8_t mark[] = { 0xff, 0xff, 0xff, 0xff };

        return (n_bytes >= ARROW_MAGIC_BYTES && !memcmp(bytes, ARROW_MAGIC, ARROW_MAGIC_BYTES)) ||
               (n_bytes >= sizeof(mark) && !memcmp(bytes, mark, sizeof(mark)));
}

static void drop_columns(struct arrow_input *input) {
        for (size_t i = 0; i < input->n_chosen; i++)
                arrow_column_finish(&input->columns[i]);
        free(input->columns);
        free(input->chosen);
        input->columns = NULL;
        input->chosen = NULL;
        input->n_chosen = 0;
        input->builder = table_builder_destroy(input->builder);
        input->has_dictionaries = false;
        arrow_dictionaries_choose_none(&input->dictionaries);
}

struct arrow_input *arrow_input_close(struct arrow_input *input) {
        if (!input)
                return NULL;
        drop_columns(input);
        arrow_dictionaries_finish(&input->dictionaries);
        free(input->places);
        arrow_schema_finish(&input->schema);
        file_unmap(&input->map);
        free(input->path);
        free(input);
        return NULL;
}

void arrow_input_close_pointer(struct arrow_input **input) {
        arrow_input_close(*input);
}

/* Reads message i that a file's footer names. Messages that it named before took n_seen bytes: one that is named often
 * enough would be work without end. */
static int read_named(struct arrow_input *input, const struct flatbuffer_vector *blocks, size_t i,
                      enum arrow_header kind, size_t *n_seen, struct fault *fault) {
        int r;

        r = arrow_footer_message(input->map.data, input->map.n_bytes, blocks, i, kind, &input->message, fault);
        if (r)
                return error_trace(r);
        if (input->message.n_bytes > input->map.n_bytes - *n_seen)
                return arrow_damaged(fault, "its footer names a batch twice");
        *n_seen += input->message.n_bytes;
        return 0;
}

/* Reads the dictionaries of a file, which may stand anywhere in it. */
static int read_dictionaries(struct arrow_input *input, struct fault *fault) {
        size_t n_seen = 0;
        int r = 0;

        for (size_t i = 0; i < input->footer.dictionaries.n && !r; i++) {
                r = read_named(input, &input->footer.dictionaries, i, ARROW_HEADER_DICTIONARY_BATCH, &n_seen, fault);
                if (!r)
                        r = arrow_dictionaries_read(&input->dictionaries, &input->message, fault);
        }
        if (r)
                return error_trace(r);
        input->has_dictionaries = true;
        return 0;
}

/* Sums the rows of a file. */
static int count_rows(struct arrow_input *input, struct fault *fault) {
        size_t n_seen = 0;
        int64_t n_rows;
        int r = 0;

        for (size_t i = 0; i < input->footer.batches.n && !r; i++) {
                r = read_named(input, &input->footer.batches, i, ARROW_HEADER_RECORD_BATCH, &n_seen, fault);
                if (r)
                        break;
                n_rows = (int64_t)flatbuffer_get_uint(&input->message.header, 0, 8, 0);
                if (n_rows < 0 || __builtin_add_overflow(input->n_rows, n_rows, &input->n_rows))
                        return arrow_damaged(fault, "a batch has fewer than no rows");
        }
        return error_trace(r);
}

static int read_schema(struct arrow_input *input, struct fault *fault) {
        struct arrow_message *message = &input->schema_message;
        int r;

        if (!input->is_stream) {
                r = arrow_footer_read(input->map.data, input->map.n_bytes, &input->footer, fault);
                return r ? r : arrow_schema_read(&input->footer.schema, input->footer.version, &input->schema, fault);
        }
        r = arrow_message_read(input->map.data, input->map.n_bytes, message, fault);
        if (r)
                return r;
        if (!message->n_bytes || message->kind != ARROW_HEADER_SCHEMA)
                return arrow_damaged(fault, "it does not start with its schema");
        input->next = message->n_bytes;
        input->n_rows = -1;
        return arrow_schema_read(&message->header, message->version, &input->schema, fault);
}

static int open_input(const char *path, struct arrow_input **ret_input, struct fault *fault) {
        _cleanup_(arrow_input_close_pointer) struct arrow_input *input = calloc(1, sizeof(*input));
        int r;

        if (!input || !(input->path = strdup(path)))
                return error_origin(-ENOMEM, "opening %s", path);
        r = file_map(path, &input->map);
        if (r == -ENOENT)
                return fault_set(fault, "FILE_NOT_FOUND", "there is no file %s", path);
        if (r)
                return error_trace(r);
        if (!arrow_input_is_arrow(input->map.data, input->map.n_bytes))
                return fault_set(fault, "ARROW_MALFORMED", "this is no Arrow file");
        input->is_stream = input->map.data[0] == 0xff;
        madvise((void *)(uintptr_t)input->map.data, input->map.n_bytes, MADV_SEQUENTIAL);
        r = read_schema(input, fault);
        if (r)
                return error_trace(r);
        input->places = calloc(input->schema.n_fields + 1, sizeof(*input->places));
        if (!input->places)
                return error_origin(-ENOMEM, "opening %s", path);
        r = arrow_dictionaries_init(&input->dictionaries, &input->schema, fault);
        if (!r && !input->is_stream)
                r = count_rows(input, fault);
        if (r)
                return error_trace(r);
        *ret_input = steal(input);
        return 0;
}

int arrow_input_open(const char *path, struct arrow_input **ret_input, struct fault *fault) {
        int r = open_input(path, ret_input, fault);

        if (r == FAULT_E_INPUT)
                fault_at(fault, path, 0, 0);
        return error_trace(r);
}

size_t arrow_input_n_columns(const struct arrow_input *input) {
        return input->schema.n_fields;
}

const char *arrow_input_name(const struct arrow_input *input, size_t column) {
        assert(column < input->schema.n_fields);
        return input->schema.fields[column].name;
}

enum arrow_kind arrow_input_kind(const struct arrow_input *input, size_t column) {
        assert(column < input->schema.n_fields);
        return arrow_field_kind(&input->schema.fields[column]);
}

int64_t arrow_input_n_rows(const struct arrow_input *input) {
        return input->n_rows;
}

int arrow_input_choose(struct arrow_input *input, const size_t *columns, size_t n_columns, struct fault *fault) {
        const struct arrow_field *field;
        int r;

        drop_columns(input);
        input->chosen = calloc(n_columns + 1, sizeof(*input->chosen));
        input->columns = calloc(n_columns + 1, sizeof(*input->columns));
        if (!input->chosen || !input->columns)
                return error_origin(-ENOMEM, "choosing columns of %s", input->path);
        r = table_builder_create(&input->builder);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < n_columns; i++) {
                assert(columns[i] < input->schema.n_fields);
                field = &input->schema.fields[columns[i]];
                if (arrow_field_kind(field) == ARROW_KIND_OTHER) {
                        fault_at(fault, input->path, 0, 0);
                        fault_in(fault, field->name, -1);
                        return fault_set(fault, "ARROW_TYPE",
                                         "column \"%s\" has Arrow's type %s; numbers, booleans and texts can be read",
                                         field->name, arrow_type_name(field->layout.type));
                }
                input->chosen[i] = columns[i];
                arrow_column_init(&input->columns[i], field, &input->room);
                input->n_chosen++;
                if (field->has_dictionary)
                        arrow_dictionaries_choose(&input->dictionaries, field);
                r = table_builder_add_column(input->builder, field->name,
                                             arrow_kind_column_type(arrow_field_kind(field)));
                if (r)
                        return error_trace(r);
        }
        return 0;
}

/* Without a choice: all columns. */
static int choose_all(struct arrow_input *input, struct fault *fault) {
        _cleanup_(free_pointer) size_t *all = calloc(input->schema.n_fields + 1, sizeof(*all));

        if (!all)
                return error_origin(-ENOMEM, "choosing columns of %s", input->path);
        for (size_t i = 0; i < input->schema.n_fields; i++)
                all[i] = i;
        return error_trace(arrow_input_choose(input, all, input->schema.n_fields, fault));
}

static int start_batch(struct arrow_input *input, struct fault *fault) {
        struct arrow_batch batch;
        int r;

        input->room = (struct arrow_room)ARROW_ROOM_FULL;
        r = arrow_batch_read(&input->message.header, &input->message, input->schema.fields, input->schema.n_fields,
                             &batch, input->places, fault);
        for (size_t i = 0; i < input->n_chosen && !r; i++) {
                r = arrow_column_start(&input->columns[i], &batch, &input->places[input->chosen[i]], fault);
                if (r == FAULT_E_INPUT)
                        fault_in(fault, input->columns[i].field->name, -1);
        }
        if (r)
                return error_trace(r);
        input->n_left = batch.n_rows;
        return 0;
}

/* Steps to the next record batch; n_left stays 0 at the end. */
static int next_batch(struct arrow_input *input, struct fault *fault) {
        int r;

        if (input->message.body)
                arrow_forget(input->message.body, input->message.body + input->message.n_body);
        if (!input->is_stream) {
                if (input->next == input->footer.batches.n)
                        return 0;
                r = arrow_footer_message(input->map.data, input->map.n_bytes, &input->footer.batches, input->next++,
                                         ARROW_HEADER_RECORD_BATCH, &input->message, fault);
                return r ? error_trace(r) : error_trace(start_batch(input, fault));
        }
        for (;;) {
                r = arrow_message_read(input->map.data + input->next, input->map.n_bytes - input->next, &input->message,
                                       fault);
                if (r || !input->message.n_bytes) {
                        input->next = input->map.n_bytes;
                        return error_trace(r);
                }
                input->next += input->message.n_bytes;
                if (input->message.kind == ARROW_HEADER_RECORD_BATCH)
                        return error_trace(start_batch(input, fault));
                if (input->message.kind != ARROW_HEADER_DICTIONARY_BATCH)
                        return arrow_damaged(fault, "a message is neither a batch nor a dictionary");
                r = arrow_dictionaries_read(&input->dictionaries, &input->message, fault);
                if (r)
                        return error_trace(r);
        }
}

static int read_columns(struct arrow_input *input, size_t n_rows, struct fault *fault) {
        struct table values;
        int r;

        for (size_t i = 0; i < input->n_chosen; i++) {
                const struct arrow_field *field = input->columns[i].field;

                values = (struct table)TABLE_NULL;
                if (field->has_dictionary)
                        values = arrow_dictionaries_values(&input->dictionaries, field);
                r = arrow_column_read(&input->columns[i], n_rows, values.columns, values.n_rows, input->builder, i,
                                      fault);
                if (r == FAULT_E_INPUT)
                        fault_in(fault, field->name, -1);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int read_rows(struct arrow_input *input, struct table *ret_table, struct fault *fault) {
        size_t n_rows;
        int r = 0;

        if (!input->builder)
                r = choose_all(input, fault);
        if (!r && !input->is_stream && !input->has_dictionaries)
                r = read_dictionaries(input, fault);
        while (!r && !input->n_left) {
                size_t before = input->next;

                r = next_batch(input, fault);
                if (!r && input->next == before)
                        break;
        }
        if (r)
                return error_trace(r);
        n_rows = input->n_left < TABLE_BATCH_ROWS ? (size_t)input->n_left : TABLE_BATCH_ROWS;
        table_builder_clear(input->builder);
        input->room.n_text = ARROW_TEXT_BYTES_MAX;
        r = read_columns(input, n_rows, fault);
        if (r)
                return error_trace(r);
        input->n_left -= (int64_t)n_rows;
        *ret_table = table_builder_view(input->builder);
        ret_table->n_rows = n_rows;
        return 0;
}

int arrow_input_read(struct arrow_input *input, struct table *ret_table, struct fault *fault) {
        int r = read_rows(input, ret_table, fault);

        if (r == FAULT_E_INPUT)
                fault_at(fault, input->path, 0, 0);
        return error_trace(r);
}
