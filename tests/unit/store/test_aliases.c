/* Aliases: the rules, as tables of (state, wish) and (state that must follow). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/store/aliases.h"

static const struct alias_request someone = {
        .id = "0198", .run = "run-1", .actor = "ann", .reason = "why", .at_ms = 1767323045678
};

/* champion, challenger, previous; 0: not set */
struct reserved {
        int64_t champion, challenger, previous;
};

static struct aliases state_of(struct reserved reserved, bool is_pinned) {
        struct aliases aliases = { .sequence = 7, .is_pinned = is_pinned, .last = { .sequence = 7 } };
        const int64_t versions[] = { reserved.challenger, reserved.champion, reserved.previous };
        static const char *const names[] = { ALIASES_CHALLENGER, ALIASES_CHAMPION, ALIASES_PREVIOUS };

        assert_true(strcmp(names[0], names[1]) < 0); /* the order they are kept in */
        for (size_t i = 0; i < N_ELEMENTS(names); i++) {
                if (!versions[i])
                        continue;
                snprintf(aliases.aliases[aliases.n_aliases].name, ALIASES_NAME_BYTES, "%s", names[i]);
                aliases.aliases[aliases.n_aliases++].version = versions[i];
        }
        return aliases;
}

static void must_be(const struct aliases *aliases, struct reserved want) {
        assert_int_equal(aliases_find(aliases, ALIASES_CHAMPION), want.champion);
        assert_int_equal(aliases_find(aliases, ALIASES_CHALLENGER), want.challenger);
        assert_int_equal(aliases_find(aliases, ALIASES_PREVIOUS), want.previous);
        assert_int_equal(aliases->n_aliases, !!want.champion + !!want.challenger + !!want.previous);
        assert_int_equal(aliases->sequence, 8);
        assert_int_equal(aliases->last.sequence, 8);
        assert_string_equal(aliases->last.actor, "ann");
        assert_string_equal(aliases->last.reason, "why");
        assert_string_equal(aliases->last.run, "run-1");
        assert_int_equal(aliases->last.at_ms, someone.at_ms);
}

/* The changes that the move records lead from one state to the other. */
static void must_record(const struct aliases *before, const struct aliases *after) {
        for (size_t i = 0; i < after->last.n_changes; i++) {
                const struct alias_change *change = &after->last.changes[i];

                assert_int_equal(aliases_find(before, change->name), change->from);
                assert_int_equal(aliases_find(after, change->name), change->to);
                assert_int_not_equal(change->from, change->to);
        }
        for (size_t i = 0; i < after->n_aliases; i++) {
                bool is_recorded = false;

                for (size_t k = 0; k < after->last.n_changes; k++)
                        is_recorded |= !strcmp(after->last.changes[k].name, after->aliases[i].name);
                assert_int_equal(is_recorded,
                                 aliases_find(before, after->aliases[i].name) != after->aliases[i].version);
        }
}

static void test_names(void **state) {
        static const struct {
                const char *name;
                bool want_valid;
        } rows[] = {
                { "champion", true }, { "a", true },       { "0", true },        { "blue-green_2", true },
                { "v", true },        { "v1a", true },     { "va1", true },      { "latest2", true },
                { "vv1", true },      { "-", true },       { "v-1", true },      { "", false },
                { "v1", false },      { "v0", false },     { "v123456", false }, { "latest", false },
                { "Latest", false },  { "LATEST", false }, { "V1", false },      { "Champion", false },
                { "a b", false },     { "a/b", false },    { "a.b", false },     { "\xc3\xa9", false },
                { "a\n", false },     { "a:b", false },    { "@a", false },
        };
        char name[ALIASES_NAME_BYTES + 1];

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                if (alias_is_valid(rows[i].name) != rows[i].want_valid)
                        fail_msg("'%s'", rows[i].name);
        memset(name, 'a', sizeof(name));
        name[255] = 0;
        assert_true(alias_is_valid(name));
        name[255] = 'a';
        name[256] = 0;
        assert_false(alias_is_valid(name));
}

