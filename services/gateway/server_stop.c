/* Server: its end. Connections are let go of by shutting them down; what then happens libh2o does itself. */

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/base/clock.h"
#include "common/base/log.h"
#include "services/gateway/server_internal.h"

enum {
        DRAIN_LOOK_MS = 2,
        CLOSING_WAIT_MS = 10,   /* a turn of a loop that closes its connections */
        CLOSING_GRACE_MS = 300, /* for bytes on their way to clients */
        CLOSING_MS_MAX = 500,   /* then what is left is cut, and soon given up */
};

void server_loop_close_listener(struct server_loop *loop) {
        if (!loop->listener)
                return;
        h2o_timeout_unlink(&loop->pause);
        h2o_socket_read_stop(loop->listener);
        h2o_socket_close(loop->listener);
        loop->listener = NULL;
}

static int shut_connection(h2o_req_t *h2o, void *how) {
        shutdown(h2o_socket_get_fd(h2o->conn->callbacks->get_socket(h2o->conn)), *(const int *)how);
        return 0;
}

/* All connections of the loop: SHUT_RD ends those that wait for a request, SHUT_RDWR also those whose client does not
 * take its answer. What happens then libh2o does itself. */
static void shut_connections(struct server_loop *loop, int how) {
        loop->context.globalconf->http1.callbacks.foreach_request(&loop->context, shut_connection, &how);
}

static bool has_connections(struct server_loop *loop) {
        return !h2o_linklist_is_empty(&loop->context.http1._conns);
}

void server_loop_close(struct server_loop *loop) {
        int64_t began_ms = clock_monotonic_ms();
        bool is_cut = false;

        server_loop_close_listener(loop);
        lingers_finish(&loop->lingers);
        h2o_context_request_shutdown(&loop->context);
        shut_connections(loop, SHUT_RD);
        while (has_connections(loop) && clock_monotonic_ms() - began_ms < CLOSING_MS_MAX) {
                h2o_evloop_run(loop->context.loop, CLOSING_WAIT_MS);
                if (!is_cut && clock_monotonic_ms() - began_ms >= CLOSING_GRACE_MS) {
                        is_cut = true;
                        shut_connections(loop, SHUT_RDWR);
                }
        }
}

static size_t n_handed_over(const struct server *server) {
        size_t n = 0;

        for (int i = 0; i < server->n_loops; i++)
                n += atomic_load(&server->loops[i].tally.n_handed_over);
        return n;
}

void server_wake_loops(struct server *server) {
        for (int i = 0; i < server->n_loops; i++)
                if (server->loops[i].is_started)
                        h2o_multithread_send_message(&server->loops[i].receiver, NULL);
}

void server_drain(struct server *server, int ms_max) {
        int64_t until_ms = clock_monotonic_ms() + ms_max;

        atomic_store(&server->is_draining, true);
        server_wake_loops(server);
        while (n_handed_over(server) && clock_monotonic_ms() < until_ms)
                poll(NULL, 0, DRAIN_LOOK_MS);
}

void server_stop(struct server *server) {
        atomic_store(&server->is_draining, true);
        atomic_store(&server->is_stopping, true);
        server_wake_loops(server);
        for (int i = 0; i < server->n_loops; i++) {
                struct server_loop *loop = &server->loops[i];

                while (loop->is_started && !loop->is_closed)
                        loop->is_closed = !sem_wait(&loop->reached);
        }
}

void server_loop_finish(struct server_loop *loop) {
        h2o_evloop_t *evloop = loop->context.loop;

        do
                h2o_evloop_run(evloop, 0);
        while (!h2o_linklist_is_empty(&loop->receiver._messages));
        server_shared_unref(loop->shared);
        if (has_connections(loop)) {
                log_warn("connections could not be closed, ignoring");
                return;
        }
        /* the shutdown's reminder for HTTP/2 connections, which there are none of */
        h2o_timeout_unlink(&loop->context.http2._graceful_shutdown_timeout);
        h2o_multithread_unregister_receiver(loop->context.queue, &loop->receiver);
        h2o_context_dispose(&loop->context);
        h2o_evloop_destroy(evloop);
}

struct server *server_destroy(struct server *server) {
        if (!server)
                return NULL;
        server_stop(server);
        atomic_store(&server->is_finished, true);
        server_wake_loops(server);
        for (int i = 0; i < server->n_loops; i++) {
                struct server_loop *loop = &server->loops[i];

                if (loop->is_started)
                        pthread_join(loop->thread, NULL);
                close_descriptor(&loop->fd);
                sem_destroy(&loop->reached);
        }
        if (server->config.hosts)
                h2o_config_dispose(&server->config);
        free(server);
        return NULL;
}

void server_destroy_pointer(struct server **server) {
        server_destroy(*server);
}
