/* Stage loop: one turn is wait, take back what is done, look into the inbox, tell. */

#include "services/stage/stage_loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/daemon.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "services/stage/stage_loop_internal.h"
#include "services/stage/stage_row.h"

enum {
        BEAT_MS = 1000,
        /* so soon again when the gateway was not there to receive it, then twice as long each time */
        BEAT_AGAIN_MS = 50,
        /* how long a stop waits for the work at hand */
        DRAIN_MS = 5000,
};

static int connect_to(struct stage_loop *loop, enum stage stage, struct fault *fault) {
        char endpoint[SOCKET_ENDPOINT_BYTES];
        int r;

        r = stage_endpoint(stage, endpoint, fault);
        return error_trace(r ? r : courier_connect(loop->courier, stage_name(stage), endpoint));
}

static int open_line(struct stage_loop *loop, struct fault *fault) {
        const struct courier_hooks hooks = { .context = loop,
                                             .check = stage_loop_check,
                                             .on_reject = stage_loop_on_reject };
        struct courier_options options = { .endpoint = loop->endpoint, .hooks = hooks };
        int r;

        r = socket_context_create(&loop->sockets);
        if (!r)
                r = spool_open(loop->options.spool_path, &loop->spool);
        if (r)
                return error_trace(r);
        options.sockets = loop->sockets;
        options.spool = loop->spool;
        r = courier_create(&options, &loop->courier);
        if (r == -EADDRINUSE || r == -EADDRNOTAVAIL)
                return fault_set(fault, "ENDPOINT_TAKEN", "cannot listen on %s: %s; set %s to another", loop->endpoint,
                                 strerror(-r), stage_endpoint_variable(loop->options.service->stage));
        if (!r)
                r = connect_to(loop, stage_next(loop->options.service->stage), fault);
        if (!r)
                r = connect_to(loop, STAGE_GATEWAY, fault);
        return error_trace(r);
}

int stage_loop_create(const struct stage_loop_options *options, struct stage_loop **ret_loop, struct fault *fault) {
        _cleanup_(stage_loop_destroy_pointer) struct stage_loop *loop = calloc(1, sizeof(*loop));
        enum stage stage = options->service->stage;
        int r;

        if (!loop)
                return error_origin(-ENOMEM, "making the loop");
        loop->options = *options;
        loop->due_ms = INT64_MAX;
        loop->started_at = clock_realtime_ms();
        stage_shared_init(&loop->shared, stage, NULL);
        r = stage_endpoint(stage, loop->endpoint, fault);
        if (!r)
                r = open_line(loop, fault);
        if (!r)
                r = stage_job_create(stage, &loop->spare);
        if (r)
                return error_trace(r);
        loop->checked = calloc(1, message_record(stage_receives(stage))->n_bytes);
        if (!loop->checked)
                return error_origin(-ENOMEM, "making the loop");
        loop->shared.courier = loop->courier;
        loop->ends.stage = stage;
        loop->ends.spool = loop->spool;
        loop->ends.courier = loop->courier;
        *ret_loop = steal(loop);
        return 0;
}

struct stage_loop *stage_loop_destroy(struct stage_loop *loop) {
        if (!loop)
                return NULL;
        stage_job_destroy(loop->spare);
        stage_job_destroy(loop->ending);
        spool_message_finish(&loop->message);
        stage_ends_finish(&loop->ends);
        courier_destroy(loop->courier);
        spool_destroy(loop->spool);
        socket_context_destroy(loop->sockets);
        stage_shared_finish(&loop->shared);
        buffer_finish(&loop->frame);
        free(loop->checked);
        free(loop);
        return NULL;
}

void stage_loop_destroy_pointer(struct stage_loop **loop) {
        *loop = stage_loop_destroy(*loop);
}

struct stage_shared *stage_loop_shared(struct stage_loop *loop) {
        return &loop->shared;
}

const char *stage_loop_endpoint(const struct stage_loop *loop) {
        return loop->endpoint;
}

void stage_loop_give(struct stage_loop *loop, struct stage_job *job) {
        if (loop->spare == job)
                loop->spare = NULL;
        loop->working = job;
        stage_worker_give(loop->worker, job);
}

/* Failures of telling are not worth more than a line. */
static void send_lossy(struct stage_loop *loop, const char *key, int r) {
        if (!r)
                r = courier_send_lossy(loop->courier, stage_name(STAGE_GATEWAY), key, loop->frame.data,
                                       loop->frame.n_bytes);
        if (r)
                log_debug("errno=%d a lossy message was not sent, ignoring", -r);
}

static void tell_progress(struct stage_loop *loop, const struct stage_job *job, bool is_last) {
        struct envelope envelope = ENVELOPE_NULL;
        struct progress progress;

        if (!stage_shared_take_progress(&loop->shared, is_last, &progress))
                return;
        stage_ends_envelope(&loop->ends, &job->envelope, &envelope);
        send_lossy(loop, envelope.run, progress_pack(&progress, &envelope, &loop->frame));
}

