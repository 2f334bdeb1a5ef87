/* Run states: their names, in the order of the enum. */

#include "proto/run_state.h"

#include <assert.h>
#include <string.h>

const char *const run_state_names[] = {
        [RUN_STATE_PENDING] = "PENDING",   [RUN_STATE_RUNNING] = "RUNNING", [RUN_STATE_SUCCEEDED] = "SUCCEEDED",
        [RUN_STATE_SKIPPED] = "SKIPPED",   [RUN_STATE_FAILED] = "FAILED",   [RUN_STATE_CANCELING] = "CANCELING",
        [RUN_STATE_CANCELED] = "CANCELED",
};

const char *run_state_name(enum run_state state) {
        assert(state < RUN_STATE_N);
        return run_state_names[state];
}

bool run_state_parse(const char *name, enum run_state *ret_state) {
        for (int i = 0; i < RUN_STATE_N; i++)
                if (!strcmp(run_state_names[i], name)) {
                        *ret_state = (enum run_state)i;
                        return true;
                }
        return false;
}

bool run_state_is_final(enum run_state state) {
        switch (state) {
        case RUN_STATE_SUCCEEDED:
        case RUN_STATE_SKIPPED:
        case RUN_STATE_FAILED:
        case RUN_STATE_CANCELED:
                return true;
        default:
                return false;
        }
}
