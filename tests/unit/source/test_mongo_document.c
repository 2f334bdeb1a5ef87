/* Documents to rows: the table of conversions, errors that name document and field, and bytes that are no BSON. */

#include "tests/unit/source/mongo_world.h"

#include <bson/bson.h>
#include <math.h>

#include "common/base/cleanup.h"
#include "common/source/mongo/mongo_field.h"

static int append(struct world *world, const bson_t *document) {
        return mongo_document_append(world->reader, bson_get_data(document), document->len, 0, world->builder,
                                     &world->fault);
}

/* The cell as text, "" for missing, or the code of the fault. */
static const char *convert(struct world *world, const char *column, bson_t *document) {
        static char text[VALUE_SCRATCH_BYTES * 4];
        const struct column *cells;
        struct table table;
        const char *found;
        size_t n;
        int r;

        table_builder_clear(world->builder);
        world->fault = (struct fault)FAULT_NULL;
        r = append(world, document);
        bson_destroy(document);
        if (r) {
                assert_int_equal(r, FAULT_E_INPUT);
                assert_string_equal(world->fault.column, column);
                table_builder_truncate(world->builder, 0);
                return world->fault.code;
        }
        table = table_builder_view(world->builder);
        assert_int_equal(table.n_rows, 1);
        cells = table_find(&table, column);
        if (!column_is_present(cells, 0))
                return "";
        if (cells->type == COLUMN_UTF8) {
                found = column_text(cells, 0, &n);
                snprintf(text, sizeof(text), "%.*s", (int)n, found);
        } else {
                struct value value = { .kind = cells->type == COLUMN_INT64 ? VALUE_INT : VALUE_FLOAT };
                char scratch[VALUE_SCRATCH_BYTES];

                if (cells->type == COLUMN_INT64)
                        value.integer = cells->int64[0];
                else
                        value.number = cells->float64[0];
                snprintf(text, sizeof(text), "%s", value_format(&value, scratch, &n));
        }
        return text;
}

static bson_t *with_decimal(const char *name, const char *text) {
        static bson_t document;
        bson_decimal128_t decimal;

        assert_true(bson_decimal128_from_string(text, &decimal));
        bson_init(&document);
        BSON_APPEND_DECIMAL128(&document, name, &decimal);
        return &document;
}

#define INT_BAD "INT_TYPE_INT_EXPECTED"
#define FLOAT_BAD "FLOAT_TYPE_NOT_FLOAT"
#define FLOAT_TEXT "FLOAT_TYPE_STRING_NOT_FLOAT"
#define BOOL_TEXT "BOOL_TYPE_STRING_NOT_INT"
#define BOOL_FRACTION "BOOL_TYPE_UNEXPECTED_FLOAT"
#define ENUM_INT "ENUM_TYPE_INT_NOT_STRING"
#define ENUM_FLOAT "ENUM_TYPE_FLOAT_NOT_STRING"
#define TYPE_BAD "UNEXPECTED_DATA_TYPE"

/* Appends the value under test; i-th of a table that the test and the header share. */
static void put(bson_t *document, const char *name, size_t i) {
        static const uint8_t id[12] = { 0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb };
        bson_oid_t oid;
        bson_t inner = BSON_INITIALIZER;

        bson_oid_init_from_data(&oid, id);
        bson_init(document);
        switch (i) {
        case 0:
                BSON_APPEND_INT32(document, name, -7);
                break;
        case 1:
                BSON_APPEND_INT64(document, name, INT64_C(1) << 53);
                break;
        case 2:
                BSON_APPEND_INT64(document, name, (INT64_C(1) << 53) + 1);
                break;
        case 3:
                BSON_APPEND_DOUBLE(document, name, 28.0);
                break;
        case 4:
                BSON_APPEND_DOUBLE(document, name, 0.5);
                break;
        case 5:
                BSON_APPEND_DOUBLE(document, name, NAN);
                break;
        case 6:
                BSON_APPEND_DOUBLE(document, name, INFINITY);
                break;
        case 7:
                BSON_APPEND_BOOL(document, name, true);
                break;
        case 8:
                BSON_APPEND_UTF8(document, name, "1");
                break;
        case 9:
                BSON_APPEND_UTF8(document, name, "");
                break;
        case 10:
                BSON_APPEND_NULL(document, name);
                break;
        case 11:
                BSON_APPEND_OID(document, name, &oid);
                break;
        case 12:
                BSON_APPEND_DATE_TIME(document, name, INT64_C(1767323045678));
                break;
        case 13:
                BSON_APPEND_DATE_TIME(document, name, -1);
                break;
        case 14:
                BSON_APPEND_DATE_TIME(document, name, INT64_C(253402300800000));
                break;
        case 15:
                BSON_APPEND_DOCUMENT(document, name, &inner);
                break;
        case 16:
                BSON_APPEND_ARRAY(document, name, &inner);
                break;
        case 17:
                BSON_APPEND_BINARY(document, name, BSON_SUBTYPE_BINARY, id, 3);
                break;
        case 18:
                BSON_APPEND_REGEX(document, name, "a", "i");
                break;
        case 19:
                BSON_APPEND_TIMESTAMP(document, name, 1, 2);
                break;
        case 20:
                BSON_APPEND_UNDEFINED(document, name);
                break;
        case 21:
                BSON_APPEND_SYMBOL(document, name, "a");
                break;
        case 22:
                BSON_APPEND_CODE(document, name, "a");
                break;
        case 23:
                BSON_APPEND_CODE_WITH_SCOPE(document, name, "a", &inner);
                break;
        case 24:
                BSON_APPEND_DBPOINTER(document, name, "a", &oid);
                break;
        case 25:
                BSON_APPEND_MINKEY(document, name);
                break;
        case 26:
                BSON_APPEND_MAXKEY(document, name);
                break;
        default:
                break; /* no field */
        }
        bson_destroy(&inner);
}

