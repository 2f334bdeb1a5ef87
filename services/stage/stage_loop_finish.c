/* Stage loop: ends, puts off or takes back the job that has come back from the worker. */

#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "services/stage/stage_loop_internal.h"
#include "services/stage/stage_retry.h"
#include "services/stage/stage_row.h"

void stage_loop_log(const struct stage_loop *loop, const struct stage_job *job, const char *outcome) {
        enum stage stage = loop->options.service->stage;
        bool has_error = job->end.has_error;

        log_info("stage=%s run=%s attempt=%lld seq=%lld in=%s out=%s rows=%lld ms=%lld outcome=%s%s%s%s%s",
                 stage_name(stage), job->envelope.run, (long long)job->envelope.attempt,
                 (long long)job->envelope.sequence, message_name(job->envelope.type),
                 job->has_output ? message_name(stage_emits(stage)) : "-", (long long)stage_job_count(job, "n_rows"),
                 (long long)job->end.work_ms, outcome, has_error ? " code=" : "", has_error ? job->end.error.code : "",
                 has_error ? " " : "", has_error ? job->end.error.message : "");
}

static void set_aside(struct stage_loop *loop) {
        loop->spare = loop->ending;
        loop->ending = NULL;
        loop->must_scan = true;
}

/* The daemon is to stop: the message stays in the inbox, and its work begins again with the next start. */
static int release(struct stage_loop *loop, const struct stage_job *job) {
        int r;

        r = stage_row_release(loop->spool, job->message.number);
        if (r)
                return error_trace(r);
        stage_loop_log(loop, job, "stopped");
        set_aside(loop);
        return 0;
}

/* The work cannot be done now: it is tried again later, unless that has lasted too long. */
static int defer(struct stage_loop *loop, struct stage_job *job) {
        enum stage_retry kind = stage_retry_kind(job->error);
        int64_t n_deferrals = job->message.deferral_kind == (int64_t)kind ? job->message.n_deferrals : 0;
        int64_t pause = stage_retry_pause_ms(n_deferrals);
        struct fault reason = FAULT_NULL;
        int r;

        if (stage_retry_is_over(job->error, n_deferrals, job->message.waited_ms, &reason)) {
                stage_job_end(job, loop->options.service->stage, RUN_STATE_FAILED, reason.code, reason.message);
                loop->ending = NULL;
                stage_loop_give(loop, job);
                return 0;
        }
        r = stage_row_defer(loop->spool, job->message.number, kind, pause);
        if (r)
                return error_trace(r);
        log_warn("stage=%s run=%s attempt=%lld errno=%d %s; retrying in %lld ms",
                 stage_name(loop->options.service->stage), job->envelope.run, (long long)job->envelope.attempt,
                 -job->error, job->reason, (long long)pause);
        stage_loop_note_wait(loop, &job->message, &job->envelope, clock_realtime_ms() + pause, job->reason);
        set_aside(loop);
        return 0;
}

/* Records the end of the job and sends it; the last progress has been sent before. */
static int finish(struct stage_loop *loop, struct stage_job *job) {
        bool may_cancel = job->end.state != RUN_STATE_CANCELED &&
                          atomic_load(&loop->shared.cancel) != STAGE_CANCEL_PASSED;
        int r;

        r = stage_ends_write(&loop->ends, job, may_cancel);
        if (r < 0)
                return error_trace(r);
        if (r == STAGE_ENDS_E_CANCELED) {
                stage_job_end(job, loop->options.service->stage, RUN_STATE_CANCELED, NULL, NULL);
                loop->ending = NULL;
                stage_loop_give(loop, job);
                return 0;
        }
        stage_loop_log(loop, job, run_state_name(job->end.state));
        loop->n_handled++;
        set_aside(loop);
        return 0;
}

int stage_loop_finish(struct stage_loop *loop) {
        struct stage_job *job = loop->ending;

        if (job->result == STAGE_JOB_STOPPED)
                return error_trace(release(loop, job));
        if (job->result == STAGE_JOB_AWAY)
                return error_trace(defer(loop, job));
        return error_trace(finish(loop, job));
}
