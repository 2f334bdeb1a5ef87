/* Database file: SQLite's results translated once, statements kept for the next time. */

#include "common/base/db.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/base/file.h"

enum { BUSY_TIMEOUT_MS = 5000 };

struct db_statement {
        struct db *db;
        sqlite3_stmt *foreign;
        struct db_statement *next;
        char *sql;
        bool is_lent;
        int bind_result; /* SQLite's first complaint about a parameter */
};

struct db {
        sqlite3 *foreign;
        struct db_statement *statements;
        char *path;
        bool is_in_transaction;
};

static int translate_code(int result) {
        switch (result & 0xff) {
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_IOERR:
                return -EIO;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_READONLY:
                return -EROFS;
        case SQLITE_CANTOPEN:
                return -EACCES;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
                return -EBADMSG;
        case SQLITE_TOOBIG:
                return -EFBIG;
        case SQLITE_CONSTRAINT:
                return -EINVAL;
        default:
                return -EPROTO;
        }
}

/* What SQLite's result means to our callers; a failure is logged here, and here alone. */
static int translate(struct db *db, int result, const char *doing) {
        if (result == SQLITE_OK || result == SQLITE_DONE)
                return 0;
        if (result == SQLITE_ROW)
                return DB_E_ROW;
        if (result == SQLITE_CONSTRAINT_UNIQUE || result == SQLITE_CONSTRAINT_PRIMARYKEY ||
            result == SQLITE_CONSTRAINT_ROWID)
                return DB_E_EXISTS;
        return error_origin(translate_code(result), "sqlite=%d %s: %.200s: %s", result, db->path, doing,
                            db->foreign ? sqlite3_errmsg(db->foreign) : sqlite3_errstr(result));
}

/* SQLite gives its log the mode of the file, so the file is made first. A file that is there is not opened here:
 * closing it would drop the locks that another handle of this process holds. */
static int make_private(const char *path) {
        _cleanup_(close_descriptor) int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd >= 0)
                return 0;
        if (errno != EEXIST)
                return error_origin(-errno, "creating %s", path);
        if (chmod(path, 0600))
                return error_origin(-errno, "making %s private", path);
        return 0;
}

