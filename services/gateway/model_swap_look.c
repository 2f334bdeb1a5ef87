/* Model swap: looks, what they bring, and what is kept of it. */

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
        PATIENCE_MS = 3000,      /* with a registry that has answered so far */
        PATIENCE_AWAY_MS = 1000, /* and with one that has not */
        SILENCE_MS = 1500,       /* before a look that has no answer means that the registry is away */
        CALL_MS = 10000,         /* the same for a call */
        FETCH_MS = 30000,        /* and for files, which may be large */
};

/*
 * What is kept
 */

struct keep {
        struct errand errand;
        struct model_swap *swap;
        int64_t versions[SERVING_VERSIONS_MAX];
        size_t n_versions;
        int result;
        struct job job; /* back to the thread */
};

static void keep_run(struct errand *errand) {
        struct keep *keep = (struct keep *)(void *)errand;
        struct registry *registry = keep->swap->options.registry;

        for (size_t i = 0; i < keep->n_versions; i++) {
                int r;

                store_set_deadline(registry->store, clock_monotonic_ms() + FETCH_MS);
                r = model_look_keep(keep->swap->serving, registry, keep->versions[i]);
                if (r < 0)
                        keep->result = r;
        }
        store_set_deadline(registry->store, 0);
}

static void keep_return(struct job *job, void *context) {
        struct keep *keep = (struct keep *)(void *)((char *)job - offsetof(struct keep, job));
        struct model_swap *swap = context;

        swap->is_keeping = false;
        /* what failed is tried again when the registry has answered again, or moved */
        if (keep->result)
                log_warn("not all versions that may be rolled back to are kept here: %s, ignoring",
                         strerror(-keep->result));
        free(keep);
}

static void keep_discard(struct job *job) {
        free((char *)job - offsetof(struct keep, job));
}

static void keep_end(struct errand *errand, bool has_run _unused_) {
        struct keep *keep = (struct keep *)(void *)errand;

        keep->job = (struct job){ .run = keep_return, .discard = keep_discard };
        mailbox_put_always(&keep->swap->mailbox, &keep->job);
}

static bool is_among(int64_t version, const int64_t *versions, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (versions[i] == version)
                        return true;
        return false;
}

static void add(int64_t version, int64_t *versions, size_t *n) {
        if (version != ALIASES_NONE && *n < SERVING_VERSIONS_MAX && !is_among(version, versions, *n))
                versions[(*n)++] = version;
}

/* The champion and what may be rolled back to; ret_n_needed of them are to be kept, the others may be. */
static void choose(const struct model_swap *swap, int64_t versions[SERVING_VERSIONS_MAX], size_t *ret_n_needed,
                   size_t *ret_n) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        size_t n_max = (size_t)swap->options.pipeline->serve.versions_mapped, n = 0;

        if (!aliases) {
                *ret_n_needed = *ret_n = 0;
                return;
        }
        serving_state_apply(&swap->state, aliases);
        add(aliases_find(aliases, ALIASES_CHAMPION), versions, &n);
        for (size_t i = 0; i < aliases->n_targets && n < n_max; i++)
                add(aliases->targets[i], versions, &n);
        *ret_n_needed = n;
        for (size_t i = 0; i < swap->state.n_pending; i++) {
                add(swap->state.pending[i].from, versions, &n);
                add(swap->state.pending[i].to, versions, &n);
        }
        add(aliases_find(&swap->state.aliases, ALIASES_CHAMPION), versions, &n);
        for (size_t i = 0; i < swap->n_mapped && n < n_max; i++)
                if (!swap->mapped[i].is_stale)
                        add(swap->mapped[i].model->version.manifest.version, versions, &n);
        *ret_n = n;
}

/* Fetches what is lacking, and lets go what is of no use any more. */
static void keep_versions(struct model_swap *swap) {
        int64_t wanted[SERVING_VERSIONS_MAX], kept[SERVING_VERSIONS_MAX];
        size_t n_needed, n_wanted, n_kept;
        struct keep *keep;

        if (swap->is_keeping || swap->kept_sequence == swap->state.aliases.sequence)
                return;
        choose(swap, wanted, &n_needed, &n_wanted);
        if (!n_wanted || serving_list(swap->serving, kept, &n_kept))
                return;
        swap->kept_sequence = swap->state.aliases.sequence;
        for (size_t i = 0; i < n_kept; i++)
                if (!is_among(kept[i], wanted, n_wanted))
                        serving_drop(swap->serving, kept[i]);
        keep = calloc(1, sizeof(*keep));
        if (!keep)
                return;
        keep->errand = (struct errand){ .run = keep_run, .end = keep_end };
        keep->swap = swap;
        for (size_t i = 0; i < n_needed; i++)
                if (!is_among(wanted[i], kept, n_kept))
                        keep->versions[keep->n_versions++] = wanted[i];
        if (!keep->n_versions) {
                free(keep);
                return;
        }
        swap->is_keeping = true;
        errands_put(swap->errands, &keep->errand);
}

