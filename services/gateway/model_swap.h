#pragma once

/*
 * Model swap
 *
 * Which version answers. A thread looks for moved aliases every second, or at once when a release was announced; gives
 * the champion, verified, to all loops; keeps the last few versions mapped, and with the targets of rollbacks in a
 * folder (serving.h), so that neither a start nor a rollback needs store or network. It never waits for the registry
 * itself: that is left to the thread of errands.h, and a registry that does not answer in time is away. Then the last
 * seen aliases hold; a rollback is made here, and recorded when the registry is back and still names what was rolled
 * back from, else it is dropped and told.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/store/registry.h"
#include "proto/order.h"
#include "proto/pipeline.h"
#include "services/gateway/mailbox.h"
#include "services/gateway/server.h"

/* All borrowed for the life of the swap. */
struct model_swap_options {
        const struct pipeline *pipeline;
        struct registry *registry;
        struct server *server;
        const char *folder; /* of what is kept */
};

#define MODEL_SWAP_REASON_BYTES 512

struct model_swap;

int model_swap_create(const struct model_swap_options *options, struct model_swap **ret_swap);

/* Looks once, in the caller's thread, so that a local model answers from the first request on; then starts the thread.
 * A registry that does not answer at once is looked at again later, and what was kept of it answers meanwhile. */
int model_swap_start(struct model_swap *swap);

/* Ends the thread; whoever waits for an answer gets 503, so the server's loops must still be there. */
void model_swap_stop(struct model_swap *swap);
struct model_swap *model_swap_destroy(struct model_swap *swap);

/* For jobs of this thread; their context is the model_swap. */
struct mailbox *model_swap_mailbox(struct model_swap *swap);

/* The version that answers, 0 while none does. From any thread. */
int64_t model_swap_answering(struct model_swap *swap);

/* The champion as last seen, whether it could be loaded or not; false while the aliases could not be read. From any
 * thread. */
bool model_swap_champion(struct model_swap *swap, bool *ret_has_champion, struct champion *ret_champion);

/* A champion that could not be loaded at the last try. */
struct model_swap_trouble {
        int64_t version; /* 0: there is none */
        char reason[MODEL_SWAP_REASON_BYTES];
};
void model_swap_trouble(struct model_swap *swap, struct model_swap_trouble *ret_trouble);

/* A registry that does not answer, and rollbacks that it has yet to hear of. */
struct model_swap_absence {
        int64_t since_ms; /* since 1970; 0: it answers */
        int error;        /* a negative errno; 0: it is silent */
        size_t n_pending;
};
void model_swap_absence(struct model_swap *swap, struct model_swap_absence *ret_absence);

/* "registry": since when it is away and why, into the object that is open; nothing while it answers. */
void model_swap_absence_put_json(const struct model_swap_absence *absence, struct json_builder *json);

/* Why no model answers, and what to do, as a sentence. */
#define MODEL_SWAP_SENTENCE_BYTES (MODEL_SWAP_REASON_BYTES + 128)
void model_swap_explain(struct model_swap *swap, char ret_sentence[MODEL_SWAP_SENTENCE_BYTES]);

enum model_swap_readiness {
        MODEL_SWAP_READY,    /* a model answers, or a reachable registry holds none yet */
        MODEL_SWAP_LOADING,  /* nothing was seen so far */
        MODEL_SWAP_UNUSABLE, /* the registry names a champion that could not be loaded */
};
enum model_swap_readiness model_swap_readiness(struct model_swap *swap);

/* Looks now; done(context) is called, in any thread, once every loop answers with what was found, or it failed, or the
 * registry is away. */
void model_swap_look(struct model_swap *swap, void (*done)(void *context), void *context);

/* Jobs for handoffs (model_calls.c): GET /models, /models/{m}/history; POST /models/{m}/aliases/{alias}, :rollback,
 * :pin, :unpin. */
job_function model_call_list, model_call_history, model_call_alias, model_call_rollback, model_call_pin,
        model_call_unpin;
