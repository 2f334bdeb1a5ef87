/* Mailbox: order, bound, wake, and what becomes of jobs that nobody takes. */

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/gateway/mailbox.h"

#define JOBS_MAX 2000

struct tally {
        int order[JOBS_MAX];
        int n_run, n_discarded;
};

static struct tally tally;

struct numbered {
        struct job job;
        int number;
};

static void run(struct job *job, void *context) {
        struct tally *to = context;

        to->order[to->n_run++] = ((struct numbered *)(void *)job)->number;
        free(job);
}

static void discard(struct job *job) {
        tally.n_discarded++;
        free(job);
}

static struct job *make(int number) {
        struct numbered *numbered = calloc(1, sizeof(*numbered));

        assert_non_null(numbered);
        *numbered = (struct numbered){ { .run = run, .discard = discard }, number };
        return &numbered->job;
}

static bool is_awake(const struct mailbox *mailbox) {
        struct pollfd wait = { .fd = mailbox->wake_fd, .events = POLLIN };

        return poll(&wait, 1, 0) == 1;
}

static int begin(void **state) {
        static struct mailbox mailbox;

        tally = (struct tally){ .n_run = 0 };
        *state = &mailbox;
        return mailbox_init(&mailbox);
}

static int end(void **state) {
        mailbox_finish(*state);
        return 0;
}

static void jobs_are_done_in_order(void **state) {
        struct mailbox *mailbox = *state;

        assert_false(is_awake(mailbox));
        for (int i = 0; i < 3; i++)
                assert_true(mailbox_put(mailbox, make(i)));
        assert_true(is_awake(mailbox));
        mailbox_run(mailbox, &tally);
        assert_false(is_awake(mailbox));
        assert_int_equal(tally.n_run, 3);
        for (int i = 0; i < 3; i++)
                assert_int_equal(tally.order[i], i);
        assert_true(mailbox_put(mailbox, make(7)));
        assert_true(is_awake(mailbox));
        mailbox_run(mailbox, &tally);
        assert_int_equal(tally.order[3], 7);
}

static struct mailbox *busy;

static void run_again(struct job *job, void *context) {
        struct tally *to = context;

        assert_true(++to->n_run < JOBS_MAX);
        assert_true(mailbox_put(busy, job));
}

static void a_job_that_comes_again_at_once_waits_for_its_turn(void **state) {
        struct job *job = make(0);

        busy = *state;
        job->run = run_again;
        assert_true(mailbox_put(busy, job));
        assert_true(mailbox_put(busy, make(1)));
        mailbox_run(busy, &tally);
        assert_int_equal(tally.n_run, 2);
        assert_true(is_awake(busy));
        mailbox_run(busy, &tally);
        assert_int_equal(tally.n_run, 3);
}

static void too_many_are_refused_but_not_those_that_must_be_done(void **state) {
        struct mailbox *mailbox = *state;
        struct job *job = make(0);
        int n = 0;

        while (mailbox_put(mailbox, job)) {
                assert_true(++n < JOBS_MAX);
                job = make(n);
        }
        assert_true(n >= 100);
        mailbox_put_always(mailbox, job);
        mailbox_run(mailbox, &tally);
        assert_int_equal(tally.n_run, n + 1);
        assert_int_equal(tally.order[n], n);
        assert_true(mailbox_put(mailbox, make(1)));
}

static void a_closed_mailbox_discards_and_refuses(void **state) {
        struct mailbox *mailbox = *state;
        struct job *late = make(2);

        assert_true(mailbox_put(mailbox, make(1)));
        mailbox_close(mailbox);
        assert_int_equal(tally.n_discarded, 1);
        assert_false(mailbox_put(mailbox, late));
        mailbox_put_always(mailbox, late);
        mailbox_close(mailbox);
        assert_int_equal(tally.n_discarded, 2);
        assert_int_equal(tally.n_run, 0);
}

static void *put_many(void *argument) {
        for (int i = 0; i < 400; i++)
                mailbox_put_always(argument, make(i));
        return NULL;
}

static void several_threads_put(void **state) {
        struct mailbox *mailbox = *state;
        struct pollfd wait = { .fd = mailbox->wake_fd, .events = POLLIN };
        pthread_t threads[4];

        for (int i = 0; i < 4; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, put_many, mailbox), 0);
        while (tally.n_run < 1600) {
                assert_int_equal(poll(&wait, 1, 60000), 1);
                mailbox_run(mailbox, &tally);
        }
        for (int i = 0; i < 4; i++)
                pthread_join(threads[i], NULL);
        assert_false(is_awake(mailbox));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(jobs_are_done_in_order, begin, end),
                cmocka_unit_test_setup_teardown(a_job_that_comes_again_at_once_waits_for_its_turn, begin, end),
                cmocka_unit_test_setup_teardown(too_many_are_refused_but_not_those_that_must_be_done, begin, end),
                cmocka_unit_test_setup_teardown(a_closed_mailbox_discards_and_refuses, begin, end),
                cmocka_unit_test_setup_teardown(several_threads_put, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
