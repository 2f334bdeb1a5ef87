/* Spool: one SQLite file. Each operation is one or two statements; the transaction around them is the caller's. */

#include "common/bus/spool.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/db.h"
#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/query.h"

#define TEXT_OF(number) #number
#define TEXT(number) TEXT_OF(number)

struct spool {
        struct db *db;
        struct db_transaction transaction;
};

/* Numbers of inbox and outbox are never used twice, since their readers remember how far they have come. */
static const char *const steps[] = {
        "CREATE TABLE inbox (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL,"
        " body BLOB NOT NULL, received_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL DEFAULT 0,"
        " starts INTEGER NOT NULL DEFAULT 0, deferrals INTEGER NOT NULL DEFAULT 0) STRICT;"
        "CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, endpoint TEXT NOT NULL,"
        " key TEXT NOT NULL, body BLOB NOT NULL, posted_ms INTEGER NOT NULL) STRICT;"
        "CREATE INDEX outbox_by_endpoint ON outbox (endpoint, number);"
        "CREATE TABLE done (number INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, attempt INTEGER NOT NULL,"
        " outcome TEXT NOT NULL, emitted BLOB NOT NULL, finished_ms INTEGER NOT NULL) STRICT;"
        "CREATE TABLE dead (number INTEGER PRIMARY KEY AUTOINCREMENT, reason TEXT NOT NULL, id TEXT NOT NULL,"
        " key TEXT NOT NULL, bytes BLOB NOT NULL, n_bytes INTEGER NOT NULL, died_ms INTEGER NOT NULL) STRICT;"
        "CREATE TABLE seen (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE) STRICT;"
        "CREATE TABLE cancels (number INTEGER PRIMARY KEY, run TEXT NOT NULL UNIQUE, attempt INTEGER NOT NULL) STRICT;",
        "ALTER TABLE inbox ADD COLUMN deferred_ms INTEGER NOT NULL DEFAULT 0;",
        "ALTER TABLE outbox RENAME COLUMN endpoint TO peer;",
        "ALTER TABLE inbox DROP COLUMN deferred_ms;"
        "ALTER TABLE inbox ADD COLUMN pause_ms INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE inbox ADD COLUMN waited_ms INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE inbox ADD COLUMN deferral_kind INTEGER NOT NULL DEFAULT 0;"
        "ALTER TABLE dead ADD COLUMN sha256 TEXT NOT NULL DEFAULT '';"
        "ALTER TABLE dead ADD COLUMN times INTEGER NOT NULL DEFAULT 1;"
        "CREATE INDEX dead_by_sha256 ON dead (sha256) WHERE sha256 <> '';",
};

/* A change belongs to the caller's transaction. */
static int change(struct spool *spool, const char *sql, const struct query_value *values, size_t n_values) {
        int r;

        assert(spool->transaction.db);
        r = query_change(spool->db, sql, values, n_values);
        return r > 0 ? error_origin(-EEXIST, "changing the spool: such a row is there already") : error_trace(r);
}

/* A change of exactly one row: SPOOL_E_NONE when there was none. */
static int change_row(struct spool *spool, const char *sql, const struct query_value *values, size_t n_values) {
        int r;

        r = change(spool, sql, values, n_values);
        if (r)
                return error_trace(r);
        return db_n_changed(spool->db) ? 0 : SPOOL_E_NONE;
}

static int find(struct spool *spool, const char *sql, const struct query_value *values, size_t n_values,
                struct db_statement **ret_statement) {
        int r;

        r = query_find(spool->db, sql, values, n_values, ret_statement);
        return r == QUERY_E_NONE ? SPOOL_E_NONE : error_trace(r);
}

static int count(struct spool *spool, const char *sql, int64_t *ret_n_rows) {
        return error_trace(query_int64_of(spool->db, sql, NULL, 0, ret_n_rows));
}

