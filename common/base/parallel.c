/* Work fanned over all cores: one atomic counter, one thread per CPU. */

#include "common/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

enum { N_THREADS_MAX = 64 };

struct job {
        size_t n_units;
        int (*work)(void *context, size_t unit, int worker);
        void *context;
        _Atomic size_t next;
        pthread_mutex_t lock;
        size_t failed_unit;
        int result;
};

struct worker {
        struct job *job;
        int number;
};

int parallel_n_threads(void) {
        cpu_set_t set;
        int n;

        if (sched_getaffinity(0, sizeof(set), &set))
                return 1;
        n = CPU_COUNT(&set);
        return n < 1 ? 1 : n < N_THREADS_MAX ? n : N_THREADS_MAX;
}

static void *worker_main(void *argument) {
        const struct worker *worker = argument;
        struct job *job = worker->job;
        size_t unit;
        int r;

        while ((unit = atomic_fetch_add(&job->next, 1)) < job->n_units) {
                r = job->work(job->context, unit, worker->number);
                if (!r)
                        continue;
                atomic_store(&job->next, job->n_units);
                pthread_mutex_lock(&job->lock);
                if (!job->result || unit < job->failed_unit) {
                        job->failed_unit = unit;
                        job->result = r;
                }
                pthread_mutex_unlock(&job->lock);
        }
        return NULL;
}

int parallel_for(size_t n_units, int (*work)(void *context, size_t unit, int worker), void *context) {
        struct job job = { .n_units = n_units, .work = work, .context = context, .lock = PTHREAD_MUTEX_INITIALIZER };
        int n_threads = parallel_n_threads(), n_started = 0;
        struct worker workers[N_THREADS_MAX];
        pthread_t threads[N_THREADS_MAX];

        if ((size_t)n_threads > n_units)
                n_threads = n_units ? (int)n_units : 1;
        for (int i = 0; i < n_threads; i++)
                workers[i] = (struct worker){ &job, i };
        while (n_started < n_threads - 1 &&
               !pthread_create(&threads[n_started], NULL, worker_main, &workers[n_started + 1]))
                n_started++;
        worker_main(&workers[0]);
        for (int i = 0; i < n_started; i++)
                pthread_join(threads[i], NULL);
        pthread_mutex_destroy(&job.lock);
        return job.result;
}
