/* Stage worker: from a decoded message to a result that is durable in the store. */

#include "services/stage/stage_worker.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/crash_point.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/utf8.h"
#include "services/stage/stage_build.h"
#include "services/stage/stage_cache.h"
#include "services/stage/stage_carry.h"
#include "services/stage/stage_retry.h"

enum { PATH_BYTES = 4096 };

struct stage_worker {
        struct stage_worker_options options;
        pthread_t thread;
        pthread_mutex_t lock; /* of given, done and is_ending */
        pthread_cond_t wake;
        struct stage_job *given, *done;
        bool is_ending;

        /* The thread's own. */
        struct stage_work *work;
        struct stage_manifest *manifest;
        bool has_build;
};

/* Known once for all, before the first message if there is time. */
static int find_build(struct stage_worker *worker) {
        const struct stage_service *service = worker->options.service;
        char other[PATH_BYTES];
        int r;

        if (worker->has_build)
                return 0;
        if (service->other_build_file) {
                r = service->other_build_file(other, sizeof(other));
                if (r)
                        return error_trace(r);
        }
        r = stage_build_id(service->other_build_file ? other : NULL, worker->manifest->build);
        if (r)
                return error_trace(r);
        worker->has_build = true;
        return 0;
}

static void prepare(struct stage_worker *worker, struct stage_job *job) {
        const struct record *receives = message_record(job->envelope.type);
        const struct record *emits = message_record(stage_emits(worker->options.service->stage));
        const struct stage_worker_options *options = &worker->options;

        memset(job->output, 0, emits->n_bytes);
        stage_carry(receives, job->input, emits, job->output);
        *worker->work = (struct stage_work){
                .envelope = &job->envelope,
                .input = job->input,
                .pipeline = options->pipeline,
                .options = options->options,
                .store = options->store,
                .registry_store = options->registry_store,
                .state = options->state,
                .build = worker->manifest->build,
                .output = job->output,
                .fault = FAULT_NULL,
                .shared = options->shared,
        };
}

/* What decides the result now. What `cache_key` returns is returned through ret_result; without 0 there is no key. */
static int find_key(struct stage_worker *worker, char ret_key[DIGEST_SHA256_BYTES], int *ret_result) {
        _cleanup_(buffer_finish) struct buffer parts = BUFFER_NULL;
        const struct stage_service *service = worker->options.service;

        *ret_result = service->cache_key(worker->work, &parts);
        if (*ret_result)
                return 0;
        return error_trace(stage_cache_key(service->stage, worker->manifest->build, &parts, ret_key));
}

/* A result is kept under the key of before the work: not if that is another one now, as when the champion has moved and
 * nobody can say with which the candidate was compared. */
static void doubt_key(struct stage_worker *worker) {
        char key[DIGEST_SHA256_BYTES];
        int result;

        if (find_key(worker, key, &result) || result || strcmp(key, worker->manifest->cache_key) != 0)
                worker->manifest->cache_key[0] = 0;
}

/* From cache, or STAGE_CACHE_E_NONE. What `cache_key` returns is returned through ret_result. */
static int find_in_cache(struct stage_worker *worker, struct stage_job *job, int *ret_result) {
        _cleanup_(free_pointer) struct stage_manifest *before = calloc(1, sizeof(*before));
        const struct stage_service *service = worker->options.service;
        int r;

        if (!before)
                return error_origin(-ENOMEM, "reading the cache");
        r = find_key(worker, worker->manifest->cache_key, ret_result);
        if (r || *ret_result)
                return error_trace(r);
        r = stage_cache_find(worker->options.store, service->stage, worker->manifest->cache_key, job->input,
                             job->output, before);
        if (r)
                return error_trace(r);
        worker->work->n_counts = before->end.n_counts;
        memcpy(worker->work->counts, before->end.counts, sizeof(before->end.counts));
        worker->work->n_drifted = before->end.n_drifted;
        memcpy(worker->work->drifted, before->end.drifted, sizeof(before->end.drifted));
        job->end.state = RUN_STATE_SKIPPED;
        if (strcmp(before->run, job->envelope.run) != 0)
                return 0;
        /* this run's own work, after which the daemon died before it was said: it ended as it did */
        job->end = before->end;
        worker->work->booster_ms = before->end.booster_ms;
        return 0;
}

/* What `work` or what stands for it returns. */
static int call_work(struct stage_worker *worker, struct stage_job *job) {
        const struct stage_service *service = worker->options.service;
        int r, result = 0;

        r = find_build(worker);
        if (r)
                return error_trace(r);
        prepare(worker, job);
        if (service->cache_key) {
                r = find_in_cache(worker, job, &result);
                if (r < 0)
                        return error_trace(r);
                if (r == 0)
                        return result;
                /* an entry that turned out not to be usable may have been read into the output */
                memset(job->output, 0, message_record(stage_emits(service->stage))->n_bytes);
                stage_carry(message_record(job->envelope.type), job->input, message_record(stage_emits(service->stage)),
                            job->output);
        }
        r = service->work(worker->work);
        if (!r && service->cache_key)
                doubt_key(worker);
        return error_trace(r);
}

