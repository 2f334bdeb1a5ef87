/* Predict: how a row may be written, what is refused, and what is answered. */

#include "common/model/predict.h"

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/world.h"

enum { N_ROWS = 2000 };

static const char *const pairs[] = { "num_boost_round", "20", "max_depth", "4", NULL };
static const struct predict_model named = { "toys", 3 };

#define BASE "\"age\":44,\"income\":123.5,\"visits\":2,\"insured\":0"
/* the same numbers, written otherwise */
#define BASE_OTHERWISE "\"age\":4.4e1,\"income\":123.50,\"visits\":2.0,\"insured\":false"
#define RAW BASE ",\"sex\":\"m\",\"size\":\"large\",\"color\":\"red\",\"zone\":2"
#define ENCODED \
        BASE ",\"sex\":1,\"size_small\":0,\"size_large\":1,\"color_red\":1,\"color_green\":0,\"color_blue\":0,\"zone_" \
             "code\":20"

static int set_up(void **state) {
        *state = world_create(N_ROWS, NULL, 0, pairs);
        return 0;
}

static int tear_down(void **state) {
        *state = world_destroy(*state);
        return 0;
}

/* Predicts one JSON row; answer (may be NULL) takes the JSON answer. */
static int predict(const struct bundle *bundle, const char *json, struct buffer *answer,
                   struct prediction *ret_prediction, struct fault *fault) {
        _cleanup_(json_destroy_pointer) struct json *document = NULL;
        struct json_builder builder;
        struct predict_row row;
        int r;

        *fault = (struct fault)FAULT_NULL;
        assert_int_equal(json_parse(json, strlen(json), fault, &document), 0);
        predict_row_init(&row, bundle->schema);
        r = predict_row_add_object(&row, json_root(document), fault);
        if (!r)
                r = predict_row(bundle, &row, ret_prediction, fault);
        if (r || !answer)
                return r;
        builder = json_begin(answer, JSON_COMPACT);
        predict_put_json(&builder, bundle, &row, ret_prediction, &named);
        assert_int_equal(json_end(&builder), 0);
        return 0;
}

static struct prediction need(const struct world *world, const char *json) {
        struct prediction prediction = { 0 };
        struct fault fault;
        int r = predict(&world->bundle, json, NULL, &prediction, &fault);

        if (r)
                print_error("%s: %s: %s: %s\n", json, fault.code, fault.column, fault.message);
        assert_int_equal(r, 0);
        return prediction;
}

static void check_same(const struct prediction *a, const struct prediction *b) {
        assert_memory_equal(&a->margin, &b->margin, sizeof(float));
        assert_memory_equal(&a->probability, &b->probability, sizeof(float));
        assert_int_equal(a->outcome, b->outcome);
}

static void test_raw_encoded_and_mixed_are_one(void **state) {
        static const char *const rows[] = {
                "{" ENCODED "}",
                "{" BASE ",\"sex\":1,\"size\":\"large\",\"color_blue\":0,\"color_red\":1,\"color_green\":0,\"zone\":2}",
                "{\"zone_code\":20.0,\"color\":\"red\",\"size_large\":1e0,\"size_small\":-0.0,\"sex\":\"m\"," BASE "}",
                /* true and false are what data frames' one-hot encoders write */
                "{" BASE ",\"sex\":\"m\",\"size_small\":false,\"size_large\":true,\"color\":\"red\",\"zone\":2}",
                /* null is absence, so there is no clash */
                "{" RAW ",\"size_small\":null,\"size_large\":null,\"zone_code\":null}",
                "{" ENCODED ",\"size\":null,\"color\":\"\",\"zone\":null}",
                "{" BASE_OTHERWISE ",\"sex\":\"m\",\"size\":\"large\",\"color\":\"red\",\"zone\":2}",
        };
        const struct prediction want = need(*state, "{" RAW "}");

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct prediction got = need(*state, rows[i]);

                check_same(&got, &want);
        }
}

