/* Bootstrap: each draw is a multinomial, and its quantiles are those of drawing rows. */

#include "services/evaluator/bootstrap.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/random.h"
#include "services/evaluator/bootstrap_draw.h"

enum { N_DRAWS = 20000 };

static double log_probability(int64_t n, double p, int64_t k) {
        int sign;

        return lgamma_r((double)n + 1, &sign) - lgamma_r((double)k + 1, &sign) - lgamma_r((double)(n - k) + 1, &sign) +
               (double)k * log(p) + (double)(n - k) * log1p(-p);
}

/* Mean, variance and a chi-square over cells of at least 20 expected, against the exact distribution. */
static void check_binomial(int64_t n, double p, uint64_t seed) {
        struct random random = random_stream(seed, RANDOM_SALT_BOOTSTRAP, 0);
        _cleanup_(free_pointer) int64_t *draws = calloc(N_DRAWS, sizeof(*draws));
        double mean = 0, variance = 0, chi_square = 0, expected = 0, seen = 0, z;
        int64_t low = n, high = 0;
        int n_cells = 0;

        for (int i = 0; i < N_DRAWS; i++) {
                draws[i] = bootstrap_draw_binomial(&random, n, p);
                assert_true(draws[i] >= 0 && draws[i] <= n);
                mean += (double)draws[i] / N_DRAWS;
                low = draws[i] < low ? draws[i] : low;
                high = draws[i] > high ? draws[i] : high;
        }
        for (int i = 0; i < N_DRAWS; i++)
                variance += ((double)draws[i] - mean) * ((double)draws[i] - mean) / (N_DRAWS - 1);
        z = (mean - (double)n * p) / sqrt((double)n * p * (1 - p) / N_DRAWS);
        if (fabs(z) >= 4.5)
                print_error("n=%lld p=%g: mean %g, z %g\n", (long long)n, p, mean, z);
        assert_true(fabs(z) < 4.5);
        /* the variance of a sample variance is about 2σ⁴/n for what is nearly normal, more for small means */
        assert_true(fabs(variance / ((double)n * p * (1 - p)) - 1) <
                    5 * sqrt((2 + 1 / ((double)n * p * (1 - p))) / N_DRAWS));
        for (int64_t k = 0; k <= n; k++) {
                /* far from what was seen nothing is expected either */
                if (n > 3000 && (k < low - 10 || k > high + 10))
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
                        print_error("n=%lld p=%g: chi-square %g of %g\n", (long long)n, p, chi_square, df);
                assert_true(z < 4.5);
        }
}

static void test_binomials_are_binomial(void **state) {
        static const struct {
                int64_t n;
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
                double z = ((double)bootstrap_draw_binomial(&random, (int64_t)n, p) - n * p) / sqrt(n * p * (1 - p));

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
                assert_int_equal(bootstrap_draw_binomial(&random, 0, 0.5), 0);
                assert_int_equal(bootstrap_draw_binomial(&random, 1000, 0), 0);
                assert_int_equal(bootstrap_draw_binomial(&random, 1000, 1), 1000);
        }
}

static void test_cells_sum_up_and_follow_their_shares(void **state) {
        static const int64_t cells[BOOTSTRAP_CELLS] = { 5000, 300, 0, 800, 150, 90, 0, 660 };
        const int64_t n_rows = 7000;
        double means[BOOTSTRAP_CELLS] = { 0 }, product = 0;
        int64_t drawn[BOOTSTRAP_CELLS];

        (void)state;
        for (uint64_t i = 0; i < N_DRAWS; i++) {
                struct random random = random_stream(9, RANDOM_SALT_BOOTSTRAP, i);
                int64_t sum = 0;

                bootstrap_draw_cells(&random, cells, n_rows, drawn);
                for (int k = 0; k < BOOTSTRAP_CELLS; k++) {
                        sum += drawn[k];
                        means[k] += (double)drawn[k] / N_DRAWS;
                        assert_true(cells[k] || !drawn[k]);
                }
                assert_int_equal(sum, n_rows);
                product += ((double)drawn[0] - 5000) * ((double)drawn[3] - 800) / N_DRAWS;
        }
        for (int k = 0; k < BOOTSTRAP_CELLS; k++) {
                double p = (double)cells[k] / (double)n_rows;

                assert_true(fabs(means[k] - (double)cells[k]) <= 4.5 * sqrt((double)n_rows * p * (1 - p) / N_DRAWS));
        }
        /* the covariance of two cells is -n·p·q */
        assert_true(fabs(product / (-5000.0 * 800 / (double)n_rows) - 1) < 0.1);
}

/* F1 as defined, on rows one by one. */
static double f1_of_rows(const uint8_t *rows, const size_t *drawn, size_t n, int who) {
        double hits = 0, wrong = 0;

        for (size_t i = 0; i < n; i++) {
                int row = rows[drawn[i]];

                if (row & BOOTSTRAP_LABEL && row & who)
                        hits++;
                else if (row & BOOTSTRAP_LABEL || row & who)
                        wrong++;
        }
        return hits > 0 ? 2 * hits / (2 * hits + wrong) : 0;
}

