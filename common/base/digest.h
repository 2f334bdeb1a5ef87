#pragma once

/*
 * Digests
 *
 * SHA-256 names files and blobs, XXH64 splits rows, XXH3-128 sums rows to a content digest. Hex is lower-case.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 64 hex digits and their end */
#define DIGEST_SHA256_BYTES 65
/* a message authentication code, in bytes */
#define DIGEST_MAC_BYTES 32
/* 32 hex digits and their end */
#define DIGEST_CONTENT_BYTES 33

/* SHA-256 of a stream (FIPS 180-4). */
struct digest;

int digest_create(struct digest **ret_digest);
struct digest *digest_destroy(struct digest *digest);
void digest_destroy_pointer(struct digest **digest);
int digest_update(struct digest *digest, const void *bytes, size_t n_bytes);

/* Ends the stream; the digest can only be destroyed then. */
int digest_end(struct digest *digest, char ret_hex[DIGEST_SHA256_BYTES]);

int digest_sha256(const void *bytes, size_t n_bytes, char ret_hex[DIGEST_SHA256_BYTES]);

/* HMAC-SHA-256 (RFC 2104). ret_mac may be the key's memory. */
int digest_hmac_sha256(const void *key, size_t n_key, const void *bytes, size_t n_bytes,
                       uint8_t ret_mac[DIGEST_MAC_BYTES]);

/* Of a file's bytes; -ENOENT silently. */
int digest_sha256_file(const char *path, char ret_hex[DIGEST_SHA256_BYTES]);

/* True for exactly 64 lower-case hex digits. */
bool digest_sha256_is_valid(const char *hex);

/* The content of a table, which does not depend on the order of its rows: the sum modulo 2^128 of each row's
 * XXH3-128. */
struct digest_content {
        uint64_t low, high;
};

#define DIGEST_CONTENT_NULL \
        { 0 }

void digest_content_add_row(struct digest_content *content, const void *bytes, size_t n_bytes);
void digest_content_add(struct digest_content *content, const struct digest_content *other);
void digest_content_format(const struct digest_content *content, char ret_hex[DIGEST_CONTENT_BYTES]);

uint64_t digest_xxh64(const void *bytes, size_t n_bytes, uint64_t seed);

/* Compares n_bytes in a time that does not depend on their content. */
bool digest_is_equal_secret(const void *a, const void *b, size_t n_bytes);
