#pragma once

/*
 * Linger
 *
 * A client that is told to stop in the middle of its body does not hear it when the connection is closed at once: what
 * it still sends is answered by a reset, which takes the answer away from it. So the connection is kept for a second,
 * and what comes is thrown away. Belongs to one loop.
 */

#include <h2o.h>

/* at one time, over all loops */
#define LINGERS_MAX 64

struct lingers {
        h2o_linklist_t all;
        size_t n, n_max;
};

/* n_max: this loop's share of LINGERS_MAX. */
void lingers_init(struct lingers *lingers, size_t n_max);

/* Keeps the connection of the descriptor, which stays the caller's, until its client closes it or a second has passed.
 * Does nothing when n_max linger already. */
void lingers_add(struct lingers *lingers, h2o_context_t *context, int fd);

/* Closes all of them. */
void lingers_finish(struct lingers *lingers);
