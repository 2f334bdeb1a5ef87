#pragma once

/*
 * Bars
 *
 * The bars of progress.h on a terminal, each drawing over the last one.
 */

#include <stddef.h>

#include "common/base/buffer.h"
#include "common/base/json.h"

struct bars {
        struct buffer drawn; /* what stands on the terminal */
        size_t n_drawn;      /* its lines */
};

#define BARS_NULL \
        { 0 }

void bars_finish(struct bars *bars);

/* Draws a run, or whatever has the shape of one, when that differs from what stands there. 0 or -ENOMEM. */
int bars_draw(struct bars *bars, const struct json_value *run);

/* Leaves what stands there: something else was printed below. */
void bars_leave(struct bars *bars);
