/* Cursor: values come back, and no frame from outside gets further than it should. */

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "common/bus/cursor.h"
#include "common/bus/pack.h"

static void pack_sample(struct buffer *buffer) {
        struct pack pack;

        pack_begin(&pack, buffer);
        pack_map(&pack, 7);
        pack_text(&pack, "name");
        pack_text(&pack, "caf\xc3\xa9");
        pack_text(&pack, "least");
        pack_int64(&pack, INT64_MIN);
        pack_text(&pack, "most");
        pack_int64(&pack, INT64_MAX);
        pack_text(&pack, "share");
        pack_double(&pack, 0.1);
        pack_text(&pack, "flags");
        pack_array(&pack, 2);
        pack_bool(&pack, true);
        pack_bool(&pack, false);
        pack_text(&pack, "note");
        pack_nil(&pack);
        pack_text(&pack, "end");
        pack_bool(&pack, true);
        assert_int_equal(pack_end(&pack), 0);
}

static void test_values_come_back(void **state) {
        _cleanup_(buffer_finish) struct buffer buffer = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        struct cursor cursor;
        bool flags[2] = { false, true };
        char name[6];
        size_t n = 0;
        int64_t least = 0, most = 0;
        double share = 0;

        (void)state;
        pack_sample(&buffer);
        assert_int_equal(cursor_open(&cursor, buffer.data, buffer.n_bytes, &fault), 0);
        assert_int_equal(cursor_map_of(&cursor, "sample", 7), 0);
        cursor_key(&cursor, "name");
        assert_int_equal(cursor_text(&cursor, "name", sizeof(name), name), 0);
        assert_string_equal(name, "caf\xc3\xa9");
        cursor_key(&cursor, "least");
        assert_int_equal(cursor_int64(&cursor, "least", INT64_MIN, 0, &least), 0);
        assert_true(least == INT64_MIN);
        cursor_key(&cursor, "most");
        assert_int_equal(cursor_int64(&cursor, "most", 0, INT64_MAX, &most), 0);
        assert_true(most == INT64_MAX);
        cursor_key(&cursor, "share");
        assert_int_equal(cursor_double(&cursor, "share", &share), 0);
        assert_true(share > 0.0999999 && share < 0.1000001);
        cursor_key(&cursor, "flags");
        assert_int_equal(cursor_array(&cursor, "flags", 2, &n), 0);
        assert_int_equal(n, 2);
        cursor_bool(&cursor, "flags", &flags[0]);
        cursor_bool(&cursor, "flags", &flags[1]);
        assert_true(flags[0] && !flags[1]);
        cursor_key(&cursor, "note");
        assert_true(cursor_take_nil(&cursor));
        cursor_key(&cursor, "end");
        assert_false(cursor_take_nil(&cursor));
        assert_int_equal(cursor_bool(&cursor, "end", &flags[0]), 0);
        assert_int_equal(cursor_end(&cursor), 0);
}

