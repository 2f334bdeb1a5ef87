/* Features: rows and batches to the bit, outcomes, scaling, transform.json. */

#include "common/model/features.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/json.h"
#include "tests/support/world.h"

enum { N_ROWS = 3000, N_OUTPUTS = 11 };

static const char *const names[N_OUTPUTS] = { "age",         "income",     "visits",     "insured",
                                              "sex",         "size_small", "size_large", "color_red",
                                              "color_green", "color_blue", "zone_code" };

struct fixture {
        struct schema *schema;
        struct table_builder *builder;
        struct table table;
};

static int set_up(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));

        fixture->schema = world_schema(world_schema_text);
        fixture->builder = world_rows(fixture->schema, 0, N_ROWS);
        fixture->table = table_builder_view(fixture->builder);
        *state = fixture;
        return 0;
}

static int tear_down(void **state) {
        struct fixture *fixture = *state;

        table_builder_destroy(fixture->builder);
        schema_destroy(fixture->schema);
        free(fixture);
        return 0;
}

static struct features *fit(const struct fixture *fixture, const struct features_choice *choices, size_t n_choices) {
        struct features *features = NULL;
        struct fault fault = FAULT_NULL;

        fault_in(&fault, "as it was", 3);
        assert_int_equal(features_fit(fixture->schema, choices, n_choices, &fixture->table, 1, &features, &fault), 0);
        assert_string_equal(fault.column, "as it was");
        return features;
}

static float *apply(const struct features *features, const struct table *table, size_t distance) {
        float *matrix = calloc(features_n_outputs(features) * distance, sizeof(float));
        struct fault fault = FAULT_NULL;

        fault_in(&fault, "as it was", 3);
        assert_int_equal(features_apply(features, table, matrix, distance, &fault), 0);
        assert_string_equal(fault.column, "as it was");
        assert_int_equal(fault.row, 3);
        return matrix;
}

static size_t output_of(const char *name) {
        size_t k = 0;

        while (strcmp(names[k], name))
                k++;
        return k;
}

static bool is_equal(float a, float b) {
        return !(a < b) && !(a > b);
}

static void test_outputs_bear_the_encoded_names(void **state) {
        _cleanup_(features_destroy_pointer) struct features *features = fit(*state, NULL, 0);

        assert_int_equal(features_n_outputs(features), N_OUTPUTS);
        for (size_t k = 0; k < N_OUTPUTS; k++)
                assert_string_equal(features_output_name(features, k), names[k]);
}

/* Every encoding and every outcome, against what the schema says, over all rows. */
static void test_cells_are_what_the_schema_says(void **state) {
        const struct fixture *fixture = *state;
        _cleanup_(features_destroy_pointer) struct features *features = fit(fixture, NULL, 0);
        _cleanup_(free_pointer) float *matrix = apply(features, &fixture->table, N_ROWS);
        const struct column *visits = table_find(&fixture->table, "visits");
        const struct column *income = table_find(&fixture->table, "income");
        const struct column *sizes = table_find(&fixture->table, "size"), *sexes = table_find(&fixture->table, "sex");
        const struct column *colors = table_find(&fixture->table, "color");
        const struct column *zones = table_find(&fixture->table, "zone");
        size_t n_filled = 0, n_missing = 0, n_unknown = 0, n_stood_in = 0;

        for (size_t i = 0; i < N_ROWS; i++) {
#define AT(name) matrix[output_of(name) * N_ROWS + i]
                const char *text;
                size_t n;

                assert_true(is_equal(AT("visits"), column_is_present(visits, i) ? (float)visits->int64[i] : 3));
                n_filled += !column_is_present(visits, i);
                if (column_is_present(income, i))
                        assert_true(is_equal(AT("income"), (float)income->float64[i]));
                else
                        assert_true(isnan(AT("income")));
                text = column_text(sexes, i, &n);
                assert_true(is_equal(AT("sex"), *text == 'm' ? 1 : 0));
                text = column_text(sizes, i, &n);
                assert_true(is_equal(AT("size_small"), *text == 's' ? 1 : 0));
                assert_true(is_equal(AT("size_large"), *text == 'l' ? 1 : 0));
                text = column_text(colors, i, &n);
                if (!column_is_present(colors, i) || *text == 'p') {
                        assert_true(isnan(AT("color_red")) && isnan(AT("color_green")) && isnan(AT("color_blue")));
                        n_missing += !column_is_present(colors, i);
                        n_unknown += column_is_present(colors, i);
                } else {
                        assert_true(is_equal(AT("color_red"), *text == 'r' ? 1 : 0));
                        assert_true(is_equal(AT("color_green"), *text == 'g' ? 1 : 0));
                        assert_true(is_equal(AT("color_blue"), *text == 'b' ? 1 : 0));
                }
                text = column_text(zones, i, &n);
                assert_true(is_equal(AT("zone_code"), *text == '9' ? 20 : (float)((*text - '0') * 10)));
                n_stood_in += *text == '9';
#undef AT
        }
        assert_true(n_filled > 50 && n_missing > 50 && n_unknown > 50 && n_stood_in > 50);
}