static void test_every_type_has_its_conversion(void **state) {
        static const struct {
                size_t i;
                const char *want_i, *want_f, *want_b, *want_c, *want_n;
        } rows[] = {
                { 0, "-7", "-7", "-7", ENUM_INT, "-7" },
                { 1, "9007199254740992", "9.007199254740992e+15", "9007199254740992", ENUM_INT, "9007199254740992" },
                { 2, INT_BAD, "9.007199254740992e+15", "BOOL_TYPE_BIG_INT", ENUM_INT, INT_BAD },
                { 3, "28", "28", "28", ENUM_INT, "28" },
                { 4, INT_BAD, "0.5", BOOL_FRACTION, ENUM_FLOAT, INT_BAD },
                { 5, "", "", "", "", "" },
                { 6, INT_BAD, "inf", BOOL_FRACTION, ENUM_FLOAT, INT_BAD },
                { 7, INT_BAD, FLOAT_BAD, "1", ENUM_INT, INT_BAD },
                { 8, INT_BAD, FLOAT_TEXT, BOOL_TEXT, "1", INT_BAD },
                { 9, "", "", "", "", "" },
                { 10, "", "", "", "", "" },
                { 11, INT_BAD, FLOAT_TEXT, BOOL_TEXT, "00112233445566778899aabb", INT_BAD },
                { 12, "1767323045678", "1767323045678", TYPE_BAD, "2026-01-02T03:04:05.678Z", "1767323045678" },
                { 13, "-1", "-1", TYPE_BAD, "1969-12-31T23:59:59.999Z", "-1" },
                { 14, "253402300800000", "253402300800000", TYPE_BAD, TYPE_BAD, "253402300800000" },
                { 27, "", "", "", "", "" },
        };
        struct world *world = *state;
        bson_t document;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                const char *wants[] = { rows[i].want_i, rows[i].want_f, rows[i].want_b, rows[i].want_c,
                                        rows[i].want_n };
                static const char *const names[] = { "i", "f", "b", "c", "n" };

                for (size_t k = 0; k < N_ELEMENTS(names); k++) {
                        const char *found;

                        put(&document, names[k], rows[i].i);
                        found = convert(world, names[k], &document);
                        if (k == 1 && *wants[k] >= '0' && *wants[k] <= '9')
                                assert_true(fabs(strtod(found, NULL) - strtod(wants[k], NULL)) < 1e-9);
                        else
                                assert_string_equal(found, wants[k]);
                }
        }
        for (size_t i = 15; i <= 26; i++) {
                for (size_t k = 0; k < 5; k++) {
                        static const char *const names[] = { "i", "f", "b", "c", "n" };

                        put(&document, names[k], i);
                        assert_string_equal(convert(world, names[k], &document), TYPE_BAD);
                }
        }
}

