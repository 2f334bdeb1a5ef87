#pragma once

/*
 * S3 checksum
 *
 * x-amz-checksum-sha256 says in base64 (RFC 4648 section 4) what a digest says in hex.
 */

#include <stdbool.h>

#include "common/base/digest.h"

/* of 32 bytes, its end included */
#define S3_CHECKSUM_BYTES 45

/* digest is valid (asserted). */
void s3_checksum_format(const char *digest, char ret_checksum[S3_CHECKSUM_BYTES]);

/* False for what is not the SHA-256 of a whole object: that of an object in parts ends in "-" and their number. */
bool s3_checksum_parse(const char *checksum, char ret_digest[DIGEST_SHA256_BYTES]);
