/* Runs: one transaction a change. */

#include "services/gateway/runs.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "proto/gateway_to_ingestor.h"
#include "proto/gateway_to_stage.h"
#include "services/gateway/change.h"

struct runs {
        struct runs_options options;
        struct change change;
        struct run_manifest *run; /* the one being changed; large */

        char progress_run[UUID_TEXT_BYTES]; /* of the run in flight */
        int64_t progress_attempt;
        bool has_progress[STAGE_N_WORKERS];
        struct progress progress[STAGE_N_WORKERS];
};

int runs_create(const struct runs_options *options, struct runs **ret_runs, struct fault *fault) {
        _cleanup_(runs_destroy_pointer) struct runs *runs = calloc(1, sizeof(*runs));
        int r;

        if (!runs)
                return error_origin(-ENOMEM, "creating the runs");
        runs->options = *options;
        runs->change = (struct change){ .spool = options->spool,
                                        .courier = options->courier,
                                        .ledger = options->ledger,
                                        .store = options->store,
                                        .on_event = options->hooks.on_event,
                                        .context = options->hooks.context };
        runs->run = calloc(1, sizeof(*runs->run));
        if (!runs->run)
                return error_origin(-ENOMEM, "creating the runs");
        r = change_init(&runs->change, fault);
        if (r)
                return error_trace(r);
        *ret_runs = steal(runs);
        return 0;
}

struct runs *runs_destroy(struct runs *runs) {
        if (!runs)
                return NULL;
        change_finish(&runs->change);
        free(runs->run);
        free(runs);
        return NULL;
}

void runs_destroy_pointer(struct runs **runs) {
        runs_destroy(*runs);
}

static void log_run(const struct run_manifest *run) {
        log_info("run=%s attempt=%lld state=%s the run is %s", run->run_id, (long long)run->attempt,
                 run_state_name(run->state), run_state_name(run->state));
}

/*
 * Beginning
 */

/* Writes the start of a PENDING run; its manifest is stored beforehand with the champion it is to be measured by. */
static int write_start(struct runs *runs, const struct run_manifest *run) {
        const struct gateway_to_ingestor message = { .order = run->order };
        struct ledger_stage stage = { .stage = STAGE_INGESTOR, .attempt = run->attempt };
        int r;

        stage.row = (struct run_view_stage){ .state = RUN_STATE_RUNNING, .started_at = clock_realtime_ms() };
        r = ledger_put_stage(runs->options.ledger, run->run_id, &stage);
        if (!r)
                r = change_put_run(&runs->change, run);
        if (!r)
                r = change_post(&runs->change, STAGE_INGESTOR, run, MESSAGE_GATEWAY_TO_INGESTOR, &message);
        return error_trace(r);
}

static void prepare_start(struct runs *runs, struct run_manifest *run) {
        const struct runs_hooks *hooks = &runs->options.hooks;

        run->state = RUN_STATE_RUNNING;
        hooks->find_champion(hooks->context, &run->order.has_champion, &run->order.champion);
        memset(runs->has_progress, 0, sizeof(runs->has_progress));
        snprintf(runs->progress_run, sizeof(runs->progress_run), "%s", run->run_id);
        runs->progress_attempt = run->attempt;
}

/* 0 when a run is RUNNING or CANCELING, RUNS_E_NONE when not. */
static int find_in_flight(struct runs *runs, struct run_manifest *ret_run) {
        int r;

        r = ledger_first_in_state(runs->options.ledger, RUN_STATE_RUNNING, ret_run);
        if (r == LEDGER_E_NONE)
                r = ledger_first_in_state(runs->options.ledger, RUN_STATE_CANCELING, ret_run);
        return r < 0 ? error_trace(r) : r;
}

/* Begins the oldest PENDING run when nothing is in flight. */
static int start_next(struct runs *runs) {
        struct run_manifest *run = runs->run;
        int r;

        r = find_in_flight(runs, run);
        if (r != RUNS_E_NONE)
                return r < 0 ? error_trace(r) : 0;
        r = ledger_first_in_state(runs->options.ledger, RUN_STATE_PENDING, run);
        if (r)
                return r < 0 ? error_trace(r) : 0;
        prepare_start(runs, run);
        r = change_store(&runs->change, run);
        if (r)
                return error_trace(r);
        r = change_begin(&runs->change);
        if (!r)
                r = change_end(&runs->change, run->run_id, write_start(runs, run));
        if (!r)
                log_run(run);
        return error_trace(r);
}

