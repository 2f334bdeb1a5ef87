/*
 * Cursor: every value starts with a token, whose head says the type and what follows. The walk and the getters read
 * tokens with one function, so they cannot disagree about a frame.
 */

#include "common/bus/cursor.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/base/utf8.h"

enum token_type {
        TOKEN_NIL,
        TOKEN_BOOL,
        TOKEN_UNSIGNED,
        TOKEN_SIGNED, /* below zero or not */
        TOKEN_FLOAT,
        TOKEN_DOUBLE,
        TOKEN_TEXT,
        TOKEN_BIN,
        TOKEN_ARRAY,
        TOKEN_MAP,
        TOKEN_EXTENSION,
        TOKEN_RESERVED,
};

static const char *const token_names[] = {
        [TOKEN_NIL] = "nil",
        [TOKEN_BOOL] = "a boolean",
        [TOKEN_UNSIGNED] = "an integer",
        [TOKEN_SIGNED] = "an integer",
        [TOKEN_FLOAT] = "a float",
        [TOKEN_DOUBLE] = "a float",
        [TOKEN_TEXT] = "text",
        [TOKEN_BIN] = "bytes",
        [TOKEN_ARRAY] = "an array",
        [TOKEN_MAP] = "a map",
        [TOKEN_EXTENSION] = "an extension",
        [TOKEN_RESERVED] = "the reserved byte c1",
};

/* value: the number's bits (sign-extended), the truth, the bytes of text and bin, or the elements that follow */
struct token {
        enum token_type type;
        uint64_t value;
        size_t n_head;
};

/* The heads c0 … df: the type and how many bytes of number follow, most significant first. */
static const struct {
        uint8_t type, n_bytes;
} heads[] = {
        { TOKEN_NIL, 0 },       { TOKEN_RESERVED, 0 },  { TOKEN_BOOL, 0 },      { TOKEN_BOOL, 0 },
        { TOKEN_BIN, 1 },       { TOKEN_BIN, 2 },       { TOKEN_BIN, 4 },       { TOKEN_EXTENSION, 1 },
        { TOKEN_EXTENSION, 2 }, { TOKEN_EXTENSION, 4 }, { TOKEN_FLOAT, 4 },     { TOKEN_DOUBLE, 8 },
        { TOKEN_UNSIGNED, 1 },  { TOKEN_UNSIGNED, 2 },  { TOKEN_UNSIGNED, 4 },  { TOKEN_UNSIGNED, 8 },
        { TOKEN_SIGNED, 1 },    { TOKEN_SIGNED, 2 },    { TOKEN_SIGNED, 4 },    { TOKEN_SIGNED, 8 },
        { TOKEN_EXTENSION, 0 }, { TOKEN_EXTENSION, 0 }, { TOKEN_EXTENSION, 0 }, { TOKEN_EXTENSION, 0 },
        { TOKEN_EXTENSION, 0 }, { TOKEN_TEXT, 1 },      { TOKEN_TEXT, 2 },      { TOKEN_TEXT, 4 },
        { TOKEN_ARRAY, 2 },     { TOKEN_ARRAY, 4 },     { TOKEN_MAP, 2 },       { TOKEN_MAP, 4 },
};

