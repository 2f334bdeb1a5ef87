#pragma once

/*
 * Check apart
 *
 * A check in a process of its own: several look at the same time, and one that hangs, wherever that is, is ended when
 * its time is over. What it found comes back as if it had been found here.
 */

#include <stdint.h>
#include <sys/types.h>

#include "cli/findings.h"

typedef void check_function(struct findings *findings, const void *context);

struct check_apart {
        const char *name; /* of what is looked at, for what is said when it does not end */
        pid_t pid;        /* 0: none runs */
        int fd;           /* closes when it ends */
        int limit_ms;
        int64_t until_ms; /* monotonic */
        struct findings *findings;
};

#define CHECK_APART_NULL \
        { .fd = -1 }

/* Begins to look. The context is as it is now. Where no process can be had, it is looked here, at once. */
void check_apart_start(struct check_apart *apart, const char *name, check_function *check, const void *context,
                       int limit_ms);

/* Waits for the end and appends what was found. Does nothing when none was started. Returns whether nothing is WRONG.
 */
bool check_apart_finish(struct check_apart *apart, struct findings *findings);
