/* Arrow column: foreign values of every width and form, appended as ours. */

#include "common/data/arrow/arrow_column.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"

enum {
        VIEW_BYTES = 16,
        VIEW_INLINE_BYTES = 12,
        /* of a decimal: no double needs more */
        SCALE_MAX = 400,
};

enum arrow_kind arrow_field_kind(const struct arrow_field *field) {
        switch (field->layout.type) {
        case ARROW_TYPE_NULL:
                return ARROW_KIND_NONE;
        case ARROW_TYPE_INT:
                return ARROW_KIND_INT;
        case ARROW_TYPE_BOOL:
                return ARROW_KIND_BOOL;
        case ARROW_TYPE_FLOATING_POINT:
                return ARROW_KIND_FLOAT;
        case ARROW_TYPE_DECIMAL:
                return field->layout.n_bits <= 128 && field->layout.scale >= -SCALE_MAX &&
                                       field->layout.scale <= SCALE_MAX
                               ? ARROW_KIND_FLOAT
                               : ARROW_KIND_OTHER;
        case ARROW_TYPE_UTF8:
        case ARROW_TYPE_LARGE_UTF8:
        case ARROW_TYPE_UTF8_VIEW:
                return ARROW_KIND_TEXT;
        default:
                return ARROW_KIND_OTHER;
        }
}

enum column_type arrow_kind_column_type(enum arrow_kind kind) {
        return kind == ARROW_KIND_INT || kind == ARROW_KIND_BOOL ? COLUMN_INT64
               : kind == ARROW_KIND_FLOAT                        ? COLUMN_FLOAT64
                                                                 : COLUMN_UTF8;
}

void arrow_column_init(struct arrow_column *column, const struct arrow_field *field, struct arrow_room *room) {
        *column = (struct arrow_column){ .field = field, .room = room };
        column->layout = field->has_dictionary ? field->index : field->layout;
}

static void drop_views(struct arrow_column *column) {
        for (size_t i = 0; i < column->n_views; i++)
                buffer_finish(&column->views[i].unpacked);
        free(column->views);
        column->views = NULL;
        column->n_views = 0;
}

void arrow_column_finish(struct arrow_column *column) {
        drop_views(column);
        arrow_pipe_finish(&column->validity);
        arrow_pipe_finish(&column->values);
        arrow_pipe_finish(&column->text);
}

static int take_room(size_t *room, size_t n_bytes, struct fault *fault) {
        if (n_bytes > *room)
                return fault_set(fault, "ARROW_UNSUPPORTED",
                                 "one batch or its dictionaries have more than %d MiB of text; write smaller batches",
                                 ARROW_TEXT_BYTES_MAX >> 20);
        *room -= n_bytes;
        return 0;
}

/* A view points anywhere into its buffers, so these are unpacked as a whole. The pipe for text is free in a column of
 * views. */
static int start_view(struct arrow_column *column, struct arrow_view *view, struct arrow_bytes bytes,
                      enum arrow_codec codec, struct fault *fault) {
        struct arrow_pipe *pipe = &column->text;
        int r;

        view->bytes = bytes;
        if (codec == ARROW_CODEC_NONE)
                return 0;
        r = arrow_pipe_start(pipe, bytes, codec, fault);
        if (!r && pipe->codec != ARROW_CODEC_NONE)
                r = take_room(&column->room->n_views, pipe->n_left, fault);
        if (r)
                return error_trace(r);
        view->bytes.n_bytes = (size_t)pipe->n_left;
        r = arrow_pipe_read(pipe, view->bytes.n_bytes, &view->bytes.data, fault);
        if (!r && view->bytes.data == pipe->piece.data) {
                view->unpacked = pipe->piece;
                pipe->piece = (struct buffer)BUFFER_NULL;
        }
        return error_trace(r);
}

