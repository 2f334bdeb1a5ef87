/* Models: look, load, share; once a second or when asked. */

#include "services/gateway/models.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "services/gateway/model.h"
#include "services/gateway/models_internal.h"

enum {
        LOOK_MS = 1000,
        FAILED_MS = 10000, /* before a version that could not be loaded is tried again */
        MAPPED_MAX = 64,
};

struct models {
        struct models_options options;
        struct mailbox mailbox;
        pthread_t thread;
        bool is_started;
        _Atomic bool is_stopping;
        _Atomic int readiness;

        struct version_rows rows; /* the thread's */

        pthread_mutex_t lock; /* of the three below */
        bool is_known;        /* the aliases have been read */
        bool has_champion;
        struct champion champion;

        struct model *mapped[MAPPED_MAX]; /* the newest first; each a reference */
        size_t n_mapped;
        _Atomic int64_t answering; /* the version that the loops were given; 0: none */
        int64_t failed;            /* a version that could not be loaded, and when that was */
        int64_t failed_ms;
};

int models_create(const struct models_options *options, struct models **ret_models) {
        struct models *models = calloc(1, sizeof(*models));
        int r;

        if (!models)
                return error_origin(-ENOMEM, "creating the models");
        r = mailbox_init(&models->mailbox);
        if (r) {
                free(models);
                return error_trace(r);
        }
        models->options = *options;
        models->rows.registry = options->registry;
        atomic_store(&models->readiness, MODELS_LOADING);
        pthread_mutex_init(&models->lock, NULL);
        *ret_models = models;
        return 0;
}

struct models *models_destroy(struct models *models) {
        if (!models)
                return NULL;
        models_stop(models);
        for (size_t i = 0; i < models->n_mapped; i++)
                server_shared_unref(&models->mapped[i]->super);
        version_rows_finish(&models->rows);
        mailbox_finish(&models->mailbox);
        pthread_mutex_destroy(&models->lock);
        free(models);
        return NULL;
}

struct mailbox *models_mailbox(struct models *models) {
        return &models->mailbox;
}

const struct models_options *models_options(const struct models *models) {
        return &models->options;
}

struct version_rows *models_version_rows(struct models *models) {
        return &models->rows;
}

bool models_champion(struct models *models, bool *ret_has_champion, struct champion *ret_champion) {
        bool is_known;

        pthread_mutex_lock(&models->lock);
        is_known = models->is_known;
        if (is_known) {
                *ret_has_champion = models->has_champion;
                *ret_champion = models->champion;
        }
        pthread_mutex_unlock(&models->lock);
        return is_known;
}

int64_t models_answering(struct models *models) {
        return atomic_load(&models->answering);
}

enum models_readiness models_readiness(struct models *models) {
        return (enum models_readiness)atomic_load(&models->readiness);
}

static void note_champion(struct models *models, int64_t version, const char *manifest) {
        struct champion champion = { .version = version };

        memcpy(champion.manifest, manifest, sizeof(champion.manifest));
        pthread_mutex_lock(&models->lock);
        models->is_known = true;
        models->has_champion = version != ALIASES_NONE;
        models->champion = champion;
        pthread_mutex_unlock(&models->lock);
}

/* A champion that cannot be loaded is still the champion: a run is to fail by it, not to be judged as if there were
 * none. One whose manifest cannot be read bears a digest that no manifest has. */
static void note_unusable(struct models *models, int64_t version) {
        static const char none[DIGEST_SHA256_BYTES] =
                "0000000000000000000000000000000000000000000000000000000000000000";
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        char digest[DIGEST_SHA256_BYTES];
        int r;

        r = registry_read_manifest(models->options.registry, version, &manifest);
        if (!r)
                r = digest_sha256(manifest.text.data, manifest.text.n_bytes, digest);
        note_champion(models, version, r ? none : digest);
}

static bool is_mapped(const struct models *models, const struct model *model) {
        for (size_t i = 0; i < models->n_mapped; i++)
                if (models->mapped[i] == model)
                        return true;
        return false;
}

/* Moves a model to the front of those kept mapped, and lets the oldest go. Takes the reference of a new one. */
static void keep_mapped(struct models *models, struct model *model) {
        size_t n_max = (size_t)models->options.pipeline->serve.versions_mapped, at = 0;

        while (at < models->n_mapped && models->mapped[at] != model)
                at++;
        if (at == models->n_mapped)
                models->n_mapped++;
        memmove(models->mapped + 1, models->mapped, at * sizeof(struct model *));
        models->mapped[0] = model;
        while (models->n_mapped > n_max || models->n_mapped >= MAPPED_MAX)
                server_shared_unref(&models->mapped[--models->n_mapped]->super);
}

