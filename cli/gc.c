/* Garbage collection: decides on versions, runs, blobs and cache entries in this order, and removes the other way round
 * of who refers to whom. */

#include "cli/gc.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/gc_runs.h"
#include "cli/gc_versions.h"
#include "cli/marks.h"
#include "common/base/array.h"
#include "common/base/error.h"

const char *const gc_kind_names[] = { "run", "version", "cache entry", "blob" };

/* Something that is to go, and what it takes up. */
struct doomed {
        char name[STORE_SEGMENT_MAX + 1];
        int64_t n_bytes;
};

struct doomed_list {
        struct doomed *items; /* owned */
        size_t n_items;
};

struct gc {
        const struct gc_options *options;
        int64_t old_ms; /* what was written before may go */
        struct gc_runs runs;
        struct gc_versions versions;
        struct marks needed; /* named by what is kept */
        struct marks going;  /* blobs that go */
        struct doomed_list cached, blobs;
        struct gc_counts counts;
};

static void gc_finish(struct gc *gc) {
        gc_runs_finish(&gc->runs);
        gc_versions_finish(&gc->versions);
        marks_finish(&gc->needed);
        marks_finish(&gc->going);
        free(gc->cached.items);
        free(gc->blobs.items);
}

static int doom(struct doomed_list *list, const struct store_entry *entry) {
        struct doomed *grown = array_grow(list->items, list->n_items, sizeof(*grown)), *item;

        if (!grown)
                return error_origin(-ENOMEM, "listing what goes");
        list->items = grown;
        item = &grown[list->n_items++];
        snprintf(item->name, sizeof(item->name), "%s", entry->name);
        item->n_bytes = entry->n_bytes;
        return 0;
}

/*
 * Versions and runs
 */

/* Versions before runs, since a version keeps the run that made it; but a run in flight keeps the version that it is
 * measured by. */
static int judge_versions(struct gc *gc, struct fault *fault) {
        const struct gc_options *options = gc->options;
        int r = 0;

        for (size_t i = 0; i < gc->runs.n_items && !r; i++)
                if (gc->runs.items[i].standing == GC_IN_FLIGHT && gc->runs.items[i].champion)
                        r = gc_versions_need(&gc->versions, gc->runs.items[i].champion);
        return r ? error_trace(r)
                 : error_trace(
                           gc_versions_judge(&gc->versions, options->registry, options->versions, gc->old_ms, fault));
}

/* What the object names is needed. One that is gone by now names nothing. */
static int mark_object(void *context, const char *name) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct gc *gc = context;
        int r;

        r = store_get(gc->options->store, name, &text, NULL);
        if (r)
                return r < 0 ? error_trace(r) : 0;
        return error_trace(marks_add_text(&gc->needed, buffer_text(&text), text.n_bytes));
}

static bool run_may_go(const struct gc *gc, const struct gc_run *run, int64_t n_newer) {
        if (run->modified_ms >= gc->old_ms || gc_versions_need_run(&gc->versions, run->id))
                return false;
        return run->standing == GC_LEFTOVER || (run->standing == GC_ENDED && n_newer >= gc->options->runs);
}

/* Only those that go are left in the list. */
static int judge_runs(struct gc *gc) {
        struct gc_run *runs = gc->runs.items;
        size_t n = gc->runs.n_items, first = n; /* from first on stand those that go */
        int64_t n_newer = 0;
        int r = 0;

        for (size_t i = n; i > 0 && !r; i--) {
                const struct gc_run run = runs[i - 1];

                gc->counts.n_unreadable += run.standing == GC_UNREAD;
                if (run_may_go(gc, &run, n_newer))
                        runs[--first] = run;
                else
                        r = gc_run_walk(&run, gc->options->store, mark_object, gc);
                n_newer += run.standing == GC_ENDED;
        }
        gc->counts.of[GC_RUN].n_kept = (int64_t)first;
        gc->runs.n_items = n - first;
        if (first < n)
                memmove(runs, runs + first, gc->runs.n_items * sizeof(*runs));
        return error_trace(r);
}

/*
 * Blobs and cache
 */

/* What a young entry of the cache names may be about to be taken for a run. */
static int mark_young_entry(void *context, const struct store_entry *entry) {
        struct gc *gc = context;
        char name[STORE_NAME_BYTES];

        if (entry->modified_ms < gc->old_ms)
                return 0;
        snprintf(name, sizeof(name), "cache/%.*s", STORE_SEGMENT_MAX, entry->name);
        return error_trace(mark_object(gc, name));
}

