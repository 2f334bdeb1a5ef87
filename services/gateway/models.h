#pragma once

/*
 * Models
 *
 * The thread that knows the registry. It looks for moved aliases every second, or at once when a release was announced;
 * loads and verifies the champion and gives it to all loops; keeps the last few versions mapped, so that a rollback
 * needs neither store nor network; and does the calls that move aliases.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/store/registry.h"
#include "proto/order.h"
#include "proto/pipeline.h"
#include "services/gateway/mailbox.h"
#include "services/gateway/server.h"

/* All borrowed for the life of the models. */
struct models_options {
        const struct pipeline *pipeline;
        struct registry *registry;
        struct server *server;
};

struct models;

int models_create(const struct models_options *options, struct models **ret_models);

/* Looks once, in the caller's thread, so that a local model answers from the first request on; then starts the thread.
 * A registry that cannot be read is looked at again later. */
int models_start(struct models *models);

/* Ends the thread; whoever waits for an answer gets 503, so the server's loops must still be there. */
void models_stop(struct models *models);
struct models *models_destroy(struct models *models);

/* For jobs of this thread; their context is the models. */
struct mailbox *models_mailbox(struct models *models);

/* The version that answers, 0 while none does. From any thread. */
int64_t models_answering(struct models *models);

/* The champion as last seen, whether it could be loaded or not; false while the aliases could not be read. From any
 * thread. */
bool models_champion(struct models *models, bool *ret_has_champion, struct champion *ret_champion);

enum models_readiness {
        MODELS_READY,    /* a model answers, or a reachable registry holds none yet */
        MODELS_LOADING,  /* nothing was seen so far */
        MODELS_UNUSABLE, /* the registry names a champion that could not be loaded */
};
enum models_readiness models_readiness(struct models *models);

/* Looks now; done(context) is called, in any thread, once every loop answers with what was found, or it failed. */
void models_look(struct models *models, void (*done)(void *context), void *context);

/* Jobs for handoffs (models_calls.c): GET /models, /models/{m}/history; POST /models/{m}/aliases/{alias}, :rollback,
 * :pin, :unpin. */
job_function models_call_list, models_call_history, models_call_alias, models_call_rollback, models_call_pin,
        models_call_unpin;
