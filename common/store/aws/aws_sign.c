/* Signature version 4: canonical request, string to sign, signature. */

#include "common/store/aws/aws_sign.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/store/aws/aws_canonical.h"
#include "common/store/aws/aws_sign_key.h"
#include "common/store/aws/aws_time.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

enum {
        /* what signing adds to a request: host and three headers, or six parameters */
        ADDED_MAX = 6,
        NUMBER_BYTES = 24,
};

/* One signature being made. */
struct signing {
        const struct aws_request *request;
        const struct aws_scope *scope;
        const struct aws_keys *keys;
        char date[AWS_TIME_BYTES];
        char *scope_text;
        const char *payload;
        struct aws_pair *headers; /* all that are signed */
        size_t n_headers;
        struct aws_pair *query;
        size_t n_query;
        struct buffer names; /* "host;x-amz-date" */
};

static void signing_finish(struct signing *signing) {
        free(signing->scope_text);
        free(signing->headers);
        free(signing->query);
        buffer_finish(&signing->names);
}

static void wipe_buffer(struct buffer *buffer) {
        if (buffer->data)
                explicit_bzero(buffer->data, buffer->capacity);
        buffer_finish(buffer);
}

void aws_signed_finish(struct aws_signed *result) {
        for (size_t i = 0; i < result->n_headers; i++)
                aws_secret_free(&result->headers[i]);
        wipe_buffer(&result->target);
        wipe_buffer(&result->canonical);
        wipe_buffer(&result->to_sign);
        *result = (struct aws_signed)AWS_SIGNED_NULL;
}

static int signing_init(struct signing *signing, const struct aws_request *request, const struct aws_scope *scope,
                        const struct aws_keys *keys) {
        signing->request = request;
        signing->scope = scope;
        signing->keys = keys;
        signing->payload = request->payload ? request->payload : AWS_PAYLOAD_EMPTY;
        aws_time_format(scope->time_ms, signing->date);
        signing->headers = calloc(request->n_headers + ADDED_MAX, sizeof(*signing->headers));
        signing->query = calloc(request->n_query + ADDED_MAX, sizeof(*signing->query));
        signing->scope_text = aws_sign_scope(scope, signing->date);
        if (!signing->headers || !signing->query || !signing->scope_text)
                return error_origin(-ENOMEM, "signing a request");
        for (size_t i = 0; i < request->n_headers; i++)
                signing->headers[signing->n_headers++] = request->headers[i];
        for (size_t i = 0; i < request->n_query; i++)
                signing->query[signing->n_query++] = request->query[i];
        signing->headers[signing->n_headers++] = (struct aws_pair){ "host", request->host };
        return 0;
}

static void sign_header(struct signing *signing, const char *name, const char *value) {
        signing->headers[signing->n_headers++] = (struct aws_pair){ name, value };
}

static void sign_parameter(struct signing *signing, const char *name, const char *value) {
        signing->query[signing->n_query++] = (struct aws_pair){ name, value };
}

static int add_header(struct aws_signed *result, const char *name, const char *value) {
        char *line;

        assert(result->n_headers < AWS_SIGNED_HEADERS_MAX);
        if (asprintf(&line, "%s: %s", name, value) < 0)
                return error_origin(-ENOMEM, "signing a request");
        result->headers[result->n_headers++] = line;
        return 0;
}

/* From what is signed to the signature, and to what is sent. */
static int sign(struct signing *signing, struct aws_signed *result) {
        const struct aws_request *request = signing->request;
        char hex[DIGEST_SHA256_BYTES];
        struct aws_sign_key key;
        int r;

        r = aws_canonical_request(request, signing->query, signing->n_query, signing->headers, signing->n_headers,
                                  signing->payload, &result->canonical);
        if (!r)
                r = digest_sha256(buffer_text(&result->canonical), result->canonical.n_bytes, hex);
        if (!r)
                r = buffer_printf(&result->to_sign, ALGORITHM "\n%s\n%s\n%s", signing->date, signing->scope_text, hex);
        if (!r)
                r = aws_sign_key_init(&key, signing->scope, signing->date, signing->keys);
        if (!r)
                r = aws_sign_key_use(&key, buffer_text(&result->to_sign), result->to_sign.n_bytes, result->signature);
        aws_sign_key_finish(&key);
        if (!r)
                r = aws_canonical_path(request->path, 0, &result->target);
        if (!r && signing->n_query)
                r = buffer_append_text(&result->target, "?");
        if (!r)
                r = aws_canonical_query(signing->query, signing->n_query, true, &result->target);
        return error_trace(r);
}

