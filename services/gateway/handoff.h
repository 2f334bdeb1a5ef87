#pragma once

/*
 * Hand-over
 *
 * How a loop has another thread answer a request. The loop makes a handoff, which copies what the other thread needs,
 * and posts it to that thread's mailbox. The thread does the work, fills in status and answer, and returns the handoff;
 * the loop that made it is woken through its message receiver and sends the answer, unless the client has gone by then:
 * the request's memory pool marks the handoff as abandoned when it is disposed of. A handoff belongs to one thread at a
 * time; `h2o` is only touched in the loop.
 */

#include <pthread.h>
#include <stdbool.h>

#include <h2o.h>

#include "common/base/buffer.h"
#include "services/gateway/request.h"

struct handoff;
struct handoff_watch;

/* Runs in the mailbox's thread. Fills status and answer and calls handoff_return(), now or later. */
typedef void handoff_function(struct handoff *handoff, void *context);

struct handoff {
        h2o_multithread_message_t super;
        struct handoff *next;
        h2o_multithread_receiver_t *receiver;
        struct request request; /* request.h2o is NULL once the client has gone; only the loop looks */
        struct handoff_watch *watch;
        handoff_function *work;
        char parameter[REQUEST_PARAMETER_BYTES];
        char name[REQUEST_PARAMETER_BYTES];
        struct buffer body;                     /* the request's, copied */
        char key[REQUEST_PARAMETER_BYTES];      /* Idempotency-Key or Last-Event-ID; "" when absent */
        int64_t number;                         /* a number of the query, as the route says */
        int status;                             /* the answer's */
        struct buffer answer;                   /* JSON */
        char location[REQUEST_PARAMETER_BYTES]; /* Location header; "" for none */
};

/* Where a thread takes its handoffs from. */
struct mailbox {
        pthread_mutex_t lock;
        struct handoff *first, *last;
        size_t n_waiting;
        int wake_fd; /* readable while something waits */
};

int mailbox_init(struct mailbox *mailbox);

/* Frees what was never taken. */
void mailbox_finish(struct mailbox *mailbox);

/* The oldest handoff, or NULL. Never blocks. */
struct handoff *mailbox_take(struct mailbox *mailbox);

/* Copies parameters 0 and 1, body and the named header (NULL for none) and posts the request; answers 503 itself when
 * too many wait or memory is short. Returns 0. */
int handoff_post(struct request *request, struct mailbox *mailbox, handoff_function *work, const char *header,
                 int64_t number);

/* Back to the loop, from any thread; the handoff is the loop's from then on. */
void handoff_return(struct handoff *handoff);
void handoff_return_error(struct handoff *handoff, int status, const char *format, ...) _printf_(3, 4);
void handoff_return_fault(struct handoff *handoff, int status, const struct fault *fault);

/* The loop's side: sends what came back. Registered by the server as the loop's receiver. */
void handoff_on_messages(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages);
