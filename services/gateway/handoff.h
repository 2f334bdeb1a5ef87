#pragma once

/*
 * Hand-over
 *
 * How a loop has another thread answer a request. The loop makes a handoff, which copies what the other thread needs,
 * and puts it into that thread's mailbox. The thread does the work and returns the handoff with status and answer; the
 * loop that made it is woken through its message receiver and sends the answer, unless the client has gone by then: the
 * request's memory pool tells the handoff when it is disposed of. A handoff belongs to one thread at a time, and
 * `request` is only looked at in the loop. Every handoff is delivered: one that its thread discards is answered 503.
 */

#include <stdbool.h>

#include <h2o.h>

#include "common/base/buffer.h"
#include "services/gateway/mailbox.h"
#include "services/gateway/outer.h"
#include "services/gateway/request.h"

struct handoff_watch;

enum { HANDOFF_TRACEPARENT_BYTES = 64 };

/* A message to a loop: runs in the loop, and owns the message from then on. */
struct loop_message {
        h2o_multithread_message_t super;
        void (*deliver)(struct loop_message *message);
};

struct handoff {
        struct job job;
        struct loop_message message;
        struct request request;      /* request.h2o is NULL once the client has gone */
        struct handoff_watch *watch; /* the loop's */

        char parameter[REQUEST_PARAMETER_BYTES];     /* the first {…} of the path, "" when it has none */
        char name[REQUEST_PARAMETER_BYTES];          /* the second */
        char header[REQUEST_PARAMETER_BYTES];        /* the header that the route asked for, "" when absent */
        char traceparent[HANDOFF_TRACEPARENT_BYTES]; /* as the client sent it, "" when absent or too long */
        int64_t number;                              /* a number of the query, as the route says */
        struct buffer body;

        int status; /* of the answer */
        struct buffer answer;
        char location[REQUEST_PARAMETER_BYTES]; /* "" for none */
};

/* Hands the request over: copies parameters 0 and 1, body and the named header (NULL for none). Answers the request
 * itself when that cannot be done. Returns 0. */
int handoff_post(struct request *request, struct mailbox *mailbox, job_function *run, const char *header,
                 int64_t number);

static inline struct handoff *handoff_of_job(struct job *job) {
        return (struct handoff *)(void *)job; /* the job stands first */
}

/* Back to the loop, with the JSON in answer, or with that of an error. The handoff is gone for the caller. */
void handoff_return(struct handoff *handoff, int status);
void handoff_return_error(struct handoff *handoff, int status, const char *format, ...) _printf_(3, 4);
void handoff_return_coded(struct handoff *handoff, int status, const char *code, const char *format, ...)
        _printf_(4, 5);
void handoff_return_fault(struct handoff *handoff, int status, const struct fault *fault);

/* Answers 500, or 507 when the disk is full, for a negative errno. */
void handoff_return_failure(struct handoff *handoff, int error);

/* The loop's receiver: delivers every message. */
void handoff_on_messages(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages);