/* Every integer form is read as the number that it is. */
static void test_integer_forms(void **state) {
        static const struct {
                const char *bytes;
                size_t n_bytes;
                int64_t want;
        } rows[] = {
                { "\x05", 1, 5 },
                { "\xff", 1, -1 },
                { "\xe0", 1, -32 },
                { "\xcc\xff", 2, 255 },
                { "\xcd\x01\x00", 3, 256 },
                { "\xce\xff\xff\xff\xff", 5, UINT32_MAX },
                { "\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MAX },
                { "\xcf\x00\x00\x00\x00\x00\x00\x00\x05", 9, 5 },
                { "\xd0\x80", 2, -128 },
                { "\xd0\x05", 2, 5 },
                { "\xd1\xff\x00", 3, -256 },
                { "\xd2\x80\x00\x00\x00", 5, INT32_MIN },
                { "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, INT64_MIN },
        };
        struct fault fault = FAULT_NULL;
        struct cursor cursor;
        int64_t value;

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                value = 0;
                assert_int_equal(cursor_open(&cursor, rows[i].bytes, rows[i].n_bytes, &fault), 0);
                assert_int_equal(cursor_int64(&cursor, "n", INT64_MIN, INT64_MAX, &value), 0);
                assert_true(value == rows[i].want);
                assert_int_equal(cursor_end(&cursor), 0);
        }
}

static void test_floats(void **state) {
        struct fault fault = FAULT_NULL;
        struct cursor cursor;
        double value = 7;

        (void)state;
        assert_int_equal(cursor_open(&cursor, "\xca\x3f\xc0\0\0", 5, &fault), 0);
        assert_int_equal(cursor_double(&cursor, "x", &value), 0);
        assert_true(value > 1.4 && value < 1.6);
        assert_int_equal(cursor_open(&cursor, "\xcb\x7f\xf8\0\0\0\0\0\0", 9, &fault), 0);
        assert_int_equal(cursor_double_any(&cursor, "x", &value), 0);
        assert_true(isnan(value));
        value = 7;
        assert_int_equal(cursor_open(&cursor, "\xcb\x7f\xf0\0\0\0\0\0\0", 9, &fault), 0);
        assert_int_equal(cursor_double(&cursor, "x", &value), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FIELD_RANGE");
        assert_string_equal(fault.column, "x");
        assert_true(value > 6.9 && value < 7.1);
        assert_int_equal(cursor_open(&cursor, "\x01", 1, &fault), 0);
        assert_int_equal(cursor_double(&cursor, "x", &value), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FIELD_TYPE");
}

/* Frames that the walk refuses. */
static void test_refused_frames(void **state) {
        static const struct {
                const char *bytes;
                size_t n_bytes;
                const char *want_code;
        } rows[] = {
                { "", 0, "FRAME_TRUNCATED" },
                { "\xdd\xff\0\0\0", 5, "FRAME_TRUNCATED" },
                { "\xdf\xff\xff\xff\xff", 5, "FRAME_TRUNCATED" },
                { "\xdc\xff\xff", 3, "FRAME_TRUNCATED" },
                { "\xdb\xff\xff\xff\xff", 5, "FRAME_TRUNCATED" },
                { "\xc6\xff\xff\xff\xff", 5, "FRAME_TRUNCATED" },
                { "\xa3"
                  "ab",
                  3, "FRAME_TRUNCATED" },
                { "\xcd\x01", 2, "FRAME_TRUNCATED" },
                /* each level alone would fit, their sum does not */
                { "\x93\x93\x93\x01\x01\x01", 6, "FRAME_TRUNCATED" },
                { "\x92\x01\xa1", 3, "FRAME_TRUNCATED" },
                { "\xc1", 1, "FRAME_TYPE" },
                { "\x91\xc1", 2, "FRAME_TYPE" },
                { "\xd4\x01\x02", 3, "FRAME_TYPE" },
                { "\xc7\x01\x02\x03", 4, "FRAME_TYPE" },
                { "\x01\x02", 2, "FRAME_TRAILING_BYTES" },
                { "\x90\x90", 2, "FRAME_TRAILING_BYTES" },
        };
        struct fault fault;
        struct cursor cursor;
        int64_t value = 3;

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                fault = (struct fault)FAULT_NULL;
                assert_int_equal(cursor_open(&cursor, rows[i].bytes, rows[i].n_bytes, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, rows[i].want_code);
                assert_int_equal(cursor_int64(&cursor, "n", 0, 9, &value), FAULT_E_INPUT);
                assert_int_equal(cursor_end(&cursor), FAULT_E_INPUT);
                assert_int_equal(value, 3);
                assert_string_equal(fault.code, rows[i].want_code);
        }
}

static void test_truncated_at_every_byte(void **state) {
        _cleanup_(buffer_finish) struct buffer buffer = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        struct cursor cursor;
        uint8_t *exact;

        (void)state;
        pack_sample(&buffer);
        for (size_t n = 0; n < buffer.n_bytes; n++) {
                /* a copy of this length, so that a sanitizer sees a read beyond it */
                exact = malloc(n + !n);
                assert_non_null(exact);
                memcpy(exact, buffer.data, n);
                assert_int_equal(cursor_open(&cursor, exact, n, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "FRAME_TRUNCATED");
                free(exact);
        }
}

/* Flipped bits never lead beyond the frame. */
static void test_every_byte_replaced(void **state) {
        _cleanup_(buffer_finish) struct buffer buffer = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        size_t n_accepted = 0;
        struct cursor cursor;
        uint8_t *exact, before;

        (void)state;
        pack_sample(&buffer);
        exact = malloc(buffer.n_bytes);
        assert_non_null(exact);
        memcpy(exact, buffer.data, buffer.n_bytes);
        for (size_t i = 0; i < buffer.n_bytes; i++) {
                before = exact[i];
                for (int value = 0; value < 256; value++) {
                        exact[i] = (uint8_t)value;
                        n_accepted += cursor_open(&cursor, exact, buffer.n_bytes, &fault) == 0;
                }
                exact[i] = before;
        }
        free(exact);
        assert_true(n_accepted > 0 && n_accepted < buffer.n_bytes * 256);
}

static void test_depth(void **state) {
        uint8_t nest[CURSOR_DEPTH_MAX + 2];
        struct fault fault = FAULT_NULL;
        struct cursor cursor;

        (void)state;
        memset(nest, 0x91, sizeof(nest));
        nest[CURSOR_DEPTH_MAX] = 0x01;
        assert_int_equal(cursor_open(&cursor, nest, CURSOR_DEPTH_MAX + 1, &fault), 0);
        nest[CURSOR_DEPTH_MAX] = 0x90;
        assert_int_equal(cursor_open(&cursor, nest, CURSOR_DEPTH_MAX + 1, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FRAME_DEPTH");
        nest[CURSOR_DEPTH_MAX] = 0x91;
        nest[CURSOR_DEPTH_MAX + 1] = 0x01;
        assert_int_equal(cursor_open(&cursor, nest, CURSOR_DEPTH_MAX + 2, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FRAME_DEPTH");
}

static size_t n_mapped_bytes(void) {
        FILE *file = fopen("/proc/self/statm", "re");
        size_t n_pages = 0;

        assert_non_null(file);
        assert_int_equal(fscanf(file, "%zu", &n_pages), 1);
        fclose(file);
        return n_pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* With 1 MiB of address space left, frames that ask for gigabytes are refused as any other. */
static void test_hostile_frames_in_little_memory(void **state) {
        enum { N_DEEP = 100000 };
        struct fault fault = FAULT_NULL;
        struct rlimit before, tight;
        struct cursor cursor;
        uint8_t *deep, *wide;

        (void)state;
        deep = malloc(N_DEEP);
        wide = malloc(N_DEEP);
        assert_non_null(deep);
        assert_non_null(wide);
        memset(deep, 0x91, N_DEEP);
        /* maps of 65,535 pairs, one within the other, each of which would still fit into the frame */
        for (size_t i = 0; i < N_DEEP; i++)
                wide[i] = i % 3 ? 0xff : 0xde;
        assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
        tight = before;
        tight.rlim_cur = n_mapped_bytes() + 1024 * 1024;
        assert_int_equal(setrlimit(RLIMIT_AS, &tight), 0);
        assert_int_equal(cursor_open(&cursor, deep, N_DEEP, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FRAME_DEPTH");
        assert_int_equal(cursor_open(&cursor, wide, N_DEEP, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FRAME_TRUNCATED");
        assert_int_equal(cursor_open(&cursor, "\xdd\xff\0\0\0", 5, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FRAME_TRUNCATED");
        assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
        free(deep);
        free(wide);
}

static void test_frame_too_long(void **state) {
        struct fault fault = FAULT_NULL;
        struct cursor cursor;
        uint8_t *bytes;

        (void)state;
        bytes = calloc(1, CURSOR_BYTES_MAX + 1);
        assert_non_null(bytes);
        assert_int_equal(cursor_open(&cursor, bytes, CURSOR_BYTES_MAX + 1, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FRAME_SIZE");
        free(bytes);
}

/* A getter that meets the wrong thing names the field and leaves its output alone. */
static void test_limits_of_getters(void **state) {
        struct fault fault = FAULT_NULL;
        const char *view = NULL;
        struct cursor cursor;
        char text[4] = "old";
        int64_t number = 5;
        bool flag = true;
        size_t n = 99;

        (void)state;
#define ASSERT_FAULT(bytes, call, want_code) \
        do { \
                assert_int_equal(cursor_open(&cursor, bytes, sizeof(bytes) - 1, &fault), 0); \
                assert_int_equal(call, FAULT_E_INPUT); \
                assert_string_equal(fault.code, want_code); \
                assert_string_equal(fault.column, "f"); \
                assert_int_equal(cursor_end(&cursor), FAULT_E_INPUT); \
        } while (0)

        ASSERT_FAULT("\xa4long", cursor_text(&cursor, "f", sizeof(text), text), "FIELD_SIZE");
        ASSERT_FAULT("\xa2\xc3(", cursor_text(&cursor, "f", sizeof(text), text), "FIELD_TEXT");
        ASSERT_FAULT("\xa2x\0", cursor_text(&cursor, "f", sizeof(text), text), "FIELD_TEXT");
        ASSERT_FAULT("\xc4\1x", cursor_text(&cursor, "f", sizeof(text), text), "FIELD_TYPE");
        ASSERT_FAULT("\xa2xy", cursor_text_view(&cursor, "f", 1, &view, &n), "FIELD_SIZE");
        ASSERT_FAULT("\x0a", cursor_int64(&cursor, "f", 0, 9, &number), "FIELD_RANGE");
        ASSERT_FAULT("\xff", cursor_int64(&cursor, "f", 0, 9, &number), "FIELD_RANGE");
        ASSERT_FAULT("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", cursor_int64(&cursor, "f", -9, 9, &number), "FIELD_RANGE");
        ASSERT_FAULT("\xc3", cursor_int64(&cursor, "f", 0, 9, &number), "FIELD_TYPE");
        ASSERT_FAULT("\x01", cursor_bool(&cursor, "f", &flag), "FIELD_TYPE");
        ASSERT_FAULT("\x92\1\1", cursor_array(&cursor, "f", 1, &n), "FIELD_SIZE");
        ASSERT_FAULT("\x81\1\1", cursor_map_of(&cursor, "f", 2), "FIELD_SIZE");
        ASSERT_FAULT("\x80", cursor_array(&cursor, "f", 1, &n), "FIELD_TYPE");
        ASSERT_FAULT("\x90", cursor_map_of(&cursor, "f", 1), "FIELD_TYPE");
        ASSERT_FAULT("\xa1g", cursor_key(&cursor, "f"), "FIELD_MISSING");
        ASSERT_FAULT("\x01", cursor_fail(&cursor, "f", "FIELD_RANGE", "is odd"), "FIELD_RANGE");
#undef ASSERT_FAULT
        assert_string_equal(text, "old");
        assert_int_equal(number, 5);
        assert_int_equal(n, 99);
        assert_true(flag);
        assert_null(view);
}

static void test_the_end_is_reached_exactly(void **state) {
        struct fault fault = FAULT_NULL;
        struct cursor cursor;
        int64_t value = 0;
        size_t n;

        (void)state;
        assert_int_equal(cursor_open(&cursor, "\x92\1\2", 3, &fault), 0);
        cursor_array(&cursor, "pair", 2, &n);
        assert_int_equal(cursor_int64(&cursor, "first", 0, 9, &value), 0);
        assert_int_equal(cursor_end(&cursor), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FRAME_TRAILING_BYTES");

        assert_int_equal(cursor_open(&cursor, "\x91\1", 2, &fault), 0);
        cursor_array(&cursor, "pair", 2, &n);
        assert_int_equal(cursor_int64(&cursor, "first", 0, 9, &value), 0);
        assert_int_equal(cursor_int64(&cursor, "second", 0, 9, &value), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FIELD_MISSING");
        assert_string_equal(fault.column, "second");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values_come_back),
                cmocka_unit_test(test_integer_forms),
                cmocka_unit_test(test_floats),
                cmocka_unit_test(test_refused_frames),
                cmocka_unit_test(test_truncated_at_every_byte),
                cmocka_unit_test(test_every_byte_replaced),
                cmocka_unit_test(test_depth),
                cmocka_unit_test(test_hostile_frames_in_little_memory),
                cmocka_unit_test(test_frame_too_long),
                cmocka_unit_test(test_limits_of_getters),
                cmocka_unit_test(test_the_end_is_reached_exactly),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
