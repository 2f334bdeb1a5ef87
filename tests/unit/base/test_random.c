/* Chance by counter: repeatable, uniform, streams of their own. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/random.h"

enum { N_DRAWS = 100000 };

static void the_same_stream_gives_the_same_draws(void **state) {
        struct random one = random_stream(1, RANDOM_SALT_GENERATOR, 7),
                      two = random_stream(1, RANDOM_SALT_GENERATOR, 7);

        (void)state;
        for (int i = 0; i < 100; i++)
                assert_true(random_next(&one) == random_next(&two));
}

/* Every model and dataset that was ever made depends on these. */
static void draws_never_change(void **state) {
        struct random random = random_stream(1, RANDOM_SALT_GENERATOR, 0);

        (void)state;
        assert_true(random_next(&random) == 0xb97abf7d1710a60eULL);
        assert_true(random_next(&random) == 0xbb10e5d7d0e615e3ULL);
        random = random_stream(42, RANDOM_SALT_BOOTSTRAP, 1000000);
        assert_true(random_next(&random) == 0x815e6112bebd9567ULL);
}

static void seed_salt_and_index_give_other_streams(void **state) {
        struct random base = random_stream(1, RANDOM_SALT_GENERATOR, 7);
        struct random others[] = { random_stream(2, RANDOM_SALT_GENERATOR, 7),
                                   random_stream(1, RANDOM_SALT_BOOTSTRAP, 7),
                                   random_stream(1, RANDOM_SALT_GENERATOR, 8) };
        uint64_t first = random_next(&base);

        (void)state;
        for (int i = 0; i < 3; i++)
                assert_true(random_next(&others[i]) != first);
}

static void draws_are_uniform(void **state) {
        double sum = 0, squares = 0;
        int low = 0;

        (void)state;
        /* over streams and within one: both ways are used */
        for (uint64_t i = 0; i < N_DRAWS; i++) {
                struct random random = random_stream(3, RANDOM_SALT_DRIFT_NULL, i);
                double first = random_uniform(&random), second = random_uniform(&random);

                assert_true(first >= 0 && first < 1);
                sum += first + second;
                squares += first * first + second * second;
                low += first < 0.5 && second < 0.5;
        }
        /* five standard errors of the mean, of the second moment, and of independence */
        assert_true(sum / (2 * N_DRAWS) > 0.5 - 0.0033 && sum / (2 * N_DRAWS) < 0.5 + 0.0033);
        assert_true(squares / (2 * N_DRAWS) > 1.0 / 3 - 0.0034 && squares / (2 * N_DRAWS) < 1.0 / 3 + 0.0034);
        assert_true(low > N_DRAWS / 4 - 685 && low < N_DRAWS / 4 + 685);
}

static void draws_below_n_reach_all_of_them_equally(void **state) {
        struct random random = random_stream(5, RANDOM_SALT_SKETCH, 0);
        int n[7] = { 0 };

        (void)state;
        for (int i = 0; i < 70000; i++)
                n[random_below(&random, 7)]++;
        for (int i = 0; i < 7; i++)
                assert_true(n[i] > 10000 - 464 && n[i] < 10000 + 464);
        assert_int_equal(random_below(&random, 1), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_same_stream_gives_the_same_draws),    cmocka_unit_test(draws_never_change),
                cmocka_unit_test(seed_salt_and_index_give_other_streams),  cmocka_unit_test(draws_are_uniform),
                cmocka_unit_test(draws_below_n_reach_all_of_them_equally),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
