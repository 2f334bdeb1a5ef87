/* Table builder: columns in Arrow's layout, built value by value or range by range. */

#include "common/data/table.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/error.h"

struct column_builder {
        char name[TABLE_NAME_BYTES];
        enum column_type type;
        size_t n_rows;
        size_t n_missing;
        struct buffer validity; /* empty until a value is missing */
        struct buffer values;   /* int64, float64 or float32; int32 offsets for text */
        struct buffer text;
};

struct table_builder {
        size_t n_columns;
        struct column_builder *builders;
        struct column *columns;
};

static size_t value_width(enum column_type type) {
        switch (type) {
        case COLUMN_INT64:
        case COLUMN_FLOAT64:
                return 8;
        case COLUMN_UTF8:
        case COLUMN_FLOAT32:
                return 4;
        }
        assert(false);
        return 0;
}

int table_builder_create(struct table_builder **ret_builder) {
        struct table_builder *builder = calloc(1, sizeof(*builder));

        if (!builder)
                return error_origin(-ENOMEM, "creating a table");
        *ret_builder = builder;
        return 0;
}

struct table_builder *table_builder_destroy(struct table_builder *builder) {
        if (!builder)
                return NULL;
        for (size_t i = 0; i < builder->n_columns; i++) {
                buffer_finish(&builder->builders[i].validity);
                buffer_finish(&builder->builders[i].values);
                buffer_finish(&builder->builders[i].text);
        }
        free(builder->builders);
        free(builder->columns);
        free(builder);
        return NULL;
}

void table_builder_destroy_pointer(struct table_builder **builder) {
        table_builder_destroy(*builder);
}

/* An offsets buffer starts with the offset of row 0. */
static int start_values(struct column_builder *column) {
        const int32_t zero = 0;

        return column->type == COLUMN_UTF8 ? buffer_append(&column->values, &zero, sizeof(zero)) : 0;
}

int table_builder_add_column(struct table_builder *builder, const char *name, enum column_type type) {
        size_t n = builder->n_columns + 1;
        struct column_builder *builders;
        struct column *columns;

        assert(strlen(name) < TABLE_NAME_BYTES && !table_builder_n_rows(builder));
        if (n > TABLE_COLUMNS_MAX)
                return error_origin(-E2BIG, "adding column %s: a table has at most %d columns", name,
                                    TABLE_COLUMNS_MAX);
        builders = realloc(builder->builders, n * sizeof(*builders));
        if (!builders)
                return error_origin(-ENOMEM, "adding column %s", name);
        builder->builders = builders;
        columns = realloc(builder->columns, n * sizeof(*columns));
        if (!columns)
                return error_origin(-ENOMEM, "adding column %s", name);
        builder->columns = columns;
        builders[n - 1] = (struct column_builder){ .type = type };
        snprintf(builders[n - 1].name, sizeof(builders[n - 1].name), "%s", name);
        builder->n_columns = n;
        return error_trace(start_values(&builders[n - 1]));
}

void table_builder_clear(struct table_builder *builder) {
        table_builder_truncate(builder, 0);
}

static void truncate_column(struct column_builder *column, size_t n_rows) {
        size_t n_bytes = (n_rows + 7) / 8;

        if (n_rows >= column->n_rows)
                return;
        if (column->type == COLUMN_UTF8) {
                column->values.n_bytes = (n_rows + 1) * sizeof(int32_t);
                column->text.n_bytes = (size_t)((const int32_t *)(void *)column->values.data)[n_rows];
        } else {
                column->values.n_bytes = n_rows * value_width(column->type);
        }
        column->n_rows = n_rows;
        if (!column->validity.n_bytes)
                return;
        column->validity.n_bytes = n_bytes;
        if (n_rows % 8)
                column->validity.data[n_bytes - 1] &= (uint8_t)((1U << n_rows % 8) - 1);
        column->n_missing = n_rows;
        for (size_t i = 0; i < n_bytes; i++)
                column->n_missing -= (size_t)__builtin_popcount(column->validity.data[i]);
        if (!column->n_missing)
                column->validity.n_bytes = 0;
}

void table_builder_truncate(struct table_builder *builder, size_t n_rows) {
        for (size_t i = 0; i < builder->n_columns; i++)
                truncate_column(&builder->builders[i], n_rows);
}

