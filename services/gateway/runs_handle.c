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

/* A stage that could not read the attempt means the one that runs. */
static bool is_about(const struct envelope *envelope, int64_t attempt) {
        return !envelope->attempt || envelope->attempt == attempt;
}

/* A run whose message was refused has failed where nobody else knows of it: later stages may be at work on it. */
static bool must_be_told_to_stages(const struct run_manifest *run) {
        return run->has_failure && !strcmp(run->failure.error.code, STAGE_TO_GATEWAY_REJECTED);
}

/* An end that was told before, or that belongs to an earlier attempt, only leaves the inbox. A failure counts also when
 * the stage itself has told its end: it may be that the gateway refused what came with it. */
static int handle_stage_end(struct runs *runs, const struct spool_message *message, const struct envelope *envelope,
                            struct run_manifest *run, const struct stage_to_gateway *end) {
        bool is_current = is_about(envelope, run->attempt), is_news, has_changed;
        int r;

        r = ledger_get_view(runs->options.ledger, run->run_id, runs->change.view);
        if (r)
                return error_trace(r < 0 ? r : -EIO);
        is_news = is_current && !run_state_is_final(runs->change.view->stages[end->stage].state);
        has_changed = (is_news || (is_current && end->state == RUN_STATE_FAILED)) && !run_state_is_final(run->state) &&
                      apply_stage_end(run, end);
        r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        if (has_changed) {
                run->finished_at = clock_realtime_ms();
                r = change_store(&runs->change, run);
        }
        if (!r && is_news)
                r = write_stage_end(runs, run, end);
        if (!r && has_changed)
                r = change_put_run(&runs->change, run);
        if (!r && has_changed && must_be_told_to_stages(run))
                r = runs_post_cancel(runs, run);
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

/* The stage whose message was refused. Where that cannot be read, the first stage whose end is not known. */
static enum stage find_refused_stage(const struct run_view *view, const struct envelope *envelope) {
        int stage = STAGE_INGESTOR;

        if (envelope->version && envelope->type == MESSAGE_PUSHER_TO_GATEWAY)
                return STAGE_PUSHER;
        while (stage < STAGE_PUSHER && run_state_is_final(view->stages[stage].state))
                stage++;
        return (enum stage)stage;
}

/* The end of that stage which stands for the refused message. */
static void fill_refusal(const struct run_view *view, const struct envelope *envelope, const struct fault *fault,
                         struct stage_to_gateway *ret_end) {
        int64_t now = clock_realtime_ms(), started_at;
        enum stage stage = find_refused_stage(view, envelope);
        struct fault refusal = *fault; /* its place stays */

        fault_set(&refusal, STAGE_TO_GATEWAY_REJECTED, "the gateway refused %s: %s: %s",
                  envelope->version ? message_name(envelope->type) : "a message about this run", fault->code,
                  fault->message);
        started_at = view->stages[stage].started_at;
        *ret_end = (struct stage_to_gateway){ .stage = stage,
                                              .state = RUN_STATE_FAILED,
                                              .started_at = started_at ? started_at : now,
                                              .finished_at = now,
                                              .has_error = true };
        run_error_from_fault(&ret_end->error, &refusal);
}

static bool comes_here(enum message_type type) {
        return type == MESSAGE_STAGE_TO_GATEWAY || type == MESSAGE_PUSHER_TO_GATEWAY;
}

int runs_refuse(struct runs *runs, const char *key, const struct envelope *envelope, const struct fault *fault) {
        _cleanup_(free_pointer) struct stage_to_gateway *end = calloc(1, sizeof(*end));
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
        struct run_view *view = runs->change.view;
        bool is_read = envelope->version;
        struct envelope about;
        char id[UUID_TEXT_BYTES];
        int r;

        if (!end)
                return error_origin(-ENOMEM, "refusing a message");
        if (is_read && !comes_here(envelope->type))
                return 0;
        r = ledger_get_view(runs->options.ledger, is_read ? envelope->run : key, view);
        if (r)
                return r == LEDGER_E_NONE ? 0 : error_trace(r);
        if ((view->state != RUN_STATE_RUNNING && view->state != RUN_STATE_CANCELING) ||
            (is_read && !is_about(envelope, view->attempt)))
                return 0;
        fill_refusal(view, envelope, fault, end);
        envelope_init(&about, view->run_id, view->attempt, runs->change.sequence++, envelope->traceparent);
        r = stage_to_gateway_pack(end, &about, &frame);
        if (!r)
                r = uuid_make_v7(id);
        if (r)
                return error_trace(r);
        r = spool_inbox_put(runs->options.spool, id, view->run_id, frame.data, frame.n_bytes);
        return r < 0 ? error_trace(r) : r;
}

/* Ends a row that nothing can be made of: it was taken by another build, or its run is not known. */
static int drop(struct runs *runs, const struct spool_message *message, const struct envelope *envelope, bool fails_run,
                const struct fault *fault) {
        char reason[sizeof(fault->message)];
        int r;

        fault_format(fault, reason, sizeof(reason));
        log_warn("run=%s id=%s reason=\"%s\" a message is kept in dead", message->key, message->id, reason);
        r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        r = spool_dead_put(runs->options.spool, reason, message->id, message->key, message->body.data,
                           message->body.n_bytes);
        if (!r)
                r = spool_inbox_end(runs->options.spool, message->number);
        if (!r && fails_run)
                r = runs_refuse(runs, message->key, envelope, fault);
        return error_trace(change_end(&runs->change, message->key, r));
}

int runs_give_up(struct runs *runs, const struct spool_message *message, int error) {
        _cleanup_(free_pointer) struct stage_to_gateway *end = calloc(1, sizeof(*end));
        struct fault fault = FAULT_NULL, unread = FAULT_NULL;
        struct envelope envelope = ENVELOPE_NULL;
        bool is_refusal = false;
        int r;

        if (!end)
                return error_origin(-ENOMEM, "giving up a message");
        r = envelope_unpack(message->body.data, message->body.n_bytes, &envelope, &unread);
        if (!r && envelope.type == MESSAGE_STAGE_TO_GATEWAY)
                is_refusal = !stage_to_gateway_unpack(&envelope, end, &unread) && end->has_error &&
                             !strcmp(end->error.code, STAGE_TO_GATEWAY_REJECTED);
        fault_set(&fault, "MESSAGE_UNHANDLED", "tried %lld times: %s", (long long)message->n_deferrals + 1,
                  strerror(-error));
        r = drop(runs, message, &envelope, !is_refusal, &fault);
        if (r < 0 && !is_refusal) {
                log_error("run=%s errno=%d the run cannot be failed either; make the ledger anew with `convoy doctor "
                          "--rebuild`",
                          message->key, -r);
                r = drop(runs, message, &envelope, false, &fault);
        }
        return error_trace(r);
}

int runs_handle(struct runs *runs, const struct spool_message *message) {
        _cleanup_(free_pointer) struct stage_to_gateway *end = calloc(1, sizeof(*end));
        _cleanup_(free_pointer) struct pusher_to_gateway *release = calloc(1, sizeof(*release));
        struct fault fault = FAULT_NULL;
        struct envelope envelope = ENVELOPE_NULL;
        int r;

        if (!end || !release)
                return error_origin(-ENOMEM, "handling a message");
        r = envelope_unpack(message->body.data, message->body.n_bytes, &envelope, &fault);
        if (!r && envelope.type == MESSAGE_STAGE_TO_GATEWAY)
                r = stage_to_gateway_unpack(&envelope, end, &fault);
        else if (!r)
                r = pusher_to_gateway_unpack(&envelope, release, &fault);
        if (r == FAULT_E_INPUT)
                return error_trace(drop(runs, message, &envelope, true, &fault));
        if (r)
                return error_trace(r);
        r = ledger_get_run(runs->options.ledger, envelope.run, runs->run);
        if (r == LEDGER_E_NONE) {
                fault_set(&fault, "RUN_UNKNOWN", "the ledger knows no such run");
                return error_trace(drop(runs, message, &envelope, true, &fault));
        }
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