static void test_release(void **state) {
        static const struct {
                struct reserved before;
                bool is_pinned;
                int64_t expected;
                bool wants_champion;
                enum alias_hindrance want_hindrance;
                struct reserved want;
        } rows[] = {
                /* the first version of all */
                { { 0, 0, 0 }, false, 0, true, ALIAS_HINDRANCE_NONE, { 9, 0, 0 } },
                { { 1, 0, 0 }, false, 1, true, ALIAS_HINDRANCE_NONE, { 9, 0, 1 } },
                { { 4, 5, 3 }, false, 4, true, ALIAS_HINDRANCE_NONE, { 9, 5, 4 } },
                /* the champion moved since the verdict */
                { { 4, 0, 3 }, false, 3, true, ALIAS_HINDRANCE_MOVED, { 4, 9, 3 } },
                { { 4, 5, 3 }, false, 3, true, ALIAS_HINDRANCE_MOVED, { 4, 9, 3 } },
                { { 1, 0, 0 }, false, 0, true, ALIAS_HINDRANCE_MOVED, { 1, 9, 0 } },
                { { 0, 0, 0 }, false, 1, true, ALIAS_HINDRANCE_MOVED, { 0, 9, 0 } },
                { { 4, 0, 3 }, true, 4, true, ALIAS_HINDRANCE_PINNED, { 4, 9, 3 } },
                { { 4, 0, 3 }, true, 3, true, ALIAS_HINDRANCE_PINNED, { 4, 9, 3 } },
                { { 4, 0, 3 }, false, 4, false, ALIAS_HINDRANCE_CHALLENGER, { 4, 9, 3 } },
                { { 0, 0, 0 }, false, 0, false, ALIAS_HINDRANCE_CHALLENGER, { 0, 9, 0 } },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct aliases before = state_of(rows[i].before, rows[i].is_pinned), after;

                aliases_release(&before, &someone, 9, rows[i].expected, rows[i].wants_champion, &after);
                must_be(&after, rows[i].want);
                must_record(&before, &after);
                assert_int_equal(after.is_pinned, rows[i].is_pinned);
                assert_int_equal(after.last.action, ALIAS_ACTION_RELEASE);
                assert_int_equal(after.last.hindrance, rows[i].want_hindrance);
                assert_int_equal(after.last.version, 9);
        }
}

static void test_set(void **state) {
        static const struct {
                struct reserved before;
                bool is_pinned;
                const char *name;
                int64_t version, expected;
                int want_r;
                bool want_pinned;
                struct reserved want;
        } rows[] = {
                /* a person promotes: previous follows, the pin is released, the challenger is crowned */
                { { 4, 5, 3 }, true, "champion", 5, 4, 0, false, { 5, 0, 4 } },
                { { 4, 5, 3 }, false, "champion", 2, ALIASES_ANY, 0, false, { 2, 5, 4 } },
                { { 0, 5, 0 }, false, "champion", 5, ALIASES_NONE, 0, false, { 5, 0, 0 } },
                { { 4, 0, 3 }, true, "champion", 4, 4, 0, false, { 4, 0, 3 } },
                { { 4, 0, 3 }, false, "champion", 4, 4, ALIASES_E_UNCHANGED, false, { 0 } },
                { { 4, 5, 3 }, false, "champion", 5, 3, ALIASES_E_CONFLICT, false, { 0 } },
                { { 4, 5, 3 }, false, "champion", 5, ALIASES_NONE, ALIASES_E_CONFLICT, false, { 0 } },
                /* other aliases leave pin and previous alone */
                { { 4, 5, 3 }, true, "challenger", 6, 5, 0, true, { 4, 6, 3 } },
                { { 4, 0, 3 }, true, "challenger", 6, ALIASES_NONE, 0, true, { 4, 6, 3 } },
                { { 4, 5, 3 }, true, "challenger", 6, 4, ALIASES_E_CONFLICT, false, { 0 } },
                { { 4, 5, 3 }, true, "challenger", 5, ALIASES_ANY, ALIASES_E_UNCHANGED, false, { 0 } },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct aliases before = state_of(rows[i].before, rows[i].is_pinned), after = { .sequence = -1 };

                assert_int_equal(
                        aliases_set(&before, &someone, rows[i].name, rows[i].version, rows[i].expected, &after),
                        rows[i].want_r);
                if (rows[i].want_r) {
                        assert_int_equal(after.sequence, -1);
                        continue;
                }
                must_be(&after, rows[i].want);
                must_record(&before, &after);
                assert_int_equal(after.is_pinned, rows[i].want_pinned);
                assert_int_equal(after.last.action, ALIAS_ACTION_SET);
        }
}

