#pragma once

/* Garbage collection, versions: which of a model's versions nobody needs any more. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/store/registry.h"

struct gc_version {
        int64_t number;
        int64_t n_bytes; /* of its files */
};

struct gc_versions {
        int64_t *needed; /* by runs in flight, and as targets of rollbacks; owned */
        size_t n_needed;
        char (*runs)[ALIASES_RUN_BYTES]; /* that made a version which is kept; owned */
        size_t n_runs;
        struct gc_version *going; /* the newest first; owned */
        size_t n_going;
        int64_t n_kept;
};

#define GC_VERSIONS_NULL \
        { 0 }

void gc_versions_finish(struct gc_versions *versions);

/* Before they are judged: this one is needed. 0 or -ENOMEM. */
int gc_versions_need(struct gc_versions *versions, int64_t number);

/* Decides: of those that nobody needs the newest n_max are kept, and what was made at old_ms (Unix time) or later. 0,
 * FAULT_E_INPUT (REGISTRY_UNREADABLE), or a negative errno. */
int gc_versions_judge(struct gc_versions *versions, struct registry *registry, int64_t n_max, int64_t old_ms,
                      struct fault *fault);

/* Whether the run made a version that is kept. */
bool gc_versions_need_run(const struct gc_versions *versions, const char *run);

/* Retires those that go, each told once it is gone; is_dry: tells only. Those that got an alias meanwhile stay. 0,
 * FAULT_E_INPUT (REGISTRY_UNREADABLE), or a negative errno. */
int gc_versions_remove(const struct gc_versions *versions, struct registry *registry, bool is_dry,
                       void (*tell)(void *context, int64_t number, int64_t n_bytes), void *context,
                       struct fault *fault);
