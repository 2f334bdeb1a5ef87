/* Listen: a port is shared within one gateway, and never by two. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "services/gateway/listen.h"

enum {
        SOCKETS = 4,
        RIVALS = 2,
        RACES = 1000,
};

struct rival {
        pthread_t thread;
        pthread_barrier_t *start;
        int port, result;
        int fds[SOCKETS];
        struct fault fault;
};

static void close_all(int fds[SOCKETS]) {
        for (int i = 0; i < SOCKETS; i++)
                close_descriptor(&fds[i]);
}

static int open_all(int *port, int fds[SOCKETS], struct fault *fault) {
        for (int i = 0; i < SOCKETS; i++)
                fds[i] = -1;
        return listen_open("127.0.0.1", port, SOCKETS, fds, fault);
}

static void *race(void *argument) {
        struct rival *rival = argument;

        pthread_barrier_wait(rival->start);
        rival->result = open_all(&rival->port, rival->fds, &rival->fault);
        return NULL;
}

static void a_taken_port_is_refused(void **state _unused_) {
        struct fault fault = FAULT_NULL;
        int port = 0, first[SOCKETS], second[SOCKETS];

        assert_int_equal(open_all(&port, first, &fault), 0);
        assert_true(port > 0);
        for (int i = 0; i < SOCKETS; i++)
                assert_true(first[i] >= 0);
        assert_int_equal(open_all(&port, second, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "PORT_TAKEN");
        close_all(second);
        close_all(first);
        assert_int_equal(open_all(&port, second, &fault), 0);
        close_all(second);
}

static void of_two_that_race_for_a_port_one_gets_it(void **state _unused_) {
        pthread_barrier_t start;
        struct fault fault = FAULT_NULL;
        int port = 0, fds[SOCKETS];

        assert_int_equal(open_all(&port, fds, &fault), 0);
        close_all(fds);
        assert_int_equal(pthread_barrier_init(&start, NULL, RIVALS), 0);
        for (int n = 0; n < RACES; n++) {
                struct rival rivals[RIVALS];
                int n_winners = 0;

                for (int i = 0; i < RIVALS; i++) {
                        rivals[i] = (struct rival){ .start = &start, .port = port, .fault = FAULT_NULL };
                        assert_int_equal(pthread_create(&rivals[i].thread, NULL, race, &rivals[i]), 0);
                }
                for (int i = 0; i < RIVALS; i++)
                        assert_int_equal(pthread_join(rivals[i].thread, NULL), 0);
                for (int i = 0; i < RIVALS; i++) {
                        if (!rivals[i].result)
                                n_winners++;
                        else
                                assert_string_equal(rivals[i].fault.code, "PORT_TAKEN");
                        close_all(rivals[i].fds);
                }
                assert_int_equal(n_winners, 1);
        }
        pthread_barrier_destroy(&start);
}

static void an_address_must_be_numeric(void **state _unused_) {
        struct fault fault = FAULT_NULL;
        int port = 0, fds[SOCKETS] = { -1, -1, -1, -1 };

        assert_int_equal(listen_open("localhost", &port, SOCKETS, fds, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "ADDRESS_INVALID");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_taken_port_is_refused),
                cmocka_unit_test(of_two_that_race_for_a_port_one_gets_it),
                cmocka_unit_test(an_address_must_be_numeric),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
