/* Model swap: which version the loops answer with. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "services/gateway/model_swap_internal.h"

enum {
        FAILED_MS = 10000, /* before a version that could not be loaded is tried again */
};

/* The log, /predict and /readyz say the same words. */
static void note_trouble(struct model_swap *swap, int64_t version, int result, const struct fault *fault) {
        struct model_swap_trouble trouble = { .version = version };
        char text[FAULT_TEXT_BYTES], then[64] = "no version answers meanwhile";

        snprintf(trouble.reason, sizeof(trouble.reason), "%s",
                 result == FAULT_E_INPUT ? fault_format(fault, text, sizeof(text)) : strerror(-result));
        pthread_mutex_lock(&swap->lock);
        swap->trouble = trouble;
        pthread_mutex_unlock(&swap->lock);
        if (swap->answering)
                snprintf(then, sizeof(then), "version %" PRId64 " goes on answering", (int64_t)swap->answering);
        log_error("version=%" PRId64 " code=%s champion version %" PRId64
                  " cannot be loaded: %s; %s, retrying in %d ms",
                  version, result == FAULT_E_INPUT ? fault->code : "VERSION_UNREADABLE", version, trouble.reason, then,
                  FAILED_MS);
}

/* Until the registry has been read since the start, runs wait to learn whom they are compared with. */
static void note_champion(struct model_swap *swap, int64_t version, const char *manifest) {
        struct champion champion = { .version = version };

        memcpy(champion.manifest, manifest, sizeof(champion.manifest));
        pthread_mutex_lock(&swap->lock);
        swap->is_known |= !swap->absence.since_ms;
        swap->has_champion = version != ALIASES_NONE;
        swap->champion = champion;
        swap->trouble.version = 0;
        pthread_mutex_unlock(&swap->lock);
}

/* A champion that cannot be loaded is still the champion: a run is to fail by it, not to be judged as if there were
 * none. One whose manifest cannot be read bears a digest that no manifest has. */
static void note_unusable(struct model_swap *swap, int64_t version, const char *digest) {
        static const char none[DIGEST_SHA256_BYTES] =
                "0000000000000000000000000000000000000000000000000000000000000000";

        note_champion(swap, version, *digest ? digest : none);
}

struct model *model_swap_find_mapped(struct model_swap *swap, int64_t version) {
        for (size_t i = 0; i < swap->n_mapped; i++)
                if (!swap->mapped[i].is_stale && swap->mapped[i].model->version.manifest.version == version)
                        return swap->mapped[i].model;
        return NULL;
}

static void unmap(struct model_swap *swap, size_t at) {
        server_shared_unref(&swap->mapped[at].model->super);
        swap->n_mapped--;
        memmove(swap->mapped + at, swap->mapped + at + 1, (swap->n_mapped - at) * sizeof(swap->mapped[0]));
}

/* Moves a model to the front of those kept mapped, and lets the oldest go. Takes the reference of a new one. */
static void keep_mapped(struct model_swap *swap, struct model *model) {
        size_t n_max = (size_t)swap->options.pipeline->serve.versions_mapped, at = 0;

        /* it answers no more */
        if (swap->n_mapped && swap->mapped[0].is_stale)
                unmap(swap, 0);
        while (at < swap->n_mapped && swap->mapped[at].model != model)
                at++;
        if (at == swap->n_mapped)
                swap->n_mapped++;
        memmove(swap->mapped + 1, swap->mapped, at * sizeof(swap->mapped[0]));
        swap->mapped[0] = (struct model_swap_mapped){ .model = model };
        while (swap->n_mapped > n_max || swap->n_mapped >= MODEL_SWAP_MAPPED_MAX)
                unmap(swap, swap->n_mapped - 1);
}

