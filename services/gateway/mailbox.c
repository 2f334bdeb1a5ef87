/* Mailbox: a list under a lock, an eventfd beside it. */

#include "services/gateway/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/base/error.h"

enum { MAILBOX_JOBS_MAX = 1024 };

int mailbox_init(struct mailbox *mailbox) {
        int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

        if (fd < 0)
                return error_origin(-errno, "creating an eventfd");
        *mailbox = (struct mailbox){ .wake_fd = fd };
        pthread_mutex_init(&mailbox->lock, NULL);
        return 0;
}

/* The oldest job, or NULL; the descriptor is quiet once nothing waits. */
static struct job *take(struct mailbox *mailbox) {
        struct job *job;
        uint64_t count;

        pthread_mutex_lock(&mailbox->lock);
        job = mailbox->first;
        if (job) {
                mailbox->first = job->next;
                mailbox->n_waiting--;
                job->next = NULL;
        }
        if (!mailbox->first) {
                mailbox->last = NULL;
                if (read(mailbox->wake_fd, &count, sizeof(count)) < 0)
                        assert(errno == EAGAIN);
        }
        pthread_mutex_unlock(&mailbox->lock);
        return job;
}

static void discard_all(struct mailbox *mailbox) {
        struct job *job;

        while ((job = take(mailbox)))
                job->discard(job);
}

void mailbox_close(struct mailbox *mailbox) {
        pthread_mutex_lock(&mailbox->lock);
        mailbox->is_closed = true;
        pthread_mutex_unlock(&mailbox->lock);
        discard_all(mailbox);
}

void mailbox_finish(struct mailbox *mailbox) {
        discard_all(mailbox);
        close(mailbox->wake_fd);
        pthread_mutex_destroy(&mailbox->lock);
}

static bool put(struct mailbox *mailbox, struct job *job, bool is_always) {
        const uint64_t one = 1;
        bool has_room;

        pthread_mutex_lock(&mailbox->lock);
        has_room = is_always || (mailbox->n_waiting < MAILBOX_JOBS_MAX && !mailbox->is_closed);
        if (has_room) {
                job->next = NULL;
                if (mailbox->last)
                        mailbox->last->next = job;
                else
                        mailbox->first = job;
                mailbox->last = job;
                mailbox->n_waiting++;
                if (write(mailbox->wake_fd, &one, sizeof(one)) < 0)
                        assert(errno == EAGAIN);
        }
        pthread_mutex_unlock(&mailbox->lock);
        return has_room;
}

bool mailbox_put(struct mailbox *mailbox, struct job *job) {
        return put(mailbox, job, false);
}

void mailbox_put_always(struct mailbox *mailbox, struct job *job) {
        put(mailbox, job, true);
}

void mailbox_run(struct mailbox *mailbox, void *context) {
        struct job *job;
        size_t n;

        pthread_mutex_lock(&mailbox->lock);
        n = mailbox->n_waiting;
        pthread_mutex_unlock(&mailbox->lock);
        for (; n && (job = take(mailbox)); n--)
                job->run(job, context);
}
