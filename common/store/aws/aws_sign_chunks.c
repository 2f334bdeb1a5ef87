/* Signature version 4 in chunks: each part of a body signed with what was signed before. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/store/aws/aws_sign.h"
#include "common/store/aws/aws_sign_key.h"
#include "common/store/aws/aws_time.h"

#define CHUNK_SIGNATURE ";chunk-signature="

enum {
        /* hexadecimal length excluded: signature and two ends of a line */
        CHUNK_OVERHEAD = sizeof(CHUNK_SIGNATURE) - 1 + (DIGEST_SHA256_BYTES - 1) + 2 + 2,
};

int aws_chunks_init(struct aws_chunks *ret_chunks, const char *seed, const struct aws_scope *scope,
                    const struct aws_keys *keys) {
        struct aws_sign_key key;
        char *text;
        int r;

        aws_time_format(scope->time_ms, ret_chunks->date);
        text = aws_sign_scope(scope, ret_chunks->date);
        if (!text)
                return error_origin(-ENOMEM, "signing chunks");
        r = aws_sign_key_init(&key, scope, ret_chunks->date, keys);
        if (r) {
                free(text);
                return error_trace(r);
        }
        memcpy(ret_chunks->key, key.mac, sizeof(key.mac));
        aws_sign_key_finish(&key);
        snprintf(ret_chunks->previous, sizeof(ret_chunks->previous), "%s", seed);
        ret_chunks->scope = text;
        return 0;
}

void aws_chunks_finish(struct aws_chunks *chunks) {
        free(chunks->scope);
        explicit_bzero(chunks, sizeof(*chunks));
}

/* Signs a text that ends in the digest of what is sent, and makes that the previous signature. */
static int sign_next(struct aws_chunks *chunks, const char *algorithm, const char *middle, const char *digest) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct aws_sign_key key;
        int r;

        memcpy(key.mac, chunks->key, sizeof(key.mac));
        r = buffer_printf(&text, "%s\n%s\n%s\n%s\n%s%s", algorithm, chunks->date, chunks->scope, chunks->previous,
                          middle, digest);
        if (!r)
                r = aws_sign_key_use(&key, buffer_text(&text), text.n_bytes, chunks->previous);
        aws_sign_key_finish(&key);
        return error_trace(r);
}

int aws_chunks_head(struct aws_chunks *chunks, const void *bytes, size_t n_bytes, char ret_head[AWS_CHUNK_HEAD_BYTES]) {
        char digest[DIGEST_SHA256_BYTES];
        int r;

        r = digest_sha256(bytes, n_bytes, digest);
        if (!r)
                r = sign_next(chunks, "AWS4-HMAC-SHA256-PAYLOAD", AWS_PAYLOAD_EMPTY "\n", digest);
        if (r)
                return error_trace(r);
        snprintf(ret_head, AWS_CHUNK_HEAD_BYTES, "%zx" CHUNK_SIGNATURE "%s\r\n", n_bytes, chunks->previous);
        return 0;
}

int aws_chunks_trailer(struct aws_chunks *chunks, const char *name, const char *value, struct buffer *text) {
        _cleanup_(buffer_finish) struct buffer line = BUFFER_NULL;
        char digest[DIGEST_SHA256_BYTES];
        int r;

        r = buffer_printf(&line, "%s:%s\n", name, value);
        if (!r)
                r = digest_sha256(buffer_text(&line), line.n_bytes, digest);
        if (!r)
                r = sign_next(chunks, "AWS4-HMAC-SHA256-TRAILER", "", digest);
        if (!r)
                r = buffer_printf(text, "%s:%s\r\nx-amz-trailer-signature:%s\r\n\r\n", name, value, chunks->previous);
        return error_trace(r);
}

static uint64_t chunk_length(uint64_t n_bytes) {
        return (uint64_t)snprintf(NULL, 0, "%llx", (unsigned long long)n_bytes) + CHUNK_OVERHEAD + n_bytes;
}

uint64_t aws_chunks_length(uint64_t n_bytes, uint64_t n_chunk) {
        uint64_t n = n_bytes / n_chunk * chunk_length(n_chunk);

        if (n_bytes % n_chunk)
                n += chunk_length(n_bytes % n_chunk);
        return n + chunk_length(0);
}
