/* Ledger: runs as manifests, stages as rows. */

#include "services/gateway/ledger.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/db.h"
#include "common/base/error.h"
#include "common/base/json.h"

static const char TABLES[] = "CREATE TABLE IF NOT EXISTS run ("
                             "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
                             "  run TEXT NOT NULL UNIQUE,"
                             "  state INTEGER NOT NULL,"
                             "  manifest BLOB NOT NULL);"
                             "CREATE INDEX IF NOT EXISTS run_by_state ON run (state, number);"
                             "CREATE TABLE IF NOT EXISTS run_stage ("
                             "  run TEXT NOT NULL,"
                             "  stage INTEGER NOT NULL,"
                             "  attempt INTEGER NOT NULL,"
                             "  state INTEGER NOT NULL,"
                             "  started_at INTEGER NOT NULL,"
                             "  finished_at INTEGER NOT NULL,"
                             "  booster_ms INTEGER NOT NULL,"
                             "  PRIMARY KEY (run, stage)) WITHOUT ROWID;"
                             "CREATE TABLE IF NOT EXISTS run_stage_counts ("
                             "  run TEXT NOT NULL,"
                             "  stage INTEGER NOT NULL,"
                             "  counts BLOB NOT NULL," /* JSON */
                             "  PRIMARY KEY (run, stage)) WITHOUT ROWID;"
                             "CREATE TABLE IF NOT EXISTS idempotency ("
                             "  key TEXT PRIMARY KEY,"
                             "  request_sha256 TEXT NOT NULL,"
                             "  run TEXT NOT NULL,"
                             "  created_at INTEGER NOT NULL) WITHOUT ROWID;"
                             "CREATE TABLE IF NOT EXISTS event ("
                             "  number INTEGER PRIMARY KEY AUTOINCREMENT,"
                             "  run TEXT NOT NULL,"
                             "  kind TEXT NOT NULL,"
                             "  data BLOB NOT NULL);"
                             "CREATE INDEX IF NOT EXISTS event_by_run ON event (run, number);";

struct ledger {
        struct db *db;
        bool are_counts_known; /* no run was written since they were counted */
        int64_t counts[RUN_STATE_N];
};

int ledger_create(struct db *db, struct ledger **ret_ledger) {
        struct ledger *ledger;
        int r;

        r = db_exec(db, TABLES);
        if (r)
                return error_trace(r);
        ledger = calloc(1, sizeof(*ledger));
        if (!ledger)
                return error_origin(-ENOMEM, "opening the ledger");
        ledger->db = db;
        *ret_ledger = ledger;
        return 0;
}

struct ledger *ledger_destroy(struct ledger *ledger) {
        free(ledger);
        return NULL;
}

void ledger_destroy_pointer(struct ledger **ledger) {
        ledger_destroy(*ledger);
}

/* The result of a statement that is to give one row. */
static int one_row(int r) {
        return r == DB_E_ROW ? 0 : r ? error_trace(r) : LEDGER_E_NONE;
}

int ledger_put_run(struct ledger *ledger, const struct run_manifest *manifest) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        _cleanup_(db_release) struct db_statement *put = NULL;
        int r;

        ledger->are_counts_known = false;
        r = run_manifest_write(manifest, &text);
        if (r)
                return error_trace(r);
        r = db_prepare(ledger->db,
                       "INSERT INTO run (run, state, manifest) VALUES (?, ?, ?) "
                       "ON CONFLICT (run) DO UPDATE SET state = excluded.state, manifest = excluded.manifest",
                       &put);
        if (r)
                return error_trace(r);
        db_bind_text(put, 1, manifest->run_id);
        db_bind_int64(put, 2, manifest->state);
        db_bind_blob(put, 3, text.data, text.n_bytes);
        return error_trace(db_step(put));
}

