#pragma once

/* What runs.c and runs_handle.c share. */

#include "services/gateway/change.h"
#include "services/gateway/runs.h"

struct runs {
        struct runs_options options;
        struct change change;
        struct run_manifest *run; /* the one being changed; large */
        bool may_begin;           /* something has changed that may let a run begin */

        char progress_run[UUID_TEXT_BYTES]; /* of the run in flight */
        int64_t progress_attempt;
        unsigned progress_news; /* bit n: stage n, since it was taken last */
        bool has_progress[STAGE_N_WORKERS];
        struct progress progress[STAGE_N_WORKERS];
        struct run_view_wait waits[STAGE_N_WORKERS];
        int64_t waits_until_ms[STAGE_N_WORKERS]; /* monotonic */
};

void runs_log(const struct run_manifest *run);

/* Stores and commits a run that has changed its state. */
int runs_settle(struct runs *runs, struct run_manifest *run);

/* Within a change: tells every stage to end this attempt. */
int runs_post_cancel(struct runs *runs, const struct run_manifest *run);

/* Asks the owner to take the release up, once everything about the run has been told. */
int runs_check_release(struct runs *runs, const char *run_id);
