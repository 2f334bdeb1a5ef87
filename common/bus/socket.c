/* Sockets: libzmq's ROUTER and DEALER, without waiting. */

#include "common/bus/socket.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <zmq.h>

#include "common/base/error.h"

/* A queue per peer holds few messages: what waits, waits in the spool. */
#define QUEUE_MESSAGES 64
#define RECONNECT_FIRST_MS 20
#define RECONNECT_MS_MAX 250
/* over tcp a vanished host is noticed after the timeout */
#define HEARTBEAT_MS 5000
#define HEARTBEAT_TIMEOUT_MS 15000
#define POLL_ITEMS_MAX 64

struct socket_context {
        void *zmq;
};

struct socket {
        void *zmq;
};

/* libzmq has error numbers above errno's; all that can come here are translated. */
static int last_error(void) {
        int code = zmq_errno();

        switch (code) {
        case ETERM:
                return -ESHUTDOWN;
        case EFSM:
        case ENOCOMPATPROTO:
                return -EPROTO;
        case EMTHREAD:
                return -EMFILE;
        default:
                return -code;
        }
}

static const char *last_words(void) {
        return zmq_strerror(zmq_errno());
}

int socket_endpoint_check(const char *endpoint, struct fault *fault) {
        const char *rest, *colon;
        char *end;
        long port;

        if (strlen(endpoint) >= SOCKET_ENDPOINT_BYTES)
                return fault_set(fault, "ENDPOINT_TOO_LONG", "an endpoint may have %d bytes",
                                 SOCKET_ENDPOINT_BYTES - 1);
        if (strncmp(endpoint, "ipc://", 6) == 0) {
                rest = endpoint + 6;
                if (!rest[0] || rest[0] == '@')
                        return fault_set(fault, "ENDPOINT_PATH", "'%s' names no path", endpoint);
                if (strlen(rest) > SOCKET_IPC_PATH_BYTES_MAX)
                        return fault_set(fault, "ENDPOINT_TOO_LONG",
                                         "the path in '%s' has %zu bytes, the limit is %d: use a shorter or a "
                                         "relative one",
                                         endpoint, strlen(rest), SOCKET_IPC_PATH_BYTES_MAX);
                return 0;
        }
        if (strncmp(endpoint, "tcp://", 6) != 0)
                return fault_set(fault, "ENDPOINT_KIND", "'%s' is neither ipc://path nor tcp://host:port", endpoint);
        rest = endpoint + 6;
        colon = strrchr(rest, ':');
        if (!colon || colon == rest || colon[1] < '0' || colon[1] > '9')
                return fault_set(fault, "ENDPOINT_PORT", "'%s' lacks host or port: write tcp://host:port", endpoint);
        errno = 0;
        port = strtol(colon + 1, &end, 10);
        if (errno || *end || port < 1 || port > 65535)
                return fault_set(fault, "ENDPOINT_PORT", "the port in '%s' is not one of 1 to 65535", endpoint);
        return 0;
}

int socket_context_create(struct socket_context **ret_context) {
        struct socket_context *context;
        int r;

        context = calloc(1, sizeof(*context));
        if (!context)
                return error_origin(-ENOMEM, "making a socket context");
        context->zmq = zmq_ctx_new();
        if (!context->zmq) {
                r = error_origin(last_error(), "making a socket context: %s", last_words());
                free(context);
                return r;
        }
        *ret_context = context;
        return 0;
}

struct socket_context *socket_context_destroy(struct socket_context *context) {
        if (!context)
                return NULL;
        while (zmq_ctx_term(context->zmq) < 0 && zmq_errno() == EINTR)
                ;
        free(context);
        return NULL;
}

void socket_context_destroy_pointer(struct socket_context **context) {
        *context = socket_context_destroy(*context);
}

struct socket *socket_destroy(struct socket *socket) {
        if (!socket)
                return NULL;
        if (socket->zmq)
                zmq_close(socket->zmq);
        free(socket);
        return NULL;
}