/* Reads the manifest in the statement's first column. */
static int read_manifest(struct db_statement *find, struct run_manifest *ret_manifest) {
        char text[FAULT_TEXT_BYTES];
        struct fault fault = FAULT_NULL;
        const void *bytes;
        size_t n;
        int r;

        bytes = db_column_blob(find, 0, &n);
        r = run_manifest_read(bytes, n, ret_manifest, &fault);
        if (r == FAULT_E_INPUT)
                return error_origin(-EBADMSG, "reading a run of the ledger: %s",
                                    fault_format(&fault, text, sizeof(text)));
        return error_trace(r);
}

int ledger_get_run(struct ledger *ledger, const char *run, struct run_manifest *ret_manifest) {
        _cleanup_(db_release) struct db_statement *find = NULL;
        int r;

        r = db_prepare(ledger->db, "SELECT manifest FROM run WHERE run = ?", &find);
        if (r)
                return error_trace(r);
        db_bind_text(find, 1, run);
        r = one_row(db_step(find));
        return r ? r : error_trace(read_manifest(find, ret_manifest));
}

int ledger_first_in_state(struct ledger *ledger, enum run_state state, struct run_manifest *ret_manifest) {
        _cleanup_(db_release) struct db_statement *find = NULL;
        int r;

        r = db_prepare(ledger->db, "SELECT manifest FROM run WHERE state = ? ORDER BY number LIMIT 1", &find);
        if (r)
                return error_trace(r);
        db_bind_int64(find, 1, state);
        r = one_row(db_step(find));
        return r ? r : error_trace(read_manifest(find, ret_manifest));
}

static int put_counts(struct ledger *ledger, const char *run, const struct ledger_stage *stage) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        _cleanup_(db_release) struct db_statement *put = NULL;
        struct json_builder json = json_begin(&text, JSON_COMPACT);
        int r;

        record_put_json(&run_view_counts_record, &stage->row, &json);
        r = json_end(&json);
        if (!r)
                r = db_prepare(ledger->db, "INSERT OR REPLACE INTO run_stage_counts VALUES (?, ?, ?)", &put);
        if (r)
                return error_trace(r);
        db_bind_text(put, 1, run);
        db_bind_int64(put, 2, stage->stage);
        db_bind_blob(put, 3, text.data, text.n_bytes);
        return error_trace(db_step(put));
}

int ledger_put_stage(struct ledger *ledger, const char *run, const struct ledger_stage *stage) {
        _cleanup_(db_release) struct db_statement *put = NULL;
        int r;

        r = db_prepare(ledger->db, "INSERT OR REPLACE INTO run_stage VALUES (?, ?, ?, ?, ?, ?, ?)", &put);
        if (r)
                return error_trace(r);
        db_bind_text(put, 1, run);
        db_bind_int64(put, 2, stage->stage);
        db_bind_int64(put, 3, stage->attempt);
        db_bind_int64(put, 4, stage->row.state);
        db_bind_int64(put, 5, stage->row.started_at);
        db_bind_int64(put, 6, stage->row.finished_at);
        db_bind_int64(put, 7, stage->row.booster_ms);
        r = db_step(put);
        return error_trace(r ? r : put_counts(ledger, run, stage));
}

static int forget_in(struct ledger *ledger, const char *statement, const char *run) {
        _cleanup_(db_release) struct db_statement *forget = NULL;
        int r;

        r = db_prepare(ledger->db, statement, &forget);
        if (r)
                return error_trace(r);
        db_bind_text(forget, 1, run);
        return error_trace(db_step(forget));
}

int ledger_forget_stages(struct ledger *ledger, const char *run) {
        int r;

        r = forget_in(ledger, "DELETE FROM run_stage WHERE run = ?", run);
        return error_trace(r ? r : forget_in(ledger, "DELETE FROM run_stage_counts WHERE run = ?", run));
}

