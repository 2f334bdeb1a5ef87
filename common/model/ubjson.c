/* UBJSON cursor. Numbers are big-endian; a container may announce its count (#) and before that a type for all ($). */

#include "common/model/ubjson.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What a container says about itself before its first element. */
struct container {
        struct ubjson_scope scope;
        uint8_t type; /* of every element; 0 when each bears its own */
};

static bool fail(struct ubjson *cursor, enum ubjson_cause cause, const char *error) {
        if (!cursor->error) {
                cursor->error = error;
                cursor->cause = cause;
        }
        return false;
}

bool ubjson_fail(struct ubjson *cursor, const char *error) {
        return fail(cursor, UBJSON_CAUSE_DAMAGED, error);
}

bool ubjson_fail_unsupported(struct ubjson *cursor, const char *error) {
        return fail(cursor, UBJSON_CAUSE_UNSUPPORTED, error);
}

bool ubjson_fail_memory(struct ubjson *cursor) {
        return fail(cursor, UBJSON_CAUSE_MEMORY, "no memory is left");
}

static bool take(struct ubjson *cursor, size_t n_bytes, const uint8_t **ret_bytes) {
        if (cursor->error)
                return false;
        if ((size_t)(cursor->end - cursor->at) < n_bytes) {
                ubjson_fail(cursor, "it ends too early");
                return false;
        }
        *ret_bytes = cursor->at;
        cursor->at += n_bytes;
        return true;
}

/* The next marker, past no-ops. */
static bool take_marker(struct ubjson *cursor, uint8_t *ret_marker) {
        const uint8_t *marker;

        do {
                if (!take(cursor, 1, &marker))
                        return false;
        } while (*marker == 'N');
        *ret_marker = *marker;
        return true;
}

uint8_t ubjson_peek(struct ubjson *cursor) {
        while (!cursor->error && cursor->at < cursor->end && *cursor->at == 'N')
                cursor->at++;
        return cursor->error || cursor->at >= cursor->end ? 0 : *cursor->at;
}

/* Steps over the marker if it comes next. */
static bool next_is(struct ubjson *cursor, uint8_t marker) {
        if (ubjson_peek(cursor) != marker)
                return false;
        cursor->at++;
        return true;
}

/* Bytes of a number of that type; 0 when it is none. */
static size_t number_bytes(uint8_t type) {
        switch (type) {
        case 'i':
        case 'U':
                return 1;
        case 'I':
                return 2;
        case 'l':
        case 'd':
                return 4;
        case 'L':
        case 'D':
                return 8;
        default:
                return 0;
        }
}

static uint64_t big_endian(const uint8_t *bytes, size_t n_bytes) {
        uint64_t value = 0;

        for (size_t i = 0; i < n_bytes; i++)
                value = value << 8 | bytes[i];
        return value;
}

static double decode_number(uint8_t type, const uint8_t *bytes) {
        uint64_t bits = big_endian(bytes, number_bytes(type));
        uint32_t half = (uint32_t)bits;
        double wide;
        float narrow;

        switch (type) {
        case 'i':
                return (int8_t)bits;
        case 'U':
                return (double)bits;
        case 'I':
                return (int16_t)bits;
        case 'l':
                return (int32_t)half;
        case 'L':
                return (double)(int64_t)bits;
        case 'd':
                memcpy(&narrow, &half, sizeof(narrow));
                return (double)narrow;
        default:
                memcpy(&wide, &bits, sizeof(wide));
                return wide;
        }
}

static bool read_number_of(struct ubjson *cursor, uint8_t type, double *ret_number) {
        size_t n_bytes = number_bytes(type);
        const uint8_t *bytes;

        if (!n_bytes)
                return ubjson_fail(cursor, "a number is expected where another type stands");
        if (!take(cursor, n_bytes, &bytes))
                return false;
        *ret_number = decode_number(type, bytes);
        return true;
}

bool ubjson_read_number(struct ubjson *cursor, double *ret_number) {
        uint8_t type;

        return take_marker(cursor, &type) && read_number_of(cursor, type, ret_number);
}

