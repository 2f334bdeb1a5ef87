/* Server: one libh2o context and listening socket per thread. */

#include "services/gateway/server_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/parallel.h"
#include "services/gateway/error_filter.h"
#include "services/gateway/handoff.h"
#include "services/gateway/listen.h"

enum {
        HEAD_AND_BODY_MS = 10000,
        LOOP_WAIT_MS = 1000,
        REFUSALS_MAX = 256, /* connections above the limit that are told so, at one time */
};

/* libh2o finds the handler by its address, so it stands first */
struct server_handler {
        h2o_handler_t super;
        struct server *server;
};

static struct server_loop *loop_of(h2o_context_t *context) {
        return OUTER_OF(struct server_loop, context, context);
}

/* Two functions that do the same: which of them a socket has tells whether its connection is above the limit. */
static void on_closed(void *data) {
        struct server *server = data;

        atomic_fetch_sub(&server->n_connections, 1);
}

static void on_refused_closed(void *data) {
        on_closed(data);
}

static bool is_refused(const struct server *server, h2o_req_t *h2o) {
        return atomic_load_explicit(&server->n_connections, memory_order_relaxed) > server->limits.connections_max &&
               h2o->conn->callbacks->get_socket(h2o->conn)->on_close.cb == on_refused_closed;
}

static int on_request(h2o_handler_t *handler, h2o_req_t *h2o) {
        struct server *server = ((struct server_handler *)(void *)handler)->server;
        struct server_loop *loop = loop_of(h2o->conn->ctx);
        struct request request = { .h2o = h2o,
                                   .context = server->context,
                                   .receiver = &loop->receiver,
                                   .shared = loop->shared,
                                   .tally = &loop->tally };

        if (is_refused(server, h2o)) {
                h2o->http1_is_persistent = 0;
                request_answer_error(&request, 503, "%zu connections are open already, try again",
                                     server->limits.connections_max);
        } else if (router_dispatch(server->router, &request)) {
                request_answer_error(&request, 404, "there is nothing at %.*s",
                                     (int)(h2o->path.len < 256 ? h2o->path.len : 256), h2o->path.base);
        }
        return 0;
}

/* libh2o has answered; of a body that is too large the rest is still coming. */
static void on_error(h2o_req_t *h2o) {
        struct server_loop *loop = loop_of(h2o->conn->ctx);

        atomic_fetch_add_explicit(&loop->tally.n_by_class[h2o->res.status / 100], 1, memory_order_relaxed);
        if (h2o->res.status == 413)
                lingers_add(&loop->lingers, &loop->context,
                            h2o_socket_get_fd(h2o->conn->callbacks->get_socket(h2o->conn)));
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
        struct sharing_message *messages[SERVER_LOOPS_MAX] = { 0 };
        struct sharing *sharing = calloc(1, sizeof(*sharing));
        int n = server->n_loops, n_made = 0;

        while (sharing && n_made < n && (messages[n_made] = calloc(1, sizeof(*messages[n_made]))))
                n_made++;
        if (!sharing || n_made < n) {
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
                        ret_by_class[k] += atomic_load(&server->loops[i].tally.n_by_class[k]);
        }
}

int server_port(const struct server *server) {
        return server->port;
}

size_t server_n_connections(const struct server *server) {
        return atomic_load(&server->n_connections);
}

/* A listener whose connections cannot be accepted stays readable, and the loop would spin. */
static void pause_listener(struct server_loop *loop) {
        log_warn("errno=%d a connection cannot be accepted now, retrying in 1000 ms", errno);
        h2o_socket_read_stop(loop->listener);
        h2o_timeout_link(loop->context.loop, &loop->context.one_sec_timeout, &loop->pause);
}

static void on_accept(h2o_socket_t *listener, const char *error) {
        struct server_loop *loop = listener->data;
        struct server *server = loop->server;
        h2o_socket_t *socket;
        size_t n;

        if (error)
                return;
        socket = h2o_evloop_socket_accept(listener);
        if (!socket) {
                /* what else fails belongs to one connection, which has gone */
                if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                        pause_listener(loop);
                return;
        }
        n = atomic_fetch_add(&server->n_connections, 1);
        socket->on_close.cb = n < server->limits.connections_max ? on_closed : on_refused_closed;
        socket->on_close.data = server;
        if (n < server->limits.connections_max + server->limits.refusals_max)
                h2o_accept(&loop->accept, socket);
        else
                h2o_socket_close(socket);
}

static void on_pause_over(h2o_timeout_entry_t *pause) {
        struct server_loop *loop = OUTER_OF(struct server_loop, pause, pause);

        h2o_socket_read_start(loop->listener, on_accept);
}

