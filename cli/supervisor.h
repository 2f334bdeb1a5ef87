#pragma once

/*
 * Supervisor
 *
 * Keeps a set of children alive until it is asked to stop, one loop over their pipes and our signals. What dies is
 * started again; exit code 2 says misconfigured, which no restart would mend: then all are stopped. Stopping asks each
 * with SIGTERM, waits, and kills what is left, so that nothing outlives the call.
 */

#include <stddef.h>

#include "cli/child.h"

/* how long children may take to end after SIGTERM */
#define SUPERVISOR_DRAIN_MS 10000
/* a second request to stop, at least so much later, kills at once */
#define SUPERVISOR_INSIST_MS 1000

struct supervisor_options {
        struct child *children; /* borrowed for the call */
        size_t n_children;
        int signal_fd; /* of daemon_open_signals(); borrowed */
        /* Called every tick_ms until it answers true or the stop begins; may be NULL. Should not take long. */
        bool (*on_tick)(void *context);
        void *context;
        int tick_ms;
};

/* Until asked to stop: 0; COMMAND_MISCONFIGURED when a child was; or a negative errno. No child runs afterwards. */
int supervisor_run(const struct supervisor_options *options);
