/*
 * Rows of an Arrow file
 *
 * Columns are turned into the schema's one at a time, whole runs at once where that is allowed. Rows with a cell that
 * cannot be turned are marked, and taken out afterwards.
 */

#include "common/source/source_arrow.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/data/arrow/arrow.h"
#include "common/data/csv/csv.h"
#include "common/source/source_rows.h"

struct source_arrow {
        struct source super;
        struct source_rows rows; /* its builder has all rows of the batch, the bad ones too */
        struct arrow_input *input;
        size_t *names;              /* column of each schema column in what is read, or SCHEMA_NO_VALUE */
        enum arrow_kind *kinds;     /* of each schema column that is there */
        struct table_builder *good; /* the rows that are handed out when some are bad */
        uint32_t *picks;            /* the rows of good, TABLE_BATCH_ROWS */
        size_t *bad;                /* schema column of the first bad cell of each row, or SCHEMA_NO_VALUE */
        size_t n_bad;
};

static void source_arrow_destroy(struct source *super) {
        struct source_arrow *source = (struct source_arrow *)super;

        source_rows_finish(&source->rows);
        arrow_input_close(source->input);
        table_builder_destroy(source->good);
        free(source->names);
        free(source->kinds);
        free(source->picks);
        free(source->bad);
        free(source);
}

static void source_arrow_destroy_pointer(struct source_arrow **source) {
        if (*source)
                source_arrow_destroy(&(*source)->super);
}

/* One cell by the rules for sources with types. */
static enum anomaly read_cell(enum value_type type, enum arrow_kind kind, const struct column *column, size_t row,
                              char scratch[VALUE_SCRATCH_BYTES], struct value *ret_value) {
        const char *text;
        size_t n;

        if (!column_is_present(column, row)) {
                *ret_value = (struct value)VALUE_NULL;
                return ANOMALY_NONE;
        }
        if (kind == ARROW_KIND_BOOL)
                return value_from_bool(type, column->int64[row], ret_value);
        if (kind == ARROW_KIND_INT)
                return value_from_int64(type, column->int64[row], scratch, ret_value);
        if (kind == ARROW_KIND_FLOAT)
                return value_from_double(type, column->float64[row], scratch, ret_value);
        text = column_text(column, row, &n);
        return value_from_string(type, text, n, ret_value);
}

static bool ints_are_allowed(const int64_t *values, size_t n_rows) {
        uint64_t out = 0;

        for (size_t i = 0; i < n_rows; i++)
                out |= (uint64_t)values[i] + (uint64_t)VALUE_INT_MAX > 2 * (uint64_t)VALUE_INT_MAX;
        return !out;
}

/* A run of numbers that need no look at each of them; false when they do. */
static int append_run(struct source_arrow *source, size_t k, const struct column *column, size_t n_rows,
                      bool *ret_is_done) {
        enum value_type type = source->rows.schema->columns[k].type;
        void *values;
        int r;

        *ret_is_done = false;
        if (column->validity || (type != VALUE_TYPE_INT && type != VALUE_TYPE_FLOAT))
                return 0;
        if (type == VALUE_TYPE_INT && (source->kinds[k] != ARROW_KIND_INT || !ints_are_allowed(column->int64, n_rows)))
                return 0;
        if (type == VALUE_TYPE_FLOAT && source->kinds[k] != ARROW_KIND_FLOAT)
                return 0;
        r = table_builder_reserve(source->rows.builder, k, n_rows, &values);
        if (r)
                return error_trace(r);
        if (type == VALUE_TYPE_INT)
                memcpy(values, column->int64, n_rows * sizeof(int64_t));
        else
                for (size_t i = 0; i < n_rows; i++)
                        ((double *)values)[i] = column->float64[i] + 0.0;
        *ret_is_done = true;
        return 0;
}

