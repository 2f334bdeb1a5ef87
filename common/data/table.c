/* Table: columns in Arrow's layout, looked at. */

#include "common/data/table.h"

#include <assert.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

const struct column *table_find(const struct table *table, const char *name) {
        for (size_t i = 0; i < table->n_columns; i++)
                if (!strcmp(table->columns[i].name, name))
                        return &table->columns[i];
        return NULL;
}

bool table_as_matrix(const struct table *table, struct table_matrix *ret_matrix) {
        const struct column *columns = table->columns;
        uintptr_t distance = table->n_rows * sizeof(float);

        if (!table->n_columns)
                return false;
        if (table->n_columns > 1)
                distance = (uintptr_t)columns[1].float32 - (uintptr_t)columns[0].float32;
        if (distance % sizeof(float) || distance / sizeof(float) < table->n_rows || distance > PTRDIFF_MAX)
                return false;
        for (size_t k = 0; k < table->n_columns; k++)
                if (columns[k].type != COLUMN_FLOAT32 || columns[k].validity ||
                    (uintptr_t)columns[k].float32 != (uintptr_t)columns[0].float32 + k * distance)
                        return false;
        *ret_matrix = (struct table_matrix){ columns[0].float32, distance / sizeof(float), table->n_rows,
                                             table->n_columns };
        return true;
}

struct table table_slice(const struct table *table, size_t first, size_t n_rows, struct column *ret_columns) {
        assert(first % 8 == 0 && first + n_rows <= table->n_rows);
        for (size_t i = 0; i < table->n_columns; i++) {
                struct column column = table->columns[i];

                if (column.validity)
                        column.validity += first / 8;
                if (column.int64)
                        column.int64 += first;
                if (column.float64)
                        column.float64 += first;
                if (column.float32)
                        column.float32 += first;
                if (column.offsets)
                        column.offsets += first;
                ret_columns[i] = column;
        }
        return (struct table){ n_rows, table->n_columns, ret_columns };
}

enum { TAG_MISSING, TAG_INT64, TAG_FLOAT64, TAG_TEXT };

/* Writes one value's canonical bytes, for which there is room; returns their end. */
static uint8_t *put_canonical(uint8_t *at, const struct column *column, size_t i) {
        const char *text;
        uint32_t length;
        double number;
        size_t n;

        if (!column_is_present(column, i)) {
                *at = TAG_MISSING;
                return at + 1;
        }
        switch (column->type) {
        case COLUMN_INT64:
                *at = TAG_INT64;
                memcpy(at + 1, &column->int64[i], 8);
                return at + 9;
        case COLUMN_FLOAT64:
        case COLUMN_FLOAT32:
                /* adding zero turns -0.0 into 0.0 */
                number = (column->type == COLUMN_FLOAT64 ? column->float64[i] : (double)column->float32[i]) + 0.0;
                *at = TAG_FLOAT64;
                memcpy(at + 1, &number, 8);
                return at + 9;
        case COLUMN_UTF8:
                text = column_text(column, i, &n);
                length = (uint32_t)n;
                *at = TAG_TEXT;
                memcpy(at + 1, &length, 4);
                memcpy(at + 5, text, n);
                return at + 5 + n;
        }
        assert(false);
        return at;
}

/* The most bytes that a row of the table takes. */
static size_t measure_canonical(const struct table *table) {
        size_t n_max = 0;

        for (size_t k = 0; k < table->n_columns; k++) {
                const struct column *column = &table->columns[k];
                int32_t longest = 4;

                for (size_t i = 0; column->type == COLUMN_UTF8 && i < table->n_rows; i++)
                        if (column->offsets[i + 1] - column->offsets[i] > longest)
                                longest = column->offsets[i + 1] - column->offsets[i];
                n_max += 5 + (size_t)longest;
        }
        return n_max;
}

/* Adds the i-th row to sums[i], or every row to the one sum there is. */
static int digest_rows(const struct table *table, bool is_one_sum, struct digest_content *sums) {
        _cleanup_(buffer_finish) struct buffer row = BUFFER_NULL;
        int r;

        r = buffer_reserve(&row, measure_canonical(table));
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < table->n_rows; i++) {
                uint8_t *at = row.data;

                for (size_t k = 0; k < table->n_columns; k++)
                        at = put_canonical(at, &table->columns[k], i);
                digest_content_add_row(&sums[is_one_sum ? 0 : i], row.data, (size_t)(at - row.data));
        }
        return 0;
}

int table_add_content(const struct table *table, struct digest_content *content) {
        return error_trace(digest_rows(table, true, content));
}

int table_digest_rows(const struct table *table, struct digest_content *ret_rows) {
        memset(ret_rows, 0, table->n_rows * sizeof(*ret_rows));
        return error_trace(digest_rows(table, false, ret_rows));
}
