/* Arrow file: our own files, mapped. Structure is checked once when opened, text offsets with each batch. */

#include "common/data/arrow/arrow.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/data/arrow/arrow_message.h"

struct arrow_file {
        struct file_map map;
        char *path;
        struct arrow_footer footer;
        struct arrow_schema schema;
        enum column_type *types;
        struct column *shape;
        size_t n_notes;
        struct arrow_note *notes;
        size_t n_batches;
        int64_t *first_rows;    /* n_batches + 1 */
        size_t *ends;           /* where in the file each batch ends */
        struct column *columns; /* n_batches times n_fields */
        size_t *n_texts;        /* as many: bytes of each column's text */
};

struct arrow_file *arrow_file_close(struct arrow_file *file) {
        if (!file)
                return NULL;
        for (size_t i = 0; i < file->n_notes; i++) {
                free((void *)(uintptr_t)file->notes[i].key);
                free((void *)(uintptr_t)file->notes[i].value);
        }
        free(file->notes);
        free(file->types);
        free(file->shape);
        free(file->first_rows);
        free(file->ends);
        free(file->columns);
        free(file->n_texts);
        arrow_schema_finish(&file->schema);
        file_unmap(&file->map);
        free(file->path);
        free(file);
        return NULL;
}

void arrow_file_close_pointer(struct arrow_file **file) {
        arrow_file_close(*file);
}

/* The type a stage wrote; false for any other. */
static bool own_type(const struct arrow_field *field, enum column_type *ret_type) {
        const struct arrow_layout *layout = &field->layout;

        if (field->has_dictionary)
                return false;
        if (layout->type == ARROW_TYPE_INT && layout->n_bits == 64 && layout->is_signed)
                *ret_type = COLUMN_INT64;
        else if (layout->type == ARROW_TYPE_FLOATING_POINT && layout->n_bits == 64)
                *ret_type = COLUMN_FLOAT64;
        else if (layout->type == ARROW_TYPE_FLOATING_POINT && layout->n_bits == 32)
                *ret_type = COLUMN_FLOAT32;
        else if (layout->type == ARROW_TYPE_UTF8)
                *ret_type = COLUMN_UTF8;
        else
                return false;
        return true;
}

static int read_shape(struct arrow_file *file, struct fault *fault) {
        size_t n = file->schema.n_fields;

        file->types = calloc(n + 1, sizeof(*file->types));
        file->shape = calloc(n + 1, sizeof(*file->shape));
        if (!file->types || !file->shape)
                return error_origin(-ENOMEM, "opening %s", file->path);
        for (size_t k = 0; k < n; k++) {
                const struct arrow_field *field = &file->schema.fields[k];

                if (!own_type(field, &file->types[k])) {
                        fault_in(fault, field->name, -1);
                        return fault_set(fault, "ARROW_TYPE", "column \"%s\" has type %s, which no stage writes",
                                         field->name, arrow_type_name(field->layout.type));
                }
                file->shape[k] = (struct column){ .name = field->name, .type = file->types[k] };
        }
        return 0;
}

static int read_notes(struct arrow_file *file, struct fault *fault) {
        struct flatbuffer_vector *notes = &file->schema.notes;

        if (!notes->n)
                return 0;
        file->notes = calloc(notes->n, sizeof(*file->notes));
        if (!file->notes)
                return error_origin(-ENOMEM, "opening %s", file->path);
        for (size_t i = 0; i < notes->n; i++) {
                struct flatbuffer_table pair = flatbuffer_vector_table(notes, i);
                const char *key = "", *value = "";
                size_t n_key = 0, n_value = 0;

                flatbuffer_get_text(&pair, 0, &key, &n_key);
                flatbuffer_get_text(&pair, 1, &value, &n_value);
                if (notes->reader->is_broken)
                        return arrow_damaged(fault, "its notes cannot be read");
                file->notes[i].key = strndup(key, n_key);
                file->notes[i].value = strndup(value, n_value);
                file->n_notes = i + 1;
                if (!file->notes[i].key || !file->notes[i].value)
                        return error_origin(-ENOMEM, "opening %s", file->path);
        }
        return 0;
}

