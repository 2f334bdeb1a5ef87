/* Labels: which of two values a row has. */

#include "common/model/labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/world.h"

#define HEAD "schema: 1\nenvironments: [TRAINING, SERVING]\ncolumns:\n  - {name: x, type: int}\n"

static struct table_builder *labels_of(const char *const *texts, size_t n, bool is_text) {
        struct table_builder *builder = NULL;

        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "y", is_text ? COLUMN_UTF8 : COLUMN_INT64), 0);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(!texts[i] ? table_builder_add_missing(builder, 0)
                                 : is_text ? table_builder_add_text(builder, 0, texts[i], strlen(texts[i]))
                                           : table_builder_add_int64(builder, 0, strtol(texts[i], NULL, 10)),
                                 0);
        return builder;
}

static int read_them(const char *schema_text, const char *const *texts, size_t n, bool is_text, uint8_t *ret_labels,
                     struct fault *fault) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = world_schema(schema_text);
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = labels_of(texts, n, is_text);
        struct table table = table_builder_view(builder);

        return labels_read(schema, &table, ret_labels, fault);
}

static void test_a_bool_is_its_number(void **state) {
        static const char *const texts[] = { "0", "1", "1" };
        struct fault fault = FAULT_NULL;
        uint8_t labels[3];

        (void)state;
        fault_in(&fault, "as it was", 3);
        assert_int_equal(read_them(HEAD "  - {name: y, role: label, type: bool}\n", texts, 3, false, labels, &fault),
                         0);
        assert_string_equal(fault.column, "as it was");
        assert_memory_equal(labels, "\0\1\1", 3);
}

static void test_of_a_category_the_second_is_one(void **state) {
        static const char *const texts[] = { "yes", "no", "yes" };
        struct fault fault = FAULT_NULL;
        uint8_t labels[3];

        (void)state;
        assert_int_equal(read_them(HEAD "  - {name: y, role: label, type: category, values: ['no', 'yes']}\n", texts, 3,
                                   true, labels, &fault),
                         0);
        assert_memory_equal(labels, "\1\0\1", 3);
        assert_int_equal(read_them(HEAD "  - {name: y, role: label, type: category, values: ['yes', 'no']}\n", texts, 3,
                                   true, labels, &fault),
                         0);
        assert_memory_equal(labels, "\0\1\0", 3);
}

static void test_what_is_no_label(void **state) {
        static const char *const strange[] = { "yes", "maybe" }, *const gap[] = { "yes", "no", NULL };
        static const char *const two[] = { "1", "2" };
        static const char yes_no[] = HEAD "  - {name: y, role: label, type: category, values: ['no', 'yes']}\n";
        struct fault fault = FAULT_NULL;
        uint8_t labels[3];

        (void)state;
        assert_int_equal(read_them(yes_no, strange, 2, true, labels, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "ENUM_TYPE_UNEXPECTED_STRING_VALUES");
        assert_string_equal(fault.column, "y");
        assert_int_equal(fault.row, 1);
        assert_int_equal(read_them(yes_no, gap, 3, true, labels, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FEATURE_TYPE_NOT_PRESENT");
        assert_int_equal(fault.row, 2);
        assert_int_equal(read_them(HEAD "  - {name: y, role: label, type: bool}\n", two, 2, false, labels, &fault),
                         FAULT_E_INPUT);
        assert_int_equal(fault.row, 1);
        assert_int_equal(read_them(HEAD "  - {name: y, role: label, type: category, values: ['a', 'b', 'c']}\n", gap, 0,
                                   true, labels, &fault),
                         FAULT_E_INPUT);
        assert_string_equal(fault.code, "LABEL_NOT_BINARY");
        assert_int_equal(read_them(HEAD "  - {name: z, role: label, type: bool}\n", gap, 0, false, labels, &fault),
                         FAULT_E_INPUT);
        assert_string_equal(fault.code, "SCHEMA_MISSING_COLUMN");
        assert_string_equal(fault.column, "z");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_bool_is_its_number),
                cmocka_unit_test(test_of_a_category_the_second_is_one),
                cmocka_unit_test(test_what_is_no_label),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
