#pragma once

/*
 * JSON, read
 *
 * The only door to yyjson. A document is parsed strictly (RFC 8259: no comments, no trailing commas, no NaN, valid
 * UTF-8, nothing after the value) and may nest at most JSON_DEPTH_MAX levels. Values are borrowed from their document
 * and never change, so threads may read them together. Every accessor takes NULL as "no value": then, and for a value
 * of another kind, it answers false, NULL or nothing to iterate, so that a path can be followed without checks between.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <yyjson.h>

#include "common/base/cleanup.h"
#include "common/base/fault.h"

#define JSON_DEPTH_MAX 64

/* Memory with which a text of n_bytes is always parsed without the heap. */
#define JSON_MEMORY_BYTES(n_bytes) ((size_t)(n_bytes)*12 + 512)

/* the largest number to which all integers are exact in a double: 2^53 */
#define JSON_INTEGRAL_MAX (INT64_C(1) << 53)

enum json_kind {
        JSON_KIND_NONE, /* no value: a NULL pointer */
        JSON_KIND_NULL,
        JSON_KIND_BOOL,
        JSON_KIND_INT,  /* written without fraction and exponent, fits int64_t */
        JSON_KIND_UINT, /* the same, above INT64_MAX, fits uint64_t */
        JSON_KIND_REAL, /* all other numbers */
        JSON_KIND_TEXT,
        JSON_KIND_ARRAY,
        JSON_KIND_OBJECT,
};

struct json;
struct json_value;

/* Parses n_bytes of text, which need no end and may be gone afterwards. 0, FAULT_E_INPUT (JSON_MALFORMED or
 * JSON_TOO_DEEP, with line and position, file left as it is), or -ENOMEM. */
int json_parse(const char *text, size_t n_bytes, struct fault *fault, struct json **ret_json);

/* The same in memory of the caller, which the document borrows until json_destroy(); the heap serves only when memory
 * has less than JSON_MEMORY_BYTES(n_bytes). memory is aligned for pointers. */
int json_parse_in(const char *text, size_t n_bytes, void *memory, size_t n_memory, struct fault *fault,
                  struct json **ret_json);
struct json *json_destroy(struct json *json);
void json_destroy_pointer(struct json **json);

/* "an object", "the integer", …: what a value is, for sentences about it. Borrowed forever. */
const char *json_kind_name(enum json_kind kind);

/* Members of an object by name, for documents that are read whole. 0, or FAULT_E_INPUT (JSON_FIELD) that names the
 * field, what was expected and what was there; absent is refused too, so look with json_get() when it may be. Text is
 * borrowed from the document, ends in NUL, and is refused when it contains another NUL. */
int json_need_text(const struct json_value *object, const char *name, struct fault *fault, const char **ret_text);
int json_need_int(const struct json_value *object, const char *name, int64_t min, int64_t max, struct fault *fault,
                  int64_t *ret_value);
int json_need_double(const struct json_value *object, const char *name, struct fault *fault, double *ret_value);
int json_need_bool(const struct json_value *object, const char *name, struct fault *fault, bool *ret_value);
int json_need_object(const struct json_value *object, const char *name, struct fault *fault,
                     const struct json_value **ret_value);
int json_need_array(const struct json_value *object, const char *name, struct fault *fault,
                    const struct json_value **ret_value);

static inline yyjson_val *json_foreign(const struct json_value *value) {
        return (yyjson_val *)(uintptr_t)value;
}

static inline const struct json_value *json_root(const struct json *json) {
        return (const struct json_value *)yyjson_doc_get_root((yyjson_doc *)(uintptr_t)json);
}

static inline enum json_kind json_kind(const struct json_value *value) {
        yyjson_val *foreign = json_foreign(value);

        switch (yyjson_get_type(foreign)) {
        case YYJSON_TYPE_NULL:
                return JSON_KIND_NULL;
        case YYJSON_TYPE_BOOL:
                return JSON_KIND_BOOL;
        case YYJSON_TYPE_NUM:
                if (yyjson_is_real(foreign))
                        return JSON_KIND_REAL;
                if (yyjson_is_sint(foreign) || yyjson_get_uint(foreign) <= INT64_MAX)
                        return JSON_KIND_INT;
                return JSON_KIND_UINT;
        case YYJSON_TYPE_STR:
                return JSON_KIND_TEXT;
        case YYJSON_TYPE_ARR:
                return JSON_KIND_ARRAY;
        case YYJSON_TYPE_OBJ:
                return JSON_KIND_OBJECT;
        default:
                return JSON_KIND_NONE;
        }
}

