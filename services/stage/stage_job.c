/* Stage job: room for both messages, made once and used for one message after the other. */

#include "services/stage/stage_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"

int stage_job_create(enum stage stage, struct stage_job **ret_job) {
        _cleanup_(stage_job_destroy_pointer) struct stage_job *job = calloc(1, sizeof(*job));

        if (!job)
                return error_origin(-ENOMEM, "making a job");
        job->input = calloc(1, message_record(stage_receives(stage))->n_bytes);
        job->output = calloc(1, message_record(stage_emits(stage))->n_bytes);
        if (!job->input || !job->output)
                return error_origin(-ENOMEM, "making a job");
        *ret_job = steal(job);
        return 0;
}

struct stage_job *stage_job_destroy(struct stage_job *job) {
        if (!job)
                return NULL;
        spool_message_finish(&job->message);
        free(job->input);
        free(job->output);
        free(job);
        return NULL;
}

void stage_job_destroy_pointer(struct stage_job **job) {
        *job = stage_job_destroy(*job);
}

void stage_job_end(struct stage_job *job, enum stage stage, enum run_state state, const char *code,
                   const char *message) {
        int64_t now = clock_realtime_ms();
        struct fault fault = FAULT_NULL;

        /* what was measured before stays true */
        if (!job->end.started_at)
                job->end = (struct stage_to_gateway){ .stage = stage, .started_at = now, .finished_at = now };
        job->task = STAGE_TASK_END;
        job->result = STAGE_JOB_ENDED;
        job->has_output = false;
        job->end.state = state;
        job->end.ends_run[0] = 0;
        job->end.has_error = state == RUN_STATE_FAILED;
        if (!job->end.has_error)
                return;
        fault_set(&fault, code, "%s", message);
        run_error_from_fault(&job->end.error, &fault);
}

int64_t stage_job_count(const struct stage_job *job, const char *name) {
        for (size_t i = 0; i < job->end.n_counts; i++)
                if (!strcmp(job->end.counts[i].name, name))
                        return job->end.counts[i].value;
        return 0;
}
