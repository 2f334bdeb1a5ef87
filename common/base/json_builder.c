/*
 * JSON, written. The builder keeps the structure; yyjson writes the single values, straight into the buffer: an
 * allocator that only ever hands out the buffer's free end stands in for its memory.
 */

#include "common/base/json_builder.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/utf8.h"

static const char REPLACEMENT[] = "\xef\xbf\xbd"; /* U+FFFD */

static bool is_in_array(const struct json_builder *builder) {
        return builder->depth && (builder->is_array >> (builder->depth - 1) & 1);
}

static void append(struct json_builder *builder, const char *bytes, size_t n_bytes) {
        if (!builder->error)
                builder->error = error_trace(buffer_append(builder->text, bytes, n_bytes));
}

static void append_line(struct json_builder *builder) {
        static const char SPACES[] = "                                ";
        size_t n = (size_t)builder->depth * 2;

        append(builder, "\n", 1);
        for (; n > sizeof(SPACES) - 1; n -= sizeof(SPACES) - 1)
                append(builder, SPACES, sizeof(SPACES) - 1);
        append(builder, SPACES, n);
}

/* The comma and white space that stand before an element or a key. */
static void append_separator(struct json_builder *builder) {
        uint64_t bit;

        if (!builder->depth)
                return;
        bit = UINT64_C(1) << (builder->depth - 1);
        if (builder->is_begun & bit)
                append(builder, ",", 1);
        builder->is_begun |= bit;
        if (builder->style == JSON_PRETTY)
                append_line(builder);
}

static void before_value(struct json_builder *builder) {
        assert(!builder->is_done);
        assert(builder->is_keyed || !builder->depth || is_in_array(builder));
        if (!builder->is_keyed)
                append_separator(builder);
        builder->is_keyed = false;
}

static void after_value(struct json_builder *builder) {
        if (builder->depth)
                return;
        builder->is_done = true;
        if (builder->style == JSON_PRETTY)
                append(builder, "\n", 1);
}

static void *hand_out_tail(void *context, size_t n_bytes) {
        struct buffer *buffer = context;

        return buffer_reserve(buffer, n_bytes) ? NULL : buffer->data + buffer->n_bytes;
}

static void *refuse_growth(_unused_ void *context, _unused_ void *memory, _unused_ size_t n_old,
                           _unused_ size_t n_new) {
        return NULL;
}

static void take_back(void *context, _unused_ void *memory) {
        struct buffer *buffer = context;

        buffer->data[buffer->n_bytes] = 0;
}

/* Appends one scalar. False when it is a text with invalid UTF-8, and then nothing is appended. */
static bool append_scalar(struct json_builder *builder, const yyjson_val *value, yyjson_write_flag flags) {
        const yyjson_alc allocator = { hand_out_tail, refuse_growth, take_back, builder->text };
        yyjson_write_err error;
        size_t n_bytes;

        if (builder->error)
                return true;
        if (yyjson_val_write_opts(value, flags, &allocator, &n_bytes, &error)) {
                builder->text->n_bytes += n_bytes;
                return true;
        }
        if (error.code == YYJSON_WRITE_ERROR_INVALID_STRING)
                return false;
        builder->error = error_origin(-ENOMEM, "writing JSON: %s", error.msg);
        return true;
}

static int repair_text(const char *text, size_t n_bytes, struct buffer *repaired) {
        int r = 0;

        for (size_t i = 0; i < n_bytes && !r;) {
                size_t n = utf8_character_bytes(text + i, n_bytes - i);

                r = n ? buffer_append(repaired, text + i, n) : buffer_append_text(repaired, REPLACEMENT);
                i += n ? n : 1;
        }
        return error_trace(r);
}

static void append_text(struct json_builder *builder, const char *text, size_t n_bytes) {
        _cleanup_(buffer_finish) struct buffer repaired = BUFFER_NULL;
        yyjson_val value = { 0 };

        yyjson_set_strn(&value, text, n_bytes);
        if (append_scalar(builder, &value, YYJSON_WRITE_NOFLAG))
                return;
        builder->error = repair_text(text, n_bytes, &repaired);
        yyjson_set_strn(&value, buffer_text(&repaired), repaired.n_bytes);
        if (!append_scalar(builder, &value, YYJSON_WRITE_NOFLAG))
                builder->error = error_origin(-EILSEQ, "n_bytes=%zu writing a text as JSON", n_bytes);
}

struct json_builder json_begin(struct buffer *text, enum json_style style) {
        return (struct json_builder){ .text = text, .style = style };
}

int json_end(struct json_builder *builder) {
        assert(builder->error || builder->is_done);
        return error_trace(builder->error);
}

static void begin(struct json_builder *builder, bool is_array) {
        uint64_t bit;

        before_value(builder);
        assert(builder->depth < JSON_DEPTH_MAX);
        bit = UINT64_C(1) << builder->depth++;
        builder->is_begun &= ~bit;
        builder->is_array = is_array ? builder->is_array | bit : builder->is_array & ~bit;
        append(builder, is_array ? "[" : "{", 1);
}

