/* Arrow dictionaries: values by id, each as a table of one column. */

#include "common/data/arrow/arrow_dictionary.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/data/arrow/arrow_column.h"

/* values of all dictionaries together, at most */
enum { ROWS_MAX = 16 * 1024 * 1024 };

/* Fields with the same id share it. */
struct arrow_dictionary {
        int64_t id;
        struct arrow_field field; /* the values, as a field of their own */
        bool is_chosen;           /* some column that is read needs it */
        struct table_builder *values;
};

static struct arrow_dictionary *find(const struct arrow_dictionaries *dictionaries, int64_t id) {
        for (size_t i = 0; i < dictionaries->n; i++)
                if (dictionaries->list[i].id == id)
                        return &dictionaries->list[i];
        return NULL;
}

static bool layout_is_equal(const struct arrow_layout *a, const struct arrow_layout *b) {
        return a->type == b->type && a->n_bits == b->n_bits && a->is_signed == b->is_signed && a->scale == b->scale;
}

int arrow_dictionaries_init(struct arrow_dictionaries *dictionaries, const struct arrow_schema *schema,
                            struct fault *fault) {
        struct arrow_dictionary *dictionary;
        int r;

        *dictionaries = (struct arrow_dictionaries){ .list = calloc(schema->n_fields + 1, sizeof(*dictionary)) };
        if (!dictionaries->list)
                return error_origin(-ENOMEM, "reading an Arrow schema");
        for (size_t i = 0; i < schema->n_fields; i++) {
                const struct arrow_field *field = &schema->fields[i];
                enum arrow_kind kind = arrow_field_kind(field);

                if (!field->has_dictionary || kind == ARROW_KIND_OTHER)
                        continue;
                dictionary = find(dictionaries, field->dictionary);
                if (dictionary) {
                        if (!layout_is_equal(&dictionary->field.layout, &field->layout))
                                return arrow_damaged(fault, "two columns share a dictionary of different types");
                        continue;
                }
                dictionary = &dictionaries->list[dictionaries->n];
                dictionary->id = field->dictionary;
                dictionary->field = (struct arrow_field){ .layout = field->layout, .n_nodes = 1 };
                dictionary->field.n_buffers = arrow_type_n_buffers(field->layout.type);
                dictionary->field.n_views = field->layout.type == ARROW_TYPE_UTF8_VIEW;
                r = table_builder_create(&dictionary->values);
                if (!r) {
                        dictionaries->n++;
                        r = table_builder_add_column(dictionary->values, field->name, arrow_kind_column_type(kind));
                }
                if (r)
                        return error_trace(r);
        }
        return 0;
}

void arrow_dictionaries_finish(struct arrow_dictionaries *dictionaries) {
        for (size_t i = 0; i < dictionaries->n; i++)
                table_builder_destroy(dictionaries->list[i].values);
        free(dictionaries->list);
        *dictionaries = (struct arrow_dictionaries)ARROW_DICTIONARIES_NULL;
}

void arrow_dictionaries_choose(struct arrow_dictionaries *dictionaries, const struct arrow_field *field) {
        struct arrow_dictionary *dictionary = find(dictionaries, field->dictionary);

        assert(dictionary);
        dictionary->is_chosen = true;
}

void arrow_dictionaries_choose_none(struct arrow_dictionaries *dictionaries) {
        for (size_t i = 0; i < dictionaries->n; i++)
                dictionaries->list[i].is_chosen = false;
}

/* What all of them hold. */
static void measure(const struct arrow_dictionaries *dictionaries, int64_t *ret_n_rows, size_t *ret_n_text) {
        int64_t n_rows = 0;
        size_t n_text = 0;

        for (size_t i = 0; i < dictionaries->n; i++) {
                struct table values = table_builder_view(dictionaries->list[i].values);

                n_rows += (int64_t)values.n_rows;
                if (values.n_rows && values.columns[0].type == COLUMN_UTF8)
                        n_text += (size_t)values.columns[0].offsets[values.n_rows];
        }
        *ret_n_rows = n_rows;
        *ret_n_text = n_text;
}

/* DictionaryBatch { id, data, isDelta }. */
int arrow_dictionaries_read(struct arrow_dictionaries *dictionaries, struct arrow_message *message,
                            struct fault *fault) {
        struct flatbuffer_table data = flatbuffer_get_table(&message->header, 1);
        struct arrow_dictionary *dictionary = find(dictionaries,
                                                   (int64_t)flatbuffer_get_uint(&message->header, 0, 8, 0));
        _cleanup_(arrow_column_finish) struct arrow_column column = ARROW_COLUMN_NULL;
        struct arrow_room room = ARROW_ROOM_FULL;
        struct arrow_batch batch;
        struct arrow_place place;
        int64_t n_rows;
        size_t n_text;
        int r;

        if (message->reader.is_broken)
                return arrow_damaged(fault, "a dictionary's metadata cannot be read");
        if (!dictionary || !dictionary->is_chosen)
                return 0;
        r = arrow_batch_read(&data, message, &dictionary->field, 1, &batch, &place, fault);
        if (r)
                return error_trace(r);
        if (!flatbuffer_get_uint(&message->header, 2, 1, 0))
                table_builder_clear(dictionary->values);
        measure(dictionaries, &n_rows, &n_text);
        if (batch.n_rows > ROWS_MAX - n_rows)
                return fault_set(fault, "ARROW_UNSUPPORTED", "its dictionaries have more than %d values", ROWS_MAX);
        room.n_text -= n_text;
        arrow_column_init(&column, &dictionary->field, &room);
        r = arrow_column_start(&column, &batch, &place, fault);
        if (!r)
                r = arrow_column_read(&column, (size_t)batch.n_rows, NULL, 0, dictionary->values, 0, fault);
        return error_trace(r);
}

struct table arrow_dictionaries_values(const struct arrow_dictionaries *dictionaries, const struct arrow_field *field) {
        const struct arrow_dictionary *dictionary = find(dictionaries, field->dictionary);

        assert(dictionary);
        return table_builder_view(dictionary->values);
}
