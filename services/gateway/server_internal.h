#pragma once

/* What server.c and server_stop.c share. */

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

#include "services/gateway/descriptors.h"
#include "services/gateway/linger.h"
#include "services/gateway/request.h"
#include "services/gateway/router.h"
#include "services/gateway/server.h"

enum { SERVER_LOOPS_MAX = 64 };

/*
 * A loop's libh2o things are made, used and undone in its own thread: libh2o keeps the buffers of a socket in memory of
 * the thread that made it, unlocked.
 */
struct server_loop {
        struct server *server;
        pthread_t thread;
        bool is_started, is_closed; /* the starting thread's: the thread runs; its connections are gone */
        sem_t reached;              /* posted when it is ready for messages, and again when it is closed */
        int fd;
        h2o_context_t context;
        h2o_accept_ctx_t accept;
        h2o_socket_t *listener;
        h2o_timeout_entry_t pause; /* linked: the listener is left alone for a moment */
        h2o_multithread_receiver_t receiver;
        struct server_shared *shared; /* only the loop's thread, once it runs, looks */
        struct request_tally tally;
        struct lingers lingers;
};

struct server {
        h2o_globalconf_t config;
        const struct router *router;
        void *context;
        struct descriptors limits;
        _Atomic size_t n_connections;
        _Atomic bool is_serving, is_draining, is_stopping, is_finished;
        int n_loops, port;
        struct server_loop loops[SERVER_LOOPS_MAX];
};

/* All in the loop's thread: accepts no more; lets go of every connection, with a grace for what is on its way; delivers
 * what messages are left and undoes the rest. */
void server_loop_close_listener(struct server_loop *loop);
void server_loop_close(struct server_loop *loop);
void server_loop_finish(struct server_loop *loop);

/* From any thread: lets the loops look at the flags. */
void server_wake_loops(struct server *server);