/* Reads the counts in the statement's column; a stage of before they were kept has none. */
static int read_counts(struct db_statement *find, int column, struct run_view_stage *stage) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        char text[FAULT_TEXT_BYTES];
        struct fault fault = FAULT_NULL;
        const void *bytes;
        size_t n;
        int r;

        bytes = db_column_blob(find, column, &n);
        if (!n)
                return 0;
        r = json_parse(bytes, n, &fault, &json);
        if (!r)
                r = record_get_json(&run_view_counts_record, json_root(json), stage, &fault);
        if (r == FAULT_E_INPUT)
                return error_origin(-EBADMSG, "reading counts of the ledger: %s",
                                    fault_format(&fault, text, sizeof(text)));
        return error_trace(r);
}

static int read_stages(struct ledger *ledger, struct run_view *view) {
        _cleanup_(db_release) struct db_statement *find = NULL;
        int64_t stage;
        int r, s;

        r = db_prepare(ledger->db,
                       "SELECT stage, state, started_at, finished_at, booster_ms, counts FROM run_stage "
                       "LEFT JOIN run_stage_counts USING (run, stage) WHERE run = ?",
                       &find);
        if (r)
                return error_trace(r);
        db_bind_text(find, 1, view->run_id);
        while ((r = db_step(find)) == DB_E_ROW) {
                stage = db_column_int64(find, 0);
                if (stage < 0 || stage >= STAGE_N_WORKERS)
                        return error_origin(-EBADMSG, "reading the stages of run %s", view->run_id);
                view->stages[stage] = (struct run_view_stage){
                        .state = (enum run_state)db_column_int64(find, 1),
                        .started_at = db_column_int64(find, 2),
                        .finished_at = db_column_int64(find, 3),
                        .booster_ms = db_column_int64(find, 4),
                };
                s = read_counts(find, 5, &view->stages[stage]);
                if (s)
                        return error_trace(s);
        }
        return error_trace(r);
}

int ledger_get_view(struct ledger *ledger, const char *run, struct run_view *ret_view) {
        _cleanup_(free_pointer) struct run_manifest *manifest = malloc(sizeof(*manifest));
        int r;

        if (!manifest)
                return error_origin(-ENOMEM, "reading run %s", run);
        r = ledger_get_run(ledger, run, manifest);
        if (r)
                return r;
        run_view_from_manifest(ret_view, manifest);
        return error_trace(read_stages(ledger, ret_view));
}

int ledger_list(struct ledger *ledger, int64_t before, int64_t n_max,
                int (*each)(void *context, int64_t number, const char *run), void *context) {
        _cleanup_(db_release) struct db_statement *find = NULL;
        int r, s;

        r = db_prepare(ledger->db,
                       "SELECT number, run FROM run WHERE ?1 = 0 OR number < ?1 ORDER BY number DESC LIMIT ?2", &find);
        if (r)
                return error_trace(r);
        db_bind_int64(find, 1, before);
        db_bind_int64(find, 2, n_max);
        while ((r = db_step(find)) == DB_E_ROW) {
                s = each(context, db_column_int64(find, 0), db_column_text(find, 1));
                if (s)
                        return s;
        }
        return error_trace(r);
}

int ledger_count_states(struct ledger *ledger, int64_t ret_counts[RUN_STATE_N]) {
        _cleanup_(db_release) struct db_statement *find = NULL;
        int64_t counts[RUN_STATE_N] = { 0 }, state;
        int r;

        if (ledger->are_counts_known) {
                memcpy(ret_counts, ledger->counts, sizeof(ledger->counts));
                return 0;
        }
        r = db_prepare(ledger->db, "SELECT state, count(*) FROM run GROUP BY state", &find);
        if (r)
                return error_trace(r);
        while ((r = db_step(find)) == DB_E_ROW) {
                state = db_column_int64(find, 0);
                if (state >= 0 && state < RUN_STATE_N)
                        counts[state] = db_column_int64(find, 1);
        }
        if (r)
                return error_trace(r);
        ledger->are_counts_known = true;
        memcpy(ledger->counts, counts, sizeof(counts));
        memcpy(ret_counts, counts, sizeof(counts));
        return 0;
}