bool model_swap_drop_stale(struct model_swap *swap, const struct model_look *look) {
        bool is_all_compared = true;

        for (size_t i = swap->n_mapped; i--;) {
                struct model_swap_mapped *mapped = &swap->mapped[i];
                const struct version *version = &mapped->model->version;
                const struct model_look_version *truth = model_look_truth(look, version->manifest.version);

                if (!truth)
                        is_all_compared = false;
                else if (strcmp(truth->digest, version->digest) && i)
                        unmap(swap, i);
                else
                        mapped->is_stale = strcmp(truth->digest, version->digest) != 0;
        }
        return is_all_compared;
}

void model_swap_tell(struct model_swap_waiter *waiters) {
        struct model_swap_waiter *next;

        for (; waiters; waiters = next) {
                next = waiters->next;
                waiters->done(waiters->context);
                free(waiters);
        }
}

static void tell(void *context) {
        model_swap_tell(context);
}

int model_swap_share(struct model_swap *swap, struct model *model, struct model_swap_waiter *waiters) {
        int64_t started_ns = clock_monotonic_ns(), version = model->version.manifest.version;
        int r;

        r = server_share(swap->options.server, &model->super, tell, waiters);
        if (r) {
                if (model_swap_find_mapped(swap, version) != model)
                        server_shared_unref(&model->super);
                model_swap_tell(waiters);
                return error_trace(r);
        }
        keep_mapped(swap, model);
        swap->answering = version;
        atomic_store(&swap->readiness, MODEL_SWAP_READY);
        swap->failed = ALIASES_NONE;
        note_champion(swap, version, model->version.digest);
        log_info("version=%lld run=%s us=%lld the champion answers", (long long)version, model->version.manifest.run,
                 (long long)((clock_monotonic_ns() - started_ns) / 1000));
        return 0;
}

bool model_swap_is_worth_trying(const struct model_swap *swap, int64_t version) {
        return version != swap->failed || clock_monotonic_ms() - swap->failed_ms >= FAILED_MS;
}

static void note_failure(struct model_swap *swap, int64_t version, const char *digest, int r,
                         const struct fault *fault) {
        atomic_store(&swap->readiness, swap->answering ? MODEL_SWAP_READY : MODEL_SWAP_UNUSABLE);
        swap->failed = version;
        swap->failed_ms = clock_monotonic_ms();
        note_unusable(swap, version, digest);
        note_trouble(swap, version, r, fault);
}

/* Whence the version comes: the look, what is mapped, what is kept. NULL when there is nothing to be said about it. */
static struct model *find(struct model_swap *swap, int64_t version, struct model_look *look) {
        struct model *model = model_swap_find_mapped(swap, version);
        struct fault fault = FAULT_NULL;
        bool is_of_look = look && aliases_find(&look->aliases, ALIASES_CHAMPION) == version;
        int r;

        if (model)
                return model;
        if (is_of_look && look->model)
                return steal(look->model);
        if (is_of_look && look->loaded) {
                note_failure(swap, version, look->digest, look->loaded, &look->fault);
                return NULL;
        }
        if (is_of_look || !model_swap_is_worth_trying(swap, version))
                return NULL;
        r = model_look_load_kept(swap->serving, version, &model, &fault);
        if (r)
                note_failure(swap, version, "", r, &fault);
        return model;
}

void model_swap_follow(struct model_swap *swap, int64_t version, struct model_look *look,
                       struct model_swap_waiter *waiters) {
        static const char none[DIGEST_SHA256_BYTES] = "";
        char digest[DIGEST_SHA256_BYTES];
        struct fault fault = FAULT_NULL;
        struct model *model;
        int r;

        if (version == ALIASES_NONE) {
                note_champion(swap, ALIASES_NONE, none);
                atomic_store(&swap->readiness, MODEL_SWAP_READY);
        } else if (version == swap->answering && !swap->mapped[0].is_stale) {
                /* the one that answers is always the first of those mapped */
                note_champion(swap, version, swap->mapped[0].model->version.digest);
        } else if ((model = find(swap, version, look))) {
                memcpy(digest, model->version.digest, sizeof(digest));
                r = model_swap_share(swap, model, waiters);
                if (r)
                        note_failure(swap, version, digest, r, &fault);
                return;
        }
        model_swap_tell(waiters);
}
