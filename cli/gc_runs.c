/* Garbage collection, runs: every folder below runs/ is one. */

#include "cli/gc_runs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/array.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "proto/run_manifest.h"
#include "proto/stage_manifest.h"

struct reading {
        struct gc_runs *runs;
        struct store *store;
        const char *model;
        struct run_manifest *manifest; /* the one being read; large */
};

void gc_runs_finish(struct gc_runs *runs) {
        if (!runs)
                return;
        free(runs->items);
        *runs = (struct gc_runs)GC_RUNS_NULL;
}

static void folder_of(const struct gc_run *run, char ret_folder[STORE_NAME_BYTES]) {
        snprintf(ret_folder, STORE_NAME_BYTES, "runs/%s", run->id);
}

static int append(struct gc_runs *runs, const struct gc_run *run) {
        struct gc_run *grown = array_grow(runs->items, runs->n_items, sizeof(*grown));

        if (!grown)
                return error_origin(-ENOMEM, "listing runs");
        runs->items = grown;
        runs->items[runs->n_items++] = *run;
        return 0;
}

static int measure(void *context, const struct store_entry *entry) {
        struct gc_run *run = context;

        run->n_bytes += entry->n_bytes;
        if (entry->modified_ms > run->modified_ms)
                run->modified_ms = entry->modified_ms;
        return 0;
}

static int judge(struct reading *reading, struct gc_run *run) {
        const struct run_manifest *manifest = reading->manifest;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char name[MANIFEST_NAME_BYTES], words[FAULT_TEXT_BYTES];
        struct fault fault = FAULT_NULL;
        int r;

        run->standing = GC_LEFTOVER;
        stage_manifest_name(run->id, STAGE_GATEWAY, name);
        r = store_get(reading->store, name, &text, NULL);
        if (r)
                return r < 0 ? error_trace(r) : 0;
        r = run_manifest_read(text.data, text.n_bytes, reading->manifest, &fault);
        if (r < 0)
                return error_trace(r);
        if (r) {
                log_warn("name=%s it cannot be read (%s), keeping the run", name,
                         fault_format(&fault, words, sizeof(words)));
                run->standing = GC_UNREAD;
                return 0;
        }
        run->champion = manifest->order.has_champion ? manifest->order.champion.version : 0;
        if (strcmp(manifest->order.parameters.name, reading->model))
                run->standing = GC_FOREIGN;
        else
                run->standing = run_state_is_final(manifest->state) ? GC_ENDED : GC_IN_FLIGHT;
        return 0;
}

static int read_run(void *context, const struct store_entry *entry) {
        struct reading *reading = context;
        size_t n_name = strcspn(entry->name, "/");
        char folder[STORE_NAME_BYTES];
        struct gc_run run = { 0 };
        int r;

        if (n_name != UUID_TEXT_BYTES - 1 || !entry->name[n_name])
                return 0;
        memcpy(run.id, entry->name, n_name);
        if (!uuid_is_valid(run.id))
                return 0;
        folder_of(&run, folder);
        r = store_walk(reading->store, folder, measure, &run);
        if (r || !run.modified_ms) /* an empty folder is nothing */
                return error_trace(r);
        r = judge(reading, &run);
        return r ? error_trace(r) : error_trace(append(reading->runs, &run));
}

int gc_runs_read(struct gc_runs *runs, struct store *store, const char *model) {
        _cleanup_(free_pointer) struct run_manifest *manifest = calloc(1, sizeof(*manifest));
        struct reading reading = { .runs = runs, .store = store, .model = model, .manifest = manifest };

        if (!manifest)
                return error_origin(-ENOMEM, "reading runs");
        return error_trace(store_walk(store, "runs", read_run, &reading));
}

struct walk {
        const char *folder;
        int (*each)(void *context, const char *name);
        void *context;
};

static int pass_on(void *context, const struct store_entry *entry) {
        const struct walk *walk = context;
        char name[STORE_NAME_BYTES];

        snprintf(name, sizeof(name), "%.*s/%.*s", MANIFEST_NAME_BYTES, walk->folder, STORE_SEGMENT_MAX, entry->name);
        return walk->each(walk->context, name);
}

int gc_run_walk(const struct gc_run *run, struct store *store, int (*each)(void *context, const char *name),
                void *context) {
        char folder[STORE_NAME_BYTES];
        struct walk walk = { folder, each, context };

        folder_of(run, folder);
        return error_trace(store_walk(store, folder, pass_on, &walk));
}

static int remove_object(void *context, const char *name) {
        int r = store_remove(context, name);

        return r < 0 ? error_trace(r) : 0;
}

int gc_run_remove(const struct gc_run *run, struct store *store) {
        char name[MANIFEST_NAME_BYTES];
        int r;

        stage_manifest_name(run->id, STAGE_GATEWAY, name);
        r = remove_object(store, name);
        return r ? error_trace(r) : error_trace(gc_run_walk(run, store, remove_object, store));
}
