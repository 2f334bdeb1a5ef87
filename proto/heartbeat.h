#pragma once

/*
 * heartbeat: a daemon lives
 *
 * Lossy, each second. Run and attempt of the envelope are those at work or waiting, "" and 0 when there are
 * none.
 */

#include "proto/envelope.h"
#include <stdint.h>

#define HEARTBEAT_REASON_BYTES 512

enum heartbeat_state {
        HEARTBEAT_IDLE,
        HEARTBEAT_WORKING,
        HEARTBEAT_N,
};

struct heartbeat {
        enum stage stage;
        enum heartbeat_state state;
        int64_t pid;
        int64_t started_at; /* of the process, milliseconds since 1970 */
        int64_t n_handled;  /* messages ended since then */
        int64_t n_rejected; /* refused since then */
        int64_t n_dead;     /* rows in the spool's dead table */
        int64_t n_inbox;    /* rows waiting */
        int64_t n_outbox;
        char waits_for[HEARTBEAT_REASON_BYTES]; /* what is away, in words; "": the stage does not wait */
        int64_t retry_at;                       /* milliseconds since 1970; 0: likewise */
};

#define HEARTBEAT_NULL \
        { 0 }

extern const struct record heartbeat_record;

/* As all messages: pack replaces frame by the whole message, 0 or -ENOMEM; unpack reads the envelope's body, 0, -ENOMEM
 * or FAULT_E_INPUT, and leaves ret_message untouched on failure; finish empties. */
int heartbeat_pack(const struct heartbeat *message, const struct envelope *envelope, struct buffer *frame);
int heartbeat_unpack(const struct envelope *envelope, struct heartbeat *ret_message, struct fault *fault);
void heartbeat_finish(struct heartbeat *message);
