#pragma once

/*
 * Database file
 *
 * The only door to SQLite. One private file (mode 0600), write-ahead log, synchronous=FULL: what was committed survives
 * a crash of the machine. A handle and all that comes from it belong to one thread at a time.
 *
 * Failures are translated: SQLITE_FULL -ENOSPC, SQLITE_IOERR -EIO, SQLITE_BUSY and LOCKED -EBUSY, SQLITE_NOMEM -ENOMEM,
 * SQLITE_READONLY -EROFS, SQLITE_CANTOPEN -EACCES, SQLITE_CORRUPT and NOTADB -EBADMSG, SQLITE_TOOBIG -EFBIG, a broken
 * rule of a table (NOT NULL, CHECK, foreign key) -EINVAL, else -EPROTO; each is logged once, in SQLite's own words.
 *
 *      _cleanup_(db_release) struct db_statement *find = NULL;
 *
 *      r = db_prepare(db, "SELECT body FROM inbox WHERE id = ?", &find);
 *      if (r)
 *              return error_trace(r);
 *      db_bind_text(find, 1, id);
 *      r = db_step(find);
 *      if (r == DB_E_ROW)
 *              body = db_column_blob(find, 0, &n_body);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

enum {
        _DB_E_SUCCESS,
        DB_E_ROW,    /* there is a row to read */
        DB_E_EXISTS, /* a row of that unique key is there already; nothing changed */
};

struct db;
struct db_statement;

/* Opens or creates the file; waits at most 5 s for others that hold its lock. 0 or a failure. */
int db_open(const char *path, struct db **ret_db);
struct db *db_destroy(struct db *db);
void db_destroy_pointer(struct db **db);

/* Looks through a file that is there and changes nothing, whoever else has it open. 0 when it is sound, -EBADMSG when
 * it is damaged or no database at all, or another failure. */
int db_check(const char *path);

/* Gives the file and its log other names, path.broken-N with the first N that is free, and tells which. For a file that
 * is damaged, so that a new one can take its place and nothing is lost for those who would mend it. */
int db_set_aside(const char *path, char *ret_aside, size_t n_bytes);

/* Brings the file's user_version from what it is to n_steps, each step in its own transaction; step n is the SQL that
 * leads from version n to n + 1 and is never changed once released. -EBADMSG when the file is newer than the program.
 */
int db_migrate(struct db *db, const char *const *steps, size_t n_steps);

/* Runs statements without parameters or results, separated by ';'. 0, DB_E_EXISTS or a failure. */
int db_exec(struct db *db, const char *sql);

/* Lends the statement of this SQL, prepared when it is first asked for, until db_release(). */
int db_prepare(struct db *db, const char *sql, struct db_statement **ret_statement);

/* Gives a statement back and leaves NULL; what was read from it is gone. For _cleanup_. */
void db_release(struct db_statement **statement);

/* Parameters count from 1. Bytes are copied; NULL text or blob is NULL. A failure is remembered and comes from
 * db_step(). */
void db_bind_int64(struct db_statement *statement, int index, int64_t value);
void db_bind_text(struct db_statement *statement, int index, const char *text);
void db_bind_blob(struct db_statement *statement, int index, const void *bytes, size_t n_bytes);
void db_bind_null(struct db_statement *statement, int index);

/* DB_E_ROW, 0 when there is no (more) row, DB_E_EXISTS, or a failure. After anything but DB_E_ROW the statement is
 * reset and keeps its parameters. */
int db_step(struct db_statement *statement);

/* Makes the statement ready to run again, with no parameters. */
void db_reset(struct db_statement *statement);

/* Columns count from 0. Text and bytes are borrowed until the next call on the statement; NULL is 0, NULL text, and
 * NULL bytes. */
int64_t db_column_int64(struct db_statement *statement, int index);
const char *db_column_text(struct db_statement *statement, int index);
const void *db_column_blob(struct db_statement *statement, int index, size_t *ret_n_bytes);

/* Of the last INSERT; rows changed by the last statement. */
int64_t db_last_row_id(struct db *db);
int64_t db_n_changed(struct db *db);

/* A transaction that holds the write lock from its beginning. Declared with _cleanup_(db_rollback), it is undone unless
 * db_commit() succeeded. One at a time. */
struct db_transaction {
        struct db *db; /* NULL: none open */
};

#define DB_TRANSACTION_NULL \
        { 0 }

int db_begin(struct db *db, struct db_transaction *ret_transaction);

/* 0 once all is on disk. On failure nothing of it is kept, and the transaction is over. */
int db_commit(struct db_transaction *transaction);
void db_rollback(struct db_transaction *transaction);
