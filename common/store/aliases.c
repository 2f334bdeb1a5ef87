/* Aliases: the rules by which they move. */

#include "common/store/aliases.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/array.h"
#include "common/base/error.h"

/* what people set must leave room for the aliases that a release sets */
#define RESERVED_ALIASES 3

bool alias_is_valid(const char *name) {
        size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_-");

        if (!n || n >= ALIASES_NAME_BYTES || name[n] || !strcmp(name, "latest"))
                return false;
        return name[0] != 'v' || n == 1 || strspn(name + 1, "0123456789") != n - 1;
}

static bool is_reserved(const char *name) {
        return !strcmp(name, ALIASES_CHAMPION) || !strcmp(name, ALIASES_CHALLENGER) || !strcmp(name, ALIASES_PREVIOUS);
}

/* The place of the alias, or where it would be put in. */
static size_t place_of(const struct aliases *aliases, const char *name, bool *ret_is_there) {
        size_t i = 0;

        while (i < aliases->n_aliases && strcmp(aliases->aliases[i].name, name) < 0)
                i++;
        *ret_is_there = i < aliases->n_aliases && !strcmp(aliases->aliases[i].name, name);
        return i;
}

int64_t aliases_find(const struct aliases *aliases, const char *name) {
        bool is_there;
        size_t i = place_of(aliases, name, &is_there);

        return is_there ? aliases->aliases[i].version : ALIASES_NONE;
}

/* Sets or (version ALIASES_NONE) removes one alias, and notes that in the move. */
static void change(struct aliases *aliases, const char *name, int64_t version) {
        struct alias_move *move = &aliases->last;
        bool is_there;
        size_t i = place_of(aliases, name, &is_there);
        int64_t from = is_there ? aliases->aliases[i].version : ALIASES_NONE;

        if (from == version)
                return;
        assert(move->n_changes < ALIASES_CHANGES_MAX);
        move->changes[move->n_changes] = (struct alias_change){ .from = from, .to = version };
        snprintf(move->changes[move->n_changes++].name, ALIASES_NAME_BYTES, "%s", name);
        if (is_there && version == ALIASES_NONE) {
                memmove(&aliases->aliases[i], &aliases->aliases[i + 1],
                        (aliases->n_aliases - i - 1) * sizeof(struct alias));
                aliases->n_aliases--;
                return;
        }
        if (!is_there) {
                assert(aliases->n_aliases < ALIASES_MAX);
                memmove(&aliases->aliases[i + 1], &aliases->aliases[i],
                        (aliases->n_aliases - i) * sizeof(struct alias));
                aliases->n_aliases++;
                snprintf(aliases->aliases[i].name, ALIASES_NAME_BYTES, "%s", name);
        }
        aliases->aliases[i].version = version;
}

int64_t aliases_target(const struct aliases *aliases) {
        return aliases->n_targets ? aliases->targets[0] : ALIASES_NONE;
}

static void remove_number(int64_t version, int64_t *versions, size_t *n_versions) {
        size_t n = 0;

        for (size_t i = 0; i < *n_versions; i++)
                if (versions[i] != version)
                        versions[n++] = versions[i];
        *n_versions = n;
}

/* Puts a number in at its place, and out what is beyond the room. */
static void insert_number(int64_t version, size_t place, int64_t *versions, size_t *n_versions, size_t n_max) {
        if (place == n_max)
                return;
        if (*n_versions == n_max)
                --*n_versions;
        memmove(versions + place + 1, versions + place, (*n_versions - place) * sizeof(versions[0]));
        versions[place] = version;
        ++*n_versions;
}

/* The version is complete, else no move would name it. */
static void note_complete(struct aliases *aliases, int64_t version) {
        size_t place = 0;

        while (place < aliases->n_complete && aliases->complete[place] > version)
                place++;
        if (place == aliases->n_complete || aliases->complete[place] != version)
                insert_number(version, place, aliases->complete, &aliases->n_complete, ALIASES_COMPLETE_MAX);
}

