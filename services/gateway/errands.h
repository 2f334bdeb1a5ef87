#pragma once

/*
 * Errands
 *
 * A thread for what may take long, or never end: the requests to the registry. Whoever sends an errand goes on
 * meanwhile, or waits for it as long as he can afford. One at a time, in the order they were put.
 */

#include <stdbool.h>
#include <stdint.h>

struct errand {
        struct errand *next;
        void (*run)(struct errand *errand); /* in the thread of errands */

        /* After run, or instead of it (has_run false) when it was withdrawn. The errand is the callee's from then on.
         */
        void (*end)(struct errand *errand, bool has_run);
        int state; /* of errands.c */
};

struct errands;

int errands_create(struct errands **ret_errands);

/* Ends the thread once the errand that runs has ended; those that wait are withdrawn. */
void errands_stop(struct errands *errands);

/* Nobody may be within another call. */
struct errands *errands_destroy(struct errands *errands);

/* From any thread. After errands_stop() it is withdrawn at once. */
void errands_put(struct errands *errands, struct errand *errand);

enum errands_result {
        ERRANDS_DONE,      /* it has run, and is the caller's again; end is not called */
        ERRANDS_WITHDRAWN, /* it never ran, and is the caller's again likewise */
        ERRANDS_RUNS_ON,   /* it belongs to the thread, which will call end */
};

/* Puts an errand and waits for it, that long at most. From any thread but that of errands. */
enum errands_result errands_wait(struct errands *errands, struct errand *errand, int ms);

/* Withdraws all that have not begun: each is ended by its end, or goes back to who waits for it. From any thread. */
void errands_withdraw(struct errands *errands);

/* How long the errand has been running that runs now; 0: none does. */
int64_t errands_running_ms(struct errands *errands);
