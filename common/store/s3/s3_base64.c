/* Base64: three bytes, four signs. */

#include "common/store/s3/s3_base64.h"

#include <stdint.h>
#include <string.h>

static const char signs[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void s3_base64_format(const void *bytes, size_t n_bytes, char *ret_text) {
        const uint8_t *from = bytes;

        for (size_t i = 0; i < n_bytes; i += 3) {
                size_t n = n_bytes - i < 3 ? n_bytes - i : 3;
                uint32_t bits = 0;

                for (size_t k = 0; k < 3; k++)
                        bits = bits << 8 | (k < n ? from[i + k] : 0);
                for (size_t k = 0; k < 4; k++)
                        *ret_text++ = k <= n ? signs[bits >> (18 - 6 * k) & 63] : '=';
        }
        *ret_text = 0;
}

bool s3_base64_parse(const char *text, size_t n_bytes, void *ret_bytes) {
        uint8_t *to = ret_bytes;

        if (strlen(text) != S3_BASE64_BYTES(n_bytes) - 1)
                return false;
        for (size_t i = 0; i < n_bytes; i += 3, text += 4) {
                size_t n = n_bytes - i < 3 ? n_bytes - i : 3;
                uint32_t bits = 0;

                for (size_t k = 0; k < 4; k++) {
                        const char *sign = k <= n ? strchr(signs, text[k]) : signs;

                        if (!sign || !*sign || (k > n && text[k] != '='))
                                return false;
                        bits = bits << 6 | (uint32_t)(sign - signs);
                }
                /* bits behind the last byte */
                if (n < 3 && bits & ((1u << (24 - 8 * n)) - 1))
                        return false;
                for (size_t k = 0; k < n; k++)
                        to[i + k] = (uint8_t)(bits >> (16 - 8 * k));
        }
        return true;
}