/* Keeps the list of targets true while `from` gives way to `to`. */
static void change_targets(struct aliases *aliases, int64_t from, int64_t to) {
        if (!aliases->has_targets)
                return;
        remove_number(from, aliases->targets, &aliases->n_targets);
        remove_number(to, aliases->targets, &aliases->n_targets);
        if (from != ALIASES_NONE && aliases->last.action != ALIAS_ACTION_ROLLBACK) {
                aliases->are_targets_cut |= aliases->n_targets == ALIASES_TARGETS_MAX;
                insert_number(from, 0, aliases->targets, &aliases->n_targets, ALIASES_TARGETS_MAX);
        }
        /* the next ones are in the history alone */
        if (!aliases->n_targets && aliases->are_targets_cut)
                aliases->has_targets = aliases->are_targets_cut = false;
}

/* Makes a version champion: the old one becomes previous, and a version that was challenger no longer is. */
static void crown(struct aliases *aliases, int64_t version) {
        int64_t champion = aliases_find(aliases, ALIASES_CHAMPION);

        if (champion == version)
                return;
        change(aliases, ALIASES_CHAMPION, version);
        change_targets(aliases, champion, version);
        if (champion != ALIASES_NONE)
                change(aliases, ALIASES_PREVIOUS, champion);
        if (aliases_find(aliases, ALIASES_CHALLENGER) == version)
                change(aliases, ALIASES_CHALLENGER, ALIASES_NONE);
}

/* The state after the present one, with a move in which nothing has changed yet. */
static struct aliases begin(const struct aliases *present, const struct alias_request *request,
                            enum alias_action action, int64_t version) {
        struct aliases next = *present;

        next.has_targets |= !present->sequence;
        next.sequence++;
        if (version != ALIASES_NONE)
                note_complete(&next, version);
        next.last = (struct alias_move){
                .sequence = next.sequence, .action = action, .version = version, .at_ms = request->at_ms
        };
        snprintf(next.last.id, sizeof(next.last.id), "%s", request->id ? request->id : "");
        snprintf(next.last.run, sizeof(next.last.run), "%s", request->run ? request->run : "");
        snprintf(next.last.actor, sizeof(next.last.actor), "%s", request->actor ? request->actor : "");
        snprintf(next.last.reason, sizeof(next.last.reason), "%s", request->reason ? request->reason : "");
        return next;
}

void aliases_release(const struct aliases *present, const struct alias_request *request, int64_t version,
                     int64_t expected, bool wants_champion, struct aliases *ret_next) {
        struct aliases next = begin(present, request, ALIAS_ACTION_RELEASE, version);

        if (!wants_champion)
                next.last.hindrance = ALIAS_HINDRANCE_CHALLENGER;
        else if (present->is_pinned)
                next.last.hindrance = ALIAS_HINDRANCE_PINNED;
        else if (aliases_find(present, ALIASES_CHAMPION) != expected)
                next.last.hindrance = ALIAS_HINDRANCE_MOVED;

        if (next.last.hindrance == ALIAS_HINDRANCE_NONE)
                crown(&next, version);
        else
                change(&next, ALIASES_CHALLENGER, version);
        if (version > next.highest_released)
                next.highest_released = version;
        *ret_next = next;
}

int aliases_set(const struct aliases *present, const struct alias_request *request, const char *name, int64_t version,
                int64_t expected, struct aliases *ret_next) {
        struct aliases next = begin(present, request, ALIAS_ACTION_SET, version);
        int64_t from = aliases_find(present, name);
        size_t n_others = 0;

        assert(alias_is_valid(name) && version > ALIASES_NONE);
        if (expected != ALIASES_ANY && expected != from)
                return ALIASES_E_CONFLICT;
        for (size_t i = 0; i < present->n_aliases; i++)
                n_others += !is_reserved(present->aliases[i].name);
        if (from == ALIASES_NONE && !is_reserved(name) && n_others >= ALIASES_MAX - RESERVED_ALIASES)
                return ALIASES_E_FULL;
        if (!strcmp(name, ALIASES_CHAMPION)) {
                crown(&next, version);
                next.is_pinned = false;
        } else {
                change(&next, name, version);
        }
        if (!next.last.n_changes && next.is_pinned == present->is_pinned)
                return ALIASES_E_UNCHANGED;
        *ret_next = next;
        return 0;
}