static void check_rows(const struct fixture *fixture, const struct features *features) {
        _cleanup_(free_pointer) float *matrix = apply(features, &fixture->table, N_ROWS + 13);
        char scratch[SCHEMA_COLUMNS_MAX][VALUE_SCRATCH_BYTES];
        struct value values[SCHEMA_COLUMNS_MAX];
        struct fault fault = FAULT_NULL;
        float row[N_OUTPUTS];

        for (size_t i = 0; i < N_ROWS; i++) {
                world_row(fixture->schema, &fixture->table, i, scratch, values);
                assert_int_equal(features_apply_row(features, values, row, &fault), 0);
                for (size_t k = 0; k < N_OUTPUTS; k++)
                        assert_memory_equal(&row[k], &matrix[k * (N_ROWS + 13) + i], sizeof(float));
        }
}

static void test_rows_and_batches_give_the_same_bytes(void **state) {
        static const struct features_choice choices[] = { { "age", FEATURES_SCALING_STANDARD },
                                                          { "income", FEATURES_SCALING_MIN_MAX },
                                                          { "visits", FEATURES_SCALING_STANDARD } };
        _cleanup_(features_destroy_pointer) struct features *plain = fit(*state, NULL, 0);
        _cleanup_(features_destroy_pointer) struct features *scaled = fit(*state, choices, N_ELEMENTS(choices));

        check_rows(*state, plain);
        check_rows(*state, scaled);
}

static void test_any_order_of_columns_and_any_cut(void **state) {
        const struct fixture *fixture = *state;
        _cleanup_(features_destroy_pointer) struct features *features = fit(fixture, NULL, 0);
        _cleanup_(free_pointer) float *want = apply(features, &fixture->table, N_ROWS);
        size_t n = fixture->table.n_columns;
        struct column columns[32], slice_columns[32];
        struct table turned = { N_ROWS, n, columns };

        for (size_t shift = 1; shift < n; shift += 3) {
                _cleanup_(free_pointer) float *got = NULL;

                for (size_t k = 0; k < n; k++)
                        columns[k] = fixture->table.columns[shift % 2 ? (k + shift) % n : n - 1 - (k + shift) % n];
                got = apply(features, &turned, N_ROWS);
                assert_memory_equal(got, want, N_OUTPUTS * N_ROWS * sizeof(float));
        }
        for (size_t first = 0; first < N_ROWS; first += 1000) {
                struct table slice = table_slice(&turned, first, 1000, slice_columns);
                _cleanup_(free_pointer) float *got = apply(features, &slice, 1000);

                for (size_t k = 0; k < N_OUTPUTS; k++)
                        assert_memory_equal(got + k * 1000, want + k * N_ROWS + first, 1000 * sizeof(float));
        }
}

/* Key, label and ignored columns are not looked at: without them the same comes out. */
static void test_only_features_are_read(void **state) {
        const struct fixture *fixture = *state;
        _cleanup_(features_destroy_pointer) struct features *features = fit(fixture, NULL, 0);
        _cleanup_(free_pointer) float *want = apply(features, &fixture->table, N_ROWS), *got = NULL;
        struct column columns[32];
        struct table narrow = { N_ROWS, 0, columns };

        for (size_t k = 0; k < fixture->table.n_columns; k++)
                if (fixture->schema->columns[k].role == SCHEMA_ROLE_FEATURE)
                        columns[narrow.n_columns++] = fixture->table.columns[k];
        assert_int_equal(narrow.n_columns, fixture->table.n_columns - 3);
        got = apply(features, &narrow, N_ROWS);
        assert_memory_equal(got, want, N_OUTPUTS * N_ROWS * sizeof(float));
}

