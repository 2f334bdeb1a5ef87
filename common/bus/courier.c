/*
 * Courier: one turn of courier_wait() is poll, take acks and messages, commit both with the deletion of acked letters,
 * ack, send.
 *
 * Where the promises are kept: courier_peer.c sends a letter again until it is acked, with a growing pause
 * (send_letter()), and is the only one to say which letters may be deleted. courier_receiver.c tells a new message from
 * a known one and collects the acks that are owed; receive() below sends them only after the commit. What a restart
 * repeats, the receiver's inbox and seen recognize by the message's id.
 */

#include "common/bus/courier.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/bus/courier_peer.h"
#include "common/bus/courier_receiver.h"

#define PEERS_MAX 32
#define DESCRIPTORS_MAX 16
/* acked letters are deleted with the next commit, or alone after so long or so many: forgetting late only costs a
 * resend, but they hold their place in the window */
#define FORGET_MS 100
#define FORGET_LETTERS (COURIER_WINDOW / 2)
/* after a failed commit the disk is left alone for so long */
#define STORAGE_PAUSE_MS 1000

/* What has failed last and not worked since; each is logged once. */
enum storage { STORAGE_WORKS, STORAGE_READS_FAIL, STORAGE_WRITES_FAIL };

struct courier {
        struct socket_context *sockets;
        struct courier_hooks hooks;
        struct courier_counts counts;
        struct courier_receiver receiver;
        struct courier_shared shared;
        struct courier_peer *peers[PEERS_MAX];
        size_t n_peers;
        struct random chance;
        struct spool_letter letter;
        struct socket_message message;
        int wake_fd;
        int64_t forget_ms;  /* monotonic, when acked letters are deleted at the latest; INT64_MAX: there are none */
        int64_t storage_ms; /* monotonic, until when the disk is left alone */
        enum storage storage;
        int storage_error; /* why */
};

/* Takes over an error that passes, such as a full disk: 0 when the courier can go on. */
static int survive(struct courier *courier, int code, enum storage failing) {
        if (!spool_failure_passes(code))
                return error_trace(code);
        if (courier->storage < failing) {
                log_warn("errno=%d the spool cannot be %s; retrying every %d ms", -code,
                         failing == STORAGE_READS_FAIL ? "read, nothing is sent" : "written, nothing is acked",
                         STORAGE_PAUSE_MS);
                courier->storage = failing;
        }
        courier->storage_ms = clock_monotonic_ms() + STORAGE_PAUSE_MS;
        courier->storage_error = code;
        return 0;
}

int courier_storage_error(const struct courier *courier) {
        return courier->storage == STORAGE_WORKS ? 0 : courier->storage_error;
}

/* What worked: a write shows that reads work, too, but not the reverse. */
static void storage_works(struct courier *courier, enum storage working) {
        if (courier->storage == STORAGE_WORKS || courier->storage > working)
                return;
        log_info("the spool can be %s again", courier->storage == STORAGE_READS_FAIL ? "read" : "written");
        courier->storage = STORAGE_WORKS;
}

static bool storage_is_paused(const struct courier *courier, int64_t now_ms) {
        return courier->storage_ms > now_ms;
}

static struct courier_peer *find_peer(struct courier *courier, const char *name) {
        for (size_t i = 0; i < courier->n_peers; i++)
                if (strcmp(courier->peers[i]->name, name) == 0)
                        return courier->peers[i];
        return NULL;
}

int courier_create(const struct courier_options *options, struct courier **ret_courier) {
        _cleanup_(courier_destroy_pointer) struct courier *courier = NULL;
        int r;

        courier = calloc(1, sizeof(*courier));
        if (!courier)
                return error_origin(-ENOMEM, "making a courier");
        courier->sockets = options->sockets;
        courier->hooks = options->hooks;
        courier->forget_ms = INT64_MAX;
        courier->chance = random_stream((uint64_t)clock_monotonic_ns(), RANDOM_SALT_COURIER, (uint64_t)getpid());
        courier->shared = (struct courier_shared){
                .spool = options->spool,
                .counts = &courier->counts,
                .chance = &courier->chance,
                .letter = &courier->letter,
                .message = &courier->message,
        };
        courier->receiver.spool = options->spool;
        courier->receiver.hooks = &courier->hooks;
        courier->receiver.counts = &courier->counts;
        courier->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (courier->wake_fd < 0)
                return error_origin(-errno, "making a courier");
        if (options->endpoint) {
                r = socket_bind_router(options->sockets, options->endpoint, &courier->receiver.socket);
                if (r)
                        return error_trace(r);
        }
        *ret_courier = steal(courier);
        return 0;
}