/* Reads the token at `at`; false when its head is not all there. What it announces is not checked. */
static bool read_token(const uint8_t *at, size_t n_left, struct token *ret_token) {
        struct token token = { .n_head = 1 };
        uint8_t head;
        size_t n;

        if (!n_left)
                return false;
        head = at[0];
        if (head < 0x80) {
                token.type = TOKEN_UNSIGNED;
                token.value = head;
        } else if (head < 0x90) {
                token.type = TOKEN_MAP;
                token.value = head & 0x0f;
        } else if (head < 0xa0) {
                token.type = TOKEN_ARRAY;
                token.value = head & 0x0f;
        } else if (head < 0xc0) {
                token.type = TOKEN_TEXT;
                token.value = head & 0x1f;
        } else if (head >= 0xe0) {
                token.type = TOKEN_SIGNED;
                token.value = (uint64_t)(int64_t)(int8_t)head;
        } else {
                token.type = heads[head - 0xc0].type;
                n = heads[head - 0xc0].n_bytes;
                if (n > n_left - 1)
                        return false;
                for (size_t i = 1; i <= n; i++)
                        token.value = token.value << 8 | at[i];
                if (token.type == TOKEN_SIGNED && n > 0 && n < 8)
                        token.value = (uint64_t)((int64_t)(token.value << (64 - 8 * n)) >> (64 - 8 * n));
                if (token.type == TOKEN_BOOL)
                        token.value = head & 1;
                token.n_head += n;
        }
        *ret_token = token;
        return true;
}

/* How many values a token owes beyond itself; 0 for all but arrays and maps. */
static uint64_t n_owed(const struct token *token) {
        return token->type == TOKEN_ARRAY ? token->value : token->type == TOKEN_MAP ? 2 * token->value : 0;
}

static uint64_t n_body(const struct token *token) {
        return token->type == TOKEN_TEXT || token->type == TOKEN_BIN ? token->value : 0;
}

/* One value and all within it. `owed` counts per level what is yet to come, `n_pending` over all levels. */
static int walk(const uint8_t *bytes, size_t n_bytes, struct fault *fault) {
        uint64_t owed[CURSOR_DEPTH_MAX + 1] = { 1 }, n_pending = 1;
        const uint8_t *at = bytes, *end = bytes + n_bytes;
        size_t depth = 0;
        struct token token;

        while (n_pending) {
                if (!read_token(at, (size_t)(end - at), &token))
                        return fault_set(fault, "FRAME_TRUNCATED", "the frame ends at byte %zu within a value",
                                         n_bytes);
                if (token.type == TOKEN_RESERVED || token.type == TOKEN_EXTENSION)
                        return fault_set(fault, "FRAME_TYPE", "byte %zu of the frame is %02x, %s, which is not used",
                                         (size_t)(at - bytes), at[0], token_names[token.type]);
                at += token.n_head;
                owed[depth]--;
                n_pending += n_owed(&token);
                n_pending--;
                if (n_body(&token) > (size_t)(end - at) || n_pending > (size_t)(end - at) - n_body(&token))
                        return fault_set(fault, "FRAME_TRUNCATED",
                                         "the frame of %zu bytes announces more than it holds at byte %zu", n_bytes,
                                         (size_t)(at - bytes));
                at += n_body(&token);
                if (token.type == TOKEN_ARRAY || token.type == TOKEN_MAP) {
                        if (depth == CURSOR_DEPTH_MAX)
                                return fault_set(fault, "FRAME_DEPTH", "the frame nests deeper than %d levels",
                                                 CURSOR_DEPTH_MAX);
                        owed[++depth] = n_owed(&token);
                }
                while (depth && !owed[depth])
                        depth--;
        }
        if (at != end)
                return fault_set(fault, "FRAME_TRAILING_BYTES", "%zu bytes follow the frame's only value",
                                 (size_t)(end - at));
        return 0;
}

int cursor_open(struct cursor *cursor, const void *bytes, size_t n_bytes, struct fault *fault) {
        *cursor = (struct cursor){ .at = bytes, .fault = fault };
        if (n_bytes > CURSOR_BYTES_MAX)
                cursor->error = fault_set(fault, "FRAME_SIZE", "the frame has %zu bytes, %d are allowed", n_bytes,
                                          CURSOR_BYTES_MAX);
        else if (!n_bytes)
                cursor->error = fault_set(fault, "FRAME_TRUNCATED", "the frame is empty");
        else
                cursor->error = walk(bytes, n_bytes, fault);
        cursor->end = cursor->error ? cursor->at : cursor->at + n_bytes;
        return cursor->error;
}