/* A count or length: an integer, not negative, at most limit. */
static bool read_count(struct ubjson *cursor, uint64_t limit, uint64_t *ret_count) {
        const uint8_t *bytes;
        uint64_t count;
        uint8_t type;
        size_t n_bytes;

        if (!take_marker(cursor, &type))
                return false;
        n_bytes = number_bytes(type);
        if (!n_bytes || type == 'd' || type == 'D')
                return ubjson_fail(cursor, "a count is not an integer");
        if (!take(cursor, n_bytes, &bytes))
                return false;
        count = big_endian(bytes, n_bytes);
        if (type != 'U' && bytes[0] & 0x80)
                return ubjson_fail(cursor, "a count is negative");
        if (count > limit)
                return ubjson_fail(cursor, "a count is larger than what is left of the file");
        *ret_count = count;
        return true;
}

static bool read_text_body(struct ubjson *cursor, struct ubjson_text *ret_text) {
        const uint8_t *bytes;
        uint64_t n_bytes;

        if (cursor->error || !read_count(cursor, (uint64_t)(cursor->end - cursor->at), &n_bytes) ||
            !take(cursor, n_bytes, &bytes))
                return false;
        *ret_text = (struct ubjson_text){ (const char *)bytes, n_bytes };
        return true;
}

bool ubjson_read_text(struct ubjson *cursor, struct ubjson_text *ret_text) {
        uint8_t type;

        if (!take_marker(cursor, &type))
                return false;
        if (type != 'S')
                return ubjson_fail(cursor, "a text is expected where another type stands");
        return read_text_body(cursor, ret_text);
}

/* After the opening mark: the type and count a container may announce. Each element takes at least one byte, so a
 * count can be held against the bytes left; types without a body ($T, $Z …) would escape that and are refused. */
static bool open_container(struct ubjson *cursor, struct container *ret_container) {
        struct container container = { 0 };
        uint64_t n_left;

        if (cursor->depth >= UBJSON_DEPTH_MAX)
                return ubjson_fail(cursor, "it is nested too deeply");
        if (next_is(cursor, '$')) {
                if (!take_marker(cursor, &container.type))
                        return false;
                if (!number_bytes(container.type))
                        return ubjson_fail(cursor, "a container of that type is not supported");
        }
        if (next_is(cursor, '#')) {
                n_left = (uint64_t)(cursor->end - cursor->at);
                if (container.type)
                        n_left /= number_bytes(container.type);
                if (!read_count(cursor, n_left, &container.scope.n_left))
                        return false;
                container.scope.is_counted = true;
        } else if (container.type) {
                return ubjson_fail(cursor, "a typed container has no count");
        }
        if (cursor->error)
                return false;
        cursor->depth++;
        *ret_container = container;
        return true;
}

static bool open_untyped(struct ubjson *cursor, uint8_t mark, const char *error, struct ubjson_scope *ret_scope) {
        struct container container;
        uint8_t type;

        if (!take_marker(cursor, &type))
                return false;
        if (type != mark)
                return ubjson_fail(cursor, error);
        if (!open_container(cursor, &container))
                return false;
        if (container.type)
                return ubjson_fail(cursor, "numbers stand where other values are expected");
        *ret_scope = container.scope;
        return true;
}

bool ubjson_open_object(struct ubjson *cursor, struct ubjson_scope *ret_scope) {
        return open_untyped(cursor, '{', "an object is expected where another type stands", ret_scope);
}

bool ubjson_open_array(struct ubjson *cursor, struct ubjson_scope *ret_scope) {
        return open_untyped(cursor, '[', "an array is expected where another type stands", ret_scope);
}

/* True when another element follows; at the end the container is left. */
static bool next_in(struct ubjson *cursor, struct ubjson_scope *scope, uint8_t end_mark) {
        if (cursor->error)
                return false;
        if (scope->is_counted ? !scope->n_left : next_is(cursor, end_mark)) {
                cursor->depth--;
                return false;
        }
        if (cursor->at >= cursor->end)
                return ubjson_fail(cursor, "it ends too early");
        if (scope->is_counted)
                scope->n_left--;
        return true;
}

bool ubjson_next_key(struct ubjson *cursor, struct ubjson_scope *scope, struct ubjson_text *ret_key) {
        return next_in(cursor, scope, '}') && read_text_body(cursor, ret_key);
}

bool ubjson_next_element(struct ubjson *cursor, struct ubjson_scope *scope) {
        return next_in(cursor, scope, ']');
}