static void test_people_leave_room_for_the_reserved(void **state) {
        struct aliases aliases = ALIASES_NULL;
        char name[16];
        int n = 0, r;

        (void)state;
        do {
                snprintf(name, sizeof(name), "a%02d", n++);
                r = aliases_set(&aliases, &someone, name, 1, ALIASES_NONE, &aliases);
        } while (!r);
        assert_int_equal(r, ALIASES_E_FULL);
        assert_int_equal(n - 1, ALIASES_MAX - 3);
        /* those that are there can still be moved, and runs can still release */
        assert_int_equal(aliases_set(&aliases, &someone, "a00", 2, 1, &aliases), 0);
        aliases_release(&aliases, &someone, 3, ALIASES_NONE, true, &aliases);
        aliases_release(&aliases, &someone, 4, 3, true, &aliases);
        aliases_release(&aliases, &someone, 5, 3, true, &aliases);
        assert_int_equal(aliases.n_aliases, ALIASES_MAX);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 4);
        assert_int_equal(aliases_find(&aliases, ALIASES_PREVIOUS), 3);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHALLENGER), 5);
        assert_int_equal(aliases_find(&aliases, "a28"), 1);
}

static void test_roll_back(void **state) {
        static const struct {
                struct reserved before;
                int64_t from, to;
                int want_r;
                struct reserved want;
        } rows[] = {
                { { 4, 5, 3 }, 4, 3, 0, { 3, 5, 4 } },
                { { 4, 2, 3 }, 4, 2, 0, { 2, 0, 4 } },
                { { 4, 0, 0 }, 4, 1, 0, { 1, 0, 4 } },
                { { 4, 5, 3 }, 3, 2, ALIASES_E_CONFLICT, { 0 } },
                { { 4, 5, 3 }, 4, 4, ALIASES_E_CONFLICT, { 0 } },
                { { 0, 5, 0 }, 0, 5, ALIASES_E_CONFLICT, { 0 } },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct aliases before = state_of(rows[i].before, false), after = { .sequence = -1 };

                assert_int_equal(aliases_roll_back(&before, &someone, rows[i].from, rows[i].to, &after),
                                 rows[i].want_r);
                if (rows[i].want_r) {
                        assert_int_equal(after.sequence, -1);
                        continue;
                }
                must_be(&after, rows[i].want);
                must_record(&before, &after);
                assert_true(after.is_pinned);
                assert_int_equal(after.last.action, ALIAS_ACTION_ROLLBACK);
        }
}

static void test_pin(void **state) {
        struct aliases loose = state_of((struct reserved){ 4, 5, 3 }, false), pinned, again;

        (void)state;
        assert_int_equal(aliases_pin(&loose, &someone, false, &pinned), ALIASES_E_UNCHANGED);
        assert_int_equal(aliases_pin(&loose, &someone, true, &pinned), 0);
        must_be(&pinned, (struct reserved){ 4, 5, 3 });
        assert_true(pinned.is_pinned);
        assert_int_equal(pinned.last.n_changes, 0);
        assert_int_equal(aliases_pin(&pinned, &someone, true, &again), ALIASES_E_UNCHANGED);
        assert_int_equal(aliases_pin(&pinned, &someone, false, &again), 0);
        assert_false(again.is_pinned);
        assert_int_equal(again.sequence, 9);
}

