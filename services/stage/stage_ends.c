/* Stage ends: both messages are packed before the transaction opens, and kept in it with the done row. */

#include "services/stage/stage_ends.h"

#include <assert.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/crash_point.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "services/stage/stage_row.h"

enum { LENGTH_BYTES = 4 };

void stage_ends_finish(struct stage_ends *ends) {
        buffer_finish(&ends->notice);
        buffer_finish(&ends->message);
        buffer_finish(&ends->kept);
}

void stage_ends_envelope(struct stage_ends *ends, const struct envelope *about, struct envelope *ret_envelope) {
        envelope_init(ret_envelope, about->run, about->attempt, ends->sequence++, about->traceparent);
}

/* What done keeps. */
static int keep(struct buffer *kept, const struct buffer *notice, const struct buffer *message) {
        uint8_t length[LENGTH_BYTES];
        int r;

        for (int i = 0; i < LENGTH_BYTES; i++)
                length[i] = (uint8_t)(notice->n_bytes >> (8 * i));
        buffer_clear(kept);
        r = buffer_append(kept, length, sizeof(length));
        if (!r)
                r = buffer_append(kept, notice->data, notice->n_bytes);
        if (!r && message->n_bytes)
                r = buffer_append(kept, message->data, message->n_bytes);
        return error_trace(r);
}

/* Packs notice and message (output NULL: none). */
static int pack(struct stage_ends *ends, const struct envelope *about, const struct stage_to_gateway *end,
                const void *output) {
        enum message_type emits = stage_emits(ends->stage);
        struct envelope envelope = ENVELOPE_NULL;
        int r = 0;

        buffer_clear(&ends->message);
        if (output) {
                stage_ends_envelope(ends, about, &envelope);
                r = envelope_pack(&envelope, emits, message_record(emits), output, &ends->message);
        }
        if (!r) {
                stage_ends_envelope(ends, about, &envelope);
                r = stage_to_gateway_pack(end, &envelope, &ends->notice);
        }
        return r ? error_trace(r) : error_trace(keep(&ends->kept, &ends->notice, &ends->message));
}

/* What was packed, into the open transaction. */
static int post(struct stage_ends *ends, const char *run, int64_t attempt, enum run_state state) {
        int r;

        r = spool_done_put(ends->spool, run, attempt, run_state_name(state), ends->kept.data, ends->kept.n_bytes);
        if (!r && ends->message.n_bytes)
                r = courier_post(ends->courier, stage_name(stage_next(ends->stage)), run, ends->message.data,
                                 ends->message.n_bytes);
        if (!r)
                r = courier_post(ends->courier, stage_name(STAGE_GATEWAY), run, ends->notice.data,
                                 ends->notice.n_bytes);
        return error_trace(r);
}

static int commit_and_send(struct stage_ends *ends) {
        int r;

        r = spool_commit(ends->spool);
        if (r)
                return error_trace(r);
        crash_point_at(stage_name(ends->stage), CRASH_POINT_COMMITTED);
        courier_flush(ends->courier);
        return 0;
}

static int write_end(struct stage_ends *ends, const struct stage_job *job, bool may_cancel) {
        const struct spool_message *message = &job->message;
        const char *run = job->envelope.run;
        bool is_canceled = false;
        int r = 0;

        if (may_cancel)
                r = spool_cancel_has(ends->spool, run, job->envelope.attempt, &is_canceled);
        if (!r && is_canceled)
                return STAGE_ENDS_E_CANCELED;
        if (!r && job->is_dead)
                r = spool_dead_put(ends->spool, job->end.error.code, message->id, message->key, message->body.data,
                                   message->body.n_bytes);
        if (!r)
                r = stage_row_end(ends->spool, message->number);
        if (!r)
                r = post(ends, run, job->envelope.attempt, job->end.state);
        return error_trace(r);
}

int stage_ends_write(struct stage_ends *ends, const struct stage_job *job, bool may_cancel) {
        int r;

        r = pack(ends, &job->envelope, &job->end, job->has_output ? job->output : NULL);
        if (!r)
                r = spool_begin(ends->spool);
        if (r)
                return error_trace(r);
        r = write_end(ends, job, may_cancel);
        if (!r)
                r = commit_and_send(ends);
        spool_rollback(ends->spool);
        return error_trace(r);
}

/* What is remembered is no message of this build's. */
static int refuse_kept(const struct fault *fault) {
        log_warn("code=%s what is remembered of an end cannot be read: %s; working again", fault->code, fault->message);
        return STAGE_ENDS_E_FOREIGN;
}

/* The messages that done keeps, as structs; *ret_has_output is false when there was no next message. */
static int recall(struct stage_ends *ends, const struct spool_done *done, struct stage_to_gateway *ret_end,
                  void *ret_output, bool *ret_has_output) {
        enum message_type emits = stage_emits(ends->stage);
        const uint8_t *kept = done->emitted.data;
        size_t n_notice = 0, n_kept = done->emitted.n_bytes;
        struct envelope envelope = ENVELOPE_NULL;
        struct fault fault = FAULT_NULL;
        int r;

        for (size_t i = 0; i < LENGTH_BYTES && n_kept >= LENGTH_BYTES; i++)
                n_notice |= (size_t)kept[i] << (8 * i);
        if (n_kept < LENGTH_BYTES || n_notice > n_kept - LENGTH_BYTES) {
                fault_set(&fault, "FRAME_TRUNCATED", "it ends after %zu bytes", n_kept);
                return refuse_kept(&fault);
        }
        r = envelope_unpack(kept + LENGTH_BYTES, n_notice, &envelope, &fault);
        if (!r)
                r = stage_to_gateway_unpack(&envelope, ret_end, &fault);
        n_kept -= LENGTH_BYTES + n_notice;
        *ret_has_output = n_kept;
        if (!r && n_kept)
                r = envelope_unpack(kept + LENGTH_BYTES + n_notice, n_kept, &envelope, &fault);
        if (!r && n_kept)
                r = envelope_unpack_body(&envelope, emits, message_record(emits), ret_output, &fault);
        return r > 0 ? refuse_kept(&fault) : error_trace(r);
}

int stage_ends_repeat(struct stage_ends *ends, struct stage_job *job, const struct spool_done *done) {
        int r;

        r = recall(ends, done, &job->end, job->output, &job->has_output);
        if (r)
                return error_trace(r);
        r = stage_ends_write(ends, job, false);
        assert(r <= 0);
        return error_trace(r);
}

int stage_ends_post_refusal(struct stage_ends *ends, const struct envelope *about, const struct fault *fault) {
        int64_t now = clock_realtime_ms();
        struct stage_to_gateway end = { .stage = ends->stage,
                                        .state = RUN_STATE_FAILED,
                                        .started_at = now,
                                        .finished_at = now,
                                        .has_error = true };
        struct fault refusal = *fault; /* its place stays */
        struct envelope envelope = ENVELOPE_NULL;
        int r;

        fault_set(&refusal, STAGE_TO_GATEWAY_REJECTED, "%s: %s", fault->code, fault->message);
        run_error_from_fault(&end.error, &refusal);
        stage_ends_envelope(ends, about, &envelope);
        r = stage_to_gateway_pack(&end, &envelope, &ends->notice);
        if (!r)
                r = courier_post(ends->courier, stage_name(STAGE_GATEWAY), about->run, ends->notice.data,
                                 ends->notice.n_bytes);
        return error_trace(r);
}
