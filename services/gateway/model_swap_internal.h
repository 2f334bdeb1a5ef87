#pragma once

/*
 * What the files of the model swap share: model_swap.c has the thread and what others ask of it, model_swap_serve.c the
 * versions that answer, model_swap_look.c the looks and what follows from them, model_rollback.c and model_calls.c the
 * HTTP calls. All but what the lock guards belongs to the thread.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "services/gateway/errands.h"
#include "services/gateway/handoff.h"
#include "services/gateway/model_look.h"
#include "services/gateway/model_swap.h"
#include "services/gateway/serving.h"
#include "services/gateway/version_rows.h"

enum { MODEL_SWAP_MAPPED_MAX = 64 };

/* Somebody to be told when the loops answer with what a look found. */
struct model_swap_waiter {
        struct job job; /* on its way to the thread */
        struct model_swap_waiter *next;
        void (*done)(void *context);
        void *context;
};

struct model_swap_mapped {
        struct model *model; /* a reference */
        bool is_stale;       /* it answers, but is not what the registry has under its number */
};

struct model_swap {
        struct model_swap_options options;
        struct mailbox mailbox;
        pthread_t thread;
        bool is_started;
        _Atomic bool is_stopping;
        _Atomic int readiness;

        struct version_rows rows; /* of the thread of errands */

        pthread_mutex_t lock; /* of what others ask for */
        bool is_known;        /* the aliases have been read */
        bool has_champion;
        struct champion champion;
        struct model_swap_trouble trouble;
        struct model_swap_absence absence;

        struct model_swap_mapped mapped[MODEL_SWAP_MAPPED_MAX]; /* the newest first; only that may be stale */
        size_t n_mapped;
        _Atomic int64_t answering; /* the version that the loops were given; 0: none */
        int64_t failed;            /* a version that could not be loaded, and when that was */
        int64_t failed_ms;

        struct errands *errands;
        struct serving *serving;
        struct serving_state state;

        struct model_look *look; /* on its way, else NULL; the thread of errands has it */
        bool is_overtaken;       /* what that look sees was before a move that has been followed since */
        bool is_doubted;         /* the next look is to compare what is kept and mapped with the registry */
        struct model_swap_waiter *asked, *attended; /* for the next look, and for the one on its way */
        int64_t looked_ms;
        int told;              /* what the last looks failed with, and the log tells; 0: the next failure is told */
        bool is_keeping;       /* an errand that keeps targets is on its way */
        int64_t kept_sequence; /* of the aliases for which that was done */
};

/*
 * model_swap_serve.c
 */

/* A reference-less pointer to a version that is mapped and not stale, or NULL. */
struct model *model_swap_find_mapped(struct model_swap *swap, int64_t version);

/* Lets go what is mapped and differs from what the look found, unless it answers: then it is stale. False when there is
 * something that the look did not compare. */
bool model_swap_drop_stale(struct model_swap *swap, const struct model_look *look);

/* Gives a version to all loops; takes the reference of one that is not mapped. The waiters are told when they have it,
 * or at once when they cannot get it. */
int model_swap_share(struct model_swap *swap, struct model *model, struct model_swap_waiter *waiters);

/* Follows the champion: look (NULL: none) may have brought it; else it is mapped, or kept here. */
void model_swap_follow(struct model_swap *swap, int64_t version, struct model_look *look,
                       struct model_swap_waiter *waiters);

bool model_swap_is_worth_trying(const struct model_swap *swap, int64_t version);
void model_swap_tell(struct model_swap_waiter *waiters);

/*
 * model_swap_look.c
 */

/* Sends a look, unless one is on its way. */
void model_swap_send_look(struct model_swap *swap);

/* Whatever is late by now is taken for away. */
void model_swap_watch(struct model_swap *swap);

/* The registry does not answer: what is kept here has to do. error: 0 when it is silent. */
void model_swap_note_away(struct model_swap *swap, int error);

/* Takes the registry's aliases for the last seen ones, saves that, and follows them. */
void model_swap_adopt(struct model_swap *swap, const struct aliases *aliases, struct model_look *look,
                      struct model_swap_waiter *waiters);

/* The absence is as it says from now on. */
void model_swap_note_pending(struct model_swap *swap);
