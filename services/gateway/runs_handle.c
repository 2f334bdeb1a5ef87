/* Runs: what stages tell, in whatever order it comes. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "services/gateway/runs_internal.h"

static bool all_stages_ended(const struct run_view *view) {
        for (int i = 0; i < STAGE_N_WORKERS; i++)
                if (!run_state_is_final(view->stages[i].state))
                        return false;
        return true;
}

/* The next stage is at work once the one before it has ended well. */
static int put_next_stage(struct runs *runs, const struct run_manifest *run, const struct stage_to_gateway *end) {
        struct ledger_stage next = { .stage = stage_next(end->stage), .attempt = run->attempt };

        if ((end->state != RUN_STATE_SUCCEEDED && end->state != RUN_STATE_SKIPPED) || *end->ends_run ||
            next.stage == STAGE_GATEWAY || run_state_is_final(runs->change.view->stages[next.stage].state))
                return 0;
        next.row = (struct run_view_stage){ .state = RUN_STATE_RUNNING, .started_at = end->finished_at };
        return error_trace(change_put_stage(&runs->change, run->run_id, &next));
}

/* What the end of a stage makes of the run; true when the run has changed. */
static bool apply_stage_end(struct run_manifest *run, const struct stage_to_gateway *end) {
        if (end->state == RUN_STATE_FAILED) {
                run->state = RUN_STATE_FAILED;
                run->has_failure = true;
                run->failure = (struct run_failure){ end->stage, end->error };
                return true;
        }
        if (end->state == RUN_STATE_CANCELED) {
                run->state = RUN_STATE_CANCELED;
                return true;
        }
        if (*end->ends_run) {
                run->state = RUN_STATE_SUCCEEDED;
                snprintf(run->ends_run, sizeof(run->ends_run), "%s", end->ends_run);
                return true;
        }
        return false;
}

/* The stage's row, in the view that change.view holds, and the next one's. */
static int write_stage_end(struct runs *runs, const struct run_manifest *run, const struct stage_to_gateway *end) {
        struct ledger_stage stage = { .stage = end->stage, .attempt = run->attempt };
        int r;

        run_view_end_stage(runs->change.view, end);
        stage.row = runs->change.view->stages[end->stage];
        r = change_put_stage(&runs->change, run->run_id, &stage);
        if (!r)
                r = put_next_stage(runs, run, end);
        return error_trace(r);
}

/* An end that was told before, or that belongs to an earlier attempt, only leaves the inbox. */
static int handle_stage_end(struct runs *runs, const struct spool_message *message, const struct envelope *envelope,
                            struct run_manifest *run, const struct stage_to_gateway *end) {
        bool is_news = envelope->attempt == run->attempt, has_changed;
        int r;

        r = ledger_get_view(runs->options.ledger, run->run_id, runs->change.view);
        if (r)
                return error_trace(r < 0 ? r : -EIO);
        is_news = is_news && !run_state_is_final(runs->change.view->stages[end->stage].state);
        has_changed = is_news && !run_state_is_final(run->state) && apply_stage_end(run, end);
        if (has_changed) {
                run->finished_at = clock_realtime_ms();
                r = change_store(&runs->change, run);
                if (r)
                        return error_trace(r);
        }
        r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        if (is_news)
                r = write_stage_end(runs, run, end);
        if (!r && has_changed)
                r = change_put_run(&runs->change, run);
        if (!r)
                r = spool_inbox_end(runs->options.spool, message->number);
        r = change_end(&runs->change, run->run_id, r);
        if (r || !has_changed)
                return error_trace(r);
        runs_log(run);
        runs->may_begin = true;
        return 0;
}

static int handle_release(struct runs *runs, const struct spool_message *message, const struct envelope *envelope,
                          struct run_manifest *run, const struct pusher_to_gateway *release) {
        int r;

        r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        if (envelope->attempt == run->attempt && !run_state_is_final(run->state)) {
                run->has_release = true;
                run->release = *release;
                r = ledger_put_run(runs->options.ledger, run);
        }
        if (!r)
                r = spool_inbox_end(runs->options.spool, message->number);
        return error_trace(change_end(&runs->change, run->run_id, r));
}

int runs_check_release(struct runs *runs, const char *run_id) {
        const struct runs_hooks *hooks = &runs->options.hooks;
        int r;

        r = ledger_get_view(runs->options.ledger, run_id, runs->change.view);
        if (r)
                return error_trace(r);
        if (runs->change.view->has_release && !run_state_is_final(runs->change.view->state) &&
            all_stages_ended(runs->change.view))
                hooks->on_released(hooks->context, run_id, &runs->change.view->release);
        return 0;
}

/* Ends a row that nothing can be made of. */
static int drop(struct runs *runs, const struct spool_message *message, const char *reason) {
        int r;

        log_warn("run=%s id=%s reason=\"%s\" a message is put to the dead", message->key, message->id, reason);
        r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        r = spool_dead_put(runs->options.spool, reason, message->id, message->key, message->body.data,
                           message->body.n_bytes);
        if (!r)
                r = spool_inbox_end(runs->options.spool, message->number);
        return error_trace(change_end(&runs->change, message->key, r));
}

int runs_handle(struct runs *runs, const struct spool_message *message) {
        _cleanup_(free_pointer) struct stage_to_gateway *end = calloc(1, sizeof(*end));
        _cleanup_(free_pointer) struct pusher_to_gateway *release = calloc(1, sizeof(*release));
        struct fault fault = FAULT_NULL;
        struct envelope envelope = ENVELOPE_NULL;
        char text[sizeof(fault.message)];
        int r;

        if (!end || !release)
                return error_origin(-ENOMEM, "handling a message");
        r = envelope_unpack(message->body.data, message->body.n_bytes, &envelope, &fault);
        if (!r && envelope.type == MESSAGE_STAGE_TO_GATEWAY)
                r = stage_to_gateway_unpack(&envelope, end, &fault);
        else if (!r)
                r = pusher_to_gateway_unpack(&envelope, release, &fault);
        if (r == FAULT_E_INPUT)
                return error_trace(drop(runs, message, fault_format(&fault, text, sizeof(text))));
        if (r)
                return error_trace(r);
        r = ledger_get_run(runs->options.ledger, envelope.run, runs->run);
        if (r == LEDGER_E_NONE)
                return error_trace(drop(runs, message, "the ledger knows no such run"));
        if (r)
                return error_trace(r);
        r = envelope.type == MESSAGE_STAGE_TO_GATEWAY ? handle_stage_end(runs, message, &envelope, runs->run, end)
                                                      : handle_release(runs, message, &envelope, runs->run, release);
        if (!r)
                r = runs_check_release(runs, envelope.run);
        return error_trace(r);
}

int runs_finish(struct runs *runs, const char *run_id) {
        struct run_manifest *run = runs->run;
        int r;

        r = ledger_get_run(runs->options.ledger, run_id, run);
        if (r)
                return r < 0 ? error_trace(r) : 0;
        if (run_state_is_final(run->state))
                return 0;
        run->state = RUN_STATE_SUCCEEDED;
        return error_trace(runs_settle(runs, run));
}
