/* Hand-over: there by mailbox, back by the loop's receiver. */

#include "services/gateway/handoff.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"

/* In the request's pool: tells the handoff when the request's memory goes away. */
struct handoff_watch {
        struct handoff *handoff; /* NULL once it came back */
};

static struct handoff *handoff_destroy(struct handoff *handoff) {
        if (!handoff)
                return NULL;
        buffer_finish(&handoff->body);
        buffer_finish(&handoff->answer);
        free(handoff);
        return NULL;
}

static void handoff_destroy_pointer(struct handoff **handoff) {
        handoff_destroy(*handoff);
}

static void handoff_discard(struct job *job) {
        handoff_return_error(handoff_of_job(job), 503, "the gateway is being stopped, try again");
}

static void on_request_disposed(void *memory) {
        struct handoff_watch *watch = memory;

        if (watch->handoff)
                watch->handoff->request.h2o = NULL;
}

static void deliver(struct loop_message *message) {
        struct handoff *handoff = OUTER_OF(struct handoff, message, message);
        struct request *request = &handoff->request;

        atomic_fetch_sub(&request->tally->n_handed_over, 1);
        if (request->h2o) {
                handoff->watch->handoff = NULL;
                if (handoff->location[0])
                        request_add_header(request, "location", handoff->location);
                request_answer_json(request, handoff->status, &handoff->answer);
        }
        handoff_destroy(handoff);
}

static int copy_request(struct handoff *handoff, const struct request *request, const char *header) {
        h2o_iovec_t value = header ? request_header(request, header) : (h2o_iovec_t){ NULL, 0 };
        int r;

        r = buffer_append(&handoff->body, request->h2o->entity.base, request->h2o->entity.len);
        if (r)
                return error_trace(r);
        if (value.len >= sizeof(handoff->header))
                return -EMSGSIZE;
        if (value.len)
                memcpy(handoff->header, value.base, value.len);
        value = request_header(request, "traceparent");
        if (value.len && value.len < sizeof(handoff->traceparent))
                memcpy(handoff->traceparent, value.base, value.len);
        if ((request->n_parameters > 0 &&
             !request_parameter(request, 0, handoff->parameter, sizeof(handoff->parameter))) ||
            (request->n_parameters > 1 && !request_parameter(request, 1, handoff->name, sizeof(handoff->name))))
                return -ENOENT;
        return 0;
}

int handoff_post(struct request *request, struct mailbox *mailbox, job_function *run, const char *header,
                 int64_t number) {
        _cleanup_(handoff_destroy_pointer) struct handoff *handoff = calloc(1, sizeof(*handoff));
        int r;

        r = handoff ? copy_request(handoff, request, header) : -ENOMEM;
        if (r == -EMSGSIZE)
                request_answer_error(request, 400, "the header %s is longer than %d bytes", header,
                                     REQUEST_PARAMETER_BYTES - 1);
        else if (r == -ENOENT)
                request_answer_error(request, 404, "a name in the path is too long");
        else if (r)
                request_answer_error(request, 503, "out of memory, try again");
        if (r)
                return 0;
        handoff->job = (struct job){ .run = run, .discard = handoff_discard };
        handoff->message.deliver = deliver;
        handoff->request = *request;
        handoff->number = number;
        handoff->watch = h2o_mem_alloc_shared(&request->h2o->pool, sizeof(*handoff->watch), on_request_disposed);
        handoff->watch->handoff = handoff;
        atomic_fetch_add(&request->tally->n_handed_over, 1);
        if (mailbox_put(mailbox, &handoff->job)) {
                steal(handoff);
                return 0;
        }
        atomic_fetch_sub(&request->tally->n_handed_over, 1);
        handoff->watch->handoff = NULL;
        request_answer_error(request, 503, "too many calls are waiting, try again");
        return 0;
}

void handoff_return(struct handoff *handoff, int status) {
        handoff->status = status;
        h2o_multithread_send_message(handoff->request.receiver, &handoff->message.super);
}

void handoff_return_fault(struct handoff *handoff, int status, const struct fault *fault) {
        buffer_clear(&handoff->answer);
        handoff_return(handoff, request_error_json(status, fault, &handoff->answer) ? 500 : status);
}

void handoff_return_error(struct handoff *handoff, int status, const char *format, ...) {
        struct fault fault = FAULT_NULL;
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(fault.message, sizeof(fault.message), format, arguments);
        va_end(arguments);
        handoff_return_fault(handoff, status, &fault);
}

void handoff_return_coded(struct handoff *handoff, int status, const char *code, const char *format, ...) {
        struct fault fault = FAULT_NULL;
        va_list arguments;

        snprintf(fault.code, sizeof(fault.code), "%s", code);
        va_start(arguments, format);
        vsnprintf(fault.message, sizeof(fault.message), format, arguments);
        va_end(arguments);
        handoff_return_fault(handoff, status, &fault);
}

void handoff_return_failure(struct handoff *handoff, int error) {
        handoff_return_error(handoff, error == -ENOSPC || error == -EDQUOT ? 507 : 500, "%s; the log says more",
                             strerror(-error));
}

void handoff_on_messages(h2o_multithread_receiver_t *receiver _unused_, h2o_linklist_t *messages) {
        while (!h2o_linklist_is_empty(messages)) {
                struct loop_message *message = OUTER_OF(struct loop_message, super.link, messages->next);

                h2o_linklist_unlink(&message->super.link);
                message->deliver(message);
        }
}
