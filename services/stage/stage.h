#pragma once

/*
 * Stage
 *
 * The skeleton to which all six stages hand themselves. A stage is a table of what is its own (struct stage_service);
 * the skeleton does the rest, in the same order for all: parse options, load and check pipeline.yaml, open the log,
 * block signals, enter the home and lock it, open store and spool, bind, say ready, loop, drain, stop. Only the
 * skeleton knows signals, sockets, the spool and exit codes.
 *
 * Two threads. The io thread owns courier, timers, signals and spool, sends a heartbeat each second and takes
 * cancels; the worker thread runs `work` and whatever else touches the store. One message is at work at a time, in
 * order of arrival.
 *
 * How a message ends. `work` returned
 *      0                 SUCCEEDED: what is in the store is durable, the output is sent to the next stage
 *      FAULT_E_INPUT     FAILED with work->fault, which says why; a fault that does not is no answer: STAGE_FAILED
 *      STAGE_E_CANCELED  CANCELED; or, when it was not the run but the daemon that was to stop, begins again later
 *      negative errno    storage or network away (stage_retry.h lists them): again later with growing pauses, for a day
 *                        at most, then FAILED with STORE_UNAVAILABLE. This machine short of memory or files: a few
 *                        times, then FAILED with OUT_OF_MEMORY or OUT_OF_FILES. Any other: FAILED with STAGE_FAILED
 * and then, in this order: the cache entry, runs/<run>/<stage>.json, and one transaction of the spool that takes the
 * message out of the inbox, remembers it as done, and posts the next message and the notice to the gateway. A crash
 * before that transaction works again and comes to the same; after it nothing is done again.
 *
 * A message that came before (same run and attempt, or an earlier attempt) changes nothing. With a higher attempt, a
 * stage that SUCCEEDED or was SKIPPED answers again under that attempt: the output, state, times and counts of then,
 * with neither work nor store. Else it works.
 */

#include <stdbool.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/base/options.h"
#include "proto/pipeline.h"
#include "proto/stages.h"
#include "services/stage/stage_work.h"

struct stage_service {
        enum stage stage;
        const char *summary;  /* one sentence for --help */
        const char *sections; /* more text for --help; NULL: none */

        /* Options beside those of all stages (home, pipeline, log-level, check); may be none. */
        const struct option_row *options;
        size_t n_options;
        bool uses_registry; /* opens pipeline->registry_uri as work->registry_store */

        /* May be NULL: the very first thing in main(), for a process that must be started in another way. */
        void (*before)(char **argv);

        /* May be NULL: looks at what only this stage uses of the configuration, such as the source's URI, without
         * touching anything outside; also called by --check. 0, FAULT_E_INPUT (exit 2), or a negative errno. */
        int (*check)(const struct pipeline *pipeline, const struct options *options, struct fault *fault);

        /* May be NULL: once, before the first work, in the home. state is handed to every work, and to stop. */
        int (*start)(const struct pipeline *pipeline, const struct options *options, void **ret_state,
                     struct fault *fault);
        void (*stop)(void *state);

        /* The work, on the worker thread; see above. */
        int (*work)(struct stage_work *work);

        /* Cached stages only, else NULL: appends what decides the result (digests of inputs, parameters, schema) with
         * stage_key_*; the stage's name, the schema of messages and the build id are added. A run with the key of an
         * earlier one, whose blobs the store still holds, is SKIPPED: the output is what the input carries on, and of
         * the earlier output the rest. Whatever else `work` fills in but counts is not kept: booster_ms is 0 then.
         * 0, FAULT_E_INPUT (with work->fault: the run is FAILED), or a negative errno as `work`. */
        int (*cache_key)(struct stage_work *work, struct buffer *key);

        /* May be NULL: the path of another file that decides the result (libxgboost), whose SHA-256 becomes part of the
         * build id. */
        int (*other_build_file)(char *ret_path, size_t n_bytes);

        /* A canceled run is not ended before `work` but handed to it, since an earlier start may have passed the point
         * of no return: stage_is_canceled() is then true from the start. */
        bool decides_cancel;
};

/* The whole of main(). */
int stage_main(const struct stage_service *service, int argc, char **argv);