int cursor_fail(struct cursor *cursor, const char *field, const char *code, const char *reason) {
        if (!cursor->error) {
                fault_in(cursor->fault, field, -1);
                cursor->error = fault_set(cursor->fault, code, "%s", reason);
        }
        return cursor->error;
}

int cursor_end(struct cursor *cursor) {
        if (!cursor->error && cursor->at != cursor->end)
                cursor->error = fault_set(cursor->fault, "FRAME_TRAILING_BYTES", "%zu bytes were not asked for",
                                          (size_t)(cursor->end - cursor->at));
        return cursor->error;
}

/* Reads the next token, which must be of type a or b, without taking it. */
static int expect(struct cursor *cursor, const char *field, enum token_type a, enum token_type b,
                  struct token *ret_token) {
        struct token token;

        if (cursor->error)
                return cursor->error;
        if (!read_token(cursor->at, (size_t)(cursor->end - cursor->at), &token))
                return cursor_fail(cursor, field, "FIELD_MISSING", "the frame ends before this field");
        if (token.type != a && token.type != b) {
                fault_in(cursor->fault, field, -1);
                cursor->error = fault_set(cursor->fault, "FIELD_TYPE", "expected %s, found %s", token_names[a],
                                          token_names[token.type]);
                return cursor->error;
        }
        *ret_token = token;
        return 0;
}

static void take(struct cursor *cursor, const struct token *token) {
        cursor->at += token->n_head + n_body(token);
}

static int fail_size(struct cursor *cursor, const char *field, uint64_t n, size_t n_max, const char *unit) {
        fault_in(cursor->fault, field, -1);
        cursor->error = fault_set(cursor->fault, "FIELD_SIZE", "holds %" PRIu64 " %s, at most %zu are allowed", n, unit,
                                  n_max);
        return cursor->error;
}

static int take_count(struct cursor *cursor, const char *field, enum token_type type, size_t n_max, size_t *ret_n) {
        struct token token;

        if (expect(cursor, field, type, type, &token))
                return cursor->error;
        if (token.value > n_max)
                return fail_size(cursor, field, token.value, n_max, "elements");
        take(cursor, &token);
        *ret_n = (size_t)token.value;
        return 0;
}

static int take_count_of(struct cursor *cursor, const char *field, enum token_type type, size_t n) {
        size_t n_found = 0;

        if (!take_count(cursor, field, type, n, &n_found) && n_found < n) {
                fault_in(cursor->fault, field, -1);
                cursor->error = fault_set(cursor->fault, "FIELD_SIZE", "holds %zu elements, %zu are expected", n_found,
                                          n);
        }
        return cursor->error;
}

int cursor_array(struct cursor *cursor, const char *field, size_t n_max, size_t *ret_n_elements) {
        return take_count(cursor, field, TOKEN_ARRAY, n_max, ret_n_elements);
}

int cursor_map_of(struct cursor *cursor, const char *field, size_t n_pairs) {
        return take_count_of(cursor, field, TOKEN_MAP, n_pairs);
}

/* Bytes of text or bin, borrowed from the frame. */
static int take_bytes(struct cursor *cursor, const char *field, enum token_type type, size_t n_max,
                      const uint8_t **ret_bytes, size_t *ret_n_bytes) {
        const uint8_t *bytes;
        struct token token;

        if (expect(cursor, field, type, type, &token))
                return cursor->error;
        if (token.value > n_max)
                return fail_size(cursor, field, token.value, n_max, "bytes");
        bytes = cursor->at + token.n_head;
        if (type == TOKEN_TEXT && memchr(bytes, 0, token.value))
                return cursor_fail(cursor, field, "FIELD_TEXT", "holds a NUL");
        if (type == TOKEN_TEXT && !utf8_is_valid(bytes, token.value))
                return cursor_fail(cursor, field, "FIELD_TEXT", "is not valid UTF-8");
        take(cursor, &token);
        *ret_bytes = bytes;
        *ret_n_bytes = (size_t)token.value;
        return 0;
}