static int compare_doubles(const void *a, const void *b) {
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

static int draw(const int64_t *cells, uint64_t seed, size_t n_draws, struct bootstrap_interval *ret_interval) {
        return bootstrap_f1_difference(
                &(struct bootstrap_input){ .cells = cells, .seed = seed, .n_draws = n_draws, .quantile = 0.01 },
                ret_interval);
}

/* The same quantiles as by drawing rows with replacement: each known to about ±0.0006 here. */
static void test_quantiles_are_those_of_drawing_rows(void **state) {
        static const int64_t cells[BOOTSTRAP_CELLS] = { 640, 40, 55, 110, 22, 11, 17, 105 };
        enum { N_ROWS = 1000, N_REPEATS = 20000 };
        _cleanup_(free_pointer) double *differences = calloc(N_REPEATS, sizeof(*differences));
        struct bootstrap_interval interval;
        uint8_t rows[N_ROWS];
        size_t drawn[N_ROWS], n = 0;

        (void)state;
        for (int k = 0; k < BOOTSTRAP_CELLS; k++)
                for (int64_t i = 0; i < cells[k]; i++)
                        rows[n++] = (uint8_t)k;
        assert_int_equal(n, N_ROWS);
        for (uint64_t i = 0; i < N_REPEATS; i++) {
                struct random random = random_stream(4, RANDOM_SALT_GENERATOR, i);

                for (size_t k = 0; k < N_ROWS; k++)
                        drawn[k] = random_below(&random, N_ROWS);
                differences[i] = f1_of_rows(rows, drawn, N_ROWS, BOOTSTRAP_CANDIDATE) -
                                 f1_of_rows(rows, drawn, N_ROWS, BOOTSTRAP_CHAMPION);
        }
        qsort(differences, N_REPEATS, sizeof(*differences), compare_doubles);
        assert_int_equal(draw(cells, 1, N_REPEATS, &interval), 0);
        assert_true(differences[N_REPEATS - 1] - differences[0] > 0.1);
        assert_true(fabs(interval.low - differences[N_REPEATS / 100]) < 0.003);
        assert_true(fabs(interval.median - differences[N_REPEATS / 2]) < 0.001);
        assert_true(fabs(interval.high - differences[N_REPEATS - 1 - N_REPEATS / 100]) < 0.003);
}

static void test_same_seed_same_interval(void **state) {
        static const int64_t cells[BOOTSTRAP_CELLS] = { 640, 40, 55, 110, 22, 11, 17, 105 };
        struct bootstrap_interval a, b, c;

        (void)state;
        assert_int_equal(draw(cells, 1, 2000, &a), 0);
        assert_int_equal(draw(cells, 1, 2000, &b), 0);
        assert_int_equal(draw(cells, 2, 2000, &c), 0);
        assert_memory_equal(&a, &b, sizeof(a));
        assert_memory_not_equal(&a, &c, sizeof(a));
        assert_true(a.low < a.median && a.median < a.high);
}

/* Equal decisions differ by nothing in any draw, and no rows at all by nothing, too. */
static void test_no_difference_and_no_rows(void **state) {
        static const int64_t same[BOOTSTRAP_CELLS] = { 900, 0, 0, 50, 20, 0, 0, 30 };
        static const int64_t none[BOOTSTRAP_CELLS] = { 0 };
        struct bootstrap_interval interval = { 1, 1, 1 };

        (void)state;
        assert_int_equal(draw(same, 1, 2000, &interval), 0);
        assert_true(fabs(interval.low) + fabs(interval.median) + fabs(interval.high) <= 0);
        interval.low = interval.high = 1;
        assert_int_equal(draw(none, 1, 2000, &interval), 0);
        assert_true(fabs(interval.low) + fabs(interval.median) + fabs(interval.high) <= 0);
}

static bool is_third(void *context) {
        int *n_asked = context;

        return ++*n_asked == 3;
}

static bool is_never(void *context) {
        int *n_asked = context;

        ++*n_asked;
        return false;
}

static void test_a_cancel_is_heard_between_blocks(void **state) {
        static const int64_t cells[BOOTSTRAP_CELLS] = { 640, 40, 55, 110, 22, 11, 17, 105 };
        struct bootstrap_interval interval = { 1, 2, 3 }, want;
        int n_asked = 0;
        struct bootstrap_input input = { .cells = cells,
                                         .seed = 1,
                                         .n_draws = 5500,
                                         .quantile = 0.01,
                                         .is_canceled = is_third,
                                         .context = &n_asked };

        (void)state;
        assert_int_equal(bootstrap_f1_difference(&input, &interval), BOOTSTRAP_E_CANCELED);
        assert_int_equal(n_asked, 3);
        assert_true(fabs(interval.low - 1) + fabs(interval.median - 2) + fabs(interval.high - 3) <= 0);
        n_asked = 0;
        input.is_canceled = is_never;
        assert_int_equal(bootstrap_f1_difference(&input, &interval), 0);
        assert_int_equal(n_asked, 6);
        /* to be asked changes nothing */
        assert_int_equal(draw(cells, 1, 5500, &want), 0);
        assert_memory_equal(&interval, &want, sizeof(want));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_binomials_are_binomial),
                cmocka_unit_test(test_large_binomials),
                cmocka_unit_test(test_the_ends_of_a_binomial),
                cmocka_unit_test(test_cells_sum_up_and_follow_their_shares),
                cmocka_unit_test(test_quantiles_are_those_of_drawing_rows),
                cmocka_unit_test(test_same_seed_same_interval),
                cmocka_unit_test(test_no_difference_and_no_rows),
                cmocka_unit_test(test_a_cancel_is_heard_between_blocks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
