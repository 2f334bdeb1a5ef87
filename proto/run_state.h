#pragma once

/*
 * Run states
 *
 * Of a run and of each of its stages; the names are Kubeflow Pipelines' (backend/api/v2beta1/run.proto).
 */

#include <stdbool.h>

enum run_state {
        RUN_STATE_PENDING,
        RUN_STATE_RUNNING,
        RUN_STATE_SUCCEEDED,
        RUN_STATE_SKIPPED, /* a stage whose result was taken from cache */
        RUN_STATE_FAILED,
        RUN_STATE_CANCELING,
        RUN_STATE_CANCELED,
        RUN_STATE_N,
};

/* "PENDING", …; RUN_STATE_N of them. */
extern const char *const run_state_names[];

const char *run_state_name(enum run_state state);
bool run_state_parse(const char *name, enum run_state *ret_state);

/* True for SUCCEEDED, SKIPPED, FAILED and CANCELED, which only a retry leaves. */
bool run_state_is_final(enum run_state state);
