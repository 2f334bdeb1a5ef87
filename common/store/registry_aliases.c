/* Registry: reads the aliases, and moves them by compare-and-swap. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/uuid.h"
#include "common/store/registry_internal.h"

/* Each lost race is another's move, so this many are lost only when something is wrong. */
#define TRIES_MAX 10000

/* the state as it was read, and what names it in a swap */
struct snapshot {
        struct aliases aliases;
        char etag[STORE_ETAG_BYTES];
};

/* conditions of this file, apart from the registry's */
enum {
        MOVE_E_UNCHANGED = 100, /* everything is as asked already */
        MOVE_E_LOST,            /* another was faster */
};

struct mover;

/* Decides the next state: 0, MOVE_E_UNCHANGED, a condition of the registry, or a negative errno. */
typedef int decision(struct registry *registry, const struct mover *mover, const struct aliases *present,
                     struct aliases *ret_next);

static void name_in_model(const struct registry *registry, const char *file, char ret_name[STORE_NAME_BYTES]) {
        snprintf(ret_name, STORE_NAME_BYTES, "%s/%s", registry->model, file);
}

/* No aliases is what a new model has. Where there is a history they were lost, and to begin anew would hand out a
 * champion that nobody compared with the one before. */
static int check_is_new(struct registry *registry) {
        struct alias_move move;
        int r;

        if (atomic_load(&registry->is_new))
                return 0;
        r = registry_read_recorded(registry, 1, &move);
        if (r == REGISTRY_E_MISSING) {
                atomic_store(&registry->is_new, true);
                return 0;
        }
        if (r)
                return error_trace(r);
        log_error(
                "model=%s aliases.json is gone, but there is a history; write it again from the last move in history/",
                registry->model);
        return REGISTRY_E_CORRUPT;
}

static int read_snapshot(struct registry *registry, struct snapshot *ret_snapshot) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        char name[STORE_NAME_BYTES];
        int r;

        name_in_model(registry, "aliases.json", name);
        r = store_get(registry->store, name, &text, ret_snapshot->etag);
        if (r == STORE_E_MISSING) {
                r = check_is_new(registry);
                if (!r)
                        ret_snapshot->aliases = (struct aliases)ALIASES_NULL;
                return error_trace(r);
        }
        if (r)
                return error_trace(r);
        atomic_store(&registry->is_new, false);
        r = aliases_parse(&text, &ret_snapshot->aliases, &fault);
        /* a registry that was set back, or began anew, makes moves of the same numbers again */
        if (!r && ret_snapshot->aliases.sequence < atomic_load(&registry->recorded))
                atomic_store(&registry->recorded, 0);
        return r == FAULT_E_INPUT ? store_refuse(name, &fault) : error_trace(r);
}

int registry_read_aliases(struct registry *registry, struct aliases *ret_aliases) {
        struct snapshot snapshot;
        int r;

        r = read_snapshot(registry, &snapshot);
        if (!r)
                *ret_aliases = snapshot.aliases;
        return error_trace(r);
}

/* 0, or MOVE_E_LOST. */
static int swap(struct registry *registry, const struct snapshot *snapshot, const struct aliases *next) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char name[STORE_NAME_BYTES];
        int r;

        name_in_model(registry, "aliases.json", name);
        r = aliases_format(next, &text);
        if (r)
                return error_trace(r);
        if (snapshot->aliases.sequence)
                r = store_swap(registry->store, name, snapshot->etag, text.data, text.n_bytes);
        else
                r = store_create(registry->store, name, text.data, text.n_bytes);
        return r == STORE_E_CONFLICT || r == STORE_E_MISSING ? MOVE_E_LOST : error_trace(r);
}

static bool has_id(const struct alias_move *move, const char *id) {
        return !strcmp(move->id, id);
}

/* A move, over all its tries. */
struct mover {
        decision *decide;
        void *context;
        char id[ALIASES_ID_BYTES];
        int64_t after;     /* an earlier try may have made the move already, and then after this sequence */
        bool had_to_write; /* the history lacked the last move, so a request was spent on it */
};

/* The move as an earlier try made it, or REGISTRY_E_MISSING. Such a try may have been told that it failed, or lost. */
static int find_done(struct registry *registry, const struct mover *mover, const struct aliases *present,
                     struct aliases *ret_aliases) {
        struct alias_move done;
        int r;

        r = registry_find_move(registry, present, mover->after, has_id, mover->id, &done);
        if (!r) {
                *ret_aliases = *present;
                ret_aliases->last = done;
        }
        return error_trace(r);
}

