#pragma once

/*
 * Crash point
 *
 * Where a test may have a process die by SIGKILL. Reached in code that is compiled with CONVOY_CRASH_POINTS (the build
 * option crash_points) only, and then asked for with the environment variable
 *
 *      CONVOY_CRASH=[PROCESS:]POINT[:N]
 *
 * where PROCESS is what the process calls itself here: a stage's name, or "gateway". Without N it dies each time it
 * comes there; with N once, at the N-th time since its home is new (run/<process>.crash counts, so that a restart with
 * the same environment does not begin anew).
 */

enum crash_point {
        CRASH_POINT_ACCEPTED,  /* the message is in the inbox, its start is counted, no work has begun */
        CRASH_POINT_WORKING,   /* the work says for the first time how far it is */
        CRASH_POINT_STORED,    /* the result and its manifest are in the store, the spool does not know it */
        CRASH_POINT_COMMITTED, /* the spool knows, nothing has been sent */
};

/* Dies if it is asked to. */
void crash_point_obey(const char *process, enum crash_point point);

/* The same in a build with crash points, and nothing in others. */
static inline void crash_point_at(const char *process, enum crash_point point) {
#ifdef CONVOY_CRASH_POINTS
        crash_point_obey(process, point);
#else
        (void)process;
        (void)point;
#endif
}