int ledger_put_key(struct ledger *ledger, const char *key, const char *request_sha256, const char *run,
                   int64_t now_ms) {
        _cleanup_(db_release) struct db_statement *forget = NULL, *put = NULL;
        int r;

        r = db_prepare(ledger->db, "DELETE FROM idempotency WHERE created_at <= ?", &forget);
        if (r)
                return error_trace(r);
        db_bind_int64(forget, 1, now_ms - LEDGER_KEY_MS);
        r = db_step(forget);
        if (!r)
                r = db_prepare(ledger->db, "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?)", &put);
        if (r)
                return error_trace(r);
        db_bind_text(put, 1, key);
        db_bind_text(put, 2, request_sha256);
        db_bind_text(put, 3, run);
        db_bind_int64(put, 4, now_ms);
        return error_trace(db_step(put));
}

int ledger_get_key(struct ledger *ledger, const char *key, int64_t now_ms, char ret_sha256[DIGEST_SHA256_BYTES],
                   char ret_run[UUID_TEXT_BYTES]) {
        _cleanup_(db_release) struct db_statement *find = NULL;
        int r;

        r = db_prepare(ledger->db, "SELECT request_sha256, run FROM idempotency WHERE key = ? AND created_at > ?",
                       &find);
        if (r)
                return error_trace(r);
        db_bind_text(find, 1, key);
        db_bind_int64(find, 2, now_ms - LEDGER_KEY_MS);
        r = one_row(db_step(find));
        if (r)
                return r;
        snprintf(ret_sha256, DIGEST_SHA256_BYTES, "%s", db_column_text(find, 0));
        snprintf(ret_run, UUID_TEXT_BYTES, "%s", db_column_text(find, 1));
        return 0;
}

int ledger_add_event(struct ledger *ledger, const char *run, const char *kind, const struct buffer *data,
                     int64_t *ret_number) {
        _cleanup_(db_release) struct db_statement *add = NULL, *forget = NULL;
        int64_t number;
        int r;

        r = db_prepare(ledger->db, "INSERT INTO event (run, kind, data) VALUES (?, ?, ?)", &add);
        if (r)
                return error_trace(r);
        db_bind_text(add, 1, run);
        db_bind_text(add, 2, kind);
        db_bind_blob(add, 3, data->data, data->n_bytes);
        r = db_step(add);
        if (r)
                return error_trace(r);
        number = db_last_row_id(ledger->db);
        r = db_prepare(ledger->db, "DELETE FROM event WHERE number <= ?", &forget);
        if (r)
                return error_trace(r);
        db_bind_int64(forget, 1, number - LEDGER_EVENTS_MAX);
        r = db_step(forget);
        if (r)
                return error_trace(r);
        *ret_number = number;
        return 0;
}

int ledger_newest_event(struct ledger *ledger, int64_t *ret_number) {
        _cleanup_(db_release) struct db_statement *find = NULL;
        int r;

        r = db_prepare(ledger->db, "SELECT ifnull(max(number), 0) FROM event", &find);
        if (r)
                return error_trace(r);
        r = one_row(db_step(find));
        if (r)
                return error_trace(r);
        *ret_number = db_column_int64(find, 0);
        return 0;
}

int ledger_events(struct ledger *ledger, const char *run, int64_t after,
                  int (*each)(void *context, const struct ledger_event *event), void *context) {
        _cleanup_(db_release) struct db_statement *find = NULL;
        struct ledger_event event = { 0 };
        int r, s;

        r = db_prepare(ledger->db, "SELECT number, kind, data FROM event WHERE run = ? AND number > ? ORDER BY number",
                       &find);
        if (r)
                return error_trace(r);
        db_bind_text(find, 1, run);
        db_bind_int64(find, 2, after);
        while ((r = db_step(find)) == DB_E_ROW) {
                event.number = db_column_int64(find, 0);
                snprintf(event.kind, sizeof(event.kind), "%s", db_column_text(find, 1));
                event.data = db_column_blob(find, 2, &event.n_bytes);
                s = each(context, &event);
                if (s)
                        return s;
        }
        return error_trace(r);
}