/* Deletes acked letters in the open transaction. */
static int forget_within(struct courier *courier) {
        int r;

        for (size_t i = 0; i < courier->n_peers; i++) {
                r = courier_peer_forget(courier->peers[i], courier->shared.spool);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int commit(struct courier *courier) {
        int r;

        r = spool_commit(courier->shared.spool);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < courier->n_peers; i++)
                courier->peers[i]->n_acked = 0;
        courier->forget_ms = INT64_MAX;
        return 0;
}

static int forget(struct courier *courier) {
        int r;

        r = spool_begin(courier->shared.spool);
        if (!r)
                r = forget_within(courier);
        if (!r)
                r = commit(courier);
        spool_rollback(courier->shared.spool);
        return error_trace(r);
}

struct courier *courier_destroy(struct courier *courier) {
        if (!courier)
                return NULL;
        if (courier->forget_ms != INT64_MAX)
                forget(courier);
        for (size_t i = 0; i < courier->n_peers; i++)
                courier_peer_destroy(courier->peers[i]);
        socket_destroy(courier->receiver.socket);
        socket_message_finish(&courier->receiver.message);
        socket_message_finish(&courier->message);
        spool_letter_finish(&courier->letter);
        close_descriptor(&courier->wake_fd);
        free(courier);
        return NULL;
}

void courier_destroy_pointer(struct courier **courier) {
        *courier = courier_destroy(*courier);
}

int courier_connect(struct courier *courier, const char *peer, const char *endpoint) {
        struct courier_peer *known = find_peer(courier, peer);
        int r;

        assert(!known || strcmp(known->endpoint, endpoint) == 0);
        if (known)
                return 0;
        if (courier->n_peers == PEERS_MAX)
                return error_origin(-EMFILE, "endpoint=%s connecting to more than %d peers", endpoint, PEERS_MAX);
        r = courier_peer_create(courier->sockets, peer, endpoint, &courier->peers[courier->n_peers]);
        if (r)
                return error_trace(r);
        courier->n_peers++;
        return 0;
}

int courier_post(struct courier *courier, const char *peer, const char *key, const void *body, size_t n_bytes) {
        struct courier_peer *to = find_peer(courier, peer);
        int r;

        assert(to && courier_key_is_valid(key));
        if (n_bytes > COURIER_BODY_BYTES_MAX)
                return error_origin(-EMSGSIZE, "key=%s n_bytes=%zu posting a letter", key, n_bytes);
        r = spool_outbox_put(courier->shared.spool, peer, key, body, n_bytes, NULL);
        if (r)
                return error_trace(r);
        to->may_have_more = true;
        return 0;
}

static int flush(struct courier *courier) {
        int64_t now_ms = clock_monotonic_ms();
        int r = 0;

        if (storage_is_paused(courier, now_ms))
                return 0;
        for (size_t i = 0; i < courier->n_peers && !r; i++)
                r = courier_peer_send(courier->peers[i], &courier->shared, now_ms);
        if (r)
                return survive(courier, r, STORAGE_READS_FAIL);
        storage_works(courier, STORAGE_READS_FAIL);
        return 0;
}

void courier_flush(struct courier *courier) {
        int r;

        r = flush(courier);
        if (r)
                log_warn("errno=%d letters cannot be sent now, retrying", -r);
}

int courier_send_lossy(struct courier *courier, const char *peer, const char *key, const void *body, size_t n_bytes) {
        struct courier_header header = { .kind = COURIER_KIND_LOSSY };
        uint8_t head[COURIER_HEADER_BYTES_MAX];
        struct socket_frame frames[2] = { { .data = head }, { body, n_bytes } };
        struct courier_peer *to = find_peer(courier, peer);
        int r;

        assert(to && courier_key_is_valid(key));
        if (n_bytes > COURIER_BODY_BYTES_MAX)
                return error_origin(-EMSGSIZE, "key=%s n_bytes=%zu sending a lossy message", key, n_bytes);
        r = uuid_make_v7(header.id);
        if (r)
                return error_trace(r);
        memcpy(header.key, key, strlen(key));
        frames[0].n_bytes = courier_header_pack(&header, head);
        r = socket_send(to->socket, frames, N_ELEMENTS(frames));
        if (r == SOCKET_E_AWAY) {
                courier->counts.n_dropped++;
                return 0;
        }
        return error_trace(r);
}

/* Takes one batch, commits and acks it. */
static int receive(struct courier *courier, int64_t now_ms, size_t *ret_n_accepted) {
        bool is_paused = storage_is_paused(courier, now_ms), is_open = false;
        size_t n_accepted = 0, n_rejected = 0;
        int r;

        r = courier_receiver_take(&courier->receiver, is_paused, &is_open, &n_accepted, &n_rejected);
        if (!r && is_open)
                r = forget_within(courier);
        if (!r && is_open)
                r = commit(courier);
        spool_rollback(courier->shared.spool);
        if (r)
                return survive(courier, r, STORAGE_WRITES_FAIL);
        if (is_open)
                storage_works(courier, STORAGE_WRITES_FAIL);
        courier->counts.n_accepted += n_accepted;
        courier->counts.n_rejected += n_rejected;
        *ret_n_accepted += n_accepted;
        return error_trace(courier_receiver_ack(&courier->receiver));
}

/* How long the poll may last: until the caller's time, the next letter, or the next deletion. */
static int64_t shorten(const struct courier *courier, int64_t now_ms, int64_t timeout_ms) {
        int64_t due_ms = courier->forget_ms, peer_ms;

        for (size_t i = 0; i < courier->n_peers; i++) {
                if (courier->peers[i]->is_away)
                        continue;
                peer_ms = courier_peer_due_ms(courier->peers[i]);
                due_ms = peer_ms < due_ms ? peer_ms : due_ms;
        }
        /* what is due meanwhile waits for the end of the pause, and so do letters that could not be loaded yet */
        if (storage_is_paused(courier, now_ms))
                due_ms = courier->storage_ms;
        if (due_ms == INT64_MAX)
                return timeout_ms;
        due_ms = due_ms > now_ms ? due_ms - now_ms : 0;
        return timeout_ms < 0 || due_ms < timeout_ms ? due_ms : timeout_ms;
}

/* What the poll found is done: acks, messages, sends, deletions. */
static int turn(struct courier *courier, const struct socket_poll *items, size_t *ret_n_accepted) {
        int64_t now_ms = clock_monotonic_ms();
        uint64_t n_acked = courier->counts.n_acked, n_wakes;
        int r;

        if (items[0].is_readable && read(courier->wake_fd, &n_wakes, sizeof(n_wakes)) < 0 && errno != EAGAIN)
                return error_origin(-errno, "reading the courier's wake");
        for (size_t i = 0; i < courier->n_peers; i++) {
                if (items[2 + i].is_writable)
                        courier_peer_wake(courier->peers[i], now_ms);
                if (!items[2 + i].is_readable)
                        continue;
                r = courier_peer_receive(courier->peers[i], &courier->shared);
                if (r)
                        return error_trace(r);
                if (courier->peers[i]->n_acked >= FORGET_LETTERS)
                        courier->forget_ms = now_ms;
        }
        if (courier->counts.n_acked > n_acked && courier->forget_ms == INT64_MAX)
                courier->forget_ms = now_ms + FORGET_MS;
        if (items[1].is_readable) {
                r = receive(courier, now_ms, ret_n_accepted);
                if (r)
                        return error_trace(r);
        }
        if (courier->forget_ms <= now_ms && !storage_is_paused(courier, now_ms)) {
                r = forget(courier);
                if (!r)
                        storage_works(courier, STORAGE_WRITES_FAIL);
                else if (survive(courier, r, STORAGE_WRITES_FAIL))
                        return error_trace(r);
        }
        return error_trace(flush(courier));
}

int courier_wait(struct courier *courier, const int *fds, bool *ret_is_ready, size_t n_fds, int64_t timeout_ms,
                 size_t *ret_n_accepted) {
        struct socket_poll items[2 + PEERS_MAX + DESCRIPTORS_MAX] = {
                { .fd = courier->wake_fd }, { .socket = courier->receiver.socket, .fd = -1 }
        };
        size_t n_peers, n_accepted = 0;
        int r;

        assert(n_fds <= DESCRIPTORS_MAX);
        r = flush(courier);
        if (r)
                return error_trace(r);
        n_peers = courier->n_peers;
        for (size_t i = 0; i < n_peers; i++)
                items[2 + i] = (struct socket_poll){ .socket = courier->peers[i]->socket,
                                                     .want_write = courier->peers[i]->is_away };
        for (size_t i = 0; i < n_fds; i++)
                items[2 + n_peers + i] = (struct socket_poll){ .fd = fds[i] };
        r = socket_poll(items, 2 + n_peers + n_fds, shorten(courier, clock_monotonic_ms(), timeout_ms));
        if (r)
                return error_trace(r);
        r = turn(courier, items, &n_accepted);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < n_fds; i++)
                ret_is_ready[i] = items[2 + n_peers + i].is_readable;
        *ret_n_accepted = n_accepted;
        return 0;
}

void courier_wake(struct courier *courier) {
        uint64_t one = 1;
        int before = errno;

        /* a full counter already wakes, so the result does not matter */
        if (write(courier->wake_fd, &one, sizeof(one)) < 0)
                errno = before;
}

const struct courier_counts *courier_counts(const struct courier *courier) {
        return &courier->counts;
}
