/* Load view: a run of one stage, for the bars and lines of progress.h. */

#include "cli/load_view.h"

#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/json_builder.h"

enum {
        NUMBER_BYTES = 32,
        NAMES_SHOWN = 20,
};

void load_view_init(struct load_view *view, const char *collection, const char *path, const struct schema *schema,
                    const struct pipeline_source *runs_read, bool is_json) {
        *view = (struct load_view){
                .collection = collection,
                .path = path,
                .schema = schema,
                .runs_read = runs_read,
                .style = follow_style(is_json),
                .started_ms = clock_monotonic_ms(),
        };
}

void load_view_finish(struct load_view *view) {
        bars_finish(&view->bars);
}

/* "45,000". Returns ret_text. */
static const char *format(int64_t number, char ret_text[NUMBER_BYTES]) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;

        if (progress_put_number(number, &text))
                buffer_clear(&text);
        snprintf(ret_text, NUMBER_BYTES, "%s", buffer_text(&text));
        return ret_text;
}

static const char *plural(int64_t number) {
        return number == 1 ? "" : "s";
}

/* Seconds since the beginning. */
static double elapsed(const struct load_view *view) {
        return (double)(clock_monotonic_ms() - view->started_ms) / 1000;
}

/* {"stages":[{"name":"load", …}]} */
static int put_stage(const struct load_view *view, const struct mongo_load_progress *progress, int64_t n_rows,
                     bool is_ended, struct buffer *text) {
        int64_t n_done = progress->n_inserted + progress->n_present;
        struct json_builder json = json_begin(text, JSON_COMPACT);
        char time[CLOCK_RFC3339_BYTES];

        json_begin_object(&json);
        json_key(&json, "stages");
        json_begin_array(&json);
        json_begin_object(&json);
        json_key_text(&json, "name", "load");
        json_key_text(&json, "state", is_ended ? "SUCCEEDED" : "RUNNING");
        if (is_ended)
                json_key_int64(&json, "ms", (int64_t)(elapsed(view) * 1000));
        json_key(&json, "progress");
        json_begin_object(&json);
        json_key_int64(&json, "done", n_done);
        /* of a text file it is an estimate */
        if (n_rows >= 0)
                json_key_int64(&json, "total", n_rows > n_done && !is_ended ? n_rows : n_done);
        json_key_text(&json, "unit", "documents");
        json_end_object(&json);
        if (*progress->reason && !is_ended) {
                json_key(&json, "waiting");
                json_begin_object(&json);
                json_key_text(&json, "reason", progress->reason);
                clock_format_rfc3339(progress->retry_ms, time);
                json_key_text(&json, "retry_at", time);
                json_end_object(&json);
        }
        json_end_object(&json);
        json_end_array(&json);
        json_end_object(&json);
        return error_trace(json_end(&json));
}

/* A picture that cannot be drawn is no reason to stop. */
static void draw(struct load_view *view, const struct mongo_load_progress *progress, int64_t n_rows, bool is_ended) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL, lines = BUFFER_NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        struct fault fault = FAULT_NULL;

        if (view->style == FOLLOW_SILENT || put_stage(view, progress, n_rows, is_ended, &text) ||
            json_parse(buffer_text(&text), text.n_bytes, &fault, &json))
                return;
        if (view->style == FOLLOW_BARS) {
                bars_draw(&view->bars, json_root(json));
        } else if (!progress_put_changes(json_root(json), &view->told, 1, &lines)) {
                fputs(buffer_text(&lines), stdout);
                fflush(stdout);
        }
}

void load_view_begin(struct load_view *view, const struct mongo_load_progress *progress, bool is_dropped,
                     int64_t n_rows) {
        char number[NUMBER_BYTES];

        view->is_dropped = is_dropped;
        if (view->style == FOLLOW_SILENT)
                return;
        if (is_dropped && progress->n_dropped > 0)
                printf("dropped %s with %s document%s\n", view->collection, format(progress->n_dropped, number),
                       plural(progress->n_dropped));
        else if (is_dropped)
                printf("there was nothing in %s to drop\n", view->collection);
        else if (progress->n_before > 0)
                printf("%s has %s document%s already\n", view->collection, format(progress->n_before, number),
                       plural(progress->n_before));
        bars_leave(&view->bars);
        draw(view, progress, n_rows, false);
        fflush(stdout);
}

