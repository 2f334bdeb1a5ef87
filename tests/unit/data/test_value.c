/* What a value means, from every source. */

#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/data/value.h"
#include "common/data/value_number.h"

#define INT VALUE_TYPE_INT
#define FLOAT VALUE_TYPE_FLOAT
#define BOOL VALUE_TYPE_BOOL
#define CATEGORY VALUE_TYPE_CATEGORY
#define CATEGORY_INT VALUE_TYPE_CATEGORY_INT

/* what is wanted: the code, or the kind and the canonical text */
struct want {
        enum anomaly want_code;
        enum value_kind want_kind;
        const char *want_text;
};

static void check(const char *what, enum anomaly code, const struct value *value, struct want want) {
        char scratch[VALUE_SCRATCH_BYTES];
        const char *text;
        size_t n_bytes;

        if (code != want.want_code)
                fail_msg("%s: got %s, want %s", what, anomaly_name(code), anomaly_name(want.want_code));
        if (code)
                return;
        text = value_format(value, scratch, &n_bytes);
        if (value->kind != want.want_kind)
                fail_msg("%s: got kind %d, want %d", what, value->kind, want.want_kind);
        if (n_bytes != strlen(want.want_text) || memcmp(text, want.want_text, n_bytes))
                fail_msg("%s: got %.*s, want %s", what, (int)n_bytes, text, want.want_text);
}