static int configure(struct db *db) {
        _cleanup_(db_release) struct db_statement *mode = NULL;
        const char *name;
        int r;

        sqlite3_extended_result_codes(db->foreign, 1);
        sqlite3_busy_timeout(db->foreign, BUSY_TIMEOUT_MS);
        sqlite3_db_config(db->foreign, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        r = db_prepare(db, "PRAGMA journal_mode = WAL", &mode);
        if (r)
                return error_trace(r);
        r = db_step(mode);
        if (r < 0)
                return error_trace(r);
        name = db_column_text(mode, 0);
        if (!name || strcmp(name, "wal"))
                return error_origin(-EPROTO, "%s has no write-ahead log but %s", db->path, name ? name : "nothing");
        return error_trace(
                db_exec(db, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF"));
}

int db_open(const char *path, struct db **ret_db) {
        _cleanup_(db_destroy_pointer) struct db *db = calloc(1, sizeof(*db));
        int r;

        if (!db)
                return error_origin(-ENOMEM, "opening %s", path);
        db->path = strdup(path);
        if (!db->path)
                return error_origin(-ENOMEM, "opening %s", path);
        r = make_private(path);
        if (r)
                return error_trace(r);
        r = translate(db,
                      sqlite3_open_v2(path, &db->foreign,
                                      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL),
                      "opening");
        if (r)
                return error_trace(r);
        r = configure(db);
        if (r)
                return error_trace(r);
        *ret_db = steal(db);
        return 0;
}

static int check(struct db *db) {
        _cleanup_(db_release) struct db_statement *statement = NULL;
        const char *finding;
        int r;

        sqlite3_extended_result_codes(db->foreign, 1);
        sqlite3_busy_timeout(db->foreign, BUSY_TIMEOUT_MS);
        r = db_prepare(db, "PRAGMA quick_check(1)", &statement);
        if (r)
                return error_trace(r);
        r = db_step(statement);
        if (r < 0)
                return error_trace(r);
        finding = db_column_text(statement, 0);
        if (!finding || strcmp(finding, "ok"))
                /* its first line is a heading */
                return error_origin(-EBADMSG, "checking %s: %.200s", db->path,
                                    finding ? finding + (strchr(finding, '\n') ? strcspn(finding, "\n") + 1 : 0)
                                            : "no answer");
        return 0;
}

int db_check(const char *path) {
        _cleanup_(db_destroy_pointer) struct db *db = calloc(1, sizeof(*db));
        int r;

        if (!db)
                return error_origin(-ENOMEM, "checking %s", path);
        db->path = strdup(path);
        if (!db->path)
                return error_origin(-ENOMEM, "checking %s", path);
        r = translate(db,
                      sqlite3_open_v2(path, &db->foreign,
                                      SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE, NULL),
                      "opening");
        return r ? error_trace(r) : error_trace(check(db));
}

int db_set_aside(const char *path, char *ret_aside, size_t n_bytes) {
        static const char *const ends[] = { "-wal", "-shm", "" };
        char from[PATH_MAX], to[PATH_MAX];

        for (int i = 1;; i++) {
                if ((size_t)snprintf(ret_aside, n_bytes, "%s.broken-%d", path, i) >= n_bytes ||
                    strlen(ret_aside) + sizeof("-wal") > sizeof(to))
                        return error_origin(-ENAMETOOLONG, "setting %s aside", path);
                if (!file_exists(ret_aside))
                        break;
        }
        /* the file last: until it has gone, another call ends what a crash has cut short */
        for (size_t i = 0; i < N_ELEMENTS(ends); i++) {
                snprintf(from, sizeof(from), "%s%s", path, ends[i]);
                snprintf(to, sizeof(to), "%s%s", ret_aside, ends[i]);
                if (rename(from, to) && (errno != ENOENT || !*ends[i]))
                        return error_origin(-errno, "renaming %s to %s", from, to);
        }
        return error_trace(file_sync_folder(path));
}

struct db *db_destroy(struct db *db) {
        struct db_statement *statement;

        if (!db)
                return NULL;
        while ((statement = db->statements)) {
                db->statements = statement->next;
                sqlite3_finalize(statement->foreign);
                free(statement->sql);
                free(statement);
        }
        sqlite3_close_v2(db->foreign);
        free(db->path);
        free(db);
        return NULL;
}

void db_destroy_pointer(struct db **db) {
        *db = db_destroy(*db);
}

static int read_version(struct db *db, int64_t *ret_version) {
        _cleanup_(db_release) struct db_statement *statement = NULL;
        int r;

        r = db_prepare(db, "PRAGMA user_version", &statement);
        if (r)
                return error_trace(r);
        r = db_step(statement);
        if (r < 0)
                return error_trace(r);
        *ret_version = db_column_int64(statement, 0);
        return 0;
}

int db_migrate(struct db *db, const char *const *steps, size_t n_steps) {
        char set_version[64];
        int64_t version = 0;
        int r;

        for (;;) {
                _cleanup_(db_rollback) struct db_transaction transaction = DB_TRANSACTION_NULL;

                /* read under the lock, since another process may be at the same work */
                r = db_begin(db, &transaction);
                if (r)
                        return error_trace(r);
                r = read_version(db, &version);
                if (r)
                        return error_trace(r);
                if (version < 0 || (size_t)version > n_steps)
                        return error_origin(-EBADMSG, "%s has version %" PRId64 ", this program knows %zu", db->path,
                                            version, n_steps);
                if ((size_t)version == n_steps)
                        return 0;
                r = db_exec(db, steps[version]);
                if (r > 0)
                        return error_origin(-EINVAL, "migrating %s from version %" PRId64 ": a row exists already",
                                            db->path, version);
                if (r)
                        return error_trace(r);
                snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %" PRId64, version + 1);
                r = db_exec(db, set_version);
                if (r)
                        return error_trace(r);
                r = db_commit(&transaction);
                if (r)
                        return error_trace(r);
        }
}

int db_exec(struct db *db, const char *sql) {
        return error_trace(translate(db, sqlite3_exec(db->foreign, sql, NULL, NULL, NULL), sql));
}

static int statement_create(struct db *db, const char *sql, struct db_statement **ret_statement) {
        _cleanup_(free_pointer) struct db_statement *statement = calloc(1, sizeof(*statement));
        int r;

        if (!statement)
                return error_origin(-ENOMEM, "preparing %s", sql);
        statement->db = db;
        statement->sql = strdup(sql);
        if (!statement->sql)
                return error_origin(-ENOMEM, "preparing %s", sql);
        r = translate(db,
                      sqlite3_prepare_v3(db->foreign, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement->foreign, NULL),
                      sql);
        if (r) {
                free(statement->sql);
                return error_trace(r);
        }
        statement->next = db->statements;
        db->statements = statement;
        *ret_statement = steal(statement);
        return 0;
}

int db_prepare(struct db *db, const char *sql, struct db_statement **ret_statement) {
        struct db_statement *statement = db->statements;
        int r;

        /* one that is lent is in the middle of its rows; who asks for the same SQL meanwhile gets another */
        while (statement && (statement->is_lent || strcmp(statement->sql, sql)))
                statement = statement->next;
        if (!statement) {
                r = statement_create(db, sql, &statement);
                if (r)
                        return error_trace(r);
        }
        statement->is_lent = true;
        *ret_statement = statement;
        return 0;
}

void db_release(struct db_statement **statement) {
        if (!*statement)
                return;
        db_reset(*statement);
        (*statement)->is_lent = false;
        *statement = NULL;
}

static void note_bind(struct db_statement *statement, int result) {
        if (!statement->bind_result)
                statement->bind_result = result;
}

void db_bind_int64(struct db_statement *statement, int index, int64_t value) {
        note_bind(statement, sqlite3_bind_int64(statement->foreign, index, value));
}

void db_bind_text(struct db_statement *statement, int index, const char *text) {
        note_bind(statement, sqlite3_bind_text(statement->foreign, index, text, -1, SQLITE_TRANSIENT));
}

void db_bind_blob(struct db_statement *statement, int index, const void *bytes, size_t n_bytes) {
        note_bind(statement, sqlite3_bind_blob64(statement->foreign, index, bytes, n_bytes, SQLITE_TRANSIENT));
}

void db_bind_null(struct db_statement *statement, int index) {
        note_bind(statement, sqlite3_bind_null(statement->foreign, index));
}

int db_step(struct db_statement *statement) {
        int result, r;

        if (statement->bind_result)
                return error_origin(translate_code(statement->bind_result),
                                    "sqlite=%d %s: binding a parameter of %.200s: %s", statement->bind_result,
                                    statement->db->path, statement->sql, sqlite3_errstr(statement->bind_result));
        result = sqlite3_step(statement->foreign);
        r = translate(statement->db, result, statement->sql);
        if (result != SQLITE_ROW)
                sqlite3_reset(statement->foreign);
        return error_trace(r);
}

void db_reset(struct db_statement *statement) {
        sqlite3_reset(statement->foreign);
        sqlite3_clear_bindings(statement->foreign);
        statement->bind_result = SQLITE_OK;
}

int64_t db_column_int64(struct db_statement *statement, int index) {
        return sqlite3_column_int64(statement->foreign, index);
}

const char *db_column_text(struct db_statement *statement, int index) {
        return (const char *)sqlite3_column_text(statement->foreign, index);
}

const void *db_column_blob(struct db_statement *statement, int index, size_t *ret_n_bytes) {
        const void *bytes = sqlite3_column_blob(statement->foreign, index);

        *ret_n_bytes = (size_t)sqlite3_column_bytes(statement->foreign, index);
        return bytes;
}

int64_t db_last_row_id(struct db *db) {
        return sqlite3_last_insert_rowid(db->foreign);
}

int64_t db_n_changed(struct db *db) {
        return sqlite3_changes64(db->foreign);
}

int db_begin(struct db *db, struct db_transaction *ret_transaction) {
        int r;

        assert(!db->is_in_transaction);
        r = db_exec(db, "BEGIN IMMEDIATE");
        if (r)
                return error_trace(r);
        db->is_in_transaction = true;
        ret_transaction->db = db;
        return 0;
}

int db_commit(struct db_transaction *transaction) {
        int r;

        assert(transaction->db);
        r = db_exec(transaction->db, "COMMIT");
        if (!r) {
                transaction->db->is_in_transaction = false;
                transaction->db = NULL;
                return 0;
        }
        db_rollback(transaction);
        return error_trace(r);
}

void db_rollback(struct db_transaction *transaction) {
        struct db *db = transaction->db;

        if (!db)
                return;
        /* after some failures (disk full, I/O) SQLite has rolled back by itself */
        if (!sqlite3_get_autocommit(db->foreign))
                db_exec(db, "ROLLBACK");
        db->is_in_transaction = false;
        transaction->db = NULL;
}
