/* Buffer: grows, keeps its NUL, stands unchanged after a failure. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buffer.h"

static void an_empty_buffer_is_an_empty_text(void **state) {
        struct buffer buffer = BUFFER_NULL;

        (void)state;
        assert_string_equal(buffer_text(&buffer), "");
        assert_int_equal(buffer_append(&buffer, NULL, 0), 0);
        assert_string_equal(buffer_text(&buffer), "");
        buffer_finish(&buffer);
        buffer_finish(&buffer);
        buffer_finish(NULL);
        assert_null(buffer.data);
}

static void every_length_ends_in_nul(void **state) {
        _cleanup_(buffer_finish) struct buffer buffer = BUFFER_NULL;

        (void)state;
        for (size_t i = 0; i < 1000; i++) {
                assert_int_equal(buffer_append(&buffer, "abcdefg", i % 7), 0);
                assert_int_equal(buffer.data[buffer.n_bytes], 0);
                assert_true(buffer.n_bytes < buffer.capacity);
        }
        assert_int_equal(memcmp(buffer_text(&buffer), "aababc", 6), 0);
}

static void clearing_keeps_the_memory(void **state) {
        _cleanup_(buffer_finish) struct buffer buffer = BUFFER_NULL;
        const uint8_t *memory;

        (void)state;
        buffer_clear(&buffer);
        assert_int_equal(buffer_append_text(&buffer, "text"), 0);
        memory = buffer.data;
        buffer_clear(&buffer);
        assert_string_equal(buffer_text(&buffer), "");
        assert_int_equal(buffer_append_text(&buffer, "more"), 0);
        assert_ptr_equal(buffer.data, memory);
}

static void formatting_appends(void **state) {
        _cleanup_(buffer_finish) struct buffer buffer = BUFFER_NULL;
        char want[600];

        (void)state;
        memset(want, 'x', sizeof(want) - 1);
        want[sizeof(want) - 1] = 0;
        memcpy(want, "a5", 2);
        assert_int_equal(buffer_printf(&buffer, "%s%d", "a", 5), 0);
        assert_int_equal(buffer_printf(&buffer, "%s", want + 2), 0);
        assert_string_equal(buffer_text(&buffer), want);
        assert_int_equal(buffer.n_bytes, strlen(want));
}

static void too_much_changes_nothing(void **state) {
        _cleanup_(buffer_finish) struct buffer buffer = BUFFER_NULL;

        (void)state;
        assert_int_equal(buffer_append_text(&buffer, "stays"), 0);
        assert_int_equal(buffer_reserve(&buffer, SIZE_MAX), -ENOMEM);
        assert_int_equal(buffer_append(&buffer, "x", SIZE_MAX - 3), -ENOMEM);
        assert_string_equal(buffer_text(&buffer), "stays");
        assert_int_equal(buffer.n_bytes, 5);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_empty_buffer_is_an_empty_text), cmocka_unit_test(every_length_ends_in_nul),
                cmocka_unit_test(clearing_keeps_the_memory),        cmocka_unit_test(formatting_appends),
                cmocka_unit_test(too_much_changes_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
