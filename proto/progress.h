#pragma once

/*
 * progress: how far a stage has come
 *
 * Lossy: the next one says more.
 */

#include "proto/envelope.h"
#include <stdint.h>

#define PROGRESS_UNIT_BYTES 16

struct progress {
        enum stage stage;
        int64_t done;
        int64_t total;                  /* -1 while it is unknown */
        char unit[PROGRESS_UNIT_BYTES]; /* "rows", "rounds", "draws" */
};

#define PROGRESS_NULL \
        { 0 }

extern const struct record progress_record;

/* As all messages: pack replaces frame by the whole message, 0 or -ENOMEM; unpack reads the envelope's body, 0, -ENOMEM
 * or FAULT_E_INPUT, and leaves ret_message untouched on failure; finish empties. */
int progress_pack(const struct progress *message, const struct envelope *envelope, struct buffer *frame);
int progress_unpack(const struct envelope *envelope, struct progress *ret_message, struct fault *fault);
void progress_finish(struct progress *message);
