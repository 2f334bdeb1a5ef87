/* S3 checksum: hex to base64 and back. */

#include "common/store/s3/s3_checksum.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { N_BYTES = 32, N_SIGNS = S3_CHECKSUM_BYTES - 1 };

static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static unsigned nibble(char digit) {
        return (unsigned)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

void s3_checksum_format(const char *digest, char ret_checksum[S3_CHECKSUM_BYTES]) {
        uint8_t bytes[N_BYTES + 1] = { 0 };

        assert(digest_sha256_is_valid(digest));
        for (size_t i = 0; i < N_BYTES; i++)
                bytes[i] = (uint8_t)(nibble(digest[2 * i]) << 4 | nibble(digest[2 * i + 1]));
        for (size_t i = 0; i < N_SIGNS; i += 4) {
                const uint8_t *from = bytes + i / 4 * 3;
                uint32_t bits = (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2];

                for (unsigned k = 0; k < 4; k++)
                        ret_checksum[i + k] = signs[bits >> (18 - 6 * k) & 63];
        }
        ret_checksum[N_SIGNS - 1] = '=';
        ret_checksum[N_SIGNS] = 0;
}

bool s3_checksum_parse(const char *checksum, char ret_digest[DIGEST_SHA256_BYTES]) {
        uint8_t bytes[N_BYTES + 1];

        if (strlen(checksum) != N_SIGNS || checksum[N_SIGNS - 1] != '=')
                return false;
        for (size_t i = 0; i < N_SIGNS; i += 4) {
                uint32_t bits = 0;

                for (size_t k = 0; k < 4; k++) {
                        const char *sign = i + k == N_SIGNS - 1 ? signs : strchr(signs, checksum[i + k]);

                        if (!sign || !*sign)
                                return false;
                        bits = bits << 6 | (uint32_t)(sign - signs);
                }
                for (size_t k = 0; k < 3; k++)
                        bytes[i / 4 * 3 + k] = (uint8_t)(bits >> (16 - 8 * k));
        }
        for (size_t i = 0; i < N_BYTES; i++)
                snprintf(ret_digest + 2 * i, 3, "%02x", bytes[i]);
        return !bytes[N_BYTES];
}
