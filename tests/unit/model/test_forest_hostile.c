/* Model files that nobody should trust: each is refused with a fault, or evaluates to something; nothing crashes. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/random.h"
#include "common/model/forest.h"
#include "tests/unit/model/sample.h"

enum {
        N_ROWS = 2000,
};

static struct sample sample;
static struct buffer model;

static int set_up(void **state) {
        static const char *const pairs[] = { "num_boost_round", "2", "max_depth", "3", NULL };
        struct booster_result result = BOOSTER_RESULT_NULL;

        (void)state;
        sample_init(&sample, N_ROWS, 5);
        sample_train(&sample, pairs, &result);
        model = result.model;
        return 0;
}

static int tear_down(void **state) {
        (void)state;
        buffer_finish(&model);
        sample_finish(&sample);
        return 0;
}

/* Loads the bytes from memory of just that size, so that a read beyond it is seen; evaluates what loads. */
static int try_bytes(const uint8_t *bytes, size_t n_bytes, struct fault *fault) {
        uint8_t *copy = malloc(n_bytes ? n_bytes : 1);
        float margins[300 * 4], row[SAMPLE_N_FEATURES] = { 0 };
        struct forest *forest = NULL;
        int r;

        memcpy(copy, bytes, n_bytes);
        r = forest_create(copy, n_bytes, &forest, fault);
        free(copy);
        if (r) {
                assert_null(forest);
                return r;
        }
        if (forest_n_features(forest) <= SAMPLE_N_FEATURES && forest_n_outputs(forest) <= 4) {
                forest_margins(forest, sample.columns, 300, margins);
                forest_margins_row(forest, row, margins);
                forest_transform(forest, margins, margins);
        }
        forest_destroy(forest);
        return 0;
}