static int start_views(struct arrow_column *column, const struct arrow_batch *batch, const struct arrow_place *place,
                       struct fault *fault) {
        struct arrow_bytes bytes;
        int r = 0;

        drop_views(column);
        if (column->layout.type != ARROW_TYPE_UTF8_VIEW || !place->n_view_buffers)
                return 0;
        column->views = calloc(place->n_view_buffers, sizeof(*column->views));
        if (!column->views)
                return error_origin(-ENOMEM, "reading column %s", column->field->name);
        column->n_views = place->n_view_buffers;
        for (size_t i = 0; i < column->n_views && !r; i++) {
                r = arrow_batch_bytes(batch, place->buffer + 2 + i, &bytes, fault);
                if (!r)
                        r = start_view(column, &column->views[i], bytes, batch->codec, fault);
        }
        return error_trace(r);
}

int arrow_column_start(struct arrow_column *column, const struct arrow_batch *batch, const struct arrow_place *place,
                       struct fault *fault) {
        struct arrow_pipe *pipes[] = { &column->validity, &column->values, &column->text };
        bool has_text = column->layout.type == ARROW_TYPE_UTF8 || column->layout.type == ARROW_TYPE_LARGE_UTF8;
        struct arrow_bytes bytes;
        int64_t n_missing;
        int r;

        column->end = -1;
        column->has_validity = false;
        r = arrow_batch_node(batch, place->node, &n_missing, fault);
        if (r || column->layout.type == ARROW_TYPE_NULL)
                return error_trace(r);
        column->has_validity = n_missing;
        for (size_t i = 0; i < (has_text ? 3 : 2); i++) {
                r = arrow_batch_bytes(batch, place->buffer + i, &bytes, fault);
                if (!r)
                        r = arrow_pipe_start(pipes[i], bytes, batch->codec, fault);
                if (r)
                        return error_trace(r);
        }
        return error_trace(start_views(column, batch, place, fault));
}

/* An unsigned number above INT64_MAX stays above every int that is allowed. */
static int64_t load_int(const uint8_t *values, size_t i, const struct arrow_layout *layout) {
        unsigned n_bytes = layout->n_bits / 8;
        uint64_t bits = 0;

        memcpy(&bits, values + i * n_bytes, n_bytes);
        if (!layout->is_signed)
                return bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
        return (int64_t)(bits << (64 - layout->n_bits)) >> (64 - layout->n_bits);
}

/* IEEE 754 binary16: 1 sign, 5 exponent, 10 fraction bits. */
static double half_to_double(uint16_t bits) {
        int exponent = bits >> 10 & 31, fraction = bits & 1023;
        double number = exponent == 31 ? (fraction ? NAN : INFINITY)
                        : exponent     ? ldexp(fraction + 1024, exponent - 25)
                                       : ldexp(fraction, -24);

        return bits >> 15 ? -number : number;
}

/* The nearest double, by way of its digits: strtod rounds right. */
static double decimal_to_double(const uint8_t *bytes, const struct arrow_layout *layout) {
        __extension__ unsigned __int128 rest = 0;
        bool is_negative = bytes[layout->n_bits / 8 - 1] >> 7;
        char text[64], *at = text + 44;

        if (is_negative)
                rest = ~rest;
        memcpy(&rest, bytes, layout->n_bits / 8);
        if (is_negative)
                rest = -rest;
        snprintf(at, sizeof(text) - 44, "e%d", -layout->scale);
        do
                *--at = (char)('0' + (int)(rest % 10));
        while (rest /= 10);
        return is_negative ? -strtod(at, NULL) : strtod(at, NULL);
}

static double load_float(const uint8_t *values, size_t i, const struct arrow_layout *layout) {
        uint16_t half;
        double number;
        float single;

        if (layout->type == ARROW_TYPE_DECIMAL)
                return decimal_to_double(values + i * (layout->n_bits / 8), layout);
        if (layout->n_bits == 16) {
                memcpy(&half, values + 2 * i, sizeof(half));
                return half_to_double(half);
        }
        if (layout->n_bits == 32) {
                memcpy(&single, values + 4 * i, sizeof(single));
                return (double)single;
        }
        memcpy(&number, values + 8 * i, sizeof(number));
        return number;
}

static bool is_present(const uint8_t *validity, size_t row) {
        return !validity || (validity[row / 8] >> (row % 8) & 1);
}