static int find_or_load(struct models *models, int64_t version, struct model **ret_model) {
        for (size_t i = 0; i < models->n_mapped; i++)
                if (models->mapped[i]->version.manifest.version == version) {
                        *ret_model = models->mapped[i];
                        return 0;
                }
        return error_trace(model_load(models->options.registry, version, ret_model));
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
static int share_model(struct models *models, struct model *model, struct taken *taken) {
        int64_t started_ns = clock_monotonic_ns();
        int r;

        r = server_share(models->options.server, &model->super, tell_done, taken);
        if (r) {
                if (!is_mapped(models, model))
                        server_shared_unref(&model->super);
                return error_trace(r);
        }
        keep_mapped(models, model);
        models->answering = model->version.manifest.version;
        log_info("version=%lld run=%s us=%lld the champion answers", (long long)model->version.manifest.version,
                 model->version.manifest.run, (long long)((clock_monotonic_ns() - started_ns) / 1000));
        return 0;
}

/* True when taken, and what it holds, belong to the loops now. */
static bool take_up(struct models *models, int64_t version, struct taken *taken) {
        struct model *model = NULL;
        int r;

        r = find_or_load(models, version, &model);
        if (!r)
                r = share_model(models, model, taken);
        atomic_store(&models->readiness, models->answering ? MODELS_READY : MODELS_UNUSABLE);
        if (!r) {
                models->failed = ALIASES_NONE;
                note_champion(models, version, model->version.digest);
                return true;
        }
        models->failed = version;
        models->failed_ms = clock_monotonic_ms();
        note_unusable(models, version);
        log_error("version=%lld the champion cannot be loaded; version %lld goes on answering, retrying in %d ms",
                  (long long)version, (long long)models->answering, FAILED_MS);
        return false;
}

static bool is_worth_trying(const struct models *models, int64_t version) {
        return version != models->failed || clock_monotonic_ms() - models->failed_ms >= FAILED_MS;
}

/* What to do about the version that is champion; true as take_up(). */
static bool follow(struct models *models, int64_t version, struct taken *taken) {
        static const char none[DIGEST_SHA256_BYTES] = "";

        if (version == ALIASES_NONE) {
                note_champion(models, ALIASES_NONE, none);
                atomic_store(&models->readiness, MODELS_READY);
                return false;
        }
        if (version != models->answering)
                return is_worth_trying(models, version) && take_up(models, version, taken);
        /* the one that answers is always the first of those mapped */
        note_champion(models, version, models->mapped[0]->version.digest);
        return false;
}

/* Looks who is champion, and tells done at the end, whatever comes of it. */
static void look(struct models *models, void (*done)(void *context), void *context) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        _cleanup_(free_pointer) struct taken *taken = calloc(1, sizeof(*taken));

        if (taken && aliases && !registry_read_aliases(models->options.registry, aliases)) {
                *taken = (struct taken){ done, context };
                if (follow(models, aliases_find(aliases, ALIASES_CHAMPION), taken)) {
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

void models_look(struct models *models, void (*done)(void *context), void *context) {
        struct look_job *asked = calloc(1, sizeof(*asked));

        if (asked)
                *asked = (struct look_job){ { .run = run_look, .discard = discard_look }, done, context };
        if (asked && mailbox_put(&models->mailbox, &asked->job))
                return;
        /* the regular look will find it */
        free(asked);
        done(context);
}

static void *models_main(void *argument) {
        struct models *models = argument;
        struct pollfd wait = { .fd = models->mailbox.wake_fd, .events = POLLIN };
        int64_t looked_ms = clock_monotonic_ms();

        while (!atomic_load(&models->is_stopping)) {
                if (poll(&wait, 1, LOOK_MS) > 0)
                        mailbox_run(&models->mailbox, models);
                if (clock_monotonic_ms() - looked_ms >= LOOK_MS) {
                        look(models, NULL, NULL);
                        looked_ms = clock_monotonic_ms();
                }
        }
        return NULL;
}

int models_start(struct models *models) {
        int r;

        look(models, NULL, NULL);
        r = pthread_create(&models->thread, NULL, models_main, models);
        if (r)
                return error_origin(-r, "starting the models' thread");
        models->is_started = true;
        return 0;
}

static void run_nothing(struct job *job, void *context _unused_) {
        free(job);
}

static void discard_nothing(struct job *job) {
        free(job);
}

void models_stop(struct models *models) {
        struct job *wake;

        if (!models->is_started) {
                mailbox_close(&models->mailbox);
                return;
        }
        atomic_store(&models->is_stopping, true);
        wake = calloc(1, sizeof(*wake));
        if (wake) {
                *wake = (struct job){ .run = run_nothing, .discard = discard_nothing };
                mailbox_put_surely(&models->mailbox, wake);
        }
        pthread_join(models->thread, NULL);
        models->is_started = false;
        mailbox_close(&models->mailbox);
}