static int try_move(struct registry *registry, struct mover *mover, struct aliases *ret_aliases) {
        struct snapshot snapshot;
        struct aliases next;
        int r;

        r = read_snapshot(registry, &snapshot);
        mover->had_to_write = !r && !registry_is_complete(registry, &snapshot.aliases);
        if (!r)
                r = registry_complete_history(registry, &snapshot.aliases);
        if (!r)
                r = find_done(registry, mover, &snapshot.aliases, ret_aliases);
        if (r != REGISTRY_E_MISSING)
                return error_trace(r);
        r = registry_find_targets(registry, &snapshot.aliases);
        if (!r)
                r = mover->decide(registry, mover, &snapshot.aliases, &next);
        if (r == MOVE_E_UNCHANGED) {
                *ret_aliases = snapshot.aliases;
                return 0;
        }
        if (r)
                return error_trace(r);
        snprintf(next.last.id, sizeof(next.last.id), "%s", mover->id);
        mover->after = next.sequence - 1;
        r = swap(registry, &snapshot, &next);
        if (r)
                return error_trace(r);
        /* by its first move a model that lost its aliases is told from a new one */
        if (next.sequence == 1 && registry_complete_history(registry, &next))
                log_warn("model=%s cannot write the first move to the history, ignoring", registry->model);
        *ret_aliases = next;
        return 0;
}

/* after: as in the mover, ALIASES_ANY when there was no earlier try; id: NULL makes one. */
static int move(struct registry *registry, decision *decide, void *context, const char *id, int64_t after,
                struct aliases *ret_aliases) {
        struct mover mover = { .decide = decide,
                               .context = context,
                               .after = after == ALIASES_ANY ? INT64_MAX : after };
        char made[UUID_TEXT_BYTES];
        struct aliases aliases;
        int r = id ? 0 : uuid_make_v7(made);

        if (r)
                return error_trace(r);
        snprintf(mover.id, sizeof(mover.id), "%s", id ? id : made);
        for (int n = 0; n < TRIES_MAX; n++) {
                r = try_move(registry, &mover, &aliases);
                if (r == MOVE_E_LOST)
                        continue;
                if (!r && ret_aliases)
                        *ret_aliases = aliases;
                return error_trace(r);
        }
        return error_origin(-EBUSY, "moving an alias of %s", registry->model);
}

/* Only what was completed may bear an alias. What an earlier move named was looked for then, so that it is looked for
 * again only while the requests of this move allow for it. */
static int check_version(struct registry *registry, const struct mover *mover, const struct aliases *present,
                         int64_t version) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;

        if (version <= ALIASES_NONE || aliases_is_retired(present, version))
                return REGISTRY_E_MISSING;
        if (version == atomic_load(&registry->published))
                return 0;
        if (mover->had_to_write && (aliases_bear(present, version) || aliases_know(present, version)))
                return 0;
        return error_trace(registry_read_manifest(registry, version, &manifest));
}

/*
 * Release
 */

struct release {
        const struct registry_claim *claim;
        const struct alias_request *request;
        int64_t expected_champion;
        bool wants_champion;
        bool is_recorded; /* an earlier try of this run came as far as this move */
        struct alias_move recorded;
};

static bool is_release_of(const struct alias_move *move, const char *run) {
        return move->action == ALIAS_ACTION_RELEASE && !strcmp(move->run, run);
}

/* Looks for the release of the run, where there can be one: after its claim, and unless its number is higher than any
 * that was released. */
static int find_release(struct registry *registry, const struct registry_claim *claim, const struct aliases *present,
                        struct alias_move *ret_move) {
        if (present->highest_released != ALIASES_NONE && claim->version > present->highest_released)
                return REGISTRY_E_MISSING;
        return error_trace(registry_find_move(registry, present, claim->sequence, is_release_of, claim->run, ret_move));
}

static int decide_release(struct registry *registry, const struct mover *mover, const struct aliases *present,
                          struct aliases *ret_next) {
        struct release *release = mover->context;
        int r;

        r = find_release(registry, release->claim, present, &release->recorded);
        release->is_recorded = !r;
        if (!r)
                return MOVE_E_UNCHANGED;
        if (r == REGISTRY_E_MISSING)
                r = check_version(registry, mover, present, release->claim->version);
        if (r)
                return error_trace(r);
        aliases_release(present, release->request, release->claim->version, release->expected_champion,
                        release->wants_champion, ret_next);
        return 0;
}

int registry_release(struct registry *registry, const struct registry_claim *claim, const struct alias_request *request,
                     int64_t expected_champion, bool wants_champion, struct alias_move *ret_move) {
        struct alias_request of_run = *request;
        struct release release = {
                .claim = claim,
                .request = &of_run,
                .expected_champion = expected_champion,
                .wants_champion = wants_champion,
        };
        struct aliases aliases;
        int r;

        of_run.run = claim->run;
        r = move(registry, decide_release, &release, NULL, ALIASES_ANY, &aliases);
        if (!r)
                *ret_move = release.is_recorded ? release.recorded : aliases.last;
        return error_trace(r);
}

/*
 * What people ask for
 */

/* What the rules answered, as a condition of the registry. */
static int translate(int r) {
        switch (r) {
        case ALIASES_E_UNCHANGED:
                return MOVE_E_UNCHANGED;
        case ALIASES_E_CONFLICT:
                return REGISTRY_E_CONFLICT;
        case ALIASES_E_FULL:
                return REGISTRY_E_INVALID;
        default:
                return error_trace(r);
        }
}

struct wish {
        const struct alias_request *request;
        const char *name;
        int64_t version;
        int64_t expected;
        bool is_pinned;
};

