/* Errands: one after the other, awaited as long as can be afforded, and each is ended once. */

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/gateway/errands.h"

/* An errand that runs until it is let go. */
struct probe {
        struct errand errand;
        sem_t has_begun, may_end, is_ended;
        bool has_run; /* what end was told */
        int n_ends;
};

static void probe_run(struct errand *errand) {
        struct probe *probe = (struct probe *)(void *)errand;

        sem_post(&probe->has_begun);
        sem_wait(&probe->may_end);
}

static void probe_end(struct errand *errand, bool has_run) {
        struct probe *probe = (struct probe *)(void *)errand;

        probe->has_run = has_run;
        probe->n_ends++;
        sem_post(&probe->is_ended);
}

static struct probe make_probe(void) {
        struct probe probe = { .errand = { .run = probe_run, .end = probe_end } };

        sem_init(&probe.has_begun, 0, 0);
        sem_init(&probe.may_end, 0, 0);
        sem_init(&probe.is_ended, 0, 0);
        return probe;
}

static int setup(void **state) {
        struct errands *errands = NULL;

        assert_int_equal(errands_create(&errands), 0);
        *state = errands;
        return 0;
}

static int teardown(void **state) {
        errands_destroy(*state);
        return 0;
}

static void test_one_that_is_awaited_comes_back(void **state) {
        struct probe probe = make_probe();

        sem_post(&probe.may_end);
        assert_int_equal(errands_wait(*state, &probe.errand, 60000), ERRANDS_DONE);
        assert_int_equal(errands_running_ms(*state), 0);
        errands_stop(*state);
        assert_int_equal(probe.n_ends, 0);
}

static void test_one_that_takes_too_long_runs_on(void **state) {
        struct probe probe = make_probe();

        assert_int_equal(errands_wait(*state, &probe.errand, 1000), ERRANDS_RUNS_ON);
        assert_true(errands_running_ms(*state) > 0);
        sem_post(&probe.may_end);
        sem_wait(&probe.is_ended);
        assert_true(probe.has_run);
        errands_stop(*state);
        assert_int_equal(probe.n_ends, 1);
}

static void test_one_that_never_ran_is_withdrawn(void **state) {
        struct probe first = make_probe(), awaited = make_probe(), waiting = make_probe();

        errands_put(*state, &first.errand);
        sem_wait(&first.has_begun);
        assert_int_equal(errands_wait(*state, &awaited.errand, 1), ERRANDS_WITHDRAWN);
        errands_put(*state, &waiting.errand);
        errands_withdraw(*state);
        sem_wait(&waiting.is_ended);
        assert_false(waiting.has_run);
        /* the queue is as it was, also after its last one was taken back */
        sem_post(&first.may_end);
        sem_wait(&first.is_ended);
        assert_true(first.has_run);
        sem_post(&awaited.may_end);
        assert_int_equal(errands_wait(*state, &awaited.errand, 60000), ERRANDS_DONE);
        errands_stop(*state);
        assert_int_equal(awaited.n_ends, 0);
        assert_int_equal(waiting.n_ends, 1);
        assert_int_equal(first.n_ends, 1);
}

/* One that waits in a thread of its own, while another one runs. */
struct waiter {
        struct errands *errands;
        struct probe *probe;
        enum errands_result result;
        atomic_bool is_back;
};

static void *wait_long(void *context) {
        struct waiter *waiter = context;

        waiter->result = errands_wait(waiter->errands, &waiter->probe->errand, 20000);
        atomic_store(&waiter->is_back, true);
        return NULL;
}

/* Whoever waits has his errand back, which may lie on his stack. */
static void test_one_that_is_awaited_and_withdrawn_goes_back(void **state) {
        struct probe first = make_probe(), awaited = make_probe();
        struct waiter waiter = { .errands = *state, .probe = &awaited, .result = ERRANDS_DONE };
        pthread_t thread;

        errands_put(*state, &first.errand);
        sem_wait(&first.has_begun);
        assert_int_equal(pthread_create(&thread, NULL, wait_long, &waiter), 0);
        while (!atomic_load(&waiter.is_back)) {
                errands_withdraw(*state);
                sched_yield();
        }
        pthread_join(thread, NULL);
        sem_post(&first.may_end);
        errands_stop(*state);
        assert_int_equal(waiter.result, ERRANDS_WITHDRAWN);
        assert_int_equal(awaited.n_ends, 0);
        assert_int_equal(first.n_ends, 1);
}

static void test_stop_gives_back_what_is_awaited(void **state) {
        struct probe first = make_probe(), awaited = make_probe();
        struct waiter waiter = { .errands = *state, .probe = &awaited, .result = ERRANDS_DONE };
        pthread_t thread;

        /* should it begin before the stop is seen, it ends */
        sem_post(&awaited.may_end);
        errands_put(*state, &first.errand);
        sem_wait(&first.has_begun);
        assert_int_equal(pthread_create(&thread, NULL, wait_long, &waiter), 0);
        sem_post(&first.may_end);
        errands_stop(*state);
        pthread_join(thread, NULL);
        assert_true(waiter.result == ERRANDS_WITHDRAWN || waiter.result == ERRANDS_DONE);
        assert_int_equal(awaited.n_ends, 0);
}

static void *let_go(void *context) {
        struct probe *probe = context;

        sem_post(&probe->may_end);
        return NULL;
}

static void test_stop_ends_all(void **state) {
        struct probe first = make_probe(), waiting = make_probe(), late = make_probe();
        pthread_t thread;

        errands_put(*state, &first.errand);
        sem_wait(&first.has_begun);
        errands_put(*state, &waiting.errand);
        assert_int_equal(pthread_create(&thread, NULL, let_go, &first), 0);
        /* should the waiting one begin before the stop is seen, it may end as well */
        sem_post(&waiting.may_end);
        errands_stop(*state);
        pthread_join(thread, NULL);
        assert_true(first.has_run);
        assert_int_equal(waiting.n_ends, 1);
        errands_put(*state, &late.errand);
        assert_int_equal(late.n_ends, 1);
        assert_false(late.has_run);
        assert_int_equal(errands_wait(*state, &late.errand, 60000), ERRANDS_WITHDRAWN);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_one_that_is_awaited_comes_back),  TEST(test_one_that_takes_too_long_runs_on),
                TEST(test_one_that_never_ran_is_withdrawn), TEST(test_one_that_is_awaited_and_withdrawn_goes_back),
                TEST(test_stop_gives_back_what_is_awaited), TEST(test_stop_ends_all),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
