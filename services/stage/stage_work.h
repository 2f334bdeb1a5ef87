#pragma once

/*
 * Stage work
 *
 * One run in the hands of one stage: what the skeleton gives to a stage's `work`, what `work` fills in, and what it may
 * ask and tell while it goes on. It runs on the worker thread and may start threads of its own (parallel_for), which
 * may call stage_progress() and stage_is_canceled(); the rest is for the thread that `work` was called on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/base/options.h"
#include "common/data/schema/schema.h"
#include "common/store/store.h"
#include "proto/blob.h"
#include "proto/envelope.h"
#include "proto/order.h"
#include "proto/pipeline.h"
#include "proto/stage_to_gateway.h"

/* What `work` returns beside 0, FAULT_E_INPUT and negative errnos. */
enum {
        _STAGE_E_SUCCESS,
        _STAGE_E_INPUT = FAULT_E_INPUT,
        STAGE_E_CANCELED, /* heard by stage_is_canceled() or stage_pass_return() */
};

struct stage_shared;

struct stage_work {
        /* Given; all borrowed until `work` returns. */
        const struct envelope *envelope; /* of the message received: run, attempt, traceparent */
        const void *input;               /* the struct of the type that the stage receives */
        const struct pipeline *pipeline; /* for what is local only: source, addresses; parameters are in input->order */
        const struct options *options;   /* the stage's own options */
        struct store *store;
        struct store *registry_store; /* NULL unless the service uses_registry */
        void *state;                  /* of the service's `start`, NULL without one */
        const char *build;            /* build id, as it stands in manifests */

        /* Filled in by `work`. The output, of the type that the stage emits, is zeroed before, and what it has in
         * common with the input by name and kind (order, ingestion, …) is copied into it already. */
        void *output;
        size_t n_counts;
        struct count counts[STAGE_TO_GATEWAY_COUNTS_MAX]; /* by stage_count() */
        size_t n_drifted;
        struct drifted_column drifted[STAGE_TO_GATEWAY_DRIFTED_MAX]; /* the first that matter most */
        int64_t booster_ms;
        char ends_run[STAGE_TO_GATEWAY_CODE_BYTES]; /* set: the run ends here, SUCCEEDED; no output is sent or kept */
        struct fault fault;                         /* read when `work` returns FAULT_E_INPUT */
        struct buffer details;                      /* one value of JSON, kept in the manifest; may stay empty */

        struct stage_shared *shared; /* the skeleton's */
};

/* How far it is; total -1 while unknown, unit a literal of less than PROGRESS_UNIT_BYTES, [a-z0-9_-]. Costs next to
 * nothing; the gateway is told at most ten times a second, and always of the last. */
void stage_progress(struct stage_work *work, int64_t done, int64_t total, const char *unit);

/* True when the run has been canceled or the daemon is asked to stop: to be asked between units of work, several times
 * a second at least. `work` then undoes what is half done and returns STAGE_E_CANCELED. A stopped run begins again when
 * the daemon does. */
bool stage_is_canceled(struct stage_work *work);

/* The point of no return: 0, and from now on no cancel and no stop is heard, or STAGE_E_CANCELED, to be returned by
 * `work`. With is_passed an earlier start, killed after that point, has passed it already: always 0. */
int stage_pass_return(struct stage_work *work, bool is_passed);

/* A number for people: "n_rows", … The same name again replaces it; "n_rows" also stands in the log line. */
void stage_count(struct stage_work *work, const char *name, int64_t value);

/* store_fetch_blob(), with what is wrong put into work->fault by store_fault(). All may be returned by `work`. */
int stage_fetch_blob(struct stage_work *work, const char *sha256, const char *what, char ret_path[STORE_PATH_BYTES]);

/* The schema that the run was ordered with, from the store; the caller destroys it. As stage_fetch_blob(). */
int stage_fetch_schema(struct stage_work *work, const struct order *order, struct schema **ret_schema);

/* For `cache_key`: append what decides the result, in a fixed order. Names keep equal values of different meaning
 * apart. 0 or -ENOMEM. */
int stage_key_text(struct buffer *key, const char *name, const char *text);
int stage_key_record(struct buffer *key, const char *name, const struct record *record, const void *value);