static int decide_set(struct registry *registry, const struct mover *mover, const struct aliases *present,
                      struct aliases *ret_next) {
        const struct wish *wish = mover->context;
        int r;

        r = check_version(registry, mover, present, wish->version);
        return r ? error_trace(r)
                 : translate(aliases_set(present, wish->request, wish->name, wish->version, wish->expected, ret_next));
}

int registry_set_alias(struct registry *registry, const struct alias_request *request, const char *name,
                       int64_t version, int64_t expected, struct aliases *ret_aliases) {
        struct wish wish = { .request = request, .name = name, .version = version, .expected = expected };

        if (!alias_is_valid(name))
                return REGISTRY_E_INVALID;
        return error_trace(move(registry, decide_set, &wish, request->id, ALIASES_ANY, ret_aliases));
}

/* The newest earlier champion that was not itself rolled back from. One that has been removed since is passed over. */
static int find_target(struct registry *registry, const struct mover *mover, const struct aliases *present,
                       int64_t *ret_version) {
        for (size_t i = 0; i < present->n_targets; i++) {
                int r = check_version(registry, mover, present, present->targets[i]);

                if (r == REGISTRY_E_MISSING)
                        continue;
                if (!r)
                        *ret_version = present->targets[i];
                return error_trace(r);
        }
        return REGISTRY_E_NO_TARGET;
}

static int decide_rollback(struct registry *registry, const struct mover *mover, const struct aliases *present,
                           struct aliases *ret_next) {
        const struct wish *wish = mover->context;
        int64_t version = wish->version;
        int r;

        if (wish->expected == ALIASES_NONE || aliases_find(present, ALIASES_CHAMPION) != wish->expected)
                return REGISTRY_E_CONFLICT;
        if (version == ALIASES_NONE)
                r = find_target(registry, mover, present, &version);
        else
                r = check_version(registry, mover, present, version);
        if (r)
                return error_trace(r);
        return translate(aliases_roll_back(present, wish->request, wish->expected, version, ret_next));
}

int registry_roll_back(struct registry *registry, const struct alias_request *request, int64_t from, int64_t to,
                       struct aliases *ret_aliases) {
        struct wish wish = { .request = request, .version = to, .expected = from };

        return error_trace(move(registry, decide_rollback, &wish, request->id, ALIASES_ANY, ret_aliases));
}

int registry_redo_rollback(struct registry *registry, const struct alias_request *request, int64_t from, int64_t to,
                           int64_t after, struct aliases *ret_aliases) {
        struct wish wish = { .request = request, .version = to, .expected = from };

        return error_trace(move(registry, decide_rollback, &wish, request->id, after, ret_aliases));
}

static int decide_pin(struct registry *registry _unused_, const struct mover *mover, const struct aliases *present,
                      struct aliases *ret_next) {
        const struct wish *wish = mover->context;

        return translate(aliases_pin(present, wish->request, wish->is_pinned, ret_next));
}

int registry_pin(struct registry *registry, const struct alias_request *request, bool is_pinned,
                 struct aliases *ret_aliases) {
        struct wish wish = { .request = request, .is_pinned = is_pinned };

        return error_trace(move(registry, decide_pin, &wish, request->id, ALIASES_ANY, ret_aliases));
}

/*
 * Retiring
 */

struct retirement {
        const struct alias_request *request;
        const int64_t *versions;
        size_t n_versions;
};

static int decide_retire(struct registry *registry _unused_, const struct mover *mover, const struct aliases *present,
                         struct aliases *ret_next) {
        const struct retirement *retirement = mover->context;
        char *reason = ret_next->last.reason;
        int r;

        r = aliases_retire(present, retirement->request, retirement->versions, retirement->n_versions, ret_next);
        for (size_t i = 0; !r && i < ret_next->n_retired; i++) {
                size_t n = strlen(reason);

                snprintf(reason + n, ALIASES_REASON_BYTES - n, "%s%" PRId64,
                         i   ? ", "
                         : n ? ": "
                             : "",
                         ret_next->retired[i]);
        }
        return translate(r);
}

static int remove_retired(struct registry *registry, const struct aliases *aliases) {
        int r = 0;

        for (size_t i = 0; i < aliases->n_retired && !r; i++)
                r = registry_remove_version(registry, aliases->retired[i]);
        return error_trace(r);
}

int registry_retire(struct registry *registry, const struct alias_request *request, const int64_t *versions,
                    size_t n_versions, bool *ret_is_retired) {
        struct retirement retirement = { .request = request, .versions = versions, .n_versions = n_versions };
        struct aliases aliases;
        int r;

        r = registry_read_aliases(registry, &aliases);
        if (!r)
                r = remove_retired(registry, &aliases);
        if (!r)
                r = move(registry, decide_retire, &retirement, request->id, ALIASES_ANY, &aliases);
        if (!r)
                r = remove_retired(registry, &aliases);
        for (size_t i = 0; i < n_versions && !r; i++)
                ret_is_retired[i] = aliases_is_retired(&aliases, versions[i]);
        return error_trace(r);
}
