/* Sockets: what leaves a DEALER comes out of a ROUTER and back, and nothing blocks. */

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/bus/socket.h"
#include "tests/support/scratch.h"

/* long enough for any machine; reached only by a failure */
#define LONG_MS 30000

static void test_endpoints(void **state) {
        static const struct {
                const char *endpoint;
                const char *want_code;
        } rows[] = {
                { "ipc://run/trainer.sock", "" },
                { "tcp://127.0.0.1:5551", "" },
                { "tcp://trainer:5554", "" },
                { "tcp://*:65535", "" },
                { "", "ENDPOINT_KIND" },
                { "inproc://x", "ENDPOINT_KIND" },
                { "udp://h:1", "ENDPOINT_KIND" },
                { "ipc://", "ENDPOINT_PATH" },
                { "ipc://@abstract", "ENDPOINT_PATH" },
                { "tcp://host", "ENDPOINT_PORT" },
                { "tcp://:5551", "ENDPOINT_PORT" },
                { "tcp://host:", "ENDPOINT_PORT" },
                { "tcp://host:0", "ENDPOINT_PORT" },
                { "tcp://host:65536", "ENDPOINT_PORT" },
                { "tcp://host:12x", "ENDPOINT_PORT" },
                { "tcp://host:99999999999999999999", "ENDPOINT_PORT" },
        };
        struct fault fault;
        char path[6 + 109] = "ipc://";

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                fault = (struct fault)FAULT_NULL;
                assert_int_equal(socket_endpoint_check(rows[i].endpoint, &fault),
                                 rows[i].want_code[0] ? FAULT_E_INPUT : 0);
                assert_string_equal(fault.code, rows[i].want_code);
        }
        memset(path + 6, 'p', 107);
        assert_int_equal(socket_endpoint_check(path, &fault), 0);
        path[6 + 107] = 'p';
        assert_int_equal(socket_endpoint_check(path, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "ENDPOINT_TOO_LONG");
}

struct pair {
        struct socket_context *context;
        struct socket *router, *dealer;
        char endpoint[SOCKET_ENDPOINT_BYTES];
};

static void pair_open(struct pair *pair, struct scratch *scratch) {
        snprintf(pair->endpoint, sizeof(pair->endpoint), "ipc://%.100s/s", scratch->folder);
        assert_int_equal(socket_context_create(&pair->context), 0);
        assert_int_equal(socket_connect_dealer(pair->context, pair->endpoint, &pair->dealer), 0);
        assert_int_equal(socket_bind_router(pair->context, pair->endpoint, &pair->router), 0);
}

static void pair_close(struct pair *pair) {
        socket_destroy(pair->dealer);
        socket_destroy(pair->router);
        socket_context_destroy(pair->context);
}

static void await(struct socket *socket, bool want_write) {
        struct socket_poll item = { .socket = socket, .want_write = want_write };

        assert_int_equal(socket_poll(&item, 1, LONG_MS), 0);
        assert_true(want_write ? item.is_writable : item.is_readable);
}

static void test_round_trip(void **state) {
        struct socket_message message = SOCKET_MESSAGE_NULL;
        struct socket_frame frames[3] = { { (const uint8_t *)"head", 4 }, { (const uint8_t *)"body\0x", 6 } };
        struct pair pair = { 0 };

        pair_open(&pair, *state);
        await(pair.dealer, true);
        assert_int_equal(socket_send(pair.dealer, frames, 2), 0);
        await(pair.router, false);
        assert_int_equal(socket_receive(pair.router, &message), 0);
        assert_int_equal(message.n_frames, 3);
        assert_int_equal(message.frames[1].n_bytes, 4);
        assert_memory_equal(message.frames[1].data, "head", 4);
        assert_int_equal(message.frames[2].n_bytes, 6);
        assert_memory_equal(message.frames[2].data, "body\0x", 6);

        frames[0] = message.frames[0];
        frames[1] = (struct socket_frame){ (const uint8_t *)"answer", 6 };
        assert_int_equal(socket_send(pair.router, frames, 2), 0);
        await(pair.dealer, false);
        assert_int_equal(socket_receive(pair.dealer, &message), 0);
        assert_int_equal(message.n_frames, 1);
        assert_memory_equal(message.frames[0].data, "answer", 6);
        assert_int_equal(socket_receive(pair.dealer, &message), SOCKET_E_NONE);
        assert_int_equal(message.n_frames, 0);
        socket_message_finish(&message);
        pair_close(&pair);
}

