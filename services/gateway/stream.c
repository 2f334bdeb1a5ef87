/* Stream: one generator that sends what has come, one message an event. */

#include "services/gateway/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"

/* In the request's pool; goes away with the request and then tells the stream. */
struct stream_generator {
        h2o_generator_t super;
        struct stream *stream;
        struct buffer sending; /* libh2o reads it until proceed */
        struct buffer waiting;
        bool is_started, is_sending, is_last;
};

struct stream_message {
        struct loop_message super;
        struct stream *stream;
        struct buffer text;
        int status; /* not 0: answer with this instead */
        bool is_last;
};

/* The line has ended before it saw the stream. */
static void discard_watch(struct job *job) {
        stream_refuse(stream_of_watch(job), 503, "the gateway is being stopped, try again");
}

/* The line has ended, and what it told may still be on its way. */
static void discard_forget(struct job *job) {
        stream_release(stream_of_forget(job));
}

static void send_waiting(struct stream_generator *generator) {
        h2o_req_t *h2o = generator->stream->request.h2o;
        struct buffer swapped = generator->sending;
        h2o_iovec_t body;

        if (generator->is_sending || (!generator->waiting.n_bytes && !generator->is_last))
                return;
        generator->sending = generator->waiting;
        generator->waiting = swapped;
        buffer_clear(&generator->waiting);
        body = h2o_iovec_init(generator->sending.data, generator->sending.n_bytes);
        generator->is_sending = true;
        h2o_send(h2o, &body, body.len ? 1 : 0, generator->is_last ? H2O_SEND_STATE_FINAL : H2O_SEND_STATE_IN_PROGRESS);
}

static void on_proceed(h2o_generator_t *super, h2o_req_t *h2o _unused_) {
        struct stream_generator *generator = (struct stream_generator *)(void *)super;

        generator->is_sending = false;
        send_waiting(generator);
}

static void on_stop(h2o_generator_t *super _unused_, h2o_req_t *h2o _unused_) {
        /* the request's memory goes next, and on_disposed() does the rest */
}

static void on_disposed(void *memory) {
        struct stream_generator *generator = memory;
        struct stream *stream = generator->stream;

        buffer_finish(&generator->sending);
        buffer_finish(&generator->waiting);
        stream->request.h2o = NULL;
        stream->generator = NULL;
        mailbox_put_always(stream->mailbox, &stream->forget);
}

static void start(struct stream_generator *generator) {
        h2o_req_t *h2o = generator->stream->request.h2o;

        generator->is_started = true;
        h2o->res.status = 200;
        h2o->res.reason = "OK";
        h2o_add_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                       H2O_STRLIT("text/event-stream; charset=utf-8"));
        h2o_add_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL, H2O_STRLIT("no-store"));
        h2o_start_response(h2o, &generator->super);
}

static void refuse(struct request *request, const struct stream_message *message) {
        if (message->status == 204)
                request_answer_nothing(request, 204);
        else
                request_answer_error(request, message->status, "%s", buffer_text(&message->text));
}

static void deliver(struct loop_message *super) {
        struct stream_message *message = (struct stream_message *)(void *)super;
        struct stream *stream = message->stream;
        struct stream_generator *generator = stream->generator;

        if (generator && message->status && !generator->is_started) {
                generator->is_started = generator->is_last = true;
                refuse(&stream->request, message);
        } else if (generator && !generator->is_last) {
                if (!generator->is_started)
                        start(generator);
                if (generator->waiting.n_bytes + message->text.n_bytes > STREAM_WAITING_BYTES_MAX ||
                    buffer_append(&generator->waiting, message->text.data, message->text.n_bytes))
                        generator->is_last = true;
                generator->is_last |= message->is_last;
                send_waiting(generator);
        }
        buffer_finish(&message->text);
        free(message);
        stream_release(stream);
}

static struct stream *create(void) {
        struct stream *stream = calloc(1, sizeof(*stream));

        if (stream)
                stream->last = calloc(1, sizeof(*stream->last));
        if (!stream || !stream->last) {
                free(stream);
                return NULL;
        }
        return stream;
}