void socket_destroy_pointer(struct socket **socket) {
        *socket = socket_destroy(*socket);
}

static int set_options(struct socket *socket, bool is_tcp) {
        const struct {
                int option, value;
                bool for_tcp;
        } options[] = {
                { ZMQ_LINGER, 0, false },
                { ZMQ_SNDHWM, QUEUE_MESSAGES, false },
                { ZMQ_RCVHWM, QUEUE_MESSAGES, false },
                { ZMQ_IMMEDIATE, 1, false },
                { ZMQ_RECONNECT_IVL, RECONNECT_FIRST_MS, false },
                { ZMQ_RECONNECT_IVL_MAX, RECONNECT_MS_MAX, false },
                { ZMQ_IPV6, 1, true },
                { ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS, true },
                { ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS, true },
        };
        int64_t frame_bytes = SOCKET_FRAME_BYTES_MAX;

        for (size_t i = 0; i < N_ELEMENTS(options); i++) {
                if (options[i].for_tcp && !is_tcp)
                        continue;
                if (zmq_setsockopt(socket->zmq, options[i].option, &options[i].value, sizeof(options[i].value)) < 0)
                        return error_origin(last_error(), "option=%d setting up a socket: %s", options[i].option,
                                            last_words());
        }
        if (zmq_setsockopt(socket->zmq, ZMQ_MAXMSGSIZE, &frame_bytes, sizeof(frame_bytes)) < 0)
                return error_origin(last_error(), "limiting a socket's frames: %s", last_words());
        return 0;
}

static int open_socket(struct socket_context *context, int type, const char *endpoint,
                       int (*attach)(void *zmq, const char *endpoint), struct socket **ret_socket) {
        _cleanup_(socket_destroy_pointer) struct socket *socket = NULL;
        struct fault fault = FAULT_NULL;
        int r;

        if (socket_endpoint_check(endpoint, &fault))
                return error_origin(strcmp(fault.code, "ENDPOINT_TOO_LONG") == 0 ? -ENAMETOOLONG : -EINVAL, "%s",
                                    fault.message);
        socket = calloc(1, sizeof(*socket));
        if (!socket)
                return error_origin(-ENOMEM, "opening a socket");
        socket->zmq = zmq_socket(context->zmq, type);
        if (!socket->zmq)
                return error_origin(last_error(), "opening a socket: %s", last_words());
        r = set_options(socket, strncmp(endpoint, "tcp:", 4) == 0);
        if (r)
                return error_trace(r);
        if (attach(socket->zmq, endpoint) < 0)
                return error_origin(last_error(), "endpoint=%s opening a socket: %s", endpoint, last_words());
        *ret_socket = steal(socket);
        return 0;
}

int socket_bind_router(struct socket_context *context, const char *endpoint, struct socket **ret_socket) {
        return error_trace(open_socket(context, ZMQ_ROUTER, endpoint, zmq_bind, ret_socket));
}

int socket_connect_dealer(struct socket_context *context, const char *endpoint, struct socket **ret_socket) {
        return error_trace(open_socket(context, ZMQ_DEALER, endpoint, zmq_connect, ret_socket));
}

/* A peer may go between two frames. libzmq then takes back the frames that it has, refuses the one at hand and drops
 * those that follow, up to the last; so they are handed over all the same, and the next message begins at its first
 * frame. */
int socket_send(struct socket *socket, const struct socket_frame *frames, size_t n_frames) {
        bool is_away = false;
        int flags, n;

        for (size_t i = 0; i < n_frames; i++) {
                flags = ZMQ_DONTWAIT | (i + 1 < n_frames ? ZMQ_SNDMORE : 0);
                do {
                        n = zmq_send(socket->zmq, frames[i].data, frames[i].n_bytes, flags);
                } while (n < 0 && zmq_errno() == EINTR);
                if (n < 0 && zmq_errno() == EAGAIN && i == 0)
                        return SOCKET_E_AWAY;
                if (n < 0 && zmq_errno() == EAGAIN)
                        is_away = true;
                else if (n < 0)
                        return error_origin(last_error(), "sending frame %zu: %s", i, last_words());
        }
        return is_away ? SOCKET_E_AWAY : 0;
}