static int append_column(struct source_arrow *source, size_t k, const struct table *batch) {
        enum value_type type = source->rows.schema->columns[k].type;
        const struct column *column = source->names[k] == SCHEMA_NO_VALUE ? NULL : &batch->columns[source->names[k]];
        char scratch[VALUE_SCRATCH_BYTES];
        struct value value;
        bool is_done = false;
        int r = 0;

        if (column)
                r = append_run(source, k, column, batch->n_rows, &is_done);
        for (size_t i = 0; i < batch->n_rows && !r && !is_done; i++) {
                value = (struct value)VALUE_NULL;
                if (column && read_cell(type, source->kinds[k], column, i, scratch, &value) &&
                    source->bad[i] == SCHEMA_NO_VALUE) {
                        source->bad[i] = k;
                        source->n_bad++;
                }
                r = value_append(&value, source->rows.builder, k);
        }
        return error_trace(r);
}

/* The text of one cell or of a whole row, as CSV has it. */
static int show_row(const struct table *batch, size_t row, struct buffer *ret_text) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        uint32_t pick = (uint32_t)row;
        struct table shown;
        int r;

        r = table_builder_create(&builder);
        for (size_t i = 0; i < batch->n_columns && !r; i++)
                r = table_builder_add_column(builder, batch->columns[i].name, batch->columns[i].type);
        if (!r)
                r = table_builder_add_rows(builder, batch, &pick, 1);
        if (r)
                return error_trace(r);
        shown = table_builder_view(builder);
        return error_trace(csv_append_rows(&shown, ret_text));
}

static int reject_row(struct source_arrow *source, const struct table *batch, size_t row, struct fault *fault) {
        size_t k = source->bad[row];
        const struct schema_column *column = &source->rows.schema->columns[k];
        struct table cell = { batch->n_rows, 1, &batch->columns[source->names[k]] };
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL, seen = BUFFER_NULL;
        char scratch[VALUE_SCRATCH_BYTES];
        enum anomaly anomaly;
        struct value value;
        int r;

        r = show_row(batch, row, &text);
        if (!r)
                r = show_row(&cell, row, &seen);
        if (r)
                return error_trace(r);
        anomaly = read_cell(column->type, source->kinds[k], &cell.columns[0], row, scratch, &value);
        fault_at(fault, source->rows.path, 0, 0);
        value_fault(anomaly, column->type, column->name, source->rows.n_read, buffer_text(&seen),
                    seen.n_bytes ? seen.n_bytes - 1 : 0, fault);
        return error_trace(
                source_rows_reject(&source->rows, fault, buffer_text(&text), text.n_bytes ? text.n_bytes - 1 : 0));
}

/* Hands on the bad rows and keeps the others. */
static int sort_out(struct source_arrow *source, const struct table *batch, struct table *ret_batch,
                    struct fault *fault) {
        struct table all = table_builder_view(source->rows.builder);
        size_t n_good = 0;
        int r;

        for (size_t i = 0; i < batch->n_rows; i++) {
                if (source->bad[i] == SCHEMA_NO_VALUE) {
                        source->picks[n_good++] = (uint32_t)i;
                        source->rows.n_read++;
                        continue;
                }
                /* rows.n_batch says how many rows a rejected one leaves behind */
                source->rows.n_batch = batch->n_rows;
                r = reject_row(source, batch, i, fault);
                if (r)
                        return error_trace(r);
        }
        table_builder_clear(source->good);
        r = table_builder_add_rows(source->good, &all, source->picks, n_good);
        if (r)
                return error_trace(r);
        *ret_batch = table_builder_view(source->good);
        return 0;
}

