#pragma once

/*
 * UBJSON cursor
 *
 * Walks Universal Binary JSON (draft 12) in place, in the order of its bytes, the way a model file is read: open an
 * object, take key after key, read what is known, skip what is not. It trusts no length: a count is compared with the
 * bytes left before anything is done about it, and nothing nests deeper than UBJSON_DEPTH_MAX.
 *
 * The first error sticks: `error` then says why, every later call returns false and changes nothing, so a caller may
 * check once at the end of a loop.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
        UBJSON_DEPTH_MAX = 32,
};

enum ubjson_cause {
        UBJSON_CAUSE_DAMAGED,     /* it is not valid */
        UBJSON_CAUSE_UNSUPPORTED, /* it is valid, but its reader does not support it */
        UBJSON_CAUSE_MEMORY,
};

struct ubjson {
        const uint8_t *start;
        const uint8_t *at;
        const uint8_t *end;
        const char *error; /* static text; NULL while all is well */
        enum ubjson_cause cause;
        size_t depth;
};

/* The bytes are borrowed while the cursor is in use. */
#define UBJSON_INIT(bytes, n_bytes) \
        { .start = (bytes), .at = (bytes), .end = (const uint8_t *)(bytes) + (n_bytes) }

/* An open object or array. */
struct ubjson_scope {
        bool is_counted; /* else it runs to its end mark */
        uint64_t n_left;
};

/* A run of text within the input; not ended by NUL. */
struct ubjson_text {
        const char *start;
        size_t n_bytes;
};

/* Set the error unless there is one, and return false; also for the cursor's user, of what only that one can judge. */
bool ubjson_fail(struct ubjson *cursor, const char *error);
bool ubjson_fail_unsupported(struct ubjson *cursor, const char *error);
bool ubjson_fail_memory(struct ubjson *cursor);

/* `while (ubjson_next_key(…))` takes each key; the value after it must be read or skipped. False at the object's end,
 * which leaves the object, and on error. */
bool ubjson_open_object(struct ubjson *cursor, struct ubjson_scope *ret_scope);
bool ubjson_next_key(struct ubjson *cursor, struct ubjson_scope *scope, struct ubjson_text *ret_key);

/* The same for arrays of values that each bear their type. */
bool ubjson_open_array(struct ubjson *cursor, struct ubjson_scope *ret_scope);
bool ubjson_next_element(struct ubjson *cursor, struct ubjson_scope *scope);

bool ubjson_read_text(struct ubjson *cursor, struct ubjson_text *ret_text);
bool ubjson_read_number(struct ubjson *cursor, double *ret_number);

/* A number, or a text that is one in C's notation. */
bool ubjson_read_number_or_text(struct ubjson *cursor, double *ret_number);

/* Whole arrays of numbers, with or without a common type; what the array held is freed first, what it holds then is the
 * caller's to free. Integers must be integral and fit 32 bits, floats are rounded to float32. */
struct ubjson_integers {
        int32_t *values;
        size_t n;
};

struct ubjson_floats {
        float *values;
        size_t n;
};

bool ubjson_read_integers(struct ubjson *cursor, struct ubjson_integers *integers);
bool ubjson_read_floats(struct ubjson *cursor, struct ubjson_floats *floats);

/* The type mark of the next value, 0 at the end or on error: 'S' a text, '[' an array, '{' an object … */
uint8_t ubjson_peek(struct ubjson *cursor);

/* Steps over one value of any type. */
bool ubjson_skip(struct ubjson *cursor);

bool ubjson_text_is(struct ubjson_text text, const char *want);