/* Ints of which none is missing, all at once. */
static int append_present_ints(const struct arrow_layout *layout, const uint8_t *values, size_t n_rows,
                               struct table_builder *builder, size_t target) {
        void *to;
        int r;

        r = table_builder_reserve(builder, target, n_rows, &to);
        if (r)
                return error_trace(r);
        if (layout->n_bits == 64 && layout->is_signed)
                memcpy(to, values, n_rows * 8);
        else
                for (size_t i = 0; i < n_rows; i++)
                        ((int64_t *)to)[i] = load_int(values, i, layout);
        return 0;
}

static int append_numbers(const struct arrow_layout *layout, const uint8_t *validity, const uint8_t *values,
                          size_t n_rows, struct table_builder *builder, size_t target) {
        double number;
        int r = 0;

        if (!validity && layout->type == ARROW_TYPE_INT)
                return error_trace(append_present_ints(layout, values, n_rows, builder, target));
        for (size_t i = 0; i < n_rows && !r; i++) {
                if (!is_present(validity, i)) {
                        r = table_builder_add_missing(builder, target);
                } else if (layout->type == ARROW_TYPE_BOOL) {
                        r = table_builder_add_int64(builder, target, values[i / 8] >> (i % 8) & 1);
                } else if (layout->type == ARROW_TYPE_INT) {
                        r = table_builder_add_int64(builder, target, load_int(values, i, layout));
                } else {
                        number = load_float(values, i, layout);
                        r = isnan(number) ? table_builder_add_missing(builder, target)
                                          : table_builder_add_float64(builder, target, number);
                }
        }
        return error_trace(r);
}

static int append_from_dictionary(const struct arrow_column *column, const uint8_t *validity, const uint8_t *values,
                                  size_t n_rows, const struct column *dictionary, size_t n_dictionary,
                                  struct table_builder *builder, size_t target, struct fault *fault) {
        const char *text;
        int64_t index;
        size_t n;
        int r = 0;

        for (size_t i = 0; i < n_rows && !r; i++) {
                index = is_present(validity, i) ? load_int(values, i, &column->layout) : -1;
                if (is_present(validity, i) && (index < 0 || (uint64_t)index >= n_dictionary))
                        return arrow_damaged(fault, "a value is not in its dictionary");
                if (index < 0 || !column_is_present(dictionary, (size_t)index)) {
                        r = table_builder_add_missing(builder, target);
                } else if (dictionary->type == COLUMN_UTF8) {
                        text = column_text(dictionary, (size_t)index, &n);
                        r = take_room(&column->room->n_text, n, fault);
                        if (!r)
                                r = table_builder_add_text(builder, target, text, n);
                } else if (dictionary->type == COLUMN_INT64) {
                        r = table_builder_add_int64(builder, target, dictionary->int64[index]);
                } else {
                        r = table_builder_add_float64(builder, target, dictionary->float64[index]);
                }
        }
        return error_trace(r);
}

static int64_t load_offset(const uint8_t *offsets, size_t i, bool is_large) {
        int64_t large;
        int32_t small;

        if (is_large) {
                memcpy(&large, offsets + 8 * i, sizeof(large));
                return large;
        }
        memcpy(&small, offsets + 4 * i, sizeof(small));
        return small;
}

/* The first offset of a batch, and the text before it that belongs to no row. */
static int start_text(struct arrow_column *column, bool is_large, struct fault *fault) {
        const uint8_t *first;
        int r;

        if (column->end >= 0)
                return 0;
        r = arrow_pipe_read(&column->values, is_large ? 8 : 4, &first, fault);
        if (r)
                return error_trace(r);
        column->end = load_offset(first, 0, is_large);
        if (column->end < 0)
                return arrow_damaged(fault, "a text starts before its column");
        return error_trace(arrow_pipe_skip(&column->text, (uint64_t)column->end, fault));
}

