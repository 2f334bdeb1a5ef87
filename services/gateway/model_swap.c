/* Model swap: look, load, share; once a second or when asked. */

#include "services/gateway/model_swap.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "services/gateway/model.h"
#include "services/gateway/model_swap_internal.h"

enum {
        LOOK_MS = 1000,
        FAILED_MS = 10000, /* before a version that could not be loaded is tried again */
        MAPPED_MAX = 64,
};

struct model_swap {
        struct model_swap_options options;
        struct mailbox mailbox;
        pthread_t thread;
        bool is_started;
        _Atomic bool is_stopping;
        _Atomic int readiness;

        struct version_rows rows; /* the thread's */

        pthread_mutex_t lock; /* of the four below */
        bool is_known;        /* the aliases have been read */
        bool has_champion;
        struct champion champion;
        struct model_swap_trouble trouble;

        struct model *mapped[MAPPED_MAX]; /* the newest first; each a reference */
        size_t n_mapped;
        _Atomic int64_t answering; /* the version that the loops were given; 0: none */
        int64_t failed;            /* a version that could not be loaded, and when that was */
        int64_t failed_ms;
};

int model_swap_create(const struct model_swap_options *options, struct model_swap **ret_swap) {
        struct model_swap *swap = calloc(1, sizeof(*swap));
        int r;

        if (!swap)
                return error_origin(-ENOMEM, "creating the model swap");
        r = mailbox_init(&swap->mailbox);
        if (r) {
                free(swap);
                return error_trace(r);
        }
        swap->options = *options;
        swap->rows.registry = options->registry;
        atomic_store(&swap->readiness, MODEL_SWAP_LOADING);
        pthread_mutex_init(&swap->lock, NULL);
        *ret_swap = swap;
        return 0;
}

struct model_swap *model_swap_destroy(struct model_swap *swap) {
        if (!swap)
                return NULL;
        model_swap_stop(swap);
        for (size_t i = 0; i < swap->n_mapped; i++)
                server_shared_unref(&swap->mapped[i]->super);
        version_rows_finish(&swap->rows);
        mailbox_finish(&swap->mailbox);
        pthread_mutex_destroy(&swap->lock);
        free(swap);
        return NULL;
}

struct mailbox *model_swap_mailbox(struct model_swap *swap) {
        return &swap->mailbox;
}

const struct model_swap_options *model_swap_options(const struct model_swap *swap) {
        return &swap->options;
}

struct version_rows *model_swap_version_rows(struct model_swap *swap) {
        return &swap->rows;
}

bool model_swap_champion(struct model_swap *swap, bool *ret_has_champion, struct champion *ret_champion) {
        bool is_known;

        pthread_mutex_lock(&swap->lock);
        is_known = swap->is_known;
        if (is_known) {
                *ret_has_champion = swap->has_champion;
                *ret_champion = swap->champion;
        }
        pthread_mutex_unlock(&swap->lock);
        return is_known;
}

int64_t model_swap_answering(struct model_swap *swap) {
        return atomic_load(&swap->answering);
}

enum model_swap_readiness model_swap_readiness(struct model_swap *swap) {
        return (enum model_swap_readiness)atomic_load(&swap->readiness);
}

void model_swap_trouble(struct model_swap *swap, struct model_swap_trouble *ret_trouble) {
        pthread_mutex_lock(&swap->lock);
        *ret_trouble = swap->trouble;
        pthread_mutex_unlock(&swap->lock);
}

void model_swap_explain(struct model_swap *swap, char ret_sentence[MODEL_SWAP_SENTENCE_BYTES]) {
        struct model_swap_trouble trouble;

        model_swap_trouble(swap, &trouble);
        if (trouble.version)
                snprintf(ret_sentence, MODEL_SWAP_SENTENCE_BYTES,
                         "champion version %" PRId64
                         " cannot be loaded: %s; `convoy models rollback` goes back to another",
                         trouble.version, trouble.reason);
        else
                snprintf(ret_sentence, MODEL_SWAP_SENTENCE_BYTES,
                         "no model is loaded yet; start a run with `convoy train` or POST /training");
}

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

