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

/* Two keys and a weight; the second row has no key, and the first is like the last but for the number. */
static struct table_builder *make_table(void) {
        static const char *const texts[] = { "a", NULL, "Grüße", "a" };
        static const int64_t numbers[] = { 1, 0, 381109, -1 };
        struct table_builder *builder;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "number", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_column(builder, "text", COLUMN_UTF8), 0);
        assert_int_equal(table_builder_add_column(builder, "weight", COLUMN_FLOAT64), 0);
        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                if (texts[i]) {
                        assert_int_equal(table_builder_add_int64(builder, 0, numbers[i]), 0);
                        assert_int_equal(table_builder_add_text(builder, 1, texts[i], strlen(texts[i])), 0);
                } else {
                        assert_int_equal(table_builder_add_missing(builder, 0), 0);
                        assert_int_equal(table_builder_add_missing(builder, 1), 0);
                }
                assert_int_equal(table_builder_add_float64(builder, 2, 0.5), 0);
        }
        return builder;
}

static void test_a_table_is_dealt_by_its_keys(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_table();
        struct table table = table_builder_view(builder);
        uint8_t sides[4];

        (void)state;
        /* the hash of 381109 with salt 1 is 855 modulo 10000 */
        assert_int_equal(split_table(&table, "number", 1, 856, sides), 0);
        assert_int_equal(sides[1], SPLIT_NO_KEY);
        assert_int_equal(sides[2], SPLIT_TEST);
        assert_int_equal(split_table(&table, "number", 1, 855, sides), 0);
        assert_int_equal(sides[2], SPLIT_TRAIN);
        assert_int_equal(split_table(&table, "text", 1, 0xdec2bc81c3cd46c6 % 10000 + 1, sides), 0);
        assert_int_equal(sides[0], SPLIT_TEST);
        assert_int_equal(sides[1], SPLIT_NO_KEY);
        assert_int_equal(sides[3], SPLIT_TEST);
        assert_int_equal(split_table(&table, "text", 1, 0xdec2bc81c3cd46c6 % 10000, sides), 0);
        assert_int_equal(sides[0], SPLIT_TRAIN);
        assert_int_equal(sides[3], SPLIT_TRAIN);
}

static void test_without_a_key_content_decides(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_table();
        struct table table = table_builder_view(builder);
        struct table keyless = { table.n_rows, 2, table.columns + 1 };
        struct digest_content rows[4], sum = DIGEST_CONTENT_NULL, want = DIGEST_CONTENT_NULL;
        uint8_t sides[4];

        (void)state;
        assert_int_equal(table_digest_rows(&keyless, rows), 0);
        assert_memory_equal(&rows[0], &rows[3], sizeof(rows[0]));
        assert_memory_not_equal(&rows[0], &rows[1], sizeof(rows[0]));
        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                digest_content_add(&sum, &rows[i]);
        assert_int_equal(table_add_content(&keyless, &want), 0);
        assert_memory_equal(&sum, &want, sizeof(sum));
        for (int64_t share = 0; share <= SPLIT_PARTS; share += 100) {
                assert_int_equal(split_table(&keyless, NULL, 5, share, sides), 0);
                assert_int_equal(sides[0], sides[3]);
                for (size_t i = 0; i < N_ELEMENTS(sides); i++) {
                        struct value key = { .kind = VALUE_TEXT, .n_bytes = 16, .text = (const char *)&rows[i] };

                        assert_int_equal(sides[i], split_is_test(&key, 5, share) ? SPLIT_TEST : SPLIT_TRAIN);
                }
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_int_keys_hash_as_eight_bytes),
                cmocka_unit_test(test_text_keys_hash_as_utf8),
                cmocka_unit_test(test_the_share_is_exclusive_at_its_end),
                cmocka_unit_test(test_a_larger_share_holds_the_smaller),
                cmocka_unit_test(test_shares_and_salts),
                cmocka_unit_test(test_a_table_is_dealt_by_its_keys),
                cmocka_unit_test(test_without_a_key_content_decides),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
