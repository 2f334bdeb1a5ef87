/*
 * Server: what must hold for its loops, whatever is asked of them.
 *
 * libh2o's own functions are stood in front of, so that the test sees each socket being made and each turn of a loop,
 * those that libh2o makes by itself included.
 */

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "services/gateway/router.h"
#include "services/gateway/server.h"

enum {
        LOOPS = 3,
        SEEN_MAX = 64,
        CONNECTIONS = 24,
};

/* Something that one thread did with one loop; what was seen already is not seen again. */
struct sight {
        const h2o_loop_t *loop;
        pthread_t thread;
};

struct sights {
        struct sight seen[SEEN_MAX];
        size_t n, n_all;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sights makings, turns;

static void see(struct sights *sights, const h2o_loop_t *loop) {
        size_t i = 0;

        pthread_mutex_lock(&lock);
        sights->n_all++;
        while (i < sights->n &&
               (sights->seen[i].loop != loop || !pthread_equal(sights->seen[i].thread, pthread_self())))
                i++;
        if (i == sights->n && sights->n < SEEN_MAX)
                sights->seen[sights->n++] = (struct sight){ loop, pthread_self() };
        pthread_mutex_unlock(&lock);
}

h2o_socket_t *h2o_evloop_socket_create(h2o_evloop_t *loop, int fd, int flags) {
        h2o_socket_t *(*make)(h2o_evloop_t *, int, int);

        *(void **)&make = dlsym(RTLD_NEXT, "h2o_evloop_socket_create");
        see(&makings, loop);
        return make(loop, fd, flags);
}

int h2o_evloop_run(h2o_evloop_t *loop, int32_t ms_max) {
        int (*run)(h2o_evloop_t *, int32_t);

        *(void **)&run = dlsym(RTLD_NEXT, "h2o_evloop_run");
        see(&turns, loop);
        return run(loop, ms_max);
}

/* The next connection finds no descriptor. */
static atomic_bool is_short;
static atomic_int n_stopped; /* listeners left alone meanwhile */
static _Atomic(h2o_socket_t *) short_listener;

h2o_socket_t *h2o_evloop_socket_accept(h2o_socket_t *listener) {
        h2o_socket_t *(*take)(h2o_socket_t *);

        *(void **)&take = dlsym(RTLD_NEXT, "h2o_evloop_socket_accept");
        if (!atomic_exchange(&is_short, false))
                return take(listener);
        atomic_store(&short_listener, listener);
        errno = EMFILE;
        return NULL;
}

void h2o_socket_read_stop(h2o_socket_t *socket) {
        void (*stop)(h2o_socket_t *);

        *(void **)&stop = dlsym(RTLD_NEXT, "h2o_socket_read_stop");
        if (socket == atomic_load(&short_listener))
                atomic_fetch_add(&n_stopped, 1);
        stop(socket);
}

static int answer(struct request *request) {
        request_answer(request, 200, "text/plain", "here", 4);
        return 0;
}

static int open_connection(int port) {
        struct sockaddr_in address = { .sin_family = AF_INET,
                                       .sin_port = htons((uint16_t)port),
                                       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd;

        fd = socket(AF_INET, SOCK_STREAM, 0);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
        return fd;
}

static void connect_once(int port) {
        close(open_connection(port));
}

static void get(int port) {
        static const char request[] = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
        char answer[512] = "";
        size_t n_read = 0;
        ssize_t n;
        int fd = open_connection(port);

        assert_int_equal(write(fd, request, sizeof(request) - 1), sizeof(request) - 1);
        while ((n = read(fd, answer + n_read, sizeof(answer) - 1 - n_read)) > 0)
                n_read += (size_t)n;
        assert_int_equal(strncmp(answer, "HTTP/1.1 200 ", 13), 0);
        close(fd);
}

static void destroy_shared(struct server_shared *shared) {
        free(shared);
}

static void post(void *context) {
        sem_post(context);
}

/* Gives the loops something, which wakes all of them, and waits until each has taken it. */
static void share(struct server *server) {
        struct server_shared *shared = calloc(1, sizeof(*shared));
        sem_t taken;

        assert_non_null(shared);
        *shared = (struct server_shared){ .n_references = 1, .destroy = destroy_shared };
        assert_int_equal(sem_init(&taken, 0, 0), 0);
        assert_int_equal(server_share(server, shared, post, &taken), 0);
        server_shared_unref(shared);
        while (sem_wait(&taken))
                continue;
        assert_int_equal(sem_destroy(&taken), 0);
}

static const struct sight *find(const struct sights *sights, const h2o_loop_t *loop) {
        for (size_t i = 0; i < sights->n; i++)
                if (sights->seen[i].loop == loop)
                        return &sights->seen[i];
        return NULL;
}

/*
 * libh2o deals out the buffers of a socket from memory of the thread that made it, without a lock: a loop that runs in
 * one thread with sockets made by another shares them with whatever else that one made, and corrupts the heap under
 * load. That takes luck to see; who made what does not.
 */
static void a_loop_belongs_to_one_thread(void **state _unused_) {
        _cleanup_(router_finish) struct router router = ROUTER_NULL;
        const struct server_options options = { .address = "127.0.0.1",
                                                .n_loops = LOOPS,
                                                .body_bytes_max = 1024,
                                                .connections_max = CONNECTIONS,
                                                .router = &router };
        struct fault fault = FAULT_NULL;
        struct server *server = NULL;

        router_add(&router, "GET", "/", ROUTE_OPEN, answer);
        assert_int_equal(server_create(&options, &server, &fault), 0);
        server_start(server);
        for (int i = 0; i < CONNECTIONS; i++) {
                get(server_port(server));
                share(server);
        }
        server_drain(server, 0);
        server_stop(server);
        server_destroy(server);

        /* of each loop the wake-up, which libh2o makes, and the listener */
        assert_int_equal(makings.n_all, 2 * LOOPS);
        assert_int_equal(turns.n, LOOPS);
        assert_int_equal(makings.n, LOOPS);
        for (size_t i = 0; i < turns.n; i++) {
                const struct sight *making = find(&makings, turns.seen[i].loop);

                assert_non_null(making);
                assert_true(pthread_equal(making->thread, turns.seen[i].thread));
                assert_false(pthread_equal(making->thread, pthread_self()));
        }
}

static void a_listener_without_descriptors_rests(void **state _unused_) {
        _cleanup_(router_finish) struct router router = ROUTER_NULL;
        const struct server_options options = { .address = "127.0.0.1",
                                                .n_loops = 1,
                                                .body_bytes_max = 1024,
                                                .connections_max = CONNECTIONS,
                                                .router = &router };
        struct fault fault = FAULT_NULL;
        struct server *server = NULL;

        router_add(&router, "GET", "/", ROUTE_OPEN, answer);
        assert_int_equal(server_create(&options, &server, &fault), 0);
        server_start(server);
        get(server_port(server));
        atomic_store(&is_short, true);
        get(server_port(server));
        assert_false(atomic_load(&is_short));
        assert_int_equal(atomic_load(&n_stopped), 1);
        /* and is closed while it rests */
        atomic_store(&is_short, true);
        connect_once(server_port(server));
        while (atomic_load(&is_short))
                poll(NULL, 0, 1);
        server_drain(server, 0);
        server_stop(server);
        server_destroy(server);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_loop_belongs_to_one_thread),
                cmocka_unit_test(a_listener_without_descriptors_rests),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