/* Counts n_rows more rows as present, or one as missing. The bitmap is made when the first value is missing. */
static int grow_validity(struct column_builder *column, size_t n_rows, bool is_present) {
        size_t n_after = (column->n_rows + n_rows + 7) / 8, n_before;
        uint8_t *bits;
        int r;

        if (is_present && !column->validity.n_bytes) {
                column->n_rows += n_rows;
                return 0;
        }
        n_before = column->validity.n_bytes;
        r = buffer_reserve(&column->validity, n_after - n_before);
        if (r)
                return error_trace(r);
        bits = column->validity.data;
        memset(bits + n_before, 0, n_after - n_before);
        if (!n_before)
                for (size_t i = 0; i < column->n_rows; i++)
                        bits[i / 8] |= (uint8_t)(1U << i % 8);
        if (is_present)
                for (size_t i = column->n_rows; i < column->n_rows + n_rows; i++)
                        bits[i / 8] |= (uint8_t)(1U << i % 8);
        else
                column->n_missing++;
        column->validity.n_bytes = n_after;
        column->n_rows += n_rows;
        return 0;
}

/* Inline, since n_bytes is then known and the copy is one instruction. */
static inline int add_fixed(struct column_builder *column, const void *value, size_t n_bytes, bool is_present) {
        struct buffer *values = &column->values;
        int r;

        if (values->capacity - values->n_bytes <= n_bytes) {
                r = buffer_reserve(values, n_bytes);
                if (r)
                        return error_trace(r);
        }
        memcpy(values->data + values->n_bytes, value, n_bytes);
        values->n_bytes += n_bytes;
        if (is_present && !column->validity.n_bytes) {
                column->n_rows++;
                return 0;
        }
        r = grow_validity(column, 1, is_present);
        if (r)
                column->values.n_bytes -= n_bytes;
        return error_trace(r);
}

int table_builder_add_int64(struct table_builder *builder, size_t column, int64_t value) {
        assert(builder->builders[column].type == COLUMN_INT64);
        return error_trace(add_fixed(&builder->builders[column], &value, sizeof(value), true));
}

int table_builder_add_float64(struct table_builder *builder, size_t column, double value) {
        assert(builder->builders[column].type == COLUMN_FLOAT64);
        return error_trace(add_fixed(&builder->builders[column], &value, sizeof(value), true));
}

int table_builder_add_float32(struct table_builder *builder, size_t column, float value) {
        assert(builder->builders[column].type == COLUMN_FLOAT32);
        return error_trace(add_fixed(&builder->builders[column], &value, sizeof(value), true));
}

int table_builder_add_text(struct table_builder *builder, size_t column, const char *text, size_t n_bytes) {
        struct column_builder *target = &builder->builders[column];
        size_t n_before = target->text.n_bytes;
        int32_t end;
        int r;

        assert(target->type == COLUMN_UTF8);
        if (n_bytes > INT32_MAX - n_before)
                return error_origin(-EFBIG, "column %s would pass 2 GiB of text in one batch", target->name);
        r = buffer_append(&target->text, text, n_bytes);
        if (r)
                return error_trace(r);
        end = (int32_t)target->text.n_bytes;
        r = add_fixed(target, &end, sizeof(end), true);
        if (r)
                target->text.n_bytes = n_before;
        return error_trace(r);
}

int table_builder_add_missing(struct table_builder *builder, size_t column) {
        struct column_builder *target = &builder->builders[column];
        int32_t end = (int32_t)target->text.n_bytes;
        const uint64_t zero = 0;

        return error_trace(target->type == COLUMN_UTF8 ? add_fixed(target, &end, sizeof(end), false)
                                                       : add_fixed(target, &zero, value_width(target->type), false));
}

int table_builder_reserve(struct table_builder *builder, size_t column, size_t n_rows, void **ret_values) {
        struct column_builder *target = &builder->builders[column];
        size_t n_bytes = n_rows * value_width(target->type);
        int r;

        assert(target->type != COLUMN_UTF8);
        r = buffer_reserve(&target->values, n_bytes);
        if (!r)
                r = grow_validity(target, n_rows, true);
        if (r)
                return error_trace(r);
        *ret_values = target->values.data + target->values.n_bytes;
        target->values.n_bytes += n_bytes;
        return 0;
}

