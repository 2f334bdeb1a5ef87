/* CSV, written: a header and rows as text. */

#include "common/data/csv/csv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/data/value.h"

static int append_text(struct buffer *buffer, const char *text, size_t n_bytes) {
        const char *quote;
        size_t n;
        int r;

        if (n_bytes && !memchr(text, ',', n_bytes) && !memchr(text, '"', n_bytes) && !memchr(text, '\n', n_bytes) &&
            !memchr(text, '\r', n_bytes))
                return error_trace(buffer_append(buffer, text, n_bytes));
        r = buffer_append(buffer, "\"", 1);
        while (!r && n_bytes && (quote = memchr(text, '"', n_bytes))) {
                n = (size_t)(quote - text) + 1;
                r = buffer_append(buffer, text, n);
                if (!r)
                        r = buffer_append(buffer, "\"", 1);
                text += n;
                n_bytes -= n;
        }
        if (!r)
                r = buffer_append(buffer, text, n_bytes);
        if (!r)
                r = buffer_append(buffer, "\"", 1);
        return error_trace(r);
}

/* The fewest digits that read back to the same float. */
static int append_float(struct buffer *buffer, float number) {
        char text[VALUE_SCRATCH_BYTES];

        for (int digits = 6; digits <= 9; digits++) {
                float back;

                snprintf(text, sizeof(text), "%.*g", digits, (double)number);
                back = strtof(text, NULL);
                if (!memcmp(&back, &number, sizeof(number)))
                        break;
        }
        return error_trace(buffer_append_text(buffer, text));
}

static int append_value(struct buffer *buffer, const struct column *column, size_t row) {
        char scratch[VALUE_SCRATCH_BYTES];
        struct value value = VALUE_NULL;
        const char *text;
        size_t n;

        switch (column->type) {
        case COLUMN_INT64:
                value.kind = VALUE_INT;
                value.integer = column->int64[row];
                break;
        case COLUMN_FLOAT64:
                value.kind = VALUE_FLOAT;
                value.number = column->float64[row];
                break;
        case COLUMN_FLOAT32:
                return isnan(column->float32[row]) ? 0 : append_float(buffer, column->float32[row]);
        case COLUMN_UTF8:
                text = column_text(column, row, &n);
                return append_text(buffer, text, n);
        }
        text = value_format(&value, scratch, &n);
        return error_trace(buffer_append(buffer, text, n));
}

int csv_append_header(const struct table *table, struct buffer *buffer) {
        int r = 0;

        for (size_t k = 0; k < table->n_columns && !r; k++) {
                r = append_text(buffer, table->columns[k].name, strlen(table->columns[k].name));
                if (!r)
                        r = buffer_append(buffer, k + 1 < table->n_columns ? "," : "\n", 1);
        }
        return error_trace(r);
}

int csv_append_rows(const struct table *table, struct buffer *buffer) {
        int r = 0;

        for (size_t i = 0; i < table->n_rows; i++)
                for (size_t k = 0; k < table->n_columns && !r; k++) {
                        if (column_is_present(&table->columns[k], i))
                                r = append_value(buffer, &table->columns[k], i);
                        else if (table->n_columns == 1) /* an empty line would be no record */
                                r = buffer_append(buffer, "\"\"", 2);
                        if (!r)
                                r = buffer_append(buffer, k + 1 < table->n_columns ? "," : "\n", 1);
                }
        return error_trace(r);
}
