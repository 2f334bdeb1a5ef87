/* The places of a message: msgpack walked by hand, so that a test can change one token and leave the rest. */

#include "tests/wire/tokens.h"

#include <stdlib.h>

static size_t read_number(const uint8_t *at, size_t n_bytes) {
        size_t number = 0;

        for (size_t i = 0; i < n_bytes; i++)
                number = number << 8 | at[i];
        return number;
}

static void add(struct tokens *tokens, enum token_kind kind, bool is_key, size_t begin, size_t end) {
        if (tokens->n_places == TOKENS_MAX)
                abort();
        tokens->places[tokens->n_places++] = (struct token_place){ kind, is_key, begin, end };
}

static size_t find(const struct buffer *frame, size_t begin, bool is_key, struct tokens *tokens);

static size_t find_within(const struct buffer *frame, size_t begin, size_t at, enum token_kind kind, size_t n,
                          struct tokens *tokens) {
        size_t self = tokens->n_places;

        add(tokens, kind, false, begin, at);
        for (size_t i = 0; i < n; i++)
                at = find(frame, at, kind == TOKEN_KIND_MAP && i % 2 == 0, tokens);
        tokens->places[self].end = at;
        return at;
}

static size_t find_scalar(enum token_kind kind, size_t begin, size_t n_bytes, bool is_key, struct tokens *tokens) {
        add(tokens, kind, is_key, begin, begin + n_bytes);
        return begin + n_bytes;
}

static size_t find(const struct buffer *frame, size_t begin, bool is_key, struct tokens *tokens) {
        const uint8_t *at = frame->data + begin;
        uint8_t head = at[0];
        size_t width;

        if (head < 0x80 || head >= 0xe0)
                return find_scalar(TOKEN_KIND_INT, begin, 1, is_key, tokens);
        if (head < 0x90)
                return find_within(frame, begin, begin + 1, TOKEN_KIND_MAP, 2 * (size_t)(head & 15), tokens);
        if (head < 0xa0)
                return find_within(frame, begin, begin + 1, TOKEN_KIND_ARRAY, head & 15, tokens);
        if (head < 0xc0)
                return find_scalar(TOKEN_KIND_TEXT, begin, 1 + (size_t)(head & 31), is_key, tokens);
        if (head == 0xc0)
                return find_scalar(TOKEN_KIND_NIL, begin, 1, is_key, tokens);
        if (head == 0xc2 || head == 0xc3)
                return find_scalar(TOKEN_KIND_BOOL, begin, 1, is_key, tokens);
        if (head == 0xca || head == 0xcb)
                return find_scalar(TOKEN_KIND_FLOAT, begin, head == 0xca ? 5 : 9, is_key, tokens);
        if (head >= 0xcc && head <= 0xd3)
                return find_scalar(TOKEN_KIND_INT, begin, 1 + ((size_t)1 << (head & 3)), is_key, tokens);
        if (head >= 0xd9 && head <= 0xdb) {
                width = (size_t)1 << (head - 0xd9);
                return find_scalar(TOKEN_KIND_TEXT, begin, 1 + width + read_number(at + 1, width), is_key, tokens);
        }
        if (head == 0xdc || head == 0xde)
                return find_within(frame, begin, begin + 3, head == 0xde ? TOKEN_KIND_MAP : TOKEN_KIND_ARRAY,
                                   read_number(at + 1, 2) * (head == 0xde ? 2 : 1), tokens);
        abort();
}

void tokens_find(const struct buffer *frame, struct tokens *ret_tokens) {
        ret_tokens->n_places = 0;
        if (find(frame, 0, false, ret_tokens) != frame->n_bytes)
                abort();
}

void tokens_replace(const struct buffer *frame, const struct token_place *place, const void *bytes, size_t n_bytes,
                    struct buffer *ret_frame) {
        buffer_clear(ret_frame);
        if (buffer_append(ret_frame, frame->data, place->begin) || buffer_append(ret_frame, bytes, n_bytes) ||
            buffer_append(ret_frame, frame->data + place->end, frame->n_bytes - place->end))
                abort();
}
