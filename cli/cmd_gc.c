/* convoy gc: removes from store and registry what nobody needs any more. */

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/command.h"
#include "cli/gc.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/json_builder.h"

static const struct option_row OPTIONS[] = {
        COMMAND_OPTION_HOME,
        COMMAND_OPTION_PIPELINE,
        { "dry-run", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL, "tell what would be removed, and remove nothing" },
        COMMAND_OPTION_JSON("what is removed"),
};

static const struct option_table TABLE = {
        .program = "convoy gc",
        .summary = "Removes runs, versions and blobs that retention in pipeline.yaml does not keep",
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
};

static_assert(PIPELINE_GRACE_HOURS_MIN * 3600 * 1000 >= GC_GRACE_MS_MIN, "the shortest grace is long enough");

struct report {
        bool is_dry, is_json;
        struct json_builder json; /* open in the list of what was removed */
};

static void print_removal(void *context, enum gc_kind kind, const char *name, int64_t n_bytes) {
        struct report *report = context;

        if (report->is_json) {
                json_begin_object(&report->json);
                json_key_text(&report->json, "kind", gc_kind_names[kind]);
                json_key_text(&report->json, "name", name);
                json_key_int64(&report->json, "bytes", n_bytes);
                json_end_object(&report->json);
        } else if (kind == GC_RUN || kind == GC_VERSION) {
                printf("%s %s %s\n", report->is_dry ? "would remove" : "removed", gc_kind_names[kind], name);
        }
}

static void put_counts(struct json_builder *json, const struct gc_counts *counts) {
        static const char *const keys[GC_KIND_N] = { "runs", "versions", "cache_entries", "blobs" };

        for (int i = 0; i < GC_KIND_N; i++) {
                json_key(json, keys[i]);
                json_begin_object(json);
                json_key_int64(json, "removed", counts->of[i].n_removed);
                json_key_int64(json, "kept", counts->of[i].n_kept);
                json_key_int64(json, "bytes", counts->of[i].n_bytes);
                json_end_object(json);
        }
        json_key_int64(json, "unreadable_runs", counts->n_unreadable);
}

static int print_counts(const struct gc_counts *counts, bool is_dry) {
        static const char *const plurals[GC_KIND_N] = { "runs", "versions", "cache entries", "blobs" };
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        int64_t n_bytes = 0;
        int r = 0;

        for (int i = 0; i < GC_KIND_N && !r; i++) {
                const struct gc_count *count = &counts->of[i];

                n_bytes += count->n_bytes;
                r = buffer_printf(&text, "%s%" PRId64 " %s (%" PRId64 " kept)", i ? ", " : "", count->n_removed,
                                  count->n_removed == 1 ? gc_kind_names[i] : plurals[i], count->n_kept);
        }
        if (!r)
                r = buffer_append_text(&text, "; ");
        if (!r)
                r = progress_put_number(n_bytes, &text);
        if (!r)
                printf("%s %s bytes\n", is_dry ? "would remove" : "removed", buffer_text(&text));
        if (!r && counts->n_unreadable)
                printf("%" PRId64 " %s not be read and kept\n", counts->n_unreadable,
                       counts->n_unreadable == 1 ? "run could" : "runs could");
        return r;
}

static int collect(const struct options *options, const struct pipeline *pipeline, struct report *report,
                   struct gc_counts *ret_counts, struct fault *fault) {
        _cleanup_(store_close_pointer) struct store *store = NULL, *registry_store = NULL;
        const char *home = options_text(options, "home");
        struct registry registry;
        int r;

        r = place_open_store(home, pipeline, pipeline->store_uri, &store, fault);
        if (!r)
                r = place_open_store(home, pipeline, pipeline->registry_uri, &registry_store, fault);
        if (!r)
                r = registry_init(&registry, registry_store, pipeline->parameters.name);
        if (r)
                return r;
        return gc(&(struct gc_options){ .store = store,
                                        .registry = &registry,
                                        .runs = pipeline->retention.runs,
                                        .versions = pipeline->retention.versions,
                                        .grace_ms = pipeline->retention.grace_hours * 3600 * 1000,
                                        .now_ms = clock_realtime_ms(),
                                        .is_dry = report->is_dry,
                                        .on_remove = print_removal,
                                        .context = report },
                  ret_counts, fault);
}

static int collect_and_report(const struct options *options, struct fault *fault) {
        _cleanup_(free_pointer) struct pipeline *pipeline = NULL;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct report report = { .is_dry = options_flag(options, "dry-run"), .is_json = options_flag(options, "json") };
        struct gc_counts counts = { 0 };
        int r;

        r = place_load_pipeline(options, &pipeline, fault);
        if (r)
                return r;
        report.json = json_begin(&text, JSON_PRETTY);
        json_begin_object(&report.json);
        json_key_bool(&report.json, "dry_run", report.is_dry);
        json_key(&report.json, "removed");
        json_begin_array(&report.json);
        r = collect(options, pipeline, &report, &counts, fault);
        json_end_array(&report.json);
        put_counts(&report.json, &counts);
        json_end_object(&report.json);
        if (r)
                return r;
        if (!report.is_json)
                return print_counts(&counts, report.is_dry);
        r = json_end(&report.json);
        if (!r)
                fputs(buffer_text(&text), stdout);
        return r;
}

int cmd_gc(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        struct fault fault = FAULT_NULL;
        int exit_code;

        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        return command_end(collect_and_report(options, &fault), &fault, COMMAND_FAILED);
}
