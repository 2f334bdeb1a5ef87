/*
 * Stage loop: handles the rows of the inbox, one after the other: a cancel is noted, a message that was handled before
 * is answered from done, and the first other one that is due is given to the worker.
 *
 * A cancel leaves a tombstone (the spool's cancels), so that it also holds for a message that comes after it, and for
 * one that is begun again after a crash; stage_ends_write() looks for it once more in the transaction that ends the
 * run. Each beginning is counted in the row before the work begins. A row that has begun SPOOL_STARTS_MAX times (32)
 * without an end is FAILED with STAGE_CRASHED and kept in dead: whatever ends the process counts, a crash by this
 * message as well as a SIGKILL or a power loss. A graceful stop takes its beginning back, and putting off begins the
 * count anew.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/crash_point.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "services/stage/stage_loop_internal.h"
#include "services/stage/stage_row.h"

/* Notes a cancel as a tombstone, and asks the work at hand to end if it is about that run. */
static int take_cancel(struct stage_loop *loop, const struct envelope *envelope) {
        const struct spool_message *message = &loop->message;
        const struct stage_job *at_work = loop->working ? loop->working : loop->ending;
        int r;

        r = spool_begin(loop->spool);
        if (!r)
                r = spool_cancel_put(loop->spool, envelope->run, envelope->attempt);
        if (!r)
                r = stage_row_end(loop->spool, message->number);
        if (!r)
                r = spool_commit(loop->spool);
        spool_rollback(loop->spool);
        if (r)
                return error_trace(r);
        if (at_work && !strcmp(at_work->envelope.run, envelope->run) && at_work->envelope.attempt <= envelope->attempt)
                stage_shared_cancel(&loop->shared);
        log_info("stage=%s run=%s attempt=%lld seq=%lld in=%s out=- rows=0 ms=0 outcome=noted",
                 stage_name(loop->options.service->stage), envelope->run, (long long)envelope->attempt,
                 (long long)envelope->sequence, message_name(envelope->type));
        loop->n_handled++;
        return 0;
}

/* A row that another build has stored, and this one cannot read. */
static int bury(struct stage_loop *loop, const struct envelope *about, const struct fault *fault) {
        const struct spool_message *message = &loop->message;
        char reason[SPOOL_REASON_BYTES];
        int r;

        snprintf(reason, sizeof(reason), "%s: %.180s", fault->code, fault->message);
        r = spool_begin(loop->spool);
        if (!r)
                r = spool_dead_put(loop->spool, reason, message->id, message->key, message->body.data,
                                   message->body.n_bytes);
        if (!r)
                r = stage_row_end(loop->spool, message->number);
        if (!r && *about->run)
                r = stage_ends_post_refusal(&loop->ends, about, fault);
        if (!r)
                r = spool_commit(loop->spool);
        spool_rollback(loop->spool);
        if (r)
                return error_trace(r);
        log_warn("msg=%s run=%s outcome=reject code=%s %s", message->id, message->key, fault->code, fault->message);
        courier_flush(loop->courier);
        return 0;
}

/* What done says about a message that comes again: whether it has been ended here without work. */
static int answer_again(struct stage_loop *loop, struct stage_job *job, bool *ret_is_ended) {
        struct spool_done done = SPOOL_DONE_NULL;
        enum run_state state = RUN_STATE_FAILED;
        const char *outcome = "known";
        int r;

        r = spool_done_get(loop->spool, job->envelope.run, &done);
        if (r == SPOOL_E_NONE)
                return 0;
        if (r)
                return error_trace(r);
        run_state_parse(done.outcome, &state);
        if (done.attempt >= job->envelope.attempt) {
                r = stage_row_drop(loop->spool, job->message.number);
                *ret_is_ended = !r;
        } else if (state == RUN_STATE_SUCCEEDED || state == RUN_STATE_SKIPPED) {
                r = stage_ends_repeat(&loop->ends, job, &done);
                if (r == STAGE_ENDS_E_FOREIGN)
                        r = 0; /* to work */
                else
                        *ret_is_ended = !r;
                outcome = "repeated";
        }
        spool_done_finish(&done);
        if (*ret_is_ended) {
                stage_loop_log(loop, job, outcome);
                loop->n_handled++;
        }
        return error_trace(r);
}

