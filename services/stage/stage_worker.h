#pragma once

/*
 * Stage worker
 *
 * The thread that works: takes a job, asks the cache, calls the stage's `work`, and leaves cache entry and manifest in
 * the store. One job at a time.
 */

#include "proto/pipeline.h"
#include "services/stage/stage.h"
#include "services/stage/stage_job.h"
#include "services/stage/stage_shared.h"

struct stage_worker;

/* All borrowed until stage_worker_destroy(). */
struct stage_worker_options {
        const struct stage_service *service;
        const struct pipeline *pipeline;
        const struct options *options;
        struct store *store;
        struct store *registry_store;
        void *state;
        struct stage_shared *shared; /* whose courier is woken when a job is done */
};

/* Starts the thread; signals are blocked already. */
int stage_worker_create(const struct stage_worker_options *options, struct stage_worker **ret_worker);

/* Waits for the job at work, if there is one, and ends the thread. */
struct stage_worker *stage_worker_destroy(struct stage_worker *worker);

/* Hands a job over; the worker has none (asserted). The job is the worker's until it is taken back. */
void stage_worker_give(struct stage_worker *worker, struct stage_job *job);

/* The job that is done, or NULL. */
struct stage_job *stage_worker_take(struct stage_worker *worker);