static int append_texts(struct arrow_column *column, const uint8_t *validity, size_t n_rows,
                        struct table_builder *builder, size_t target, struct fault *fault) {
        bool is_large = column->layout.type == ARROW_TYPE_LARGE_UTF8;
        const uint8_t *offsets, *text;
        int64_t from, to;
        int r;

        r = start_text(column, is_large, fault);
        if (!r)
                r = arrow_pipe_read(&column->values, n_rows * (is_large ? 8 : 4), &offsets, fault);
        if (r)
                return error_trace(r);
        from = column->end;
        for (size_t i = 0; i < n_rows; i++) {
                to = load_offset(offsets, i, is_large);
                if (to < from)
                        return arrow_damaged(fault, "a text ends before it starts");
                from = to;
        }
        r = take_room(&column->room->n_text, (size_t)(from - column->end), fault);
        if (!r)
                r = arrow_pipe_read(&column->text, (size_t)(from - column->end), &text, fault);
        for (size_t i = 0; i < n_rows && !r; i++) {
                to = load_offset(offsets, i, is_large);
                r = is_present(validity, i)
                            ? table_builder_add_text(builder, target, (const char *)text, (size_t)(to - column->end))
                            : table_builder_add_missing(builder, target);
                text += to - column->end;
                column->end = to;
        }
        return error_trace(r);
}

/* A view: length, then the text itself where it is short, else 4 bytes of it, the buffer and the offset. */
static int append_view(const struct arrow_column *column, const uint8_t *view, struct table_builder *builder,
                       size_t target, struct fault *fault) {
        uint32_t length, buffer, offset;
        const uint8_t *text = view + 4;
        int r;

        memcpy(&length, view, 4);
        if (length > VIEW_INLINE_BYTES) {
                memcpy(&buffer, view + 8, 4);
                memcpy(&offset, view + 12, 4);
                if (buffer >= column->n_views || offset > column->views[buffer].bytes.n_bytes ||
                    length > column->views[buffer].bytes.n_bytes - offset)
                        return arrow_damaged(fault, "a text lies outside its buffer");
                text = column->views[buffer].bytes.data + offset;
        }
        r = take_room(&column->room->n_text, length, fault);
        if (!r)
                r = table_builder_add_text(builder, target, (const char *)text, length);
        return error_trace(r);
}

static int append_views(struct arrow_column *column, const uint8_t *validity, size_t n_rows,
                        struct table_builder *builder, size_t target, struct fault *fault) {
        const uint8_t *views;
        int r;

        r = arrow_pipe_read(&column->values, n_rows * VIEW_BYTES, &views, fault);
        for (size_t i = 0; i < n_rows && !r; i++)
                r = is_present(validity, i) ? append_view(column, views + i * VIEW_BYTES, builder, target, fault)
                                            : table_builder_add_missing(builder, target);
        return error_trace(r);
}

int arrow_column_read(struct arrow_column *column, size_t n_rows, const struct column *dictionary, size_t n_dictionary,
                      struct table_builder *builder, size_t target, struct fault *fault) {
        const uint8_t *validity = NULL, *values;
        int r = 0;

        /* a column without rows may lack even the first offset */
        if (!n_rows)
                return 0;
        if (column->layout.type == ARROW_TYPE_NULL) {
                for (size_t i = 0; i < n_rows && !r; i++)
                        r = table_builder_add_missing(builder, target);
                return error_trace(r);
        }
        if (column->has_validity)
                r = arrow_pipe_read(&column->validity, (n_rows + 7) / 8, &validity, fault);
        if (r)
                return error_trace(r);
        if (column->layout.type == ARROW_TYPE_UTF8 || column->layout.type == ARROW_TYPE_LARGE_UTF8)
                return error_trace(append_texts(column, validity, n_rows, builder, target, fault));
        if (column->layout.type == ARROW_TYPE_UTF8_VIEW)
                return error_trace(append_views(column, validity, n_rows, builder, target, fault));
        r = arrow_pipe_read(&column->values, (n_rows * column->layout.n_bits + 7) / 8, &values, fault);
        if (r)
                return error_trace(r);
        if (!dictionary)
                return error_trace(append_numbers(&column->layout, validity, values, n_rows, builder, target));
        return error_trace(append_from_dictionary(column, validity, values, n_rows, dictionary, n_dictionary, builder,
                                                  target, fault));
}