static void fail(struct stage_worker *worker, struct stage_job *job, int error) {
        char message[256];

        snprintf(message, sizeof(message), "the %s failed: %s; its log says more",
                 stage_name(worker->options.service->stage), strerror(-error));
        stage_job_end(job, worker->options.service->stage, RUN_STATE_FAILED, "STAGE_FAILED", message);
}

static void put_off(struct stage_job *job, int error) {
        job->result = STAGE_JOB_AWAY;
        job->error = error;
        snprintf(job->reason, sizeof(job->reason), "%s", error_reason(error));
        utf8_make_fit(job->reason);
}

/* The end as the gateway will hear it, or the reason why there is none yet. */
static void decide_end(struct stage_worker *worker, struct stage_job *job, int r) {
        struct stage_work *work = worker->work;
        char path[RECORD_PATH_BYTES];

        job->end.n_counts = work->n_counts;
        memcpy(job->end.counts, work->counts, sizeof(work->counts));
        job->end.n_drifted = work->n_drifted;
        memcpy(job->end.drifted, work->drifted, sizeof(work->drifted));
        job->end.booster_ms = work->booster_ms;
        if (r == 0) {
                job->has_output = !*work->ends_run;
                memcpy(job->end.ends_run, work->ends_run, sizeof(work->ends_run));
        } else if (r == FAULT_E_INPUT && *work->fault.code) {
                job->end.state = RUN_STATE_FAILED;
                job->end.has_error = true;
                run_error_from_fault(&job->end.error, &work->fault);
        } else if (r == STAGE_E_CANCELED && atomic_load(&work->shared->cancel) == STAGE_CANCEL_ASKED) {
                job->end.state = RUN_STATE_CANCELED;
        } else if (r == STAGE_E_CANCELED && atomic_load(&work->shared->is_stopping)) {
                job->result = STAGE_JOB_STOPPED;
        } else if (stage_retry_kind(r) != STAGE_RETRY_NEVER) {
                put_off(job, r);
        } else {
                /* another module's condition that work should have translated: its number means something else here */
                if (r > 0)
                        r = error_origin(-EPROTO, "run=%s the work ended with a condition that is not its own",
                                         job->envelope.run);
                fail(worker, job, r);
        }
        if (record_is_valid(&stage_to_gateway_record, &job->end, path))
                return;
        error_origin(-EPROTO, "run=%s field %s of the end would not be read", job->envelope.run, path);
        job->end.n_counts = 0;
        job->end.n_drifted = 0;
        job->end.booster_ms = 0;
        fail(worker, job, -EPROTO);
}

static void do_work(struct stage_worker *worker, struct stage_job *job) {
        int64_t started_ns = clock_monotonic_ns(), started_at = clock_realtime_ms();
        int r;

        job->result = STAGE_JOB_ENDED;
        job->has_output = false;
        job->end = (struct stage_to_gateway){ .stage = worker->options.service->stage,
                                              .state = RUN_STATE_SUCCEEDED,
                                              .started_at = started_at };
        r = call_work(worker, job);
        if (!job->end.finished_at) {
                job->end.finished_at = clock_realtime_ms();
                if (job->end.finished_at < started_at)
                        job->end.finished_at = started_at;
                job->end.work_ms = (clock_monotonic_ns() - started_ns) / 1000000;
        }
        if (worker->work->details.n_bytes) {
                worker->manifest->details = buffer_text(&worker->work->details);
                worker->manifest->n_details = worker->work->details.n_bytes;
        }
        decide_end(worker, job, r);
}

/* The manifest, and the same as cache entry where later runs may use the result. */
static int leave_manifest(struct stage_worker *worker, const struct stage_job *job) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct stage_manifest *manifest = worker->manifest;
        char run_name[MANIFEST_NAME_BYTES], cache_name[STORE_NAME_BYTES];
        bool is_cached = *manifest->cache_key && job->has_output && job->end.state == RUN_STATE_SUCCEEDED;
        struct store_item items[2];
        int r;

        memcpy(manifest->run, job->envelope.run, sizeof(manifest->run));
        manifest->attempt = job->envelope.attempt;
        manifest->end = job->end;
        r = stage_manifest_write(manifest, job->input, job->has_output ? job->output : NULL, &text);
        if (r)
                return error_trace(r);
        stage_manifest_name(job->envelope.run, job->end.stage, run_name);
        items[1] = (struct store_item){ run_name, text.data, text.n_bytes };
        if (is_cached) {
                stage_cache_name(manifest->cache_key, cache_name);
                items[0] = (struct store_item){ cache_name, text.data, text.n_bytes };
        }
        r = store_put_many(worker->options.store, items + !is_cached, 1 + is_cached);
        assert(r <= 0);
        return error_trace(r);
}

