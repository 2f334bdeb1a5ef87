#pragma once

/*
 * Stream
 *
 * The events of one run, sent to one client as server-sent events (WHATWG HTML, section 9.2). The loop owns the
 * connection, the thread of line.h knows the events: the loop asks it to watch, it sends each event as a message to the
 * loop, and when the client has gone the loop asks it to forget, and frees the stream only when that was done.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/uuid.h"
#include "services/gateway/handoff.h"
#include "services/gateway/ledger.h"

struct stream {
        struct job watch;  /* for the line: begin to tell */
        struct job forget; /* for the line: the client has gone */
        struct loop_message released;
        struct stream *next; /* the line's list */
        struct mailbox *mailbox;
        h2o_multithread_receiver_t *receiver;
        char run[UUID_TEXT_BYTES];
        int64_t after; /* events up to this number are known to the client */

        struct request request; /* the loop's; request.h2o is NULL once the client has gone */
        struct stream_generator *generator;
};

/* In the loop: opens a stream on parameter 0 of the request, after the event that Last-Event-ID names. */
int stream_open(struct request *request, struct mailbox *mailbox, job_function *watch, job_function *forget);

/* In the line. event NULL with a status answers instead of streaming; is_last ends the stream. */
int stream_tell(struct stream *stream, const struct ledger_event *event, bool is_last);
int stream_refuse(struct stream *stream, int status, const char *sentence);

/* In the line, after the last word: the loop may free the stream. */
void stream_release(struct stream *stream);

static inline struct stream *stream_of_watch(struct job *job) {
        return H2O_STRUCT_FROM_MEMBER(struct stream, watch, job);
}

static inline struct stream *stream_of_forget(struct job *job) {
        return H2O_STRUCT_FROM_MEMBER(struct stream, forget, job);
}
