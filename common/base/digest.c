/* Digests: the door to OpenSSL's hashes and to xxHash. */

#include "common/base/digest.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/file.h"

struct digest {
        EVP_MD_CTX *context;
};

static int openssl_error(const char *doing) {
        char text[256];

        ERR_error_string_n(ERR_get_error(), text, sizeof(text));
        return error_origin(-EIO, "%s: %s", doing, text);
}

int digest_create(struct digest **ret_digest) {
        _cleanup_(digest_destroy_pointer) struct digest *digest = calloc(1, sizeof(*digest));

        if (!digest)
                return error_origin(-ENOMEM, "creating a digest");
        digest->context = EVP_MD_CTX_new();
        if (!digest->context || EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) != 1)
                return openssl_error("starting SHA-256");
        *ret_digest = steal(digest);
        return 0;
}

struct digest *digest_destroy(struct digest *digest) {
        if (digest)
                EVP_MD_CTX_free(digest->context);
        free(digest);
        return NULL;
}

void digest_destroy_pointer(struct digest **digest) {
        digest_destroy(*digest);
}

int digest_update(struct digest *digest, const void *bytes, size_t n_bytes) {
        if (n_bytes && EVP_DigestUpdate(digest->context, bytes, n_bytes) != 1)
                return openssl_error("feeding SHA-256");
        return 0;
}

int digest_end(struct digest *digest, char ret_hex[DIGEST_SHA256_BYTES]) {
        unsigned char value[EVP_MAX_MD_SIZE];
        unsigned n = 0;

        if (EVP_DigestFinal_ex(digest->context, value, &n) != 1)
                return openssl_error("ending SHA-256");
        for (unsigned i = 0; i < n; i++)
                snprintf(ret_hex + 2 * i, 3, "%02x", value[i]);
        return 0;
}

int digest_sha256(const void *bytes, size_t n_bytes, char ret_hex[DIGEST_SHA256_BYTES]) {
        _cleanup_(digest_destroy_pointer) struct digest *digest = NULL;
        int r;

        r = digest_create(&digest);
        if (!r)
                r = digest_update(digest, bytes, n_bytes);
        if (!r)
                r = digest_end(digest, ret_hex);
        return error_trace(r);
}

int digest_hmac_sha256(const void *key, size_t n_key, const void *bytes, size_t n_bytes,
                       uint8_t ret_mac[DIGEST_MAC_BYTES]) {
        unsigned char value[DIGEST_MAC_BYTES];
        unsigned n = 0;

        assert(n_key <= INT_MAX);
        if (!HMAC(EVP_sha256(), key, (int)n_key, bytes, n_bytes, value, &n) || n != sizeof(value))
                return openssl_error("computing HMAC-SHA-256");
        memcpy(ret_mac, value, sizeof(value));
        explicit_bzero(value, sizeof(value));
        return 0;
}

int digest_sha256_file(const char *path, char ret_hex[DIGEST_SHA256_BYTES]) {
        _cleanup_(file_unmap) struct file_map map = FILE_MAP_NULL;
        int r;

        r = file_map(path, &map);
        if (r)
                return error_trace(r);
        return error_trace(digest_sha256(map.data, map.n_bytes, ret_hex));
}

bool digest_sha256_is_valid(const char *hex) {
        return strspn(hex, "0123456789abcdef") == DIGEST_SHA256_BYTES - 1 && !hex[DIGEST_SHA256_BYTES - 1];
}

static void add_128(struct digest_content *content, uint64_t low, uint64_t high) {
        content->low += low;
        content->high += high + (content->low < low);
}

void digest_content_add_row(struct digest_content *content, const void *bytes, size_t n_bytes) {
        XXH128_hash_t row = XXH3_128bits(bytes, n_bytes);

        add_128(content, row.low64, row.high64);
}

void digest_content_add(struct digest_content *content, const struct digest_content *other) {
        add_128(content, other->low, other->high);
}

void digest_content_format(const struct digest_content *content, char ret_hex[DIGEST_CONTENT_BYTES]) {
        snprintf(ret_hex, DIGEST_CONTENT_BYTES, "%016" PRIx64 "%016" PRIx64, content->high, content->low);
}

uint64_t digest_xxh64(const void *bytes, size_t n_bytes, uint64_t seed) {
        return XXH64(bytes, n_bytes, seed);
}

bool digest_is_equal_secret(const void *a, const void *b, size_t n_bytes) {
        return !CRYPTO_memcmp(a, b, n_bytes);
}
