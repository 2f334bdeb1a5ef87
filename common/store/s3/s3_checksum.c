/* S3 checksum: hex to base64 and back. */

#include "common/store/s3/s3_checksum.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>

#include "common/store/s3/s3_base64.h"

enum { N_BYTES = 32 };

static_assert(S3_CHECKSUM_BYTES == S3_BASE64_BYTES(N_BYTES), "a SHA-256 and no more");

static unsigned nibble(char digit) {
        return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

void s3_checksum_format(const char *digest, char ret_checksum[S3_CHECKSUM_BYTES]) {
        uint8_t bytes[N_BYTES];

        assert(digest_sha256_is_valid(digest));
        for (size_t i = 0; i < N_BYTES; i++)
                bytes[i] = (uint8_t)(nibble(digest[2 * i]) << 4 | nibble(digest[2 * i + 1]));
        s3_base64_format(bytes, N_BYTES, ret_checksum);
}

bool s3_checksum_parse(const char *checksum, char ret_digest[DIGEST_SHA256_BYTES]) {
        uint8_t bytes[N_BYTES];

        if (!s3_base64_parse(checksum, N_BYTES, bytes))
                return false;
        for (size_t i = 0; i < N_BYTES; i++)
                snprintf(ret_digest + 2 * i, 3, "%02x", bytes[i]);
        return true;
}