static void read_text(struct db_statement *statement, int index, char *ret_text, size_t n_room) {
        const char *text = db_column_text(statement, index);

        snprintf(ret_text, n_room, "%s", text ? text : "");
}

static int read_bytes(struct db_statement *statement, int index, struct buffer *ret_bytes) {
        const void *bytes;
        size_t n_bytes;

        bytes = db_column_blob(statement, index, &n_bytes);
        buffer_clear(ret_bytes);
        return error_trace(buffer_append(ret_bytes, bytes, n_bytes));
}

void spool_message_finish(struct spool_message *message) {
        if (message)
                buffer_finish(&message->body);
}

void spool_letter_finish(struct spool_letter *letter) {
        if (letter)
                buffer_finish(&letter->body);
}

void spool_done_finish(struct spool_done *done) {
        if (done)
                buffer_finish(&done->emitted);
}

int spool_open(const char *path, struct spool **ret_spool) {
        _cleanup_(spool_destroy_pointer) struct spool *spool = NULL;
        int r;

        spool = calloc(1, sizeof(*spool));
        if (!spool)
                return error_origin(-ENOMEM, "opening the spool");
        r = db_open(path, &spool->db);
        if (!r)
                r = db_migrate(spool->db, steps, N_ELEMENTS(steps));
        if (r == -EBADMSG)
                log_error(
                        "spool=%s it is damaged, or of a newer release, and cannot be used; `convoy doctor` says what "
                        "to do",
                        path);
        if (r)
                return error_trace(r);
        *ret_spool = steal(spool);
        return 0;
}

struct spool *spool_destroy(struct spool *spool) {
        if (!spool)
                return NULL;
        db_rollback(&spool->transaction);
        db_destroy(spool->db);
        free(spool);
        return NULL;
}

void spool_destroy_pointer(struct spool **spool) {
        *spool = spool_destroy(*spool);
}

struct db *spool_db(struct spool *spool) {
        return spool->db;
}

int spool_begin(struct spool *spool) {
        assert(!spool->transaction.db);
        return error_trace(db_begin(spool->db, &spool->transaction));
}

int spool_commit(struct spool *spool) {
        assert(spool->transaction.db);
        return error_trace(db_commit(&spool->transaction));
}

bool spool_failure_passes(int error) {
        return error == -ENOSPC || error == -EDQUOT || error == -EIO || error == -EBUSY || error == -ENOMEM;
}

void spool_rollback(struct spool *spool) {
        db_rollback(&spool->transaction);
}

int spool_knows(struct spool *spool, const char *id, bool *ret_is_known) {
        _cleanup_(db_release) struct db_statement *statement = NULL;
        int r;

        r = find(spool, "SELECT 1 FROM inbox WHERE id = ?1 UNION ALL SELECT 1 FROM seen WHERE id = ?1",
                 QUERY_VALUES(query_text(id)), &statement);
        if (r && r != SPOOL_E_NONE)
                return error_trace(r);
        *ret_is_known = r == 0;
        return 0;
}

int spool_inbox_put(struct spool *spool, const char *id, const char *key, const void *body, size_t n_bytes) {
        int64_t n_rows;
        bool is_known;
        int r;

        r = spool_knows(spool, id, &is_known);
        if (r)
                return error_trace(r);
        if (is_known)
                return SPOOL_E_DUPLICATE;
        r = spool_inbox_count(spool, &n_rows);
        if (r)
                return error_trace(r);
        if (n_rows >= SPOOL_INBOX_ROWS_MAX)
                return SPOOL_E_FULL;
        return error_trace(change(spool, "INSERT INTO inbox (id, key, body, received_ms) VALUES (?, ?, ?, ?)",
                                  QUERY_VALUES(query_text(id), query_text(key), query_bytes(body, n_bytes),
                                               query_int64(clock_realtime_ms()))));
}