static void note_champion(struct model_swap *swap, int64_t version, const char *manifest) {
        struct champion champion = { .version = version };

        memcpy(champion.manifest, manifest, sizeof(champion.manifest));
        pthread_mutex_lock(&swap->lock);
        swap->is_known = true;
        swap->has_champion = version != ALIASES_NONE;
        swap->champion = champion;
        swap->trouble.version = 0;
        pthread_mutex_unlock(&swap->lock);
}

/* A champion that cannot be loaded is still the champion: a run is to fail by it, not to be judged as if there were
 * none. One whose manifest cannot be read bears a digest that no manifest has. */
static void note_unusable(struct model_swap *swap, int64_t version) {
        static const char none[DIGEST_SHA256_BYTES] =
                "0000000000000000000000000000000000000000000000000000000000000000";
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        char digest[DIGEST_SHA256_BYTES];
        int r;

        r = registry_read_manifest(swap->options.registry, version, &manifest);
        if (!r)
                r = digest_sha256(manifest.text.data, manifest.text.n_bytes, digest);
        note_champion(swap, version, r ? none : digest);
}

static bool is_mapped(const struct model_swap *swap, const struct model *model) {
        for (size_t i = 0; i < swap->n_mapped; i++)
                if (swap->mapped[i] == model)
                        return true;
        return false;
}

/* Moves a model to the front of those kept mapped, and lets the oldest go. Takes the reference of a new one. */
static void keep_mapped(struct model_swap *swap, struct model *model) {
        size_t n_max = (size_t)swap->options.pipeline->serve.versions_mapped, at = 0;

        while (at < swap->n_mapped && swap->mapped[at] != model)
                at++;
        if (at == swap->n_mapped)
                swap->n_mapped++;
        memmove(swap->mapped + 1, swap->mapped, at * sizeof(struct model *));
        swap->mapped[0] = model;
        while (swap->n_mapped > n_max || swap->n_mapped >= MAPPED_MAX)
                server_shared_unref(&swap->mapped[--swap->n_mapped]->super);
}

static int find_or_load(struct model_swap *swap, int64_t version, struct model **ret_model, struct fault *fault) {
        for (size_t i = 0; i < swap->n_mapped; i++)
                if (swap->mapped[i]->version.manifest.version == version) {
                        *ret_model = swap->mapped[i];
                        return 0;
                }
        return error_trace(model_load(swap->options.registry, version, ret_model, fault));
}

/* A call that all loops have taken a model; told when the thing waited for is done. */
struct taken {
        void (*done)(void *context);
        void *context;
};

static void tell_done(void *context) {
        struct taken *taken = context;

        if (taken->done)
                taken->done(taken->context);
        free(taken);
}

/* Takes the reference of a model that is not among those kept mapped; a failure lets it go again. */
static int share_model(struct model_swap *swap, struct model *model, struct taken *taken) {
        int64_t started_ns = clock_monotonic_ns();
        int r;

        r = server_share(swap->options.server, &model->super, tell_done, taken);
        if (r) {
                if (!is_mapped(swap, model))
                        server_shared_unref(&model->super);
                return error_trace(r);
        }
        keep_mapped(swap, model);
        swap->answering = model->version.manifest.version;
        log_info("version=%lld run=%s us=%lld the champion answers", (long long)model->version.manifest.version,
                 model->version.manifest.run, (long long)((clock_monotonic_ns() - started_ns) / 1000));
        return 0;
}

/* True when taken, and what it holds, belong to the loops now. */
static bool take_up(struct model_swap *swap, int64_t version, struct taken *taken) {
        struct fault fault = FAULT_NULL;
        struct model *model = NULL;
        int r;

        r = find_or_load(swap, version, &model, &fault);
        if (!r)
                r = share_model(swap, model, taken);
        atomic_store(&swap->readiness, swap->answering ? MODEL_SWAP_READY : MODEL_SWAP_UNUSABLE);
        if (!r) {
                swap->failed = ALIASES_NONE;
                note_champion(swap, version, model->version.digest);
                return true;
        }
        swap->failed = version;
        swap->failed_ms = clock_monotonic_ms();
        note_unusable(swap, version);
        note_trouble(swap, version, r, &fault);
        return false;
}

