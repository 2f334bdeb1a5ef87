#pragma once

/*
 * Model look
 *
 * What the gateway asks of its registry each second, as one errand: where the aliases are, that their history is whole,
 * whether rollbacks can be recorded that were made meanwhile, and the champion's files. It shares nothing with the
 * thread that sends it but the folder of serving.h.
 *
 * A registry never changes a version, so that its number names it, but another registry may come to stand under the
 * same address: emptied and begun anew, or set back. Where that may have been, the look compares what is kept and what
 * is ready with what the registry has under these numbers, lets go what is kept and differs, and brings back the truth.
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

/* What bears a number: the digest of its manifest, "" when it has none that can be read. */
struct model_look_version {
        int64_t version;
        char digest[DIGEST_SHA256_BYTES];
};

#define MODEL_LOOK_READY_MAX 66

struct model_look {
        struct errand errand;
        struct job job; /* of whoever sends it, as is the context */
        void *context;

        /* what it is sent with */
        struct registry *registry;
        struct serving *serving;
        int patience_ms; /* for the registry to say where the aliases are */
        bool is_hushed;  /* why it does not say has been told */
        struct serving_rollback pending[SERVING_PENDING_MAX];
        size_t n_pending;
        struct model_look_version
                ready[MODEL_LOOK_READY_MAX]; /* that need not be loaded, and those that would fail again */
        size_t n_ready;
        struct aliases known; /* as last seen */
        bool is_doubted;      /* the registry may be another one than then, as it may be at a start */

        /* how far it is, for whoever waits: it waits for the registry to say where the aliases are, or for files */
        atomic_bool is_asking, is_fetching;

        /* what it comes back with */
        int result; /* of reading the aliases, and of the comparison: as registry_read_aliases() */
        struct aliases aliases;
        bool is_compared; /* it was doubted, or the aliases gave reason to; what it has of the versions: */
        struct model_look_version truths[MODEL_LOOK_READY_MAX + SERVING_VERSIONS_MAX];
        size_t n_truths;
        enum model_look_outcome outcomes[SERVING_PENDING_MAX];
        char sentences[SERVING_PENDING_MAX][SERVING_SENTENCE_BYTES]; /* of those that were dropped: why */
        struct model *model;              /* the champion, if it had to be loaded; a reference */
        char digest[DIGEST_SHA256_BYTES]; /* of the champion's manifest, "" when not read */
        int loaded; /* 0; or why the champion could not be loaded: FAULT_E_INPUT with the fault, or a negative errno */
        struct fault fault;
};

/* The errand's run. */
void model_look_run(struct errand *errand);

/* Whether the aliases may be a later state of those known: not those of a registry that was begun anew, or set back. */
bool model_look_may_follow(const struct aliases *known, const struct aliases *aliases);

/* What the registry has under that number, or NULL when the look has not learned it. */
const struct model_look_version *model_look_truth(const struct model_look *look, int64_t version);

/* Unreferences what it came back with. */
void model_look_destroy(struct model_look *look);

/* Loads a version that is kept here, without the registry. One that is damaged is let go, and told in the log. As
 * version_load(). */
int model_look_load_kept(struct serving *serving, int64_t version, struct model **ret_model, struct fault *fault);

/* Keeps a version of the registry, unless that very one is kept. 0, a condition of the registry, or a negative errno.
 */
int model_look_keep(struct serving *serving, struct registry *registry, int64_t version);
