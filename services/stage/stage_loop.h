#pragma once

/*
 * Stage loop
 *
 * The io thread: it alone has the spool and the sockets. It stores what comes, hands one message at a time to the
 * worker, ends it in the spool, sends heartbeats and progress, and handles signals.
 */

#include "services/stage/stage_shared.h"
#include "services/stage/stage_worker.h"

struct stage_loop;

/* Borrowed until stage_loop_destroy(). */
struct stage_loop_options {
        const struct stage_service *service;
        const char *spool_path;
        int signal_fd;
};

/* Opens the spool, binds the stage's endpoint and connects to its neighbours. 0, FAULT_E_INPUT (an endpoint that cannot
 * be used, or is taken), or a negative errno. */
int stage_loop_create(const struct stage_loop_options *options, struct stage_loop **ret_loop, struct fault *fault);
struct stage_loop *stage_loop_destroy(struct stage_loop *loop);
void stage_loop_destroy_pointer(struct stage_loop **loop);

/* What the worker shares with the loop; borrowed. */
struct stage_shared *stage_loop_shared(struct stage_loop *loop);
const char *stage_loop_endpoint(const struct stage_loop *loop);

/* Until a signal asks to stop, and then until the work at hand has ended or been left, a few seconds at most. 0, or a
 * negative errno when the daemon cannot go on. ret_is_stuck: the worker has not let go; nothing that it uses may be
 * destroyed. */
int stage_loop_run(struct stage_loop *loop, struct stage_worker *worker, bool *ret_is_stuck);