/* Bytes of a buffer that holds at least n_least, aligned for values of that width. */
static int need_bytes(const struct arrow_batch *batch, size_t buffer, size_t n_least, size_t width,
                      const void **ret_data, size_t *ret_n_bytes, struct fault *fault) {
        struct arrow_bytes bytes;
        int r;

        r = arrow_batch_bytes(batch, buffer, &bytes, fault);
        if (r)
                return r;
        if (bytes.n_bytes < n_least)
                return arrow_damaged(fault, "a column is shorter than its batch");
        if ((uintptr_t)bytes.data % width)
                return arrow_damaged(fault, "a column is not aligned");
        *ret_data = bytes.data;
        *ret_n_bytes = bytes.n_bytes;
        return 0;
}

static int read_column(const struct arrow_batch *batch, const struct arrow_place *place, const char *name,
                       enum column_type type, struct column *ret_column, size_t *ret_n_text, struct fault *fault) {
        size_t n = (size_t)batch->n_rows, width = type == COLUMN_INT64 || type == COLUMN_FLOAT64 ? 8 : 4, n_bytes = 0;
        struct column column = { .name = name, .type = type };
        const void *data = NULL;
        int64_t n_missing;
        int r;

        r = arrow_batch_node(batch, place->node, &n_missing, fault);
        if (!r)
                r = need_bytes(batch, place->buffer, n_missing ? (n + 7) / 8 : 0, 1, &data, &n_bytes, fault);
        if (r)
                return r;
        column.validity = n_missing ? data : NULL;
        r = need_bytes(batch, place->buffer + 1, (n + (type == COLUMN_UTF8)) * width, width, &data, &n_bytes, fault);
        if (r)
                return r;
        column.int64 = type == COLUMN_INT64 ? data : NULL;
        column.float64 = type == COLUMN_FLOAT64 ? data : NULL;
        column.float32 = type == COLUMN_FLOAT32 ? data : NULL;
        column.offsets = type == COLUMN_UTF8 ? data : NULL;
        if (type == COLUMN_UTF8) {
                r = need_bytes(batch, place->buffer + 2, 0, 1, &data, ret_n_text, fault);
                if (r)
                        return r;
                column.text = data;
        }
        *ret_column = column;
        return 0;
}

static int read_batch(struct arrow_file *file, size_t i, struct arrow_place *places, struct fault *fault) {
        size_t n_fields = file->schema.n_fields;
        struct arrow_message message;
        struct arrow_batch batch;
        int r;

        r = arrow_footer_message(file->map.data, file->map.n_bytes, &file->footer.batches, i, ARROW_HEADER_RECORD_BATCH,
                                 &message, fault);
        if (!r)
                r = arrow_batch_read(&message.header, &message, file->schema.fields, n_fields, &batch, places, fault);
        if (r)
                return r;
        if (i && message.body < file->map.data + file->ends[i - 1])
                return arrow_damaged(fault, "its batches do not follow each other");
        if (batch.codec != ARROW_CODEC_NONE || batch.n_rows < 1 || batch.n_rows > TABLE_BATCH_ROWS)
                return arrow_damaged(fault, "a batch is compressed, empty or too long for one that a stage wrote");
        for (size_t k = 0; k < n_fields; k++) {
                r = read_column(&batch, &places[k], file->schema.fields[k].name, file->types[k],
                                &file->columns[i * n_fields + k], &file->n_texts[i * n_fields + k], fault);
                if (r) {
                        fault_in(fault, file->schema.fields[k].name, file->first_rows[i]);
                        return r;
                }
        }
        file->first_rows[i + 1] = file->first_rows[i] + batch.n_rows;
        file->ends[i] = (size_t)(message.body - file->map.data) + message.n_body;
        return 0;
}

static int read_batches(struct arrow_file *file, struct fault *fault) {
        size_t n = file->footer.batches.n, n_cells = n * file->schema.n_fields + 1;
        _cleanup_(free_pointer) struct arrow_place *places = calloc(file->schema.n_fields + 1, sizeof(*places));
        int r;

        file->first_rows = calloc(n + 1, sizeof(*file->first_rows));
        file->ends = calloc(n + 1, sizeof(*file->ends));
        file->columns = calloc(n_cells, sizeof(*file->columns));
        file->n_texts = calloc(n_cells, sizeof(*file->n_texts));
        if (!places || !file->first_rows || !file->ends || !file->columns || !file->n_texts)
                return error_origin(-ENOMEM, "opening %s", file->path);
        for (file->n_batches = 0; file->n_batches < n; file->n_batches++) {
                r = read_batch(file, file->n_batches, places, fault);
                if (r)
                        return r;
        }
        return 0;
}

