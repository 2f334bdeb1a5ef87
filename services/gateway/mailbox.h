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
        void (*discard)(struct job *job); /* ends a job that will never run */
};

struct mailbox {
        pthread_mutex_t lock;
        struct job *first, *last;
        size_t n_waiting;
        bool is_closed;
        int wake_fd;
};

int mailbox_init(struct mailbox *mailbox);

/* Once its thread has ended: discards what was never taken, and refuses what comes, but for mailbox_put_always(). */
void mailbox_close(struct mailbox *mailbox);

/* Discards likewise. */
void mailbox_finish(struct mailbox *mailbox);

/* From any thread. False when too many jobs wait, or nobody takes them; the job is still the caller's then. */
bool mailbox_put(struct mailbox *mailbox, struct job *job);

/* The same for a job that must not be lost, however many wait. */
void mailbox_put_always(struct mailbox *mailbox, struct job *job);

/* Runs the jobs that wait now; never blocks. What is put meanwhile waits for the next call, so that clients which ask
 * again at once leave the thread time for its other work. */
void mailbox_run(struct mailbox *mailbox, void *context);