static int add_authorization(const struct signing *signing, struct aws_signed *result) {
        _cleanup_(buffer_finish) struct buffer value = BUFFER_NULL;
        int r;

        r = buffer_printf(&value, ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                          signing->keys->access_key, signing->scope_text, buffer_text(&signing->names),
                          result->signature);
        if (!r)
                r = add_header(result, "authorization", buffer_text(&value));
        return error_trace(r);
}

static int sign_into_headers(struct signing *signing, struct aws_signed *result) {
        unsigned flags = signing->request->flags;
        const char *token = signing->keys->session_token;
        int r;

        sign_header(signing, "x-amz-date", signing->date);
        r = add_header(result, "x-amz-date", signing->date);
        if (!r && (flags & AWS_SIGN_PAYLOAD_HEADER)) {
                sign_header(signing, "x-amz-content-sha256", signing->payload);
                r = add_header(result, "x-amz-content-sha256", signing->payload);
        }
        if (!r && token) {
                if (!(flags & AWS_SIGN_TOKEN_UNSIGNED))
                        sign_header(signing, "x-amz-security-token", token);
                r = add_header(result, "x-amz-security-token", token);
        }
        if (!r)
                r = aws_canonical_names(signing->headers, signing->n_headers, &signing->names);
        if (!r)
                r = sign(signing, result);
        if (!r)
                r = add_authorization(signing, result);
        return error_trace(r);
}

static int sign_into_query(struct signing *signing, int64_t n_seconds, struct aws_signed *result) {
        _cleanup_(buffer_finish) struct buffer credential = BUFFER_NULL;
        bool is_token_late = signing->request->flags & AWS_SIGN_TOKEN_UNSIGNED;
        const char *token = signing->keys->session_token;
        char seconds[NUMBER_BYTES];
        int r;

        snprintf(seconds, sizeof(seconds), "%lld", (long long)n_seconds);
        r = buffer_printf(&credential, "%s/%s", signing->keys->access_key, signing->scope_text);
        if (!r)
                r = aws_canonical_names(signing->headers, signing->n_headers, &signing->names);
        if (r)
                return error_trace(r);
        sign_parameter(signing, "X-Amz-Algorithm", ALGORITHM);
        sign_parameter(signing, "X-Amz-Credential", buffer_text(&credential));
        sign_parameter(signing, "X-Amz-Date", signing->date);
        sign_parameter(signing, "X-Amz-Expires", seconds);
        sign_parameter(signing, "X-Amz-SignedHeaders", buffer_text(&signing->names));
        if (token && !is_token_late)
                sign_parameter(signing, "X-Amz-Security-Token", token);
        r = sign(signing, result);
        if (!r && token && is_token_late) {
                r = buffer_append_text(&result->target, "&X-Amz-Security-Token=");
                if (!r)
                        r = aws_canonical_encode(token, &result->target);
        }
        if (!r)
                r = buffer_printf(&result->target, "&X-Amz-Signature=%s", result->signature);
        return error_trace(r);
}

int aws_sign_headers(const struct aws_request *request, const struct aws_scope *scope, const struct aws_keys *keys,
                     struct aws_signed *ret_signed) {
        _cleanup_(signing_finish) struct signing signing = { 0 };
        int r;

        r = signing_init(&signing, request, scope, keys);
        if (!r)
                r = sign_into_headers(&signing, ret_signed);
        if (r)
                aws_signed_finish(ret_signed);
        return error_trace(r);
}

int aws_sign_query(const struct aws_request *request, const struct aws_scope *scope, const struct aws_keys *keys,
                   int64_t n_seconds, struct aws_signed *ret_signed) {
        _cleanup_(signing_finish) struct signing signing = { 0 };
        int r;

        r = signing_init(&signing, request, scope, keys);
        if (!r)
                r = sign_into_query(&signing, n_seconds, ret_signed);
        if (r)
                aws_signed_finish(ret_signed);
        return error_trace(r);
}