static int find_key(struct runs *runs, const char *key, const char *request_sha256, char ret_run[UUID_TEXT_BYTES],
                    int *ret_condition) {
        char known[DIGEST_SHA256_BYTES];
        int r;

        if (!*key)
                return LEDGER_E_NONE;
        r = ledger_get_key(runs->options.ledger, key, clock_realtime_ms(), known, ret_run);
        if (!r)
                *ret_condition = strcmp(known, request_sha256) ? RUNS_E_KEY : 0;
        return r < 0 ? error_trace(r) : r;
}

static int fill_manifest(struct runs *runs, const void *body, size_t n_bytes, const char *key,
                         const char *request_sha256, const char *traceparent, struct run_manifest *run,
                         struct fault *fault) {
        int r;

        memset(run, 0, sizeof(*run));
        run->order.parameters = runs->options.pipeline->parameters;
        r = parameters_override(&run->order.parameters, body, n_bytes, fault);
        if (!r)
                r = uuid_make_v7(run->run_id);
        if (r)
                return error_trace(r);
        run->attempt = 1;
        run->state = RUN_STATE_PENDING;
        run->created_at = clock_realtime_ms();
        run->order.schema = runs->options.schema;
        snprintf(run->order.cause, sizeof(run->order.cause), "http");
        snprintf(run->idempotency_key, sizeof(run->idempotency_key), "%s", key);
        snprintf(run->request_sha256, sizeof(run->request_sha256), "%s", request_sha256);
        if (envelope_traceparent_is_valid(traceparent))
                snprintf(run->traceparent, sizeof(run->traceparent), "%s", traceparent);
        return 0;
}

int runs_accept(struct runs *runs, const void *body, size_t n_bytes, const char *key, const char *traceparent,
                char ret_run[UUID_TEXT_BYTES], int *ret_condition, struct fault *fault) {
        struct run_manifest *run = runs->run;
        char request_sha256[DIGEST_SHA256_BYTES];
        bool is_busy;
        int r;

        r = digest_sha256(body, n_bytes, request_sha256);
        if (r)
                return error_trace(r);
        *ret_condition = 0;
        r = find_key(runs, key, request_sha256, ret_run, ret_condition);
        if (r != LEDGER_E_NONE)
                return error_trace(r);
        r = find_in_flight(runs, run);
        if (r < 0)
                return error_trace(r);
        is_busy = !r;
        if (is_busy && runs->options.pipeline->serve.when_busy == SERVE_WHEN_BUSY_REFUSE) {
                *ret_condition = RUNS_E_BUSY;
                return 0;
        }
        r = fill_manifest(runs, body, n_bytes, key, request_sha256, traceparent, run, fault);
        if (r)
                return r;
        if (!is_busy)
                prepare_start(runs, run);
        r = change_store(&runs->change, run);
        if (r)
                return error_trace(r);
        r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        if (*key)
                r = ledger_put_key(runs->options.ledger, key, request_sha256, run->run_id, run->created_at);
        if (!r)
                r = is_busy ? change_put_run(&runs->change, run) : write_start(runs, run);
        r = change_end(&runs->change, run->run_id, r);
        if (r)
                return error_trace(r);
        log_run(run);
        snprintf(ret_run, UUID_TEXT_BYTES, "%s", run->run_id);
        return 0;
}

/*
 * Cancel and retry
 */

static int write_cancel(struct runs *runs, const struct run_manifest *run) {
        const struct gateway_to_stage message = { .command = STAGE_COMMAND_CANCEL };
        int r = change_put_run(&runs->change, run);

        for (int i = 0; !r && i < STAGE_N_WORKERS; i++)
                r = change_post(&runs->change, (enum stage)i, run, MESSAGE_GATEWAY_TO_STAGE, &message);
        return error_trace(r);
}

/* Stores and commits a run that has changed its state, and goes on with the next when it has ended. */
static int settle(struct runs *runs, struct run_manifest *run) {
        bool is_final = run_state_is_final(run->state);
        int r;

        if (is_final)
                run->finished_at = clock_realtime_ms();
        r = change_store(&runs->change, run);
        if (!r)
                r = change_begin(&runs->change);
        if (!r)
                r = change_end(&runs->change, run->run_id, change_put_run(&runs->change, run));
        if (r)
                return error_trace(r);
        log_run(run);
        return is_final ? error_trace(start_next(runs)) : 0;
}