/* Moves told as letters: R release as champion, C release as challenger, B rollback, S set by a person, P pin. */
static void test_default_target_of_a_rollback(void **state) {
        static const struct {
                const char *moves; /* letter and version each */
                int64_t want;
        } rows[] = {
                { "R1", 0 },
                { "R1 R2", 1 },
                { "R1 R2 R3", 2 },
                { "R1 C2 R3 C4", 1 },
                { "C1 C2", 0 },
                { "R1 R2 R3 B2", 1 },
                { "R1 R2 R3 B2 P0", 1 },
                { "R1 R2 R3 B2 B1", 0 },
                { "R1 R2 B1", 0 },
                { "R1 R2 R3 R4 B3 B2", 1 },
                /* 3 was rolled back from, and what came after it was not */
                { "R1 R2 R3 B2 S4", 2 },
                { "R1 R2 R3 B2 S4 S5", 4 },
                /* a person promotes again what was rolled back from: its latest time counts */
                { "R1 R2 R3 B2 S3 S4", 3 },
                { "R1 R2 R3 B2 S3 S4 B3", 2 },
                /* 2 was champion twice, and was rolled back from the second time */
                { "R1 R2 R3 B2 B1 S5", 1 },
                { "R1 R2 S1 S3", 1 },
                { "R1 R2 S1", 2 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct alias_rollback_search search;
                struct aliases aliases = ALIASES_NULL;
                struct alias_move moves[16];
                int64_t found = ALIASES_NONE;
                size_t n = 0;

                for (const char *at = rows[i].moves; *at; at += at[2] ? 3 : 2) {
                        int64_t champion = aliases_find(&aliases, ALIASES_CHAMPION), version = at[1] - '0';

                        if (at[0] == 'R' || at[0] == 'C')
                                aliases_release(&aliases, &someone, version, champion, at[0] == 'R', &aliases);
                        else if (at[0] == 'B')
                                assert_int_equal(aliases_roll_back(&aliases, &someone, champion, version, &aliases), 0);
                        else if (at[0] == 'S')
                                assert_int_equal(aliases_set(&aliases, &someone, ALIASES_CHAMPION, version, ALIASES_ANY,
                                                             &aliases),
                                                 0);
                        else
                                aliases_pin(&aliases, &someone, !aliases.is_pinned, &aliases);
                        moves[n++] = aliases.last;
                }
                search = (struct alias_rollback_search)ALIAS_ROLLBACK_SEARCH_NULL(
                        aliases_find(&aliases, ALIASES_CHAMPION));
                while (n-- && found == ALIASES_NONE)
                        assert_int_equal(alias_rollback_search_feed(&search, &moves[n], &found), 0);
                alias_rollback_search_finish(&search);
                if (found != rows[i].want)
                        fail_msg("%s: %d", rows[i].moves, (int)found);
                /* what each move kept up is what the whole history says */
                assert_true(aliases.has_targets);
                if (aliases_target(&aliases) != rows[i].want)
                        fail_msg("%s: kept %d", rows[i].moves, (int)aliases_target(&aliases));
        }
}

/* Any moves, in any order: the targets that are kept are those of the history, all of them and in their order. */
static void test_targets_are_those_of_the_history(void **state) {
        enum { N_MOVES = 400, N_VERSIONS = 40 };
        static struct alias_move moves[N_MOVES];
        struct aliases aliases = ALIASES_NULL;
        uint32_t chance = 1;
        int n_known = 0, n_cut = 0;

        (void)state;
        for (size_t n = 0; n < N_MOVES; n++) {
                struct alias_rollback_search search;
                int64_t champion = aliases_find(&aliases, ALIASES_CHAMPION), version;
                size_t n_found = 0, i = n + 1;

                chance = chance * 1664525 + 1013904223;
                version = 1 + (chance >> 8) % N_VERSIONS;
                /* mostly promotions first, then mostly rollbacks, so that the list runs over and then out */
                if (chance >> 28 < (n / 50 % 2 ? 14 : 2) && version != champion && champion)
                        assert_int_equal(aliases_roll_back(&aliases, &someone, champion, version, &aliases), 0);
                else if (aliases_set(&aliases, &someone, ALIASES_CHAMPION, version, ALIASES_ANY, &aliases))
                        aliases_release(&aliases, &someone, version + 1, champion, false, &aliases);
                moves[n] = aliases.last;
                n_known += aliases.has_targets;
                n_cut += aliases.are_targets_cut;
                if (!aliases.has_targets)
                        continue;
                search = (struct alias_rollback_search)ALIAS_ROLLBACK_SEARCH_NULL(
                        aliases_find(&aliases, ALIASES_CHAMPION));
                while (i--) {
                        int64_t found;

                        assert_int_equal(alias_rollback_search_feed(&search, &moves[i], &found), 0);
                        if (found == ALIASES_NONE)
                                continue;
                        if (n_found < aliases.n_targets)
                                assert_int_equal(aliases.targets[n_found], found);
                        else
                                assert_true(aliases.are_targets_cut);
                        n_found++;
                }
                assert_true(n_found >= aliases.n_targets);
                alias_rollback_search_finish(&search);
        }
        assert_in_range(n_known, 50, N_MOVES);
        assert_in_range(n_cut, 1, N_MOVES);
}

static void must_know(const struct aliases *aliases, const int64_t *versions, size_t n_versions) {
        assert_int_equal(aliases->n_complete, n_versions);
        for (size_t i = 0; i < n_versions; i++) {
                assert_int_equal(aliases->complete[i], versions[i]);
                assert_true(aliases_know(aliases, versions[i]));
        }
}

/* Each move names a complete version; highest first, until they are retired. */
static void test_what_moves_named_is_known_as_complete(void **state _unused_) {
        struct aliases aliases = ALIASES_NULL;

        assert_false(aliases_know(&aliases, 1));
        aliases_release(&aliases, &someone, 2, ALIASES_NONE, true, &aliases);
        aliases_release(&aliases, &someone, 6, ALIASES_NONE, false, &aliases);
        aliases_release(&aliases, &someone, 4, ALIASES_NONE, false, &aliases);
        assert_int_equal(aliases.highest_released, 6);
        assert_int_equal(aliases_set(&aliases, &someone, "blue", 9, ALIASES_NONE, &aliases), 0);
        assert_int_equal(aliases_set(&aliases, &someone, "green", 2, ALIASES_NONE, &aliases), 0);
        must_know(&aliases, (const int64_t[]){ 9, 6, 4, 2 }, 4);
        assert_int_equal(aliases_pin(&aliases, &someone, true, &aliases), 0);
        /* 4 and 9 bear an alias */
        assert_int_equal(aliases_retire(&aliases, &someone, (const int64_t[]){ 4, 6, 9 }, 3, &aliases), 0);
        must_know(&aliases, (const int64_t[]){ 9, 4, 2 }, 3);
        assert_false(aliases_know(&aliases, 6));
        /* no release of a number above this one was ever made */
        assert_int_equal(aliases.highest_released, 6);
}

static void test_the_highest_are_remembered(void **state _unused_) {
        struct aliases aliases = ALIASES_NULL;

        for (int64_t version = 2; version <= ALIASES_COMPLETE_MAX + 2; version++)
                aliases_release(&aliases, &someone, version, ALIASES_NONE, false, &aliases);
        aliases_release(&aliases, &someone, 1, ALIASES_NONE, false, &aliases);
        assert_int_equal(aliases.n_complete, ALIASES_COMPLETE_MAX);
        assert_int_equal(aliases.complete[0], ALIASES_COMPLETE_MAX + 2);
        assert_int_equal(aliases.complete[ALIASES_COMPLETE_MAX - 1], 3);
        assert_false(aliases_know(&aliases, 2));
        assert_int_equal(aliases.highest_released, ALIASES_COMPLETE_MAX + 2);
}

static void must_be_same(const struct alias_move *a, const struct alias_move *b) {
        assert_int_equal(a->sequence, b->sequence);
        assert_int_equal(a->action, b->action);
        assert_int_equal(a->version, b->version);
        assert_int_equal(a->hindrance, b->hindrance);
        assert_string_equal(a->id, b->id);
        assert_string_equal(a->run, b->run);
        assert_string_equal(a->actor, b->actor);
        assert_string_equal(a->reason, b->reason);
        assert_int_equal(a->at_ms, b->at_ms);
        assert_int_equal(a->n_changes, b->n_changes);
        for (size_t i = 0; i < a->n_changes; i++) {
                assert_string_equal(a->changes[i].name, b->changes[i].name);
                assert_int_equal(a->changes[i].from, b->changes[i].from);
                assert_int_equal(a->changes[i].to, b->changes[i].to);
        }
}

static void must_travel(const struct aliases *aliases) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL, of_move = BUFFER_NULL;
        struct aliases read = ALIASES_NULL;
        struct fault fault = FAULT_NULL;
        struct alias_move move;

        assert_int_equal(aliases_format(aliases, &text), 0);
        assert_int_equal(aliases_parse(&text, &read, &fault), 0);
        assert_int_equal(read.sequence, aliases->sequence);
        assert_int_equal(read.is_pinned, aliases->is_pinned);
        assert_int_equal(read.n_aliases, aliases->n_aliases);
        for (size_t i = 0; i < read.n_aliases; i++) {
                assert_string_equal(read.aliases[i].name, aliases->aliases[i].name);
                assert_int_equal(read.aliases[i].version, aliases->aliases[i].version);
        }
        assert_int_equal(read.has_targets, aliases->has_targets);
        assert_int_equal(read.are_targets_cut, aliases->are_targets_cut);
        assert_int_equal(read.n_targets, aliases->n_targets);
        assert_memory_equal(read.targets, aliases->targets, read.n_targets * sizeof(read.targets[0]));
        must_know(&read, aliases->complete, aliases->n_complete);
        assert_int_equal(read.highest_released, aliases->highest_released);
        must_be_same(&read.last, &aliases->last);
        assert_int_equal(alias_move_format(&aliases->last, &of_move), 0);
        assert_int_equal(alias_move_parse(&of_move, &move, &fault), 0);
        must_be_same(&move, &aliases->last);
}

