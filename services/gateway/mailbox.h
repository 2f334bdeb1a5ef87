#pragma once

/*
 * Mailbox
 *
 * Where a thread takes its jobs from: a bounded queue and a descriptor that is readable while something waits, so that
 * the thread can wait for it beside its sockets and timers.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

struct job;

/* Does the job in the mailbox's thread; context is what that thread gives. The job belongs to it from then on. */
typedef void job_function(struct job *job, void *context);

struct job {
        struct job *next;
        job_function *run;
        void (*discard)(struct job *job); /* frees a job that will never run */
};

struct mailbox {
        pthread_mutex_t lock;
        struct job *first, *last;
        size_t n_waiting;
        int wake_fd;
};

int mailbox_init(struct mailbox *mailbox);

/* Discards what was never taken. */
void mailbox_finish(struct mailbox *mailbox);

/* From any thread. False when too many jobs wait; the job is still the caller's then. */
bool mailbox_put(struct mailbox *mailbox, struct job *job);

/* The same for a job that must not be lost, however many wait. */
void mailbox_put_surely(struct mailbox *mailbox, struct job *job);

/* Runs every job that waits; never blocks. */
void mailbox_run(struct mailbox *mailbox, void *context);
