/* The split against fixed vectors, computed elsewhere from the algorithm's description, and its promises. */

#include "common/data/split.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"

static struct value key_of(int64_t integer) {
        return (struct value){ .kind = VALUE_INT, .integer = integer };
}

static struct value text_key_of(const char *text) {
        return (struct value){ .kind = VALUE_TEXT, .n_bytes = strlen(text), .text = text };
}

static void test_int_keys_hash_as_eight_bytes(void **state) {
        static const struct {
                int64_t key;
                uint64_t salt, want;
        } rows[] = {
                { 0, 0, 0x34c96acdcadb1bbb },
                { 0, 1, 0x22c76afd15f0110f },
                { 1, 0, 0x9f29cb17a2a49995 },
                { 1, 12345678901, 0x8334503a7cfee6af },
                { -1, 1, 0x0ad7f61289875125 },
                { 381109, 1, 0x97761daacf4c8817 },
                { VALUE_INT_MAX, 1, 0x04a2352faeeafc70 },
                { -VALUE_INT_MAX, 0, 0x9707edcaf98bb8d9 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct value key = key_of(rows[i].key);

                assert_true(split_hash(&key, rows[i].salt) == rows[i].want);
        }
}

static void test_text_keys_hash_as_utf8(void **state) {
        static const struct {
                const char *key;
                uint64_t salt, want;
        } rows[] = {
                { "", 0, 0xef46db3751d8e999 },
                { "a", 1, 0xdec2bc81c3cd46c6 },
                { "POL-000017", 0, 0xd3d047d383ea7129 },
                { "POL-000017", 1, 0x1bbd0402f8b71357 },
                { "Grüße", 1, 0x6427e5705eddfdd9 },
                { "a key of more than thirty-two bytes, so that all lanes take part", 0, 0x7f1e78aa2c473bdc },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct value key = text_key_of(rows[i].key);

                assert_true(split_hash(&key, rows[i].salt) == rows[i].want);
        }
}

static void test_the_share_is_exclusive_at_its_end(void **state) {
        /* the hash of 381109 with salt 1 is 855 modulo 10000 */
        struct value key = key_of(381109);

        (void)state;
        assert_false(split_is_test(&key, 1, 0));
        assert_false(split_is_test(&key, 1, 855));
        assert_true(split_is_test(&key, 1, 856));
        assert_true(split_is_test(&key, 1, SPLIT_PARTS));
}

static void test_a_larger_share_holds_the_smaller(void **state) {
        (void)state;
        for (int64_t i = 0; i < 5000; i++) {
                struct value key = key_of(i);

                assert_true(!split_is_test(&key, 9, 1000) || split_is_test(&key, 9, 2500));
        }
}

/* 2500 of 10,000 with a deviation of 43 rows; these three are fixed, and each lies within three deviations. */
static void test_shares_and_salts(void **state) {
        uint64_t stopping = split_stopping_salt(1);
        int n[3] = { 0 }, n_both = 0;

        (void)state;
        for (int64_t i = 1; i <= 10000; i++) {
                struct value key = key_of(i);
                bool is_one = split_is_test(&key, 1, 2500), is_other = split_is_test(&key, stopping, 2500);

                n[0] += is_one;
                n[1] += split_is_test(&key, 2, 2500);
                n[2] += is_other;
                n_both += is_one && is_other;
        }
        for (int i = 0; i < 3; i++)
                assert_in_range(n[i], 2370, 2630);
        /* independent: a quarter of a quarter, deviation 24 */
        assert_in_range(n_both, 552, 698);
        assert_true(split_stopping_salt(1) != split_stopping_salt(2));
        assert_true(split_stopping_salt(1) == stopping);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_int_keys_hash_as_eight_bytes),
                cmocka_unit_test(test_text_keys_hash_as_utf8),
                cmocka_unit_test(test_the_share_is_exclusive_at_its_end),
                cmocka_unit_test(test_a_larger_share_holds_the_smaller),
                cmocka_unit_test(test_shares_and_salts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
