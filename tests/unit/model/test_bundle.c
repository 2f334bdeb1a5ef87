/* Bundle: parts that fit or do not, the threshold to the bit, batches against rows. */

#include "common/model/bundle.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/random.h"
#include "tests/support/world.h"

enum { N_ROWS = 10000 };

static const char *const pairs[] = { "num_boost_round", "20", "max_depth", "4", NULL };
static const struct features_choice age_scaled = { "age", FEATURES_SCALING_STANDARD };

static int set_up(void **state) {
        *state = world_create(N_ROWS, &age_scaled, 1, pairs);
        return 0;
}

static int tear_down(void **state) {
        *state = world_destroy(*state);
        return 0;
}

static void test_threshold_to_the_bit(void **state) {
        /* the first is one whose shortest float digits, read as a double, round to its neighbour */
        static const float margins[] = { 7.038531e-26F, -1.2345678F, 0, -0.0F, FLT_MIN, FLT_MAX, 0.1F };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(margins); i++) {
                struct threshold threshold = { .method = THRESHOLD_METHOD_FIXED,
                                               .margin = margins[i],
                                               .probability = 0.25 };
                _cleanup_(buffer_finish) struct buffer json = BUFFER_NULL;
                struct threshold loaded = THRESHOLD_NULL;
                struct fault fault = FAULT_NULL;

                assert_int_equal(bundle_save_threshold(&threshold, &json), 0);
                assert_int_equal(bundle_load_threshold(json.data, json.n_bytes, &loaded, &fault), 0);
                assert_memory_equal(&loaded.margin, &margins[i], sizeof(float));
                assert_int_equal(loaded.method, THRESHOLD_METHOD_FIXED);
                assert_true(fabs(loaded.probability - 0.25) < 1e-15);
        }
}

static void test_random_thresholds_to_the_bit(void **state) {
        struct random random = random_stream(1, RANDOM_SALT_GENERATOR, 0);

        (void)state;
        for (int i = 0; i < 2000; i++) {
                struct threshold threshold = THRESHOLD_NULL, loaded = THRESHOLD_NULL;
                _cleanup_(buffer_finish) struct buffer json = BUFFER_NULL;
                uint32_t bits = (uint32_t)random_next(&random);
                struct fault fault = FAULT_NULL;

                memcpy(&threshold.margin, &bits, sizeof(bits));
                if (!isfinite(threshold.margin))
                        continue;
                assert_int_equal(bundle_save_threshold(&threshold, &json), 0);
                assert_int_equal(bundle_load_threshold(json.data, json.n_bytes, &loaded, &fault), 0);
                assert_memory_equal(&loaded.margin, &bits, sizeof(bits));
        }
}

