/* S3 checksum: SHA-256 between hex and base64, and CRC-32C. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/store/s3/s3_base64.h"
#include "common/store/s3/s3_checksum.h"
#include "common/store/s3/s3_crc32c.h"

/* RFC 4648 section 10. */
static void test_base64_of_the_standard(void **state _unused_) {
        static const struct {
                const char *bytes, *text;
        } rows[] = {
                { "", "" },
                { "f", "Zg==" },
                { "fo", "Zm8=" },
                { "foo", "Zm9v" },
                { "foob", "Zm9vYg==" },
                { "fooba", "Zm9vYmE=" },
                { "foobar", "Zm9vYmFy" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                size_t n = strlen(rows[i].bytes);
                char text[S3_BASE64_BYTES(6)], bytes[8] = "";

                s3_base64_format(rows[i].bytes, n, text);
                assert_string_equal(text, rows[i].text);
                assert_true(s3_base64_parse(text, n, bytes));
                assert_string_equal(bytes, rows[i].bytes);
        }
}

static void test_what_is_no_base64(void **state _unused_) {
        static const struct {
                size_t n_bytes;
                const char *text;
        } rows[] = {
                { 1, "" },     { 1, "Zg=" },  { 1, "Zg" },   { 1, "Zm8=" }, { 1, "Zh==" }, { 2, "Zm9=" },
                { 1, "Zg=g" }, { 1, "Z===" }, { 3, "Zm8=" }, { 3, "Zm-v" }, { 0, "Zm9v" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char bytes[8];

                if (s3_base64_parse(rows[i].text, rows[i].n_bytes, bytes))
                        fail_msg("'%s' is taken for %zu bytes", rows[i].text, rows[i].n_bytes);
        }
}

/* SHA-256 of nothing and of "abc" (FIPS 180-4's example), and the extremes. */
static void test_hex_and_base64(void **state _unused_) {
        static const struct {
                const char *hex, *base64;
        } rows[] = {
                { "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                  "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" },
                { "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
                  "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=" },
                { "0000000000000000000000000000000000000000000000000000000000000000",
                  "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" },
                { "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
                  "//////////////////////////////////////////8=" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char checksum[S3_CHECKSUM_BYTES], digest[DIGEST_SHA256_BYTES];

                s3_checksum_format(rows[i].hex, checksum);
                assert_string_equal(checksum, rows[i].base64);
                assert_true(s3_checksum_parse(rows[i].base64, digest));
                assert_string_equal(digest, rows[i].hex);
        }
}

static void test_what_is_no_checksum_of_a_whole(void **state _unused_) {
        static const char *const rows[] = {
                "",
                "=",
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU",
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-2",
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuF==",
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSu-U=",
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NM JWZG3hSuFU=",
                "=7DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
                /* bits beyond the last byte */
                "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFV=",
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char digest[DIGEST_SHA256_BYTES];

                if (s3_checksum_parse(rows[i], digest))
                        fail_msg("'%s' is taken", rows[i]);
        }
}

/* RFC 3720, appendix B.4; its bytes are written in the order that iSCSI sends them, the lowest first. */
static void test_crc32c_of_the_standard(void **state _unused_) {
        uint8_t zeros[32] = { 0 }, ones[32], up[32], down[32];

        memset(ones, 0xff, sizeof(ones));
        for (uint8_t i = 0; i < 32; i++) {
                up[i] = i;
                down[i] = 31 - i;
        }
        assert_int_equal(s3_crc32c(0, zeros, 32), 0x8a9136aa);
        assert_int_equal(s3_crc32c(0, ones, 32), 0x62a8ab43);
        assert_int_equal(s3_crc32c(0, up, 32), 0x46dd794e);
        assert_int_equal(s3_crc32c(0, down, 32), 0x113fdb5c);
        assert_int_equal(s3_crc32c(0, "123456789", 9), 0xe3069283);
        assert_int_equal(s3_crc32c(0, "", 0), 0);
}

/* One bit at a time, as the polynomial says. */
static uint32_t slow(const uint8_t *bytes, size_t n_bytes) {
        uint32_t state = ~0u;

        for (size_t i = 0; i < n_bytes; i++) {
                state ^= bytes[i];
                for (int bit = 0; bit < 8; bit++)
                        state = state >> 1 ^ (state & 1 ? 0x82f63b78u : 0);
        }
        return ~state;
}

static void test_crc32c_in_pieces(void **state _unused_) {
        uint8_t bytes[100];

        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(i * 37 + 11);
        for (size_t from = 0; from < 9; from++)
                for (size_t n = 0; from + n <= sizeof(bytes); n++) {
                        uint32_t want = slow(bytes + from, n);

                        assert_int_equal(s3_crc32c(0, bytes + from, n), want);
                        assert_int_equal(s3_crc32c_by_table(0, bytes + from, n), want);
                        assert_int_equal(s3_crc32c(s3_crc32c(0, bytes + from, n / 3), bytes + from + n / 3, n - n / 3),
                                         want);
                }
}

static void test_crc32c_in_base64(void **state _unused_) {
        char text[S3_CRC32C_BYTES];

        s3_crc32c_format(0xe3069283, text);
        assert_string_equal(text, "4waSgw==");
        s3_crc32c_format(0, text);
        assert_string_equal(text, "AAAAAA==");
        s3_crc32c_format(0xffffffff, text);
        assert_string_equal(text, "/////w==");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_base64_of_the_standard), cmocka_unit_test(test_what_is_no_base64),
                cmocka_unit_test(test_hex_and_base64),         cmocka_unit_test(test_what_is_no_checksum_of_a_whole),
                cmocka_unit_test(test_crc32c_of_the_standard), cmocka_unit_test(test_crc32c_in_pieces),
                cmocka_unit_test(test_crc32c_in_base64),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
