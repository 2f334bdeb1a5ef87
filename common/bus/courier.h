#pragma once

/*
 * Courier
 *
 * Carries messages between daemons at least once. A reliable message is a row of the sender's outbox, written in the
 * caller's own transaction; after the commit it is sent, and sent again with a growing pause until the receiver's ack
 * comes back; only then is it deleted. The receiver acks only after its own commit to the inbox. What it has had before
 * it acks again and otherwise ignores. What it must refuse (no header, wrong version, too large, refused by the
 * caller's check) is counted, logged, kept in dead, and acked as well, so that the sender stops. Order is not promised,
 * not even between two messages of one sender. A lossy message is sent at once or dropped, and never stored.
 *
 * A peer has a name and, for the life of a courier, an endpoint; letters are addressed by name, so that those in the
 * outbox follow a peer whose endpoint has been changed meanwhile. A letter in the outbox waits until a peer of its name
 * is connected. What a stage is, and what a body means, the courier does not know.
 *
 * Back-pressure: with SPOOL_INBOX_ROWS_MAX rows in the inbox nothing more is acked, so it stays with its senders; of
 * one peer at most COURIER_WINDOW letters are under way. When the disk is full nothing is acked, once logged, until a
 * commit succeeds again.
 *
 * One thread owns a courier and its spool; only courier_wake() may be called from others.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/bus/courier_header.h"
#include "common/bus/socket.h"
#include "common/bus/spool.h"

/* the longest body, in bytes; with the libraries' copies a message stays below 1 MiB of memory */
#define COURIER_BODY_BYTES_MAX (256 * 1024)
#define COURIER_WINDOW 64
/* the pause before a letter is sent again: doubles from the first to the most, with up to a quarter of it by chance */
#define COURIER_RESEND_FIRST_MS 100
#define COURIER_RESEND_MS_MAX 2000

struct courier;

/* What the courier asks its owner. Each may be NULL. All are called within courier_wait(). */
struct courier_hooks {
        void *context;

        /* Looks at a reliable message before it is stored: 0 takes it, FAULT_E_INPUT with a fault refuses it. */
        int (*check)(void *context, const char *key, const uint8_t *body, size_t n_bytes, struct fault *fault);

        /* A message was refused, for this reason; id and key are "" where they cannot be known. The body is what check
         * refused, and NULL with 0 bytes when the courier refused the message without asking check: all that follows
         * from the message is to be found in these arguments, since between check and this call the transaction may
         * fail and another message come. Called inside the transaction that keeps it in dead, so what is posted here is
         * stored with it. SPOOL_E_FULL: there is no room for what follows from it now, so it is left to its sender to
         * come again, and nothing may have been written. Negative errno: roll back. */
        int (*on_reject)(void *context, const char *id, const char *key, const uint8_t *body, size_t n_bytes,
                         const struct fault *fault);

        /* A lossy message came. The body is borrowed for the call, and unchecked. */
        void (*on_lossy)(void *context, const char *key, const uint8_t *body, size_t n_bytes);
};

/* Everything borrowed until courier_destroy(). endpoint NULL: nothing is bound, the courier only sends. */
struct courier_options {
        struct socket_context *sockets;
        struct spool *spool;
        const char *endpoint;
        struct courier_hooks hooks;
};

struct courier_counts {
        uint64_t n_accepted;   /* committed to the inbox */
        uint64_t n_duplicates; /* acked again */
        uint64_t n_rejected;
        uint64_t n_deferred; /* not acked: inbox or disk full */
        uint64_t n_lossy;    /* received */
        uint64_t n_sent, n_resent, n_acked;
        uint64_t n_dropped; /* lossy messages whose peer was away */
};

/* Binds, and sends what the outbox still holds at the first courier_wait(). -EADDRINUSE, or another negative errno. */
int courier_create(const struct courier_options *options, struct courier **ret_courier);
struct courier *courier_destroy(struct courier *courier);
void courier_destroy_pointer(struct courier **courier);

/* Says where the peer of this name is and connects to it, so that the first message finds the way open. Once for each
 * name; again with the same endpoint does nothing. */
int courier_connect(struct courier *courier, const char *peer, const char *endpoint);

/* Writes a letter to a connected peer into the outbox, in the transaction that the caller has
 * opened on the spool; it leaves at the courier_flush() after the commit. key must be valid. -EMSGSIZE above
 * COURIER_BODY_BYTES_MAX. */
int courier_post(struct courier *courier, const char *peer, const char *key, const void *body, size_t n_bytes);

/* Sends what has been committed to the outbox. To be called after a commit, outside any transaction. What is committed
 * stays so whatever happens here: what cannot be sent now is left to the next courier_wait(), which also says when the
 * courier cannot go on. */
void courier_flush(struct courier *courier);

/* Sends to a connected peer, now or never. 0 also when the peer is away. */
int courier_send_lossy(struct courier *courier, const char *peer, const char *key, const void *body, size_t n_bytes);

/* Waits up to timeout_ms (-1: without end) for messages, acks, a wake, or one of the caller's descriptors (fds, each
 * readable or not in ret_is_ready, both NULL with 0), and does everything that is due: commits and acks what came,
 * sends what waits. ret_n_accepted is the number of new rows in the inbox; spool_inbox_next() finds them. Returns as
 * soon as something of this has happened. Not inside a transaction. A negative errno means that the daemon cannot go
 * on (a broken spool or libzmq); a full disk is survived. */
int courier_wait(struct courier *courier, const int *fds, bool *ret_is_ready, size_t n_fds, int64_t timeout_ms,
                 size_t *ret_n_accepted);

/* Makes the courier_wait() of now, or the next one, return. Thread-safe, and safe in a signal handler. */
void courier_wake(struct courier *courier);

/* Borrowed until courier_destroy(). */
const struct courier_counts *courier_counts(const struct courier *courier);

/* Why the spool could not be written at the last try, a negative errno; 0 when it could. */
int courier_storage_error(const struct courier *courier);