/* One table of one column, with the values given; NAN is missing. */
static struct table_builder *column_of(const char *name, enum column_type type, const double *values, size_t n) {
        struct table_builder *builder = NULL;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, name, type), 0);
        for (size_t i = 0; i < n; i++) {
                if (isnan(values[i]))
                        assert_int_equal(table_builder_add_missing(builder, 0), 0);
                else if (type == COLUMN_INT64)
                        assert_int_equal(table_builder_add_int64(builder, 0, (int64_t)values[i]), 0);
                else
                        assert_int_equal(table_builder_add_float64(builder, 0, values[i]), 0);
        }
        return builder;
}

static const char number_schema[] = "schema: 1\n"
                                    "environments: [TRAINING, SERVING]\n"
                                    "columns:\n"
                                    "  - {name: x, type: float, min_fraction: 0, missing: keep}\n"
                                    "  - {name: y, role: label, type: bool}\n";

/* Scales `train` and says what becomes of `number`. */
static float scaled_one(enum features_scaling scaling, const double *train, size_t n, double number) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = world_schema(number_schema);
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = column_of("x", COLUMN_FLOAT64, train,
                                                                                           n);
        _cleanup_(features_destroy_pointer) struct features *features = NULL;
        struct value values[2] = { { .kind = VALUE_FLOAT, .number = number }, VALUE_NULL };
        struct table table = table_builder_view(builder);
        struct features_choice choice = { "x", scaling };
        struct fault fault = FAULT_NULL;
        float output = 0;

        assert_int_equal(features_fit(schema, &choice, 1, &table, 1, &features, &fault), 0);
        assert_int_equal(features_apply_row(features, values, &output, &fault), 0);
        return output;
}

static void test_scaling_by_hand(void **state) {
        static const double four[] = { 2, 4, NAN, 4, 6, INFINITY }; /* mean 4, deviation √2, 2 … 6 */
        static const double same[] = { 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1 };
        static const double none[] = { NAN, NAN };
        static const double huge[] = { -1.7e308, 1.7e308 };

        (void)state;
        assert_true(is_equal(scaled_one(FEATURES_SCALING_STANDARD, four, 6, 7), (float)(3 / sqrt(2))));
        assert_true(is_equal(scaled_one(FEATURES_SCALING_MIN_MAX, four, 6, 7), 1.25F));
        assert_true(is_equal(scaled_one(FEATURES_SCALING_MIN_MAX, four, 6, 2), 0));
        assert_true(is_equal(scaled_one(FEATURES_SCALING_PASSTHROUGH, four, 6, 7), 7));
        /* 0.1 seven times has a mean that is not 0.1 */
        assert_true(is_equal(scaled_one(FEATURES_SCALING_STANDARD, same, 7, 0.1), 0));
        assert_true(is_equal(scaled_one(FEATURES_SCALING_MIN_MAX, same, 7, 0.1), 0));
        assert_true(is_equal(scaled_one(FEATURES_SCALING_STANDARD, none, 2, 5), 5));
        assert_true(isfinite(scaled_one(FEATURES_SCALING_STANDARD, huge, 2, 5)));
        assert_true(isfinite(scaled_one(FEATURES_SCALING_MIN_MAX, huge, 2, 5)));
}

