/* Server: one libh2o context and listening socket per thread. */

#include "services/gateway/server.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/parallel.h"
#include "services/gateway/handoff.h"
#include "services/gateway/request.h"
#include "services/gateway/router.h"

enum {
        LOOPS_MOST = 64,
        HEAD_AND_BODY_MS = 10000,
        LISTEN_BACKLOG = 1024,
        LOOP_WAIT_MS = 100,
};

struct server_loop {
        struct server *server;
        pthread_t thread;
        bool is_started;
        int fd;
        h2o_context_t context;
        h2o_accept_ctx_t accept;
        h2o_socket_t *listener;
        h2o_multithread_receiver_t receiver;
        struct server_shared *shared; /* only the loop's thread, once it runs, looks */
        _Atomic uint64_t n_by_class[REQUEST_STATUS_CLASSES];
};

/* libh2o finds the handler by its address, so it stands first */
struct server_handler {
        h2o_handler_t super;
        struct server *server;
};

struct server {
        h2o_globalconf_t config;
        const struct router *router;
        void *context;
        size_t connections_most;
        _Atomic size_t n_connections;
        _Atomic bool is_stopping;
        _Atomic int64_t stop_at_ms;
        int n_loops;
        struct server_loop loops[LOOPS_MOST];
};

static int on_request(h2o_handler_t *handler, h2o_req_t *h2o) {
        struct server *server = ((struct server_handler *)(void *)handler)->server;
        struct server_loop *loop = H2O_STRUCT_FROM_MEMBER(struct server_loop, context, h2o->conn->ctx);
        struct request request = { .h2o = h2o,
                                   .context = server->context,
                                   .receiver = &loop->receiver,
                                   .shared = loop->shared,
                                   .n_by_class = loop->n_by_class };

        if (atomic_load(&server->is_stopping))
                h2o->http1_is_persistent = 0;
        if (router_dispatch(server->router, &request))
                request_answer_error(&request, 404, "there is nothing at %.*s",
                                     (int)(h2o->path.len < 256 ? h2o->path.len : 256), h2o->path.base);
        return 0;
}

struct server_shared *server_shared_ref(struct server_shared *shared) {
        atomic_fetch_add(&shared->n_references, 1);
        return shared;
}

struct server_shared *server_shared_unref(struct server_shared *shared) {
        if (shared && atomic_fetch_sub(&shared->n_references, 1) == 1)
                shared->destroy(shared);
        return NULL;
}

/* One sharing, on its way to all loops. */
struct sharing {
        _Atomic int n_loops_left;
        void (*on_taken)(void *context);
        void *context;
};

struct sharing_message {
        struct loop_message super;
        struct server_loop *loop;
        struct server_shared *shared;
        struct sharing *sharing;
};

static void on_shared(struct loop_message *message) {
        struct sharing_message *taken = (struct sharing_message *)(void *)message;
        struct sharing *sharing = taken->sharing;

        server_shared_unref(taken->loop->shared);
        taken->loop->shared = taken->shared;
        if (atomic_fetch_sub(&sharing->n_loops_left, 1) == 1) {
                if (sharing->on_taken)
                        sharing->on_taken(sharing->context);
                free(sharing);
        }
        free(taken);
}

int server_share(struct server *server, struct server_shared *shared, void (*on_taken)(void *context), void *context) {
        struct sharing_message *messages[LOOPS_MOST] = { 0 };
        struct sharing *sharing = calloc(1, sizeof(*sharing));
        int n = server->n_loops;

        for (int i = 0; sharing && i < n; i++) {
                messages[i] = calloc(1, sizeof(*messages[i]));
                if (!messages[i])
                        break;
        }
        if (!sharing || !messages[n - 1]) {
                for (int i = 0; i < n; i++)
                        free(messages[i]);
                free(sharing);
                return error_origin(-ENOMEM, "sharing with the loops");
        }
        *sharing = (struct sharing){ n, on_taken, context };
        for (int i = 0; i < n; i++) {
                *messages[i] = (struct sharing_message){ .super.deliver = on_shared,
                                                         .loop = &server->loops[i],
                                                         .shared = server_shared_ref(shared),
                                                         .sharing = sharing };
                h2o_multithread_send_message(&server->loops[i].receiver, &messages[i]->super.super);
        }
        return 0;
}

