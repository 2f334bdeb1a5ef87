/* JSON, written: deterministic, escaped, shortest numbers, first failure remembered. */

#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/json.h"
#include "common/base/json_builder.h"

static void write_sample(struct json_builder *json) {
        json_begin_object(json);
        json_key_text(json, "z", "a\"b\\c\n\x01\xc3\xa9");
        json_key_int64(json, "n", INT64_MIN);
        json_key_uint64(json, "u", UINT64_MAX);
        json_key_double(json, "d", 0.1);
        json_key_float(json, "f", 0.1F);
        json_key_bool(json, "t", true);
        json_key(json, "x");
        json_put_null(json);
        json_key_text(json, "none", NULL);
        json_key_raw(json, "raw", "{\"k\":1}", 7);
        json_key(json, "list");
        json_begin_array(json);
        json_put_int64(json, 1);
        json_begin_object(json);
        json_end_object(json);
        json_begin_array(json);
        json_end_array(json);
        json_begin_array(json);
        json_put_bool(json, false);
        json_end_array(json);
        json_end_array(json);
        json_end_object(json);
}

static void compact_style(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json;

        (void)state;
        assert_int_equal(buffer_append_text(&text, "before "), 0);
        json = json_begin(&text, JSON_COMPACT);
        write_sample(&json);
        assert_int_equal(json_end(&json), 0);
        assert_string_equal(buffer_text(&text),
                            "before {\"z\":\"a\\\"b\\\\c\\n\\u0001\xc3\xa9\",\"n\":-9223372036854775808,"
                            "\"u\":18446744073709551615,\"d\":0.1,\"f\":0.1,\"t\":true,\"x\":null,\"none\":null,"
                            "\"raw\":{\"k\":1},\"list\":[1,{},[],[false]]}");
        assert_int_equal(text.n_bytes, strlen(buffer_text(&text)));
}

static void pretty_style(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_PRETTY);

        (void)state;
        json_begin_object(&json);
        json_key_int64(&json, "a", 1);
        json_key(&json, "b");
        json_begin_array(&json);
        json_put_int64(&json, 1);
        json_begin_object(&json);
        json_end_object(&json);
        json_end_array(&json);
        json_end_object(&json);
        assert_int_equal(json_end(&json), 0);
        assert_string_equal(buffer_text(&text), "{\n  \"a\": 1,\n  \"b\": [\n    1,\n    {}\n  ]\n}\n");
}

static void numbers_read_back_to_the_bit(void **state) {
        static const double NUMBERS[] = {
                0.1, 1.0 / 3, 1e22, 1e-7, DBL_MAX, DBL_MIN, 5e-324, 28.0, -0.0, 123456789.125
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(NUMBERS); i++) {
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                struct json_builder json = json_begin(&text, JSON_COMPACT);
                double again;

                json_put_double(&json, NUMBERS[i]);
                assert_int_equal(json_end(&json), 0);
                again = strtod(buffer_text(&text), NULL);
                assert_memory_equal(&again, &NUMBERS[i], sizeof(again));
                assert_non_null(strpbrk(buffer_text(&text), ".eE"));
        }
}

static void floats_read_back_to_the_bit(void **state) {
        static const float NUMBERS[] = { 0.1F, 1.0F / 3, FLT_MAX, FLT_MIN, 16777216.0F, -0.72543F, 1e-40F };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(NUMBERS); i++) {
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                struct json_builder json = json_begin(&text, JSON_COMPACT);
                float again;

                json_put_float(&json, NUMBERS[i]);
                assert_int_equal(json_end(&json), 0);
                again = strtof(buffer_text(&text), NULL);
                assert_memory_equal(&again, &NUMBERS[i], sizeof(again));
                assert_true(text.n_bytes <= 15);
        }
}

static void what_is_no_number_becomes_null(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_COMPACT);

        (void)state;
        json_begin_array(&json);
        json_put_double(&json, NAN);
        json_put_double(&json, INFINITY);
        json_put_float(&json, -INFINITY);
        json_end_array(&json);
        assert_int_equal(json_end(&json), 0);
        assert_string_equal(buffer_text(&text), "[null,null,null]");
}

