/* JSON, read: yyjson does the parsing; what is added is a bound on depth, places for errors, and members by name. */

#include "common/base/json.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "common/base/error.h"

/* Names the place of the byte at position. */
static void locate(const char *text, size_t n_bytes, size_t position, struct fault *fault) {
        size_t line = 1, column = 1, character;

        if (!yyjson_locate_pos(text, n_bytes, position, &line, &column, &character))
                return;
        fault->line = (int64_t)line;
        fault->position = (int64_t)column;
}

/* The parser itself does not recurse, but those who walk its tree do. Looks at brackets outside strings only, so a text
 * that is no JSON is left for the parser to refuse. */
static bool is_too_deep(const char *text, size_t n_bytes, size_t *ret_position) {
        bool is_in_string = false;
        unsigned depth = 0;

        for (size_t i = 0; i < n_bytes; i++) {
                if (is_in_string) {
                        if (text[i] == '\\')
                                i++;
                        else if (text[i] == '"')
                                is_in_string = false;
                        continue;
                }
                if (text[i] == '"') {
                        is_in_string = true;
                } else if (text[i] == '[' || text[i] == '{') {
                        if (++depth > JSON_DEPTH_MAX) {
                                *ret_position = i;
                                return true;
                        }
                } else if ((text[i] == ']' || text[i] == '}') && depth) {
                        depth--;
                }
        }
        return false;
}

/* What Python's json.dumps() writes for a value that is missing. */
static bool is_nan(const char *text, size_t n_bytes) {
        return n_bytes >= 3 && !strncasecmp(text, "nan", 3);
}

static int parse(const char *text, size_t n_bytes, const yyjson_alc *allocator, struct fault *fault,
                 struct json **ret_json) {
        yyjson_read_err error = { 0 };
        yyjson_doc *document;
        size_t position;

        if (!n_bytes)
                return fault_set(fault, "JSON_MALFORMED", "there is no JSON here: the text is empty");
        if (is_too_deep(text, n_bytes, &position)) {
                locate(text, n_bytes, position, fault);
                return fault_set(fault, "JSON_TOO_DEEP", "JSON nests more than %d levels", JSON_DEPTH_MAX);
        }
        document = yyjson_read_opts((char *)(uintptr_t)text, n_bytes, YYJSON_READ_NOFLAG, allocator, &error);
        if (!document) {
                if (error.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
                        return error_origin(-ENOMEM, "n_bytes=%zu parsing JSON", n_bytes);
                locate(text, n_bytes, error.pos, fault);
                return fault_set(fault, "JSON_MALFORMED", "malformed JSON: %s",
                                 is_nan(text + error.pos, n_bytes - error.pos)
                                         ? "JSON has no NaN; leave the value out or write null"
                                         : error.msg);
        }
        *ret_json = (struct json *)document;
        return 0;
}

int json_parse(const char *text, size_t n_bytes, struct fault *fault, struct json **ret_json) {
        return parse(text, n_bytes, NULL, fault, ret_json);
}

int json_parse_in(const char *text, size_t n_bytes, void *memory, size_t n_memory, struct fault *fault,
                  struct json **ret_json) {
        yyjson_alc pool;

        if (n_bytes > SIZE_MAX / 16 || n_memory < JSON_MEMORY_BYTES(n_bytes) ||
            !yyjson_alc_pool_init(&pool, memory, n_memory))
                return parse(text, n_bytes, NULL, fault, ret_json);
        return parse(text, n_bytes, &pool, fault, ret_json);
}

struct json *json_destroy(struct json *json) {
        yyjson_doc_free((yyjson_doc *)json);
        return NULL;
}

void json_destroy_pointer(struct json **json) {
        *json = json_destroy(*json);
}

const char *json_kind_name(enum json_kind kind) {
        switch (kind) {
        case JSON_KIND_NONE:
                return "nothing";
        case JSON_KIND_NULL:
                return "null";
        case JSON_KIND_BOOL:
                return "true or false";
        case JSON_KIND_INT:
                return "an integer";
        case JSON_KIND_UINT:
                return "a huge integer";
        case JSON_KIND_REAL:
                return "a number";
        case JSON_KIND_TEXT:
                return "a text";
        case JSON_KIND_ARRAY:
                return "an array";
        case JSON_KIND_OBJECT:
                return "an object";
        }
        return "something unknown";
}

static int refuse(const struct json_value *object, const char *name, const char *expected, struct fault *fault) {
        const struct json_value *value = json_get(object, name);

        fault_in(fault, name, -1);
        if (!json_is_object(object))
                return fault_set(fault, "JSON_FIELD", "\"%s\" should be in an object, but there is %s", name,
                                 json_kind_name(json_kind(object)));
        if (!value)
                return fault_set(fault, "JSON_FIELD", "\"%s\" is missing; expected %s", name, expected);
        return fault_set(fault, "JSON_FIELD", "\"%s\" is %s; expected %s", name, json_kind_name(json_kind(value)),
                         expected);
}

int json_need_text(const struct json_value *object, const char *name, struct fault *fault, const char **ret_text) {
        const char *text;
        size_t n_bytes;

        if (!json_as_text(json_get(object, name), &text, &n_bytes) || strlen(text) != n_bytes)
                return refuse(object, name, "a text without NUL", fault);
        *ret_text = text;
        return 0;
}

int json_need_int(const struct json_value *object, const char *name, int64_t min, int64_t max, struct fault *fault,
                  int64_t *ret_value) {
        int64_t value;

        if (!json_as_int64(json_get(object, name), &value))
                return refuse(object, name, "an integer", fault);
        if (value < min || value > max) {
                fault_in(fault, name, -1);
                return fault_set(fault, "JSON_FIELD", "\"%s\" is %" PRId64 "; expected %" PRId64 " to %" PRId64, name,
                                 value, min, max);
        }
        *ret_value = value;
        return 0;
}

int json_need_double(const struct json_value *object, const char *name, struct fault *fault, double *ret_value) {
        return json_as_double(json_get(object, name), ret_value) ? 0 : refuse(object, name, "a number", fault);
}

int json_need_bool(const struct json_value *object, const char *name, struct fault *fault, bool *ret_value) {
        return json_as_bool(json_get(object, name), ret_value) ? 0 : refuse(object, name, "true or false", fault);
}

int json_need_object(const struct json_value *object, const char *name, struct fault *fault,
                     const struct json_value **ret_value) {
        const struct json_value *value = json_get(object, name);

        if (!json_is_object(value))
                return refuse(object, name, "an object", fault);
        *ret_value = value;
        return 0;
}

int json_need_array(const struct json_value *object, const char *name, struct fault *fault,
                    const struct json_value **ret_value) {
        const struct json_value *value = json_get(object, name);

        if (!json_is_array(value))
                return refuse(object, name, "an array", fault);
        *ret_value = value;
        return 0;
}