static void end(struct json_builder *builder, bool is_array) {
        bool is_empty;

        assert(builder->depth && !builder->is_keyed && is_in_array(builder) == is_array);
        is_empty = !(builder->is_begun >> (builder->depth - 1) & 1);
        builder->depth--;
        if (builder->style == JSON_PRETTY && !is_empty)
                append_line(builder);
        append(builder, is_array ? "]" : "}", 1);
        after_value(builder);
}

void json_begin_object(struct json_builder *builder) {
        begin(builder, false);
}

void json_end_object(struct json_builder *builder) {
        end(builder, false);
}

void json_begin_array(struct json_builder *builder) {
        begin(builder, true);
}

void json_end_array(struct json_builder *builder) {
        end(builder, true);
}

void json_key_n(struct json_builder *builder, const char *key, size_t n_bytes) {
        assert(builder->depth && !is_in_array(builder) && !builder->is_keyed);
        append_separator(builder);
        append_text(builder, key, n_bytes);
        append(builder, ": ", builder->style == JSON_PRETTY ? 2 : 1);
        builder->is_keyed = true;
}

void json_key(struct json_builder *builder, const char *key) {
        json_key_n(builder, key, strlen(key));
}

static void put_scalar(struct json_builder *builder, const yyjson_val *value, yyjson_write_flag flags) {
        before_value(builder);
        append_scalar(builder, value, flags | YYJSON_WRITE_INF_AND_NAN_AS_NULL);
        after_value(builder);
}

void json_put_text_n(struct json_builder *builder, const char *text, size_t n_bytes) {
        before_value(builder);
        append_text(builder, text, n_bytes);
        after_value(builder);
}

void json_put_text(struct json_builder *builder, const char *text) {
        if (text)
                json_put_text_n(builder, text, strlen(text));
        else
                json_put_null(builder);
}

void json_put_int64(struct json_builder *builder, int64_t number) {
        yyjson_val value = { 0 };

        yyjson_set_sint(&value, number);
        put_scalar(builder, &value, YYJSON_WRITE_NOFLAG);
}

void json_put_uint64(struct json_builder *builder, uint64_t number) {
        yyjson_val value = { 0 };

        yyjson_set_uint(&value, number);
        put_scalar(builder, &value, YYJSON_WRITE_NOFLAG);
}

void json_put_double(struct json_builder *builder, double number) {
        yyjson_val value = { 0 };

        yyjson_set_real(&value, number);
        put_scalar(builder, &value, YYJSON_WRITE_NOFLAG);
}

void json_put_float(struct json_builder *builder, float number) {
        yyjson_val value = { 0 };

        yyjson_set_real(&value, (double)number);
        put_scalar(builder, &value, YYJSON_WRITE_FP_TO_FLOAT);
}

void json_put_bool(struct json_builder *builder, bool flag) {
        yyjson_val value = { 0 };

        yyjson_set_bool(&value, flag);
        put_scalar(builder, &value, YYJSON_WRITE_NOFLAG);
}

void json_put_null(struct json_builder *builder) {
        yyjson_val value = { 0 };

        yyjson_set_null(&value);
        put_scalar(builder, &value, YYJSON_WRITE_NOFLAG);
}

void json_put_raw(struct json_builder *builder, const char *json, size_t n_bytes) {
        before_value(builder);
        append(builder, json, n_bytes);
        after_value(builder);
}

/* Recurses as deep as the document nests, which the parser has bounded. */
void json_put_value(struct json_builder *builder, const struct json_value *value) {
        struct json_object_iterator members = json_iterate_object(value);
        struct json_array_iterator elements = json_iterate_array(value);
        const struct json_value *inner;
        const char *key;
        size_t n_key;

        switch (json_kind(value)) {
        case JSON_KIND_OBJECT:
                json_begin_object(builder);
                while (json_next_member(&members, &key, &n_key, &inner)) {
                        json_key_n(builder, key, n_key);
                        json_put_value(builder, inner);
                }
                json_end_object(builder);
                return;
        case JSON_KIND_ARRAY:
                json_begin_array(builder);
                while (json_next_element(&elements, &inner))
                        json_put_value(builder, inner);
                json_end_array(builder);
                return;
        case JSON_KIND_NONE:
                json_put_null(builder);
                return;
        default:
                put_scalar(builder, json_foreign(value), YYJSON_WRITE_NOFLAG);
        }
}

void json_key_text(struct json_builder *builder, const char *key, const char *text) {
        json_key(builder, key);
        json_put_text(builder, text);
}

void json_key_int64(struct json_builder *builder, const char *key, int64_t value) {
        json_key(builder, key);
        json_put_int64(builder, value);
}

void json_key_uint64(struct json_builder *builder, const char *key, uint64_t value) {
        json_key(builder, key);
        json_put_uint64(builder, value);
}

void json_key_double(struct json_builder *builder, const char *key, double value) {
        json_key(builder, key);
        json_put_double(builder, value);
}

void json_key_float(struct json_builder *builder, const char *key, float value) {
        json_key(builder, key);
        json_put_float(builder, value);
}

void json_key_bool(struct json_builder *builder, const char *key, bool value) {
        json_key(builder, key);
        json_put_bool(builder, value);
}

void json_key_raw(struct json_builder *builder, const char *key, const char *json, size_t n_bytes) {
        json_key(builder, key);
        json_put_raw(builder, json, n_bytes);
}
