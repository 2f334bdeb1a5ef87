/* JSON, read: strict, bounded, exact numbers, values by name. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/json.h"

static struct json *parse(const char *text) {
        struct fault fault = FAULT_NULL;
        struct json *json = NULL;

        assert_int_equal(json_parse(text, strlen(text), &fault, &json), 0);
        return json;
}

static void nan_is_refused_with_what_to_do(void **state) {
        static const char *const texts[] = { "{\"a\": NaN}", "[nan]", "NaN" };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                struct fault fault = FAULT_NULL;
                struct json *json = NULL;

                assert_int_equal(json_parse(texts[i], strlen(texts[i]), &fault, &json), FAULT_E_INPUT);
                assert_string_equal(fault.code, "JSON_MALFORMED");
                assert_non_null(strstr(fault.message, "JSON has no NaN; leave the value out or write null"));
        }
}

static void malformed_text_is_refused_with_its_place(void **state) {
        static const struct {
                const char *text;
                size_t n_bytes;
                int64_t want_line, want_position;
        } ROWS[] = {
                { "", 0, 0, 0 },
                { "{", 1, 1, 2 },
                { "[1,]", 4, 1, 3 },
                { "{\"a\":1,}", 8, 1, 7 },
                { "// x\n1", 6, 1, 1 },
                { "{\n  \"a\": tru\n}", 14, 2, 8 },
                { "[NaN]", 5, 1, 2 },
                { "[Infinity]", 10, 1, 2 },
                { "[1e400]", 7, 1, 2 },
                { "[01]", 4, 1, 2 },
                { "{\"a\":1} x", 9, 1, 9 },
                { "\"\xff\"", 3, 1, 2 },
                { "\"a\nb\"", 5, 1, 3 },
                { "\"\\ud800\"", 8, 0, 0 },
                { "{'a':1}", 7, 1, 2 },
                { "\xef\xbb\xbf{}", 5, 1, 1 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(ROWS); i++) {
                struct fault fault = FAULT_NULL;
                struct json *json = NULL;

                assert_int_equal(json_parse(ROWS[i].text, ROWS[i].n_bytes, &fault, &json), FAULT_E_INPUT);
                assert_null(json);
                assert_string_equal(fault.code, "JSON_MALFORMED");
                assert_true(strlen(fault.message) > 10);
                if (ROWS[i].want_line) {
                        if (fault.position != ROWS[i].want_position)
                                print_error("%s at %d\n", ROWS[i].text, (int)fault.position);
                        assert_int_equal(fault.line, ROWS[i].want_line);
                        assert_int_equal(fault.position, ROWS[i].want_position);
                }
        }
}

static void text_needs_no_end(void **state) {
        struct fault fault = FAULT_NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        int64_t value;

        (void)state;
        assert_int_equal(json_parse("123456", 3, &fault, &json), 0);
        assert_true(json_as_int64(json_root(json), &value));
        assert_int_equal(value, 123);
}

static void depth_is_bounded(void **state) {
        char text[JSON_DEPTH_MAX * 2 + 8];
        struct fault fault = FAULT_NULL;
        struct json *json = NULL;
        size_t n = JSON_DEPTH_MAX;

        (void)state;
        memset(text, '[', n);
        memset(text + n, ']', n);
        assert_int_equal(json_parse(text, 2 * n, &fault, &json), 0);
        json = json_destroy(json);
        memset(text, '[', n + 1);
        memset(text + n + 1, ']', n + 1);
        assert_int_equal(json_parse(text, 2 * n + 2, &fault, &json), FAULT_E_INPUT);
        assert_string_equal(fault.code, "JSON_TOO_DEEP");
        assert_int_equal(fault.position, JSON_DEPTH_MAX + 1);
        assert_null(json);
}

static void brackets_in_texts_are_no_depth(void **state) {
        char text[256] = "[\"\\\"";
        struct json *json;

        (void)state;
        memset(text + 4, '[', 200);
        memcpy(text + 204, "\"]", 3);
        json = parse(text);
        assert_int_equal(json_count(json_root(json)), 1);
        json_destroy(json);
}

static void numbers_are_told_apart_exactly(void **state) {
        static const struct {
                const char *text;
                enum json_kind want_kind;
                bool want_is_int64;
                int64_t want_value;
        } ROWS[] = {
                { "0", JSON_KIND_INT, true, 0 },
                { "-1", JSON_KIND_INT, true, -1 },
                { "28", JSON_KIND_INT, true, 28 },
                { "28.0", JSON_KIND_REAL, false, 28 },
                { "2.8e1", JSON_KIND_REAL, false, 28 },
                { "28.5", JSON_KIND_REAL, false, 0 },
                { "-0.0", JSON_KIND_REAL, false, 0 },
                { "9007199254740992", JSON_KIND_INT, true, 9007199254740992 },
                { "9007199254740993", JSON_KIND_INT, true, 9007199254740993 },
                { "9007199254740992.0", JSON_KIND_REAL, false, 9007199254740992 },
                { "1e16", JSON_KIND_REAL, false, 0 },
                { "1e300", JSON_KIND_REAL, false, 0 },
                { "9223372036854775807", JSON_KIND_INT, true, INT64_MAX },
                { "-9223372036854775808", JSON_KIND_INT, true, INT64_MIN },
                { "9223372036854775808", JSON_KIND_UINT, false, 0 },
                { "18446744073709551615", JSON_KIND_UINT, false, 0 },
                { "18446744073709551616", JSON_KIND_REAL, false, 0 },
                { "\"5\"", JSON_KIND_TEXT, false, 0 },
                { "true", JSON_KIND_BOOL, false, 0 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(ROWS); i++) {
                _cleanup_(json_destroy_pointer) struct json *json = parse(ROWS[i].text);
                const struct json_value *value = json_root(json);
                int64_t exact = 7;
                double number;

                assert_int_equal(json_kind(value), ROWS[i].want_kind);
                assert_int_equal(json_as_int64(value, &exact), ROWS[i].want_is_int64);
                assert_int_equal(exact, ROWS[i].want_is_int64 ? ROWS[i].want_value : 7);
                assert_int_equal(json_as_double(value, &number), json_is_number(value));
        }
}

static void members_come_in_order_with_their_duplicates(void **state) {
        _cleanup_(json_destroy_pointer) struct json *json = parse("{\"b\":1,\"a\":2,\"b\":3,\"\":4}");
        struct json_object_iterator members = json_iterate_object(json_root(json));
        static const char *const WANT[] = { "b", "a", "b", "" };
        const struct json_value *value;
        const char *key;
        size_t n_key, n = 0;
        int64_t number;

        (void)state;
        while (json_next_member(&members, &key, &n_key, &value)) {
                assert_true(n < N_ELEMENTS(WANT));
                assert_string_equal(key, WANT[n]);
                assert_int_equal(n_key, strlen(WANT[n]));
                assert_true(json_as_int64(value, &number));
                assert_int_equal(number, ++n);
        }
        assert_int_equal(n, 4);
        assert_int_equal(json_count(json_root(json)), 4);
        assert_true(json_as_int64(json_get(json_root(json), "b"), &number));
        assert_int_equal(number, 1);
}

static void a_path_may_lead_nowhere(void **state) {
        _cleanup_(json_destroy_pointer) struct json *json = parse("{\"a\":[1]}");
        const struct json_value *nothing = json_get(json_get(json_root(json), "x"), "y");
        struct json_array_iterator elements = json_iterate_array(nothing);
        struct json_object_iterator members = json_iterate_object(json_get(json_root(json), "a"));
        const struct json_value *value;
        const char *text;
        size_t n;

        (void)state;
        assert_null(nothing);
        assert_int_equal(json_kind(nothing), JSON_KIND_NONE);
        assert_false(json_next_element(&elements, &value));
        assert_false(json_next_member(&members, &text, &n, &value));
        assert_null(json_text(nothing));
        assert_false(json_as_text(nothing, &text, &n));
        assert_int_equal(json_count(nothing), 0);
        assert_false(json_is_object(nothing));
}

static void texts_keep_their_nul(void **state) {
        _cleanup_(json_destroy_pointer) struct json *json = parse(
                "{\"t\":\"a\\u0000b\",\"u\":\"\\u00e9\\ud83d\\ude00\"}");
        struct fault fault = FAULT_NULL;
        const char *text = NULL;
        size_t n;

        (void)state;
        assert_true(json_as_text(json_get(json_root(json), "t"), &text, &n));
        assert_int_equal(n, 3);
        assert_memory_equal(text, "a\0b", 4);
        assert_string_equal(json_text(json_get(json_root(json), "u")), "\xc3\xa9\xf0\x9f\x98\x80");
        assert_int_equal(json_need_text(json_root(json), "t", &fault, &text), FAULT_E_INPUT);
}

static void a_small_request_needs_no_heap(void **state) {
        static const char TEXT[] = "{\"Gender\":\"Male\",\"Age\":44,\"list\":[1,2,3,4,5,6,7,8,9]}";
        _Alignas(16) char memory[JSON_MEMORY_BYTES(sizeof(TEXT))];
        struct fault fault = FAULT_NULL;
        struct json *json = NULL;
        const char *place;

        (void)state;
        assert_int_equal(json_parse_in(TEXT, sizeof(TEXT) - 1, memory, sizeof(memory), &fault, &json), 0);
        place = (const char *)json_root(json);
        assert_true(place >= memory && place < memory + sizeof(memory));
        assert_string_equal(json_text(json_get(json_root(json), "Gender")), "Male");
        json = json_destroy(json);
        assert_null(json);
        /* too little of it: the heap serves */
        assert_int_equal(json_parse_in(TEXT, sizeof(TEXT) - 1, memory, 32, &fault, &json), 0);
        assert_string_equal(json_text(json_get(json_root(json), "Gender")), "Male");
        json_destroy(json);
}