static void test_all_zeros_stand_for_otherwise(void **state) {
        const struct prediction want = need(*state,
                                            "{" BASE ",\"sex\":0,\"size\":\"medium\",\"color\":\"red\",\"zone\":1}");
        const struct prediction got = need(
                *state,
                "{" BASE ",\"sex\":\"f\",\"size_small\":0,\"size_large\":0,\"color\":\"red\",\"zone_code\":10}");

        check_same(&got, &want);
}

static void test_declared_outcomes_when_serving(void **state) {
        struct prediction want, got;

        /* visits fills in 3, an unknown zone stands for 2 */
        want = need(*state, "{\"age\":44,\"income\":1,\"visits\":3,\"insured\":0,\"sex\":\"m\",\"size\":\"large\","
                            "\"color\":\"red\",\"zone\":2}");
        got = need(*state, "{\"age\":44,\"income\":1,\"visits\":null,\"insured\":0,\"sex\":\"m\",\"size\":\"large\","
                           "\"color\":\"red\",\"zone\":77}");
        check_same(&got, &want);
        /* a missing and an unknown color are one to the model */
        want = need(*state, "{\"age\":44,\"visits\":3,\"insured\":0,\"sex\":\"m\",\"size\":\"large\",\"zone\":2}");
        got = need(*state, "{\"age\":44,\"visits\":3,\"insured\":0,\"sex\":\"m\",\"size\":\"large\",\"zone\":2,"
                           "\"income\":null,\"color\":\"ochre\"}");
        check_same(&got, &want);
}

