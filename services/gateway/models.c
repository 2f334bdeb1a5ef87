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
        MAPPED_MOST = 64,
};

struct models {
        struct models_options options;
        struct mailbox mailbox;
        pthread_t thread;
        bool is_started;
        _Atomic bool is_stopping;
        _Atomic int readiness;

        pthread_mutex_t lock; /* of the two below */
        bool has_champion;
        struct champion champion;

        struct model *mapped[MAPPED_MOST]; /* the newest first; each a reference */
        size_t n_mapped;
        int64_t answering; /* the version that the loops were given; 0: none */
        int64_t failed;    /* a version that could not be loaded, not tried again before the next move */
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
        mailbox_finish(&models->mailbox);
        pthread_mutex_destroy(&models->lock);
        free(models);
        return NULL;
}

void models_destroy_pointer(struct models **models) {
        models_destroy(*models);
}

struct mailbox *models_mailbox(struct models *models) {
        return &models->mailbox;
}

const struct models_options *models_options(const struct models *models) {
        return &models->options;
}

void models_champion(struct models *models, bool *ret_has_champion, struct champion *ret_champion) {
        pthread_mutex_lock(&models->lock);
        *ret_has_champion = models->has_champion;
        *ret_champion = models->champion;
        pthread_mutex_unlock(&models->lock);
}

enum models_readiness models_readiness(struct models *models) {
        return (enum models_readiness)atomic_load(&models->readiness);
}

static void note_champion(struct models *models, const struct model *model) {
        struct champion champion = { 0 };

        if (model) {
                champion.version = model->version;
                memcpy(champion.manifest, model->manifest, sizeof(champion.manifest));
        }
        pthread_mutex_lock(&models->lock);
        models->has_champion = model;
        models->champion = champion;
        pthread_mutex_unlock(&models->lock);
}

/* Moves a model to the front of those kept mapped, and lets the oldest go. Takes the reference of a new one. */
static void keep_mapped(struct models *models, struct model *model) {
        size_t n_most = (size_t)models->options.pipeline->serve.versions_mapped, at = 0;

        while (at < models->n_mapped && models->mapped[at] != model)
                at++;
        if (at == models->n_mapped)
                models->n_mapped++;
        memmove(models->mapped + 1, models->mapped, at * sizeof(*models->mapped));
        models->mapped[0] = model;
        while (models->n_mapped > n_most || models->n_mapped >= MAPPED_MOST)
                server_shared_unref(&models->mapped[--models->n_mapped]->super);
}

static int find_or_load(struct models *models, int64_t version, struct model **ret_model) {
        for (size_t i = 0; i < models->n_mapped; i++)
                if (models->mapped[i]->version == version) {
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

static int share_model(struct models *models, struct model *model, struct taken *taken) {
        int64_t started_ns = clock_monotonic_ns();
        int r;

        keep_mapped(models, model);
        r = server_share(models->options.server, &model->super, tell_done, taken);
        if (r)
                return error_trace(r);
        models->answering = model->version;
        note_champion(models, model);
        log_info("version=%lld run=%s us=%lld the champion answers", (long long)model->version, model->run,
                 (long long)((clock_monotonic_ns() - started_ns) / 1000));
        return 0;
}

/* Takes up the champion; tells done at the end, whatever comes of it. */
static void look(struct models *models, void (*done)(void *context), void *context) {
        struct taken *taken = calloc(1, sizeof(*taken));
        struct aliases *aliases = calloc(1, sizeof(*aliases));
        struct model *model = NULL;
        int64_t version = ALIASES_NONE;
        int r = taken && aliases ? 0 : -ENOMEM;

        if (!r) {
                *taken = (struct taken){ done, context };
                r = registry_read_aliases(models->options.registry, aliases);
        }
        if (!r)
                version = aliases_find(aliases, ALIASES_CHAMPION);
        free(aliases);
        if (!r && version != ALIASES_NONE && version != models->answering && version != models->failed) {
                r = find_or_load(models, version, &model);
                models->failed = r ? version : ALIASES_NONE;
                if (!r)
                        r = share_model(models, model, taken);
                atomic_store(&models->readiness, models->answering ? MODELS_READY : MODELS_UNUSABLE);
                if (!r)
                        return;
                log_error("version=%lld the champion cannot be loaded; version %lld goes on answering",
                          (long long)version, (long long)models->answering);
        } else if (!r && version == ALIASES_NONE) {
                atomic_store(&models->readiness, MODELS_READY);
        }
        free(taken);
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
        free((struct look_job *)(void *)job);
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

        while (!atomic_load(&models->is_stopping)) {
                if (poll(&wait, 1, LOOK_MS) > 0)
                        mailbox_run(&models->mailbox, models);
                else
                        look(models, NULL, NULL);
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

        if (!models->is_started)
                return;
        atomic_store(&models->is_stopping, true);
        wake = calloc(1, sizeof(*wake));
        if (wake) {
                *wake = (struct job){ .run = run_nothing, .discard = discard_nothing };
                if (!mailbox_put(&models->mailbox, wake))
                        free(wake);
        }
        pthread_join(models->thread, NULL);
        models->is_started = false;
}