void load_view_draw(struct load_view *view, const struct mongo_load_progress *progress, int64_t n_rows) {
        draw(view, progress, n_rows, false);
}

void load_view_leave(struct load_view *view) {
        bars_leave(&view->bars);
}

static double rate(int64_t n_documents, double seconds) {
        return seconds > 0 ? (double)n_documents / seconds : 0;
}

/* Columns that the schema does not know are in no document. */
static void tell_left_out(const struct source *source) {
        size_t n = source_n_unknown(source);

        if (!n)
                return;
        printf("left out, since the schema does not know %s: ", n == 1 ? "it" : "them");
        for (size_t i = 0; i < n && i < NAMES_SHOWN; i++)
                printf("%s%s", i ? ", " : "", source_unknown(source, i));
        if (n > NAMES_SHOWN)
                printf(" and %zu more", n - NAMES_SHOWN);
        printf("\n");
}

/* Columns of the schema that no document has, since the file does not. */
static void tell_lacking(const struct load_view *view, const struct source *source) {
        const char *before = "the file does not have ";

        for (size_t i = 0; i < view->schema->n_columns; i++) {
                if (source_has_column(source, i))
                        continue;
                printf("%s%s", before, view->schema->columns[i].name);
                before = ", ";
        }
        if (*before == ',')
                printf("; `convoy validate %s` says whether a run can do without\n", view->path);
}

static int end_as_json(const struct load_view *view, const struct mongo_load_progress *progress,
                       const struct source *source) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_PRETTY);
        double seconds = elapsed(view);
        int r;

        json_begin_object(&json);
        json_key_text(&json, "file", view->path);
        json_key_text(&json, "collection", view->collection);
        if (view->is_dropped)
                json_key_int64(&json, "dropped", progress->n_dropped < 0 ? 0 : progress->n_dropped);
        json_key_int64(&json, "inserted", progress->n_inserted);
        json_key_int64(&json, "present", progress->n_present);
        json_key_double(&json, "seconds", seconds);
        json_key_double(&json, "documents_per_second", rate(progress->n_inserted + progress->n_present, seconds));
        json_key(&json, "left_out");
        json_begin_array(&json);
        for (size_t i = 0; i < source_n_unknown(source); i++)
                json_put_text(&json, source_unknown(source, i));
        json_end_array(&json);
        json_key(&json, "lacking");
        json_begin_array(&json);
        for (size_t i = 0; i < view->schema->n_columns; i++)
                if (!source_has_column(source, i))
                        json_put_text(&json, view->schema->columns[i].name);
        json_end_array(&json);
        json_end_object(&json);
        r = json_end(&json);
        if (!r)
                fputs(buffer_text(&text), stdout);
        return error_trace(r);
}

int load_view_end(struct load_view *view, const struct mongo_load_progress *progress, const struct source *source) {
        const struct pipeline_source *runs_read = view->runs_read;
        char inserted[NUMBER_BYTES], present[NUMBER_BYTES], each_second[NUMBER_BYTES], reads[512];
        double seconds = elapsed(view);

        if (view->style == FOLLOW_SILENT)
                return error_trace(end_as_json(view, progress, source));
        draw(view, progress, progress->n_inserted + progress->n_present, true);
        tell_left_out(source);
        tell_lacking(view, source);
        printf("%s: %s document%s inserted, %s present before, %s a second\n", view->collection,
               format(progress->n_inserted, inserted), plural(progress->n_inserted),
               format(progress->n_present, present),
               format((int64_t)rate(progress->n_inserted + progress->n_present, seconds), each_second));
        snprintf(reads, sizeof(reads), "%s.%s", runs_read->database, runs_read->collection);
        if (*runs_read->database && strcmp(reads, view->collection) != 0)
                printf("runs read %s, as source.database and source.collection of pipeline.yaml say\n", reads);
        return 0;
}

void load_view_end_early(struct load_view *view, const struct mongo_load_progress *progress) {
        char inserted[NUMBER_BYTES], present[NUMBER_BYTES];

        command_fail("%s: so far %s document%s inserted, %s present before; the same command%s goes on from there",
                     view->collection, format(progress->n_inserted, inserted), plural(progress->n_inserted),
                     format(progress->n_present, present), view->is_dropped ? " without --drop" : "");
}
