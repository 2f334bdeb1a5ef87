/* Run view: the JSON of GET /runs/{id}. */

#include "proto/run_view.h"

#include <assert.h>
#include <string.h>

#include "common/base/clock.h"
#include "proto/overrides.h"

static const struct record_field counts_fields[] = {
        RECORD_LIST(run_view_stage, counts, count),
        RECORD_LIST(run_view_stage, drifted, drifted_column),
};

const struct record run_view_counts_record = RECORD(run_view_stage, counts_fields);

void run_view_from_manifest(struct run_view *ret_view, const struct run_manifest *manifest) {
        struct run_view view = {
                .state = manifest->state,
                .attempt = manifest->attempt,
                .created_at = manifest->created_at,
                .finished_at = manifest->finished_at,
                .has_release = manifest->has_release,
                .release = manifest->release,
                .has_failure = manifest->has_failure,
                .failure = manifest->failure,
        };

        memcpy(view.run_id, manifest->run_id, sizeof(view.run_id));
        memcpy(view.cause, manifest->order.cause, sizeof(view.cause));
        memcpy(view.ends_run, manifest->ends_run, sizeof(view.ends_run));
        *ret_view = view;
}

void run_view_end_row(struct run_view_stage *stage, const struct stage_to_gateway *end) {
        stage->state = end->state;
        stage->started_at = end->started_at;
        stage->finished_at = end->finished_at;
        stage->booster_ms = end->booster_ms;
        stage->n_counts = end->n_counts;
        memcpy(stage->counts, end->counts, sizeof(stage->counts));
        stage->n_drifted = end->n_drifted;
        memcpy(stage->drifted, end->drifted, sizeof(stage->drifted));
}

void run_view_end_stage(struct run_view *view, const struct stage_to_gateway *end) {
        assert(end->stage < STAGE_N_WORKERS);
        run_view_end_row(&view->stages[end->stage], end);
}

/* {"n_rows":50000,…}: a name stands once, by stage_count(). */
static void put_counts(const struct run_view_stage *stage, struct json_builder *json) {
        if (!stage->n_counts)
                return;
        json_key(json, "counts");
        json_begin_object(json);
        for (size_t i = 0; i < stage->n_counts; i++)
                json_key_int64(json, stage->counts[i].name, stage->counts[i].value);
        json_end_object(json);
}

static void put_drifted(const struct run_view_stage *stage, struct json_builder *json) {
        if (!stage->n_drifted)
                return;
        json_key(json, "drifted");
        json_begin_array(json);
        for (size_t i = 0; i < stage->n_drifted; i++)
                record_put_json(&drifted_column_record, &stage->drifted[i], json);
        json_end_array(json);
}

static void put_time(const char *key, int64_t time_ms, struct json_builder *json) {
        char text[CLOCK_RFC3339_BYTES];

        if (!time_ms)
                return;
        clock_format_rfc3339(time_ms, text);
        json_key_text(json, key, text);
}

static void put_progress(const struct progress *progress, struct json_builder *json) {
        json_key(json, "progress");
        json_begin_object(json);
        json_key_int64(json, "done", progress->done);
        if (progress->total >= 0)
                json_key_int64(json, "total", progress->total);
        json_key_text(json, "unit", progress->unit);
        json_end_object(json);
}

void run_view_put_wait_json(const struct run_view_wait *wait, struct json_builder *json) {
        json_begin_object(json);
        json_key_text(json, "reason", wait->reason);
        put_time("retry_at", wait->retry_at, json);
        json_end_object(json);
}

void run_view_put_stage_json(enum stage name, const struct run_view_stage *stage, struct json_builder *json) {
        json_begin_object(json);
        json_key_text(json, "name", stage_name(name));
        json_key_text(json, "state", run_state_name(stage->state));
        put_time("started_at", stage->started_at, json);
        put_time("finished_at", stage->finished_at, json);
        if (stage->started_at && stage->finished_at >= stage->started_at)
                json_key_int64(json, "ms", stage->finished_at - stage->started_at);
        if (stage->booster_ms)
                json_key_int64(json, "booster_ms", stage->booster_ms);
        put_counts(stage, json);
        put_drifted(stage, json);
        if (stage->has_progress)
                put_progress(&stage->progress, json);
        if (*stage->wait.reason && stage->state == RUN_STATE_RUNNING) {
                json_key(json, "waiting");
                run_view_put_wait_json(&stage->wait, json);
        }
        json_end_object(json);
}

static void put_reasons(const struct run_view *view, struct json_builder *json) {
        const struct pusher_to_gateway *release = &view->release;

        if (!*view->ends_run && !(view->has_release && release->n_reasons))
                return;
        json_key(json, "reasons");
        json_begin_array(json);
        if (*view->ends_run) {
                json_begin_object(json);
                json_key_text(json, "code", view->ends_run);
                json_end_object(json);
        }
        for (size_t i = 0; view->has_release && i < release->n_reasons; i++)
                record_put_json(&reason_record, &release->reasons[i], json);
        json_end_array(json);
}

static void put_release(const struct run_view *view, struct json_builder *json) {
        if (*view->ends_run)
                json_key_bool(json, "accepted", false);
        if (!view->has_release)
                return;
        json_key_bool(json, "accepted", view->release.accepted);
        if (view->release.accepted)
                json_key_bool(json, "promoted", view->release.promoted);
        if (view->release.version)
                json_key_int64(json, "version", view->release.version);
}

static void put_metrics(const struct pusher_to_gateway *release, struct json_builder *json) {
        json_key(json, "metrics");
        json_begin_object(json);
        json_key(json, "candidate");
        record_put_json(&scores_record, &release->candidate, json);
        if (release->has_champion) {
                json_key(json, "champion");
                record_put_json(&scores_record, &release->champion, json);
        }
        json_end_object(json);
}

void run_view_put_json(const struct run_view *view, struct json_builder *json) {
        json_begin_object(json);
        json_key_text(json, "run_id", view->run_id);
        json_key_text(json, "state", run_state_name(view->state));
        json_key_int64(json, "attempt", view->attempt);
        put_release(view, json);
        put_reasons(view, json);
        json_key_text(json, "cause", view->cause);
        put_time("created_at", view->created_at, json);
        put_time("finished_at", view->finished_at, json);
        json_key(json, "stages");
        json_begin_array(json);
        for (int i = 0; i < STAGE_N_WORKERS; i++)
                run_view_put_stage_json((enum stage)i, &view->stages[i], json);
        json_end_array(json);
        if (view->parameters) {
                json_key(json, "parameters");
                record_put_json(&parameters_record, view->parameters, json);
        }
        if (view->parameters && view->pipeline) {
                json_key(json, "overrides");
                overrides_put_json(view->parameters, view->pipeline, json);
        }
        if (view->has_release)
                put_metrics(&view->release, json);
        if (view->has_failure) {
                json_key(json, "error");
                json_begin_object(json);
                json_key_text(json, "stage", stage_name(view->failure.stage));
                record_put_json_fields(&run_error_record, &view->failure.error, json);
                json_end_object(json);
        }
        json_end_object(json);
}
