/* Courier, receiver: what came is stored, refused, dropped or known already; all but dropped is acked. */

#include "common/bus/courier_receiver.h"

#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"

/* Frames as a ROUTER gives them: the peer's route, the courier's header, the body. */
enum { FRAME_ROUTE, FRAME_HEADER, FRAME_BODY, N_FRAMES };

/* The message at hand, as far as it could be read. */
struct incoming {
        struct courier_header header;
        struct socket_frame route, head, body;
        bool is_known;   /* it has an id, so it can be acked */
        bool is_checked; /* the owner's check has seen the body */
};

static int open_transaction(struct courier_receiver *receiver, bool *is_open) {
        int r;

        if (*is_open)
                return 0;
        r = spool_begin(receiver->spool);
        if (r)
                return error_trace(r);
        *is_open = true;
        return 0;
}

static void owe_ack(struct courier_receiver *receiver, const struct incoming *incoming) {
        struct courier_ack *ack = &receiver->acks[receiver->n_acks];

        if (!incoming->is_known || incoming->route.n_bytes > sizeof(ack->route))
                return;
        memcpy(ack->route, incoming->route.data, incoming->route.n_bytes);
        ack->n_route = incoming->route.n_bytes;
        memcpy(ack->id, incoming->header.id, sizeof(ack->id));
        receiver->n_acks++;
}

/* Reads the header and judges everything that can be judged without the body's meaning. */
static int read_message(const struct socket_message *message, struct incoming *ret_incoming, struct fault *fault) {
        struct incoming *incoming = ret_incoming;
        int r;

        *incoming = (struct incoming){ .route = message->frames[FRAME_ROUTE] };
        if (message->n_frames > FRAME_HEADER)
                incoming->head = message->frames[FRAME_HEADER];
        if (message->n_frames > FRAME_BODY)
                incoming->body = message->frames[FRAME_BODY];
        if (incoming->head.n_bytes)
                incoming->is_known = courier_header_find_id(incoming->head.data, incoming->head.n_bytes,
                                                            incoming->header.id);
        r = courier_header_unpack(incoming->head.data, incoming->head.n_bytes, &incoming->header, fault);
        if (r)
                return r;
        if (message->n_frames != N_FRAMES)
                return fault_set(fault, "MESSAGE_FRAMES", "the message has %zu frames, 2 are expected",
                                 message->n_frames - 1);
        if (incoming->header.kind == COURIER_KIND_ACK)
                return fault_set(fault, "MESSAGE_ACK", "an ack came for nothing that was sent");
        if (incoming->body.n_bytes > COURIER_BODY_BYTES_MAX)
                return fault_set(fault, "MESSAGE_SIZE", "the body has %zu bytes, %d are allowed",
                                 incoming->body.n_bytes, COURIER_BODY_BYTES_MAX);
        return 0;
}

/* Whoever sends messages without an id is not acked and does not stop: it gets one line in a while. */
static void log_reject(struct courier_receiver *receiver, const struct incoming *incoming, const struct fault *fault) {
        int64_t now_ms = clock_monotonic_ms();

        if (!incoming->is_known && now_ms < receiver->nameless_ms) {
                receiver->n_nameless++;
                return;
        }
        log_warn("msg=%s run=%s n_bytes=%zu outcome=reject code=%s %s", incoming->header.id, incoming->header.key,
                 incoming->body.n_bytes, fault->code, fault->message);
        if (incoming->is_known)
                return;
        if (receiver->n_nameless)
                log_warn("n_messages=%zu more messages without an id were refused", receiver->n_nameless);
        receiver->n_nameless = 0;
        receiver->nameless_ms = now_ms + COURIER_NAMELESS_MS;
}

/* Keeps a refused message in dead: its body, or what stands in the place of a header that cannot be read. SPOOL_E_FULL:
 * not now. */