static void beat(struct stage_loop *loop) {
        const struct stage_job *job = loop->working ? loop->working : loop->ending;
        struct envelope waiting = ENVELOPE_NULL;
        const struct envelope *about = job ? &job->envelope : &waiting;
        struct heartbeat heartbeat = { .stage = loop->options.service->stage,
                                       .state = job ? HEARTBEAT_WORKING : HEARTBEAT_IDLE,
                                       .pid = getpid(),
                                       .started_at = loop->started_at,
                                       .n_handled = loop->n_handled,
                                       .n_rejected = (int64_t)courier_counts(loop->courier)->n_rejected };
        struct envelope envelope = ENVELOPE_NULL;
        uint64_t n_dropped = courier_counts(loop->courier)->n_dropped;
        int64_t now = clock_monotonic_ms();
        int r;

        if (now < loop->beat_ms)
                return;
        r = spool_dead_count(loop->spool, &heartbeat.n_dead);
        if (!r)
                r = spool_inbox_count(loop->spool, &heartbeat.n_inbox);
        if (!r)
                r = spool_outbox_count(loop->spool, &heartbeat.n_outbox);
        stage_loop_tell_wait(loop, &heartbeat);
        memcpy(waiting.run, loop->wait.run, sizeof(waiting.run));
        waiting.attempt = loop->wait.attempt;
        stage_ends_envelope(&loop->ends, about, &envelope);
        if (!r)
                r = heartbeat_pack(&heartbeat, &envelope, &loop->frame);
        send_lossy(loop, envelope.run, r);
        if (courier_counts(loop->courier)->n_dropped == n_dropped)
                loop->beat_pause_ms = 0;
        else if (!loop->beat_pause_ms)
                loop->beat_pause_ms = BEAT_AGAIN_MS;
        else
                loop->beat_pause_ms = loop->beat_pause_ms * 2 < BEAT_MS ? loop->beat_pause_ms * 2 : BEAT_MS;
        loop->beat_ms = now + (loop->beat_pause_ms ? loop->beat_pause_ms : BEAT_MS);
}

/* Takes over a failure of the spool that passes: what could not be done is done after a pause. */
static int survive(struct stage_loop *loop, int r) {
        if (!spool_failure_passes(r))
                return error_trace(r);
        if (!loop->pause_ms)
                log_warn("errno=%d the spool cannot be written; retrying every %d ms", -r, STAGE_LOOP_PAUSE_MS);
        loop->pause_ms = clock_monotonic_ms() + STAGE_LOOP_PAUSE_MS;
        loop->spool_error = r;
        loop->must_scan = true;
        return 0;
}

static int64_t timeout(const struct stage_loop *loop) {
        int64_t now = clock_monotonic_ms(), wait = (loop->due_ms < loop->beat_ms ? loop->due_ms : loop->beat_ms) - now;

        if (loop->pause_ms - now > wait)
                wait = loop->pause_ms - now;
        return wait > 0 ? wait : 0;
}

/* All that is to be done in the spool now. */
static int work_spool(struct stage_loop *loop) {
        int r = 0;

        if (loop->pause_ms > clock_monotonic_ms())
                return 0;
        if (loop->ending)
                r = stage_loop_finish(loop);
        if (!r && (loop->must_scan || loop->due_ms <= clock_monotonic_ms())) {
                loop->must_scan = false;
                r = stage_loop_scan(loop);
        }
        if (r)
                return error_trace(survive(loop, r));
        loop->pause_ms = 0;
        return 0;
}

static int turn(struct stage_loop *loop) {
        bool is_signaled = false;
        size_t n_accepted = 0;
        struct stage_job *job;
        int r;

        r = courier_wait(loop->courier, &loop->options.signal_fd, &is_signaled, 1, timeout(loop), &n_accepted);
        if (r)
                return error_trace(r);
        if (is_signaled && daemon_is_asked_to_stop(loop->options.signal_fd) && !loop->is_stopping) {
                log_info("stopping");
                loop->is_stopping = true;
                atomic_store(&loop->shared.is_stopping, true);
        }
        if (n_accepted)
                loop->must_scan = true;
        job = stage_worker_take(loop->worker);
        if (loop->working)
                tell_progress(loop, loop->working, job);
        if (job) {
                loop->ending = job;
                loop->working = NULL;
        }
        r = work_spool(loop);
        beat(loop);
        return error_trace(r);
}

/* A worker that does not let go within the time keeps its message, as if it had not begun. */
static int leave_work(struct stage_loop *loop) {
        log_warn("stage=%s run=%s the work does not end, leaving it", stage_name(loop->options.service->stage),
                 loop->working->envelope.run);
        return error_trace(stage_row_release(loop->spool, loop->working->message.number));
}

int stage_loop_run(struct stage_loop *loop, struct stage_worker *worker, bool *ret_is_stuck) {
        int64_t until_ms = 0;
        int r = 0;

        loop->worker = worker;
        loop->must_scan = true;
        r = work_spool(loop);
        while (!r && !(loop->is_stopping && !loop->working && !loop->ending)) {
                if (loop->is_stopping && !until_ms)
                        until_ms = clock_monotonic_ms() + DRAIN_MS;
                if (until_ms && clock_monotonic_ms() >= until_ms)
                        break;
                r = turn(loop);
        }
        if (!r && loop->working)
                r = leave_work(loop);
        *ret_is_stuck = loop->working;
        return error_trace(r);
}