void server_count_requests(const struct server *server, uint64_t ret_by_class[REQUEST_STATUS_CLASSES]) {
        for (int k = 0; k < REQUEST_STATUS_CLASSES; k++) {
                ret_by_class[k] = 0;
                for (int i = 0; i < server->n_loops; i++)
                        ret_by_class[k] += atomic_load(&server->loops[i].n_by_class[k]);
        }
}

size_t server_n_connections(const struct server *server) {
        return atomic_load(&server->n_connections);
}

static void on_connection_closed(void *data) {
        struct server *server = data;

        atomic_fetch_sub(&server->n_connections, 1);
}

/* Says 503 without reading the request, then closes. */
static void refuse_connection(h2o_socket_t *socket) {
        static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\n"
                                     "content-type: application/json\r\ncontent-length: 32\r\n\r\n"
                                     "{\"error\":\"too many connections\"}";
        int fd = h2o_socket_get_fd(socket);

        /* the send buffer of a fresh connection holds this; a client that has gone already need not hear it */
        if (send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
                log_debug("errno=%d refusing a connection", errno);
        h2o_socket_close(socket);
}

static void on_accept(h2o_socket_t *listener, const char *error) {
        struct server_loop *loop = listener->data;
        struct server *server = loop->server;
        h2o_socket_t *socket;

        if (error)
                return;
        socket = h2o_evloop_socket_accept(listener);
        if (!socket)
                return;
        if (atomic_fetch_add(&server->n_connections, 1) >= server->connections_most) {
                atomic_fetch_sub(&server->n_connections, 1);
                refuse_connection(socket);
                return;
        }
        socket->on_close.cb = on_connection_closed;
        socket->on_close.data = server;
        h2o_accept(&loop->accept, socket);
}

static int open_listener(const struct addrinfo *address, bool is_shared, int *ret_fd) {
        _cleanup_(close_descriptor) int fd = -1;
        const int on = 1;

        fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
            (is_shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on))) ||
            bind(fd, address->ai_addr, address->ai_addrlen) || listen(fd, LISTEN_BACKLOG))
                return -errno;
        *ret_fd = steal_descriptor(&fd);
        return 0;
}

static int bind_loops(struct server *server, const struct server_options *options, struct fault *fault) {
        struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST | AI_PASSIVE }, *address;
        char port[8];
        int r, probe = -1;

        snprintf(port, sizeof(port), "%d", options->port);
        if (getaddrinfo(options->address, port, &hints, &address))
                return fault_set(fault, "ADDRESS_INVALID", "%s is not a numeric IPv4 or IPv6 address",
                                 options->address);
        r = open_listener(address, false, &probe);
        close_descriptor(&probe);
        for (int i = 0; !r && i < server->n_loops; i++)
                r = open_listener(address, true, &server->loops[i].fd);
        freeaddrinfo(address);
        if (r == -EADDRINUSE)
                return fault_set(fault, "PORT_TAKEN",
                                 "port %d on %s is taken by another process; stop it or choose another port with "
                                 "--port or CONVOY_PORT",
                                 options->port, options->address);
        if (r == -EADDRNOTAVAIL || r == -EACCES)
                return fault_set(fault, "ADDRESS_UNAVAILABLE", "cannot listen on %s port %d: %s", options->address,
                                 options->port, strerror(-r));
        return r ? error_origin(r, "listening on %s port %d", options->address, options->port) : 0;
}

