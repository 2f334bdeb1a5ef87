#pragma once

/*
 * Ledger
 *
 * The gateway's index of runs, in tables of its spool's file, so that a run, its idempotency key and its first message
 * commit together. The truth about a run is its manifest in the store, from which `convoy doctor --rebuild` makes the
 * ledger anew. Changes belong to a transaction that the caller opened on the spool. One thread uses a ledger.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "proto/run_manifest.h"
#include "proto/run_view.h"

/* how long an Idempotency-Key is remembered */
#define LEDGER_KEY_MS (INT64_C(24) * 60 * 60 * 1000)
/* the newest events that are kept, over all runs */
#define LEDGER_EVENTS_MAX 20000
#define LEDGER_EVENT_KIND_BYTES 8

enum {
        _LEDGER_E_SUCCESS,
        LEDGER_E_NONE, /* no such run, key or event */
};

struct db;
struct ledger;

/* A row of one stage; progress is not among what is kept. */
struct ledger_stage {
        enum stage stage;
        int64_t attempt;
        struct run_view_stage row;
};

struct ledger_event {
        int64_t number;                     /* rises over all runs */
        char kind[LEDGER_EVENT_KIND_BYTES]; /* "run" or "stage" */
        const char *data;
        size_t n_bytes;
};

/* Makes the tables that are missing. db is borrowed. */
int ledger_create(struct db *db, struct ledger **ret_ledger);
struct ledger *ledger_destroy(struct ledger *ledger);
void ledger_destroy_pointer(struct ledger **ledger);

/* Adds a run, or replaces what is known of it. */
int ledger_put_run(struct ledger *ledger, const struct run_manifest *manifest);

/* LEDGER_E_NONE when there is none of that id. */
int ledger_get_run(struct ledger *ledger, const char *run, struct run_manifest *ret_manifest);

/* The oldest run in that state, or LEDGER_E_NONE. */
int ledger_first_in_state(struct ledger *ledger, enum run_state state, struct run_manifest *ret_manifest);

/* Replaces the stage's row. */
int ledger_put_stage(struct ledger *ledger, const char *run, const struct ledger_stage *stage);

/* Forgets the rows of all stages of a run, for a new attempt. */
int ledger_forget_stages(struct ledger *ledger, const char *run);

/* The run with its stages. */
int ledger_get_view(struct ledger *ledger, const char *run, struct run_view *ret_view);

/* Calls each with the runs below the number `before` (0: all), newest first, at most n_max. */
int ledger_list(struct ledger *ledger, int64_t before, int64_t n_max,
                int (*each)(void *context, int64_t number, const char *run), void *context);

/* Counts runs by state; not within a transaction. Reads the index anew only when a run was written since. */
int ledger_count_states(struct ledger *ledger, int64_t ret_counts[RUN_STATE_N]);

/* Keys older than LEDGER_KEY_MS are forgotten by put. */
int ledger_put_key(struct ledger *ledger, const char *key, const char *request_sha256, const char *run, int64_t now_ms);
int ledger_get_key(struct ledger *ledger, const char *key, int64_t now_ms, char ret_sha256[DIGEST_SHA256_BYTES],
                   char ret_run[UUID_TEXT_BYTES]);

/* Adds an event and forgets the oldest. */
int ledger_add_event(struct ledger *ledger, const char *run, const char *kind, const struct buffer *data,
                     int64_t *ret_number);

/* The number of the newest event of all, 0 when there is none. */
int ledger_newest_event(struct ledger *ledger, int64_t *ret_number);

/* Calls each with the run's events after a number, oldest first. */
int ledger_events(struct ledger *ledger, const char *run, int64_t after,
                  int (*each)(void *context, const struct ledger_event *event), void *context);
