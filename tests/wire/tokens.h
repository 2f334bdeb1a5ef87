#pragma once

/*
 * Tokens of a frame
 *
 * Where each value of a well-formed MessagePack frame begins and ends, so that tests can replace one by another. Reads
 * by itself, not by the code under test.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"

enum token_kind {
        TOKEN_KIND_NIL,
        TOKEN_KIND_BOOL,
        TOKEN_KIND_INT,
        TOKEN_KIND_FLOAT,
        TOKEN_KIND_TEXT,
        TOKEN_KIND_ARRAY,
        TOKEN_KIND_MAP,
};

struct token_place {
        enum token_kind kind;
        bool is_key;
        size_t begin, end; /* with all that is within */
};

#define TOKENS_MAX 4096

struct tokens {
        struct token_place places[TOKENS_MAX];
        size_t n_places;
};

/* Aborts on what no packer of ours writes. */
void tokens_find(const struct buffer *frame, struct tokens *ret_tokens);

/* Fills ret_frame with frame, where the bytes stand for the token. */
void tokens_replace(const struct buffer *frame, const struct token_place *place, const void *bytes, size_t n_bytes,
                    struct buffer *ret_frame);
