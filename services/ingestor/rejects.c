/* Rejects: a table of rows that were set aside. */

#include "services/ingestor/rejects.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/utf8.h"
#include "common/data/table.h"
#include "services/ingestor/dataset_writer.h"

enum {
        TEXT_BYTES_MAX = 4096,
        /* rows gathered before they are handed to the writer */
        BATCH_ROWS = 1024,
};

enum rejects_column { ROW, LINE, POSITION, COLUMN, CODE, MESSAGE, TEXT };

static const struct {
        const char *name;
        enum column_type type;
} columns[] = {
        [ROW] = { "source_row", COLUMN_INT64 },    [LINE] = { "line", COLUMN_INT64 },
        [POSITION] = { "position", COLUMN_INT64 }, [COLUMN] = { "column", COLUMN_UTF8 },
        [CODE] = { "code", COLUMN_UTF8 },          [MESSAGE] = { "message", COLUMN_UTF8 },
        [TEXT] = { "text", COLUMN_UTF8 },
};

struct rejects {
        struct store *store;
        struct dataset_writer *writer; /* NULL before the first row */
        struct table_builder *builder;
        struct buffer text;
        struct buffer rows; /* int64 */
        int64_t n_rows;
        struct fault first;
};

int rejects_create(struct store *store, struct rejects **ret_rejects) {
        _cleanup_(rejects_destroy_pointer) struct rejects *rejects = calloc(1, sizeof(*rejects));
        int r;

        if (!rejects)
                return error_origin(-ENOMEM, "creating rejects");
        rejects->store = store;
        r = table_builder_create(&rejects->builder);
        for (size_t k = 0; k < N_ELEMENTS(columns) && !r; k++)
                r = table_builder_add_column(rejects->builder, columns[k].name, columns[k].type);
        if (r)
                return error_trace(r);
        *ret_rejects = steal(rejects);
        return 0;
}

struct rejects *rejects_destroy(struct rejects *rejects) {
        if (!rejects)
                return NULL;
        dataset_writer_destroy(rejects->writer);
        table_builder_destroy(rejects->builder);
        buffer_finish(&rejects->text);
        buffer_finish(&rejects->rows);
        free(rejects);
        return NULL;
}

void rejects_destroy_pointer(struct rejects **rejects) {
        *rejects = rejects_destroy(*rejects);
}

/* Hands what was gathered to the writer, the first time to a new one. */
static int hand_over(struct rejects *rejects) {
        struct table table = table_builder_view(rejects->builder);
        uint32_t rows[BATCH_ROWS];
        int r = 0;

        if (!rejects->writer)
                r = dataset_writer_create(rejects->store, &table, NULL, 0, &rejects->writer);
        if (r)
                return error_trace(r);
        assert(table.n_rows <= BATCH_ROWS);
        for (uint32_t i = 0; i < table.n_rows; i++)
                rows[i] = i;
        r = dataset_writer_add(rejects->writer, &table, rows, table.n_rows);
        if (r)
                return error_trace(r);
        table_builder_clear(rejects->builder);
        return 0;
}

static int add_number(struct rejects *rejects, enum rejects_column column, int64_t number, int64_t least) {
        return number < least ? table_builder_add_missing(rejects->builder, column)
                              : table_builder_add_int64(rejects->builder, column, number);
}

static int add_text(struct rejects *rejects, enum rejects_column column, const char *text, size_t n_bytes) {
        static const char stranger[] = "\xef\xbf\xbd";
        int r = 0;

        buffer_clear(&rejects->text);
        for (size_t at = 0, n; at < n_bytes && !r; at += n ? n : 1) {
                n = utf8_character_bytes(text + at, n_bytes - at);
                r = n ? buffer_append(&rejects->text, text + at, n)
                      : buffer_append(&rejects->text, stranger, sizeof(stranger) - 1);
        }
        if (!r)
                r = table_builder_add_text(rejects->builder, column, buffer_text(&rejects->text),
                                           rejects->text.n_bytes);
        return error_trace(r);
}

int rejects_add(struct rejects *rejects, const struct fault *fault, const char *text, size_t n_bytes) {
        int r;

        r = add_number(rejects, ROW, fault->row + 1, 1);
        if (!r)
                r = add_number(rejects, LINE, fault->line, 1);
        if (!r)
                r = add_number(rejects, POSITION, fault->position, 1);
        if (!r)
                r = *fault->column ? add_text(rejects, COLUMN, fault->column, strlen(fault->column))
                                   : table_builder_add_missing(rejects->builder, COLUMN);
        if (!r)
                r = add_text(rejects, CODE, fault->code, strlen(fault->code));
        if (!r)
                r = add_text(rejects, MESSAGE, fault->message, strlen(fault->message));
        if (!r)
                r = add_text(rejects, TEXT, text, n_bytes < TEXT_BYTES_MAX ? n_bytes : TEXT_BYTES_MAX);
        if (!r)
                r = buffer_append(&rejects->rows, &fault->row, sizeof(fault->row));
        if (!r && table_builder_n_rows(rejects->builder) == BATCH_ROWS)
                r = hand_over(rejects);
        if (r)
                return error_trace(r);
        if (!rejects->n_rows || fault->row < rejects->first.row)
                rejects->first = *fault;
        rejects->n_rows++;
        return 0;
}

int64_t rejects_n_rows(const struct rejects *rejects) {
        return rejects->n_rows;
}

const struct fault *rejects_first(const struct rejects *rejects) {
        return rejects->n_rows ? &rejects->first : NULL;
}

const int64_t *rejects_rows(const struct rejects *rejects, size_t *ret_n_rows) {
        *ret_n_rows = rejects->rows.n_bytes / sizeof(int64_t);
        return (const int64_t *)(void *)rejects->rows.data;
}

void rejects_forget_rows(struct rejects *rejects) {
        buffer_clear(&rejects->rows);
}

int rejects_finish(struct rejects *rejects, struct dataset *ret_dataset) {
        int r;

        assert(rejects->n_rows);
        r = hand_over(rejects);
        if (r)
                return error_trace(r);
        dataset_writer_end(rejects->writer);
        return error_trace(dataset_writer_finish(rejects->writer, ret_dataset));
}