static int reject(struct courier_receiver *receiver, const struct incoming *incoming, const struct fault *fault,
                  bool *is_open) {
        const struct socket_frame *kept = incoming->header.kind ? &incoming->body : &incoming->head;
        const struct socket_frame checked = incoming->is_checked ? incoming->body : (struct socket_frame){ 0 };
        const struct courier_hooks *hooks = receiver->hooks;
        char reason[sizeof(fault->code) + sizeof(fault->message) + 2];
        int r;

        r = open_transaction(receiver, is_open);
        if (!r && hooks->on_reject)
                r = hooks->on_reject(hooks->context, incoming->header.id, incoming->header.key, checked.data,
                                     checked.n_bytes, fault);
        if (r == SPOOL_E_FULL)
                return r;
        if (r < 0)
                return error_trace(r);
        snprintf(reason, sizeof(reason), "%s: %s", fault->code, fault->message);
        r = spool_dead_put(receiver->spool, reason, incoming->header.id, incoming->header.key, kept->data,
                           kept->n_bytes);
        if (r == SPOOL_E_DUPLICATE)
                return 0;
        if (r)
                return error_trace(r);
        if (incoming->is_known) {
                r = spool_seen_put(receiver->spool, incoming->header.id);
                if (r)
                        return error_trace(r);
        }
        log_reject(receiver, incoming, fault);
        owe_ack(receiver, incoming);
        return 0;
}

/* Puts a new message into the inbox, unless there is no room. */
static int store(struct courier_receiver *receiver, const struct incoming *incoming, bool *is_open,
                 size_t *n_accepted) {
        int r;

        r = open_transaction(receiver, is_open);
        if (r)
                return error_trace(r);
        r = spool_inbox_put(receiver->spool, incoming->header.id, incoming->header.key, incoming->body.data,
                            incoming->body.n_bytes);
        if (r < 0)
                return error_trace(r);
        if (r == SPOOL_E_FULL) {
                receiver->counts->n_deferred++;
                return 0;
        }
        ++*n_accepted;
        owe_ack(receiver, incoming);
        return 0;
}

static int take_one(struct courier_receiver *receiver, bool is_paused, bool *is_open, size_t *n_accepted,
                    size_t *n_rejected) {
        const struct courier_hooks *hooks = receiver->hooks;
        struct fault fault = FAULT_NULL;
        struct incoming incoming;
        bool is_known = false;
        int r, s;

        r = read_message(&receiver->message, &incoming, &fault);
        if (!r && incoming.header.kind == COURIER_KIND_LOSSY) {
                receiver->counts->n_lossy++;
                if (hooks->on_lossy)
                        hooks->on_lossy(hooks->context, incoming.header.key, incoming.body.data, incoming.body.n_bytes);
                return 0;
        }
        if (is_paused) {
                receiver->counts->n_deferred++;
                return 0;
        }
        if (incoming.is_known) {
                s = spool_knows(receiver->spool, incoming.header.id, &is_known);
                if (s)
                        return error_trace(s);
        }
        if (is_known) {
                receiver->counts->n_duplicates++;
                owe_ack(receiver, &incoming);
                return 0;
        }
        incoming.is_checked = !r && hooks->check;
        if (incoming.is_checked)
                r = hooks->check(hooks->context, incoming.header.key, incoming.body.data, incoming.body.n_bytes,
                                 &fault);
        if (r < 0)
                return error_trace(r);
        if (r) {
                r = reject(receiver, &incoming, &fault, is_open);
                if (r == SPOOL_E_FULL)
                        receiver->counts->n_deferred++;
                else
                        ++*n_rejected;
                return r < 0 ? error_trace(r) : 0;
        }
        return error_trace(store(receiver, &incoming, is_open, n_accepted));
}

int courier_receiver_take(struct courier_receiver *receiver, bool is_paused, bool *ret_is_open, size_t *ret_n_accepted,
                          size_t *ret_n_rejected) {
        int r;

        receiver->n_acks = 0;
        for (size_t i = 0; i < COURIER_BATCH; i++) {
                r = socket_receive(receiver->socket, &receiver->message);
                if (r)
                        return r == SOCKET_E_NONE ? 0 : error_trace(r);
                r = take_one(receiver, is_paused, ret_is_open, ret_n_accepted, ret_n_rejected);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

int courier_receiver_ack(struct courier_receiver *receiver) {
        struct courier_header header = { .kind = COURIER_KIND_ACK };
        uint8_t head[COURIER_HEADER_BYTES_MAX];
        int r;

        for (size_t i = 0; i < receiver->n_acks; i++) {
                const struct courier_ack *ack = &receiver->acks[i];
                struct socket_frame frames[N_FRAMES] = { [FRAME_ROUTE] = { ack->route, ack->n_route } };

                memcpy(header.id, ack->id, sizeof(header.id));
                frames[FRAME_HEADER] = (struct socket_frame){ head, courier_header_pack(&header, head) };
                r = socket_send(receiver->socket, frames, N_FRAMES);
                if (r < 0)
                        return error_trace(r);
        }
        receiver->n_acks = 0;
        return 0;
}
