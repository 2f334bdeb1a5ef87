#pragma once

/*
 * Crash points
 *
 * Where a test may have a stage die by SIGKILL. Compiled in with the build option crash_points only, and then asked for
 * with the environment variable
 *
 *      CONVOY_CRASH=[STAGE:]POINT[:N]
 *
 * Without N the stage dies each time it comes there; with N once, at the N-th time since its home is new
 * (run/<stage>.crash counts, so that a restart with the same environment does not begin anew).
 */

#include "proto/stages.h"

enum stage_crash_point {
        STAGE_CRASH_ACCEPTED,  /* the message is in the inbox, its start is counted, no work has begun */
        STAGE_CRASH_WORKING,   /* `work` says for the first time how far it is */
        STAGE_CRASH_STORED,    /* all of the result and the manifest are in the store, the spool knows nothing of it */
        STAGE_CRASH_COMMITTED, /* the spool knows, nothing has been sent */
};

#ifdef CONVOY_CRASH_POINTS
void stage_crash_at(enum stage stage, enum stage_crash_point point);
#else
static inline void stage_crash_at(enum stage stage, enum stage_crash_point point) {
        (void)stage;
        (void)point;
}
#endif