/* A result without its manifest does not count; a cancel, or an end that was decided elsewhere, must not wait for it.
 */
static void leave_manifest_or_retry(struct stage_worker *worker, struct stage_job *job) {
        int r;

        r = leave_manifest(worker, job);
        if (!r)
                return;
        if (job->task == STAGE_TASK_WORK && job->end.state != RUN_STATE_CANCELED &&
            stage_retry_kind(r) != STAGE_RETRY_NEVER) {
                put_off(job, r);
                return;
        }
        /* an output that its own table refuses would not be read by the next stage either */
        if (job->has_output) {
                fail(worker, job, r);
                r = leave_manifest(worker, job);
        }
        if (r)
                log_warn("run=%s errno=%d the manifest cannot be stored, ignoring", job->envelope.run, -r);
}

static void forget_details(struct stage_worker *worker) {
        worker->manifest->details = NULL;
        worker->manifest->n_details = 0;
        buffer_finish(&worker->work->details);
}

static void do_job(struct stage_worker *worker, struct stage_job *job) {
        error_forget();
        forget_details(worker);
        worker->manifest->cache_key[0] = 0;
        if (job->task == STAGE_TASK_WORK)
                do_work(worker, job);
        else if (find_build(worker))
                return;
        if (job->result != STAGE_JOB_ENDED)
                return;
        leave_manifest_or_retry(worker, job);
        if (job->result == STAGE_JOB_ENDED)
                crash_point_at(stage_name(job->end.stage), CRASH_POINT_STORED);
}

/* The next job, or NULL at the end. */
static struct stage_job *await_job(struct stage_worker *worker) {
        struct stage_job *job;

        pthread_mutex_lock(&worker->lock);
        while (!worker->given && !worker->is_ending)
                pthread_cond_wait(&worker->wake, &worker->lock);
        job = worker->given;
        pthread_mutex_unlock(&worker->lock);
        return job;
}

static void *worker_main(void *argument) {
        struct stage_worker *worker = argument;
        struct stage_job *job;

        if (find_build(worker))
                log_warn("the build id cannot be known now, retrying with the first message");
        while ((job = await_job(worker))) {
                do_job(worker, job);
                pthread_mutex_lock(&worker->lock);
                worker->given = NULL;
                worker->done = job;
                pthread_mutex_unlock(&worker->lock);
                courier_wake(worker->options.shared->courier);
                /* a stage is idle far longer than it works: what the work needed goes back */
                malloc_trim(0);
        }
        return NULL;
}

int stage_worker_create(const struct stage_worker_options *options, struct stage_worker **ret_worker) {
        struct stage_worker *worker = calloc(1, sizeof(*worker));
        int r = -ENOMEM;

        if (worker) {
                worker->options = *options;
                worker->work = calloc(1, sizeof(*worker->work));
                worker->manifest = calloc(1, sizeof(*worker->manifest));
                pthread_mutex_init(&worker->lock, NULL);
                pthread_cond_init(&worker->wake, NULL);
                if (worker->work && worker->manifest)
                        r = -pthread_create(&worker->thread, NULL, worker_main, worker);
                if (!r) {
                        *ret_worker = worker;
                        return 0;
                }
                pthread_cond_destroy(&worker->wake);
                pthread_mutex_destroy(&worker->lock);
                free(worker->manifest);
                free(worker->work);
                free(worker);
        }
        return error_origin(r, "starting the worker");
}

struct stage_worker *stage_worker_destroy(struct stage_worker *worker) {
        if (!worker)
                return NULL;
        pthread_mutex_lock(&worker->lock);
        worker->is_ending = true;
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->lock);
        pthread_join(worker->thread, NULL);
        stage_job_destroy(worker->given);
        stage_job_destroy(worker->done);
        pthread_cond_destroy(&worker->wake);
        pthread_mutex_destroy(&worker->lock);
        if (worker->work)
                buffer_finish(&worker->work->details);
        free(worker->manifest);
        free(worker->work);
        free(worker);
        return NULL;
}

void stage_worker_give(struct stage_worker *worker, struct stage_job *job) {
        pthread_mutex_lock(&worker->lock);
        assert(!worker->given && !worker->done);
        worker->given = job;
        pthread_cond_signal(&worker->wake);
        pthread_mutex_unlock(&worker->lock);
}

struct stage_job *stage_worker_take(struct stage_worker *worker) {
        struct stage_job *job;

        pthread_mutex_lock(&worker->lock);
        job = worker->done;
        worker->done = NULL;
        pthread_mutex_unlock(&worker->lock);
        return job;
}
