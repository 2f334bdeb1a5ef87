#pragma once

/*
 * Change
 *
 * One change of a run: opened, written, committed, told. What is written in between (the ledger's rows, the events for
 * those who watch, the messages that leave) is durable together or not at all; after the commit the events are told and
 * the messages sent. Owned by the thread of line.h.
 */

#include "common/base/buffer.h"
#include "common/bus/courier.h"
#include "common/bus/spool.h"
#include "common/store/store.h"
#include "proto/stages.h"
#include "services/gateway/ledger.h"

/* events of one change, at most: a stage, the next one, the run */
enum { CHANGE_EVENTS_MAX = 4 };

struct change_event {
        char kind[LEDGER_EVENT_KIND_BYTES];
        int64_t number;
        bool is_last; /* the run has ended */
        struct buffer data;
};

/* The pointers are borrowed. */
struct change {
        struct spool *spool;
        struct courier *courier;
        struct ledger *ledger;
        struct store *store;
        void (*on_event)(void *context, const char *run, const struct ledger_event *event, bool is_last);
        void *context;

        int64_t sequence;      /* of the envelopes sent */
        struct run_view *view; /* room for a view while one is written; owned */
        bool is_stored;        /* this change has written run.json, or tried to */
        size_t n_events;
        struct change_event events[CHANGE_EVENTS_MAX];
};

/* Fills the rest of a change whose pointers are set; connects to the stages. */
int change_init(struct change *change, struct fault *fault);
void change_finish(struct change *change);

/* From here on the store has a few seconds. */
int change_begin(struct change *change);

/* Commits when r is 0. Else, or when it cannot commit, undoes, makes run.json in the store as the ledger has it (as far
 * as that can be done), and returns the failure. */
int change_end(struct change *change, const char *run, int r);

/* Within a change: the run's row and an event that shows the run; a stage's row and its event. */
int change_put_run(struct change *change, const struct run_manifest *run);
int change_put_stage(struct change *change, const char *run, const struct ledger_stage *stage);

/* Within a change: a message to a stage. */
int change_post(struct change *change, enum stage stage, const struct run_manifest *run, enum message_type type,
                const void *message);

/* Within a change: run.json in the store, which is there before the commit. */
int change_store(struct change *change, const struct run_manifest *run);