/* Reads an array of numbers through store(), which refuses what it cannot hold. */
static bool read_numbers(struct ubjson *cursor, bool (*store)(void *numbers, size_t i, double number),
                         void **ret_numbers, size_t *ret_n) {
        struct container container;
        size_t n = 0, capacity = 0;
        double number;
        void *numbers = NULL, *larger;
        uint8_t type;

        if (!take_marker(cursor, &type))
                return false;
        if (type != '[')
                return ubjson_fail(cursor, "an array is expected where another type stands");
        if (!open_container(cursor, &container))
                return false;
        while (next_in(cursor, &container.scope, ']')) {
                if (n == capacity) {
                        /* a count has been held against the bytes left, so it may be trusted */
                        capacity = container.scope.is_counted ? container.scope.n_left + 1 : n ? 2 * n : 64;
                        larger = realloc(numbers, (capacity + n) * 4);
                        if (!larger) {
                                ubjson_fail_memory(cursor);
                                break;
                        }
                        capacity += n;
                        numbers = larger;
                }
                type = container.type;
                if (!type && !take_marker(cursor, &type))
                        break;
                if (!read_number_of(cursor, type, &number))
                        break;
                if (!store(numbers, n++, number))
                        ubjson_fail(cursor, "a number is not an integer of 32 bits");
        }
        if (cursor->error) {
                free(numbers);
                return false;
        }
        *ret_numbers = numbers;
        *ret_n = n;
        return true;
}

static bool store_float(void *numbers, size_t i, double number) {
        ((float *)numbers)[i] = (float)number;
        return true;
}

static bool store_integer(void *numbers, size_t i, double number) {
        if (!(number >= INT32_MIN && number <= INT32_MAX) || fabs(number - trunc(number)) > 0)
                return false;
        ((int32_t *)numbers)[i] = (int32_t)number;
        return true;
}

bool ubjson_read_integers(struct ubjson *cursor, struct ubjson_integers *integers) {
        void *values;
        size_t n;

        if (!read_numbers(cursor, store_integer, &values, &n))
                return false;
        free(integers->values);
        *integers = (struct ubjson_integers){ values, n };
        return true;
}

bool ubjson_read_floats(struct ubjson *cursor, struct ubjson_floats *floats) {
        void *values;
        size_t n;

        if (!read_numbers(cursor, store_float, &values, &n))
                return false;
        free(floats->values);
        *floats = (struct ubjson_floats){ values, n };
        return true;
}

bool ubjson_read_number_or_text(struct ubjson *cursor, double *ret_number) {
        struct ubjson_text text;
        char copy[64], *end;
        double number;

        if (ubjson_peek(cursor) != 'S')
                return ubjson_read_number(cursor, ret_number);
        if (!ubjson_read_text(cursor, &text))
                return false;
        if (!text.n_bytes || text.n_bytes >= sizeof(copy))
                return ubjson_fail(cursor, "a text is not a number");
        memcpy(copy, text.start, text.n_bytes);
        copy[text.n_bytes] = 0;
        number = strtod(copy, &end);
        if (end == copy || *end)
                return ubjson_fail(cursor, "a text is not a number");
        *ret_number = number;
        return true;
}

static bool skip_container(struct ubjson *cursor, uint8_t end_mark) {
        struct container container;
        struct ubjson_text key;
        const uint8_t *bytes;

        if (!open_container(cursor, &container))
                return false;
        if (container.type && end_mark == ']') {
                cursor->depth--;
                return take(cursor, container.scope.n_left * number_bytes(container.type), &bytes);
        }
        while (next_in(cursor, &container.scope, end_mark)) {
                if (end_mark == '}' && !read_text_body(cursor, &key))
                        return false;
                if (container.type ? !take(cursor, number_bytes(container.type), &bytes) : !ubjson_skip(cursor))
                        return false;
        }
        return !cursor->error;
}

bool ubjson_skip(struct ubjson *cursor) {
        struct ubjson_text text;
        const uint8_t *bytes;
        uint8_t type;

        if (!take_marker(cursor, &type))
                return false;
        switch (type) {
        case 'Z':
        case 'T':
        case 'F':
                return true;
        case 'C':
                return take(cursor, 1, &bytes);
        case 'S':
        case 'H':
                return read_text_body(cursor, &text);
        case '[':
                return skip_container(cursor, ']');
        case '{':
                return skip_container(cursor, '}');
        default:
                if (!number_bytes(type))
                        return ubjson_fail(cursor, "it holds a byte that marks no type");
                return take(cursor, number_bytes(type), &bytes);
        }
}

bool ubjson_text_is(struct ubjson_text text, const char *want) {
        return text.n_bytes == strlen(want) && !memcmp(text.start, want, text.n_bytes);
}
