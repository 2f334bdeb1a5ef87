#pragma once

/* Stage loop: what its files share. */

#include "proto/heartbeat.h"
#include "services/stage/stage_ends.h"
#include "services/stage/stage_loop.h"

/* after the spool could not be written it is left alone for so long */
#define STAGE_LOOP_PAUSE_MS 1000

/* The message that rests because something is away. */
struct stage_wait {
        int64_t number; /* in the inbox; 0: none rests */
        char run[UUID_TEXT_BYTES];
        int64_t attempt;
        char reason[HEARTBEAT_REASON_BYTES];
        int64_t retry_at;
};

struct stage_loop {
        struct stage_loop_options options;
        struct socket_context *sockets;
        struct spool *spool;
        struct courier *courier;
        struct stage_shared shared;
        struct stage_worker *worker; /* borrowed */
        struct stage_ends ends;
        char endpoint[SOCKET_ENDPOINT_BYTES];

        struct stage_job *spare;         /* between messages */
        struct stage_job *ending;        /* back from the worker, not ended in the spool yet */
        const struct stage_job *working; /* at the worker; only its message and envelope may be read */
        struct stage_wait wait;
        struct spool_message message;
        void *checked;       /* room for any message of the type that the stage receives */
        struct buffer frame; /* of a lossy message */

        int64_t started_at;
        int64_t n_handled;
        int64_t beat_ms;       /* monotonic, of the next heartbeat */
        int64_t beat_pause_ms; /* before the next heartbeat, since the gateway was not there for the last; 0: it was */
        int64_t due_ms;        /* monotonic, of the first message that rests; INT64_MAX: none does */
        int64_t pause_ms;      /* monotonic, until when the spool is left alone; 0: it works */
        int spool_error;       /* why, a negative errno */
        bool must_scan;        /* the inbox may hold something to begin */
        bool is_stopping;
};

/* stage_loop_wait.c: what the stage waits for, as its heartbeat tells. A message that rests is noted with the reason,
 * NULL when that was told before the daemon began; forgotten when it is begun or ended. */
void stage_loop_note_wait(struct stage_loop *loop, const struct spool_message *message, const struct envelope *about,
                          int64_t retry_at, const char *reason);
void stage_loop_forget_wait(struct stage_loop *loop, const struct spool_message *message);

/* Fills in waits_for and retry_at. */
void stage_loop_tell_wait(const struct stage_loop *loop, struct heartbeat *heartbeat);

/* stage_loop_receive.c: the courier's hooks. */
int stage_loop_check(void *context, const char *key, const uint8_t *body, size_t n_bytes, struct fault *fault);
int stage_loop_on_reject(void *context, const char *id, const char *key, const uint8_t *body, size_t n_bytes,
                         const struct fault *fault);

/* stage_loop_inbox.c: handles what is due in the inbox: commands, and the next message when the worker is free. */
int stage_loop_scan(struct stage_loop *loop);

/* stage_loop_finish.c: ends what has come back from the worker. */
int stage_loop_finish(struct stage_loop *loop);

/* Hands loop->spare, or the job that was to end, to the worker. */
void stage_loop_give(struct stage_loop *loop, struct stage_job *job);

/* The one line about a message that has ended. */
void stage_loop_log(const struct stage_loop *loop, const struct stage_job *job, const char *outcome);
