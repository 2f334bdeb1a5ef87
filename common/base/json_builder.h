#pragma once

/*
 * JSON, written
 *
 * Appends one JSON value to a buffer as it is told: begin and end, keys and values, in the order of the calls, so the
 * same calls give the same bytes. The first failure is remembered and makes all later calls do nothing; the caller asks
 * once, at json_end(). Calls that do not fit (a value without its key, an end too many) are bugs and assert. Nothing
 * but the buffer is allocated, and that only while it grows.
 *
 *      _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
 *      struct json_builder json = json_begin(&text, JSON_COMPACT);
 *
 *      json_begin_object(&json);
 *      json_key_text(&json, "run_id", run_id);
 *      json_key(&json, "metrics");
 *      json_begin_object(&json);
 *      json_key_double(&json, "f1", f1);
 *      json_end_object(&json);
 *      json_end_object(&json);
 *      r = json_end(&json);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"

struct json_value;

enum json_style {
        JSON_COMPACT, /* no white space at all */
        JSON_PRETTY,  /* one member or element a line, two spaces a level, newline at the end */
};

struct json_builder {
        struct buffer *text; /* borrowed */
        enum json_style style;
        int error;         /* the first failure, 0 while there is none */
        unsigned depth;    /* containers open, at most JSON_DEPTH_MAX */
        uint64_t is_array; /* bit n: the container at depth n + 1 is an array */
        uint64_t is_begun; /* bit n: it has something in it */
        bool is_keyed;     /* a key waits for its value */
        bool is_done;      /* the one value is complete */
};

/* Appends to text, which is borrowed until json_end(). */
struct json_builder json_begin(struct buffer *text, enum json_style style);

/* 0, or the first failure (-ENOMEM); then only what the buffer held at json_begin() is valid. */
int json_end(struct json_builder *builder);

void json_begin_object(struct json_builder *builder);
void json_end_object(struct json_builder *builder);
void json_begin_array(struct json_builder *builder);
void json_end_array(struct json_builder *builder);
void json_key(struct json_builder *builder, const char *key);
void json_key_n(struct json_builder *builder, const char *key, size_t n_bytes);

/* Text is UTF-8; a byte that is not becomes U+FFFD, so a sentence cut within a character still travels. NULL text is
 * written as null. */
void json_put_text(struct json_builder *builder, const char *text);
void json_put_text_n(struct json_builder *builder, const char *text, size_t n_bytes);
void json_put_int64(struct json_builder *builder, int64_t value);
void json_put_uint64(struct json_builder *builder, uint64_t value);

/* The shortest digits that read back as the same double (or float); always with a fraction or an exponent. NaN and the
 * infinities, which JSON cannot say, become null. */
void json_put_double(struct json_builder *builder, double value);
void json_put_float(struct json_builder *builder, float value);
void json_put_bool(struct json_builder *builder, bool value);
void json_put_null(struct json_builder *builder);

/* Already serialised JSON, one value, taken as it is and trusted to be valid. */
void json_put_raw(struct json_builder *builder, const char *json, size_t n_bytes);

/* A value read from elsewhere, with all that is in it; in the builder's own style. */
void json_put_value(struct json_builder *builder, const struct json_value *value);

/* A key and its value. */
void json_key_text(struct json_builder *builder, const char *key, const char *text);
void json_key_int64(struct json_builder *builder, const char *key, int64_t value);
void json_key_uint64(struct json_builder *builder, const char *key, uint64_t value);
void json_key_double(struct json_builder *builder, const char *key, double value);
void json_key_float(struct json_builder *builder, const char *key, float value);
void json_key_bool(struct json_builder *builder, const char *key, bool value);
void json_key_raw(struct json_builder *builder, const char *key, const char *json, size_t n_bytes);