static void test_every_truncation_is_refused(void **state) {
        (void)state;
        for (size_t n = 0; n < model.n_bytes; n++) {
                struct fault fault = FAULT_NULL;

                assert_int_equal(try_bytes(model.data, n, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "MODEL_INVALID");
        }
}

static void test_trailing_bytes_are_refused(void **state) {
        struct buffer longer = BUFFER_NULL;
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(buffer_append(&longer, model.data, model.n_bytes), 0);
        assert_int_equal(buffer_append(&longer, "Z", 1), 0);
        assert_int_equal(try_bytes(longer.data, longer.n_bytes, &fault), FAULT_E_INPUT);
        buffer_finish(&longer);
}

static void test_every_byte_may_be_anything(void **state) {
        static const uint8_t flips[] = { 0x01, 0x80, 0xff, 0x20, 0x7f };
        struct fault fault = FAULT_NULL;

        (void)state;
        for (size_t i = 0; i < model.n_bytes; i++) {
                for (size_t k = 0; k < N_ELEMENTS(flips); k++) {
                        model.data[i] ^= flips[k];
                        try_bytes(model.data, model.n_bytes, &fault);
                        model.data[i] ^= flips[k];
                }
        }
}

static void test_random_damage(void **state) {
        struct buffer damaged = BUFFER_NULL;

        (void)state;
        for (size_t n = 0; n < 3000; n++) {
                struct random random = random_stream(9, RANDOM_SALT_BOOTSTRAP, n);
                struct fault fault = FAULT_NULL;

                buffer_clear(&damaged);
                assert_int_equal(buffer_append(&damaged, model.data, model.n_bytes), 0);
                for (uint64_t k = 1 + random_below(&random, 6); k; k--)
                        damaged.data[random_below(&random, damaged.n_bytes)] = (uint8_t)random_next(&random);
                try_bytes(damaged.data, damaged.n_bytes, &fault);
        }
        buffer_finish(&damaged);
}

/* Replaces n_old bytes, `skip` bytes behind the which-th occurrence of key, by others; the result is the caller's. */
static struct buffer splice(const char *key, size_t which, size_t skip, size_t n_old, const void *bytes, size_t n_new) {
        struct buffer spliced = BUFFER_NULL;
        const uint8_t *at = model.data;
        size_t start = 0;

        for (;; which--) {
                at = memmem(at, model.n_bytes - (size_t)(at - model.data), key, strlen(key));
                assert_non_null(at);
                at += strlen(key);
                if (!which)
                        break;
        }
        start = (size_t)(at - model.data) + skip;
        assert_int_equal(buffer_append(&spliced, model.data, start), 0);
        assert_int_equal(buffer_append(&spliced, bytes, n_new), 0);
        assert_int_equal(buffer_append(&spliced, model.data + start + n_old, model.n_bytes - start - n_old), 0);
        return spliced;
}

static void check_refused(struct buffer bytes, const char *want_code, const char *want_words) {
        struct fault fault = FAULT_NULL;

        assert_int_equal(try_bytes(bytes.data, bytes.n_bytes, &fault), FAULT_E_INPUT);
        if (strcmp(fault.code, want_code) || !strstr(fault.message, want_words))
                print_error("%s: %s, wanted: %s\n", fault.code, fault.message, want_words);
        assert_string_equal(fault.code, want_code);
        assert_non_null(strstr(fault.message, want_words));
        buffer_finish(&bytes);
}

/* An array of the first tree: "[$l#L" and eight bytes of count stand before its first number. */
static struct buffer with_integer(const char *key, int32_t value) {
        uint8_t bytes[4] = { (uint8_t)((uint32_t)value >> 24), (uint8_t)((uint32_t)value >> 16),
                             (uint8_t)((uint32_t)value >> 8), (uint8_t)value };

        return splice(key, 0, 13, 4, bytes, 4);
}

/* "[#L", eight bytes of count, "i" */
static struct buffer with_output(const char *byte) {
        return splice("tree_info", 0, 12, 1, byte, 1);
}

static void test_indices_are_held_to_bounds(void **state) {
        (void)state;
        check_refused(with_integer("left_children", 1000000), "MODEL_INVALID", "out of range");
        check_refused(with_integer("left_children", -2), "MODEL_INVALID", "out of range");
        check_refused(with_integer("left_children", -1), "MODEL_INVALID", "out of range");
        check_refused(with_integer("left_children", INT32_MIN), "MODEL_INVALID", "out of range");
        check_refused(with_integer("left_children", 2), "MODEL_INVALID", "out of range"); /* both sides the same */
        check_refused(with_integer("right_children", 0), "MODEL_INVALID", "twice");       /* a cycle */
        check_refused(with_integer("split_indices", SAMPLE_N_FEATURES), "MODEL_INVALID", "feature");
        check_refused(with_integer("split_indices", -1), "MODEL_INVALID", "feature");
        check_refused(with_integer("split_indices", INT32_MAX), "MODEL_INVALID", "feature");
        check_refused(with_integer("split_conditions", 0x7fc00000), "MODEL_INVALID", "threshold"); /* NaN */
        check_refused(with_output("\x01"), "MODEL_INVALID", "tree_info");
        check_refused(with_output("\xff"), "MODEL_INVALID", "tree_info");
        check_refused(splice("num_class", 0, 10, 1, "2", 1), "MODEL_INVALID", "num_class");
        check_refused(splice("num_class", 0, 10, 1, "x", 1), "MODEL_INVALID", "number");
        check_refused(splice("num_feature", 2, 10, 1, "7", 1), "MODEL_INVALID", "feature_names");
        check_refused(splice("num_feature", 2, 10, 1, "0", 1), "MODEL_INVALID", "num_feature");
}

/* A threshold of either zero, of the least and of the greatest float there is, and values beside them. */
static void test_odd_thresholds_equal_libxgboost(void **state) {
        static const float values[] = { 0.0f, -0.0f, 1e-45f, -1e-45f, INFINITY, -INFINITY, 3e38f, -3e38f, NAN };
        static const uint32_t thresholds[] = { 0x00000000, 0x80000000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000 };
        float rows[N_ELEMENTS(values)][SAMPLE_N_FEATURES], want[N_ELEMENTS(values)], got[N_ELEMENTS(values)];
        const float *columns[SAMPLE_N_FEATURES];

        (void)state;
        for (size_t f = 0; f < SAMPLE_N_FEATURES; f++)
                columns[f] = values;
        for (size_t i = 0; i < N_ELEMENTS(values); i++)
                for (size_t f = 0; f < SAMPLE_N_FEATURES; f++)
                        rows[i][f] = values[i];
        for (size_t k = 0; k < 2 * N_ELEMENTS(thresholds); k++) {
                struct buffer bytes = with_integer("split_conditions", (int32_t)thresholds[k / 2]);
                uint8_t *default_left = memmem(bytes.data, bytes.n_bytes, "default_left", 12);
                struct forest *forest = NULL;
                struct fault fault = FAULT_NULL;

                default_left[12 + 13] = k % 2;
                assert_int_equal(forest_create(bytes.data, bytes.n_bytes, &forest, &fault), 0);
                oracle_predict(&bytes, rows[0], N_ELEMENTS(values), SAMPLE_N_FEATURES, 1, 1, want);
                forest_margins(forest, columns, N_ELEMENTS(values), got);
                assert_memory_equal(got, want, sizeof(want));
                for (size_t i = 0; i < N_ELEMENTS(values); i++)
                        forest_margins_row(forest, rows[i], &got[i]);
                assert_memory_equal(got, want, sizeof(want));
                forest_destroy(forest);
                buffer_finish(&bytes);
        }
}

static void test_other_kinds_are_refused_by_name(void **state) {
        (void)state;
        check_refused(splice("\006gb", 0, 0, 4, "dart", 4), "MODEL_UNSUPPORTED", "gbtree");
        check_refused(splice("binary:", 0, 0, 8, "logitraw", 8), "MODEL_UNSUPPORTED", "objective");
        check_refused(splice("split_type", 0, 13, 1, "\x01", 1), "MODEL_UNSUPPORTED", "categories");
        check_refused(splice("categories_nodes", 0, 0, 13, "[i\x01]", 4), "MODEL_UNSUPPORTED", "categories");
        check_refused(splice("size_leaf_vector", 1, 10, 1, "3", 1), "MODEL_UNSUPPORTED", "vectors");
        check_refused(splice("num_target", 0, 10, 1, "2", 1), "MODEL_UNSUPPORTED", "targets");
}

/* the forms of several versions of XGBoost: "5E-1" in one of 1.7, [5E-1] since 3.1 */
static void test_base_score_has_many_forms(void **state) {
        static const struct {
                const char *bytes;
                size_t n_bytes;
                const char *want_words; /* NULL: accepted, and the margin is 0 */
        } rows[] = {
                { "Si\x03"
                  "0.5",
                  6, NULL },
                { "Si\x06[5E-1]", 9, NULL },
                { "d\x3f\x00\x00\x00", 5, NULL },
                { "D\x3f\xe0\x00\x00\x00\x00\x00\x00", 9, NULL },
                { "[d\x3f\x00\x00\x00]", 7, NULL },
                { "[$d#i\x01\x3f\x00\x00\x00", 10, NULL },
                { "Si\x01"
                  "0",
                  4, "probability" },
                { "Si\x01"
                  "1",
                  4, "probability" },
                { "Si\x03nan", 6, "finite" },
                { "Si\x03inf", 6, "finite" },
                { "Si\x00", 3, "number" },
                { "Si\x05[5E-1", 8, "number" },
                { "Si\x05"
                  "5E-1]",
                  8, "number" },
                { "Si\x02[]", 5, "number" },
                { "Si\x0b[5E-1,5E-1]", 14, "outputs" },
                { "Z", 1, "number" },
                { "[]", 2, "outputs" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct buffer bytes = splice("base_score", 0, 0, 14, rows[i].bytes, rows[i].n_bytes);
                struct forest *forest = NULL;
                struct fault fault = FAULT_NULL;

                if (rows[i].want_words) {
                        check_refused(bytes, "MODEL_INVALID", rows[i].want_words);
                        continue;
                }
                assert_int_equal(forest_create(bytes.data, bytes.n_bytes, &forest, &fault), 0);
                assert_true(fabsf(forest_base_margin(forest, 0)) <= 0);
                forest_destroy(forest);
                buffer_finish(&bytes);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_truncation_is_refused),
                cmocka_unit_test(test_trailing_bytes_are_refused),
                cmocka_unit_test(test_every_byte_may_be_anything),
                cmocka_unit_test(test_random_damage),
                cmocka_unit_test(test_indices_are_held_to_bounds),
                cmocka_unit_test(test_odd_thresholds_equal_libxgboost),
                cmocka_unit_test(test_other_kinds_are_refused_by_name),
                cmocka_unit_test(test_base_score_has_many_forms),
        };

        return cmocka_run_group_tests_name("hostile forest", tests, set_up, tear_down);
}