static void test_text(void **state _unused_) {
        static const struct {
                enum value_type type;
                const char *text;
                struct want want;
        } rows[] = {
                { INT, "28", { 0, VALUE_INT, "28" } },
                { INT, "28.0", { 0, VALUE_INT, "28" } },
                { INT, "2.8e1", { 0, VALUE_INT, "28" } },
                { INT, "+28", { 0, VALUE_INT, "28" } },
                { INT, "-0", { 0, VALUE_INT, "0" } },
                { INT, "-7", { 0, VALUE_INT, "-7" } },
                { INT, "007", { 0, VALUE_INT, "7" } },
                { INT, "", { 0, VALUE_MISSING, "" } },
                { INT, "NaN", { 0, VALUE_MISSING, "" } },
                { INT, "9007199254740992", { 0, VALUE_INT, "9007199254740992" } },
                { INT, "-9007199254740992", { 0, VALUE_INT, "-9007199254740992" } },
                { INT, "9007199254740993", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "99999999999999999999", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "1e300", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "28.5", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, " 28", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "28 ", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "0x1c", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "1_000", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "1,5", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "true", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "null", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "inf", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "-", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, ".", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "e5", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "1e", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "1e+", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { FLOAT, "28", { 0, VALUE_FLOAT, "28" } },
                { FLOAT, "0.1", { 0, VALUE_FLOAT, "0.1" } },
                { FLOAT, ".5", { 0, VALUE_FLOAT, "0.5" } },
                { FLOAT, "5.", { 0, VALUE_FLOAT, "5" } },
                { FLOAT, "-0.0", { 0, VALUE_FLOAT, "0" } },
                { FLOAT, "-0", { 0, VALUE_FLOAT, "0" } },
                { FLOAT, "1e-7", { 0, VALUE_FLOAT, "1e-07" } },
                { FLOAT, "3.141592653589793238462643383279", { 0, VALUE_FLOAT, "3.141592653589793" } },
                { FLOAT, "1e999", { 0, VALUE_FLOAT, "inf" } },
                { FLOAT, "-Infinity", { 0, VALUE_FLOAT, "-inf" } },
                { FLOAT, "nan", { 0, VALUE_MISSING, "" } },
                { FLOAT, "", { 0, VALUE_MISSING, "" } },
                { FLOAT, "abc", { ANOMALY_FLOAT_TYPE_STRING_NOT_FLOAT } },
                { FLOAT, "0x1p3", { ANOMALY_FLOAT_TYPE_STRING_NOT_FLOAT } },
                { FLOAT, "+nan", { ANOMALY_FLOAT_TYPE_STRING_NOT_FLOAT } },
                { BOOL, "0", { 0, VALUE_INT, "0" } },
                { BOOL, "1.0", { 0, VALUE_INT, "1" } },
                { BOOL, "true", { 0, VALUE_INT, "1" } },
                { BOOL, "False", { 0, VALUE_INT, "0" } },
                { BOOL, "2", { 0, VALUE_INT, "2" } },
                { BOOL, "", { 0, VALUE_MISSING, "" } },
                { BOOL, "TRUE", { ANOMALY_BOOL_TYPE_STRING_NOT_INT } },
                { BOOL, "yes", { ANOMALY_BOOL_TYPE_STRING_NOT_INT } },
                { BOOL, "0.5", { ANOMALY_BOOL_TYPE_UNEXPECTED_FLOAT } },
                { BOOL, "9007199254740993", { ANOMALY_BOOL_TYPE_BIG_INT } },
                { BOOL, "-9007199254740993", { ANOMALY_BOOL_TYPE_SMALL_INT } },
                { CATEGORY, "Male", { 0, VALUE_TEXT, "Male" } },
                { CATEGORY, " Male", { 0, VALUE_TEXT, " Male" } },
                { CATEGORY, "28.0", { 0, VALUE_TEXT, "28.0" } },
                { CATEGORY, "NaN", { 0, VALUE_TEXT, "NaN" } },
                { CATEGORY, "", { 0, VALUE_MISSING, "" } },
                { CATEGORY, "\xc3\xa4", { 0, VALUE_TEXT, "\xc3\xa4" } },
                { CATEGORY, "\xff", { ANOMALY_ENUM_TYPE_INVALID_UTF8 } },
                { CATEGORY_INT, "028.0", { 0, VALUE_TEXT, "28" } },
                { CATEGORY_INT, "-3", { 0, VALUE_TEXT, "-3" } },
                { CATEGORY_INT, "", { 0, VALUE_MISSING, "" } },
                { CATEGORY_INT, "x", { ANOMALY_INT_TYPE_INT_EXPECTED } },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char scratch[VALUE_SCRATCH_BYTES];
                struct value value = VALUE_NULL;
                enum anomaly code;

                code = value_from_text(rows[i].type, rows[i].text, strlen(rows[i].text), scratch, &value);
                check(rows[i].text, code, &value, rows[i].want);
        }
}

static void test_json(void **state _unused_) {
        static const struct {
                enum value_type type;
                const char *json;
                struct want want;
        } rows[] = {
                { INT, "28", { 0, VALUE_INT, "28" } },
                { INT, "28.0", { 0, VALUE_INT, "28" } },
                { INT, "2.8e1", { 0, VALUE_INT, "28" } },
                { INT, "null", { 0, VALUE_MISSING, "" } },
                { INT, "\"\"", { 0, VALUE_MISSING, "" } },
                { INT, "9007199254740993", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "18446744073709551615", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "28.5", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "\"28\"", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "true", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, "[28]", { ANOMALY_UNEXPECTED_DATA_TYPE } },
                { FLOAT, "28", { 0, VALUE_FLOAT, "28" } },
                { FLOAT, "0.1", { 0, VALUE_FLOAT, "0.1" } },
                { FLOAT, "18446744073709551615", { 0, VALUE_FLOAT, "1.8446744073709552e+19" } },
                { FLOAT, "\"0.1\"", { ANOMALY_FLOAT_TYPE_STRING_NOT_FLOAT } },
                { FLOAT, "false", { ANOMALY_FLOAT_TYPE_NOT_FLOAT } },
                { BOOL, "true", { 0, VALUE_INT, "1" } },
                { BOOL, "false", { 0, VALUE_INT, "0" } },
                { BOOL, "1", { 0, VALUE_INT, "1" } },
                { BOOL, "0.5", { ANOMALY_BOOL_TYPE_UNEXPECTED_FLOAT } },
                { BOOL, "\"1\"", { ANOMALY_BOOL_TYPE_STRING_NOT_INT } },
                { BOOL, "\"true\"", { ANOMALY_BOOL_TYPE_STRING_NOT_INT } },
                { CATEGORY, "\"Male\"", { 0, VALUE_TEXT, "Male" } },
                { CATEGORY, "\"\"", { 0, VALUE_MISSING, "" } },
                { CATEGORY, "1", { ANOMALY_ENUM_TYPE_INT_NOT_STRING } },
                { CATEGORY, "0.5", { ANOMALY_ENUM_TYPE_FLOAT_NOT_STRING } },
                { CATEGORY, "true", { ANOMALY_ENUM_TYPE_INT_NOT_STRING } },
                { CATEGORY, "{}", { ANOMALY_UNEXPECTED_DATA_TYPE } },
                { CATEGORY_INT, "28.0", { 0, VALUE_TEXT, "28" } },
                { CATEGORY_INT, "28.5", { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { CATEGORY_INT, "\"28\"", { ANOMALY_INT_TYPE_INT_EXPECTED } },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(json_destroy_pointer) struct json *json = NULL;
                char scratch[VALUE_SCRATCH_BYTES];
                struct value value = VALUE_NULL;
                struct fault fault = FAULT_NULL;
                enum anomaly code;

                assert_int_equal(json_parse(rows[i].json, strlen(rows[i].json), &fault, &json), 0);
                code = value_from_json(rows[i].type, json_root(json), scratch, &value);
                check(rows[i].json, code, &value, rows[i].want);
        }
        {
                struct value value = { .kind = VALUE_INT };
                char scratch[VALUE_SCRATCH_BYTES];

                assert_int_equal(value_from_json(INT, NULL, scratch, &value), ANOMALY_NONE);
                assert_int_equal(value.kind, VALUE_MISSING);
        }
}

static void test_double(void **state _unused_) {
        static const struct {
                enum value_type type;
                double number;
                struct want want;
        } rows[] = {
                { INT, 28.0, { 0, VALUE_INT, "28" } },
                { INT, -0x1p53, { 0, VALUE_INT, "-9007199254740992" } },
                { INT, 0x1p53 + 2, { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, 0.5, { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { INT, (double)NAN, { 0, VALUE_MISSING, "" } },
                { INT, (double)INFINITY, { ANOMALY_INT_TYPE_INT_EXPECTED } },
                { FLOAT, (double)-INFINITY, { 0, VALUE_FLOAT, "-inf" } },
                { FLOAT, (double)NAN, { 0, VALUE_MISSING, "" } },
                { FLOAT, -0.0, { 0, VALUE_FLOAT, "0" } },
                { CATEGORY, (double)NAN, { 0, VALUE_MISSING, "" } },
                { CATEGORY, 1.0, { ANOMALY_ENUM_TYPE_INT_NOT_STRING } },
                { CATEGORY_INT, 1.0, { 0, VALUE_TEXT, "1" } },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char scratch[VALUE_SCRATCH_BYTES], what[32];
                struct value value = VALUE_NULL;
                enum anomaly code;

                snprintf(what, sizeof(what), "%g", rows[i].number);
                code = value_from_double(rows[i].type, rows[i].number, scratch, &value);
                check(what, code, &value, rows[i].want);
        }
}

/* Text read the fast way and by strtod gives the same bits, and the shortest text reads back. */
static void test_number_is_nearest_double(void **state _unused_) {
        static const char *const texts[] = {
                "0.3",
                "123456.789",
                "9007199254740993.5",
                "1e22",
                "1e23",
                "1.7976931348623157e308",
                "4.9e-324",
                "2.2250738585072011e-308",
                "0.000000000000000000000000000001",
                "100000000000000000000000000000000",
                "8.41e21",
                "9.5e-22",
                "12345678901234567890.5",
        };

        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                double got = 0.0, back = 0.0, want = strtod(texts[i], NULL);
                char shortest[VALUE_SCRATCH_BYTES];
                int64_t integer = 0;
                size_t n_bytes;

                if (value_number_read(texts[i], strlen(texts[i]), &integer, &got) == VALUE_NUMBER_INT)
                        got = (double)integer;
                assert_memory_equal(&got, &want, sizeof(got));
                n_bytes = value_number_format(want, shortest);
                assert_true(n_bytes < sizeof(shortest));
                if (value_number_read(shortest, n_bytes, &integer, &back) == VALUE_NUMBER_INT)
                        back = (double)integer;
                assert_memory_equal(&back, &want, sizeof(back));
        }
}

static void test_too_long(void **state _unused_) {
        static char text[VALUE_TEXT_BYTES_MAX + 1];
        struct value value = { .kind = VALUE_INT, .integer = 5 };
        char scratch[VALUE_SCRATCH_BYTES];

        memset(text, '1', sizeof(text));
        assert_int_equal(value_from_text(CATEGORY, text, sizeof(text), scratch, &value), ANOMALY_VALUE_TOO_LONG);
        assert_int_equal(value_from_text(CATEGORY, text, sizeof(text) - 1, scratch, &value), ANOMALY_NONE);
        value = (struct value){ .kind = VALUE_INT, .integer = 5 };
        assert_int_equal(value_from_text(FLOAT, text, sizeof(text), scratch, &value),
                         ANOMALY_FLOAT_TYPE_STRING_NOT_FLOAT);
        /* untouched on failure */
        assert_int_equal(value.integer, 5);
}

/* A table's cell means what the same text, number or JSON means. */
static void test_column(void **state _unused_) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = NULL;
        static const char *const texts[] = { "Male", "", "028" };
        char scratch[VALUE_SCRATCH_BYTES];
        struct value value = VALUE_NULL;
        struct table table;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "i", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_column(builder, "f", COLUMN_FLOAT64), 0);
        assert_int_equal(table_builder_add_column(builder, "t", COLUMN_UTF8), 0);
        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(table_builder_add_int64(builder, 0, i ? INT64_MAX : 3), 0);
                assert_int_equal(table_builder_add_float64(builder, 1, 2.5), 0);
                assert_int_equal(table_builder_add_text(builder, 2, texts[i], strlen(texts[i])), 0);
        }
        assert_int_equal(table_builder_add_missing(builder, 0), 0);
        value = (struct value){ .kind = VALUE_FLOAT, .number = 1.5 };
        assert_int_equal(value_append(&value, builder, 1), 0);
        value = (struct value){ .kind = VALUE_MISSING };
        assert_int_equal(value_append(&value, builder, 2), 0);
        table = table_builder_view(builder);

        assert_int_equal(value_from_column(INT, &table.columns[0], 0, scratch, &value), ANOMALY_NONE);
        assert_int_equal(value.integer, 3);
        assert_int_equal(value_from_column(INT, &table.columns[0], 1, scratch, &value), ANOMALY_INT_TYPE_INT_EXPECTED);
        assert_int_equal(value_from_column(INT, &table.columns[0], 3, scratch, &value), ANOMALY_NONE);
        assert_int_equal(value.kind, VALUE_MISSING);
        assert_int_equal(value_from_column(INT, &table.columns[1], 0, scratch, &value), ANOMALY_INT_TYPE_INT_EXPECTED);
        assert_int_equal(value_from_column(FLOAT, &table.columns[1], 3, scratch, &value), ANOMALY_NONE);
        assert_int_equal(value_from_column(CATEGORY, &table.columns[2], 0, scratch, &value), ANOMALY_NONE);
        assert_memory_equal(value.text, "Male", 4);
        assert_int_equal(value_from_column(CATEGORY, &table.columns[2], 1, scratch, &value), ANOMALY_NONE);
        assert_int_equal(value.kind, VALUE_MISSING);
        assert_int_equal(value_from_column(INT, &table.columns[2], 2, scratch, &value), ANOMALY_INT_TYPE_INT_EXPECTED);
        assert_int_equal(value_from_column(CATEGORY_INT, &table.columns[2], 2, scratch, &value), ANOMALY_NONE);
        assert_int_equal(value.n_bytes, 2);
        assert_memory_equal(value.text, "28", 2);
        assert_int_equal(value_from_column(CATEGORY, &table.columns[2], 3, scratch, &value), ANOMALY_NONE);
        assert_int_equal(value.kind, VALUE_MISSING);
}

static void test_fault_shows_the_value(void **state _unused_) {
        struct fault fault = FAULT_NULL;
        char long_text[100], quote[VALUE_QUOTE_BYTES];

        assert_int_equal(value_fault(ANOMALY_INT_TYPE_INT_EXPECTED, INT, "Age", 7, "ab\nc", 4, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "INT_TYPE_INT_EXPECTED");
        assert_string_equal(fault.column, "Age");
        assert_int_equal(fault.row, 7);
        assert_string_equal(fault.message, "value \"ab?c\" is no int (an integral number within ±2^53)");
        memset(long_text, 'x', sizeof(long_text));
        memcpy(long_text + 59, "\xe2\x82\xac", 3);
        value_quote(long_text, sizeof(long_text), quote);
        assert_int_equal(strlen(quote), 1 + 59 + strlen("…\""));
        assert_string_equal(value_quote(NULL, 0, quote), "nothing");
        assert_string_equal(value_quote("\xff", 1, quote), "\"?\"");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_json),
                cmocka_unit_test(test_double),
                cmocka_unit_test(test_number_is_nearest_double),
                cmocka_unit_test(test_too_long),
                cmocka_unit_test(test_column),
                cmocka_unit_test(test_fault_shows_the_value),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