/* Who rests for longer than the pause that was begun, rests because the clock was set back meanwhile, and is due. */
static int64_t rest_of(int64_t due_ms, int64_t pause_ms) {
        int64_t rest_ms = due_ms - clock_realtime_ms();

        return rest_ms > 0 && rest_ms <= pause_ms ? rest_ms : 0;
}

int spool_inbox_next(struct spool *spool, int64_t after, struct spool_message *ret_message) {
        _cleanup_(db_release) struct db_statement *statement = NULL;
        int r;

        r = find(
                spool,
                "SELECT number, id, key, body, due_ms, pause_ms, starts, deferrals, deferral_kind, waited_ms FROM inbox"
                " WHERE number > ? ORDER BY number LIMIT 1",
                QUERY_VALUES(query_int64(after)), &statement);
        if (r)
                return error_trace(r);
        r = read_bytes(statement, 3, &ret_message->body);
        if (r)
                return error_trace(r);
        ret_message->number = db_column_int64(statement, 0);
        read_text(statement, 1, ret_message->id, sizeof(ret_message->id));
        read_text(statement, 2, ret_message->key, sizeof(ret_message->key));
        ret_message->rest_ms = rest_of(db_column_int64(statement, 4), db_column_int64(statement, 5));
        ret_message->n_starts = db_column_int64(statement, 6);
        ret_message->n_deferrals = db_column_int64(statement, 7);
        ret_message->deferral_kind = db_column_int64(statement, 8);
        ret_message->waited_ms = db_column_int64(statement, 9);
        return 0;
}

int spool_inbox_count(struct spool *spool, int64_t *ret_n_rows) {
        return error_trace(count(spool, "SELECT count(*) FROM inbox", ret_n_rows));
}

int spool_inbox_start(struct spool *spool, int64_t number, int64_t *ret_n_starts) {
        _cleanup_(db_release) struct db_statement *statement = NULL;
        int r;

        r = change_row(spool, "UPDATE inbox SET starts = starts + 1 WHERE number = ?",
                       QUERY_VALUES(query_int64(number)));
        if (r)
                return error_trace(r);
        r = find(spool, "SELECT starts FROM inbox WHERE number = ?", QUERY_VALUES(query_int64(number)), &statement);
        if (r)
                return error_trace(r);
        *ret_n_starts = db_column_int64(statement, 0);
        return 0;
}

int spool_inbox_release(struct spool *spool, int64_t number) {
        return error_trace(change_row(spool, "UPDATE inbox SET starts = max(starts - 1, 0) WHERE number = ?",
                                      QUERY_VALUES(query_int64(number))));
}

int spool_inbox_defer(struct spool *spool, int64_t number, int64_t kind, int64_t pause_ms) {
        return error_trace(change_row(
                spool,
                "UPDATE inbox SET due_ms = ?1, pause_ms = ?2, waited_ms = waited_ms + ?2, starts = 0,"
                " deferrals = iif(deferral_kind = ?3, deferrals + 1, 1), deferral_kind = ?3 WHERE number = ?4",
                QUERY_VALUES(query_int64(clock_realtime_ms() + pause_ms), query_int64(pause_ms), query_int64(kind),
                             query_int64(number))));
}

/* Only the newest stay. */
static int prune_seen(struct spool *spool) {
        return error_trace(change(
                spool, "DELETE FROM seen WHERE number <= (SELECT max(number) FROM seen) - " TEXT(SPOOL_SEEN_ROWS_MAX),
                NULL, 0));
}

int spool_inbox_end(struct spool *spool, int64_t number) {
        int r;

        r = change(spool, "INSERT OR IGNORE INTO seen (id) SELECT id FROM inbox WHERE number = ?",
                   QUERY_VALUES(query_int64(number)));
        if (r)
                return error_trace(r);
        r = prune_seen(spool);
        if (r)
                return error_trace(r);
        return error_trace(change_row(spool, "DELETE FROM inbox WHERE number = ?", QUERY_VALUES(query_int64(number))));
}