/* What is fitted depends on the tables that fit() saw, not on those that are transformed, nor on how they are cut. */
static void test_scaling_is_fitted_on_train_only(void **state) {
        static const struct features_choice choice = { "age", FEATURES_SCALING_STANDARD };
        const struct fixture *fixture = *state;
        _cleanup_(features_destroy_pointer) struct features *whole = fit(fixture, &choice, 1), *cut = NULL;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *other = world_rows(fixture->schema, N_ROWS,
                                                                                          N_ROWS);
        _cleanup_(buffer_finish) struct buffer before = BUFFER_NULL, after = BUFFER_NULL, of_cut = BUFFER_NULL;
        _cleanup_(free_pointer) float *matrix = NULL;
        struct table table = table_builder_view(other), slices[2];
        const struct column *ages = table_find(&fixture->table, "age");
        struct column columns[2][32];
        struct fault fault = FAULT_NULL;
        double mean = 0, squares = 0;

        assert_int_equal(features_save(whole, &before), 0);
        matrix = apply(whole, &table, N_ROWS);
        assert_int_equal(features_save(whole, &after), 0);
        assert_string_equal(buffer_text(&before), buffer_text(&after));
        for (size_t i = 0; i < N_ROWS; i++)
                mean += (double)ages->int64[i] / N_ROWS;
        for (size_t i = 0; i < N_ROWS; i++)
                squares += ((double)ages->int64[i] - mean) * ((double)ages->int64[i] - mean);
        ages = table_find(&table, "age");
        for (size_t i = 0; i < N_ROWS; i++)
                assert_true(fabs((double)matrix[i] - ((double)ages->int64[i] - mean) / sqrt(squares / N_ROWS)) < 1e-6);

        slices[0] = table_slice(&fixture->table, 0, 1000, columns[0]);
        slices[1] = table_slice(&fixture->table, 1000, N_ROWS - 1000, columns[1]);
        assert_int_equal(features_fit(fixture->schema, &choice, 1, slices, 2, &cut, &fault), 0);
        assert_int_equal(features_save(cut, &of_cut), 0);
        assert_string_equal(buffer_text(&of_cut), buffer_text(&before));
}

static void check_refused_choice(const struct fixture *fixture, const char *column, const char *want_code) {
        struct features_choice choice = { column, FEATURES_SCALING_STANDARD };
        struct features *features = NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(features_fit(fixture->schema, &choice, 1, &fixture->table, 1, &features, &fault),
                         FAULT_E_INPUT);
        assert_null(features);
        assert_string_equal(fault.code, want_code);
        assert_string_equal(fault.column, column);
}

static void test_choices_are_checked(void **state) {
        const struct fixture *fixture = *state;
        struct features_choice twice[] = { { "age", FEATURES_SCALING_STANDARD },
                                           { "age", FEATURES_SCALING_PASSTHROUGH } };
        _cleanup_(features_destroy_pointer) struct features *last = fit(fixture, twice, 2),
                                                            *plain = fit(fixture, NULL, 0);
        _cleanup_(buffer_finish) struct buffer a = BUFFER_NULL, b = BUFFER_NULL;

        check_refused_choice(fixture, "nothing", "TRANSFORM_UNKNOWN_COLUMN");
        check_refused_choice(fixture, "id", "TRANSFORM_UNKNOWN_COLUMN");
        check_refused_choice(fixture, "bought", "TRANSFORM_UNKNOWN_COLUMN");
        check_refused_choice(fixture, "sex", "TRANSFORM_NOT_A_NUMBER");
        check_refused_choice(fixture, "insured", "TRANSFORM_NOT_A_NUMBER");
        assert_int_equal(features_save(last, &a), 0);
        assert_int_equal(features_save(plain, &b), 0);
        assert_string_equal(buffer_text(&a), buffer_text(&b));
}