/*
 * Presence
 */

void model_swap_note_pending(struct model_swap *swap) {
        pthread_mutex_lock(&swap->lock);
        swap->absence.n_pending = swap->state.n_pending;
        pthread_mutex_unlock(&swap->lock);
}

static int64_t kept_champion(const struct model_swap *swap) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));

        if (!aliases)
                return ALIASES_NONE;
        serving_state_apply(&swap->state, aliases);
        return aliases_find(aliases, ALIASES_CHAMPION);
}

void model_swap_note_away(struct model_swap *swap, int error) {
        int64_t champion = kept_champion(swap);

        if (!swap->absence.since_ms) {
                pthread_mutex_lock(&swap->lock);
                swap->absence.since_ms = clock_realtime_ms();
                swap->absence.error = error;
                pthread_mutex_unlock(&swap->lock);
                log_warn("the registry is away: %s; what is known of it holds until it is back, and rollbacks are "
                         "recorded then",
                         error ? strerror(-error) : "it does not answer");
                swap->kept_sequence = 0;
                swap->is_doubted = true;
        }
        if (champion != ALIASES_NONE && champion != swap->answering) {
                log_info("version=%" PRId64 " is the champion that was last seen", champion);
                model_swap_follow(swap, champion, NULL, NULL);
        }
}

static void note_present(struct model_swap *swap) {
        int64_t since_ms = swap->absence.since_ms;

        if (!since_ms)
                return;
        pthread_mutex_lock(&swap->lock);
        swap->absence.since_ms = 0;
        pthread_mutex_unlock(&swap->lock);
        log_info("the registry answers again after %" PRId64 " ms", clock_realtime_ms() - since_ms);
}

/*
 * What a look brings
 */

static void remove_pending(struct serving_state *state, const char *id) {
        size_t n = 0;

        for (size_t i = 0; i < state->n_pending; i++)
                if (strcmp(state->pending[i].id, id))
                        state->pending[n++] = state->pending[i];
        state->n_pending = n;
}

static void settle(struct model_swap *swap, const struct model_look *look) {
        struct serving_state *state = &swap->state;

        for (size_t i = 0; i < look->n_pending; i++) {
                const struct serving_rollback *rollback = &look->pending[i];

                if (look->outcomes[i] == MODEL_LOOK_PENDING)
                        continue;
                remove_pending(state, rollback->id);
                if (look->outcomes[i] == MODEL_LOOK_RECORDED) {
                        log_info("from=%" PRId64 " to=%" PRId64
                                 " the rollback that was made here is recorded in the registry",
                                 rollback->from, rollback->to);
                        continue;
                }
                state->dropped.rollback = *rollback;
                state->dropped.sequence = look->aliases.sequence;
                snprintf(state->dropped.sentence, sizeof(state->dropped.sentence), "%s", look->sentences[i]);
                log_error("from=%" PRId64 " to=%" PRId64 " the rollback that was made here is dropped: %s",
                          rollback->from, rollback->to, look->sentences[i]);
        }
}

void model_swap_adopt(struct model_swap *swap, const struct aliases *aliases, struct model_look *look,
                      struct model_swap_waiter *waiters) {
        struct serving_state *state = &swap->state;

        note_present(swap);
        swap->is_overtaken = swap->look;
        if (aliases->sequence > state->dropped.sequence)
                state->dropped.rollback.from = ALIASES_NONE;
        if (look)
                settle(swap, look);
        state->is_seen = true;
        state->aliases = *aliases;
        /* what cannot be written costs the next start without a registry; the disk has been complained of */
        serving_save(swap->serving, state);
        model_swap_note_pending(swap);
        model_swap_follow(swap, kept_champion(swap), look, waiters);
        keep_versions(swap);
}