int spool_seen_put(struct spool *spool, const char *id) {
        int r;

        r = change(spool, "INSERT OR IGNORE INTO seen (id) VALUES (?)", QUERY_VALUES(query_text(id)));
        return r ? error_trace(r) : error_trace(prune_seen(spool));
}

int spool_outbox_put(struct spool *spool, const char *peer, const char *key, const void *body, size_t n_bytes,
                     char ret_id[UUID_TEXT_BYTES]) {
        char id[UUID_TEXT_BYTES];
        int r;

        r = uuid_make_v7(id);
        if (r)
                return error_trace(r);
        r = change(spool, "INSERT INTO outbox (id, peer, key, body, posted_ms) VALUES (?, ?, ?, ?, ?)",
                   QUERY_VALUES(query_text(id), query_text(peer), query_text(key), query_bytes(body, n_bytes),
                                query_int64(clock_realtime_ms())));
        if (r)
                return error_trace(r);
        if (ret_id)
                memcpy(ret_id, id, sizeof(id));
        return 0;
}

static int read_letter(struct db_statement *statement, struct spool_letter *ret_letter) {
        int r;

        r = read_bytes(statement, 3, &ret_letter->body);
        if (r)
                return error_trace(r);
        ret_letter->number = db_column_int64(statement, 0);
        read_text(statement, 1, ret_letter->id, sizeof(ret_letter->id));
        read_text(statement, 2, ret_letter->key, sizeof(ret_letter->key));
        return 0;
}

int spool_outbox_next(struct spool *spool, const char *peer, int64_t after, struct spool_letter *ret_letter) {
        _cleanup_(db_release) struct db_statement *statement = NULL;
        int r;

        r = find(spool,
                 "SELECT number, id, key, body FROM outbox WHERE peer = ? AND number > ?"
                 " ORDER BY number LIMIT 1",
                 QUERY_VALUES(query_text(peer), query_int64(after)), &statement);
        if (r)
                return error_trace(r);
        return error_trace(read_letter(statement, ret_letter));
}

int spool_outbox_get(struct spool *spool, int64_t number, struct spool_letter *ret_letter) {
        _cleanup_(db_release) struct db_statement *statement = NULL;
        int r;

        r = find(spool, "SELECT number, id, key, body FROM outbox WHERE number = ?", QUERY_VALUES(query_int64(number)),
                 &statement);
        if (r)
                return error_trace(r);
        return error_trace(read_letter(statement, ret_letter));
}

int spool_outbox_remove(struct spool *spool, int64_t number) {
        return error_trace(change_row(spool, "DELETE FROM outbox WHERE number = ?", QUERY_VALUES(query_int64(number))));
}

int spool_outbox_count(struct spool *spool, int64_t *ret_n_rows) {
        return error_trace(count(spool, "SELECT count(*) FROM outbox", ret_n_rows));
}

int spool_done_put(struct spool *spool, const char *run, int64_t attempt, const char *outcome, const void *emitted,
                   size_t n_bytes) {
        int r;

        assert(strlen(outcome) < SPOOL_OUTCOME_BYTES);
        r = change(spool,
                   "INSERT OR REPLACE INTO done (run, attempt, outcome, emitted, finished_ms) VALUES (?, ?, ?, ?, ?)",
                   QUERY_VALUES(query_text(run), query_int64(attempt), query_text(outcome),
                                query_bytes(emitted, n_bytes), query_int64(clock_realtime_ms())));
        if (r)
                return error_trace(r);
        return error_trace(change(
                spool, "DELETE FROM done WHERE number <= (SELECT max(number) FROM done) - " TEXT(SPOOL_DONE_ROWS_MAX),
                NULL, 0));
}