static void test_what_is_refused(void **state) {
        static const struct {
                const char *json, *want_code, *want_column;
        } rows[] = {
                { "{" RAW ",\"colour\":\"red\"}", "SCHEMA_NEW_COLUMN", "colour" },
                { "{" RAW ",\"colour\":null}", "SCHEMA_NEW_COLUMN", "colour" },
                { "{" RAW ",\"Age\":3}", "SCHEMA_NEW_COLUMN", "Age" },
                { "{" RAW ",\"zone_code\":20}", "COLUMN_RAW_AND_ENCODED", "zone_code" },
                { "{\"zone_code\":20," RAW "}", "COLUMN_RAW_AND_ENCODED", "zone" },
                { "{" RAW ",\"size_small\":0}", "COLUMN_RAW_AND_ENCODED", "size_small" },
                { "{" RAW ",\"sex\":1}", "COLUMN_TWICE", "sex" },
                { "{" RAW ",\"age\":44}", "COLUMN_TWICE", "age" },
                { "{" RAW ",\"age\":null}", "COLUMN_TWICE", "age" },
                { "{" BASE ",\"sex\":1,\"size_small\":0,\"color\":\"red\",\"zone\":2}", "ONE_HOT_INCOMPLETE", "size" },
                { "{" BASE ",\"sex\":1,\"size_small\":0,\"size_large\":null,\"color\":\"red\",\"zone\":2}",
                  "ONE_HOT_INCOMPLETE", "size" },
                /* the same half twice does not make a whole */
                { "{" BASE ",\"sex\":1,\"size_small\":0,\"size_small\":0,\"color\":\"red\",\"zone\":2}", "COLUMN_TWICE",
                  "size_small" },
                { "{" BASE ",\"sex\":1,\"size_small\":1,\"size_large\":1,\"color\":\"red\",\"zone\":2}",
                  "ONE_HOT_TWO_ONES", "size_large" },
                { "{" BASE ",\"sex\":1,\"size_small\":0.5,\"size_large\":1,\"color\":\"red\",\"zone\":2}",
                  "ONE_HOT_NOT_BINARY", "size_small" },
                { "{" BASE ",\"sex\":1,\"size_small\":-1,\"size_large\":1,\"color\":\"red\",\"zone\":2}",
                  "ONE_HOT_NOT_BINARY", "size_small" },
                { "{" BASE ",\"sex\":1,\"size_small\":\"0\",\"size_large\":1,\"color\":\"red\",\"zone\":2}",
                  "ENCODED_NUMBER_EXPECTED", "size_small" },
                { "{" BASE ",\"sex\":1,\"size_small\":[0],\"size_large\":1,\"color\":\"red\",\"zone\":2}",
                  "ENCODED_NUMBER_EXPECTED", "size_small" },
                { "{" BASE
                  ",\"sex\":1,\"size\":\"large\",\"color_red\":0,\"color_green\":0,\"color_blue\":0,\"zone\":2}",
                  "ONE_HOT_NO_ONE", "color" },
                { "{" BASE ",\"sex\":2,\"size\":\"large\",\"color\":\"red\",\"zone\":2}",
                  "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "sex" },
                { "{" BASE ",\"sex\":1,\"size\":\"large\",\"color\":\"red\",\"zone_code\":15}",
                  "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "zone_code" },
                { "{" BASE ",\"sex\":1,\"size\":\"large\",\"color\":\"red\",\"zone_code\":true}",
                  "ENCODED_NUMBER_EXPECTED", "zone_code" },
                { "{" BASE ",\"sex\":\"x\",\"size\":\"large\",\"color\":\"red\",\"zone\":2}",
                  "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "sex" },
                { "{" BASE ",\"sex\":\"1\",\"size\":\"large\",\"color\":\"red\",\"zone\":2}",
                  "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "sex" },
                { "{" BASE ",\"size\":\"large\",\"color\":\"red\",\"zone\":2}", "FEATURE_TYPE_NOT_PRESENT", "sex" },
                { "{}", "FEATURE_TYPE_NOT_PRESENT", "age" },
                { "[]", "ROW_NOT_AN_OBJECT", "" },
                { "\"age\"", "ROW_NOT_AN_OBJECT", "" },
        };
        const struct world *world = *state;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct prediction prediction;
                struct fault fault;
                int r = predict(&world->bundle, rows[i].json, NULL, &prediction, &fault);

                if (r != FAULT_E_INPUT || strcmp(fault.code, rows[i].want_code) ||
                    strcmp(fault.column, rows[i].want_column))
                        print_error("%s: %d %s %s\n", rows[i].json, r, fault.code, fault.column);
                assert_int_equal(r, FAULT_E_INPUT);
                assert_string_equal(fault.code, rows[i].want_code);
                assert_string_equal(fault.column, rows[i].want_column);
        }
}

static void test_wrong_kinds_of_json(void **state) {
        static const struct {
                const char *age, *want_code, *want_words;
        } rows[] = {
                { "\"44\"", "INT_TYPE_INT_EXPECTED", "44" }, { "true", "INT_TYPE_INT_EXPECTED", "true" },
                { "44.5", "INT_TYPE_INT_EXPECTED", "44.5" }, { "1e300", "INT_TYPE_INT_EXPECTED", "e" },
                { "[44]", "UNEXPECTED_DATA_TYPE", "list" },  { "{\"a\":[1,2]}", "UNEXPECTED_DATA_TYPE", "object" },
                { "151", "INT_TYPE_BIG_INT", "151" },        { "-1", "INT_TYPE_SMALL_INT", "-1" },
                { "null", "FEATURE_TYPE_NOT_PRESENT", "" },  { "\"\"", "FEATURE_TYPE_NOT_PRESENT", "" },
        };
        const struct world *world = *state;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct prediction prediction;
                struct fault fault;
                char json[512];

                snprintf(json, sizeof(json),
                         "{\"age\":%s,\"income\":1,\"visits\":1,\"insured\":0,\"sex\":1,\"size\":\"large\"}",
                         rows[i].age);
                assert_int_equal(predict(&world->bundle, json, NULL, &prediction, &fault), FAULT_E_INPUT);
                if (strcmp(fault.code, rows[i].want_code))
                        print_error("%s: %s\n", rows[i].age, fault.message);
                assert_string_equal(fault.code, rows[i].want_code);
                assert_string_equal(fault.column, "age");
                assert_non_null(strstr(fault.message, rows[i].want_words));
        }
}

static void test_label_is_ignored_and_key_echoed(void **state) {
        const struct world *world = *state;
        const struct prediction want = need(world, "{" RAW "}");
        _cleanup_(buffer_finish) struct buffer with_id = BUFFER_NULL, without = BUFFER_NULL;
        struct prediction got;
        struct fault fault;
        char text[512];

        assert_int_equal(predict(&world->bundle, "{" RAW ",\"bought\":\"whatever\",\"id\":77}", &with_id, &got, &fault),
                         0);
        check_same(&got, &want);
        assert_int_equal(predict(&world->bundle, "{" RAW "}", &without, &got, &fault), 0);
        assert_non_null(strstr(buffer_text(&with_id), ",\"id\":77,\"model\":\"toys\",\"version\":3}"));
        assert_null(strstr(buffer_text(&without), "\"id\""));
        snprintf(text, sizeof(text), "{\"prediction\":%d,\"label\":\"%s\",\"probability\":", want.outcome,
                 want.outcome ? "Bought-Yes" : "Bought-No");
        assert_int_equal(strncmp(buffer_text(&without), text, strlen(text)), 0);
        assert_non_null(strstr(buffer_text(&without), ",\"threshold\":0.377540"));
        assert_int_equal(predict(&world->bundle, "{" RAW ",\"id\":\"x\"}", NULL, &got, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.column, "id");
}

static int predict_fields(const struct bundle *bundle, const char *const *fields, struct prediction *ret_prediction,
                          struct fault *fault) {
        struct predict_row row;
        int r = 0;

        *fault = (struct fault)FAULT_NULL;
        predict_row_init(&row, bundle->schema);
        for (; *fields && !r; fields += 2)
                r = predict_row_add_text(&row, fields[0], strlen(fields[0]), fields[1], strlen(fields[1]), fault);
        return r ? r : predict_row(bundle, &row, ret_prediction, fault);
}

static void test_text_forms(void **state) {
        static const char *const raw[] = { "age",     "44",    "income", "123.50", "visits", "+2",
                                           "insured", "False", "sex",    "m",      "size",   "large",
                                           "color",   "red",   "zone",   "02",     NULL };
        static const char *const encoded[] = { "zone_code",  "2e1", "sex",       "1",  "size_small",  "0",
                                               "size_large", "1",   "color_red", "1",  "color_green", "0",
                                               "color_blue", "0",   "age",       "44", "income",      "1.235e2",
                                               "visits",     "2",   "insured",   "0",  "size",        "",
                                               "id",         "",    "bought",    "",   NULL };
        const struct world *world = *state;
        const struct prediction want = need(world, "{" RAW "}");
        struct prediction got = { 0 };
        struct fault fault;

        assert_int_equal(predict_fields(&world->bundle, raw, &got, &fault), 0);
        check_same(&got, &want);
        assert_int_equal(predict_fields(&world->bundle, encoded, &got, &fault), 0);
        check_same(&got, &want);
}

static void test_text_that_is_refused(void **state) {
        static const struct {
                const char *name, *text, *want_code;
        } rows[] = {
                { "age", "x", "INT_TYPE_INT_EXPECTED" },
                { "age", " 44", "INT_TYPE_INT_EXPECTED" },
                { "age", "nan", "FEATURE_TYPE_NOT_PRESENT" },
                { "zone", "x", "INT_TYPE_INT_EXPECTED" },
                { "size_small", "yes", "ENCODED_NUMBER_EXPECTED" },
                { "size_small", "inf", "ONE_HOT_NOT_BINARY" },
                { "size_small", "nan", "FEATURE_TYPE_NOT_PRESENT" }, /* absence, and nothing of age either */
                { "shape", "round", "SCHEMA_NEW_COLUMN" },
        };
        const struct world *world = *state;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                const char *const fields[] = { rows[i].name, rows[i].text, NULL };
                struct prediction prediction;
                struct fault fault;

                assert_int_equal(predict_fields(&world->bundle, fields, &prediction, &fault), FAULT_E_INPUT);
                if (strcmp(fault.code, rows[i].want_code))
                        print_error("%s=%s: %s\n", rows[i].name, rows[i].text, fault.code);
                assert_string_equal(fault.code, rows[i].want_code);
        }
}

/* Puts a row of the table into JSON, its columns turned about by `shift`. */
static void put_row(const struct world *world, const struct value *values, size_t shift, struct buffer *text) {
        struct json_builder json = json_begin(text, JSON_COMPACT);
        size_t n = world->schema->n_columns;

        json_begin_object(&json);
        for (size_t k = 0; k < n; k++) {
                size_t i = (k + shift) % n;
                const struct schema_column *column = &world->schema->columns[i];

                json_key(&json, column->name);
                if (values[i].kind == VALUE_MISSING)
                        json_put_null(&json);
                else if (values[i].kind == VALUE_INT)
                        json_put_int64(&json, values[i].integer);
                else if (values[i].kind == VALUE_FLOAT)
                        json_put_double(&json, values[i].number);
                else if (column->type == VALUE_TYPE_CATEGORY_INT)
                        json_put_int64(&json, strtol(values[i].text, NULL, 10));
                else
                        json_put_text_n(&json, values[i].text, values[i].n_bytes);
        }
        json_end_object(&json);
        assert_int_equal(json_end(&json), 0);
}

/* What the gateway answers is what the evaluator measured: margins of batches, to the bit, in any order of columns. */
static void test_rows_are_batches(void **state) {
        const struct world *world = *state;
        _cleanup_(free_pointer) float *margins = calloc(N_ROWS, sizeof(float));
        char scratch[SCHEMA_COLUMNS_MAX][VALUE_SCRATCH_BYTES];
        struct value values[SCHEMA_COLUMNS_MAX];
        struct fault fault = FAULT_NULL;
        size_t n_positive = 0;

        assert_int_equal(bundle_score(&world->bundle, &world->table, 1, margins, &fault), 0);
        for (size_t i = 0; i < N_ROWS; i++) {
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                struct prediction got;

                world_row(world->schema, &world->table, i, scratch, values);
                put_row(world, values, i, &text);
                got = need(world, buffer_text(&text));
                assert_memory_equal(&got.margin, &margins[i], sizeof(float));
                assert_int_equal(got.outcome, margins[i] >= -0.5F);
                n_positive += (size_t)got.outcome;
        }
        assert_in_range(n_positive, N_ROWS / 10, N_ROWS * 9 / 10);
}

/* A row is positive from its margin on, not from some rounded probability. */
static void test_the_threshold_is_inclusive(void **state) {
        struct world *world = *state;
        struct prediction got = need(world, "{" RAW "}");
        float kept = world->bundle.threshold.margin;

        world->bundle.threshold.margin = got.margin;
        got = need(world, "{" RAW "}");
        assert_int_equal(got.outcome, 1);
        world->bundle.threshold.margin = nextafterf(got.margin, INFINITY);
        got = need(world, "{" RAW "}");
        assert_int_equal(got.outcome, 0);
        world->bundle.threshold.margin = kept;
}

static void test_a_long_strange_name_is_cut(void **state) {
        const struct world *world = *state;
        struct prediction prediction;
        struct fault fault;
        char json[1000];

        memset(json, 'x', sizeof(json));
        memcpy(json, "{\"", 2);
        memcpy(json + sizeof(json) - 5, "\":1}", 5);
        assert_int_equal(predict(&world->bundle, json, NULL, &prediction, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "SCHEMA_NEW_COLUMN");
        assert_int_equal(strlen(fault.column), sizeof(fault.column) - 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_raw_encoded_and_mixed_are_one),
                cmocka_unit_test(test_all_zeros_stand_for_otherwise),
                cmocka_unit_test(test_declared_outcomes_when_serving),
                cmocka_unit_test(test_what_is_refused),
                cmocka_unit_test(test_wrong_kinds_of_json),
                cmocka_unit_test(test_label_is_ignored_and_key_echoed),
                cmocka_unit_test(test_text_forms),
                cmocka_unit_test(test_text_that_is_refused),
                cmocka_unit_test(test_rows_are_batches),
                cmocka_unit_test(test_the_threshold_is_inclusive),
                cmocka_unit_test(test_a_long_strange_name_is_cut),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
