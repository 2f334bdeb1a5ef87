/* The schema: what a file may say, what it may not, and the check of one value. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buffer.h"
#include "common/data/schema/schema.h"
#include "common/data/schema/schema_column.h"

/* clang-format off */
#define HEAD \
        "schema: 1\n" \
        "environments: [TRAINING, SERVING]\n" \
        "columns:\n"
#define LABEL \
        "  - {name: y, role: label, type: bool}\n"
#define FEATURE \
        "  - {name: x, type: int}\n"

static const char *const good =
        "schema: 1\n"
        "environments: [SERVING, TRAINING, AUDIT]\n"
        "dataset: {min_examples: 10, min_examples_ratio: 0.5, new_columns: ignore}\n"
        "drift: {jensen_shannon_divergence: 0.02, infinity_norm: 0.03, severity: error}\n"
        "columns:\n"
        "  - {name: id, role: key, type: int, min: 0}\n"
        "  - name: sex\n"
        "    title: Sex of the animal\n"
        "    type: category\n"
        "    values: [f, m]\n"
        "    encoded: {map: {0: f, 1: m}}\n"
        "  - name: size\n"
        "    type: category\n"
        "    values: [small, middle, large]\n"
        "    min_fraction: 0.9\n"
        "    missing: {fill: middle}\n"
        "    min_domain_mass: 0.95\n"
        "    unknown: {as: large}\n"
        "    drift: {threshold: 0.2, severity: warning}\n"
        "    encoded: {one_hot: {is_small: small, is_large: large}, otherwise: middle}\n"
        "  - {name: zone, type: category, of: int, values: [3, 1, 2], required_in: [TRAINING], missing: keep, unknown: missing}\n"
        "  - {name: weight, type: float, min: 0.5, max: 99, severity: warning, drift: off}\n"
        "  - {name: tame, type: bool, missing: keep}\n"
        "  - {name: note, role: ignore, type: category}\n"
        "  - {name: breed, role: label, type: category, values: [a, b, c], names: [Ay, Be, Ce]}\n";
/* clang-format on */

static struct schema *parse(const char *text) {
        struct schema *schema = NULL;
        struct fault fault = FAULT_NULL;
        int r;

        r = schema_parse("test.yaml", text, strlen(text), &fault, &schema);
        if (r)
                fail_msg("%d:%d %s: %s", (int)fault.line, (int)fault.position, fault.code, fault.message);
        return schema;
}

static const struct schema_column *find(const struct schema *schema, const char *name) {
        const struct schema_column *column = schema_find(schema, name, strlen(name));

        assert_non_null(column);
        return column;
}

static void test_dataset(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = parse(good);
        char digest[DIGEST_SHA256_BYTES];

        assert_int_equal(digest_sha256(good, strlen(good), digest), 0);
        assert_string_equal(schema->digest, digest);
        assert_int_equal(schema->n_bytes, strlen(good));
        assert_memory_equal(schema->bytes, good, schema->n_bytes);
        assert_int_equal(schema->n_columns, 8);
        assert_int_equal(schema->n_features, 5);
        assert_int_equal(schema->n_outputs, 1 + 2 + 3 + 1 + 1);
        assert_int_equal(schema->key, 0);
        assert_int_equal(schema->label, 7);
        assert_int_equal(schema->min_examples, 10);
        assert_true(schema->min_examples_ratio > 0.49 && schema->min_examples_ratio < 0.51);
        assert_int_equal(schema->new_columns, SEVERITY_IGNORE);
        assert_int_equal(schema->min_examples_ratio_severity, SEVERITY_ERROR);
        assert_int_equal(schema->n_environments, 3);
        assert_int_equal(schema_find_environment(schema, "TRAINING"), SCHEMA_TRAINING);
        assert_int_equal(schema_find_environment(schema, "SERVING"), SCHEMA_SERVING);
        assert_int_equal(schema_find_environment(schema, "AUDIT"), 2);
        assert_int_equal(schema_find_environment(schema, "training"), SIZE_MAX);
}

