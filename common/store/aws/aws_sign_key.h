#pragma once

/*
 * Signing key
 *
 * What a day, a region and a service make of a secret key: HMAC by HMAC, so that it signs for nothing else ("Derive a
 * signing key" of the signing process).
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/store/aws/aws_keys.h"

struct aws_scope;

struct aws_sign_key {
        uint8_t mac[DIGEST_MAC_BYTES];
};

/* "20130524/us-east-1/s3/aws4_request", to be freed; NULL: no memory. date as aws_time_format() writes it. */
char *aws_sign_scope(const struct aws_scope *scope, const char *date);

/* date as aws_time_format() writes it. 0 or a negative errno; ret_key is wiped then. */
int aws_sign_key_init(struct aws_sign_key *ret_key, const struct aws_scope *scope, const char *date,
                      const struct aws_keys *keys);
void aws_sign_key_finish(struct aws_sign_key *key);

/* The signature of a text. */
int aws_sign_key_use(const struct aws_sign_key *key, const char *text, size_t n_bytes,
                     char ret_hex[DIGEST_SHA256_BYTES]);