static void test_decimals_are_the_numbers_of_a_csv_file(void **state) {
        static const struct {
                const char *text, *want_i, *want_f;
        } rows[] = {
                { "28", "28", "28" },
                { "28.0", "28", "28" },
                { "2.8E+1", "28", "28" },
                { "-0", "0", "0" },
                { "0E-6176", "0", "0" },
                { "0E+6111", "0", "0" },
                { "0.1", INT_BAD, "0.1" },
                { "9007199254740992", "9007199254740992", NULL },
                { "9007199254740993", INT_BAD, NULL },
                { "9.999999999999999999999999999999999E+6144", INT_BAD, "inf" },
                { "1E-6176", INT_BAD, "0" },
                { "Infinity", INT_BAD, "inf" },
                { "-Infinity", INT_BAD, "-inf" },
                { "NaN", "", "" },
        };
        struct world *world = *state;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct value want = VALUE_NULL;
                char scratch[VALUE_SCRATCH_BYTES];
                const char *text;
                size_t n;

                /* the oracle: the same number as text */
                if (value_from_text(VALUE_TYPE_INT, rows[i].text, strlen(rows[i].text), scratch, &want)) {
                        text = INT_BAD;
                } else {
                        text = value_format(&want, scratch, &n);
                }
                assert_string_equal(convert(world, "i", with_decimal("i", rows[i].text)), text);
                if (value_from_text(VALUE_TYPE_FLOAT, rows[i].text, strlen(rows[i].text), scratch, &want))
                        fail();
                text = value_format(&want, scratch, &n);
                assert_string_equal(convert(world, "f", with_decimal("f", rows[i].text)), text);
                if (rows[i].want_f && strlen(rows[i].want_f))
                        assert_string_equal(text, rows[i].want_f);
        }
}

static void test_an_error_names_the_document_and_the_field(void **state) {
        struct world *world = *state;
        bson_t *document = BCON_NEW("_id", BCON_INT32(17), "f", BCON_UTF8("abc"));

        assert_int_equal(append(world, document), FAULT_E_INPUT);
        assert_string_equal(world->fault.message, "document 17: value \"abc\" is no number");
        assert_string_equal(world->fault.column, "f");
        bson_destroy(document);
        table_builder_truncate(world->builder, 0);
        document = BCON_NEW("_id", BCON_UTF8("x\"y"), "c", "{", "d", BCON_INT32(1), "}");
        assert_int_equal(append(world, document), FAULT_E_INPUT);
        assert_string_equal(world->fault.message,
                            "document \"x\"y\": an object stands where a value (category of string) belongs");
        bson_destroy(document);
        table_builder_truncate(world->builder, 0);
        document = BCON_NEW("i", BCON_INT32(1), "i", BCON_INT32(2));
        assert_int_equal(append(world, document), FAULT_E_INPUT);
        assert_string_equal(world->fault.code, "BSON_DUPLICATE_FIELD");
        assert_non_null(strstr(world->fault.message, "document without _id: "));
        bson_destroy(document);
}

static void test_fields_are_taken_by_name_in_any_order(void **state) {
        static const char *const orders[] = { "ifbcny", "yncbfi", "ifbcny", "if", "", "fxi", "ifbcny", "nxyzb" };
        struct world *world = *state;
        struct table table;

        for (size_t i = 0; i < N_ELEMENTS(orders); i++) {
                bson_t document = BSON_INITIALIZER;

                for (const char *at = orders[i]; *at; at++) {
                        char name[2] = { *at, 0 };

                        if (*at == 'c')
                                BSON_APPEND_UTF8(&document, name, "a");
                        else
                                BSON_APPEND_INT32(&document, name, *at);
                }
                assert_int_equal(append(world, &document), 0);
                bson_destroy(&document);
        }
        table = table_builder_view(world->builder);
        assert_int_equal(table.n_rows, N_ELEMENTS(orders));
        for (size_t i = 0; i < N_ELEMENTS(orders); i++) {
                assert_int_equal(column_is_present(&table.columns[0], i), strchr(orders[i], 'i') != NULL);
                assert_int_equal(column_is_present(&table.columns[5], i), strchr(orders[i], 'y') != NULL);
                if (strchr(orders[i], 'i'))
                        assert_int_equal(table.columns[0].int64[i], 'i');
                if (strchr(orders[i], 'f'))
                        assert_true(table.columns[1].float64[i] > 'f' - 0.5 && table.columns[1].float64[i] < 'f' + 0.5);
                if (strchr(orders[i], 'y'))
                        assert_int_equal(table.columns[5].int64[i], 'y');
        }
        assert_true(world->has[0] && world->has[5]);
}

static bson_t *with_all_types(void) {
        bson_t *document = bson_new();

        for (size_t i = 0; i <= 26; i++) {
                char name[8];
                bson_iter_t iter;
                bson_t one;

                snprintf(name, sizeof(name), "x%zu", i);
                put(&one, name, i);
                assert_true(bson_iter_init_find(&iter, &one, name));
                bson_append_iter(document, name, -1, &iter);
                bson_destroy(&one);
        }
        return document;
}

