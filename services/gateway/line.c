/* Line: one loop over courier and mailbox. */

#include "services/gateway/line.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "proto/stage_to_gateway.h"
#include "services/gateway/line_internal.h"

enum {
        WAIT_MS = 1000,
        DEFER_MS = 500,
        DEFERRALS_MAX = 8, /* of a message whose failure does not pass */
};

struct line {
        struct line_options options;
        struct mailbox mailbox;
        struct socket_context *sockets;
        struct spool *spool;
        struct courier *courier;
        struct ledger *ledger;
        struct runs *runs;
        struct watchers watchers;
        pthread_t thread;
        bool is_started;
        _Atomic bool is_stopping, has_failed;
        bool must_resume; /* an end could not be recorded, or what follows from one not be done */
        int64_t rest_ms;  /* monotonic, until when the inbox is left alone, since the spool could not be written */
        int64_t begin_ms; /* monotonic, until when no run is begun, since one could not be */

        pthread_mutex_t lock; /* of the two below */
        struct line_stage stages[STAGE_N_WORKERS];
        struct line_counts counts;
};

struct runs *line_runs(struct line *line) {
        return line->runs;
}

struct ledger *line_ledger(struct line *line) {
        return line->ledger;
}

const struct pipeline *line_pipeline(const struct line *line) {
        return line->options.pipeline;
}

struct mailbox *line_mailbox(struct line *line) {
        return &line->mailbox;
}

bool line_has_failed(struct line *line) {
        return atomic_load(&line->has_failed);
}

struct watchers *line_watchers(struct line *line) {
        return &line->watchers;
}

void line_stages(struct line *line, struct line_stage ret_stages[STAGE_N_WORKERS]) {
        int64_t now = clock_monotonic_ms();

        pthread_mutex_lock(&line->lock);
        memcpy(ret_stages, line->stages, sizeof(line->stages));
        pthread_mutex_unlock(&line->lock);
        for (int i = 0; i < STAGE_N_WORKERS; i++)
                ret_stages[i].is_alive = ret_stages[i].heard_ms && now - ret_stages[i].heard_ms < LINE_HEARTBEAT_MS;
}

void line_counts(struct line *line, struct line_counts *ret_counts) {
        pthread_mutex_lock(&line->lock);
        *ret_counts = line->counts;
        pthread_mutex_unlock(&line->lock);
}

/* The envelope and the whole body, of the types that come here. */
static int check(void *context _unused_, const char *key _unused_, const uint8_t *body, size_t n_bytes,
                 struct fault *fault) {
        _cleanup_(free_pointer) struct stage_to_gateway *end = calloc(1, sizeof(*end));
        _cleanup_(free_pointer) struct pusher_to_gateway *release = calloc(1, sizeof(*release));
        struct envelope envelope = ENVELOPE_NULL;
        int r;

        if (!end || !release)
                return error_origin(-ENOMEM, "checking a message");
        r = envelope_unpack(body, n_bytes, &envelope, fault);
        if (r)
                return r;
        if (envelope.type == MESSAGE_STAGE_TO_GATEWAY)
                return stage_to_gateway_unpack(&envelope, end, fault);
        return pusher_to_gateway_unpack(&envelope, release, fault);
}

static int on_reject(void *context, const char *id _unused_, const char *key, const uint8_t *body, size_t n_bytes,
                     const struct fault *fault) {
        struct line *line = context;
        struct envelope about = ENVELOPE_NULL;
        struct fault unread = FAULT_NULL;
        int r;

        r = envelope_unpack(body, n_bytes, &about, &unread);
        if (r < 0)
                return error_trace(r);
        return runs_refuse(line->runs, key, &about, fault);
}

static void note_heartbeat(struct line *line, const struct envelope *envelope) {
        struct heartbeat heartbeat = HEARTBEAT_NULL;
        struct fault fault = FAULT_NULL;

        if (heartbeat_unpack(envelope, &heartbeat, &fault) || heartbeat.stage >= STAGE_N_WORKERS)
                return;
        pthread_mutex_lock(&line->lock);
        line->stages[heartbeat.stage].heard_ms = clock_monotonic_ms();
        line->stages[heartbeat.stage].heartbeat = heartbeat;
        pthread_mutex_unlock(&line->lock);
        runs_note_wait(line->runs, envelope, &heartbeat, clock_monotonic_ms() + LINE_HEARTBEAT_MS);
}

