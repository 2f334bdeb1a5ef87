#pragma once

/*
 * Child
 *
 * One supervised process: started in a process group of its own within our session, its standard output and error read
 * through one pipe, killed by the kernel when we die however we die. When it ends it is started again after a pause
 * that doubles from CHILD_PAUSE_MS_MIN to CHILD_PAUSE_MS_MAX, and begins anew after a life of CHILD_STEADY_MS.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "cli/lines.h"

#define CHILD_PAUSE_MS_MIN 100
#define CHILD_PAUSE_MS_MAX 5000
#define CHILD_STEADY_MS 10000

struct child {
        const char *name;        /* for sentences; borrowed */
        const char *const *argv; /* argv[0] is the path; borrowed */
        pid_t pid;               /* 0: not running */
        int output;              /* our end of its pipe; -1: none */
        struct lines lines;
        int64_t started_ms; /* monotonic */
        int64_t due_ms;     /* when to start it next, while it does not run */
        int64_t pause_ms;   /* the last pause; 0: none yet */
};

#define CHILD_NULL \
        { .output = -1 }

/* Starts it now. 0 or a negative errno. */
int child_start(struct child *child, int64_t now_ms);

/* Reads what it has written and writes whole lines to standard error; closes the pipe at its end. 0 or -ENOMEM. */
int child_forward(struct child *child);

/* It has ended and been waited for: forwards its last lines and sets due_ms. 0 or -ENOMEM. */
int child_ended(struct child *child, int64_t now_ms);

/* Sends a signal to it, or to its whole group. Nothing when it does not run. */
void child_signal(const struct child *child, int signal);
void child_signal_group(const struct child *child, int signal);
void child_finish(struct child *child);

/* The pause before the next start, after the last pause and a life of that length. */
int64_t child_next_pause(int64_t pause_ms, int64_t life_ms);