static void test_what_is_no_threshold(void **state) {
        static const struct {
                const char *json, *want_code;
        } rows[] = {
                { "", "JSON_MALFORMED" },
                { "{}", "JSON_FIELD" },
                { "{\"threshold\":2,\"method\":\"fixed\",\"margin\":0.5,\"probability\":0.5}", "JSON_FIELD" },
                { "{\"threshold\":1,\"method\":\"guess\",\"margin\":0.5,\"probability\":0.5}", "THRESHOLD_INVALID" },
                { "{\"threshold\":1,\"method\":\"fixed\",\"margin\":1e300,\"probability\":0.5}", "THRESHOLD_INVALID" },
                { "{\"threshold\":1,\"method\":\"fixed\",\"margin\":0.1,\"probability\":0.5}", "THRESHOLD_INVALID" },
                { "{\"threshold\":1,\"method\":\"fixed\",\"margin\":null,\"probability\":0.5}", "JSON_FIELD" },
                { "{\"threshold\":1,\"method\":\"fixed\",\"margin\":0.5}", "JSON_FIELD" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct threshold threshold = THRESHOLD_NULL;
                struct fault fault = FAULT_NULL;

                assert_int_equal(bundle_load_threshold(rows[i].json, strlen(rows[i].json), &threshold, &fault),
                                 FAULT_E_INPUT);
                assert_string_equal(fault.code, rows[i].want_code);
        }
}

static void test_batches_are_rows_in_any_cut(void **state) {
        const struct world *world = *state;
        _cleanup_(free_pointer) float *margins = calloc(N_ROWS, sizeof(float)), *cut = calloc(N_ROWS, sizeof(float));
        char scratch[SCHEMA_COLUMNS_MAX][VALUE_SCRATCH_BYTES];
        struct value values[SCHEMA_COLUMNS_MAX];
        struct column columns[3][32];
        struct table slices[4];
        struct fault fault = FAULT_NULL;
        float features[16], margin;

        assert_int_equal(bundle_score(&world->bundle, &world->table, 1, margins, &fault), 0);
        slices[0] = table_slice(&world->table, 0, 5000, columns[0]);
        slices[1] = table_slice(&world->table, 5000, 0, columns[1]);
        slices[2] = table_slice(&world->table, 5000, 8, columns[1]);
        slices[3] = table_slice(&world->table, 5008, N_ROWS - 5008, columns[2]);
        assert_int_equal(bundle_score(&world->bundle, slices, 4, cut, &fault), 0);
        assert_memory_equal(cut, margins, N_ROWS * sizeof(float));
        for (size_t i = 0; i < N_ROWS; i++) {
                world_row(world->schema, &world->table, i, scratch, values);
                assert_int_equal(features_apply_row(world->bundle.features, values, features, &fault), 0);
                forest_margins_row(world->bundle.forest, features, &margin);
                assert_memory_equal(&margin, &margins[i], sizeof(float));
        }
        assert_int_equal(bundle_score(&world->bundle, NULL, 0, margins, &fault), 0);
}

/* Of all rows at fault the first is named, whichever thread met which. */
static void test_the_first_row_at_fault_is_named(void **state) {
        const struct world *world = *state;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = world_rows(world->schema, 0, N_ROWS);
        _cleanup_(free_pointer) float *margins = calloc(N_ROWS, sizeof(float));
        _cleanup_(free_pointer) uint8_t *validity = calloc(N_ROWS, 1);
        struct table table = table_builder_view(builder), slices[2];
        struct column columns[2][32];

        memset(validity, 0xff, N_ROWS);
        validity[9000 / 8] = 0;
        validity[5040 / 8] = 0x7f;
        table.columns[1].validity = validity;
        slices[0] = table_slice(&table, 0, 1000, columns[0]);
        slices[1] = table_slice(&table, 1000, N_ROWS - 1000, columns[1]);
        for (int i = 0; i < 20; i++) {
                struct fault fault = FAULT_NULL;

                assert_int_equal(bundle_score(&world->bundle, slices, 2, margins, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "FEATURE_TYPE_NOT_PRESENT");
                assert_string_equal(fault.column, "age");
                assert_int_equal(fault.row, 5047);
        }
}

static void check_refused(const struct bundle_parts *parts, const char *want_file, const char *want_code) {
        struct bundle bundle = BUNDLE_NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(bundle_load(parts, &bundle, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.file, want_file);
        if (want_code)
                assert_string_equal(fault.code, want_code);
        assert_null(bundle.forest);
}

static void test_parts_that_do_not_fit(void **state) {
        static const char other_schema[] = "schema: 1\nenvironments: [TRAINING, SERVING]\ncolumns:\n"
                                           "  - {name: age, type: int}\n  - {name: bought, role: label, type: bool}\n";
        static const char renamed_schema[] =
                "schema: 1\nenvironments: [TRAINING, SERVING]\ncolumns:\n"
                "  - {name: years, type: int}\n  - {name: bought, role: label, type: bool}\n";
        const struct world *world = *state;
        struct bundle_parts parts, good = world_parts(&world->model), other_parts;
        struct world_model other = WORLD_MODEL_NULL, renamed = WORLD_MODEL_NULL;
        struct table narrow = { world->table.n_rows, 1, &world->table.columns[1] };
        struct column columns[2] = { world->table.columns[1], *table_find(&world->table, "bought") };

        narrow = (struct table){ 200, 2, columns };
        world_train(other_schema, NULL, 0, &narrow, pairs, 0, &other);
        columns[0].name = "years";
        world_train(renamed_schema, NULL, 0, &narrow, pairs, 0, &renamed);
        other_parts = world_parts(&other);

        parts = good;
        parts.schema = other_parts.schema;
        check_refused(&parts, BUNDLE_TRANSFORM, "TRANSFORM_SCHEMA");
        parts = good;
        parts.model = other_parts.model;
        check_refused(&parts, BUNDLE_MODEL, "BUNDLE_FEATURES");
        parts = other_parts;
        parts.model = world_parts(&renamed).model;
        check_refused(&parts, BUNDLE_MODEL, "BUNDLE_FEATURES");
        world_model_finish(&other);
        world_model_finish(&renamed);
}

static void test_parts_that_are_broken(void **state) {
        const struct world *world = *state;
        const struct bundle_parts good = world_parts(&world->model);
        struct bundle_parts parts;

        parts = good;
        parts.schema = (struct bundle_bytes){ "schema: 7\n", 10 };
        check_refused(&parts, BUNDLE_SCHEMA, NULL);
        parts = good;
        parts.transform.n_bytes /= 2;
        check_refused(&parts, BUNDLE_TRANSFORM, "JSON_MALFORMED");
        parts = good;
        parts.threshold = (struct bundle_bytes){ "{}", 2 };
        check_refused(&parts, BUNDLE_THRESHOLD, "JSON_FIELD");
        for (size_t n = 0; n < 200; n += 7) {
                parts = good;
                parts.model.n_bytes = n;
                check_refused(&parts, BUNDLE_MODEL, "MODEL_INVALID");
        }
}

static void test_a_model_of_another_objective_is_refused(void **state) {
        static const char *const regression[] = { "num_boost_round", "3", "objective", "reg:squarederror", NULL };
        const struct world *world = *state;
        struct world_model model;
        struct bundle_parts parts;

        world_train(world_schema_text, NULL, 0, &world->table, regression, 0, &model);
        parts = world_parts(&model);
        check_refused(&parts, BUNDLE_MODEL, "BUNDLE_OBJECTIVE");
        world_model_finish(&model);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_threshold_to_the_bit),
                cmocka_unit_test(test_random_thresholds_to_the_bit),
                cmocka_unit_test(test_what_is_no_threshold),
                cmocka_unit_test(test_batches_are_rows_in_any_cut),
                cmocka_unit_test(test_the_first_row_at_fault_is_named),
                cmocka_unit_test(test_parts_that_do_not_fit),
                cmocka_unit_test(test_parts_that_are_broken),
                cmocka_unit_test(test_a_model_of_another_objective_is_refused),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