static void test_columns(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = parse(good);
        const struct schema_column *column;

        column = find(schema, "id");
        assert_true(column->has_min && !column->has_max);
        assert_int_equal(column->required_in, 1 << SCHEMA_TRAINING);
        assert_int_equal(column->encoding.n_outputs, 0);
        assert_false(column->drift.is_checked);

        column = find(schema, "sex");
        assert_string_equal(column->title, "Sex of the animal");
        assert_int_equal(column->required_in, 7);
        assert_int_equal(column->encoding.kind, SCHEMA_ENCODING_MAP);
        assert_string_equal(column->encoding.outputs[0].name, "sex");
        assert_true(column->encoding.numbers[schema_find_value(column, "m", 1)] > 0.5);
        assert_true(column->drift.is_checked && column->drift.severity == SEVERITY_ERROR);
        assert_true(column->drift.threshold > 0.029 && column->drift.threshold < 0.031);

        column = find(schema, "size");
        assert_string_equal(column->title, "size");
        assert_int_equal(column->missing, SCHEMA_FILL);
        assert_memory_equal(column->missing_value.text, "middle", 6);
        assert_int_equal(column->unknown, SCHEMA_FILL);
        assert_memory_equal(column->unknown_value.text, "large", 5);
        assert_int_equal(column->encoding.n_outputs, 2);
        assert_string_equal(column->encoding.outputs[1].name, "is_large");
        assert_int_equal(column->encoding.outputs[1].value, 2);
        assert_int_equal(column->encoding.otherwise, 1);
        assert_int_equal(column->drift.severity, SEVERITY_WARNING);

        column = find(schema, "zone");
        assert_int_equal(column->type, VALUE_TYPE_CATEGORY_INT);
        assert_int_equal(column->encoding.kind, SCHEMA_ENCODING_ONE_HOT);
        assert_int_equal(column->encoding.n_outputs, 3);
        assert_string_equal(column->encoding.outputs[0].name, "zone_3");
        assert_int_equal(column->encoding.otherwise, SCHEMA_NO_VALUE);

        column = find(schema, "weight");
        assert_false(column->drift.is_checked);
        assert_int_equal(column->encoding.kind, SCHEMA_ENCODING_PASS);

        column = find(schema, "tame");
        assert_int_equal(column->n_values, 2);
        assert_string_equal(column->values[1].text, "1");

        column = find(schema, "breed");
        assert_string_equal(column->names[2], "Ce");
        assert_int_equal(column->required_in, 1 << SCHEMA_TRAINING);
}

static void test_names(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = parse(good);
        static const struct {
                const char *name;
                bool want_found;
                bool want_both;
                size_t want_column, want_output;
        } rows[] = {
                { "sex", true, true, 1, SCHEMA_NO_VALUE },
                { "is_small", true, false, 2, 0 },
                { "is_large", true, false, 2, 1 },
                { "size", true, false, 2, SCHEMA_NO_VALUE },
                { "zone_1", true, false, 3, 1 },
                { "weight", true, false, 4, SCHEMA_NO_VALUE },
                { "Sex", false, false, 0, SCHEMA_NO_VALUE },
                { "", false, false, 0, SCHEMA_NO_VALUE },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                const struct schema_name *name = schema_find_name(schema, rows[i].name, strlen(rows[i].name));

                assert_int_equal(name != NULL, rows[i].want_found);
                if (!name)
                        continue;
                assert_int_equal(name->column, rows[i].want_column);
                assert_int_equal(name->output, rows[i].want_output);
                assert_int_equal(name->is_both, rows[i].want_both);
        }
        assert_null(schema_find(schema, "is_small", 8));
}

static void test_long_list(void **state _unused_) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;

        assert_int_equal(buffer_append_text(&text, HEAD LABEL "  - {name: c, type: category, of: int, values: [0"), 0);
        for (int i = 1; i < SCHEMA_VALUES_MAX; i++)
                assert_int_equal(buffer_printf(&text, ",%d", i), 0);
        assert_int_equal(buffer_append_text(&text, "]}\n"), 0);
        schema = parse(buffer_text(&text));
        for (int i = 0; i < SCHEMA_VALUES_MAX; i++) {
                char number[16];

                snprintf(number, sizeof(number), "%d", i);
                assert_int_equal(schema_find_value(find(schema, "c"), number, strlen(number)), i);
        }
        assert_int_equal(schema_find_value(find(schema, "c"), "1000", 4), SCHEMA_NO_VALUE);
}

