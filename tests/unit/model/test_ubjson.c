/* The cursor: every type it reads, and every length it must not believe. */

#include "common/model/ubjson.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"

/* A string literal without its end. */
#define BYTES(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static struct ubjson cursor_over(const uint8_t *bytes, size_t n_bytes) {
        return (struct ubjson)UBJSON_INIT(bytes, n_bytes);
}

static void test_numbers(void **state) {
        static const struct {
                const char *bytes;
                size_t n_bytes;
                double want;
        } rows[] = {
                { "i\xff", 2, -1 },
                { "U\xff", 2, 255 },
                { "I\xff\xfe", 3, -2 },
                { "l\x80\x00\x00\x00", 5, -2147483648.0 },
                { "L\xff\xff\xff\xff\xff\xff\xff\xfd", 9, -3 },
                { "d\x40\x48\x00\x00", 5, 3.125 },
                { "D\xc0\x09\x00\x00\x00\x00\x00\x00", 9, -3.125 },
                { "NNi\x07", 4, 7 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct ubjson cursor = cursor_over((const uint8_t *)rows[i].bytes, rows[i].n_bytes);
                double got;

                assert_true(ubjson_read_number(&cursor, &got));
                assert_true(fabs(got - rows[i].want) <= 0);
                assert_ptr_equal(cursor.at, cursor.end);
                for (size_t n = 0; n < rows[i].n_bytes; n++) {
                        cursor = cursor_over((const uint8_t *)rows[i].bytes, n);
                        assert_false(ubjson_read_number(&cursor, &got));
                        assert_non_null(cursor.error);
                }
        }
}

static void test_object_is_walked(void **state) {
        struct ubjson cursor = cursor_over(BYTES("{i\x01"
                                                 "aSi\x02hi"
                                                 "i\x01"
                                                 "bi\x05"
                                                 "U\x01"
                                                 "c[TFZ]"
                                                 "}"));
        struct ubjson_scope scope;
        struct ubjson_text key, text;
        double number;

        (void)state;
        assert_true(ubjson_open_object(&cursor, &scope));
        assert_true(ubjson_next_key(&cursor, &scope, &key));
        assert_true(ubjson_text_is(key, "a"));
        assert_true(ubjson_read_text(&cursor, &text));
        assert_true(ubjson_text_is(text, "hi"));
        assert_false(ubjson_text_is(text, "high"));
        assert_true(ubjson_next_key(&cursor, &scope, &key));
        assert_true(ubjson_read_number(&cursor, &number));
        assert_true(ubjson_next_key(&cursor, &scope, &key));
        assert_int_equal(ubjson_peek(&cursor), '[');
        assert_true(ubjson_skip(&cursor));
        assert_false(ubjson_next_key(&cursor, &scope, &key));
        assert_null(cursor.error);
        assert_ptr_equal(cursor.at, cursor.end);
        assert_int_equal(cursor.depth, 0);
}

static void test_arrays_of_numbers(void **state) {
        static const struct {
                const char *bytes;
                size_t n_bytes;
        } rows[] = {
                { "[$l#i\x02\x00\x00\x00\x01\xff\xff\xff\xff", 14 },
                { "[#i\x02i\x01I\xff\xff", 9 },
                { "[i\x01l\xff\xff\xff\xff]", 9 },
                { "[$i#L\x00\x00\x00\x00\x00\x00\x00\x02\x01\xff", 15 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct ubjson cursor = cursor_over((const uint8_t *)rows[i].bytes, rows[i].n_bytes);
                struct ubjson_integers integers = { 0 };
                struct ubjson_floats floats = { 0 };

                assert_true(ubjson_read_integers(&cursor, &integers));
                assert_int_equal(integers.n, 2);
                assert_int_equal(integers.values[0], 1);
                assert_int_equal(integers.values[1], -1);
                assert_ptr_equal(cursor.at, cursor.end);
                cursor = cursor_over((const uint8_t *)rows[i].bytes, rows[i].n_bytes);
                assert_true(ubjson_read_floats(&cursor, &floats));
                assert_true(floats.n == 2 && floats.values[1] < 0);
                cursor = cursor_over((const uint8_t *)rows[i].bytes, rows[i].n_bytes);
                assert_true(ubjson_skip(&cursor));
                assert_ptr_equal(cursor.at, cursor.end);
                assert_int_equal(cursor.depth, 0);
                free(integers.values);
                free(floats.values);
        }
}

static void test_integers_are_integral(void **state) {
        static const struct {
                const char *bytes;
                size_t n_bytes;
        } rows[] = {
                { "[d\x3f\x00\x00\x00]", 7 },
                { "[L\x00\x00\x00\x01\x00\x00\x00\x00]", 11 },
                { "[d\x7f\xc0\x00\x00]", 7 },
                { "[Si\x01x]", 6 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct ubjson cursor = cursor_over((const uint8_t *)rows[i].bytes, rows[i].n_bytes);
                struct ubjson_integers integers = { 0 };

                assert_false(ubjson_read_integers(&cursor, &integers));
                assert_non_null(cursor.error);
                assert_null(integers.values);
        }
}

/* each would ask for far more than the input is worth */
static void test_no_length_is_believed(void **state) {
        static const struct {
                const char *bytes;
                size_t n_bytes;
        } rows[] = {
                { "[$d#L\x00\x00\x00\xff\xff\xff\xff\xff", 13 },
                { "[$d#L\xff\xff\xff\xff\xff\xff\xff\xff", 13 },
                { "[$Z#L\x00\x00\x00\x00\xff\xff\xff\xff", 13 },
                { "[$T#l\x7f\xff\xff\xff", 9 },
                { "[#L\x7f\xff\xff\xff\xff\xff\xff\xff", 11 },
                { "[#i\xff", 4 },
                { "[$d#d\x3f\x80\x00\x00", 9 },
                { "[$d]", 4 },
                { "[$[#i\x01", 6 },
                { "Sl\x7f\xff\xff\xff", 6 },
                { "SL\xff\xff\xff\xff\xff\xff\xff\xff", 10 },
                { "{#l\x7f\xff\xff\xff", 7 },
                { "{L\x7f\xff\xff\xff\xff\xff\xff\xff", 10 },
                { "[#i\x03TT", 6 },
                { "Q", 1 },
                { "", 0 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct ubjson cursor = cursor_over((const uint8_t *)rows[i].bytes, rows[i].n_bytes);
                struct ubjson_floats floats = { 0 };

                assert_false(ubjson_skip(&cursor));
                assert_non_null(cursor.error);
                cursor = cursor_over((const uint8_t *)rows[i].bytes, rows[i].n_bytes);
                assert_false(ubjson_read_floats(&cursor, &floats));
                assert_int_equal(cursor.cause, UBJSON_CAUSE_DAMAGED);
        }
}

static void test_nesting_is_bounded(void **state) {
        uint8_t bytes[200000];
        struct ubjson cursor = cursor_over(bytes, sizeof(bytes));

        (void)state;
        memset(bytes, '[', sizeof(bytes));
        assert_false(ubjson_skip(&cursor));
        assert_non_null(cursor.error);
        memset(bytes, ']', sizeof(bytes));
        memset(bytes, '[', UBJSON_DEPTH_MAX);
        cursor = cursor_over(bytes, sizeof(bytes));
        assert_true(ubjson_skip(&cursor));
        assert_int_equal(cursor.at - cursor.start, 2 * UBJSON_DEPTH_MAX);
}

static void test_first_error_sticks(void **state) {
        struct ubjson cursor = cursor_over(BYTES("i\x05i\x06"));
        struct ubjson_text text;
        const char *first;
        double number = 77;

        (void)state;
        assert_false(ubjson_read_text(&cursor, &text));
        first = cursor.error;
        assert_false(ubjson_read_number(&cursor, &number));
        assert_false(ubjson_fail_unsupported(&cursor, "another"));
        assert_ptr_equal(cursor.error, first);
        assert_int_equal(cursor.cause, UBJSON_CAUSE_DAMAGED);
        assert_true(number > 76);
}

static void test_number_or_text(void **state) {
        struct ubjson cursor = cursor_over(BYTES("Si\x04"
                                                 "5E-1U\x07Si\x02"
                                                 "1x"));
        double number;

        (void)state;
        assert_true(ubjson_read_number_or_text(&cursor, &number));
        assert_true(fabs(number - 0.5) <= 0);
        assert_true(ubjson_read_number_or_text(&cursor, &number));
        assert_true(fabs(number - 7) <= 0);
        assert_false(ubjson_read_number_or_text(&cursor, &number));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_object_is_walked),
                cmocka_unit_test(test_arrays_of_numbers),
                cmocka_unit_test(test_integers_are_integral),
                cmocka_unit_test(test_no_length_is_believed),
                cmocka_unit_test(test_nesting_is_bounded),
                cmocka_unit_test(test_first_error_sticks),
                cmocka_unit_test(test_number_or_text),
        };

        return cmocka_run_group_tests_name("ubjson", tests, NULL, NULL);
}