static void configure(struct server *server, size_t body_bytes_max) {
        h2o_hostconf_t *host;
        h2o_pathconf_t *path;
        struct server_handler *handler;

        h2o_config_init(&server->config);
        server->config.server_name = h2o_iovec_init(H2O_STRLIT("convoy"));
        server->config.max_request_entity_size = body_bytes_max;
        server->config.http1.req_timeout = HEAD_AND_BODY_MS;
        server->config.http1.upgrade_to_http2 = 0;
        host = h2o_config_register_host(&server->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
        path = h2o_config_register_path(host, "/", 0);
        handler = (struct server_handler *)(void *)h2o_create_handler(path, sizeof(*handler));
        handler->super.on_req = on_request;
        handler->server = server;
        error_filter_register(path, on_error);
        error_filter_register(&host->fallback_path, on_error);
}

static void init_loop(struct server_loop *loop) {
        lingers_init(&loop->lingers, (size_t)((LINGERS_MAX + loop->server->n_loops - 1) / loop->server->n_loops));
        loop->pause.cb = on_pause_over;
        h2o_context_init(&loop->context, h2o_evloop_create(), &loop->server->config);
        h2o_multithread_register_receiver(loop->context.queue, &loop->receiver, handoff_on_messages);
        loop->accept = (h2o_accept_ctx_t){ .ctx = &loop->context, .hosts = loop->server->config.hosts };
}

static void open_listener(struct server_loop *loop) {
        loop->listener = h2o_evloop_socket_create(loop->context.loop, steal_descriptor(&loop->fd),
                                                  H2O_SOCKET_FLAG_DONT_READ);
        loop->listener->data = loop;
        h2o_socket_read_start(loop->listener, on_accept);
}

static void *loop_main(void *argument) {
        struct server_loop *loop = argument;
        struct server *server = loop->server;

        init_loop(loop);
        sem_post(&loop->reached);
        while (!atomic_load(&server->is_stopping)) {
                if (loop->fd >= 0 && atomic_load(&server->is_serving))
                        open_listener(loop);
                h2o_evloop_run(loop->context.loop, LOOP_WAIT_MS);
                if (loop->listener && atomic_load(&server->is_draining)) {
                        server_loop_close_listener(loop);
                        h2o_context_request_shutdown(&loop->context);
                }
        }
        server_loop_close(loop);
        sem_post(&loop->reached);
        while (!atomic_load(&server->is_finished))
                h2o_evloop_run(loop->context.loop, LOOP_WAIT_MS);
        server_loop_finish(loop);
        return NULL;
}

static void wait_until_reached(struct server_loop *loop) {
        while (sem_wait(&loop->reached))
                assert(errno == EINTR);
}

static int start_loops(struct server *server) {
        int r;

        for (int i = 0; i < server->n_loops; i++) {
                struct server_loop *loop = &server->loops[i];

                r = pthread_create(&loop->thread, NULL, loop_main, loop);
                if (r)
                        return error_origin(-r, "starting a loop's thread");
                loop->is_started = true;
                wait_until_reached(loop);
        }
        return 0;
}

int server_create(const struct server_options *options, struct server **ret_server, struct fault *fault) {
        _cleanup_(server_destroy_pointer) struct server *server = calloc(1, sizeof(*server));
        int fds[SERVER_LOOPS_MAX], r;

        if (!server)
                return error_origin(-ENOMEM, "creating the server");
        server->router = options->router;
        server->context = options->context;
        server->limits = (struct descriptors){ options->connections_max, REFUSALS_MAX };
        server->port = options->port;
        server->n_loops = options->n_loops ? options->n_loops : parallel_n_threads();
        if (server->n_loops > SERVER_LOOPS_MAX)
                server->n_loops = SERVER_LOOPS_MAX;
        for (int i = 0; i < SERVER_LOOPS_MAX; i++)
                fds[i] = -1;
        configure(server, options->body_bytes_max);
        r = descriptors_fit(server->n_loops, &server->limits, fault);
        if (!r)
                r = listen_open(options->address, &server->port, server->n_loops, fds, fault);
        for (int i = 0; i < server->n_loops; i++) {
                server->loops[i].server = server;
                server->loops[i].fd = fds[i];
                sem_init(&server->loops[i].reached, 0, 0);
        }
        if (!r)
                r = start_loops(server);
        if (r)
                return error_trace(r);
        *ret_server = steal(server);
        return 0;
}

void server_start(struct server *server) {
        atomic_store(&server->is_serving, true);
        server_wake_loops(server);
}