int table_builder_reserve_texts(struct table_builder *builder, size_t column, size_t n_rows, size_t n_bytes,
                                int32_t *ret_start, int32_t **ret_ends, char **ret_text) {
        struct column_builder *target = &builder->builders[column];
        size_t n_before = target->text.n_bytes;
        int r;

        assert(target->type == COLUMN_UTF8);
        if (n_bytes > INT32_MAX - n_before)
                return error_origin(-EFBIG, "column %s would pass 2 GiB of text in one batch", target->name);
        r = buffer_reserve(&target->text, n_bytes + TABLE_TEXT_SLACK);
        if (!r)
                r = buffer_reserve(&target->values, n_rows * sizeof(int32_t));
        if (!r)
                r = grow_validity(target, n_rows, true);
        if (r)
                return error_trace(r);
        *ret_start = (int32_t)n_before;
        *ret_ends = (int32_t *)(void *)(target->values.data + target->values.n_bytes);
        *ret_text = (char *)target->text.data + n_before;
        target->text.n_bytes += n_bytes;
        target->values.n_bytes += n_rows * sizeof(int32_t);
        return 0;
}

int table_builder_open_rows(struct table_builder *builder, size_t n_rows, size_t n_text, struct table_room *ret_rooms) {
        for (size_t k = 0; k < builder->n_columns; k++) {
                struct column_builder *column = &builder->builders[k];
                bool is_text = column->type == COLUMN_UTF8;
                size_t n_before = column->text.n_bytes, n_room = is_text && n_text <= INT32_MAX - n_before ? n_text : 0;
                void *values;
                int r;

                assert(column->type != COLUMN_FLOAT32);
                r = buffer_reserve(&column->values, n_rows * value_width(column->type));
                if (!r && is_text)
                        r = buffer_reserve(&column->text, n_room);
                if (r)
                        return error_trace(r);
                values = column->values.data + column->values.n_bytes;
                ret_rooms[k] = (struct table_room){
                        .int64 = column->type == COLUMN_INT64 ? values : NULL,
                        .float64 = column->type == COLUMN_FLOAT64 ? values : NULL,
                        .ends = is_text ? values : NULL,
                        .text = is_text ? (char *)column->text.data + n_before : NULL,
                        .start = (int32_t)n_before,
                        .n_text_max = n_room,
                };
        }
        return 0;
}

static int close_column(struct table_builder *builder, size_t k, size_t n_rows, bool is_filled) {
        struct column_builder *column = &builder->builders[k];
        int r;

        for (size_t i = 0; !is_filled && i < n_rows; i++) {
                r = table_builder_add_missing(builder, k);
                if (r)
                        return error_trace(r);
        }
        if (!is_filled)
                return 0;
        r = grow_validity(column, n_rows, true);
        if (r)
                return error_trace(r);
        column->values.n_bytes += n_rows * value_width(column->type);
        if (column->type == COLUMN_UTF8)
                column->text.n_bytes = (size_t)((const int32_t *)(void *)column->values.data)[column->n_rows];
        return 0;
}

int table_builder_close_rows(struct table_builder *builder, size_t n_rows, const bool *is_filled) {
        size_t n_before = table_builder_n_rows(builder);

        for (size_t k = 0; k < builder->n_columns && n_rows; k++) {
                int r = close_column(builder, k, n_rows, is_filled[k]);

                if (r) {
                        table_builder_truncate(builder, n_before);
                        return error_trace(r);
                }
        }
        return 0;
}

/* Texts of which none is missing: room for all of them is made at once. */
static int add_present_texts(struct column_builder *target, const struct column *source, const uint32_t *rows,
                             size_t n_rows) {
        size_t n_text = 0, n_bytes = target->text.n_bytes;
        const int32_t *offsets = source->offsets;
        int32_t *ends;
        int r;

        for (size_t i = 0; i < n_rows; i++)
                n_text += (size_t)(offsets[rows[i] + 1] - offsets[rows[i]]);
        if (n_text > INT32_MAX - n_bytes)
                return error_origin(-EFBIG, "column %s would pass 2 GiB of text in one batch", target->name);
        r = buffer_reserve(&target->text, n_text);
        if (!r)
                r = buffer_reserve(&target->values, n_rows * sizeof(*ends));
        if (!r)
                r = grow_validity(target, n_rows, true);
        if (r)
                return error_trace(r);
        ends = (int32_t *)(void *)(target->values.data + target->values.n_bytes);
        for (size_t i = 0; i < n_rows; i++) {
                size_t n = (size_t)(offsets[rows[i] + 1] - offsets[rows[i]]);

                memcpy(target->text.data + n_bytes, source->text + offsets[rows[i]], n);
                n_bytes += n;
                ends[i] = (int32_t)n_bytes;
        }
        target->text.n_bytes = n_bytes;
        target->values.n_bytes += n_rows * sizeof(*ends);
        return 0;
}