static void on_lossy(void *context, const char *key _unused_, const uint8_t *body, size_t n_bytes) {
        struct envelope envelope = ENVELOPE_NULL;
        struct progress progress = PROGRESS_NULL;
        struct fault fault = FAULT_NULL;
        struct line *line = context;

        if (envelope_unpack(body, n_bytes, &envelope, &fault))
                return;
        if (envelope.type == MESSAGE_HEARTBEAT)
                note_heartbeat(line, &envelope);
        else if (envelope.type == MESSAGE_PROGRESS && !progress_unpack(&envelope, &progress, &fault))
                runs_note_progress(line->runs, &envelope, &progress);
}

static bool find_champion(void *context, bool *ret_has_champion, struct champion *ret_champion) {
        struct line *line = context;

        return model_swap_champion(line->options.model_swap, ret_has_champion, ret_champion);
}

static void on_event(void *context, const char *run, const struct ledger_event *event, bool is_last) {
        struct line *line = context;

        watchers_tell(&line->watchers, run, event, is_last);
}

/* A release on its way into the loops; a job of this thread when it has arrived. */
struct arrival {
        struct job job;
        struct line *line;
        char run[UUID_TEXT_BYTES];
};

static void run_arrival(struct job *job, void *context) {
        struct arrival *arrival = (struct arrival *)(void *)job;
        struct line *line = context;

        if (runs_finish(line->runs, arrival->run)) {
                log_warn("run=%s its end cannot be recorded now, retrying in %d ms", arrival->run, WAIT_MS);
                line->must_resume = true;
        }
        free(arrival);
}

static void discard_arrival(struct job *job) {
        free((struct arrival *)(void *)job);
}

static void on_taken(void *context) {
        struct arrival *arrival = context;

        mailbox_put_always(&arrival->line->mailbox, &arrival->job);
}

static void on_released(void *context, const char *run, const struct pusher_to_gateway *release) {
        struct arrival *arrival = calloc(1, sizeof(*arrival));
        struct line *line = context;

        if (!arrival) {
                log_warn("run=%s out of memory, its end is recorded in %d ms", run, WAIT_MS);
                line->must_resume = true;
                return;
        }
        *arrival = (struct arrival){ { .run = run_arrival, .discard = discard_arrival }, .line = line };
        snprintf(arrival->run, sizeof(arrival->run), "%s", run);
        if (release->promoted)
                model_swap_look(line->options.model_swap, on_taken, arrival);
        else
                on_taken(arrival);
}

static int create_runs(struct line *line, struct fault *fault) {
        const struct runs_options options = {
                .pipeline = line->options.pipeline,
                .schema = line->options.schema,
                .spool = line->spool,
                .courier = line->courier,
                .ledger = line->ledger,
                .store = line->options.store,
                .hooks = { line, find_champion, on_event, on_released },
        };

        return error_trace(runs_create(&options, &line->runs, fault));
}

int line_create(const struct line_options *options, struct line **ret_line, struct fault *fault) {
        _cleanup_(line_destroy_pointer) struct line *line = calloc(1, sizeof(*line));
        int r;

        if (!line)
                return error_origin(-ENOMEM, "creating the line");
        r = mailbox_init(&line->mailbox);
        if (r) {
                free(steal(line));
                return error_trace(r);
        }
        line->options = *options;
        pthread_mutex_init(&line->lock, NULL);
        r = socket_context_create(&line->sockets);
        if (!r)
                r = spool_open(options->spool_path, &line->spool);
        if (!r)
                r = ledger_create(spool_db(line->spool), &line->ledger);
        if (!r)
                r = courier_create(&(struct courier_options){ .sockets = line->sockets,
                                                              .spool = line->spool,
                                                              .endpoint = options->endpoint,
                                                              .hooks = { .context = line,
                                                                         .check = check,
                                                                         .on_reject = on_reject,
                                                                         .on_lossy = on_lossy } },
                                   &line->courier);
        if (!r)
                r = create_runs(line, fault);
        if (r)
                return error_trace(r);
        *ret_line = steal(line);
        return 0;
}

struct line *line_destroy(struct line *line) {
        if (!line)
                return NULL;
        line_stop(line);
        runs_destroy(line->runs);
        ledger_destroy(line->ledger);
        courier_destroy(line->courier);
        spool_destroy(line->spool);
        socket_context_destroy(line->sockets);
        mailbox_finish(&line->mailbox);
        pthread_mutex_destroy(&line->lock);
        free(line);
        return NULL;
}

void line_destroy_pointer(struct line **line) {
        line_destroy(*line);
}