static int open_file(const char *path, struct arrow_file **ret_file, struct fault *fault) {
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = calloc(1, sizeof(*file));
        int r;

        if (!file || !(file->path = strdup(path)))
                return error_origin(-ENOMEM, "opening %s", path);
        r = file_map(path, &file->map);
        if (r == -ENOENT)
                return fault_set(fault, "FILE_NOT_FOUND", "there is no file %s", path);
        if (r)
                return error_trace(r);
        r = arrow_footer_read(file->map.data, file->map.n_bytes, &file->footer, fault);
        if (!r)
                r = arrow_schema_read(&file->footer.schema, file->footer.version, &file->schema, fault);
        if (!r)
                r = read_shape(file, fault);
        if (!r)
                r = read_notes(file, fault);
        if (!r)
                r = read_batches(file, fault);
        if (r)
                return error_trace(r);
        *ret_file = steal(file);
        return 0;
}

int arrow_file_open(const char *path, struct arrow_file **ret_file, struct fault *fault) {
        int r = open_file(path, ret_file, fault);

        if (r == FAULT_E_INPUT)
                fault_at(fault, path, 0, 0);
        return error_trace(r);
}

struct table arrow_file_shape(const struct arrow_file *file) {
        return (struct table){ 0, file->schema.n_fields, file->shape };
}

int64_t arrow_file_n_rows(const struct arrow_file *file) {
        return file->first_rows[file->n_batches];
}

size_t arrow_file_n_batches(const struct arrow_file *file) {
        return file->n_batches;
}

const char *arrow_file_note(const struct arrow_file *file, const char *key) {
        for (size_t i = 0; i < file->n_notes; i++)
                if (!strcmp(file->notes[i].key, key))
                        return file->notes[i].value;
        return NULL;
}

int64_t arrow_file_first_row(const struct arrow_file *file, size_t batch) {
        assert(batch <= file->n_batches);
        return file->first_rows[batch];
}

static bool offsets_are_sound(const int32_t *offsets, size_t n_rows, size_t n_text) {
        int32_t falls = 0;

        /* without a branch, so that the compiler can take many at a time */
        for (size_t i = 0; i < n_rows; i++)
                falls |= offsets[i + 1] < offsets[i];
        return !falls && offsets[0] >= 0 && (size_t)offsets[n_rows] <= n_text;
}

int arrow_file_batch(const struct arrow_file *file, size_t batch, struct table *ret_table, struct fault *fault) {
        size_t n_fields = file->schema.n_fields, n_rows;
        struct column *columns;

        assert(batch < file->n_batches);
        n_rows = (size_t)(file->first_rows[batch + 1] - file->first_rows[batch]);
        columns = &file->columns[batch * n_fields];
        for (size_t k = 0; k < n_fields; k++) {
                if (columns[k].type != COLUMN_UTF8 ||
                    offsets_are_sound(columns[k].offsets, n_rows, file->n_texts[batch * n_fields + k]))
                        continue;
                fault_at(fault, file->path, 0, 0);
                fault_in(fault, columns[k].name, file->first_rows[batch]);
                return arrow_damaged(fault, "the offsets of a text fall or lead outside it");
        }
        *ret_table = (struct table){ n_rows, n_fields, columns };
        return 0;
}

int arrow_file_batches(const struct arrow_file *file, struct table **ret_tables, struct fault *fault) {
        _cleanup_(free_pointer) struct table *tables = calloc(file->n_batches + 1, sizeof(*tables));
        int r;

        if (!tables)
                return error_origin(-ENOMEM, "reading %s", file->path);
        for (size_t i = 0; i < file->n_batches; i++) {
                r = arrow_file_batch(file, i, &tables[i], fault);
                if (r)
                        return error_trace(r);
        }
        *ret_tables = steal(tables);
        return 0;
}

void arrow_file_forget_before(const struct arrow_file *file, size_t batch) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);

        assert(batch <= file->n_batches);
        if (batch && file->ends[batch - 1] >= page)
                madvise((void *)(uintptr_t)file->map.data, file->ends[batch - 1] / page * page, MADV_DONTNEED);
}
