#pragma once

/*
 * Runs
 *
 * The states of a run, from the request to its end, and what changes them. Each change is one transaction of the spool:
 * the ledger's row, the event for those who watch, and the message that leaves, together or not at all. One run is in
 * flight; the others wait PENDING in the order of their coming. Messages of stages may come in any order; one about an
 * earlier attempt is ignored. Owned by the thread of line.h.
 *
 *     accept                           PENDING, and RUNNING at once when nothing is in flight
 *     begin    PENDING                 RUNNING
 *     handle   RUNNING, CANCELING      SUCCEEDED when a stage ended the run without a candidate, FAILED, CANCELED
 *     finish   RUNNING, CANCELING      SUCCEEDED, once a release came and all stages have told their end
 *     cancel   PENDING                 CANCELED
 *              RUNNING                 CANCELING, until stages say CANCELED or another end was faster
 *     retry    FAILED, CANCELED        PENDING with attempt + 1
 *
 * What a stage tells twice, or about an earlier attempt, changes nothing. What it tells and the gateway cannot
 * understand fails the run (refuse), since nobody will tell it again.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/bus/courier.h"
#include "common/bus/spool.h"
#include "common/data/schema/schema.h"
#include "common/store/store.h"
#include "proto/pipeline.h"
#include "services/gateway/ledger.h"

enum {
        _RUNS_E_SUCCESS,
        RUNS_E_NONE = LEDGER_E_NONE, /* no such run */
        RUNS_E_STATE,                /* not in a state in which this can be done */
        RUNS_E_BUSY,                 /* a run is in flight, and the pipeline says to refuse */
        RUNS_E_KEY,                  /* the Idempotency-Key was used with another request */
};

/* What runs ask of their owner. */
struct runs_hooks {
        void *context;

        /* The version that is champion now, for a run that begins; false when that is not known yet: the run waits. */
        bool (*find_champion)(void *context, bool *ret_has_champion, struct champion *ret_champion);

        /* An event was committed; is_last: it shows the run's end. */
        void (*on_event)(void *context, const char *run, const struct ledger_event *event, bool is_last);

        /* All is told about a run that released a version: call runs_finish() once that version answers, or cannot. */
        void (*on_released)(void *context, const char *run, const struct pusher_to_gateway *release);
};

/* All borrowed for the life of the runs. */
struct runs_options {
        const struct pipeline *pipeline;
        const struct schema *schema; /* of the pipeline; in the store before a run begins */
        struct spool *spool;
        struct courier *courier;
        struct ledger *ledger;
        struct store *store;
        struct runs_hooks hooks;
};

struct runs;

int runs_create(const struct runs_options *options, struct runs **ret_runs, struct fault *fault);
struct runs *runs_destroy(struct runs *runs);
void runs_destroy_pointer(struct runs **runs);

/* After a restart, or when an end could not be recorded: goes on with what is in flight. */
int runs_resume(struct runs *runs);

/* Begins the oldest waiting run when nothing is in flight; to be called after whatever may have changed that, and again
 * after a failure. Costs nothing when there is nothing to do. */
int runs_begin(struct runs *runs);

/*
 * Records a request and begins it when nothing is in flight. key "" for none. Durable at 0, with the run's id; the same
 * key and body give the same run again. FAULT_E_INPUT is for the body; the conditions are told apart by ret_condition,
 * 0 or RUNS_E_…, because FAULT_E_INPUT and they are both positive.
 */
int runs_accept(struct runs *runs, const void *body, size_t n_bytes, const char *key, const char *traceparent,
                char ret_run[UUID_TEXT_BYTES], int *ret_condition, struct fault *fault);

/* 0, RUNS_E_NONE, RUNS_E_STATE or a negative errno. */
int runs_cancel(struct runs *runs, const char *run);
int runs_retry(struct runs *runs, const char *run);

/*
 * A message under the key of this run was refused, so what it told will never be known: within the transaction that the
 * caller has opened, puts into the inbox that the run FAILED with MESSAGE_REJECTED, to be handled as if a stage had
 * said so. envelope has version 0 where it could not be read; then the message counts for the run's attempt. Does
 * nothing for a run that is not in flight, another attempt, or a message that is not for the gateway. 0, SPOOL_E_FULL
 * or a negative errno.
 */
int runs_refuse(struct runs *runs, const char *key, const struct envelope *envelope, const struct fault *fault);

/* Handles one row of the inbox and ends it. A negative errno: nothing changed, try again later. */
int runs_handle(struct runs *runs, const struct spool_message *message);

/* Ends a row that runs_handle() failed to handle each time, at last with this error: it is kept in dead, and its run
 * fails as by runs_refuse(). */
int runs_give_up(struct runs *runs, const struct spool_message *message, int error);

/* Progress of the run in flight; kept in memory only. */
void runs_note_progress(struct runs *runs, const struct envelope *envelope, const struct progress *progress);

/* A heartbeat, which holds until a moment of the monotonic clock: what the run in flight waits for, if it does. */
void runs_note_wait(struct runs *runs, const struct envelope *envelope, const struct heartbeat *heartbeat,
                    int64_t until_ms);

/* The run of the progress noted since the last call, and its stages: bit n is stage n. */
unsigned runs_take_progress(struct runs *runs, char ret_run[UUID_TEXT_BYTES]);

/* Ends a run whose release has been taken up. */
int runs_finish(struct runs *runs, const char *run);

/* The run as it is seen, progress included. 0, RUNS_E_NONE or a negative errno. */
int runs_view(struct runs *runs, const char *run, struct run_view *ret_view);
