/* Linger: a second descriptor of the same connection, read to its end. */

#include "services/gateway/linger.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "services/gateway/outer.h"

struct lingering {
        h2o_linklist_t link;
        h2o_timeout_entry_t timeout;
        h2o_socket_t *socket;
        struct lingers *lingers;
};

void lingers_init(struct lingers *lingers, size_t n_max) {
        *lingers = (struct lingers){ .n_max = n_max };
        h2o_linklist_init_anchor(&lingers->all);
}

static void end(struct lingering *linger) {
        h2o_timeout_unlink(&linger->timeout);
        h2o_linklist_unlink(&linger->link);
        linger->lingers->n--;
        h2o_socket_close(linger->socket);
        free(linger);
}

static void on_read(h2o_socket_t *socket, const char *error) {
        if (error)
                end(socket->data);
        else
                h2o_buffer_consume(&socket->input, socket->input->size);
}

static void on_timeout(h2o_timeout_entry_t *timeout) {
        end(OUTER_OF(struct lingering, timeout, timeout));
}

void lingers_add(struct lingers *lingers, h2o_context_t *context, int fd) {
        struct lingering *linger = lingers->n < lingers->n_max ? calloc(1, sizeof(*linger)) : NULL;
        int other = linger ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

        /* then the client may not hear why */
        if (other < 0) {
                free(linger);
                return;
        }
        linger->socket = h2o_evloop_socket_create(context->loop, other, 0);
        linger->socket->data = linger;
        linger->lingers = lingers;
        lingers->n++;
        linger->timeout.cb = on_timeout;
        h2o_linklist_insert(&lingers->all, &linger->link);
        h2o_timeout_link(context->loop, &context->one_sec_timeout, &linger->timeout);
        h2o_socket_read_start(linger->socket, on_read);
}

void lingers_finish(struct lingers *lingers) {
        while (!h2o_linklist_is_empty(&lingers->all))
                end(OUTER_OF(struct lingering, link, lingers->all.next));
}
