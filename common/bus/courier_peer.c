/* Courier, peer: a window over the outbox. */

#include "common/bus/courier_peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/log.h"

int courier_peer_create(struct socket_context *sockets, const char *name, const char *endpoint,
                        struct courier_peer **ret_peer) {
        struct courier_peer *peer;
        int r;

        peer = calloc(1, sizeof(*peer));
        if (!peer)
                return error_origin(-ENOMEM, "endpoint=%s connecting to a peer", endpoint);
        r = socket_connect_dealer(sockets, endpoint, &peer->socket);
        if (r) {
                free(peer);
                return error_trace(r);
        }
        snprintf(peer->name, sizeof(peer->name), "%s", name);
        snprintf(peer->endpoint, sizeof(peer->endpoint), "%s", endpoint);
        peer->may_have_more = true;
        *ret_peer = peer;
        return 0;
}

struct courier_peer *courier_peer_destroy(struct courier_peer *peer) {
        if (!peer)
                return NULL;
        socket_destroy(peer->socket);
        free(peer);
        return NULL;
}

static void remove_pending(struct courier_peer *peer, size_t i) {
        memmove(&peer->pending[i], &peer->pending[i + 1], (peer->n_pending - i - 1) * sizeof(peer->pending[0]));
        peer->n_pending--;
}

/* Sends the letter at hand. 0 also when the peer is away. */
static int send_letter(struct courier_peer *peer, const struct courier_shared *shared, struct courier_pending *pending,
                       int64_t now_ms) {
        struct courier_header header = { .kind = COURIER_KIND_DATA };
        const struct spool_letter *letter = shared->letter;
        uint8_t head[COURIER_HEADER_BYTES_MAX];
        struct socket_frame frames[2] = { { .data = head }, { letter->body.data, letter->body.n_bytes } };
        int r;

        memcpy(header.id, letter->id, sizeof(header.id));
        memcpy(header.key, letter->key, sizeof(header.key));
        frames[0].n_bytes = courier_header_pack(&header, head);
        r = socket_send(peer->socket, frames, N_ELEMENTS(frames));
        if (r == SOCKET_E_AWAY) {
                peer->is_away = true;
                return 0;
        }
        if (r)
                return error_trace(r);
        if (pending->was_sent) {
                shared->counts->n_resent++;
                log_debug("msg=%s key=%s peer=%s pause_ms=%lld sent again", letter->id, letter->key, peer->endpoint,
                          (long long)pending->pause_ms);
        } else {
                shared->counts->n_sent++;
        }
        pending->was_sent = true;
        pending->due_ms = now_ms + pending->pause_ms +
                          (int64_t)random_below(shared->chance, (uint64_t)(pending->pause_ms / 4 + 1));
        pending->pause_ms = pending->pause_ms * 2 < COURIER_RESEND_MS_MAX ? pending->pause_ms * 2
                                                                          : COURIER_RESEND_MS_MAX;
        return 0;
}

/* Takes letters from the outbox while the window has room, and sends each while the peer is there. */
static int load(struct courier_peer *peer, const struct courier_shared *shared, int64_t now_ms) {
        struct courier_pending *pending;
        int r;

        while (peer->may_have_more && peer->n_pending + peer->n_acked < COURIER_WINDOW) {
                r = spool_outbox_next(shared->spool, peer->name, peer->last_number, shared->letter);
                if (r == SPOOL_E_NONE)
                        peer->may_have_more = false;
                if (r)
                        return r == SPOOL_E_NONE ? 0 : error_trace(r);
                pending = &peer->pending[peer->n_pending++];
                *pending = (struct courier_pending){
                        .number = shared->letter->number,
                        .due_ms = now_ms,
                        .pause_ms = COURIER_RESEND_FIRST_MS,
                };
                memcpy(pending->id, shared->letter->id, sizeof(pending->id));
                peer->last_number = pending->number;
                if (!peer->is_away) {
                        r = send_letter(peer, shared, pending, now_ms);
                        if (r)
                                return error_trace(r);
                }
        }
        return 0;
}

int courier_peer_send(struct courier_peer *peer, const struct courier_shared *shared, int64_t now_ms) {
        int r;

        for (size_t i = 0; i < peer->n_pending && !peer->is_away; i++) {
                if (peer->pending[i].due_ms > now_ms)
                        continue;
                r = spool_outbox_get(shared->spool, peer->pending[i].number, shared->letter);
                if (r == SPOOL_E_NONE) {
                        remove_pending(peer, i--);
                        continue;
                }
                if (r)
                        return error_trace(r);
                r = send_letter(peer, shared, &peer->pending[i], now_ms);
                if (r)
                        return error_trace(r);
        }
        return error_trace(load(peer, shared, now_ms));
}

/* One message from the peer: only acks come this way. */
static void take(struct courier_peer *peer, const struct courier_shared *shared) {
        const struct socket_message *message = shared->message;
        struct courier_header header;
        struct fault fault = FAULT_NULL;
        int r;

        r = courier_header_unpack(message->frames[0].data, message->frames[0].n_bytes, &header, &fault);
        if (!r && header.kind != COURIER_KIND_ACK)
                r = fault_set(&fault, "MESSAGE_KIND", "only acks come this way");
        if (r) {
                shared->counts->n_rejected++;
                log_warn("peer=%s outcome=reject code=%s %s; ignoring", peer->endpoint, fault.code, fault.message);
                return;
        }
        for (size_t i = 0; i < peer->n_pending; i++) {
                if (strcmp(peer->pending[i].id, header.id) != 0)
                        continue;
                shared->counts->n_acked++;
                peer->acked[peer->n_acked++] = peer->pending[i].number;
                remove_pending(peer, i);
                return;
        }
}

int courier_peer_receive(struct courier_peer *peer, const struct courier_shared *shared) {
        int r;

        /* no more than a window of acks can matter; the rest waits for the next turn */
        for (size_t i = 0; i < COURIER_WINDOW; i++) {
                r = socket_receive(peer->socket, shared->message);
                if (r)
                        return r == SOCKET_E_NONE ? 0 : error_trace(r);
                take(peer, shared);
        }
        return 0;
}

void courier_peer_wake(struct courier_peer *peer, int64_t now_ms) {
        peer->is_away = false;
        for (size_t i = 0; i < peer->n_pending; i++) {
                peer->pending[i].due_ms = now_ms;
                peer->pending[i].pause_ms = COURIER_RESEND_FIRST_MS;
        }
}

int courier_peer_forget(struct courier_peer *peer, struct spool *spool) {
        int r;

        for (size_t i = 0; i < peer->n_acked; i++) {
                r = spool_outbox_remove(spool, peer->acked[i]);
                if (r && r != SPOOL_E_NONE)
                        return error_trace(r);
        }
        return 0;
}

int64_t courier_peer_due_ms(const struct courier_peer *peer) {
        int64_t due_ms = INT64_MAX;

        for (size_t i = 0; i < peer->n_pending; i++)
                if (peer->pending[i].due_ms < due_ms)
                        due_ms = peer->pending[i].due_ms;
        return due_ms;
}