int aliases_roll_back(const struct aliases *present, const struct alias_request *request, int64_t from, int64_t to,
                      struct aliases *ret_next) {
        struct aliases next = begin(present, request, ALIAS_ACTION_ROLLBACK, to);

        if (from == ALIASES_NONE || aliases_find(present, ALIASES_CHAMPION) != from || to == from)
                return ALIASES_E_CONFLICT;
        crown(&next, to);
        next.is_pinned = true;
        *ret_next = next;
        return 0;
}

int aliases_pin(const struct aliases *present, const struct alias_request *request, bool is_pinned,
                struct aliases *ret_next) {
        struct aliases next = begin(present, request, is_pinned ? ALIAS_ACTION_PIN : ALIAS_ACTION_UNPIN, ALIASES_NONE);

        if (present->is_pinned == is_pinned)
                return ALIASES_E_UNCHANGED;
        next.is_pinned = is_pinned;
        *ret_next = next;
        return 0;
}

static bool is_among(int64_t version, const int64_t *versions, size_t n_versions) {
        for (size_t i = 0; i < n_versions; i++)
                if (versions[i] == version)
                        return true;
        return false;
}

bool aliases_know(const struct aliases *aliases, int64_t version) {
        return is_among(version, aliases->complete, aliases->n_complete);
}

bool aliases_is_retired(const struct aliases *aliases, int64_t version) {
        return is_among(version, aliases->retired, aliases->n_retired);
}

bool aliases_bear(const struct aliases *aliases, int64_t version) {
        for (size_t i = 0; i < aliases->n_aliases; i++)
                if (aliases->aliases[i].version == version)
                        return true;
        return false;
}

int aliases_retire(const struct aliases *present, const struct alias_request *request, const int64_t *versions,
                   size_t n_versions, struct aliases *ret_next) {
        struct aliases next = begin(present, request, ALIAS_ACTION_RETIRE, ALIASES_NONE);

        assert(n_versions <= ALIASES_RETIRED_MAX);
        next.n_retired = 0;
        for (size_t i = 0; i < n_versions; i++)
                if (!aliases_bear(present, versions[i]) && !is_among(versions[i], present->targets, present->n_targets))
                        next.retired[next.n_retired++] = versions[i];
        if (!next.n_retired)
                return ALIASES_E_UNCHANGED;
        for (size_t i = 0; i < next.n_retired; i++)
                remove_number(next.retired[i], next.complete, &next.n_complete);
        *ret_next = next;
        return 0;
}

/* The champion that this move took the place of, or ALIASES_NONE. */
static int64_t dethroned(const struct alias_move *move) {
        for (size_t i = 0; i < move->n_changes; i++)
                if (!strcmp(move->changes[i].name, ALIASES_CHAMPION))
                        return move->changes[i].from;
        return ALIASES_NONE;
}

int alias_rollback_search_feed(struct alias_rollback_search *search, const struct alias_move *move,
                               int64_t *ret_version) {
        int64_t version = dethroned(move);
        int64_t *met;

        /* a version met before has had its latest time as champion judged already */
        if (version == ALIASES_NONE || version == search->champion || is_among(version, search->met, search->n_met)) {
                *ret_version = ALIASES_NONE;
                return 0;
        }
        met = array_grow(search->met, search->n_met, sizeof(*met));
        if (!met)
                return error_origin(-ENOMEM, "looking for an earlier champion");
        met[search->n_met++] = version;
        search->met = met;
        *ret_version = move->action == ALIAS_ACTION_ROLLBACK ? ALIASES_NONE : version;
        return 0;
}

void alias_rollback_search_finish(struct alias_rollback_search *search) {
        if (!search)
                return;
        free(search->met);
        search->met = NULL;
        search->n_met = 0;
}
