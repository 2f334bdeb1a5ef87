#pragma once

/*
 * Spool
 *
 * What one daemon must not forget, in one SQLite file (WAL, synchronous=FULL):
 *
 *     inbox   messages received and acked, not yet ended; starts counts how often work on one began
 *     outbox  messages to send, until their receiver's ack
 *     done    how this daemon ended each run, with what it told others, so that it can answer again
 *     dead    refused or given-up messages: the reason, and the bytes
 *     seen    ids of messages that have left the inbox, so that a late duplicate is acked and not handled again
 *     cancels (run, attempt) that are to end CANCELED
 *
 * Every change below belongs to a transaction of the caller (spool_begin … spool_commit), so that a stage ends its work
 * in one: inbox row out, done row, next message and notice into the outbox. Readers need none. A failed change leaves
 * the transaction open; the caller rolls back. The gateway keeps its ledger tables in the same file (spool_db).
 *
 * Bounded: the newest SPOOL_DONE_ROWS_MAX of done and cancels, SPOOL_SEEN_ROWS_MAX of seen and SPOOL_DEAD_ROWS_MAX of
 * dead stay; the inbox refuses above SPOOL_INBOX_ROWS_MAX. A duplicate older than all of seen would be handled again,
 * which the stages' idempotency by (run, attempt) bears. One thread uses a spool.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/uuid.h"
#include "common/bus/courier_header.h"
#include "common/bus/socket.h"

#define SPOOL_INBOX_ROWS_MAX 1000
#define SPOOL_DONE_ROWS_MAX 10000
#define SPOOL_SEEN_ROWS_MAX 20000
#define SPOOL_DEAD_ROWS_MAX 1000
/* of a dead message's bytes so many are kept */
#define SPOOL_DEAD_BYTES_MAX (64 * 1024)
/* a message that began so often without an end is given up by its stage */
#define SPOOL_STARTS_MAX 32
/* the longest outcome and dead reason, their ends included */
#define SPOOL_OUTCOME_BYTES 64
#define SPOOL_REASON_BYTES 256

enum {
        _SPOOL_E_SUCCESS,
        SPOOL_E_NONE,      /* no such row */
        SPOOL_E_DUPLICATE, /* this message is in the inbox, or has been; or it is in dead */
        SPOOL_E_FULL,      /* the inbox holds SPOOL_INBOX_ROWS_MAX */
};

struct db;
struct spool;

/* A row of the inbox. */
struct spool_message {
        int64_t number; /* the row's name, rising in order of arrival, never used twice */
        char id[UUID_TEXT_BYTES];
        char key[COURIER_KEY_BYTES];
        struct buffer body;
        int64_t rest_ms;       /* how long it is still to rest; 0: it is due */
        int64_t n_starts;      /* begun without an end */
        int64_t n_deferrals;   /* put off in succession for the same kind of reason, deferral_kind */
        int64_t deferral_kind; /* as spool_inbox_defer() was told last; 0: never put off */
        int64_t waited_ms;     /* the sum of all its pauses */
};

#define SPOOL_MESSAGE_NULL \
        { 0 }

/* A row of the outbox. */
struct spool_letter {
        int64_t number;
        char id[UUID_TEXT_BYTES];
        char key[COURIER_KEY_BYTES];
        struct buffer body;
};

#define SPOOL_LETTER_NULL \
        { 0 }

/* A row of done. */
struct spool_done {
        int64_t attempt;
        char outcome[SPOOL_OUTCOME_BYTES];
        struct buffer emitted; /* what it told, in its own form; may be empty */
};

#define SPOOL_DONE_NULL \
        { 0 }

void spool_message_finish(struct spool_message *message);
void spool_letter_finish(struct spool_letter *letter);
void spool_done_finish(struct spool_done *done);

/* Opens or makes the file. 0 or a negative errno; -EBADMSG when a newer program wrote it. The file's user_version
 * belongs to the spool: tables of others count their own. */
int spool_open(const char *path, struct spool **ret_spool);
struct spool *spool_destroy(struct spool *spool);
void spool_destroy_pointer(struct spool **spool);

