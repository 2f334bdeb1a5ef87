#pragma once

/*
 * Courier, peer
 *
 * One receiver of letters: its socket, and the window of letters that are under way to it, that is loaded from the
 * outbox and not yet acked. The courier alone uses this.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/random.h"
#include "common/bus/courier.h"

/* One letter under way; its body stays in the outbox. Times are monotonic. */
struct courier_pending {
        int64_t number;
        char id[UUID_TEXT_BYTES];
        int64_t due_ms;
        int64_t pause_ms;
        bool was_sent;
};

struct courier_peer {
        char name[SOCKET_ENDPOINT_BYTES]; /* as letters are addressed */
        char endpoint[SOCKET_ENDPOINT_BYTES];
        struct socket *socket;
        struct courier_pending pending[COURIER_WINDOW];
        size_t n_pending;
        int64_t last_number; /* how far the outbox has been loaded */
        bool may_have_more;  /* the outbox may hold letters above last_number */
        bool is_away;        /* refused the last letter; sends again when the socket is writable */
        int64_t acked[COURIER_WINDOW];
        size_t n_acked; /* acked letters that are yet to be deleted */
};

/* What the peers of one courier share. All borrowed. */
struct courier_shared {
        struct spool *spool;
        struct courier_counts *counts;
        struct random *chance;
        struct spool_letter *letter; /* room for the one at hand */
        struct socket_message *message;
};

int courier_peer_create(struct socket_context *sockets, const char *name, const char *endpoint,
                        struct courier_peer **ret_peer);
struct courier_peer *courier_peer_destroy(struct courier_peer *peer);

/* Fills the window from the outbox and sends what is due. Not inside a transaction. Negative errno. */
int courier_peer_send(struct courier_peer *peer, const struct courier_shared *shared, int64_t now_ms);

/* Takes the acks that came. Negative errno of the socket. */
int courier_peer_receive(struct courier_peer *peer, const struct courier_shared *shared);

/* The peer may be there again: everything unacked is due at once. */
void courier_peer_wake(struct courier_peer *peer, int64_t now_ms);

/* Deletes acked letters, inside the caller's transaction; after its commit the caller sets n_acked to 0. */
int courier_peer_forget(struct courier_peer *peer, struct spool *spool);

/* When the next letter is due, or INT64_MAX. */
int64_t courier_peer_due_ms(const struct courier_peer *peer);
