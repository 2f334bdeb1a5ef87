/* Courier header: its bytes. The golden ones and the hostile ones are in tests/wire. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/bus/courier_header.h"

#define ID "0190a5c3-7b1e-7abc-8def-0123456789ab"

static void test_comes_back(void **state) {
        struct courier_header header = { .kind = COURIER_KIND_LOSSY, .id = ID, .key = "run-1" }, again;
        uint8_t bytes[COURIER_HEADER_BYTES_MAX];
        struct fault fault = FAULT_NULL;
        size_t n_bytes;

        (void)state;
        n_bytes = courier_header_pack(&header, bytes);
        assert_int_equal(courier_header_unpack(bytes, n_bytes, &again, &fault), 0);
        assert_int_equal(again.kind, COURIER_KIND_LOSSY);
        assert_string_equal(again.id, ID);
        assert_string_equal(again.key, "run-1");
}

static void test_keys(void **state) {
        char key[COURIER_KEY_BYTES + 1] = { 0 };

        (void)state;
        assert_true(courier_key_is_valid(""));
        assert_true(courier_key_is_valid(ID));
        assert_false(courier_key_is_valid("a b"));
        assert_false(courier_key_is_valid("a\nb"));
        assert_false(courier_key_is_valid("caf\xc3\xa9"));
        memset(key, 'k', COURIER_KEY_BYTES - 1);
        assert_true(courier_key_is_valid(key));
        memset(key, 'k', COURIER_KEY_BYTES);
        assert_false(courier_key_is_valid(key));
}

/* Each row changes one byte of a valid header. */
static void test_faults(void **state) {
        static const struct {
                size_t at;
                uint8_t value;
                const char *want_code;
        } rows[] = {
                { 0, 'X', "HEADER_MAGIC" },
                { 3, 'y', "HEADER_MAGIC" },
                { 4, 0, "HEADER_VERSION" },
                { 4, 2, "HEADER_VERSION" },
                { 5, 0, "HEADER_KIND" },
                { 5, 4, "HEADER_KIND" },
                { 6, 'G', "HEADER_ID" },
                { 14, '0', "HEADER_ID" },
                { 42, 6, "HEADER_TRUNCATED" },
                { 42, 255, "HEADER_TRUNCATED" },
                { 42, 4, "HEADER_TRAILING_BYTES" },
                { 43, ' ', "HEADER_KEY" },
                { 43, 0, "HEADER_KEY" },
                { 47, 0x7f, "HEADER_KEY" },
        };
        struct courier_header header = { .kind = COURIER_KIND_DATA, .id = ID, .key = "run-1" }, again;
        uint8_t bytes[COURIER_HEADER_BYTES_MAX], before;
        struct fault fault;
        size_t n_bytes;

        (void)state;
        n_bytes = courier_header_pack(&header, bytes);
        memset(&again, 0x55, sizeof(again));
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                fault = (struct fault)FAULT_NULL;
                before = bytes[rows[i].at];
                bytes[rows[i].at] = rows[i].value;
                assert_int_equal(courier_header_unpack(bytes, n_bytes, &again, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, rows[i].want_code);
                bytes[rows[i].at] = before;
        }
        assert_int_equal((uint8_t)again.id[0], 0x55);
}

/* A message of a version to come can still be acked. */
static void test_id_is_found_in_any_version(void **state) {
        struct courier_header header = { .kind = COURIER_KIND_DATA, .id = ID, .key = "run-1" };
        uint8_t bytes[COURIER_HEADER_BYTES_MAX];
        char id[UUID_TEXT_BYTES] = "";
        size_t n_bytes;

        (void)state;
        n_bytes = courier_header_pack(&header, bytes);
        bytes[4] = 9;
        assert_true(courier_header_find_id(bytes, n_bytes, id));
        assert_string_equal(id, ID);
        assert_true(courier_header_find_id(bytes, 42, id));
        assert_false(courier_header_find_id(bytes, 41, id));
        bytes[10] = '!';
        assert_false(courier_header_find_id(bytes, n_bytes, id));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_comes_back),
                cmocka_unit_test(test_keys),
                cmocka_unit_test(test_faults),
                cmocka_unit_test(test_id_is_found_in_any_version),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
