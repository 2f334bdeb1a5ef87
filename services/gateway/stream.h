#pragma once

/*
 * Stream
 *
 * The events of one run, sent to one client as server-sent events (WHATWG HTML, section 9.2). The loop owns the
 * connection, the thread of line.h knows the events: the loop asks it to watch, it sends each event as a message to the
 * loop, and when the client has gone the loop asks it to forget. A stream is freed when nobody holds it any more:
 * neither the client, whose hold ends with being forgotten, nor the list of watchers, nor a message on its way.
 *
 * A stream ends with the run, or when the client is so slow that STREAM_WAITING_BYTES_MAX wait for it; a client that
 * comes again with Last-Event-ID gets the events since then that are kept (LEDGER_EVENTS_MAX). A comment is sent now
 * and then, which finds out who has gone.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/uuid.h"
#include "services/gateway/handoff.h"
#include "services/gateway/ledger.h"

#define STREAM_WAITING_BYTES_MAX (1024 * 1024)
#define STREAM_COMMENT_MS 15000

struct stream {
        struct job watch;  /* for the line: begin to tell */
        struct job forget; /* for the line: the client has gone */
        _Atomic int n_holds;
        struct stream *next;         /* the line's list */
        struct stream_message *last; /* the line's: made beforehand, so that a stream can always be ended; NULL after */
        struct mailbox *mailbox;
        h2o_multithread_receiver_t *receiver;
        char run[UUID_TEXT_BYTES];
        int64_t after;   /* events up to this number are known to the client */
        int64_t told_ms; /* the line's: when it was last told something, monotonic */

        struct request request; /* the loop's; request.h2o is NULL once the client has gone */
        struct stream_generator *generator;
};

/* In the loop: opens a stream on parameter 0 of the request, after the event that Last-Event-ID names (one that is no
 * number names none). */
int stream_open(struct request *request, struct mailbox *mailbox, job_function *watch, job_function *forget);

/* In the line: tells an event, one without an id when its number is 0; ends the stream; sends a comment when nothing
 * was told for long; answers instead of streaming, with an error, or with 204, on which clients do not come again. What
 * fails (-ENOMEM) ends the stream: the client comes again and asks for what it missed. */
int stream_tell(struct stream *stream, const struct ledger_event *event);
void stream_end(struct stream *stream);
int stream_keep_alive(struct stream *stream);
int stream_refuse(struct stream *stream, int status, const char *sentence);

/* From any thread: one hold more or less. The line ends the client's when it forgets the stream. */
void stream_hold(struct stream *stream);
void stream_release(struct stream *stream);

static inline struct stream *stream_of_watch(struct job *job) {
        return OUTER_OF(struct stream, watch, job);
}

static inline struct stream *stream_of_forget(struct job *job) {
        return OUTER_OF(struct stream, forget, job);
}
