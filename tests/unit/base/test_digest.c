/* Digests: known answers, and a content digest that does not see the order of rows. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/digest.h"
#include "common/base/file.h"
#include "tests/support/scratch.h"

/* FIPS 180-4 examples */
static const char SHA_EMPTY[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char SHA_ABC[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void known_answers(void **state) {
        char hex[DIGEST_SHA256_BYTES];

        (void)state;
        assert_int_equal(digest_sha256("", 0, hex), 0);
        assert_string_equal(hex, SHA_EMPTY);
        assert_int_equal(digest_sha256("abc", 3, hex), 0);
        assert_string_equal(hex, SHA_ABC);
        /* of the reference implementation, seed 0 */
        assert_true(digest_xxh64("", 0, 0) == 0xef46db3751d8e999ULL);
        assert_true(digest_xxh64("abc", 3, 0) == 0x44bc2cf5ad770999ULL);
        assert_true(digest_xxh64("abc", 3, 1) != digest_xxh64("abc", 3, 0));
}

/* RFC 4231 test cases 2 and 6 */
static void known_authentication_codes(void **state) {
        static const uint8_t want[] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24,
                                        0x26, 0x08, 0x95, 0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27,
                                        0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9, 0x64, 0xec, 0x38, 0x43 };
        static const uint8_t want_long[] = { 0x60, 0xe4, 0x31, 0x59, 0x1e, 0xe0, 0xb6, 0x7f };
        static const char text[] = "what do ya want for nothing?";
        static const char text_long[] = "Test Using Larger Than Block-Size Key - Hash Key First";
        uint8_t mac[DIGEST_MAC_BYTES], key[131];

        (void)state;
        assert_int_equal(digest_hmac_sha256("Jefe", 4, text, strlen(text), mac), 0);
        assert_memory_equal(mac, want, sizeof(want));
        memset(key, 0xaa, sizeof(key));
        assert_int_equal(digest_hmac_sha256(key, sizeof(key), text_long, strlen(text_long), mac), 0);
        assert_memory_equal(mac, want_long, sizeof(want_long));
        /* into the key's own memory */
        memcpy(mac, "Jefe", 4);
        assert_int_equal(digest_hmac_sha256(mac, 4, text, strlen(text), mac), 0);
        assert_memory_equal(mac, want, sizeof(want));
}

static void a_stream_is_its_parts(void **state) {
        _cleanup_(digest_destroy_pointer) struct digest *digest = NULL;
        char hex[DIGEST_SHA256_BYTES];

        (void)state;
        assert_int_equal(digest_create(&digest), 0);
        assert_int_equal(digest_update(digest, "a", 1), 0);
        assert_int_equal(digest_update(digest, "", 0), 0);
        assert_int_equal(digest_update(digest, "bc", 2), 0);
        assert_int_equal(digest_end(digest, hex), 0);
        assert_string_equal(hex, SHA_ABC);
        assert_null(digest_destroy(NULL));
}

static void files_are_read_whole(void **state) {
        char hex[DIGEST_SHA256_BYTES] = "untouched", big[DIGEST_SHA256_BYTES], again[DIGEST_SHA256_BYTES];
        struct scratch *scratch = *state;
        static uint8_t bytes[300000];

        assert_int_equal(digest_sha256_file(scratch_path(scratch, "none"), hex), -ENOENT);
        assert_string_equal(hex, "untouched");
        assert_int_equal(file_replace(scratch_path(scratch, "empty"), "", 0), 0);
        assert_int_equal(digest_sha256_file(scratch_path(scratch, "empty"), hex), 0);
        assert_string_equal(hex, SHA_EMPTY);
        for (size_t i = 0; i < sizeof(bytes); i++)
                bytes[i] = (uint8_t)(i * 7);
        assert_int_equal(file_replace(scratch_path(scratch, "big"), bytes, sizeof(bytes)), 0);
        assert_int_equal(digest_sha256_file(scratch_path(scratch, "big"), big), 0);
        assert_int_equal(digest_sha256(bytes, sizeof(bytes), again), 0);
        assert_string_equal(big, again);
}

static void only_sixty_four_lower_case_digits_are_valid(void **state) {
        char hex[DIGEST_SHA256_BYTES + 1];

        (void)state;
        assert_true(digest_sha256_is_valid(SHA_ABC));
        assert_false(digest_sha256_is_valid(""));
        assert_false(digest_sha256_is_valid(SHA_ABC + 1));
        memcpy(hex, SHA_ABC, sizeof(SHA_ABC));
        hex[64] = '0';
        hex[65] = 0;
        assert_false(digest_sha256_is_valid(hex));
        hex[64] = 0;
        hex[0] = 'B';
        assert_false(digest_sha256_is_valid(hex));
        hex[0] = '/';
        assert_false(digest_sha256_is_valid(hex));
}

static void content_does_not_see_order(void **state) {
        struct digest_content one = DIGEST_CONTENT_NULL, two = DIGEST_CONTENT_NULL, part = DIGEST_CONTENT_NULL;
        char hex[DIGEST_CONTENT_BYTES], other[DIGEST_CONTENT_BYTES];

        (void)state;
        digest_content_add_row(&one, "a", 1);
        digest_content_add_row(&one, "b", 1);
        digest_content_add_row(&one, "b", 1);
        digest_content_add_row(&part, "b", 1);
        digest_content_add_row(&two, "b", 1);
        digest_content_add_row(&two, "a", 1);
        digest_content_add(&two, &part);
        digest_content_format(&one, hex);
        digest_content_format(&two, other);
        assert_string_equal(hex, other);
        assert_int_equal(strlen(hex), 32);
        /* how often a row is there does count */
        digest_content_add(&two, &part);
        digest_content_format(&two, other);
        assert_string_not_equal(hex, other);
}

static void sums_carry_into_the_upper_half(void **state) {
        struct digest_content sum = { UINT64_MAX, 0 };
        const struct digest_content one = { 1, 0 };
        char hex[DIGEST_CONTENT_BYTES];

        (void)state;
        digest_content_add(&sum, &one);
        digest_content_format(&sum, hex);
        assert_string_equal(hex, "00000000000000010000000000000000");
}

static void secrets_are_compared_whole(void **state) {
        (void)state;
        assert_true(digest_is_equal_secret("abc", "abc", 3));
        assert_false(digest_is_equal_secret("abc", "abd", 3));
        assert_false(digest_is_equal_secret("xbc", "abc", 3));
        assert_true(digest_is_equal_secret("a", "b", 0));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(known_answers),
                cmocka_unit_test(known_authentication_codes),
                cmocka_unit_test(a_stream_is_its_parts),
                cmocka_unit_test_setup_teardown(files_are_read_whole, scratch_setup, scratch_teardown),
                cmocka_unit_test(only_sixty_four_lower_case_digits_are_valid),
                cmocka_unit_test(content_does_not_see_order),
                cmocka_unit_test(sums_carry_into_the_upper_half),
                cmocka_unit_test(secrets_are_compared_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
