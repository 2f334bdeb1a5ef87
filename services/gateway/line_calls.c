/* Line: the HTTP calls about runs. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "services/gateway/line_internal.h"

enum { RUNS_LISTED_MAX = 100 };

static int put_view(struct runs *runs, const char *run, struct run_view *view, struct json_builder *json) {
        int r;

        r = runs_view(runs, run, view);
        if (!r)
                run_view_put_json(view, json);
        return r;
}

/* The run as JSON into the answer, with its parameters: those of a hundred would make a list unwieldy. */
static int write_run(struct line *line, const char *run, struct buffer *text) {
        _cleanup_(free_pointer) struct run_view *view = calloc(1, sizeof(*view));
        _cleanup_(free_pointer) struct run_manifest *manifest = calloc(1, sizeof(*manifest));
        struct json_builder json = json_begin(text, JSON_COMPACT);
        int r;

        if (!view || !manifest)
                return error_origin(-ENOMEM, "showing a run");
        r = runs_view(line_runs(line), run, view);
        if (!r)
                r = ledger_get_run(line_ledger(line), run, manifest);
        if (r)
                return r;
        view->parameters = &manifest->order.parameters;
        view->pipeline = &line_pipeline(line)->parameters;
        run_view_put_json(view, &json);
        return error_trace(json_end(&json));
}

/* 409, naming the state that stands in the way. */
static void refuse_state(struct line *line, struct handoff *handoff, const char *run, const char *done) {
        _cleanup_(free_pointer) struct run_manifest *manifest = calloc(1, sizeof(*manifest));
        const char *verb;
        int r = manifest ? ledger_get_run(line_ledger(line), run, manifest) : -ENOMEM;

        if (r) {
                handoff_return_failure(handoff, r < 0 ? r : -EIO);
                return;
        }
        verb = manifest->state == RUN_STATE_SUCCEEDED || manifest->state == RUN_STATE_FAILED ? "has" : "is";
        handoff_return_coded(
                handoff, 409, "RUN_STATE", "run %s cannot be %s: it %s %s%s", run, done, verb,
                run_state_name(manifest->state),
                manifest->state == RUN_STATE_RUNNING && manifest->has_release ? " and its model is released" : "");
}

/* done: what the call was to do to the run, "canceled". */
static void answer(struct line *line, struct handoff *handoff, int status, const char *done, int r) {
        const char *run = handoff->parameter;

        if (!r)
                r = write_run(line, run, &handoff->answer);
        if (r == RUNS_E_NONE)
                handoff_return_error(handoff, 404, "there is no run %s", run);
        else if (r == RUNS_E_STATE)
                refuse_state(line, handoff, run, done);
        else if (r)
                handoff_return_failure(handoff, r);
        else
                handoff_return(handoff, status);
}

static int write_accepted(const char *run, struct buffer *text) {
        struct json_builder json = json_begin(text, JSON_COMPACT);

        json_begin_object(&json);
        json_key_text(&json, "run_id", run);
        json_key_text(&json, "state", run_state_name(RUN_STATE_PENDING));
        json_end_object(&json);
        return error_trace(json_end(&json));
}

void line_call_train(struct job *job, void *context) {
        struct handoff *handoff = handoff_of_job(job);
        struct fault fault = FAULT_NULL;
        char run[UUID_TEXT_BYTES] = "";
        int condition = 0, r;

        r = runs_accept(line_runs(context), handoff->body.data, handoff->body.n_bytes, handoff->header,
                        handoff->traceparent, run, &condition, &fault);
        if (r == FAULT_E_INPUT) {
                handoff_return_fault(handoff, request_fault_status(&fault), &fault);
                return;
        }
        if (r) {
                handoff_return_failure(handoff, r);
                return;
        }
        if (condition == RUNS_E_BUSY) {
                handoff_return_coded(handoff, 409, "RUN_IN_FLIGHT",
                                     "a run is in flight, and the pipeline refuses another meanwhile");
                return;
        }
        if (condition == RUNS_E_KEY) {
                handoff_return_coded(handoff, 422, "IDEMPOTENCY_KEY_REUSED",
                                     "this Idempotency-Key was used with another request body");
                return;
        }
        snprintf(handoff->location, sizeof(handoff->location), "/runs/%s", run);
        r = write_accepted(run, &handoff->answer);
        if (r)
                handoff_return_failure(handoff, r);
        else
                handoff_return(handoff, 202);
}

struct listing {
        struct runs *runs;
        struct run_view *view;
        struct json_builder *json;
        int64_t n_shown;
        int64_t last; /* number of the last run shown */
        bool is_more;
};

