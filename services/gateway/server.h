#pragma once

/*
 * Server
 *
 * libh2o's event loops, one thread per CPU, each with its own listening socket on the same port (SO_REUSEPORT). A loop
 * parses HTTP/1.1, asks the router, and never touches disk, store or bus. HTTP/2 is off: Debian's libh2o 2.2.5 has no
 * fix for rapid reset. The first socket listens before it gets SO_REUSEPORT, so that a port which another process
 * listens on is refused instead of shared silently (listen.h).
 *
 * Limits: body (413), connections over all loops (503, then closed; never more than
 * the process may open, see descriptors.h), ten seconds for head and body (closed), head
 * 417,792 bytes and 100 headers (libh2o's own 400).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "services/gateway/request.h"

struct router;
struct server;

struct server_options {
        const char *address;         /* IPv4 or IPv6 address to listen on, borrowed for the call */
        int port;                    /* 0: any that is free */
        int n_loops;                 /* 0: one per CPU */
        size_t body_bytes_max;       /* 413 above */
        size_t connections_max;      /* 503 above, over all loops */
        const struct router *router; /* borrowed for the life of the server */
        void *context;               /* handed to every route, borrowed likewise */
};

/* Binds every loop's socket and starts the loops, which take messages but no connections yet. 0, FAULT_E_INPUT (port
 * taken, address not ours), or a negative errno. */
int server_create(const struct server_options *options, struct server **ret_server, struct fault *fault);

/* The port that was bound. */
int server_port(const struct server *server);

/* Begins to take connections. */
void server_start(struct server *server);

/*
 * What every loop looks at, such as the model that answers: each loop holds a reference to the newest one, so a request
 * finds it without a lock and keeps it to its end.
 */
struct server_shared {
        _Atomic int n_references;
        void (*destroy)(struct server_shared *shared);
};

struct server_shared *server_shared_ref(struct server_shared *shared);

/* Accepts NULL; returns NULL. */
struct server_shared *server_shared_unref(struct server_shared *shared);

/* Gives all loops the shared thing (a reference each; the caller keeps its own), between two requests. From any thread,
 * also before server_start(). on_taken (NULL: none) is called with context, in a loop's thread, once every loop has it.
 * 0 or -ENOMEM. */
int server_share(struct server *server, struct server_shared *shared, void (*on_taken)(void *context), void *context);

/* Counts since the start, over all loops, by class of status: [2] is 2xx. */
void server_count_requests(const struct server *server, uint64_t ret_by_class[REQUEST_STATUS_CLASSES]);
size_t server_n_connections(const struct server *server);

/* Stops accepting, and waits for the requests that other threads are to answer, at most that long. The loops go on. */
void server_drain(struct server *server, int ms_max);

/* Closes all connections, with a short grace for what is on its way; the loops go on to take messages. No other thread
 * may hold a request by then: those that answer have been stopped, and have answered or discarded what they had. */
void server_stop(struct server *server);

/* After everything else that shares or answers: what the loops still hold is delivered, and they end. */
struct server *server_destroy(struct server *server);
void server_destroy_pointer(struct server **server);