/* The database, for tables of the caller's own in the same transactions. Borrowed. */
struct db *spool_db(struct spool *spool);

int spool_begin(struct spool *spool);

/* 0: durable. Else a negative errno, -ENOSPC among them, and the transaction is rolled back. */
int spool_commit(struct spool *spool);

/* True for failures of disk or memory that may be over later, such as a full disk: the owner of the spool rests a while
 * and tries again. */
bool spool_failure_passes(int error);

/* Ends the transaction without a change; does nothing when none is open. */
void spool_rollback(struct spool *spool);

/* True when the message with this id is in the inbox, or has been. */
int spool_knows(struct spool *spool, const char *id, bool *ret_is_known);

/* inbox: put says SPOOL_E_DUPLICATE or SPOOL_E_FULL. */
int spool_inbox_put(struct spool *spool, const char *id, const char *key, const void *body, size_t n_bytes);

/* The first row with a number above `after`, due or not; SPOOL_E_NONE when there is none. ret_message is filled anew;
 * its body's memory is used again. */
int spool_inbox_next(struct spool *spool, int64_t after, struct spool_message *ret_message);
int spool_inbox_count(struct spool *spool, int64_t *ret_n_rows);

/* Counts a beginning of work, before it begins, and says how many there are now. */
int spool_inbox_start(struct spool *spool, int64_t number, int64_t *ret_n_starts);

/* Takes the beginning back: the daemon was asked to stop, the work did not fail. */
int spool_inbox_release(struct spool *spool, int64_t number);

/* Retry later: rests for pause_ms, and never longer, even when the clock is set meanwhile. Its starts begin at 0 again.
 * Its deferrals are counted, anew when the kind of the reason, a number of the caller's above 0, is another one than
 * the last time. */
int spool_inbox_defer(struct spool *spool, int64_t number, int64_t kind, int64_t pause_ms);

/* The message has ended; its id is remembered in seen. */
int spool_inbox_end(struct spool *spool, int64_t number);

/* Remembers an id that never enters the inbox; an id known already is fine. */
int spool_seen_put(struct spool *spool, const char *id);

/* outbox: the message gets an id of its own, written to ret_id unless that is NULL. */
int spool_outbox_put(struct spool *spool, const char *peer, const char *key, const void *body, size_t n_bytes,
                     char ret_id[UUID_TEXT_BYTES]);

/* The first letter to a peer with a number above `after`, or SPOOL_E_NONE. Filled as by spool_inbox_next(). */
int spool_outbox_next(struct spool *spool, const char *peer, int64_t after, struct spool_letter *ret_letter);

/* The letter with this number, or SPOOL_E_NONE. */
int spool_outbox_get(struct spool *spool, int64_t number, struct spool_letter *ret_letter);
int spool_outbox_remove(struct spool *spool, int64_t number);
int spool_outbox_count(struct spool *spool, int64_t *ret_n_rows);

/* done: put replaces the row of an earlier attempt. emitted may be NULL with 0 bytes. */
int spool_done_put(struct spool *spool, const char *run, int64_t attempt, const char *outcome, const void *emitted,
                   size_t n_bytes);
int spool_done_get(struct spool *spool, const char *run, struct spool_done *ret_done);

/* dead: id and key may be "" when unknown. Of the bytes the first SPOOL_DEAD_BYTES_MAX are kept, and their number.
 * Without an id a message cannot be acked and so comes again and again: it is kept once, and counted in its row
 * (SPOOL_E_DUPLICATE). */
int spool_dead_put(struct spool *spool, const char *reason, const char *id, const char *key, const void *bytes,
                   size_t n_bytes);
int spool_dead_count(struct spool *spool, int64_t *ret_n_rows);

/* cancels: has says whether this attempt is to end; a cancel of attempt n also holds for earlier ones. */
int spool_cancel_put(struct spool *spool, const char *run, int64_t attempt);
int spool_cancel_has(struct spool *spool, const char *run, int64_t attempt, bool *ret_is_canceled);