static int add_present_numbers(struct table_builder *builder, size_t k, const uint8_t *from, size_t width,
                               const uint32_t *rows, size_t n_rows) {
        void *values;
        int r;

        r = table_builder_reserve(builder, k, n_rows, &values);
        if (r)
                return error_trace(r);
        if (width == 8)
                for (size_t i = 0; i < n_rows; i++)
                        memcpy((uint8_t *)values + i * 8, from + (size_t)rows[i] * 8, 8);
        else
                for (size_t i = 0; i < n_rows; i++)
                        memcpy((uint8_t *)values + i * 4, from + (size_t)rows[i] * 4, 4);
        return 0;
}

static int add_rows_of_column(struct table_builder *builder, size_t k, const struct column *source,
                              const uint32_t *rows, size_t n_rows) {
        size_t width = value_width(source->type), n;
        const uint8_t *from = source->type == COLUMN_INT64     ? (const uint8_t *)source->int64
                              : source->type == COLUMN_FLOAT64 ? (const uint8_t *)source->float64
                                                               : (const uint8_t *)source->float32;
        const char *text;
        int r = 0;

        if (!source->validity)
                return error_trace(source->type == COLUMN_UTF8
                                           ? add_present_texts(&builder->builders[k], source, rows, n_rows)
                                           : add_present_numbers(builder, k, from, width, rows, n_rows));
        for (size_t i = 0; i < n_rows && !r; i++) {
                if (!column_is_present(source, rows[i])) {
                        r = table_builder_add_missing(builder, k);
                } else if (source->type == COLUMN_UTF8) {
                        text = column_text(source, rows[i], &n);
                        r = table_builder_add_text(builder, k, text, n);
                } else {
                        r = add_fixed(&builder->builders[k], from + rows[i] * width, width, true);
                }
        }
        return error_trace(r);
}

int table_builder_add_rows(struct table_builder *builder, const struct table *table, const uint32_t *rows,
                           size_t n_rows) {
        size_t n_before = table_builder_n_rows(builder);
        int r;

        assert(table->n_columns == builder->n_columns);
        for (size_t k = 0; k < table->n_columns; k++) {
                assert(table->columns[k].type == builder->builders[k].type);
                assert(!strcmp(table->columns[k].name, builder->builders[k].name));
                r = add_rows_of_column(builder, k, &table->columns[k], rows, n_rows);
                if (r) {
                        table_builder_truncate(builder, n_before);
                        return error_trace(r);
                }
        }
        return 0;
}

size_t table_builder_n_rows(const struct table_builder *builder) {
        return builder->n_columns ? builder->builders[0].n_rows : 0;
}

struct table table_builder_view(struct table_builder *builder) {
        size_t n_rows = table_builder_n_rows(builder);

        for (size_t i = 0; i < builder->n_columns; i++) {
                const struct column_builder *from = &builder->builders[i];
                void *values = from->values.data;

                assert(from->n_rows == n_rows);
                builder->columns[i] = (struct column){
                        .name = from->name,
                        .type = from->type,
                        .validity = from->validity.n_bytes ? from->validity.data : NULL,
                        .int64 = from->type == COLUMN_INT64 ? values : NULL,
                        .float64 = from->type == COLUMN_FLOAT64 ? values : NULL,
                        .float32 = from->type == COLUMN_FLOAT32 ? values : NULL,
                        .offsets = from->type == COLUMN_UTF8 ? values : NULL,
                        .text = from->type == COLUMN_UTF8 ? buffer_text(&from->text) : NULL,
                };
        }
        return (struct table){ n_rows, builder->n_columns, builder->columns };
}