static void test_round_trip(void **state) {
        const struct alias_request plain = { .at_ms = 1 };
        struct aliases aliases = ALIASES_NULL;

        (void)state;
        aliases_release(&aliases, &someone, 1, ALIASES_NONE, true, &aliases);
        must_travel(&aliases);
        aliases_release(&aliases, &plain, 2, 1, true, &aliases);
        must_travel(&aliases);
        aliases_release(&aliases, &someone, 3, 1, true, &aliases);
        must_travel(&aliases);
        assert_int_equal(aliases_set(&aliases, &someone, "champion", 3, 2, &aliases), 0);
        assert_int_equal(aliases.last.n_changes, 3);
        must_travel(&aliases);
        assert_int_equal(aliases_roll_back(&aliases, &plain, 3, 2, &aliases), 0);
        must_travel(&aliases);
        assert_int_equal(aliases_pin(&aliases, &plain, false, &aliases), 0);
        must_travel(&aliases);
}

static void test_long_reason_is_cut(void **state) {
        struct alias_request request = { .actor = "ann", .at_ms = 1 };
        struct aliases aliases = ALIASES_NULL;
        char reason[3000];

        (void)state;
        memset(reason, 'x', sizeof(reason));
        reason[sizeof(reason) - 1] = 0;
        memcpy(reason + ALIASES_REASON_BYTES - 2, "\xc3\xa9", 2); /* cut within a character */
        request.reason = reason;
        aliases_release(&aliases, &request, 1, ALIASES_NONE, true, &aliases);
        assert_int_equal(strlen(aliases.last.reason), ALIASES_REASON_BYTES - 1);
        {
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                struct fault fault = FAULT_NULL;

                assert_int_equal(aliases_format(&aliases, &text), 0);
                assert_int_equal(aliases_parse(&text, &aliases, &fault), 0);
        }
}