/* Counts the beginning and hands the message over. */
static int begin(struct stage_loop *loop, struct stage_job *job, bool is_canceled) {
        const struct stage_service *service = loop->options.service;
        int64_t n_starts = 0;
        int r;

        r = stage_row_start(loop->spool, job->message.number, &n_starts);
        if (r)
                return error_trace(r);
        job->task = STAGE_TASK_WORK;
        if (is_canceled && !service->decides_cancel) {
                stage_job_end(job, service->stage, RUN_STATE_CANCELED, NULL, NULL);
        } else if (n_starts > SPOOL_STARTS_MAX) {
                job->is_dead = true;
                stage_job_end(job, service->stage, RUN_STATE_FAILED, "STAGE_CRASHED",
                              "the stage ended without a word each time it began with this run; its log says more");
        }
        stage_shared_reset(&loop->shared, is_canceled);
        crash_point_at(stage_name(service->stage), CRASH_POINT_ACCEPTED);
        stage_loop_give(loop, job);
        return 0;
}

/* A message of the line, in loop->message. */
static int take_message(struct stage_loop *loop, const struct envelope *envelope, bool is_due) {
        enum message_type receives = stage_receives(loop->options.service->stage);
        struct stage_job *job = loop->spare;
        struct spool_message before;
        struct fault fault = FAULT_NULL;
        bool is_canceled = false, is_ended = false;
        int r;

        r = spool_cancel_has(loop->spool, envelope->run, envelope->attempt, &is_canceled);
        if (r)
                return error_trace(r);
        if (!is_due && !is_canceled)
                return 0;
        r = envelope_unpack_body(envelope, receives, message_record(receives), job->input, &fault);
        if (r)
                return r < 0 ? error_trace(r) : error_trace(bury(loop, envelope, &fault));

        /* the job gets the message, and the loop the job's memory */
        before = job->message;
        job->message = loop->message;
        loop->message = before;
        job->envelope = *envelope;
        job->envelope.body = NULL;
        job->envelope.n_body_bytes = 0;
        job->has_output = false;
        job->is_dead = false;
        memset(&job->end, 0, sizeof(job->end));
        stage_loop_forget_wait(loop, &job->message);
        r = answer_again(loop, job, &is_ended);
        if (r || is_ended)
                return error_trace(r);
        return error_trace(begin(loop, job, is_canceled));
}

static int take_row(struct stage_loop *loop, bool is_for_commands) {
        bool is_free = loop->spare && !loop->is_stopping;
        bool is_due = !loop->message.rest_ms;
        struct envelope envelope = ENVELOPE_NULL;
        struct fault fault = FAULT_NULL;
        int64_t due_ms;
        int r;

        r = envelope_unpack(loop->message.body.data, loop->message.body.n_bytes, &envelope, &fault);
        if (!r && envelope.type == MESSAGE_GATEWAY_TO_STAGE)
                return is_for_commands ? error_trace(take_cancel(loop, &envelope)) : 0;
        if (!r && envelope.type != stage_receives(loop->options.service->stage))
                r = fault_set(&fault, "ENVELOPE_TYPE", "%s is not for this stage", message_name(envelope.type));
        if (r)
                return error_trace(bury(loop, &(struct envelope)ENVELOPE_NULL, &fault));
        if (is_for_commands)
                return 0;
        due_ms = clock_monotonic_ms() + loop->message.rest_ms;
        if (!is_due && due_ms < loop->due_ms)
                loop->due_ms = due_ms;
        if (!is_due)
                stage_loop_note_wait(loop, &loop->message, &envelope, clock_realtime_ms() + loop->message.rest_ms,
                                     NULL);
        return is_free ? error_trace(take_message(loop, &envelope, is_due)) : 0;
}

static int take_rows(struct stage_loop *loop, bool is_for_commands) {
        const struct stage_job *at_work;
        int64_t after = 0;
        int r;

        while (!(r = spool_inbox_next(loop->spool, after, &loop->message))) {
                after = loop->message.number;
                at_work = loop->working ? loop->working : loop->ending;
                if (at_work && at_work->message.number == after)
                        continue;
                r = take_row(loop, is_for_commands);
                if (r)
                        return error_trace(r);
        }
        return r == SPOOL_E_NONE ? 0 : error_trace(r);
}

/* Commands are taken out of turn: a cancel waits neither for the work that it is to end nor behind it. */
int stage_loop_scan(struct stage_loop *loop) {
        int r;

        r = take_rows(loop, true);
        if (r)
                return error_trace(r);
        loop->due_ms = INT64_MAX;
        return error_trace(take_rows(loop, false));
}
