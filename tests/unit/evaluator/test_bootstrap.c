/* Bootstrap: its quantiles are those of drawing rows. */

#include "services/evaluator/bootstrap.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/compare.h"
#include "common/base/random.h"

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
                cmocka_unit_test(test_quantiles_are_those_of_drawing_rows),
                cmocka_unit_test(test_same_seed_same_interval),
                cmocka_unit_test(test_no_difference_and_no_rows),
                cmocka_unit_test(test_a_cancel_is_heard_between_blocks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
