/* Pack: the bytes of each type, after the MessagePack specification's table of formats. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/bus/pack.h"

static void assert_packed(struct pack *pack, struct buffer *buffer, const char *want, size_t n_want) {
        assert_int_equal(pack_end(pack), 0);
        assert_int_equal(buffer->n_bytes, n_want);
        assert_memory_equal(buffer->data, want, n_want);
        buffer_clear(buffer);
        pack_begin(pack, buffer);
}

#define ASSERT_PACKED(want) assert_packed(&pack, &buffer, (want), sizeof(want) - 1)

static void test_bytes_of_each_type(void **state) {
        _cleanup_(buffer_finish) struct buffer buffer = BUFFER_NULL;
        struct pack pack;

        (void)state;
        pack_begin(&pack, &buffer);
        pack_nil(&pack);
        ASSERT_PACKED("\xc0");
        pack_bool(&pack, true);
        pack_bool(&pack, false);
        ASSERT_PACKED("\xc3\xc2");
        pack_int64(&pack, 127);
        pack_int64(&pack, 128);
        pack_int64(&pack, -32);
        pack_int64(&pack, -33);
        pack_int64(&pack, INT64_MIN);
        ASSERT_PACKED("\x7f\xcc\x80\xe0\xd0\xdf\xd3\x80\0\0\0\0\0\0\0");
        pack_int64(&pack, 0);
        pack_int64(&pack, 0x10000);
        pack_int64(&pack, INT64_MAX);
        ASSERT_PACKED("\0\xce\0\1\0\0\xcf\x7f\xff\xff\xff\xff\xff\xff\xff");
        pack_double(&pack, 1.5);
        ASSERT_PACKED("\xcb\x3f\xf8\0\0\0\0\0\0");
        pack_text(&pack, "");
        pack_text(&pack, "caf\xc3\xa9");
        pack_text_bytes(&pack, "abc", 2);
        ASSERT_PACKED("\xa0\xa5"
                      "caf\xc3\xa9\xa2"
                      "ab");
        pack_array(&pack, 15);
        pack_array(&pack, 16);
        ASSERT_PACKED("\x9f\xdc\0\x10");
        pack_map(&pack, 2);
        pack_map(&pack, 70000);
        ASSERT_PACKED("\x82\xdf\0\1\x11\x70");
}

static void test_writes_at_the_end(void **state) {
        _cleanup_(buffer_finish) struct buffer buffer = BUFFER_NULL;
        struct pack pack;

        (void)state;
        assert_int_equal(buffer_append_text(&buffer, "head"), 0);
        pack_begin(&pack, &buffer);
        pack_bool(&pack, true);
        assert_int_equal(pack_end(&pack), 0);
        assert_string_equal(buffer_text(&buffer), "head\xc3");
}

static void test_first_failure_sticks(void **state) {
        _cleanup_(buffer_finish) struct buffer buffer = BUFFER_NULL;
        struct pack pack;

        (void)state;
        pack_begin(&pack, &buffer);
        pack_array(&pack, (size_t)UINT32_MAX + 1);
        pack_text(&pack, "not written");
        assert_int_equal(pack_end(&pack), -EMSGSIZE);
        assert_int_equal(buffer.n_bytes, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bytes_of_each_type),
                cmocka_unit_test(test_writes_at_the_end),
                cmocka_unit_test(test_first_failure_sticks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
