/* Work fanned over all cores: each unit once, the first failure by number. */

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/parallel.h"

enum { N_UNITS = 10000 };

struct tally {
        _Atomic int n_worked[N_UNITS];
        _Atomic int n_by_worker[64];
        _Atomic int is_busy[64];
        _Atomic int n_clashes;
        size_t fails_at;
};

static int count_unit(void *context, size_t unit, int worker) {
        struct tally *tally = context;

        if (atomic_fetch_add(&tally->is_busy[worker], 1))
                atomic_fetch_add(&tally->n_clashes, 1);
        atomic_fetch_add(&tally->n_worked[unit], 1);
        atomic_fetch_add(&tally->n_by_worker[worker], 1);
        atomic_fetch_sub(&tally->is_busy[worker], 1);
        return unit >= tally->fails_at ? 1000 + (int)unit : 0;
}

static void every_unit_is_worked_once(void **state) {
        static struct tally tally = { .fails_at = SIZE_MAX };

        (void)state;
        assert_int_equal(parallel_for(N_UNITS, count_unit, &tally), 0);
        for (size_t i = 0; i < N_UNITS; i++)
                assert_int_equal(tally.n_worked[i], 1);
        assert_int_equal(tally.n_clashes, 0);
        for (int i = parallel_n_threads(); i < 64; i++)
                assert_int_equal(tally.n_by_worker[i], 0);
}

static void the_first_failure_by_number_is_returned(void **state) {
        static struct tally tally = { .fails_at = 5000 };
        size_t n = 0;

        (void)state;
        assert_int_equal(parallel_for(N_UNITS, count_unit, &tally), 6000);
        for (size_t i = 0; i < N_UNITS; i++)
                n += (size_t)tally.n_worked[i];
        /* after it nothing more is claimed */
        assert_true(n >= 5001 && n <= 5001 + 64);
}

static void nothing_to_do_is_done(void **state) {
        (void)state;
        assert_int_equal(parallel_for(0, count_unit, NULL), 0);
}

static void the_affinity_mask_is_respected(void **state) {
        cpu_set_t before, one;
        int first = 0, n;

        (void)state;
        assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
        while (!CPU_ISSET(first, &before))
                first++;
        CPU_ZERO(&one);
        CPU_SET(first, &one);
        assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
        n = parallel_n_threads();
        assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
        assert_int_equal(n, 1);
        assert_true(parallel_n_threads() >= 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_unit_is_worked_once),
                cmocka_unit_test(the_first_failure_by_number_is_returned),
                cmocka_unit_test(nothing_to_do_is_done),
                cmocka_unit_test(the_affinity_mask_is_respected),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
