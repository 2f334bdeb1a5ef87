#pragma once

/*
 * Sockets
 *
 * The door to libzmq. A receiver binds one ROUTER, a sender connects one DEALER per peer. Nothing here blocks but
 * socket_poll(): a DEALER that has no finished connection refuses (IMMEDIATE), a full queue refuses, and closing drops
 * what was not sent (LINGER 0), because the spool is the truth and ZeroMQ only carries. A socket belongs to one thread.
 *
 * Endpoints are `ipc://path` (at most 107 bytes of path, relative ones allowed) and `tcp://host:port`. A frame longer
 * than SOCKET_FRAME_BYTES_MAX is refused by libzmq itself, which drops the connection before it holds the bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"
#include "common/base/fault.h"

#define SOCKET_FRAME_BYTES_MAX (960 * 1024)
/* frames of one message that are kept; what comes beyond is counted and dropped */
#define SOCKET_N_FRAMES_MAX 4
#define SOCKET_IPC_PATH_BYTES_MAX 107
/* "tcp://" or "ipc://", the rest, and the end */
#define SOCKET_ENDPOINT_BYTES 256

enum {
        _SOCKET_E_SUCCESS,
        SOCKET_E_AWAY, /* nobody there to take it now, or the queue is full; nothing was sent */
        SOCKET_E_NONE, /* nothing to receive */
};

struct socket_context;
struct socket;

struct socket_frame {
        const uint8_t *data; /* borrowed until the next receive into the same message, or its destruction */
        size_t n_bytes;
};

/* One received message. n_frames counts all that came; the first SOCKET_N_FRAMES_MAX are there. */
struct socket_message {
        struct socket_frame frames[SOCKET_N_FRAMES_MAX];
        size_t n_frames;
        void *owned;
};

/* What to wait for: a socket, or with socket NULL a descriptor. */
struct socket_poll {
        struct socket *socket;
        int fd;
        bool want_write;
        bool is_readable, is_writable;
};

/* True when text names an endpoint that can be bound and connected; else the fault says why. */
int socket_endpoint_check(const char *endpoint, struct fault *fault);

/* One per process. destroy waits until its sockets are closed, which must have happened. */
int socket_context_create(struct socket_context **ret_context);
struct socket_context *socket_context_destroy(struct socket_context *context);
void socket_context_destroy_pointer(struct socket_context **context);

/* Negative errno: -EADDRINUSE (tcp), -ENAMETOOLONG, -EINVAL for an endpoint that is none, -EMFILE … */
int socket_bind_router(struct socket_context *context, const char *endpoint, struct socket **ret_socket);
int socket_connect_dealer(struct socket_context *context, const char *endpoint, struct socket **ret_socket);
struct socket *socket_destroy(struct socket *socket);
void socket_destroy_pointer(struct socket **socket);

/* Sends all frames as one message, or nothing: 0, SOCKET_E_AWAY, or a negative errno. A ROUTER's first frame names the
 * peer, as received; a peer that has gone is not reported. */
int socket_send(struct socket *socket, const struct socket_frame *frames, size_t n_frames);

/* Receives one whole message: 0, SOCKET_E_NONE, or a negative errno. */
int socket_receive(struct socket *socket, struct socket_message *message);

void socket_message_finish(struct socket_message *message);

#define SOCKET_MESSAGE_NULL \
        { 0 }

/* Waits up to timeout_ms (-1: without end) until one of the items is ready. A signal ends the wait early with none. */
int socket_poll(struct socket_poll *items, size_t n_items, int64_t timeout_ms);