static void the_worst_text_fits_its_memory(void **state) {
        char text[511];
        _Alignas(16) char memory[JSON_MEMORY_BYTES(sizeof(text))];
        struct fault fault = FAULT_NULL;
        struct json *json = NULL;
        const char *place;

        (void)state;
        text[0] = '[';
        for (size_t i = 1; i < sizeof(text); i++)
                text[i] = i % 2 ? '1' : ',';
        text[sizeof(text) - 1] = ']';
        assert_int_equal(json_parse_in(text, sizeof(text), memory, sizeof(memory), &fault, &json), 0);
        place = (const char *)json_root(json);
        assert_true(place >= memory && place < memory + sizeof(memory));
        assert_int_equal(json_count(json_root(json)), sizeof(text) / 2);
        json_destroy(json);
}

static void needed_members_name_what_is_wrong(void **state) {
        _cleanup_(json_destroy_pointer) struct json *json = parse(
                "{\"n\":5,\"t\":\"x\",\"d\":0.5,\"b\":true,\"o\":{},\"a\":[]}");
        const struct json_value *root = json_root(json), *value;
        struct fault fault = FAULT_NULL;
        const char *text = "untouched";
        int64_t number = -1;
        double real;
        bool truth;

        (void)state;
        assert_int_equal(json_need_int(root, "n", 1, 5, &fault, &number), 0);
        assert_int_equal(number, 5);
        assert_int_equal(json_need_double(root, "n", &fault, &real), 0);
        assert_int_equal(json_need_bool(root, "b", &fault, &truth), 0);
        assert_int_equal(json_need_object(root, "o", &fault, &value), 0);
        assert_int_equal(json_need_array(root, "a", &fault, &value), 0);
        assert_int_equal(json_need_text(root, "n", &fault, &text), FAULT_E_INPUT);
        assert_string_equal(text, "untouched");
        assert_string_equal(fault.column, "n");
        assert_string_equal(fault.message, "\"n\" is an integer; expected a text without NUL");
        assert_int_equal(json_need_int(root, "n", 6, 9, &fault, &number), FAULT_E_INPUT);
        assert_string_equal(fault.message, "\"n\" is 5; expected 6 to 9");
        assert_int_equal(json_need_int(root, "zz", 6, 9, &fault, &number), FAULT_E_INPUT);
        assert_string_equal(fault.message, "\"zz\" is missing; expected an integer");
        assert_int_equal(json_need_array(root, "o", &fault, &value), FAULT_E_INPUT);
        assert_int_equal(json_need_object(root, "a", &fault, &value), FAULT_E_INPUT);
        assert_int_equal(json_need_bool(root, "n", &fault, &truth), FAULT_E_INPUT);
        assert_int_equal(json_need_double(root, "t", &fault, &real), FAULT_E_INPUT);
        assert_int_equal(json_need_double(json_get(root, "a"), "t", &fault, &real), FAULT_E_INPUT);
        assert_non_null(strstr(fault.message, "there is an array"));
        assert_int_equal(number, 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nan_is_refused_with_what_to_do),
                cmocka_unit_test(malformed_text_is_refused_with_its_place),
                cmocka_unit_test(text_needs_no_end),
                cmocka_unit_test(depth_is_bounded),
                cmocka_unit_test(brackets_in_texts_are_no_depth),
                cmocka_unit_test(numbers_are_told_apart_exactly),
                cmocka_unit_test(members_come_in_order_with_their_duplicates),
                cmocka_unit_test(a_path_may_lead_nowhere),
                cmocka_unit_test(texts_keep_their_nul),
                cmocka_unit_test(a_small_request_needs_no_heap),
                cmocka_unit_test(the_worst_text_fits_its_memory),
                cmocka_unit_test(needed_members_name_what_is_wrong),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
