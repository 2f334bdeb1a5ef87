#pragma once

/* Garbage collection, runs: what each of them is, by its folder and its run.json. */

#include <stddef.h>
#include <stdint.h>

#include "common/base/uuid.h"
#include "common/store/store.h"

enum gc_standing {
        GC_ENDED,     /* a run of this model that is over */
        GC_IN_FLIGHT, /* or is not */
        GC_FOREIGN,   /* of another model */
        GC_UNREAD,    /* its run.json cannot be read; it may be of a newer program */
        GC_LEFTOVER,  /* it has none: it was being removed when the process died that did it */
};

struct gc_run {
        char id[UUID_TEXT_BYTES];
        enum gc_standing standing;
        int64_t champion;    /* the version it was ordered to be measured by; 0: none */
        int64_t n_bytes;     /* of its files */
        int64_t modified_ms; /* Unix time when the youngest of them was written */
};

struct gc_runs {
        struct gc_run *items; /* by id, that is, by age: the oldest first; owned */
        size_t n_items;
};

#define GC_RUNS_NULL \
        { 0 }

/* Reads all runs of the store; those of `model` are told from others. 0 or a negative errno, after which finish frees
 * what was made. */
int gc_runs_read(struct gc_runs *runs, struct store *store, const char *model);
void gc_runs_finish(struct gc_runs *runs);

/* Calls each() with the name of every object of the run, until it does not answer 0. */
int gc_run_walk(const struct gc_run *run, struct store *store, int (*each)(void *context, const char *name),
                void *context);

/* Removes the run: run.json first, without which the others are no run's any more. */
int gc_run_remove(const struct gc_run *run, struct store *store);