int runs_cancel(struct runs *runs, const char *run_id) {
        struct run_manifest *run = runs->run;
        int r;

        r = ledger_get_run(runs->options.ledger, run_id, run);
        if (r)
                return r;
        if (run->state == RUN_STATE_PENDING) {
                run->state = RUN_STATE_CANCELED;
                return error_trace(settle(runs, run));
        }
        /* once the alias may have moved, a cancel comes too late */
        if (run->state != RUN_STATE_RUNNING || run->has_release)
                return run->state == RUN_STATE_CANCELING ? 0 : RUNS_E_STATE;
        run->state = RUN_STATE_CANCELING;
        r = change_store(&runs->change, run);
        if (!r)
                r = change_begin(&runs->change);
        if (!r)
                r = change_end(&runs->change, run_id, write_cancel(runs, run));
        if (!r)
                log_run(run);
        return error_trace(r);
}

int runs_retry(struct runs *runs, const char *run_id) {
        struct run_manifest *run = runs->run;
        int r;

        r = ledger_get_run(runs->options.ledger, run_id, run);
        if (r)
                return r;
        if (run->state != RUN_STATE_FAILED && run->state != RUN_STATE_CANCELED)
                return RUNS_E_STATE;
        run->state = RUN_STATE_PENDING;
        run->attempt++;
        run->finished_at = 0;
        run->has_failure = false;
        run->has_release = false;
        run->ends_run[0] = 0;
        r = change_store(&runs->change, run);
        if (!r)
                r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        r = ledger_forget_stages(runs->options.ledger, run_id);
        if (!r)
                r = change_put_run(&runs->change, run);
        r = change_end(&runs->change, run_id, r);
        if (r)
                return error_trace(r);
        log_run(run);
        return error_trace(start_next(runs));
}

/*
 * What stages tell
 */

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

/* Commits the end of an inbox row together with what it says about the run. */
static int write_stage_end(struct runs *runs, struct run_manifest *run, const struct stage_to_gateway *end,
                           bool has_changed) {
        struct ledger_stage stage = { .stage = end->stage, .attempt = run->attempt };
        int r;

        r = ledger_get_view(runs->options.ledger, run->run_id, runs->change.view);
        if (r)
                return error_trace(r);
        run_view_end_stage(runs->change.view, end);
        stage.row = runs->change.view->stages[end->stage];
        r = change_put_stage(&runs->change, run->run_id, &stage);
        if (!r)
                r = put_next_stage(runs, run, end);
        if (!r && has_changed)
                r = change_put_run(&runs->change, run);
        return error_trace(r);
}

static int handle_stage_end(struct runs *runs, const struct spool_message *message, const struct envelope *envelope,
                            struct run_manifest *run, const struct stage_to_gateway *end) {
        bool has_changed = false;
        int r;

        if (envelope->attempt == run->attempt && !run_state_is_final(run->state))
                has_changed = apply_stage_end(run, end);
        if (has_changed) {
                run->finished_at = clock_realtime_ms();
                r = change_store(&runs->change, run);
                if (r)
                        return error_trace(r);
        }
        r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        if (envelope->attempt == run->attempt)
                r = write_stage_end(runs, run, end, has_changed);
        if (!r)
                r = spool_inbox_end(runs->options.spool, message->number);
        r = change_end(&runs->change, run->run_id, r);
        if (!r && has_changed)
                log_run(run);
        return error_trace(r);
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

/* Asks the owner to take the release up, once everything about the run has been told. */
static int check_release(struct runs *runs, const char *run_id) {
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
                r = check_release(runs, envelope.run);
        return r ? error_trace(r) : error_trace(start_next(runs));
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
        return error_trace(settle(runs, run));
}

int runs_resume(struct runs *runs) {
        int r;

        r = find_in_flight(runs, runs->run);
        if (r == RUNS_E_NONE)
                return error_trace(start_next(runs));
        if (r)
                return error_trace(r);
        snprintf(runs->progress_run, sizeof(runs->progress_run), "%s", runs->run->run_id);
        runs->progress_attempt = runs->run->attempt;
        return error_trace(check_release(runs, runs->progress_run));
}

void runs_note_progress(struct runs *runs, const struct envelope *envelope, const struct progress *progress) {
        if (strcmp(envelope->run, runs->progress_run) || envelope->attempt != runs->progress_attempt ||
            progress->stage >= STAGE_N_WORKERS)
                return;
        runs->has_progress[progress->stage] = true;
        runs->progress[progress->stage] = *progress;
}

int runs_view(struct runs *runs, const char *run_id, struct run_view *ret_view) {
        int r;

        r = ledger_get_view(runs->options.ledger, run_id, ret_view);
        if (r)
                return r < 0 ? error_trace(r) : r;
        if (strcmp(run_id, runs->progress_run) || ret_view->attempt != runs->progress_attempt)
                return 0;
        for (int i = 0; i < STAGE_N_WORKERS; i++) {
                ret_view->stages[i].has_progress = runs->has_progress[i];
                ret_view->stages[i].progress = runs->progress[i];
        }
        return 0;
}
