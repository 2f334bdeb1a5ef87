/* Alias tables: the shares are the weights, by sum and by drawing. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <math.h>

#include "common/base/cleanup.h"
#include "common/source/alias_table.h"

/* The share that each thing has in the table itself, which draws all slots alike. */
static void shares_of(const struct alias_table_cell *table, size_t n, double *ret_shares) {
        for (size_t i = 0; i < n; i++)
                ret_shares[i] = 0;
        for (size_t i = 0; i < n; i++) {
                double own = (double)table[i].threshold * 0x1p-64;

                ret_shares[i] += own / (double)n;
                ret_shares[table[i].other] += (1 - own) / (double)n;
        }
}

static void test_shares_are_weights(void **state) {
        static const double rows[][5] = {
                { 1, 1, 1, 1, 1 },      { 1, 2, 3, 4, 5 },           { 0, 0, 1, 0, 0 },
                { 1e-9, 1e9, 1, 0, 7 }, { 0.1, 0.2, 0.3, 0.2, 0.2 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct alias_table_cell table[5];
                double shares[5], sum = 0;

                assert_int_equal(alias_table_build(rows[i], 5, table), 0);
                shares_of(table, 5, shares);
                for (size_t k = 0; k < 5; k++)
                        sum += rows[i][k];
                for (size_t k = 0; k < 5; k++)
                        assert_true(fabs(shares[k] - rows[i][k] / sum) < 1e-15);
        }
}

static void test_draws_follow_the_weights(void **state) {
        static const double weights[] = { 1, 0, 2, 5 };
        struct random random = random_stream(1, RANDOM_SALT_GENERATOR, 0);
        struct alias_table_cell table[4];
        size_t counts[4] = { 0 };

        (void)state;
        assert_int_equal(alias_table_build(weights, 4, table), 0);
        for (size_t i = 0; i < 80000; i++)
                counts[alias_table_draw(table, 4, &random)]++;
        assert_int_equal(counts[1], 0);
        assert_in_range(counts[0], 9500, 10500);
        assert_in_range(counts[2], 19400, 20600);
        assert_in_range(counts[3], 49300, 50700);
}

static void test_one_thing_is_always_drawn(void **state) {
        struct random random = random_stream(2, RANDOM_SALT_GENERATOR, 0);
        struct alias_table_cell table[1];

        (void)state;
        assert_int_equal(alias_table_build(&(double){ 3 }, 1, table), 0);
        for (size_t i = 0; i < 1000; i++)
                assert_int_equal(alias_table_draw(table, 1, &random), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_shares_are_weights),
                cmocka_unit_test(test_draws_follow_the_weights),
                cmocka_unit_test(test_one_thing_is_always_drawn),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
