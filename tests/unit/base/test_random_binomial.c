/* Random binomial: counts follow the exact distributions. */

#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/random_binomial.h"

enum {
        N_DRAWS = 20000,
        N_CELLS = 8,
};

static double log_probability(uint64_t n, double p, uint64_t k) {
        int sign;

        return lgamma_r((double)n + 1, &sign) - lgamma_r((double)k + 1, &sign) - lgamma_r((double)(n - k) + 1, &sign) +
               (double)k * log(p) + (double)(n - k) * log1p(-p);
}

/* Mean, variance and a chi-square over cells of at least 20 expected, against the exact distribution. */
static void check_binomial(uint64_t n, double p, uint64_t seed) {
        struct random random = random_stream(seed, RANDOM_SALT_BOOTSTRAP, 0);
        _cleanup_(free_pointer) uint64_t *draws = calloc(N_DRAWS, sizeof(*draws));
        double mean = 0, variance = 0, chi_square = 0, expected = 0, seen = 0, z;
        uint64_t low = n, high = 0;
        int n_cells = 0;

        for (int i = 0; i < N_DRAWS; i++) {
                draws[i] = random_binomial(&random, n, p);
                assert_true(draws[i] <= n);
                mean += (double)draws[i] / N_DRAWS;
                low = draws[i] < low ? draws[i] : low;
                high = draws[i] > high ? draws[i] : high;
        }
        for (int i = 0; i < N_DRAWS; i++)
                variance += ((double)draws[i] - mean) * ((double)draws[i] - mean) / (N_DRAWS - 1);
        z = (mean - (double)n * p) / sqrt((double)n * p * (1 - p) / N_DRAWS);
        if (fabs(z) >= 4.5)
                print_error("n=%" PRIu64 " p=%g: mean %g, z %g\n", n, p, mean, z);
        assert_true(fabs(z) < 4.5);
        /* the variance of a sample variance is about 2σ⁴/n for what is nearly normal, more for small means */
        assert_true(fabs(variance / ((double)n * p * (1 - p)) - 1) <
                    5 * sqrt((2 + 1 / ((double)n * p * (1 - p))) / N_DRAWS));
        for (uint64_t k = 0; k <= n; k++) {
                /* far from what was seen nothing is expected either */
                if (n > 3000 && (k + 10 < low || k > high + 10))
                        continue;
                expected += N_DRAWS * exp(log_probability(n, p, k));
                for (int i = 0; i < N_DRAWS; i++)
                        seen += draws[i] == k;
                if (expected < 20)
                        continue;
                chi_square += (seen - expected) * (seen - expected) / expected;
                n_cells++;
                expected = seen = 0;
        }
        /* Wilson and Hilferty: a chi-square's cube root is nearly normal */
        if (n_cells > 1) {
                double df = n_cells - 1, t = 2 / (9 * df);

                z = (cbrt(chi_square / df) - (1 - t)) / sqrt(t);
                if (z >= 4.5)
                        print_error("n=%" PRIu64 " p=%g: chi-square %g of %g\n", n, p, chi_square, df);
                assert_true(z < 4.5);
        }
}

static void test_binomials_are_binomial(void **state) {
        static const struct {
                uint64_t n;
                double p;
        } rows[] = {
                { 1, 0.5 },     { 1, 0.01 },    { 5, 0.3 },       { 60, 0.02 },    { 60, 0.5 },       { 60, 0.98 },
                { 200, 0.049 }, { 200, 0.051 }, { 1000, 0.0099 }, { 1000, 0.011 }, { 1000, 0.123 },   { 1000, 0.7 },
                { 20, 0.5 },    { 21, 0.49 },   { 95000, 1e-6 },  { 95000, 1e-4 }, { 95000, 1.1e-4 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                check_binomial(rows[i].n, rows[i].p, i + 1);
}

static void test_large_binomials(void **state) {
        struct random random = random_stream(3, RANDOM_SALT_BOOTSTRAP, 1);
        const double n = 3e9, p = 0.123;
        double mean = 0, squares = 0;

        (void)state;
        for (int i = 0; i < N_DRAWS; i++) {
                double z = ((double)random_binomial(&random, (uint64_t)n, p) - n * p) / sqrt(n * p * (1 - p));

                mean += z / N_DRAWS;
                squares += z * z / N_DRAWS;
        }
        assert_true(fabs(mean) < 4.5 / sqrt(N_DRAWS));
        assert_true(fabs(squares - 1) < 4.5 * sqrt(2.0 / N_DRAWS));
}

static void test_the_ends_of_a_binomial(void **state) {
        struct random random = random_stream(3, RANDOM_SALT_BOOTSTRAP, 2);

        (void)state;
        for (int i = 0; i < 100; i++) {
                assert_int_equal(random_binomial(&random, 0, 0.5), 0);
                assert_int_equal(random_binomial(&random, 1000, 0), 0);
                assert_int_equal(random_binomial(&random, 1000, 1), 1000);
        }
}

static void test_cells_sum_up_and_follow_their_shares(void **state) {
        static const uint64_t cells[N_CELLS] = { 5000, 300, 0, 800, 150, 90, 0, 660 };
        const uint64_t n_rows = 7000;
        double means[N_CELLS] = { 0 }, product = 0;
        uint64_t drawn[N_CELLS];

        (void)state;
        for (uint64_t i = 0; i < N_DRAWS; i++) {
                struct random random = random_stream(9, RANDOM_SALT_BOOTSTRAP, i);
                uint64_t sum = 0;

                random_multinomial(&random, n_rows, cells, N_CELLS, drawn);
                for (int k = 0; k < N_CELLS; k++) {
                        sum += drawn[k];
                        means[k] += (double)drawn[k] / N_DRAWS;
                        assert_true(cells[k] || !drawn[k]);
                }
                assert_int_equal(sum, n_rows);
                product += ((double)drawn[0] - 5000) * ((double)drawn[3] - 800) / N_DRAWS;
        }
        for (int k = 0; k < N_CELLS; k++) {
                double p = (double)cells[k] / (double)n_rows;

                assert_true(fabs(means[k] - (double)cells[k]) <= 4.5 * sqrt((double)n_rows * p * (1 - p) / N_DRAWS));
        }
        /* the covariance of two cells is -n·p·q */
        assert_true(fabs(product / (-5000.0 * 800 / (double)n_rows) - 1) < 0.1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_binomials_are_binomial),
                cmocka_unit_test(test_large_binomials),
                cmocka_unit_test(test_the_ends_of_a_binomial),
                cmocka_unit_test(test_cells_sum_up_and_follow_their_shares),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
