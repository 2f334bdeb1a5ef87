#pragma once

/*
 * Courier, receiver
 *
 * The bound socket: takes messages in batches, each batch committed to the inbox at once and acked after. The courier
 * alone uses this.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/bus/courier.h"

#define COURIER_BATCH 64
/* of the messages without an id that are refused, one in so long is logged */
#define COURIER_NAMELESS_MS 10000
/* a ROUTER's name for a peer (ZMTP: at most 255 bytes) */
#define COURIER_ROUTE_BYTES_MAX 255

/* An ack that is owed once the batch is committed. */
struct courier_ack {
        uint8_t route[COURIER_ROUTE_BYTES_MAX];
        size_t n_route;
        char id[UUID_TEXT_BYTES];
};

struct courier_receiver {
        struct socket *socket;
        struct spool *spool;               /* borrowed */
        const struct courier_hooks *hooks; /* borrowed */
        struct courier_counts *counts;     /* borrowed */
        struct socket_message message;
        struct courier_ack acks[COURIER_BATCH];
        size_t n_acks;
        int64_t nameless_ms; /* monotonic, before which no message without an id gets a line in the log */
        size_t n_nameless;   /* that got none */
};

/* Takes one batch. Opens a transaction as soon as one is needed (*ret_is_open, which may be so already) and leaves it
 * open; what was read stands in it and in the acks. With is_paused nothing is stored, and reliable messages are left
 * to their senders. ret_n_accepted counts new rows of the inbox, ret_n_rejected those of dead. Negative errno: the
 * caller rolls back and drops the acks. */
int courier_receiver_take(struct courier_receiver *receiver, bool is_paused, bool *ret_is_open, size_t *ret_n_accepted,
                          size_t *ret_n_rejected);

/* Sends the acks, after the commit, and forgets them. */
int courier_receiver_ack(struct courier_receiver *receiver);
