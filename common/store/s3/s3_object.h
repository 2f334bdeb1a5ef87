#pragma once

/*
 * S3 object
 *
 * Writes, reads, compares and removes one object. Keys are whole. Conditions are those of store.h; failures those of
 * s3_call().
 *
 * An answer that is lost leaves open whether a conditional write was carried out, and the next try then meets its own
 * work: so what is there is compared with what was to be written before anybody is told of a conflict.
 */

#include <stdint.h>

#include "common/store/s3/s3_client.h"
#include "common/store/store.h"

/* what is longer is sent in parts */
#define S3_WHOLE_BYTES_MAX ((uint64_t)64 << 20)

/* Bytes in memory or in a file, and their SHA-256. */
struct s3_body {
        const void *bytes;
        const struct http_range *from; /* instead of bytes */
        uint64_t n_bytes;
        const char *digest;
};

/* 0; STORE_E_CONFLICT; STORE_E_MISSING (STORE_IF_MATCH). etag is for STORE_IF_MATCH. */
int s3_object_put(struct s3_client *client, const char *key, enum store_condition condition, const char *etag,
                  const struct s3_body *body);

/* What is known of an object without reading it. */
struct s3_head {
        uint64_t n_bytes;
        int64_t modified_ms;              /* Unix time of its writing, by S3's clock; 0: not told */
        int64_t age_ms;                   /* since then, by the same clock */
        char digest[DIGEST_SHA256_BYTES]; /* of its content, as S3 keeps it; "" when it does not */
};

/* 0 or STORE_E_MISSING. */
int s3_object_head(struct s3_client *client, const char *key, struct s3_head *ret_head);

/* 0, STORE_E_MISSING, STORE_E_CORRUPT (S3's own checksum does not fit), -EFBIG. ret_etag may be NULL. */
int s3_object_get(struct s3_client *client, const char *key, struct buffer *ret_content,
                  char ret_etag[STORE_ETAG_BYTES]);

/* Reads an object of this digest into an empty file, from where it was cut off on if need be. 0, STORE_E_MISSING,
 * STORE_E_CORRUPT after a second try from the start. */
int s3_object_fetch(struct s3_client *client, const char *key, const char *digest, int fd);

/* Whether the object's content has this digest, by reading it. 0, STORE_E_MISSING, STORE_E_CORRUPT (it has not). */
int s3_object_verify(struct s3_client *client, const char *key, const char *digest);

/* 0, also when there is none. */
int s3_object_remove(struct s3_client *client, const char *key);