int cursor_key(struct cursor *cursor, const char *key) {
        struct cursor before = *cursor;
        const uint8_t *bytes;
        size_t n_bytes;

        if (take_bytes(cursor, key, TOKEN_TEXT, CURSOR_BYTES_MAX, &bytes, &n_bytes))
                return cursor->error;
        if (n_bytes != strlen(key) || memcmp(bytes, key, n_bytes) != 0) {
                cursor->at = before.at;
                return cursor_fail(cursor, key, "FIELD_MISSING", "another key stands where this field should be");
        }
        return 0;
}

int cursor_text(struct cursor *cursor, const char *field, size_t n_room, char *ret_text) {
        const uint8_t *bytes;
        size_t n_bytes;

        if (take_bytes(cursor, field, TOKEN_TEXT, n_room - 1, &bytes, &n_bytes))
                return cursor->error;
        memcpy(ret_text, bytes, n_bytes);
        ret_text[n_bytes] = 0;
        return 0;
}

int cursor_text_view(struct cursor *cursor, const char *field, size_t n_max, const char **ret_text,
                     size_t *ret_n_bytes) {
        const uint8_t *bytes;

        if (take_bytes(cursor, field, TOKEN_TEXT, n_max, &bytes, ret_n_bytes))
                return cursor->error;
        *ret_text = (const char *)bytes;
        return 0;
}

int cursor_int64(struct cursor *cursor, const char *field, int64_t least, int64_t most, int64_t *ret_value) {
        struct token token;
        int64_t value;

        if (expect(cursor, field, TOKEN_UNSIGNED, TOKEN_SIGNED, &token))
                return cursor->error;
        value = (int64_t)token.value;
        if ((token.type == TOKEN_UNSIGNED && token.value > INT64_MAX) || value < least || value > most) {
                fault_in(cursor->fault, field, -1);
                cursor->error = fault_set(cursor->fault, "FIELD_RANGE", "is an integer outside %" PRId64 " to %" PRId64,
                                          least, most);
                return cursor->error;
        }
        take(cursor, &token);
        *ret_value = value;
        return 0;
}

int cursor_double_any(struct cursor *cursor, const char *field, double *ret_value) {
        struct token token;
        uint32_t single_bits;
        float single;
        double value;

        if (expect(cursor, field, TOKEN_DOUBLE, TOKEN_FLOAT, &token))
                return cursor->error;
        if (token.type == TOKEN_FLOAT) {
                single_bits = (uint32_t)token.value;
                memcpy(&single, &single_bits, sizeof(single));
                value = (double)single;
        } else {
                memcpy(&value, &token.value, sizeof(value));
        }
        take(cursor, &token);
        *ret_value = value;
        return 0;
}

int cursor_double(struct cursor *cursor, const char *field, double *ret_value) {
        struct cursor before = *cursor;
        double value;

        if (cursor_double_any(cursor, field, &value))
                return cursor->error;
        if (!isfinite(value)) {
                cursor->at = before.at;
                return cursor_fail(cursor, field, "FIELD_RANGE", "is not a finite number");
        }
        *ret_value = value;
        return 0;
}

int cursor_bool(struct cursor *cursor, const char *field, bool *ret_value) {
        struct token token;

        if (expect(cursor, field, TOKEN_BOOL, TOKEN_BOOL, &token))
                return cursor->error;
        take(cursor, &token);
        *ret_value = token.value;
        return 0;
}

bool cursor_take_nil(struct cursor *cursor) {
        struct token token;

        if (cursor->error || !read_token(cursor->at, (size_t)(cursor->end - cursor->at), &token) ||
            token.type != TOKEN_NIL)
                return false;
        take(cursor, &token);
        return true;
}
