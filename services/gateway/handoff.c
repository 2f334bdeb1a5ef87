/* Hand-over: mailboxes with an eventfd, answers through the loop's receiver. */

#include "services/gateway/handoff.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "common/base/error.h"
#include "common/base/log.h"

/* handoffs in one mailbox, at most */
enum { MAILBOX_WAITING_MOST = 1024 };

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

int mailbox_init(struct mailbox *mailbox) {
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        if (fd < 0)
                return error_origin(-errno, "creating an eventfd");
        *mailbox = (struct mailbox){ .wake_fd = fd };
        pthread_mutex_init(&mailbox->lock, NULL);
        return 0;
}

void mailbox_finish(struct mailbox *mailbox) {
        struct handoff *handoff;

        while ((handoff = mailbox_take(mailbox)))
                handoff_destroy(handoff);
        close(mailbox->wake_fd);
        pthread_mutex_destroy(&mailbox->lock);
}

struct handoff *mailbox_take(struct mailbox *mailbox) {
        struct handoff *handoff;
        uint64_t count;

        pthread_mutex_lock(&mailbox->lock);
        handoff = mailbox->first;
        if (handoff) {
                mailbox->first = handoff->next;
                mailbox->n_waiting--;
                handoff->next = NULL;
        }
        if (!mailbox->first) {
                mailbox->last = NULL;
                /* nothing waits any more: an eventfd that was never raised answers EAGAIN, which is as well */
                if (read(mailbox->wake_fd, &count, sizeof(count)) < 0)
                        assert(errno == EAGAIN);
        }
        pthread_mutex_unlock(&mailbox->lock);
        return handoff;
}

static bool mailbox_put(struct mailbox *mailbox, struct handoff *handoff) {
        const uint64_t one = 1;
        bool has_room;

        pthread_mutex_lock(&mailbox->lock);
        has_room = mailbox->n_waiting < MAILBOX_WAITING_MOST;
        if (has_room) {
                if (mailbox->last)
                        mailbox->last->next = handoff;
                else
                        mailbox->first = handoff;
                mailbox->last = handoff;
                mailbox->n_waiting++;
                if (write(mailbox->wake_fd, &one, sizeof(one)) < 0)
                        assert(errno == EAGAIN);
        }
        pthread_mutex_unlock(&mailbox->lock);
        return has_room;
}

/* In the request's pool: tells the handoff when the request's memory goes away. */
struct handoff_watch {
        struct handoff *handoff; /* NULL once it came back */
};

static void on_request_disposed(void *memory) {
        struct handoff_watch *watch = memory;

        if (watch->handoff)
                watch->handoff->request.h2o = NULL;
}

int handoff_post(struct request *request, struct mailbox *mailbox, handoff_function *work, const char *header,
                 int64_t number) {
        _cleanup_(handoff_destroy_pointer) struct handoff *handoff = calloc(1, sizeof(*handoff));
        h2o_iovec_t value = { NULL, 0 };
        struct handoff_watch *watch;

        if (!handoff || buffer_append(&handoff->body, request->h2o->entity.base, request->h2o->entity.len)) {
                request_answer_error(request, 503, "out of memory, try again");
                return 0;
        }
        if (header)
                value = request_header(request, header);
        if (value.len >= sizeof(handoff->key)) {
                request_answer_error(request, 400, "the header %s is longer than %zu bytes", header,
                                     sizeof(handoff->key) - 1);
                return 0;
        }
        if (value.len)
                memcpy(handoff->key, value.base, value.len);
        if ((request->n_parameters > 0 &&
             !request_parameter(request, 0, handoff->parameter, sizeof(handoff->parameter))) ||
            (request->n_parameters > 1 && !request_parameter(request, 1, handoff->name, sizeof(handoff->name)))) {
                request_answer_error(request, 404, "no such thing");
                return 0;
        }
        handoff->receiver = request->receiver;
        handoff->request = *request;
        handoff->work = work;
        handoff->number = number;
        watch = h2o_mem_alloc_shared(&request->h2o->pool, sizeof(*watch), on_request_disposed);
        watch->handoff = handoff;
        handoff->watch = watch;
        if (!mailbox_put(mailbox, handoff)) {
                watch->handoff = NULL;
                request_answer_error(request, 503, "too many calls are waiting, try again");
                return 0;
        }
        steal(handoff);
        return 0;
}

void handoff_return(struct handoff *handoff) {
        h2o_multithread_send_message(handoff->receiver, &handoff->super);
}

void handoff_return_fault(struct handoff *handoff, int status, const struct fault *fault) {
        buffer_clear(&handoff->answer);
        handoff->status = request_error_json(fault, &handoff->answer) ? 500 : status;
        handoff_return(handoff);
}

void handoff_return_error(struct handoff *handoff, int status, const char *format, ...) {
        struct fault fault = FAULT_NULL;
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(fault.message, sizeof(fault.message), format, arguments);
        va_end(arguments);
        handoff_return_fault(handoff, status, &fault);
}

void handoff_on_messages(h2o_multithread_receiver_t *receiver _unused_, h2o_linklist_t *messages) {
        while (!h2o_linklist_is_empty(messages)) {
                struct handoff *handoff = H2O_STRUCT_FROM_MEMBER(struct handoff, super.link, messages->next);

                h2o_linklist_unlink(&handoff->super.link);
                if (handoff->request.h2o) {
                        handoff->watch->handoff = NULL;
                        if (handoff->location[0])
                                request_add_header(&handoff->request, "location", handoff->location);
                        request_answer_json(&handoff->request, handoff->status, &handoff->answer);
                }
                handoff_destroy(handoff);
        }
}