void socket_message_finish(struct socket_message *message) {
        zmq_msg_t *owned;

        if (!message || !message->owned)
                return;
        owned = message->owned;
        for (size_t i = 0; i < SOCKET_N_FRAMES_MAX; i++)
                zmq_msg_close(&owned[i]);
        free(owned);
        *message = (struct socket_message)SOCKET_MESSAGE_NULL;
}

/* Empties the message for another one to be received. */
static int prepare(struct socket_message *message) {
        zmq_msg_t *owned = message->owned;

        if (!owned) {
                owned = calloc(SOCKET_N_FRAMES_MAX, sizeof(*owned));
                if (!owned)
                        return error_origin(-ENOMEM, "receiving a message");
                for (size_t i = 0; i < SOCKET_N_FRAMES_MAX; i++)
                        zmq_msg_init(&owned[i]);
        }
        *message = (struct socket_message){ .owned = owned };
        return 0;
}

/* One frame into ret_frame, whose earlier content is dropped. */
static int receive_frame(struct socket *socket, zmq_msg_t *ret_frame) {
        int n;

        do {
                n = zmq_msg_recv(ret_frame, socket->zmq, ZMQ_DONTWAIT);
        } while (n < 0 && zmq_errno() == EINTR);
        if (n < 0 && zmq_errno() == EAGAIN)
                return SOCKET_E_NONE;
        if (n < 0)
                return error_origin(last_error(), "receiving a frame: %s", last_words());
        return 0;
}

int socket_receive(struct socket *socket, struct socket_message *message) {
        zmq_msg_t *owned, surplus;
        bool more = true;
        size_t n;
        int r;

        r = prepare(message);
        if (r)
                return error_trace(r);
        owned = message->owned;
        zmq_msg_init(&surplus);
        for (n = 0; more && !r; n++) {
                zmq_msg_t *frame = n < SOCKET_N_FRAMES_MAX ? &owned[n] : &surplus;

                r = receive_frame(socket, frame);
                if (r)
                        break;
                if (n < SOCKET_N_FRAMES_MAX)
                        message->frames[n] = (struct socket_frame){ zmq_msg_data(frame), zmq_msg_size(frame) };
                more = zmq_msg_more(frame);
        }
        zmq_msg_close(&surplus);
        message->n_frames = n;
        return r;
}

int socket_poll(struct socket_poll *items, size_t n_items, int64_t timeout_ms) {
        zmq_pollitem_t polled[POLL_ITEMS_MAX];

        assert(n_items <= POLL_ITEMS_MAX);
        for (size_t i = 0; i < n_items; i++)
                polled[i] = (zmq_pollitem_t){ .socket = items[i].socket ? items[i].socket->zmq : NULL,
                                              .fd = items[i].fd,
                                              .events = items[i].want_write ? ZMQ_POLLIN | ZMQ_POLLOUT : ZMQ_POLLIN };
        if (zmq_poll(polled, (int)n_items, timeout_ms < 0 ? -1 : (long)timeout_ms) < 0) {
                if (zmq_errno() != EINTR)
                        return error_origin(last_error(), "waiting for sockets: %s", last_words());
                for (size_t i = 0; i < n_items; i++)
                        polled[i].revents = 0;
        }
        for (size_t i = 0; i < n_items; i++) {
                items[i].is_readable = polled[i].revents & (ZMQ_POLLIN | ZMQ_POLLERR);
                items[i].is_writable = polled[i].revents & ZMQ_POLLOUT;
        }
        return 0;
}