static bool is_worth_trying(const struct model_swap *swap, int64_t version) {
        return version != swap->failed || clock_monotonic_ms() - swap->failed_ms >= FAILED_MS;
}

/* What to do about the version that is champion; true as take_up(). */
static bool follow(struct model_swap *swap, int64_t version, struct taken *taken) {
        static const char none[DIGEST_SHA256_BYTES] = "";

        if (version == ALIASES_NONE) {
                note_champion(swap, ALIASES_NONE, none);
                atomic_store(&swap->readiness, MODEL_SWAP_READY);
                return false;
        }
        if (version != swap->answering)
                return is_worth_trying(swap, version) && take_up(swap, version, taken);
        /* the one that answers is always the first of those mapped */
        note_champion(swap, version, swap->mapped[0]->version.digest);
        return false;
}

/* Looks who is champion, and tells done at the end, whatever comes of it. */
static void look(struct model_swap *swap, void (*done)(void *context), void *context) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        _cleanup_(free_pointer) struct taken *taken = calloc(1, sizeof(*taken));

        if (taken && aliases && !registry_read_aliases(swap->options.registry, aliases)) {
                registry_complete_history(swap->options.registry, aliases);
                *taken = (struct taken){ done, context };
                if (follow(swap, aliases_find(aliases, ALIASES_CHAMPION), taken)) {
                        steal(taken);
                        return;
                }
        }
        if (done)
                done(context);
}

struct look_job {
        struct job job;
        void (*done)(void *context);
        void *context;
};

static void run_look(struct job *job, void *context) {
        struct look_job *asked = (struct look_job *)(void *)job;

        look(context, asked->done, asked->context);
        free(asked);
}

static void discard_look(struct job *job) {
        struct look_job *asked = (struct look_job *)(void *)job;

        asked->done(asked->context);
        free(asked);
}

void model_swap_look(struct model_swap *swap, void (*done)(void *context), void *context) {
        struct look_job *asked = calloc(1, sizeof(*asked));

        if (asked)
                *asked = (struct look_job){ { .run = run_look, .discard = discard_look }, done, context };
        if (asked && mailbox_put(&swap->mailbox, &asked->job))
                return;
        /* the regular look will find it */
        free(asked);
        done(context);
}

static void *model_swap_main(void *argument) {
        struct model_swap *swap = argument;
        struct pollfd wait = { .fd = swap->mailbox.wake_fd, .events = POLLIN };
        int64_t looked_ms = clock_monotonic_ms();

        while (!atomic_load(&swap->is_stopping)) {
                if (poll(&wait, 1, LOOK_MS) > 0)
                        mailbox_run(&swap->mailbox, swap);
                if (clock_monotonic_ms() - looked_ms >= LOOK_MS) {
                        look(swap, NULL, NULL);
                        looked_ms = clock_monotonic_ms();
                }
        }
        return NULL;
}

int model_swap_start(struct model_swap *swap) {
        int r;

        look(swap, NULL, NULL);
        r = pthread_create(&swap->thread, NULL, model_swap_main, swap);
        if (r)
                return error_origin(-r, "starting the thread of the model swap");
        swap->is_started = true;
        return 0;
}

static void run_nothing(struct job *job, void *context _unused_) {
        free(job);
}

static void discard_nothing(struct job *job) {
        free(job);
}

void model_swap_stop(struct model_swap *swap) {
        struct job *wake;

        if (!swap->is_started) {
                mailbox_close(&swap->mailbox);
                return;
        }
        atomic_store(&swap->is_stopping, true);
        wake = calloc(1, sizeof(*wake));
        if (wake) {
                *wake = (struct job){ .run = run_nothing, .discard = discard_nothing };
                mailbox_put_always(&swap->mailbox, wake);
        }
        pthread_join(swap->thread, NULL);
        swap->is_started = false;
        mailbox_close(&swap->mailbox);
}
