/* Mongo errand: who comes last, the thread or the one who waits for it, tidies up. */

#include "common/source/mongo/mongo_errand.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/error.h"

struct mongo_errand {
        void (*run)(void *context);
        void (*undo)(void *context);
        void *context;
        pthread_t thread;
        pthread_mutex_t lock; /* of all that follows */
        pthread_cond_t changed;
        bool is_over; /* run() has returned */
        bool is_left; /* nobody waits for it */
};

static void tidy_up(struct mongo_errand *errand) {
        errand->undo(errand->context);
        pthread_cond_destroy(&errand->changed);
        pthread_mutex_destroy(&errand->lock);
        free(errand);
}

static void *errand_main(void *argument) {
        struct mongo_errand *errand = argument;
        bool is_left;

        errand->run(errand->context);
        pthread_mutex_lock(&errand->lock);
        errand->is_over = true;
        is_left = errand->is_left;
        pthread_cond_broadcast(&errand->changed);
        pthread_mutex_unlock(&errand->lock);
        if (is_left)
                tidy_up(errand);
        return NULL;
}

int mongo_errand_start(void (*run)(void *context), void (*undo)(void *context), void *context,
                       struct mongo_errand **ret_errand) {
        struct mongo_errand *errand = calloc(1, sizeof(*errand));
        pthread_condattr_t attributes;
        int r;

        if (!errand)
                return error_origin(-ENOMEM, "talking to MongoDB");
        errand->run = run;
        errand->undo = undo;
        errand->context = context;
        pthread_mutex_init(&errand->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&errand->changed, &attributes);
        pthread_condattr_destroy(&attributes);
        r = pthread_create(&errand->thread, NULL, errand_main, errand);
        if (r) {
                pthread_cond_destroy(&errand->changed);
                pthread_mutex_destroy(&errand->lock);
                free(errand);
                return error_origin(-r, "starting a thread for MongoDB");
        }
        *ret_errand = errand;
        return 0;
}

void mongo_errand_end(struct mongo_errand *errand) {
        struct timespec until;
        pthread_t thread;
        bool is_over;

        if (!errand)
                return;
        thread = errand->thread;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += MONGO_LEAVE_MS / 1000;
        pthread_mutex_lock(&errand->lock);
        while (!errand->is_over && pthread_cond_timedwait(&errand->changed, &errand->lock, &until) != ETIMEDOUT)
                ;
        is_over = errand->is_over;
        errand->is_left = !is_over;
        pthread_mutex_unlock(&errand->lock);
        if (!is_over) {
                pthread_detach(thread);
                return;
        }
        pthread_join(thread, NULL);
        tidy_up(errand);
}