static int list_one(void *context, int64_t number, const char *run) {
        struct listing *listing = context;

        if (listing->n_shown == RUNS_LISTED_MAX) {
                listing->is_more = true;
                return 0;
        }
        listing->n_shown++;
        listing->last = number;
        return put_view(listing->runs, run, listing->view, listing->json);
}

void line_call_list(struct job *job, void *context) {
        _cleanup_(free_pointer) struct run_view *view = calloc(1, sizeof(*view));
        struct handoff *handoff = handoff_of_job(job);
        struct json_builder json = json_begin(&handoff->answer, JSON_COMPACT);
        struct listing listing = { .runs = line_runs(context), .view = view, .json = &json };
        char next[32];
        int r = view ? 0 : -ENOMEM;

        json_begin_object(&json);
        json_key(&json, "runs");
        json_begin_array(&json);
        if (!r)
                r = ledger_list(line_ledger(context), handoff->number, RUNS_LISTED_MAX + 1, list_one, &listing);
        if (r) {
                handoff_return_failure(handoff, r < 0 ? r : -EIO);
                return;
        }
        json_end_array(&json);
        if (listing.is_more) {
                snprintf(next, sizeof(next), "%lld", (long long)listing.last);
                json_key_text(&json, "next", next);
        }
        json_end_object(&json);
        r = json_end(&json);
        if (r)
                handoff_return_failure(handoff, r);
        else
                handoff_return(handoff, 200);
}

void line_call_get(struct job *job, void *context) {
        struct handoff *handoff = handoff_of_job(job);

        answer(context, handoff, 200, "shown", 0);
}

void line_call_cancel(struct job *job, void *context) {
        struct handoff *handoff = handoff_of_job(job);

        answer(context, handoff, 202, "canceled", runs_cancel(line_runs(context), handoff->parameter));
}

void line_call_retry(struct job *job, void *context) {
        struct handoff *handoff = handoff_of_job(job);

        answer(context, handoff, 202, "retried", runs_retry(line_runs(context), handoff->parameter));
}

struct replay {
        struct stream *stream;
        int64_t n_told;
};

static int replay_one(void *context, const struct ledger_event *event) {
        struct replay *replay = context;

        replay->n_told++;
        return stream_tell(replay->stream, event);
}

/* The run as it is, for a client that has heard nothing yet and for which no event is kept any more. */
static int tell_run(struct stream *stream, const struct run_view *view) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct ledger_event event = { .kind = "run" };
        struct json_builder json = json_begin(&text, JSON_COMPACT);
        int r;

        run_view_put_json(view, &json);
        r = json_end(&json);
        if (r)
                return error_trace(r);
        event.data = buffer_text(&text);
        event.n_bytes = text.n_bytes;
        return stream_tell(stream, &event);
}

static int open_stream(struct line *line, struct stream *stream, struct run_view *view) {
        struct replay replay = { .stream = stream };
        bool is_over;
        int64_t newest;
        int r;

        r = runs_view(line_runs(line), stream->run, view);
        if (!r)
                r = ledger_newest_event(line_ledger(line), &newest);
        if (r)
                return r;
        is_over = run_state_is_final(view->state);
        /* a number from before the ledger was rebuilt means nothing now */
        if (stream->after > newest)
                stream->after = 0;
        r = ledger_events(line_ledger(line), stream->run, stream->after, replay_one, &replay);
        if (!r && !replay.n_told && !stream->after)
                r = tell_run(stream, view);
        else if (!r && !replay.n_told && is_over)
                return stream_refuse(stream, 204, "");
        if (r)
                return error_trace(r);
        if (is_over) {
                stream_end(stream);
                return 0;
        }
        watchers_add(line_watchers(line), stream);
        return 0;
}

void line_call_watch(struct job *job, void *context) {
        _cleanup_(free_pointer) struct run_view *view = calloc(1, sizeof(*view));
        struct stream *stream = stream_of_watch(job);
        int r = view ? open_stream(context, stream, view) : -ENOMEM;

        if (r == RUNS_E_NONE)
                r = stream_refuse(stream, 404, "there is no such run");
        else if (r)
                r = stream_refuse(stream, 500, "the run cannot be read; the log says more");
        if (r)
                log_warn("run=%s a stream could not be opened, ignoring", stream->run);
}

void line_call_forget(struct job *job, void *context) {
        struct stream *stream = stream_of_forget(job);

        watchers_remove(line_watchers(context), stream);
        stream_release(stream);
}