static void bytes_that_are_no_text_are_replaced(void **state) {
        static const struct {
                const char *text, *want;
        } ROWS[] = {
                { "a\xff"
                  "b",
                  "\"a\xef\xbf\xbd"
                  "b\"" },
                { "cut \xc3", "\"cut \xef\xbf\xbd\"" },
                { "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
                { "\xc0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\"" },
                { "\xf0\x9f\x98\x80\xf0\x9f", "\"\xf0\x9f\x98\x80\xef\xbf\xbd\xef\xbf\xbd\"" },
                { "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(ROWS); i++) {
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                struct json_builder json = json_begin(&text, JSON_COMPACT);
                struct fault fault = FAULT_NULL;
                struct json *again = NULL;

                json_put_text(&json, ROWS[i].text);
                assert_int_equal(json_end(&json), 0);
                assert_string_equal(buffer_text(&text), ROWS[i].want);
                assert_int_equal(json_parse(buffer_text(&text), text.n_bytes, &fault, &again), 0);
                json_destroy(again);
        }
}

static void values_travel_whole(void **state) {
        static const char TEXT[] = "{\"b\":[1,2.5,{\"c\":null,\"d\":\"\\u0000\"}],\"a\":true,\"n\":-3,\"e\":{}}";
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder builder = json_begin(&text, JSON_COMPACT);
        struct fault fault = FAULT_NULL;
        struct json *json = NULL;

        (void)state;
        assert_int_equal(json_parse(TEXT, sizeof(TEXT) - 1, &fault, &json), 0);
        json_begin_array(&builder);
        json_put_value(&builder, json_root(json));
        json_put_value(&builder, NULL);
        json_end_array(&builder);
        assert_int_equal(json_end(&builder), 0);
        assert_int_equal(text.n_bytes, sizeof(TEXT) - 1 + strlen("[,null]"));
        assert_memory_equal(buffer_text(&text) + 1, TEXT, sizeof(TEXT) - 1);
        json_destroy(json);
}

static void deep_nesting_keeps_its_marks(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder builder = json_begin(&text, JSON_PRETTY);
        struct fault fault = FAULT_NULL;
        struct json *json = NULL;

        (void)state;
        for (int i = 0; i < JSON_DEPTH_MAX / 2; i++) {
                json_begin_array(&builder);
                json_put_int64(&builder, i);
                json_begin_object(&builder);
                json_key(&builder, "k");
        }
        json_put_null(&builder);
        for (int i = 0; i < JSON_DEPTH_MAX / 2; i++) {
                json_end_object(&builder);
                json_put_int64(&builder, i);
                json_end_array(&builder);
        }
        assert_int_equal(json_end(&builder), 0);
        assert_int_equal(json_parse(buffer_text(&text), text.n_bytes, &fault, &json), 0);
        json_destroy(json);
}

static void the_first_failure_is_remembered(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder builder = json_begin(&text, JSON_COMPACT);

        (void)state;
        json_begin_array(&builder);
        json_put_raw(&builder, "1", SIZE_MAX / 2);
        json_put_int64(&builder, 1);
        json_put_text(&builder, "x");
        json_end_array(&builder);
        assert_int_equal(json_end(&builder), -ENOMEM);
        assert_string_equal(buffer_text(&text), "[");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(compact_style),
                cmocka_unit_test(pretty_style),
                cmocka_unit_test(numbers_read_back_to_the_bit),
                cmocka_unit_test(floats_read_back_to_the_bit),
                cmocka_unit_test(what_is_no_number_becomes_null),
                cmocka_unit_test(bytes_that_are_no_text_are_replaced),
                cmocka_unit_test(values_travel_whole),
                cmocka_unit_test(deep_nesting_keeps_its_marks),
                cmocka_unit_test(the_first_failure_is_remembered),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
