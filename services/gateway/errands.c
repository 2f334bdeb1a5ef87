/* Errands: a queue under a lock; one condition wakes the thread, another whoever waits for an errand. */

#include "services/gateway/errands.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/error.h"

enum state {
        STATE_ON_ITS_OWN,
        STATE_AWAITED, /* somebody waits for it, and takes it when it is done */
        STATE_DONE,
        STATE_WITHDRAWN, /* it was awaited, and goes back to who waits */
};

struct errands {
        pthread_t thread;
        pthread_mutex_t lock;
        pthread_cond_t is_put, is_done;
        struct errand *first, **last;
        int64_t started_ms; /* of the one that runs; 0: none does */
        bool is_started, is_stopping;
};

/* The oldest one, or NULL; the lock is held. */
static struct errand *take(struct errands *errands) {
        struct errand *errand = errands->first;

        if (errand) {
                errands->first = errand->next;
                errand->next = NULL;
                if (!errands->first)
                        errands->last = &errands->first;
        }
        return errand;
}

static void *errands_main(void *argument) {
        struct errands *errands = argument;

        pthread_mutex_lock(&errands->lock);
        while (!errands->is_stopping) {
                struct errand *errand = take(errands);
                bool is_awaited;

                if (!errand) {
                        pthread_cond_wait(&errands->is_put, &errands->lock);
                        continue;
                }
                errands->started_ms = clock_monotonic_ms();
                pthread_mutex_unlock(&errands->lock);
                errand->run(errand);
                pthread_mutex_lock(&errands->lock);
                errands->started_ms = 0;
                is_awaited = errand->state == STATE_AWAITED;
                errand->state = STATE_DONE;
                if (is_awaited) {
                        pthread_cond_broadcast(&errands->is_done);
                        continue;
                }
                pthread_mutex_unlock(&errands->lock);
                errand->end(errand, true);
                pthread_mutex_lock(&errands->lock);
        }
        pthread_mutex_unlock(&errands->lock);
        return NULL;
}

int errands_create(struct errands **ret_errands) {
        struct errands *errands = calloc(1, sizeof(*errands));
        pthread_condattr_t monotonic;
        int r;

        if (!errands)
                return error_origin(-ENOMEM, "creating the thread of errands");
        errands->last = &errands->first;
        pthread_mutex_init(&errands->lock, NULL);
        pthread_condattr_init(&monotonic);
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        pthread_cond_init(&errands->is_put, NULL);
        pthread_cond_init(&errands->is_done, &monotonic);
        pthread_condattr_destroy(&monotonic);
        r = pthread_create(&errands->thread, NULL, errands_main, errands);
        if (r) {
                errands_destroy(errands);
                return error_origin(-r, "starting the thread of errands");
        }
        errands->is_started = true;
        *ret_errands = errands;
        return 0;
}

void errands_withdraw(struct errands *errands) {
        struct errand *errand, *withdrawn = NULL, **last = &withdrawn;

        pthread_mutex_lock(&errands->lock);
        while ((errand = take(errands))) {
                if (errand->state == STATE_AWAITED) {
                        errand->state = STATE_WITHDRAWN;
                        continue;
                }
                *last = errand;
                last = &errand->next;
        }
        pthread_cond_broadcast(&errands->is_done);
        pthread_mutex_unlock(&errands->lock);
        while ((errand = withdrawn)) {
                withdrawn = errand->next;
                errand->next = NULL;
                errand->end(errand, false);
        }
}

void errands_stop(struct errands *errands) {
        if (!errands->is_started)
                return;
        pthread_mutex_lock(&errands->lock);
        errands->is_stopping = true;
        pthread_cond_signal(&errands->is_put);
        pthread_mutex_unlock(&errands->lock);
        pthread_join(errands->thread, NULL);
        errands->is_started = false;
        errands_withdraw(errands);
}

struct errands *errands_destroy(struct errands *errands) {
        if (!errands)
                return NULL;
        errands_stop(errands);
        pthread_cond_destroy(&errands->is_put);
        pthread_cond_destroy(&errands->is_done);
        pthread_mutex_destroy(&errands->lock);
        free(errands);
        return NULL;
}

/* False when nobody will take it; the lock is held. */
static bool put(struct errands *errands, struct errand *errand, enum state state) {
        if (errands->is_stopping)
                return false;
        errand->next = NULL;
        errand->state = state;
        *errands->last = errand;
        errands->last = &errand->next;
        pthread_cond_signal(&errands->is_put);
        return true;
}

void errands_put(struct errands *errands, struct errand *errand) {
        bool is_put;

        pthread_mutex_lock(&errands->lock);
        is_put = put(errands, errand, STATE_ON_ITS_OWN);
        pthread_mutex_unlock(&errands->lock);
        if (!is_put)
                errand->end(errand, false);
}

/* Takes it out of the queue; false when it is not there, since it runs. The lock is held. */
static bool take_back(struct errands *errands, const struct errand *errand) {
        struct errand **at = &errands->first;

        while (*at && *at != errand)
                at = &(*at)->next;
        if (!*at)
                return false;
        *at = errand->next;
        if (!*at)
                errands->last = at;
        return true;
}

enum errands_result errands_wait(struct errands *errands, struct errand *errand, int ms) {
        int64_t until_ns = clock_monotonic_ns() + (int64_t)ms * 1000000;
        struct timespec until = { .tv_sec = until_ns / 1000000000, .tv_nsec = until_ns % 1000000000 };
        enum errands_result result = ERRANDS_WITHDRAWN;
        int r = 0;

        pthread_mutex_lock(&errands->lock);
        if (put(errands, errand, STATE_AWAITED)) {
                while (errand->state == STATE_AWAITED && !r)
                        r = pthread_cond_timedwait(&errands->is_done, &errands->lock, &until);
                if (errand->state == STATE_DONE) {
                        result = ERRANDS_DONE;
                } else if (errand->state == STATE_AWAITED && !take_back(errands, errand)) {
                        result = ERRANDS_RUNS_ON;
                        errand->state = STATE_ON_ITS_OWN;
                }
        }
        pthread_mutex_unlock(&errands->lock);
        return result;
}

int64_t errands_running_ms(struct errands *errands) {
        int64_t started_ms;

        pthread_mutex_lock(&errands->lock);
        started_ms = errands->started_ms;
        pthread_mutex_unlock(&errands->lock);
        return started_ms ? clock_monotonic_ms() - started_ms + 1 : 0;
}