static void configure(struct server *server, size_t body_bytes_most) {
        h2o_hostconf_t *host;
        h2o_pathconf_t *path;
        struct server_handler *handler;

        h2o_config_init(&server->config);
        server->config.server_name = h2o_iovec_init(H2O_STRLIT("convoy"));
        server->config.max_request_entity_size = body_bytes_most;
        server->config.http1.req_timeout = HEAD_AND_BODY_MS;
        server->config.http1.upgrade_to_http2 = 0;
        host = h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
        path = h2o_config_register_path(host, "/", 0);
        handler = (struct server_handler *)(void *)h2o_create_handler(path, sizeof(*handler));
        handler->super.on_req = on_request;
        handler->server = server;
}

static void init_loop(struct server_loop *loop) {
        h2o_context_init(&loop->context, h2o_evloop_create(), &loop->server->config);
        h2o_multithread_register_receiver(loop->context.queue, &loop->receiver, handoff_on_messages);
        loop->accept = (h2o_accept_ctx_t){ .ctx = &loop->context, .hosts = loop->server->config.hosts };
}

int server_create(const struct server_options *options, struct server **ret_server, struct fault *fault) {
        _cleanup_(server_destroy_pointer) struct server *server = calloc(1, sizeof(*server));
        int r;

        if (!server)
                return error_origin(-ENOMEM, "creating the server");
        server->router = options->router;
        server->context = options->context;
        server->connections_most = options->connections_most;
        server->n_loops = options->n_loops ? options->n_loops : parallel_n_threads();
        if (server->n_loops > LOOPS_MOST)
                server->n_loops = LOOPS_MOST;
        for (int i = 0; i < LOOPS_MOST; i++)
                server->loops[i] = (struct server_loop){ .server = server, .fd = -1 };
        configure(server, options->body_bytes_most);
        r = bind_loops(server, options, fault);
        if (r)
                return r;
        for (int i = 0; i < server->n_loops; i++)
                init_loop(&server->loops[i]);
        *ret_server = steal(server);
        return 0;
}

static bool loop_is_done(const struct server *server) {
        if (!atomic_load(&server->is_stopping))
                return false;
        return !atomic_load(&server->n_connections) || clock_monotonic_ms() >= atomic_load(&server->stop_at_ms);
}

static void *loop_main(void *argument) {
        struct server_loop *loop = argument;
        struct server *server = loop->server;
        bool is_closing = false;

        while (!loop_is_done(server)) {
                h2o_evloop_run(loop->context.loop, LOOP_WAIT_MS);
                if (!is_closing && atomic_load(&server->is_stopping)) {
                        is_closing = true;
                        h2o_socket_read_stop(loop->listener);
                        h2o_socket_close(loop->listener);
                        loop->listener = NULL;
                        h2o_context_request_shutdown(&loop->context);
                }
        }
        return NULL;
}

static int start_loop(struct server_loop *loop) {
        int r;

        loop->listener = h2o_evloop_socket_create(loop->context.loop, steal_descriptor(&loop->fd),
                                                  H2O_SOCKET_FLAG_DONT_READ);
        loop->listener->data = loop;
        h2o_socket_read_start(loop->listener, on_accept);
        r = pthread_create(&loop->thread, NULL, loop_main, loop);
        if (r)
                return error_origin(-r, "starting a loop's thread");
        loop->is_started = true;
        return 0;
}

int server_start(struct server *server) {
        int r;

        for (int i = 0; i < server->n_loops; i++) {
                r = start_loop(&server->loops[i]);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

void server_stop(struct server *server, int drain_ms) {
        atomic_store(&server->stop_at_ms, clock_monotonic_ms() + drain_ms);
        atomic_store(&server->is_stopping, true);
        for (int i = 0; i < server->n_loops; i++) {
                struct server_loop *loop = &server->loops[i];

                if (!loop->is_started)
                        continue;
                h2o_multithread_send_message(&loop->receiver, NULL);
                pthread_join(loop->thread, NULL);
                loop->is_started = false;
        }
}

struct server *server_destroy(struct server *server) {
        if (!server)
                return NULL;
        for (int i = 0; i < server->n_loops; i++)
                close_descriptor(&server->loops[i].fd);
        free(server);
        return NULL;
}

void server_destroy_pointer(struct server **server) {
        server_destroy(*server);
}