static void destroy(struct stream *stream) {
        if (stream)
                free(stream->last);
        free(stream);
}

int stream_open(struct request *request, struct mailbox *mailbox, job_function *watch, job_function *forget) {
        h2o_iovec_t last = request_header(request, "last-event-id");
        struct stream *stream = create();
        char number[32] = "";

        if (h2o_memis(request->h2o->method.base, request->h2o->method.len, H2O_STRLIT("HEAD"))) {
                destroy(stream);
                request_answer(request, 200, "text/event-stream; charset=utf-8", "", 0);
                return 0;
        }
        if (!stream || !request_parameter(request, 0, stream->run, sizeof(stream->run)) || last.len >= sizeof(number)) {
                request_answer_error(request, stream ? 404 : 503, stream ? "there is no such run" : "out of memory");
                destroy(stream);
                return 0;
        }
        if (last.len)
                memcpy(number, last.base, last.len);
        stream->after = strtoll(number, NULL, 10);
        stream->watch = (struct job){ .run = watch, .discard = discard_watch };
        stream->forget = (struct job){ .run = forget, .discard = discard_forget };
        atomic_init(&stream->n_holds, 1);
        stream->mailbox = mailbox;
        stream->receiver = request->receiver;
        stream->request = *request;
        if (!mailbox_put(mailbox, &stream->watch)) {
                request_answer_error(request, 503, "too many calls are waiting, try again");
                destroy(stream);
                return 0;
        }
        stream->generator = h2o_mem_alloc_shared(&request->h2o->pool, sizeof(*stream->generator), on_disposed);
        *stream->generator = (struct stream_generator){ .super = { on_proceed, on_stop }, .stream = stream };
        return 0;
}

static void send_message(struct stream *stream, struct stream_message *message) {
        message->super.deliver = deliver;
        message->stream = stream;
        stream_hold(stream);
        h2o_multithread_send_message(stream->receiver, &message->super.super);
}

void stream_end(struct stream *stream) {
        struct stream_message *message = stream->last;

        if (!message)
                return;
        stream->last = NULL;
        message->is_last = true;
        send_message(stream, message);
}

/* Takes the message, when there is one, and the failure r of making it, which ends the stream. */
static int post(struct stream *stream, struct stream_message *message, int r) {
        if (r) {
                if (message)
                        buffer_finish(&message->text);
                free(message);
                stream_end(stream);
                return error_origin(r, "telling a stream of run %s", stream->run);
        }
        stream->told_ms = clock_monotonic_ms();
        send_message(stream, message);
        return 0;
}

int stream_tell(struct stream *stream, const struct ledger_event *event) {
        struct stream_message *message = calloc(1, sizeof(*message));
        int r = message ? 0 : -ENOMEM;

        if (!r && event->number)
                r = buffer_printf(&message->text, "id: %" PRId64 "\n", event->number);
        if (!r)
                r = buffer_printf(&message->text, "event: %s\ndata: ", event->kind);
        if (!r)
                r = buffer_append(&message->text, event->data, event->n_bytes);
        if (!r)
                r = buffer_append_text(&message->text, "\n\n");
        return post(stream, message, r);
}

int stream_keep_alive(struct stream *stream) {
        struct stream_message *message;

        if (clock_monotonic_ms() - stream->told_ms < STREAM_COMMENT_MS)
                return 0;
        message = calloc(1, sizeof(*message));
        return post(stream, message, message ? buffer_append_text(&message->text, ":\n\n") : -ENOMEM);
}

int stream_refuse(struct stream *stream, int status, const char *sentence) {
        struct stream_message *message = calloc(1, sizeof(*message));

        if (message)
                message->status = status;
        return post(stream, message, message ? buffer_append_text(&message->text, sentence) : -ENOMEM);
}

void stream_hold(struct stream *stream) {
        atomic_fetch_add(&stream->n_holds, 1);
}

void stream_release(struct stream *stream) {
        if (atomic_fetch_sub(&stream->n_holds, 1) == 1)
                destroy(stream);
}
