#pragma once

/*
 * Model look
 *
 * What the gateway asks of its registry each second, as one errand: where the aliases are, that their history is whole,
 * whether rollbacks can be recorded that were made meanwhile, and the champion's files. It shares nothing with the
 * thread that sends it but the folder of serving.h.
 */

#include <stdatomic.h>

#include "services/gateway/errands.h"
#include "services/gateway/mailbox.h"
#include "services/gateway/model.h"
#include "services/gateway/serving.h"

/* what became of a pending rollback */
enum model_look_outcome {
        MODEL_LOOK_PENDING,
        MODEL_LOOK_RECORDED,
        MODEL_LOOK_DROPPED,
};

struct model_look {
        struct errand errand;
        struct job job; /* of whoever sends it, as is the context */
        void *context;

        /* what it is sent with */
        struct registry *registry;
        struct serving *serving;
        int patience_ms; /* for the registry to say where the aliases are */
        struct serving_rollback pending[SERVING_PENDING_MAX];
        size_t n_pending;
        int64_t ready[66]; /* versions that need not be loaded, and those that would fail again */
        size_t n_ready;

        /* how far it is, for whoever waits: it waits for the registry to say where the aliases are, or for files */
        atomic_bool is_asking, is_fetching;

        /* what it comes back with */
        int result; /* of reading the aliases: as registry_read_aliases() */
        struct aliases aliases;
        enum model_look_outcome outcomes[SERVING_PENDING_MAX];
        char sentences[SERVING_PENDING_MAX][SERVING_SENTENCE_BYTES]; /* of those that were dropped: why */
        struct model *model;              /* the champion, if it had to be loaded; a reference */
        char digest[DIGEST_SHA256_BYTES]; /* of the champion's manifest, "" when not read */
        int loaded; /* 0; or why the champion could not be loaded: FAULT_E_INPUT with the fault, or a negative errno */
        struct fault fault;
};

/* The errand's run. */
void model_look_run(struct errand *errand);

/* Unreferences what it came back with. */
void model_look_destroy(struct model_look *look);

/* Loads a version that is kept here, without the registry. One that is damaged is let go, and told in the log. As
 * version_load(). */
int model_look_load_kept(struct serving *serving, int64_t version, struct model **ret_model, struct fault *fault);

/* Keeps a version of the registry, unless it is kept. 0, a condition of the registry, or a negative errno. */
int model_look_keep(struct serving *serving, struct registry *registry, int64_t version);