static int read_batch(struct source_arrow *source, struct table *ret_batch, bool *ret_is_end, struct fault *fault) {
        struct table batch;
        int r;

        source_rows_clear(&source->rows);
        r = arrow_input_read(source->input, &batch, fault);
        if (r)
                return error_trace(r);
        *ret_is_end = !batch.n_rows;
        if (*ret_is_end)
                return error_trace(source_rows_hand_out(&source->rows, ret_batch, fault));
        source->n_bad = 0;
        for (size_t i = 0; i < batch.n_rows; i++)
                source->bad[i] = SCHEMA_NO_VALUE;
        for (size_t k = 0; k < source->rows.schema->n_columns; k++) {
                r = append_column(source, k, &batch);
                if (r)
                        return error_trace(r);
        }
        if (source->n_bad)
                return error_trace(sort_out(source, &batch, ret_batch, fault));
        source->rows.n_read += (int64_t)batch.n_rows;
        return error_trace(source_rows_hand_out(&source->rows, ret_batch, fault));
}

static int source_arrow_read(struct source *super, struct table *ret_batch, struct fault *fault) {
        struct source_arrow *source = (struct source_arrow *)super;
        struct table batch = TABLE_NULL;
        bool is_end = false;
        int r;

        /* a batch of which nothing is left is no end */
        do {
                r = read_batch(source, &batch, &is_end, fault);
                if (r)
                        return error_trace(r);
        } while (!batch.n_rows && !is_end);
        *ret_batch = batch;
        return 0;
}

static const char *column_name(const void *context, size_t i) {
        return arrow_input_name(context, i);
}

/* Chooses the columns that the schema knows; names become their places in what is read. */
static int choose(struct source_arrow *source, struct fault *fault) {
        size_t n_columns = source->rows.schema->n_columns, n_chosen = 0;
        _cleanup_(free_pointer) size_t *chosen = calloc(n_columns + 1, sizeof(*chosen));
        int r;

        if (!chosen)
                return error_origin(-ENOMEM, "opening %s", source->rows.path);
        r = source_rows_match(&source->rows, column_name, source->input, arrow_input_n_columns(source->input),
                              source->names, fault);
        if (r)
                return error_trace(r);
        for (size_t k = 0; k < n_columns; k++) {
                if (source->names[k] == SCHEMA_NO_VALUE)
                        continue;
                source->kinds[k] = arrow_input_kind(source->input, source->names[k]);
                chosen[n_chosen] = source->names[k];
                source->names[k] = n_chosen++;
        }
        return error_trace(arrow_input_choose(source->input, chosen, n_chosen, fault));
}

int source_arrow_open(const struct source_options *options, const char *path, struct source **ret_source,
                      struct fault *fault) {
        static const struct source_kind kind = { source_arrow_read, source_arrow_destroy };
        _cleanup_(source_arrow_destroy_pointer) struct source_arrow *source = calloc(1, sizeof(*source));
        const struct schema *schema = options->schema;
        int r;

        if (!source)
                return error_origin(-ENOMEM, "opening %s", path);
        source->super.kind = &kind;
        r = source_rows_init(&source->rows, &source->super, options, path, -1);
        if (r)
                return error_trace(r);
        source->names = calloc(schema->n_columns + 1, sizeof(*source->names));
        source->kinds = calloc(schema->n_columns + 1, sizeof(*source->kinds));
        source->picks = calloc(TABLE_BATCH_ROWS, sizeof(*source->picks));
        source->bad = calloc(TABLE_BATCH_ROWS, sizeof(*source->bad));
        if (!source->names || !source->kinds || !source->picks || !source->bad)
                return error_origin(-ENOMEM, "opening %s", path);
        r = table_builder_create(&source->good);
        for (size_t k = 0; k < schema->n_columns && !r; k++)
                r = table_builder_add_column(source->good, schema->columns[k].name,
                                             value_column_type(schema->columns[k].type));
        if (!r)
                r = arrow_input_open(path, &source->input, fault);
        if (!r)
                r = choose(source, fault);
        if (r)
                return error_trace(r);
        source->super.n_rows = arrow_input_n_rows(source->input);
        *ret_source = &steal(source)->super;
        return 0;
}
