/* Array: what was put in stays, whatever it grows and shrinks to. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/array.h"
#include "common/base/cleanup.h"

static void what_is_in_it_stays_while_it_grows(void **state) {
        _cleanup_(free_pointer) uint64_t *items = NULL;

        (void)state;
        for (size_t n = 0; n < 5000; n++) {
                uint64_t *grown = array_grow(items, n, sizeof(*items));

                assert_non_null(grown);
                items = grown;
                items[n] = n * n;
        }
        for (size_t n = 0; n < 5000; n++)
                assert_int_equal(items[n], n * n);
}

/* Whatever is dropped, there is room for one more: the sanitizers see it when there is not. */
static void items_may_be_dropped(void **state) {
        _cleanup_(free_pointer) uint64_t *items = NULL;
        size_t n = 0;

        (void)state;
        for (size_t round = 0; round < 300; round++) {
                for (size_t i = 0; i < 10 + round; i++) {
                        uint64_t *grown = array_grow(items, n, sizeof(*items));

                        assert_non_null(grown);
                        items = grown;
                        items[n] = n;
                        n++;
                }
                n = round % 3 ? n / 2 : 0;
        }
        for (size_t i = 0; i < n; i++)
                assert_int_equal(items[i], i);
}

static void memory_is_asked_for_seldom(void **state) {
        size_t n_full = 0;

        (void)state;
        for (size_t n = 0; n < 1 << 20; n++)
                n_full += array_is_full(n);
        assert_int_equal(n_full, 14);
}

static void without_memory_it_is_as_it_was(void **state) {
        _cleanup_(free_pointer) uint64_t *items = array_grow(NULL, 0, sizeof(*items));
        volatile size_t too_many = SIZE_MAX / 64; /* not for the compiler to judge */
        uint64_t *grown;

        (void)state;
        assert_non_null(items);
        items[63] = 7;
        grown = array_grow(items, 64, too_many);
        if (grown)
                items = grown;
        assert_null(grown);
        assert_int_equal(items[63], 7);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_in_it_stays_while_it_grows),
                cmocka_unit_test(items_may_be_dropped),
                cmocka_unit_test(memory_is_asked_for_seldom),
                cmocka_unit_test(without_memory_it_is_as_it_was),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
