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
#include "services/gateway/model_swap_internal.h"

enum {
        LOOK_MS = 1000,
        WATCH_MS = 250, /* while a look is on its way */
        START_MS = 500, /* for the registry to answer before what is kept here does */
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
        swap->is_doubted = true;
        atomic_store(&swap->readiness, MODEL_SWAP_LOADING);
        pthread_mutex_init(&swap->lock, NULL);
        r = serving_create(options->folder, options->registry->model, options->pipeline->registry_uri, &swap->serving);
        if (!r)
                r = errands_create(&swap->errands);
        if (r) {
                model_swap_destroy(swap);
                return error_trace(r);
        }
        *ret_swap = swap;
        return 0;
}

struct model_swap *model_swap_destroy(struct model_swap *swap) {
        if (!swap)
                return NULL;
        model_swap_stop(swap);
        errands_destroy(swap->errands);
        serving_destroy(swap->serving);
        for (size_t i = 0; i < swap->n_mapped; i++)
                server_shared_unref(&swap->mapped[i].model->super);
        version_rows_finish(&swap->rows);
        mailbox_finish(&swap->mailbox);
        pthread_mutex_destroy(&swap->lock);
        free(swap);
        return NULL;
}

struct mailbox *model_swap_mailbox(struct model_swap *swap) {
        return &swap->mailbox;
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

void model_swap_absence(struct model_swap *swap, struct model_swap_absence *ret_absence) {
        pthread_mutex_lock(&swap->lock);
        *ret_absence = swap->absence;
        pthread_mutex_unlock(&swap->lock);
}

void model_swap_absence_put_json(const struct model_swap_absence *absence, struct json_builder *json) {
        char since[CLOCK_RFC3339_BYTES], sentence[128];

        if (!absence->since_ms)
                return;
        clock_format_rfc3339(absence->since_ms, since);
        snprintf(sentence, sizeof(sentence), "away since %s: %s", since,
                 absence->error ? strerror(-absence->error) : "it does not answer");
        json_key_text(json, "registry", sentence);
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

static void run_asked(struct job *job, void *context) {
        struct model_swap_waiter *waiter = (struct model_swap_waiter *)(void *)job;
        struct model_swap *swap = context;

        waiter->next = swap->asked;
        swap->asked = waiter;
        model_swap_send_look(swap);
}

static void discard_asked(struct job *job) {
        struct model_swap_waiter *waiter = (struct model_swap_waiter *)(void *)job;

        waiter->next = NULL;
        model_swap_tell(waiter);
}

void model_swap_look(struct model_swap *swap, void (*done)(void *context), void *context) {
        struct model_swap_waiter *waiter = calloc(1, sizeof(*waiter));

        if (waiter)
                *waiter = (struct model_swap_waiter){
                        { .run = run_asked, .discard = discard_asked }, NULL, done, context
                };
        if (waiter && mailbox_put(&swap->mailbox, &waiter->job))
                return;
        /* the regular look will find it */
        free(waiter);
        done(context);
}

static void *model_swap_main(void *argument) {
        struct model_swap *swap = argument;
        struct pollfd wait = { .fd = swap->mailbox.wake_fd, .events = POLLIN };

        while (!atomic_load(&swap->is_stopping)) {
                if (poll(&wait, 1, swap->look ? WATCH_MS : LOOK_MS) > 0)
                        mailbox_run(&swap->mailbox, swap);
                model_swap_watch(swap);
                if (clock_monotonic_ms() - swap->looked_ms >= LOOK_MS)
                        model_swap_send_look(swap);
        }
        return NULL;
}

/* What was kept answers at the latest when the registry has not for that long. */
static void begin(struct model_swap *swap) {
        struct pollfd wait = { .fd = swap->mailbox.wake_fd, .events = POLLIN };
        int64_t until_ms = clock_monotonic_ms() + START_MS, left_ms;

        model_swap_send_look(swap);
        while (swap->look && (left_ms = until_ms - clock_monotonic_ms()) > 0)
                if (poll(&wait, 1, (int)left_ms) > 0)
                        mailbox_run(&swap->mailbox, swap);
        if (swap->look && !swap->absence.since_ms)
                model_swap_note_away(swap, 0);
}

int model_swap_start(struct model_swap *swap) {
        int r;

        r = serving_read(swap->serving, &swap->state);
        if (r)
                log_warn("what is kept of the registry cannot be read, ignoring");
        model_swap_note_pending(swap);
        begin(swap);
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

static void end_thread(struct model_swap *swap) {
        struct job *wake = calloc(1, sizeof(*wake));

        if (wake) {
                *wake = (struct job){ .run = run_nothing, .discard = discard_nothing };
                mailbox_put_always(&swap->mailbox, wake);
        }
        pthread_join(swap->thread, NULL);
        swap->is_started = false;
}

/* First nothing is sent any more, then the errands end, and then what they brought is discarded. */
void model_swap_stop(struct model_swap *swap) {
        atomic_store(&swap->is_stopping, true);
        if (swap->is_started)
                end_thread(swap);
        if (swap->errands) {
                store_set_deadline(swap->options.registry->store, STORE_DEADLINE_ENDED);
                errands_stop(swap->errands);
        }
        mailbox_close(&swap->mailbox);
        model_swap_tell(swap->asked);
        model_swap_tell(swap->attended);
        swap->asked = swap->attended = NULL;
}