#define LAST \
        "\"last\":{\"sequence\":1,\"action\":\"release\",\"version\":1,\"at\":\"2026-01-02T03:04:05.678Z\"," \
        "\"changes\":[]}"

static void test_malformed_is_refused(void **state) {
        static const char *const texts[] = {
                "",
                "{}",
                "[]",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{}}",
                "{\"sequence\":0,\"pinned\":false,\"aliases\":{}," LAST "}",
                "{\"sequence\":2,\"pinned\":false,\"aliases\":{}," LAST "}",
                "{\"sequence\":1,\"pinned\":0,\"aliases\":{}," LAST "}",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{},\"rollback_targets\":[0]," LAST "}",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{},\"rollback_targets\":{}," LAST "}",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{},\"complete\":[\"1\"]," LAST "}",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{},\"highest_released\":0," LAST "}",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{\"champion\":0}," LAST "}",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{\"champion\":\"1\"}," LAST "}",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{\"v1\":1}," LAST "}",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{\"a\":1,\"a\":2}," LAST "}",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{\"a\\u0000b\":1}," LAST "}",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{}," LAST "",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{},\"last\":{\"sequence\":1,\"action\":\"steal\","
                "\"at\":\"2026-01-02T03:04:05.678Z\",\"changes\":[]}}",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{},\"last\":{\"sequence\":1,\"action\":\"pin\","
                "\"at\":\"now\",\"changes\":[]}}",
                "{\"sequence\":1,\"pinned\":false,\"aliases\":{},\"last\":{\"sequence\":1,\"action\":\"pin\","
                "\"at\":\"2026-01-02T03:04:05.678Z\",\"changes\":[{\"alias\":\"a\"},{\"alias\":\"b\"},"
                "{\"alias\":\"c\"},{\"alias\":\"d\"}]}}",
        };
        static const char good[] = "{\"sequence\":1,\"pinned\":false,\"aliases\":{\"a\":1}," LAST "}";
        struct buffer text = { (uint8_t *)good, strlen(good), 0 };
        struct aliases aliases = ALIASES_NULL;
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(aliases_parse(&text, &aliases, &fault), 0);
        for (size_t i = 0; i < N_ELEMENTS(texts); i++) {
                text = (struct buffer){ (uint8_t *)texts[i], strlen(texts[i]), 0 };
                if (aliases_parse(&text, &aliases, &fault) != FAULT_E_INPUT)
                        fail_msg("%s", texts[i]);
                assert_true(*fault.message);
        }
        assert_int_equal(aliases.n_aliases, 1); /* untouched */
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_release),
                cmocka_unit_test(test_set),
                cmocka_unit_test(test_people_leave_room_for_the_reserved),
                cmocka_unit_test(test_roll_back),
                cmocka_unit_test(test_pin),
                cmocka_unit_test(test_default_target_of_a_rollback),
                cmocka_unit_test(test_targets_are_those_of_the_history),
                cmocka_unit_test(test_what_moves_named_is_known_as_complete),
                cmocka_unit_test(test_the_highest_are_remembered),
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_long_reason_is_cut),
                cmocka_unit_test(test_malformed_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