/* Whoever waited for the look waits for the next one. */
static void look_again(struct model_swap *swap) {
        struct model_swap_waiter **last = &swap->attended;

        while (*last)
                last = &(*last)->next;
        *last = swap->asked;
        swap->asked = swap->attended;
        swap->attended = NULL;
        model_swap_send_look(swap);
}

static void receive(struct model_swap *swap, struct model_look *look) {
        struct model_swap_waiter *waiters = swap->attended;

        swap->look = NULL;
        /* each failure is told once: by the next look, where this one came hushed, or never ran */
        if (look->result != swap->told)
                swap->told = look->is_hushed || !atomic_load(&look->is_asking) ? 0 : look->result;
        if (swap->is_overtaken) {
                model_look_destroy(look);
                look_again(swap);
                return;
        }
        swap->attended = NULL;
        if (look->is_compared) {
                swap->is_doubted = !model_swap_drop_stale(swap, look);
                swap->kept_sequence = 0;
        }
        if (!look->result) {
                model_swap_adopt(swap, &look->aliases, look, waiters);
        } else {
                if (look->result < 0)
                        model_swap_note_away(swap, look->result);
                model_swap_tell(waiters);
        }
        model_look_destroy(look);
        if (swap->asked)
                model_swap_send_look(swap);
}

static void look_return(struct job *job, void *context) {
        receive(context, (struct model_look *)(void *)((char *)job - offsetof(struct model_look, job)));
}

static void look_discard(struct job *job) {
        model_look_destroy((struct model_look *)(void *)((char *)job - offsetof(struct model_look, job)));
}

static void look_end(struct errand *errand, bool has_run) {
        struct model_look *look = (struct model_look *)(void *)errand;
        struct model_swap *swap = look->context;

        if (!has_run)
                look->result = -ETIMEDOUT;
        else if (look->is_compared)
                version_rows_forget(&swap->rows);
        look->job = (struct job){ .run = look_return, .discard = look_discard };
        mailbox_put_always(&swap->mailbox, &look->job);
}

static void add_ready(struct model_look *look, int64_t version, const char *digest) {
        struct model_look_version *ready = &look->ready[look->n_ready++];

        ready->version = version;
        snprintf(ready->digest, sizeof(ready->digest), "%s", digest);
}

void model_swap_send_look(struct model_swap *swap) {
        struct model_look *look;

        if (swap->look)
                return;
        swap->looked_ms = clock_monotonic_ms();
        look = calloc(1, sizeof(*look));
        if (!look) {
                model_swap_tell(swap->asked);
                swap->asked = NULL;
                return;
        }
        look->errand = (struct errand){ .run = model_look_run, .end = look_end };
        look->context = swap;
        look->registry = swap->options.registry;
        look->serving = swap->serving;
        look->patience_ms = swap->absence.since_ms ? PATIENCE_AWAY_MS : PATIENCE_MS;
        look->is_hushed = swap->told;
        memcpy(look->pending, swap->state.pending, sizeof(look->pending));
        look->n_pending = swap->state.n_pending;
        for (size_t i = 0; i < swap->n_mapped; i++)
                if (!swap->mapped[i].is_stale)
                        add_ready(look, swap->mapped[i].model->version.manifest.version,
                                  swap->mapped[i].model->version.digest);
        if (swap->failed != ALIASES_NONE && !model_swap_is_worth_trying(swap, swap->failed))
                add_ready(look, swap->failed, "");
        look->known = swap->state.aliases;
        look->is_doubted = swap->is_doubted;
        swap->look = look;
        swap->is_overtaken = false;
        swap->attended = swap->asked;
        swap->asked = NULL;
        errands_put(swap->errands, &look->errand);
}

/* How long what runs now may do so before it holds up others. */
static int64_t patience_ms(const struct model_swap *swap) {
        if (swap->is_keeping || (swap->look && atomic_load(&swap->look->is_fetching)))
                return FETCH_MS;
        return swap->look && atomic_load(&swap->look->is_asking) ? SILENCE_MS : CALL_MS;
}

void model_swap_watch(struct model_swap *swap) {
        if (errands_running_ms(swap->errands) < patience_ms(swap))
                return;
        model_swap_note_away(swap, 0);
        /* nobody is to wait behind it */
        model_swap_tell(swap->attended);
        model_swap_tell(swap->asked);
        swap->attended = swap->asked = NULL;
        errands_withdraw(swap->errands);
}
