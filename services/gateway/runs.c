/* Runs: what is asked from outside; one transaction a change. */

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
#include "services/gateway/runs_internal.h"

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

void runs_log(const struct run_manifest *run) {
        log_info("run=%s attempt=%lld state=%s the run has changed its state", run->run_id, (long long)run->attempt,
                 run_state_name(run->state));
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

/* False when it is not known who is champion. A run that begins again keeps the champion of its first beginning, also
 * that there was none: stages that are done answer with that order. */
static bool prepare_start(struct runs *runs, struct run_manifest *run) {
        const struct runs_hooks *hooks = &runs->options.hooks;

        if (!run->began_at) {
                if (!hooks->find_champion(hooks->context, &run->order.has_champion, &run->order.champion))
                        return false;
                run->began_at = clock_realtime_ms();
        }
        run->state = RUN_STATE_RUNNING;
        return true;
}

/* The ingestor reads the schema before any manifest of a stage names it, and the store drops what nothing names. */
static int store_schema(struct runs *runs) {
        const struct schema *schema = runs->options.schema;

        return error_trace(store_put_blob(runs->options.store, schema->bytes, schema->n_bytes, NULL));
}

/* Whether it is the store's being away that failed, so that a run may wait for it. */
static bool is_away(int error) {
        switch (error) {
        case -ETIMEDOUT:
        case -ECONNREFUSED:
        case -ECONNRESET:
        case -EHOSTUNREACH:
        case -ENETUNREACH:
        case -EREMOTEIO:
        case -EACCES:
                return true;
        default:
                return false;
        }
}

/* What a run is to find in the store. When that is away the run is PENDING (again), and runs_begin() stores it; to be
 * accepted it needs the ledger alone. */
static int store_accepted(struct runs *runs, struct run_manifest *run, bool *waits) {
        int r;

        if (!*waits && !prepare_start(runs, run))
                *waits = true;
        r = store_schema(runs);
        if (!r)
                r = change_store(&runs->change, run);
        if (!is_away(r))
                return error_trace(r);
        log_warn("run=%s errno=%d the store is away, the run waits for it", run->run_id, -r);
        run->state = RUN_STATE_PENDING;
        run->began_at = 0;
        run->order.has_champion = false;
        memset(&run->order.champion, 0, sizeof(run->order.champion));
        *waits = true;
        return 0;
}

static void note_start(struct runs *runs, const struct run_manifest *run) {
        memset(runs->has_progress, 0, sizeof(runs->has_progress));
        memset(runs->waits, 0, sizeof(runs->waits));
        runs->progress_news = 0;
        snprintf(runs->progress_run, sizeof(runs->progress_run), "%s", run->run_id);
        runs->progress_attempt = run->attempt;
}

/* 0 when a run is RUNNING or CANCELING, RUNS_E_NONE when not. */
static int get_in_flight(struct runs *runs, struct run_manifest *ret_run) {
        int r;

        r = ledger_first_in_state(runs->options.ledger, RUN_STATE_RUNNING, ret_run);
        if (r == LEDGER_E_NONE)
                r = ledger_first_in_state(runs->options.ledger, RUN_STATE_CANCELING, ret_run);
        return r < 0 ? error_trace(r) : r;
}

static int get_waiting(struct runs *runs, struct run_manifest *ret_run) {
        int r = ledger_first_in_state(runs->options.ledger, RUN_STATE_PENDING, ret_run);

        return r < 0 ? error_trace(r) : r;
}

int runs_begin(struct runs *runs) {
        struct run_manifest *run = runs->run;
        int r;

        if (!runs->may_begin)
                return 0;
        r = get_in_flight(runs, run);
        if (r == RUNS_E_NONE)
                r = get_waiting(runs, run);
        else if (!r)
                r = RUNS_E_STATE;
        if (r > 0)
                runs->may_begin = false;
        if (r)
                return r < 0 ? error_trace(r) : 0;
        if (!prepare_start(runs, run))
                return 0;
        r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        r = store_schema(runs);
        if (!r)
                r = change_store(&runs->change, run);
        if (!r)
                r = write_start(runs, run);
        r = change_end(&runs->change, run->run_id, r);
        if (r)
                return error_trace(r);
        note_start(runs, run);
        runs_log(run);
        runs->may_begin = false;
        return 0;
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
        memcpy(run->order.schema.sha256, runs->options.schema->digest, sizeof(run->order.schema.sha256));
        run->order.schema.n_bytes = (int64_t)runs->options.schema->n_bytes;
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
        bool is_busy, waits;
        int r;

        r = digest_sha256(body, n_bytes, request_sha256);
        if (r)
                return error_trace(r);
        *ret_condition = 0;
        r = find_key(runs, key, request_sha256, ret_run, ret_condition);
        if (r != LEDGER_E_NONE)
                return error_trace(r);
        r = get_in_flight(runs, run);
        if (r == RUNS_E_NONE)
                r = get_waiting(runs, run);
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
        waits = is_busy;
        r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        r = store_accepted(runs, run, &waits);
        if (!r && *key)
                r = ledger_put_key(runs->options.ledger, key, request_sha256, run->run_id, run->created_at);
        if (!r)
                r = waits ? change_put_run(&runs->change, run) : write_start(runs, run);
        r = change_end(&runs->change, run->run_id, r);
        if (r)
                return error_trace(r);
        runs_log(run);
        if (waits)
                runs->may_begin = true;
        else
                note_start(runs, run);
        snprintf(ret_run, UUID_TEXT_BYTES, "%s", run->run_id);
        return 0;
}

/*
 * Cancel and retry
 */

int runs_post_cancel(struct runs *runs, const struct run_manifest *run) {
        const struct gateway_to_stage message = { .command = STAGE_COMMAND_CANCEL };
        int r = 0;

        for (int i = 0; !r && i < STAGE_N_WORKERS; i++)
                r = change_post(&runs->change, (enum stage)i, run, MESSAGE_GATEWAY_TO_STAGE, &message);
        return error_trace(r);
}

static int write_cancel(struct runs *runs, const struct run_manifest *run) {
        int r = change_put_run(&runs->change, run);

        return error_trace(r ? r : runs_post_cancel(runs, run));
}

int runs_settle(struct runs *runs, struct run_manifest *run) {
        int r;

        if (run_state_is_final(run->state))
                run->finished_at = clock_realtime_ms();
        r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        r = change_store(&runs->change, run);
        if (!r)
                r = change_put_run(&runs->change, run);
        r = change_end(&runs->change, run->run_id, r);
        if (r)
                return error_trace(r);
        runs_log(run);
        runs->may_begin = true;
        return 0;
}

int runs_cancel(struct runs *runs, const char *run_id) {
        struct run_manifest *run = runs->run;
        int r;

        r = ledger_get_run(runs->options.ledger, run_id, run);
        if (r)
                return r;
        if (run->state == RUN_STATE_PENDING) {
                run->state = RUN_STATE_CANCELED;
                return error_trace(runs_settle(runs, run));
        }
        /* once the alias may have moved, a cancel comes too late */
        if (run->state != RUN_STATE_RUNNING || run->has_release)
                return run->state == RUN_STATE_CANCELING ? 0 : RUNS_E_STATE;
        run->state = RUN_STATE_CANCELING;
        r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        r = change_store(&runs->change, run);
        if (!r)
                r = write_cancel(runs, run);
        r = change_end(&runs->change, run_id, r);
        if (!r)
                runs_log(run);
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
        r = change_begin(&runs->change);
        if (r)
                return error_trace(r);
        r = change_store(&runs->change, run);
        if (!r)
                r = ledger_forget_stages(runs->options.ledger, run_id);
        if (!r)
                r = change_put_run(&runs->change, run);
        r = change_end(&runs->change, run_id, r);
        if (r)
                return error_trace(r);
        runs_log(run);
        runs->may_begin = true;
        return 0;
}

int runs_resume(struct runs *runs) {
        int r;

        runs->may_begin = true;
        r = get_in_flight(runs, runs->run);
        if (r)
                return r < 0 ? error_trace(r) : 0;
        if (strcmp(runs->progress_run, runs->run->run_id) || runs->progress_attempt != runs->run->attempt)
                note_start(runs, runs->run);
        return error_trace(runs_check_release(runs, runs->progress_run));
}

void runs_note_progress(struct runs *runs, const struct envelope *envelope, const struct progress *progress) {
        if (strcmp(envelope->run, runs->progress_run) || envelope->attempt != runs->progress_attempt ||
            progress->stage >= STAGE_N_WORKERS)
                return;
        runs->has_progress[progress->stage] = true;
        runs->progress[progress->stage] = *progress;
        runs->progress_news |= 1U << progress->stage;
}

/* A stage that waits without naming a run can take none in, so whichever comes to it waits. */
void runs_note_wait(struct runs *runs, const struct envelope *envelope, const struct heartbeat *heartbeat,
                    int64_t until_ms) {
        bool is_meant = !*envelope->run ||
                        (!strcmp(envelope->run, runs->progress_run) && envelope->attempt == runs->progress_attempt);
        struct run_view_wait wait = { "", 0 };

        if (heartbeat->stage >= STAGE_N_WORKERS)
                return;
        if (is_meant && *heartbeat->waits_for) {
                memcpy(wait.reason, heartbeat->waits_for, sizeof(wait.reason));
                wait.retry_at = heartbeat->retry_at;
        }
        if (strcmp(wait.reason, runs->waits[heartbeat->stage].reason) != 0)
                runs->progress_news |= 1U << heartbeat->stage;
        runs->waits[heartbeat->stage] = wait;
        runs->waits_until_ms[heartbeat->stage] = until_ms;
}

unsigned runs_take_progress(struct runs *runs, char ret_run[UUID_TEXT_BYTES]) {
        unsigned news = runs->progress_news;

        snprintf(ret_run, UUID_TEXT_BYTES, "%s", runs->progress_run);
        runs->progress_news = 0;
        return news;
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
                if (clock_monotonic_ms() < runs->waits_until_ms[i])
                        ret_view->stages[i].wait = runs->waits[i];
        }
        return 0;
}
