#pragma once

/*
 * Garbage collection
 *
 * Removes from store and registry what nobody needs any more. Kept are
 *
 *      runs       those that have not ended, the last `runs` of this model, those that made a version which is kept,
 *                 and every run of another model
 *      versions   those that bear an alias, the champion whether pinned or not, those that a rollback may go to, and
 *                 the last `versions` others
 *      cache      entries that name no blob which goes
 *      blobs      those that a manifest of a kept run or version names
 *
 * and whatever was written less than grace_ms ago, since a run names a blob only after it was written. What refers to
 * something goes before it, so that whoever kills this leaves nothing dangling: the next call goes on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/store/registry.h"
#include "common/store/store.h"

/* less would take blobs from runs that are being made: STORE_RENEWAL_MS, and as much again for clocks that differ */
#define GC_GRACE_MS_MIN (2 * STORE_RENEWAL_MS)

enum gc_kind {
        GC_RUN,
        GC_VERSION,
        GC_CACHED,
        GC_BLOB,
        GC_KIND_N,
};

extern const char *const gc_kind_names[];

struct gc_count {
        int64_t n_removed;
        int64_t n_kept;
        int64_t n_bytes; /* of those removed */
};

struct gc_counts {
        struct gc_count of[GC_KIND_N];
        int64_t n_unreadable; /* run manifests, which are kept; named in the log */
};

/* All borrowed for the call. */
struct gc_options {
        struct store *store;
        struct registry *registry;
        int64_t runs;
        int64_t versions;
        int64_t grace_ms; /* from GC_GRACE_MS_MIN on (asserted) */
        int64_t now_ms;   /* Unix time */
        bool is_dry;      /* removes nothing, and tells what it would remove */
        void (*on_remove)(void *context, enum gc_kind kind, const char *name, int64_t n_bytes); /* may be NULL */
        void *context;
};

/* 0, FAULT_E_INPUT (REGISTRY_UNREADABLE: nothing is removed), or a negative errno. */
int gc(const struct gc_options *options, struct gc_counts *ret_counts, struct fault *fault);