int spool_done_get(struct spool *spool, const char *run, struct spool_done *ret_done) {
        _cleanup_(db_release) struct db_statement *statement = NULL;
        int r;

        r = find(spool, "SELECT attempt, outcome, emitted FROM done WHERE run = ?", QUERY_VALUES(query_text(run)),
                 &statement);
        if (r)
                return error_trace(r);
        r = read_bytes(statement, 2, &ret_done->emitted);
        if (r)
                return error_trace(r);
        ret_done->attempt = db_column_int64(statement, 0);
        read_text(statement, 1, ret_done->outcome, sizeof(ret_done->outcome));
        return 0;
}

/* Counts a nameless message that dead holds already. SPOOL_E_NONE: it does not, and ret_sha256 is to be kept with it.
 */
static int count_again(struct spool *spool, const void *bytes, size_t n_bytes, char ret_sha256[DIGEST_SHA256_BYTES]) {
        int r;

        r = digest_sha256(bytes, n_bytes, ret_sha256);
        if (r)
                return error_trace(r);
        return error_trace(
                change_row(spool, "UPDATE dead SET times = times + 1, died_ms = ? WHERE sha256 = ? AND sha256 <> ''",
                           QUERY_VALUES(query_int64(clock_realtime_ms()), query_text(ret_sha256))));
}

int spool_dead_put(struct spool *spool, const char *reason, const char *id, const char *key, const void *bytes,
                   size_t n_bytes) {
        size_t n_kept = n_bytes < SPOOL_DEAD_BYTES_MAX ? n_bytes : SPOOL_DEAD_BYTES_MAX;
        char short_reason[SPOOL_REASON_BYTES], sha256[DIGEST_SHA256_BYTES] = "";
        int r;

        if (!*id) {
                r = count_again(spool, bytes, n_bytes, sha256);
                if (r != SPOOL_E_NONE)
                        return r ? error_trace(r) : SPOOL_E_DUPLICATE;
        }
        snprintf(short_reason, sizeof(short_reason), "%s", reason);
        r = change(spool,
                   "INSERT INTO dead (reason, id, key, bytes, n_bytes, died_ms, sha256) VALUES (?, ?, ?, ?, ?, ?, ?)",
                   QUERY_VALUES(query_text(short_reason), query_text(id), query_text(key), query_bytes(bytes, n_kept),
                                query_int64((int64_t)n_bytes), query_int64(clock_realtime_ms()), query_text(sha256)));
        if (r)
                return error_trace(r);
        return error_trace(change(
                spool, "DELETE FROM dead WHERE number <= (SELECT max(number) FROM dead) - " TEXT(SPOOL_DEAD_ROWS_MAX),
                NULL, 0));
}

int spool_dead_count(struct spool *spool, int64_t *ret_n_rows) {
        return error_trace(count(spool, "SELECT count(*) FROM dead", ret_n_rows));
}

int spool_cancel_put(struct spool *spool, const char *run, int64_t attempt) {
        int r;

        r = change(spool,
                   "INSERT INTO cancels (run, attempt) VALUES (?, ?)"
                   " ON CONFLICT (run) DO UPDATE SET attempt = max(attempt, excluded.attempt)",
                   QUERY_VALUES(query_text(run), query_int64(attempt)));
        if (r)
                return error_trace(r);
        return error_trace(change(
                spool,
                "DELETE FROM cancels WHERE number <= (SELECT max(number) FROM cancels) - " TEXT(SPOOL_DONE_ROWS_MAX),
                NULL, 0));
}

int spool_cancel_has(struct spool *spool, const char *run, int64_t attempt, bool *ret_is_canceled) {
        _cleanup_(db_release) struct db_statement *statement = NULL;
        int r;

        r = find(spool, "SELECT 1 FROM cancels WHERE run = ? AND attempt >= ?",
                 QUERY_VALUES(query_text(run), query_int64(attempt)), &statement);
        if (r && r != SPOOL_E_NONE)
                return error_trace(r);
        *ret_is_canceled = r == 0;
        return 0;
}