static void test_fitting_needs_the_column(void **state) {
        static const double texts[] = { 1 };
        const struct fixture *fixture = *state;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *other = column_of("age", COLUMN_FLOAT64, texts,
                                                                                         1);
        _cleanup_(table_builder_destroy_pointer) struct table_builder *stranger = column_of("x", COLUMN_INT64, texts,
                                                                                            1);
        struct features_choice choice = { "age", FEATURES_SCALING_MIN_MAX };
        struct table table = table_builder_view(other);
        struct features *features = NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(features_fit(fixture->schema, &choice, 1, &table, 1, &features, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "TRANSFORM_COLUMN_TYPE");
        table = table_builder_view(stranger);
        assert_int_equal(features_fit(fixture->schema, &choice, 1, &table, 1, &features, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "SCHEMA_MISSING_COLUMN");
}

static void test_what_may_not_be_transformed(void **state) {
        const struct fixture *fixture = *state;
        _cleanup_(features_destroy_pointer) struct features *features = fit(fixture, NULL, 0);
        _cleanup_(table_builder_destroy_pointer) struct table_builder *rows = world_rows(fixture->schema, 0, 5);
        float matrix[N_OUTPUTS * 8];
        struct fault fault = FAULT_NULL;
        struct column columns[32];
        struct table table;

        /* a missing age is to be rejected */
        for (size_t k = 0; k < fixture->schema->n_columns; k++)
                assert_int_equal(k == 1 ? table_builder_add_missing(rows, k)
                                 : value_column_type(fixture->schema->columns[k].type) == COLUMN_UTF8
                                         ? table_builder_add_text(rows, k, k == 5 ? "f" : "small", k == 5 ? 1 : 5)
                                 : fixture->schema->columns[k].type == VALUE_TYPE_FLOAT
                                         ? table_builder_add_float64(rows, k, 1)
                                         : table_builder_add_int64(rows, k, 1),
                                 0);
        table = table_builder_view(rows);
        assert_int_equal(features_apply(features, &table, matrix, 8, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FEATURE_TYPE_NOT_PRESENT");
        assert_string_equal(fault.column, "age");
        assert_int_equal(fault.row, 5);

        /* an unknown sex is, too */
        memcpy(columns, table.columns, table.n_columns * sizeof(*columns));
        columns[5].text = "xxxxxx";
        columns[1].validity = NULL;
        table.columns = columns;
        assert_int_equal(features_apply(features, &table, matrix, 8, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "ENUM_TYPE_UNEXPECTED_STRING_VALUES");
        assert_string_equal(fault.column, "sex");
        assert_int_equal(fault.row, 0);

        columns[5].name = "gender";
        assert_int_equal(features_apply(features, &table, matrix, 8, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "SCHEMA_MISSING_COLUMN");
        assert_string_equal(fault.column, "sex");
}

/* A champion's schema may call float what became int, and the other way round. */
static void test_columns_of_another_type(void **state) {
        static const double ints[] = { 1, NAN, 7 }, halves[] = { 1, 2.5 };
        _cleanup_(schema_destroy_pointer) struct schema *schema = world_schema(number_schema);
        _cleanup_(schema_destroy_pointer) struct schema *of_ints = world_schema(
                "schema: 1\nenvironments: [TRAINING, SERVING]\ncolumns:\n"
                "  - {name: x, type: int}\n  - {name: y, role: label, type: bool}\n");
        _cleanup_(table_builder_destroy_pointer) struct table_builder *as_int = column_of("x", COLUMN_INT64, ints, 3);
        _cleanup_(table_builder_destroy_pointer) struct table_builder *as_float = column_of("x", COLUMN_FLOAT64, halves,
                                                                                            2);
        _cleanup_(features_destroy_pointer) struct features *wide = NULL, *narrow = NULL;
        struct table table = table_builder_view(as_int);
        struct fault fault = FAULT_NULL;
        float matrix[3];

        (void)state;
        assert_int_equal(features_fit(schema, NULL, 0, NULL, 0, &wide, &fault), 0);
        assert_int_equal(features_fit(of_ints, NULL, 0, NULL, 0, &narrow, &fault), 0);
        assert_int_equal(features_apply(wide, &table, matrix, 3, &fault), 0);
        assert_true(is_equal(matrix[0], 1) && isnan(matrix[1]) && is_equal(matrix[2], 7));
        table = table_builder_view(as_float);
        assert_int_equal(features_apply(narrow, &table, matrix, 3, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "TRANSFORM_COLUMN_TYPE");
        assert_string_equal(fault.column, "x");
        assert_int_equal(fault.row, 1);
}

static void test_transform_json_round_trip(void **state) {
        static const struct features_choice choices[] = { { "age", FEATURES_SCALING_STANDARD },
                                                          { "income", FEATURES_SCALING_MIN_MAX } };
        const struct fixture *fixture = *state;
        _cleanup_(features_destroy_pointer) struct features *features = fit(fixture, choices, 2), *loaded = NULL;
        _cleanup_(free_pointer) float *want = apply(features, &fixture->table, N_ROWS), *got = NULL;
        _cleanup_(buffer_finish) struct buffer first = BUFFER_NULL, second = BUFFER_NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(features_save(features, &first), 0);
        assert_int_equal(features_load(fixture->schema, first.data, first.n_bytes, &loaded, &fault), 0);
        assert_int_equal(features_save(loaded, &second), 0);
        assert_int_equal(first.n_bytes, second.n_bytes);
        assert_memory_equal(first.data, second.data, first.n_bytes);
        got = apply(loaded, &fixture->table, N_ROWS);
        assert_memory_equal(got, want, N_OUTPUTS * N_ROWS * sizeof(float));
}

static void check_not_loaded(const struct schema *schema, const char *json, const char *want_code) {
        struct features *features = NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(features_load(schema, json, strlen(json), &features, &fault), FAULT_E_INPUT);
        assert_null(features);
        assert_string_equal(fault.code, want_code);
}

/* json with the first `from` replaced by `to`, of the same length or not. */
static void check_changed(const struct schema *schema, const struct buffer *json, const char *from, const char *to,
                          const char *want_code) {
        _cleanup_(buffer_finish) struct buffer changed = BUFFER_NULL;
        const char *text = buffer_text(json), *at = strstr(text, from);

        assert_non_null(at);
        assert_int_equal(buffer_append(&changed, text, (size_t)(at - text)), 0);
        assert_int_equal(buffer_append_text(&changed, to), 0);
        assert_int_equal(buffer_append_text(&changed, at + strlen(from)), 0);
        check_not_loaded(schema, buffer_text(&changed), want_code);
}

static void test_another_transform_is_refused(void **state) {
        static const struct features_choice choice = { "age", FEATURES_SCALING_STANDARD };
        const struct fixture *fixture = *state;
        _cleanup_(features_destroy_pointer) struct features *features = fit(fixture, &choice, 1);
        _cleanup_(schema_destroy_pointer) struct schema *other = world_schema(number_schema);
        _cleanup_(buffer_finish) struct buffer json = BUFFER_NULL;

        assert_int_equal(features_save(features, &json), 0);
        check_not_loaded(other, buffer_text(&json), "TRANSFORM_SCHEMA");
        check_not_loaded(fixture->schema, "", "JSON_MALFORMED");
        check_not_loaded(fixture->schema, "[]", "JSON_FIELD");
        check_not_loaded(fixture->schema, "{\"transform\": 1}", "JSON_FIELD");
        check_changed(fixture->schema, &json, "\"transform\": 1", "\"transform\": 2", "JSON_FIELD");
        check_changed(fixture->schema, &json, fixture->schema->digest, "0", "TRANSFORM_SCHEMA");
        check_changed(fixture->schema, &json, "\"name\": \"income\"", "\"name\": \"outcome\"", "TRANSFORM_OUTPUTS");
        check_changed(fixture->schema, &json, "\"operation\": \"map\"", "\"operation\": \"pass\"", "TRANSFORM_OUTPUTS");
        check_changed(fixture->schema, &json, "\"column\": \"size\"", "\"column\": \"sex\"", "TRANSFORM_OUTPUTS");
        check_changed(fixture->schema, &json, "\"standard\"", "\"sideways\"", "TRANSFORM_SCALING");
        check_changed(fixture->schema, &json, "\"unit\": ", "\"unit\": -", "TRANSFORM_SCALING");
        check_changed(fixture->schema, &json, "\"unit\": ", "\"unit\": \"", "JSON_MALFORMED");
        check_changed(fixture->schema, &json, "\"operation\": \"map\",",
                      "\"operation\": \"map\", \"scaling\": \"standard\", \"shift\": 0, \"unit\": 1,",
                      "TRANSFORM_SCALING");
        check_changed(fixture->schema, &json, "\"outputs\": [", "\"outputs\": [{},", "TRANSFORM_OUTPUTS");
}

static void test_names_of_scalings_are_the_pipelines(void **state) {
        (void)state;
        assert_string_equal(features_scaling_name(FEATURES_SCALING_PASSTHROUGH), "passthrough");
        assert_string_equal(features_scaling_name(FEATURES_SCALING_STANDARD), "standard");
        assert_string_equal(features_scaling_name(FEATURES_SCALING_MIN_MAX), "min_max");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_outputs_bear_the_encoded_names),
                cmocka_unit_test(test_cells_are_what_the_schema_says),
                cmocka_unit_test(test_rows_and_batches_give_the_same_bytes),
                cmocka_unit_test(test_any_order_of_columns_and_any_cut),
                cmocka_unit_test(test_only_features_are_read),
                cmocka_unit_test(test_scaling_by_hand),
                cmocka_unit_test(test_scaling_is_fitted_on_train_only),
                cmocka_unit_test(test_choices_are_checked),
                cmocka_unit_test(test_fitting_needs_the_column),
                cmocka_unit_test(test_what_may_not_be_transformed),
                cmocka_unit_test(test_columns_of_another_type),
                cmocka_unit_test(test_transform_json_round_trip),
                cmocka_unit_test(test_another_transform_is_refused),
                cmocka_unit_test(test_names_of_scalings_are_the_pipelines),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