static void test_bad(void **state _unused_) {
        static const struct {
                const char *text;
                const char *want_code;
                int want_line; /* 0: any */
                const char *want_message;
        } rows[] = {
                { "", "", 0, "" },
                { "schema: 2\n", "CONFIG_OUT_OF_RANGE", 1, "" },
                { HEAD LABEL FEATURE "extra: 1\n", "CONFIG_UNKNOWN_KEY", 6, "extra" },
                { "schema: 1\nenvironments: [TRAINING]\ncolumns:\n" LABEL FEATURE, SCHEMA_BROKEN_RULE, 2, "SERVING" },
                { "schema: 1\nenvironments: [TRAINING, SERVING, SERVING]\ncolumns:\n" LABEL FEATURE,
                  "SCHEMA_BROKEN_RULE", 2, "twice" },
                { HEAD FEATURE, "SCHEMA_BROKEN_RULE", 0, "role: label" },
                { HEAD LABEL, "SCHEMA_BROKEN_RULE", 0, "no column is a feature" },
                { HEAD LABEL FEATURE "  - {name: z, role: label, type: bool}\n", "SCHEMA_BROKEN_RULE", 6,
                  "second label" },
                { HEAD LABEL FEATURE "  - {name: k, role: key, type: int}\n  - {name: l, role: key, type: int}\n",
                  "SCHEMA_BROKEN_RULE", 7, "second key" },
                { HEAD LABEL FEATURE FEATURE, "SCHEMA_BROKEN_RULE", 6, "used twice" },
                { HEAD LABEL FEATURE
                  "  - {name: c, type: category, values: [a, b], encoded: {one_hot: {x: a, c_b: b}}}\n",
                  "SCHEMA_BROKEN_RULE", 6, "used twice" },
                { HEAD LABEL "  - {name: x, type: integer}\n", "CONFIG_", 5, "int" },
                { HEAD LABEL "  - {name: x}\n", "CONFIG_MISSING_KEY", 5, "type" },
                { HEAD LABEL "  - {type: int}\n", "CONFIG_MISSING_KEY", 5, "name" },
                { HEAD LABEL "  - {name: '', type: int}\n", "SCHEMA_BROKEN_RULE", 5, "name" },
                { HEAD LABEL "  - {name: x, type: int, colour: red}\n", "CONFIG_UNKNOWN_KEY", 5, "colour" },
                { HEAD LABEL "  - {name: x, type: int, values: [1, 2]}\n", "SCHEMA_BROKEN_RULE", 5, "only a category" },
                { HEAD LABEL "  - {name: x, type: int, of: int}\n", "SCHEMA_BROKEN_RULE", 5, "only a category" },
                { HEAD LABEL "  - {name: x, type: bool, min: 0}\n", "SCHEMA_BROKEN_RULE", 5, "only an int or float" },
                { HEAD LABEL "  - {name: x, type: int, names: [a]}\n", "SCHEMA_BROKEN_RULE", 5, "only the label" },
                { HEAD LABEL "  - {name: x, type: int, unknown: missing}\n", "SCHEMA_BROKEN_RULE", 5, "category" },
                { HEAD LABEL "  - {name: x, type: int, encoded: {map: {0: a}}}\n", "SCHEMA_BROKEN_RULE", 5,
                  "category" },
                { HEAD LABEL "  - {name: x, type: int, min: 5, max: 4}\n", "SCHEMA_BROKEN_RULE", 5,
                  "max is below min" },
                { HEAD LABEL "  - {name: x, type: int, min: 0.5}\n", "CONFIG_WRONG_KIND", 5, "" },
                { HEAD LABEL "  - {name: x, type: category}\n", "SCHEMA_BROKEN_RULE", 5, "without values" },
                { HEAD LABEL "  - {name: x, type: category, values: [a]}\n", "SCHEMA_BROKEN_RULE", 5, "2 to 1000" },
                { HEAD LABEL "  - {name: x, type: category, values: [a, a]}\n", "SCHEMA_BROKEN_RULE", 5, "twice" },
                { HEAD LABEL "  - {name: x, type: category, values: [a, 5]}\n", "CONFIG_WRONG_KIND", 5, "" },
                { HEAD LABEL "  - {name: x, type: category, of: int, values: [1, b]}\n", "CONFIG_WRONG_KIND", 5, "" },
                { HEAD LABEL "  - {name: x, type: int, required_in: [NOWHERE]}\n", "SCHEMA_BROKEN_RULE", 5, "NOWHERE" },
                { HEAD LABEL "  - {name: x, type: int, required_in: [TRAINING]}\n", "SCHEMA_BROKEN_RULE", 5,
                  "missing" },
                { HEAD LABEL "  - {name: x, type: int, min_fraction: 0.5}\n", "SCHEMA_BROKEN_RULE", 5,
                  "missing: keep" },
                { HEAD LABEL "  - {name: x, type: int, min_fraction: 1.5, missing: keep}\n", "CONFIG_OUT_OF_RANGE", 5,
                  "" },
                { HEAD LABEL "  - {name: x, type: category, values: [a, b], min_domain_mass: 0.9}\n",
                  "SCHEMA_BROKEN_RULE", 5, "unknown" },
                { HEAD LABEL "  - {name: x, type: int, max: 5, missing: {fill: 6}}\n", "SCHEMA_BROKEN_RULE", 5,
                  "domain" },
                { HEAD LABEL "  - {name: x, type: int, missing: {fill: a}}\n", "CONFIG_WRONG_KIND", 5, "" },
                { HEAD LABEL "  - {name: x, type: int, missing: drop}\n", "SCHEMA_BROKEN_RULE", 5, "reject, keep" },
                { HEAD LABEL "  - {name: x, type: category, values: [a, b], unknown: {as: c}}\n", "SCHEMA_BROKEN_RULE",
                  5, "not among the values" },
                { HEAD LABEL "  - {name: x, type: category, values: [a, b], unknown: missing}\n", "SCHEMA_BROKEN_RULE",
                  5, "missing" },
                { HEAD LABEL "  - {name: x, type: int, drift: {threshold: 2}}\n", "CONFIG_OUT_OF_RANGE", 5, "" },
                { HEAD LABEL "  - {name: x, type: int, drift: none}\n", "CONFIG_WRONG_KIND", 5, "" },
                { HEAD FEATURE "  - {name: y, role: label, type: int}\n", "SCHEMA_BROKEN_RULE", 5, "label is a bool" },
                { HEAD FEATURE "  - {name: y, role: label, type: bool, names: [a]}\n", "SCHEMA_BROKEN_RULE", 5,
                  "2 values" },
                { HEAD FEATURE "  - {name: y, role: label, type: bool, required_in: [TRAINING, SERVING]}\n",
                  "SCHEMA_BROKEN_RULE", 5, "SERVING" },
                { HEAD FEATURE "  - {name: y, role: label, type: bool, required_in: []}\n", "SCHEMA_BROKEN_RULE", 5,
                  "TRAINING" },
                { HEAD FEATURE "  - {name: y, role: label, type: bool, min_fraction: 0.5}\n", "SCHEMA_BROKEN_RULE", 5,
                  "every row" },
                { HEAD LABEL FEATURE "  - {name: k, role: key, type: float}\n", "SCHEMA_BROKEN_RULE", 6,
                  "key is an int" },
                { HEAD LABEL "  - {name: x, type: category, values: [a, b], encoded: {}}\n", "SCHEMA_BROKEN_RULE", 5,
                  "one of" },
                { HEAD LABEL "  - {name: x, type: category, values: [a, b], encoded: {map: {0: a}}}\n",
                  "SCHEMA_BROKEN_RULE", 5, "\"b\" has no number" },
                { HEAD LABEL "  - {name: x, type: category, values: [a, b], encoded: {map: {0: a, 0.0: b}}}\n",
                  "SCHEMA_BROKEN_RULE", 5, "stands for \"a\" already" },
                { HEAD LABEL "  - {name: x, type: category, values: [a, b], encoded: {map: {0: a, 1: a}}}\n",
                  "SCHEMA_BROKEN_RULE", 5, "has a number already" },
                { HEAD LABEL "  - {name: x, type: category, values: [a, b], encoded: {map: {a: 0, b: 1}}}\n",
                  "SCHEMA_BROKEN_RULE", 5, "a number is expected" },
                { HEAD LABEL "  - {name: x, type: category, of: int, values: [1, 2], encoded: {map: {0: 1, 1: 2}}}\n",
                  "SCHEMA_BROKEN_RULE", 5, "raw or encoded" },
                { HEAD LABEL "  - {name: x, type: category, values: [a, b], encoded: {one_hot: {x_a: a}}}\n",
                  "SCHEMA_BROKEN_RULE", 5, "\"b\" has no column" },
                { HEAD LABEL
                  "  - {name: x, type: category, values: [a, b], encoded: {one_hot: {p: a, q: b}, otherwise: b}}\n",
                  "SCHEMA_BROKEN_RULE", 5, "twice" },
                { HEAD LABEL
                  "  - {name: x, type: category, values: [a, b], encoded: {map: {0: a, 1: b}, otherwise: b}}\n",
                  "SCHEMA_BROKEN_RULE", 5, "belongs to one_hot" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct schema *schema = NULL;
                struct fault fault = FAULT_NULL;

                assert_int_equal(schema_parse("test.yaml", rows[i].text, strlen(rows[i].text), &fault, &schema),
                                 FAULT_E_INPUT);
                assert_null(schema);
                if (strncmp(fault.code, rows[i].want_code, strlen(rows[i].want_code)) ||
                    !strstr(fault.message, rows[i].want_message) ||
                    (rows[i].want_line && fault.line != rows[i].want_line))
                        fail_msg("%s\ngot %d:%d %s: %s", rows[i].text, (int)fault.line, (int)fault.position, fault.code,
                                 fault.message);
                if (rows[i].want_line) {
                        assert_string_equal(fault.file, "test.yaml");
                        assert_true(fault.position > 0);
                }
        }
}

static void test_check(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = parse(good);
        static const struct {
                const char *column;
                unsigned environment;
                const char *text;
                enum anomaly want;
        } rows[] = {
                { "id", SCHEMA_TRAINING, "0", ANOMALY_NONE },
                { "id", SCHEMA_TRAINING, "-1", ANOMALY_INT_TYPE_SMALL_INT },
                { "id", SCHEMA_TRAINING, "", ANOMALY_FEATURE_TYPE_NOT_PRESENT },
                { "id", SCHEMA_SERVING, "", ANOMALY_NONE },
                { "id", SCHEMA_SERVING, "-1", ANOMALY_INT_TYPE_SMALL_INT },
                { "sex", SCHEMA_SERVING, "f", ANOMALY_NONE },
                { "sex", SCHEMA_SERVING, "x", ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES },
                { "sex", SCHEMA_SERVING, "", ANOMALY_FEATURE_TYPE_NOT_PRESENT },
                { "size", SCHEMA_TRAINING, "huge", ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES },
                { "size", SCHEMA_SERVING, "huge", ANOMALY_NONE },
                { "size", SCHEMA_TRAINING, "", ANOMALY_FEATURE_TYPE_NOT_PRESENT },
                { "size", SCHEMA_SERVING, "", ANOMALY_NONE },
                { "zone", SCHEMA_TRAINING, "3", ANOMALY_NONE },
                { "zone", SCHEMA_TRAINING, "4", ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES },
                { "zone", SCHEMA_SERVING, "", ANOMALY_NONE },
                { "weight", SCHEMA_SERVING, "0.5", ANOMALY_NONE },
                { "weight", SCHEMA_SERVING, "0.49", ANOMALY_FLOAT_TYPE_SMALL_FLOAT },
                { "weight", SCHEMA_SERVING, "99.01", ANOMALY_FLOAT_TYPE_BIG_FLOAT },
                { "weight", SCHEMA_SERVING, "inf", ANOMALY_FLOAT_TYPE_HAS_INF },
                { "tame", SCHEMA_SERVING, "1", ANOMALY_NONE },
                { "tame", SCHEMA_SERVING, "2", ANOMALY_BOOL_TYPE_BIG_INT },
                { "tame", SCHEMA_SERVING, "-1", ANOMALY_BOOL_TYPE_SMALL_INT },
                { "note", SCHEMA_SERVING, "anything", ANOMALY_NONE },
                { "breed", SCHEMA_TRAINING, "d", ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES },
                { "breed", SCHEMA_TRAINING, "", ANOMALY_FEATURE_TYPE_NOT_PRESENT },
                { "breed", SCHEMA_SERVING, "d", ANOMALY_NONE },
                { "breed", 2, "d", ANOMALY_NONE },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                const struct schema_column *column = find(schema, rows[i].column);
                char scratch[VALUE_SCRATCH_BYTES];
                struct value value;
                enum anomaly got;

                assert_int_equal(value_from_text(column->type, rows[i].text, strlen(rows[i].text), scratch, &value), 0);
                got = schema_check(column, rows[i].environment, &value);
                if (got != rows[i].want)
                        fail_msg("%s in %u: \"%s\": got %s, want %s", rows[i].column, rows[i].environment, rows[i].text,
                                 anomaly_name(got), anomaly_name(rows[i].want));
        }
}

static void test_severity(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = parse(good);

        assert_int_equal(schema_severity(find(schema, "weight"), ANOMALY_FLOAT_TYPE_BIG_FLOAT), SEVERITY_WARNING);
        assert_int_equal(schema_severity(find(schema, "weight"), ANOMALY_FLOAT_TYPE_STRING_NOT_FLOAT), SEVERITY_ERROR);
        assert_int_equal(schema_severity(find(schema, "weight"), ANOMALY_FLOAT_TYPE_HAS_INF), SEVERITY_ERROR);
        assert_int_equal(schema_severity(find(schema, "weight"), ANOMALY_FEATURE_TYPE_NOT_PRESENT), SEVERITY_ERROR);
        assert_int_equal(schema_severity(find(schema, "sex"), ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES),
                         SEVERITY_ERROR);
}

static void test_fault_says_what_is_expected(void **state _unused_) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = parse(good);
        struct fault fault = FAULT_NULL;

        assert_int_equal(
                schema_fault(find(schema, "size"), ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES, 3, "hug", 3, &fault),
                FAULT_E_INPUT);
        assert_string_equal(fault.code, "ENUM_TYPE_UNEXPECTED_STRING_VALUES");
        assert_string_equal(fault.column, "size");
        assert_int_equal(fault.row, 3);
        assert_string_equal(fault.message, "value \"hug\" is none of \"small\", \"middle\", \"large\"");
        schema_fault(find(schema, "weight"), ANOMALY_FLOAT_TYPE_BIG_FLOAT, 3, "1e3", 3, &fault);
        assert_string_equal(fault.message, "value \"1e3\" is above the maximum, which is 99");
        schema_fault(find(schema, "weight"), ANOMALY_FLOAT_TYPE_SMALL_FLOAT, 3, "0", 1, &fault);
        assert_string_equal(fault.message, "value \"0\" is below the minimum, which is 0.5");
        schema_fault(find(schema, "weight"), ANOMALY_FLOAT_TYPE_STRING_NOT_FLOAT, 3, "x", 1, &fault);
        assert_string_equal(fault.message, "value \"x\" is no number");
        schema_fault(find(schema, "sex"), ANOMALY_FEATURE_TYPE_NOT_PRESENT, 3, NULL, 0, &fault);
        assert_string_equal(fault.message, "a value is required here, and it is missing");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_dataset),  cmocka_unit_test(test_columns),
                cmocka_unit_test(test_names),    cmocka_unit_test(test_long_list),
                cmocka_unit_test(test_bad),      cmocka_unit_test(test_check),
                cmocka_unit_test(test_severity), cmocka_unit_test(test_fault_says_what_is_expected),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
