/* Registry: reads the aliases, moves them by compare-and-swap, and records each move in the history. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/store/registry.h"

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

/* Decides the next state: 0, MOVE_E_UNCHANGED, a condition of the registry, or a negative errno. */
typedef int decision(struct registry *registry, void *context, const struct aliases *present, struct aliases *ret_next);

static void name_in_model(const struct registry *registry, const char *file, char ret_name[STORE_NAME_BYTES]) {
        snprintf(ret_name, STORE_NAME_BYTES, "%s/%s", registry->model, file);
}

static void name_in_history(const struct registry *registry, int64_t sequence, char ret_name[STORE_NAME_BYTES]) {
        snprintf(ret_name, STORE_NAME_BYTES, "%s/history/%" PRId64 ".json", registry->model, sequence);
}

static int read_recorded(struct registry *registry, int64_t sequence, struct alias_move *ret_move) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        char name[STORE_NAME_BYTES];
        int r;

        name_in_history(registry, sequence, name);
        r = store_get(registry->store, name, &text, NULL);
        if (r)
                return error_trace(r);
        r = alias_move_parse(&text, ret_move, &fault);
        if (!r && ret_move->sequence != sequence)
                r = fault_set(&fault, "HISTORY_MISPLACED", "this is move %" PRId64, ret_move->sequence);
        return r == FAULT_E_INPUT ? store_refuse(name, &fault) : error_trace(r);
}

/* No aliases is what a new model has. Where there is a history they were lost, and to begin anew would hand out a
 * champion that nobody compared with the one before. */
