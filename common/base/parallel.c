/* Work spread over all cores: one atomic counter, one thread per CPU. */

#include "common/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "common/base/error.h"

enum { N_THREADS_MAX = 64 };

/* One call of parallel_for(), shared by its threads. */
struct loop {
        size_t n_units;
        int (*work)(void *context, size_t unit, int worker);
        void *context;
        _Atomic size_t next;
        pthread_mutex_t lock;
        size_t failed_unit;
        int result;
        char reason[ERROR_REASON_BYTES]; /* of a result that is a failure */
};

struct worker {
        struct loop *loop;
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
        struct loop *loop = worker->loop;
        size_t unit;
        int r;

        while ((unit = atomic_fetch_add(&loop->next, 1)) < loop->n_units) {
                r = loop->work(loop->context, unit, worker->number);
                if (!r)
                        continue;
                atomic_store(&loop->next, loop->n_units);
                pthread_mutex_lock(&loop->lock);
                if (!loop->result || unit < loop->failed_unit) {
                        loop->failed_unit = unit;
                        loop->result = r;
                        if (r < 0)
                                snprintf(loop->reason, sizeof(loop->reason), "%s", error_reason(r));
                }
                pthread_mutex_unlock(&loop->lock);
        }
        return NULL;
}

int parallel_for_on(int n_threads, size_t n_units, int (*work)(void *context, size_t unit, int worker), void *context) {
        struct loop loop = { .n_units = n_units, .work = work, .context = context, .lock = PTHREAD_MUTEX_INITIALIZER };
        int n_started = 0;
        struct worker workers[N_THREADS_MAX];
        pthread_t threads[N_THREADS_MAX];

        if (n_threads > N_THREADS_MAX)
                n_threads = N_THREADS_MAX;
        if ((size_t)n_threads > n_units)
                n_threads = n_units ? (int)n_units : 1;
        for (int i = 0; i < n_threads; i++)
                workers[i] = (struct worker){ &loop, i };
        while (n_started < n_threads - 1 &&
               !pthread_create(&threads[n_started], NULL, worker_main, &workers[n_started + 1]))
                n_started++;
        worker_main(&workers[0]);
        for (int i = 0; i < n_started; i++)
                pthread_join(threads[i], NULL);
        pthread_mutex_destroy(&loop.lock);
        if (loop.result < 0)
                error_adopt(loop.result, loop.reason);
        return loop.result;
}

int parallel_for(size_t n_units, int (*work)(void *context, size_t unit, int worker), void *context) {
        return parallel_for_on(parallel_n_threads(), n_units, work, context);
}