static void test_surplus_frames_are_counted_and_dropped(void **state) {
        struct socket_message message = SOCKET_MESSAGE_NULL;
        struct socket_frame frames[8];
        struct pair pair = { 0 };

        for (size_t i = 0; i < N_ELEMENTS(frames); i++)
                frames[i] = (struct socket_frame){ (const uint8_t *)"f", 1 };
        pair_open(&pair, *state);
        await(pair.dealer, true);
        assert_int_equal(socket_send(pair.dealer, frames, N_ELEMENTS(frames)), 0);
        assert_int_equal(socket_send(pair.dealer, frames, 1), 0);
        await(pair.router, false);
        assert_int_equal(socket_receive(pair.router, &message), 0);
        assert_int_equal(message.n_frames, 9);
        await(pair.router, false);
        assert_int_equal(socket_receive(pair.router, &message), 0);
        assert_int_equal(message.n_frames, 2);
        socket_message_finish(&message);
        pair_close(&pair);
}

static void test_nobody_there(void **state) {
        struct socket_frame frame = { (const uint8_t *)"x", 1 };
        struct socket_context *context;
        struct scratch *scratch = *state;
        struct socket *dealer;
        char endpoint[SOCKET_ENDPOINT_BYTES * 4];

        snprintf(endpoint, sizeof(endpoint), "ipc://%s/nobody", scratch->folder);
        assert_int_equal(socket_context_create(&context), 0);
        assert_int_equal(socket_connect_dealer(context, endpoint, &dealer), 0);
        assert_int_equal(socket_send(dealer, &frame, 1), SOCKET_E_AWAY);
        dealer = socket_destroy(dealer);
        assert_null(dealer);
        context = socket_context_destroy(context);
        assert_null(context);
}

static void test_bad_endpoints_are_failures(void **state) {
        _cleanup_(socket_context_destroy_pointer) struct socket_context *context = NULL;
        _cleanup_(socket_destroy_pointer) struct socket *socket = NULL;
        char path[6 + 109] = "ipc://";

        (void)state;
        memset(path + 6, 'p', 108);
        assert_int_equal(socket_context_create(&context), 0);
        assert_int_equal(socket_bind_router(context, path, &socket), -ENAMETOOLONG);
        assert_int_equal(socket_bind_router(context, "nonsense", &socket), -EINVAL);
        assert_true(socket_bind_router(context, "ipc:///nonexistent/folder/s", &socket) < 0);
        assert_null(socket);
}

static void test_taken_port(void **state) {
        _cleanup_(socket_context_destroy_pointer) struct socket_context *context = NULL;
        _cleanup_(socket_destroy_pointer) struct socket *first = NULL;
        _cleanup_(socket_destroy_pointer) struct socket *second = NULL;
        char endpoint[64];
        int r = -EADDRINUSE;

        (void)state;
        assert_int_equal(socket_context_create(&context), 0);
        for (int port = 46551; r == -EADDRINUSE && port < 46651; port++) {
                snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%d", port);
                r = socket_bind_router(context, endpoint, &first);
        }
        assert_int_equal(r, 0);
        assert_int_equal(socket_bind_router(context, endpoint, &second), -EADDRINUSE);
        assert_null(second);
}

static void test_poll_sees_descriptors(void **state) {
        struct socket_poll items[2];
        int ends[2];

        (void)state;
        assert_int_equal(pipe(ends), 0);
        items[0] = (struct socket_poll){ .fd = ends[0] };
        items[1] = (struct socket_poll){ .fd = ends[1], .want_write = true };
        assert_int_equal(socket_poll(items, 2, 0), 0);
        assert_false(items[0].is_readable);
        assert_true(items[1].is_writable);
        assert_int_equal(write(ends[1], "x", 1), 1);
        assert_int_equal(socket_poll(items, 1, LONG_MS), 0);
        assert_true(items[0].is_readable);
        close(ends[0]);
        close(ends[1]);
}

