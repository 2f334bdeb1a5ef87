#pragma once

/*
 * Canonical request
 *
 * A request written in the one form that both sides can make of it ("Create a canonical request" of the signing
 * process). Internal to aws_sign. All append to a buffer and return 0 or -ENOMEM.
 */

#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/store/aws/aws_sign.h"

int aws_canonical_request(const struct aws_request *request, const struct aws_pair *query, size_t n_query,
                          const struct aws_pair *headers, size_t n_headers, const char *payload, struct buffer *text);

/* A path with everything but '/' and what is unreserved as %XX. flags: AWS_SIGN_NORMALIZE_PATH, AWS_SIGN_ENCODE_TWICE.
 */
int aws_canonical_path(const char *path, unsigned flags, struct buffer *text);

/* "a=1&b=2": encoded, then sorted. With is_bare a parameter without value has no '=' either, as it is sent. */
int aws_canonical_query(const struct aws_pair *query, size_t n_query, bool is_bare, struct buffer *text);

/* "host;x-amz-date": lower case, sorted, each once. */
int aws_canonical_names(const struct aws_pair *headers, size_t n_headers, struct buffer *text);

/* Everything but what is unreserved as %XX. */
int aws_canonical_encode(const char *value, struct buffer *text);