static int check_is_new(struct registry *registry) {
        struct alias_move move;
        int r;

        r = read_recorded(registry, 1, &move);
        if (r == REGISTRY_E_MISSING)
                return 0;
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
        r = aliases_parse(&text, &ret_snapshot->aliases, &fault);
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

int registry_read_move(struct registry *registry, int64_t sequence, struct alias_move *ret_move) {
        struct alias_move move;
        struct aliases aliases;
        int r;

        r = read_recorded(registry, sequence, &move);
        if (r == REGISTRY_E_MISSING) {
                r = registry_read_aliases(registry, &aliases);
                if (!r && (!aliases.sequence || aliases.sequence != sequence))
                        r = REGISTRY_E_MISSING;
                if (!r)
                        move = aliases.last;
        }
        if (!r)
                *ret_move = move;
        return error_trace(r);
}

/* Writes the last move to the history, unless it is there. */
static int record(struct registry *registry, const struct aliases *aliases) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char name[STORE_NAME_BYTES];
        int r;

        name_in_history(registry, aliases->sequence, name);
        r = alias_move_format(&aliases->last, &text);
        if (!r)
                r = store_create(registry->store, name, text.data, text.n_bytes);
        return r == STORE_E_CONFLICT ? 0 : error_trace(r);
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

static int try_move(struct registry *registry, decision *decide, void *context, struct aliases *ret_aliases) {
        struct snapshot snapshot;
        struct aliases next;
        int r;

        r = read_snapshot(registry, &snapshot);
        if (!r && snapshot.aliases.sequence)
                r = record(registry, &snapshot.aliases);
        if (r)
                return error_trace(r);
        r = decide(registry, context, &snapshot.aliases, &next);
        if (r == MOVE_E_UNCHANGED) {
                *ret_aliases = snapshot.aliases;
                return 0;
        }
        if (!r)
                r = swap(registry, &snapshot, &next);
        if (r)
                return error_trace(r);
        /* the move is made: a history that lags is completed by the next move, or by the redo of this one */
        if (record(registry, &next))
                log_warn("model=%s sequence=%" PRId64 " cannot write this move to the history, ignoring",
                         registry->model, next.sequence);
        *ret_aliases = next;
        return 0;
}

static int move(struct registry *registry, decision *decide, void *context, struct aliases *ret_aliases) {
        struct aliases aliases;

        for (int n = 0; n < TRIES_MAX; n++) {
                int r = try_move(registry, decide, context, &aliases);

                if (r == MOVE_E_LOST)
                        continue;
                if (!r && ret_aliases)
                        *ret_aliases = aliases;
                return error_trace(r);
        }
        return error_origin(-EBUSY, "moving an alias of %s", registry->model);
}

/* Only what was completed may bear an alias. */
static int check_version(struct registry *registry, int64_t version) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;

        return version > ALIASES_NONE ? error_trace(registry_read_manifest(registry, version, &manifest))
                                      : REGISTRY_E_MISSING;
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

/* Looks for a move that names the run; the claim says from where on there can be one. */
static int find_recorded(struct registry *registry, const struct aliases *present, struct release *release) {
        struct alias_move move = present->last;

        for (int64_t sequence = present->sequence; sequence > release->claim->sequence; sequence--) {
                int r = sequence == present->sequence ? 0 : read_recorded(registry, sequence, &move);

                if (r == REGISTRY_E_MISSING) {
                        log_warn("model=%s sequence=%" PRId64 " the history lacks this move, ignoring", registry->model,
                                 sequence);
                        continue;
                }
                if (r)
                        return error_trace(r);
                if (move.action != ALIAS_ACTION_RELEASE || strcmp(move.run, release->claim->run))
                        continue;
                release->is_recorded = true;
                release->recorded = move;
                return 0;
        }
        return 0;
}

static int decide_release(struct registry *registry, void *context, const struct aliases *present,
                          struct aliases *ret_next) {
        struct release *release = context;
        int r;

        r = find_recorded(registry, present, release);
        if (r)
                return error_trace(r);
        if (release->is_recorded)
                return MOVE_E_UNCHANGED;
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
        r = check_version(registry, claim->version);
        if (!r)
                r = move(registry, decide_release, &release, &aliases);
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

static int decide_set(struct registry *registry _unused_, void *context, const struct aliases *present,
                      struct aliases *ret_next) {
        const struct wish *wish = context;

        return translate(aliases_set(present, wish->request, wish->name, wish->version, wish->expected, ret_next));
}

int registry_set_alias(struct registry *registry, const struct alias_request *request, const char *name,
                       int64_t version, int64_t expected, struct aliases *ret_aliases) {
        struct wish wish = { .request = request, .name = name, .version = version, .expected = expected };
        int r;

        if (!alias_is_valid(name))
                return REGISTRY_E_INVALID;
        r = check_version(registry, version);
        return r ? error_trace(r) : error_trace(move(registry, decide_set, &wish, ret_aliases));
}

/* The newest earlier champion that was not itself rolled back from. */
static int find_target(struct registry *registry, const struct aliases *present, int64_t *ret_version) {
        _cleanup_(alias_rollback_search_finish) struct alias_rollback_search search = ALIAS_ROLLBACK_SEARCH_NULL(
                aliases_find(present, ALIASES_CHAMPION));
        struct alias_move move = present->last;

        for (int64_t sequence = present->sequence; sequence > 0; sequence--) {
                int r = sequence == present->sequence ? 0 : read_recorded(registry, sequence, &move);
                int64_t version;

                if (r == REGISTRY_E_MISSING)
                        continue;
                if (!r)
                        r = alias_rollback_search_feed(&search, &move, &version);
                if (r)
                        return error_trace(r);
                if (version == ALIASES_NONE)
                        continue;
                *ret_version = version;
                return 0;
        }
        return REGISTRY_E_NO_TARGET;
}

static int decide_rollback(struct registry *registry, void *context, const struct aliases *present,
                           struct aliases *ret_next) {
        const struct wish *wish = context;
        int64_t version = wish->version;
        int r = 0;

        if (wish->expected == ALIASES_NONE || aliases_find(present, ALIASES_CHAMPION) != wish->expected)
                return REGISTRY_E_CONFLICT;
        if (version == ALIASES_NONE)
                r = find_target(registry, present, &version);
        if (!r)
                r = check_version(registry, version);
        if (r)
                return error_trace(r);
        return translate(aliases_roll_back(present, wish->request, wish->expected, version, ret_next));
}

int registry_roll_back(struct registry *registry, const struct alias_request *request, int64_t from, int64_t to,
                       struct aliases *ret_aliases) {
        struct wish wish = { .request = request, .version = to, .expected = from };

        return error_trace(move(registry, decide_rollback, &wish, ret_aliases));
}

static int decide_pin(struct registry *registry _unused_, void *context, const struct aliases *present,
                      struct aliases *ret_next) {
        const struct wish *wish = context;

        return translate(aliases_pin(present, wish->request, wish->is_pinned, ret_next));
}

int registry_pin(struct registry *registry, const struct alias_request *request, bool is_pinned,
                 struct aliases *ret_aliases) {
        struct wish wish = { .request = request, .is_pinned = is_pinned };

        return error_trace(move(registry, decide_pin, &wish, ret_aliases));
}