/* 0 also for a message that was ended before what followed failed. */
static int put_off(struct line *line, const struct spool_message *message) {
        int r;

        r = spool_begin(line->spool);
        if (!r)
                r = spool_inbox_defer(line->spool, message->number, 1, DEFER_MS);
        if (!r)
                r = spool_commit(line->spool);
        spool_rollback(line->spool);
        return r == SPOOL_E_NONE ? 0 : error_trace(r);
}

/* True for failures that come from the message or the ledger's rows themselves: another try ends the same way. Those of
 * disk, memory and store are tried again for ever, since they may be over at any time. */
static bool failure_stays(int error) {
        return error == -EBADMSG || error == -EPROTO || error == -EINVAL || error == -EMSGSIZE;
}

/* What cannot be done now rests; what was tried often enough is given up. */
static int retry_later(struct line *line, const struct spool_message *message, int error) {
        if (failure_stays(error) && message->n_deferrals >= DEFERRALS_MAX)
                return error_trace(runs_give_up(line->runs, message, error));
        log_warn("run=%s errno=%d a message cannot be handled now, retrying in %d ms", message->key, -error, DEFER_MS);
        line->must_resume = true;
        return error_trace(put_off(line, message));
}

/* Handles what is due in the inbox. */
static int handle_rows(struct line *line) {
        struct spool_message message = SPOOL_MESSAGE_NULL;
        int64_t after = 0;
        int r;

        while (!(r = spool_inbox_next(line->spool, after, &message))) {
                after = message.number;
                if (message.rest_ms)
                        continue;
                r = runs_handle(line->runs, &message);
                if (r)
                        r = retry_later(line, &message, r);
                if (r)
                        break;
        }
        spool_message_finish(&message);
        return r == SPOOL_E_NONE ? 0 : error_trace(r);
}

static int handle_inbox(struct line *line) {
        int r;

        if (line->rest_ms > clock_monotonic_ms())
                return 0;
        r = handle_rows(line);
        if (!spool_failure_passes(r))
                return error_trace(r);
        log_warn("errno=%d the spool cannot be written now, retrying in %d ms", -r, WAIT_MS);
        line->rest_ms = clock_monotonic_ms() + WAIT_MS;
        return 0;
}

static void update_counts(struct line *line) {
        struct line_counts counts = { 0 };

        if (ledger_count_states(line->ledger, counts.runs) || spool_dead_count(line->spool, &counts.n_dead))
                return;
        counts.courier = *courier_counts(line->courier);
        pthread_mutex_lock(&line->lock);
        line->counts = counts;
        pthread_mutex_unlock(&line->lock);
}

/* Each heartbeat makes a turn, and a store that is away is not asked that often. */
static void begin_run(struct line *line) {
        if (line->begin_ms > clock_monotonic_ms() || !runs_begin(line->runs))
                return;
        log_warn("the next run cannot be begun now, retrying in %d ms", WAIT_MS);
        line->begin_ms = clock_monotonic_ms() + WAIT_MS;
}

static int turn(struct line *line) {
        size_t n_accepted;
        bool has_mail;
        int r;

        r = courier_wait(line->courier, &line->mailbox.wake_fd, &has_mail, 1, WAIT_MS, &n_accepted);
        if (r)
                return error_trace(r);
        mailbox_run(&line->mailbox, line);
        r = handle_inbox(line);
        if (r)
                return error_trace(r);
        watchers_tell_progress(&line->watchers, line->runs);
        begin_run(line);
        return 0;
}

static void tick(struct line *line) {
        update_counts(line);
        watchers_keep_alive(&line->watchers);
        if (line->must_resume)
                line->must_resume = runs_resume(line->runs);
}

static void *line_main(void *argument) {
        struct line *line = argument;
        int64_t ticked_ms = 0;
        int r;

        r = runs_resume(line->runs);
        if (!r)
                r = handle_inbox(line);
        while (!r && !atomic_load(&line->is_stopping)) {
                r = turn(line);
                if (clock_monotonic_ms() - ticked_ms >= WAIT_MS) {
                        ticked_ms = clock_monotonic_ms();
                        tick(line);
                }
        }
        if (r) {
                log_error("errno=%d the line cannot go on", -r);
                atomic_store(&line->has_failed, true);
        }
        return NULL;
}

int line_start(struct line *line) {
        int r;

        r = pthread_create(&line->thread, NULL, line_main, line);
        if (r)
                return error_origin(-r, "starting the line's thread");
        line->is_started = true;
        return 0;
}

void line_stop(struct line *line) {
        if (line->is_started) {
                atomic_store(&line->is_stopping, true);
                courier_wake(line->courier);
                pthread_join(line->thread, NULL);
                line->is_started = false;
        }
        mailbox_close(&line->mailbox);
        watchers_end(&line->watchers);
}