static inline bool json_is_null(const struct json_value *value) {
        return yyjson_is_null(json_foreign(value));
}

static inline bool json_is_number(const struct json_value *value) {
        return yyjson_is_num(json_foreign(value));
}

static inline bool json_is_array(const struct json_value *value) {
        return yyjson_is_arr(json_foreign(value));
}

static inline bool json_is_object(const struct json_value *value) {
        return yyjson_is_obj(json_foreign(value));
}

static inline bool json_as_bool(const struct json_value *value, bool *ret_value) {
        if (!yyjson_is_bool(json_foreign(value)))
                return false;
        *ret_value = yyjson_get_bool(json_foreign(value));
        return true;
}

/* True for JSON_KIND_INT only: 28, but neither 28.0 nor 2^63. */
static inline bool json_as_int64(const struct json_value *value, int64_t *ret_value) {
        if (json_kind(value) != JSON_KIND_INT)
                return false;
        *ret_value = yyjson_get_sint(json_foreign(value));
        return true;
}

static inline bool json_as_uint64(const struct json_value *value, uint64_t *ret_value) {
        if (!yyjson_is_uint(json_foreign(value)))
                return false;
        *ret_value = yyjson_get_uint(json_foreign(value));
        return true;
}

/* Any number, as the nearest double. */
static inline bool json_as_double(const struct json_value *value, double *ret_value) {
        if (!yyjson_is_num(json_foreign(value)))
                return false;
        *ret_value = yyjson_get_num(json_foreign(value));
        return true;
}

/* The bytes of a text; they may contain NUL, and one NUL follows them. */
static inline bool json_as_text(const struct json_value *value, const char **ret_text, size_t *ret_n_bytes) {
        if (!yyjson_is_str(json_foreign(value)))
                return false;
        *ret_text = yyjson_get_str(json_foreign(value));
        *ret_n_bytes = yyjson_get_len(json_foreign(value));
        return true;
}

/* The text for those who compare it with C strings; NULL for another kind. */
static inline const char *json_text(const struct json_value *value) {
        return yyjson_get_str(json_foreign(value));
}

/* Elements of an array, members of an object (each occurrence of a key counts), else 0. */
static inline size_t json_count(const struct json_value *value) {
        return yyjson_is_ctn(json_foreign(value)) ? unsafe_yyjson_get_len(json_foreign(value)) : 0;
}

/* The first member of that name, or NULL; time grows with the object's size. */
static inline const struct json_value *json_get(const struct json_value *object, const char *name) {
        return (const struct json_value *)yyjson_obj_get(json_foreign(object), name);
}

/* In the order of the text. Each occurrence of a repeated key is met, so the caller sees duplicates. */
struct json_object_iterator {
        yyjson_obj_iter foreign;
};

struct json_array_iterator {
        yyjson_arr_iter foreign;
};

static inline struct json_object_iterator json_iterate_object(const struct json_value *object) {
        return (struct json_object_iterator){ yyjson_obj_iter_with(json_foreign(object)) };
}

static inline bool json_next_member(struct json_object_iterator *iterator, const char **ret_key, size_t *ret_n_key,
                                    const struct json_value **ret_value) {
        yyjson_val *key = yyjson_obj_iter_next(&iterator->foreign);

        if (!key)
                return false;
        *ret_key = unsafe_yyjson_get_str(key);
        *ret_n_key = unsafe_yyjson_get_len(key);
        *ret_value = (const struct json_value *)yyjson_obj_iter_get_val(key);
        return true;
}

static inline struct json_array_iterator json_iterate_array(const struct json_value *array) {
        return (struct json_array_iterator){ yyjson_arr_iter_with(json_foreign(array)) };
}

static inline bool json_next_element(struct json_array_iterator *iterator, const struct json_value **ret_value) {
        yyjson_val *value = yyjson_arr_iter_next(&iterator->foreign);

        if (!value)
                return false;
        *ret_value = (const struct json_value *)value;
        return true;
}
