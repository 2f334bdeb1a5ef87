#pragma once

/*
 * Stage job: one message on its way between the io thread and the worker thread, which own it in turn.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/bus/spool.h"
#include "proto/envelope.h"
#include "proto/heartbeat.h"
#include "proto/stage_to_gateway.h"

enum stage_task {
        STAGE_TASK_WORK, /* do it */
        STAGE_TASK_END,  /* `end` is decided: only leave the manifest */
};

enum stage_job_result {
        STAGE_JOB_ENDED,   /* as `end` says */
        STAGE_JOB_STOPPED, /* the daemon is to stop: begins again */
        STAGE_JOB_AWAY,    /* `error` says what is away: again later */
};

struct stage_job {
        /* The message, by the io thread. */
        enum stage_task task;
        struct spool_message message;
        struct envelope envelope; /* its body is not kept */
        void *input;              /* of the type that the stage receives */
        bool is_dead;             /* to be kept in dead, having crashed the daemon too often */

        /* What became of it, by the worker. */
        enum stage_job_result result;
        int error;
        char reason[HEARTBEAT_REASON_BYTES]; /* of `error`, in the words of where it arose; fit to be shown */
        void *output;                        /* of the type that the stage emits */
        bool has_output;
        struct stage_to_gateway end;
};

/* Room for the messages of a stage. 0 or -ENOMEM. */
int stage_job_create(enum stage stage, struct stage_job **ret_job);
struct stage_job *stage_job_destroy(struct stage_job *job);
void stage_job_destroy_pointer(struct stage_job **job);

/* Decides how the job ends, now, without an output. FAILED takes code and message. */
void stage_job_end(struct stage_job *job, enum stage stage, enum run_state state, const char *code,
                   const char *message);

/* The value of a count, 0 when there is none of that name. */
int64_t stage_job_count(const struct stage_job *job, const char *name);