/* Each in memory of its own, so that a sanitizer sees what is read beyond it. */
static void read_copy(struct world *world, const uint8_t *bytes, size_t n_bytes) {
        _cleanup_(free_pointer) uint8_t *copy = malloc(n_bytes ? n_bytes : 1);
        char text[512], name[MONGO_DOCUMENT_NAME_BYTES];
        struct mongo_fields fields;
        struct mongo_field field;
        int r;

        assert_non_null(copy);
        memcpy(copy, bytes, n_bytes);
        table_builder_clear(world->builder);
        r = mongo_document_append(world->reader, copy, n_bytes, 0, world->builder, &world->fault);
        assert_true(r == 0 || r == FAULT_E_INPUT);
        if (r)
                table_builder_truncate(world->builder, 0);
        assert_true(mongo_document_show(copy, n_bytes, text, sizeof(text)) < sizeof(text));
        mongo_document_name(copy, n_bytes, name);
        if (mongo_fields_begin(copy, n_bytes, &fields))
                while (mongo_fields_next(&fields, &field) == MONGO_NEXT_FIELD)
                        assert_true(field.value + field.n_value <= copy + n_bytes);
}

static void test_bytes_that_are_no_bson_are_found_out(void **state) {
        struct world *world = *state;
        bson_t *document = with_all_types();
        _cleanup_(free_pointer) uint8_t *bytes = malloc(document->len);
        size_t n = document->len, n_fields = 0;
        struct mongo_fields fields;
        struct mongo_field field;

        assert_non_null(bytes);
        memcpy(bytes, bson_get_data(document), n);
        assert_true(mongo_fields_begin(bytes, n, &fields));
        while (mongo_fields_next(&fields, &field) == MONGO_NEXT_FIELD)
                n_fields++;
        assert_int_equal(n_fields, 27);
        assert_int_equal(mongo_fields_next(&fields, &field), MONGO_NEXT_END);
        for (size_t i = 0; i < n; i++) {
                int32_t length = (int32_t)i;

                /* cut there, with a length that is right */
                read_copy(world, bytes, i);
                if (i >= 5) {
                        uint8_t kept[4], last = bytes[i - 1];

                        memcpy(kept, bytes, 4);
                        memcpy(bytes, &length, 4);
                        bytes[i - 1] = 0;
                        read_copy(world, bytes, i);
                        memcpy(bytes, kept, 4);
                        bytes[i - 1] = last;
                }
                for (unsigned change = 1; change < 256; change = change * 2 + 1) {
                        bytes[i] ^= (uint8_t)change;
                        read_copy(world, bytes, n);
                        bytes[i] ^= (uint8_t)change;
                }
        }
        bson_destroy(document);
        assert_int_equal(
                mongo_document_append(world->reader, (const uint8_t *)"\5\0\0\0", 4, 0, world->builder, &world->fault),
                FAULT_E_INPUT);
        assert_string_equal(world->fault.code, "BSON_MALFORMED");
}

static void test_a_document_is_shown(void **state) {
        bson_t *document = BCON_NEW("_id", BCON_INT32(17), "a", BCON_UTF8("x"), "b", BCON_DOUBLE(0.5), "c", "[", "]");
        char text[64], shorter[10];

        (void)state;
        assert_int_equal(mongo_document_show(bson_get_data(document), document->len, text, sizeof(text)), 46);
        assert_string_equal(text, "{\"_id\": 17, \"a\": \"x\", \"b\": 0.5, \"c\": an array}");
        assert_int_equal(mongo_document_show(bson_get_data(document), document->len, shorter, sizeof(shorter)), 9);
        assert_string_equal(shorter, "{\"_id\": 1");
        bson_destroy(document);
}

static void test_a_row_comes_back_as_it_was(void **state) {
        struct world *world = *state;
        bson_t *first = BCON_NEW("i", BCON_INT64(INT64_C(1) << 40), "f", BCON_DOUBLE(0.1), "b", BCON_BOOL(true), "c",
                                 BCON_UTF8("a"), "n", BCON_INT32(-3));
        struct digest_content content[2];
        struct table table;
        bson_t again = BSON_INITIALIZER;

        assert_int_equal(append(world, first), 0);
        table = table_builder_view(world->builder);
        assert_int_equal(mongo_document_write(world->schema, &table, 0, &again), 0);
        assert_int_equal(bson_count_keys(&again), 5);
        assert_int_equal(append(world, &again), 0);
        table = table_builder_view(world->builder);
        assert_int_equal(table_digest_rows(&table, content), 0);
        assert_memory_equal(&content[0], &content[1], sizeof(content[0]));
        bson_destroy(first);
        bson_destroy(&again);
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(test_every_type_has_its_conversion),
                test(test_decimals_are_the_numbers_of_a_csv_file),
                test(test_an_error_names_the_document_and_the_field),
                test(test_fields_are_taken_by_name_in_any_order),
                test(test_bytes_that_are_no_bson_are_found_out),
                test(test_a_document_is_shown),
                test(test_a_row_comes_back_as_it_was),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