static int judge_blob(void *context, const struct store_entry *entry) {
        struct gc *gc = context;
        int r;

        if (!digest_sha256_is_valid(entry->name) || entry->modified_ms >= gc->old_ms ||
            marks_has(&gc->needed, entry->name)) {
                gc->counts.of[GC_BLOB].n_kept++;
                return 0;
        }
        r = marks_add(&gc->going, entry->name);
        return r ? error_trace(r) : error_trace(doom(&gc->blobs, entry));
}

static int judge_blob_folder(void *context, const struct store_entry *entry) {
        struct gc *gc = context;
        char folder[STORE_NAME_BYTES];

        snprintf(folder, sizeof(folder), "blobs/sha256/%.2s", entry->name);
        return error_trace(store_walk(gc->options->store, folder, judge_blob, gc));
}

static int judge_entry(void *context, const struct store_entry *entry) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct gc *gc = context;
        char name[STORE_NAME_BYTES];
        int r;

        snprintf(name, sizeof(name), "cache/%.*s", STORE_SEGMENT_MAX, entry->name);
        r = store_get(gc->options->store, name, &text, NULL);
        if (r)
                return r < 0 ? error_trace(r) : 0;
        if (marks_has_any(&gc->going, buffer_text(&text), text.n_bytes))
                return error_trace(doom(&gc->cached, entry));
        gc->counts.of[GC_CACHED].n_kept++;
        return 0;
}

/*
 * Removing
 */

static void tell(struct gc *gc, enum gc_kind kind, const char *name, int64_t n_bytes) {
        gc->counts.of[kind].n_removed++;
        gc->counts.of[kind].n_bytes += n_bytes;
        if (gc->options->on_remove)
                gc->options->on_remove(gc->options->context, kind, name, n_bytes);
}

static int remove_runs(struct gc *gc) {
        int r = 0;

        for (size_t i = 0; i < gc->runs.n_items && !r; i++) {
                if (!gc->options->is_dry)
                        r = gc_run_remove(&gc->runs.items[i], gc->options->store);
                if (!r)
                        tell(gc, GC_RUN, gc->runs.items[i].id, gc->runs.items[i].n_bytes);
        }
        return error_trace(r);
}

/* An object that has been written anew since it was judged stays. */
static int remove_objects(struct gc *gc, enum gc_kind kind, const struct doomed_list *list) {
        for (size_t i = 0; i < list->n_items; i++) {
                const struct doomed *doomed = &list->items[i];
                char name[STORE_NAME_BYTES];
                int r = 0;

                if (kind == GC_BLOB)
                        store_blob_name(doomed->name, name);
                else
                        snprintf(name, sizeof(name), "cache/%.*s", STORE_SEGMENT_MAX, doomed->name);
                if (!gc->options->is_dry)
                        r = store_remove_older(gc->options->store, name, gc->old_ms);
                if (r < 0)
                        return error_trace(r);
                if (r == STORE_E_CONFLICT)
                        gc->counts.of[kind].n_kept++;
                else
                        tell(gc, kind, doomed->name, doomed->n_bytes);
        }
        return 0;
}

static void tell_version(void *context, int64_t version, int64_t n_bytes) {
        char name[32];

        snprintf(name, sizeof(name), "%lld", (long long)version);
        tell(context, GC_VERSION, name, n_bytes);
}

int gc(const struct gc_options *options, struct gc_counts *ret_counts, struct fault *fault) {
        _cleanup_(gc_finish) struct gc gc = { .options = options, .old_ms = options->now_ms - options->grace_ms };
        struct store *store = options->store;
        int r;

        assert(options->grace_ms >= GC_GRACE_MS_MIN);
        r = gc_runs_read(&gc.runs, store, options->registry->model);
        if (!r)
                r = judge_versions(&gc, fault);
        gc.counts.of[GC_VERSION].n_kept = gc.versions.n_kept;
        if (!r)
                r = judge_runs(&gc);
        if (!r)
                r = store_walk(store, "cache", mark_young_entry, &gc);
        if (!r)
                r = store_walk(store, "blobs/sha256", judge_blob_folder, &gc);
        if (!r)
                r = store_walk(store, "cache", judge_entry, &gc);
        if (!r)
                r = gc_versions_remove(&gc.versions, options->registry, options->is_dry, tell_version, &gc, fault);
        if (!r)
                r = remove_objects(&gc, GC_CACHED, &gc.cached);
        if (!r)
                r = remove_runs(&gc);
        if (!r)
                r = remove_objects(&gc, GC_BLOB, &gc.blobs);
        *ret_counts = gc.counts;
        return error_trace(r);
}
