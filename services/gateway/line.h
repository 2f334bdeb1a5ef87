#pragma once

/*
 * Line
 *
 * The thread that owns the gateway's spool, ledger and sockets: it sends runs down the line, hears how stages end, and
 * does the calls about runs.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/bus/courier.h"
#include "common/data/schema/schema.h"
#include "common/store/store.h"
#include "proto/heartbeat.h"
#include "proto/pipeline.h"
#include "services/gateway/ledger.h"
#include "services/gateway/mailbox.h"
#include "services/gateway/model_swap.h"

/* a stage whose heartbeat is older than this does not count as alive */
#define LINE_HEARTBEAT_MS 3000

/* All borrowed for the life of the line. */
struct line_options {
        const struct pipeline *pipeline;
        const struct schema *schema; /* the pipeline's */
        struct store *store;
        struct model_swap *model_swap;
        const char *spool_path;
        const char *endpoint; /* to bind */
};

struct line_stage {
        bool is_alive;
        int64_t heard_ms; /* monotonic; 0: never */
        struct heartbeat heartbeat;
};

struct line_counts {
        int64_t runs[RUN_STATE_N]; /* in the ledger, by state */
        struct courier_counts courier;
        int64_t n_dead;
};

struct line;

/* Opens spool and ledger and binds. 0, FAULT_E_INPUT, or a negative errno. */
int line_create(const struct line_options *options, struct line **ret_line, struct fault *fault);

/* Takes up what was in flight, in a thread of its own. */
int line_start(struct line *line);

/* True once the thread has given up because spool or sockets are broken. */
bool line_has_failed(struct line *line);

/* Ends the thread; whoever waits for an answer gets 503, and streams end, so the server's loops must still be there. */
void line_stop(struct line *line);
struct line *line_destroy(struct line *line);
void line_destroy_pointer(struct line **line);

/* For jobs of this thread; their context is the line. */
struct mailbox *line_mailbox(struct line *line);

/* From any thread; counts are as of the last second. */
void line_stages(struct line *line, struct line_stage ret_stages[STAGE_N_WORKERS]);
void line_counts(struct line *line, struct line_counts *ret_counts);

/* Jobs (line_calls.c): POST /training, GET /runs, GET /runs/{id}, :cancel, :retry, and the two of a stream. */
job_function line_call_train, line_call_list, line_call_get, line_call_cancel, line_call_retry;
job_function line_call_watch, line_call_forget;