/* A receiver that comes and goes; what it gets of a message is all of it. */
struct coming_and_going {
        char endpoint[SOCKET_ENDPOINT_BYTES];
        _Atomic bool is_over;
        size_t n_whole, n_broken;
};

enum { N_LONG_FRAMES = SOCKET_N_FRAMES_MAX - 1, N_COMINGS = 60 };

static void *come_and_go(void *context) {
        struct socket_message message = SOCKET_MESSAGE_NULL;
        struct coming_and_going *receiver = context;
        struct socket_context *sockets;
        struct socket *router;

        assert_int_equal(socket_context_create(&sockets), 0);
        for (int i = 0; i < N_COMINGS; i++) {
                struct socket_poll item;

                assert_int_equal(socket_bind_router(sockets, receiver->endpoint, &router), 0);
                item = (struct socket_poll){ .socket = router };
                for (int j = 0; j < 50; j++) {
                        assert_int_equal(socket_poll(&item, 1, 300), 0);
                        while (socket_receive(router, &message) == 0) {
                                if (message.n_frames == N_LONG_FRAMES + 1 && message.frames[1].data[0] == 'a' &&
                                    message.frames[N_LONG_FRAMES].data[0] == 'a' + N_LONG_FRAMES - 1)
                                        receiver->n_whole++;
                                else
                                        receiver->n_broken++;
                        }
                }
                socket_destroy(router);
        }
        socket_message_finish(&message);
        socket_context_destroy(sockets);
        atomic_store(&receiver->is_over, true);
        return NULL;
}

/* A peer that goes between two frames of a message is away, no more: the next message begins at its first frame. */
static void test_peer_that_goes_amid_a_message(void **state) {
        /* of a message that it takes back libzmq never frees the first frames; small ones need no memory of their own
         */
        static uint8_t bytes[N_LONG_FRAMES][200000];
        struct socket_frame frames[N_LONG_FRAMES];
        struct coming_and_going receiver = { 0 };
        struct socket_context *sockets;
        struct scratch *scratch = *state;
        struct socket *dealer;
        pthread_t thread;
        size_t n_sent = 0;
        int r;

        for (size_t i = 0; i < N_LONG_FRAMES; i++) {
                memset(bytes[i], (int)('a' + i), sizeof(bytes[i]));
                frames[i] = (struct socket_frame){ bytes[i], i + 1 < N_LONG_FRAMES ? 16 : sizeof(bytes[i]) };
        }
        snprintf(receiver.endpoint, sizeof(receiver.endpoint), "ipc://%.100s/s", scratch->folder);
        assert_int_equal(socket_context_create(&sockets), 0);
        assert_int_equal(socket_connect_dealer(sockets, receiver.endpoint, &dealer), 0);
        assert_int_equal(pthread_create(&thread, NULL, come_and_go, &receiver), 0);
        while (!atomic_load(&receiver.is_over)) {
                r = socket_send(dealer, frames, N_LONG_FRAMES);
                assert_true(r == 0 || r == SOCKET_E_AWAY);
                n_sent += r == 0;
        }
        pthread_join(thread, NULL);
        assert_true(n_sent > 0 && receiver.n_whole > 0);
        assert_int_equal(receiver.n_broken, 0);
        socket_destroy(dealer);
        socket_context_destroy(sockets);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_endpoints),
                cmocka_unit_test_setup_teardown(test_round_trip, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_surplus_frames_are_counted_and_dropped, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_nobody_there, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_peer_that_goes_amid_a_message, scratch_setup, scratch_teardown),
                cmocka_unit_test(test_bad_endpoints_are_failures),
                cmocka_unit_test(test_taken_port),
                cmocka_unit_test(test_poll_sees_descriptors),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
