#pragma once

/*
 * Run view
 *
 * A run as GET /runs/{id} shows it: the run and each of its stages in order. Times are RFC 3339, absent values are left
 * out.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/json_builder.h"
#include "proto/heartbeat.h"
#include "proto/progress.h"
#include "proto/pusher_to_gateway.h"
#include "proto/run_manifest.h"
#include "proto/run_state.h"
#include "proto/stages.h"

/* What a stage at work says it waits for; shown while it is RUNNING. */
struct run_view_wait {
        char reason[HEARTBEAT_REASON_BYTES]; /* "": it does not wait */
        int64_t retry_at;
};

struct run_view_stage {
        enum run_state state;
        int64_t started_at; /* milliseconds since 1970; 0: not yet */
        int64_t finished_at;
        int64_t booster_ms; /* 0 where there is none */
        size_t n_counts;    /* what the stage counted, once it has ended */
        struct count counts[STAGE_TO_GATEWAY_COUNTS_MAX];
        size_t n_drifted;
        struct drifted_column drifted[STAGE_TO_GATEWAY_DRIFTED_MAX];
        bool has_progress;
        struct progress progress;
        struct run_view_wait wait;
};

struct run_view {
        char run_id[UUID_TEXT_BYTES];
        enum run_state state;
        int64_t attempt;
        char cause[ORDER_CAUSE_BYTES];
        int64_t created_at;
        int64_t finished_at; /* 0: not yet */
        char ends_run[STAGE_TO_GATEWAY_CODE_BYTES];
        bool has_release;
        struct pusher_to_gateway release;
        bool has_failure;
        struct run_failure failure;
        const struct parameters *parameters; /* by which it runs; borrowed, NULL: not shown */
        const struct parameters *pipeline;   /* the pipeline's own, for what was overridden; likewise */
        struct run_view_stage stages[STAGE_N_WORKERS];
};

/* What the stage counted and found alone, for who keeps a stage's row. */
extern const struct record run_view_counts_record;

/* The parts of a view that the run's own manifest knows; the stages are PENDING. */
void run_view_from_manifest(struct run_view *ret_view, const struct run_manifest *manifest);

/* Writes how a stage ended into its row: that of the view, or one by itself. */
void run_view_end_row(struct run_view_stage *stage, const struct stage_to_gateway *end);
void run_view_end_stage(struct run_view *view, const struct stage_to_gateway *end);

/* Appends the object of a wait. */
void run_view_put_wait_json(const struct run_view_wait *wait, struct json_builder *json);

/* Appends the object of one stage, as it stands in a run's list. */
void run_view_put_stage_json(enum stage name, const struct run_view_stage *stage, struct json_builder *json);

/* Appends the object of the run. */
void run_view_put_json(const struct run_view *view, struct json_builder *json);
