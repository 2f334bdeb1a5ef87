#pragma once

/*
 * Aliases
 *
 * Which version of a model bears which alias, and the one move that led there: the content of `aliases.json`, and of
 * `history/<sequence>.json`, which holds the move alone. This module decides what the next state is; it neither reads
 * nor writes anything, so that each rule can be tested as a table.
 *
 *   champion      answers predictions
 *   challenger    a version that was published without becoming champion
 *   previous      the champion before the present one
 *
 * People may set others. Rules for names as in MLflow (mlflow/utils/validation.py), lower-case only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/base/json_builder.h"

#define ALIASES_CHAMPION "champion"
#define ALIASES_CHALLENGER "challenger"
#define ALIASES_PREVIOUS "previous"

/* an alias, its end included */
#define ALIASES_NAME_BYTES 256
/* aliases of one model, the three reserved ones included */
#define ALIASES_MAX 32
/* aliases that one move can change: itself, previous, challenger */
#define ALIASES_CHANGES_MAX 3
#define ALIASES_RUN_BYTES 64
/* what names one move, its end included: a UUID */
#define ALIASES_ID_BYTES 64
/* earlier champions that are remembered as targets of rollbacks; older ones are in the history */
#define ALIASES_TARGETS_MAX 16
/* versions that are remembered as complete */
#define ALIASES_COMPLETE_MAX 64
/* versions that one move retires */
#define ALIASES_RETIRED_MAX 64
#define ALIASES_ACTOR_BYTES 128
#define ALIASES_REASON_BYTES 1024

/* no version: the alias is not set */
#define ALIASES_NONE INT64_C(0)
/* any state will do */
#define ALIASES_ANY INT64_C(-1)

enum {
        _ALIASES_E_SUCCESS,
        ALIASES_E_UNCHANGED, /* everything is already as asked: there is no move to record */
        ALIASES_E_CONFLICT,  /* the alias is not where the caller expected it */
        ALIASES_E_FULL,      /* no room for another; the three reserved ones always have room */
};

enum alias_action {
        ALIAS_ACTION_RELEASE, /* a run's new version, by the pusher */
        ALIAS_ACTION_SET,     /* by a person */
        ALIAS_ACTION_ROLLBACK,
        ALIAS_ACTION_PIN,
        ALIAS_ACTION_UNPIN,
        ALIAS_ACTION_RETIRE, /* of versions that nobody needs, before their files go */
};

/* why a release did not become champion */
enum alias_hindrance {
        ALIAS_HINDRANCE_NONE,       /* it did */
        ALIAS_HINDRANCE_MOVED,      /* the champion is no longer the version the evaluator compared with */
        ALIAS_HINDRANCE_PINNED,     /* a rollback or a person pinned the champion */
        ALIAS_HINDRANCE_CHALLENGER, /* only a challenger was asked for */
};

struct alias_change {
        char name[ALIASES_NAME_BYTES];
        int64_t from; /* ALIASES_NONE: was not set */
        int64_t to;   /* ALIASES_NONE: is not set any more */
};

/* Who moved what, from what, to what, why and when. */
struct alias_move {
        int64_t sequence; /* 1 for the first move of a model */
        enum alias_action action;
        int64_t version;                   /* released, set, or rolled back to; ALIASES_NONE for pin and unpin */
        enum alias_hindrance hindrance;    /* of a release */
        char id[ALIASES_ID_BYTES];         /* names this move and no other */
        char run[ALIASES_RUN_BYTES];       /* "" when no run asked */
        char actor[ALIASES_ACTOR_BYTES];   /* who: the pusher, a person's name, … */
        char reason[ALIASES_REASON_BYTES]; /* why, "" when not said */
        int64_t at_ms;                     /* when, since 1970 */
        struct alias_change changes[ALIASES_CHANGES_MAX];
        size_t n_changes;
};

struct alias {
        char name[ALIASES_NAME_BYTES];
        int64_t version;
};

struct aliases {
        int64_t sequence; /* of the last move; 0: there was none yet */
        bool is_pinned;
        struct alias aliases[ALIASES_MAX]; /* in the order of their names */
        size_t n_aliases;
        struct alias_move last; /* meaningless when sequence is 0 */

        /* the default targets of rollbacks, the next one first; what alias_rollback_search would find in the history */
        int64_t targets[ALIASES_TARGETS_MAX];
        size_t n_targets;
        bool has_targets;     /* false: they are used up, search the history; meaningless when sequence is 0 */
        bool are_targets_cut; /* there are older ones in the history */

        /* versions that moves named, so that they are complete, highest first; without those retired since, and without
         * the lowest when there were too many */
        int64_t complete[ALIASES_COMPLETE_MAX];
        size_t n_complete;
        int64_t highest_released; /* the highest number that was released so far; ALIASES_NONE: not known */

        /* of the last move that retired any: their files are being removed, or are gone; none gets an alias again */
        int64_t retired[ALIASES_RETIRED_MAX];
        size_t n_retired;
};

#define ALIASES_NULL \
        { 0 }

/* Lower-case letters, digits, '-' and '_', 1 to 255 of them; `latest` and `v<digits>` are reserved. */
bool alias_is_valid(const char *name);

/* The version that bears the alias, or ALIASES_NONE. */
int64_t aliases_find(const struct aliases *aliases, const char *name);

/* The next default target, or ALIASES_NONE, which is the truth only when it is known. */
int64_t aliases_target(const struct aliases *aliases);

/* Who asks for a move. All borrowed for the call; too long a text is cut. id, run and reason may be NULL. */
struct alias_request {
        const char *id;
        const char *run;
        const char *actor;
        const char *reason;
        int64_t at_ms;
};

/*
 * Each of these takes the present state to the next one, its `last` and sequence included. ret_next may be the present
 * state itself, and is untouched when the answer is not 0.
 */

/*
 * A run's new version becomes champion if the champion is still `expected` (ALIASES_NONE: there is none), nothing is
 * pinned and it may (wants_champion); else it becomes challenger. Always a move.
 */
void aliases_release(const struct aliases *present, const struct alias_request *request, int64_t version,
                     int64_t expected, bool wants_champion, struct aliases *ret_next);

/*
 * A person gives an alias to a version; ALIASES_E_CONFLICT when it is not at `expected` (ALIASES_ANY, ALIASES_NONE).
 * Naming a champion releases a pin, and a challenger that becomes champion is no longer challenger.
 */
int aliases_set(const struct aliases *present, const struct alias_request *request, const char *name, int64_t version,
                int64_t expected, struct aliases *ret_next);

/* `from` must be the champion (else ALIASES_E_CONFLICT) and gives way to `to`, which is another version; pins. */
int aliases_roll_back(const struct aliases *present, const struct alias_request *request, int64_t from, int64_t to,
                      struct aliases *ret_next);

int aliases_pin(const struct aliases *present, const struct alias_request *request, bool is_pinned,
                struct aliases *ret_next);

/* Retires those of the versions, at most ALIASES_RETIRED_MAX (asserted), that neither bear an alias nor are a target;
 * ALIASES_E_UNCHANGED when there are none. */
int aliases_retire(const struct aliases *present, const struct alias_request *request, const int64_t *versions,
                   size_t n_versions, struct aliases *ret_next);

/* Whether any alias is the version's. */
bool aliases_bear(const struct aliases *aliases, int64_t version);

/* Whether the version is remembered as complete; false says nothing. */
bool aliases_know(const struct aliases *aliases, int64_t version);

bool aliases_is_retired(const struct aliases *aliases, int64_t version);

/*
 * The default target of a rollback is the newest earlier champion that was not itself rolled back from, judged by how
 * each version's latest time as champion ended. Feed the moves from the newest to the oldest until it answers a
 * version; go on for the next one. Each move keeps the first of them in the aliases (targets); this search is for those
 * that are older.
 */
struct alias_rollback_search {
        int64_t champion; /* the version to find an earlier champion for */
        int64_t *met;     /* versions whose latest time has been judged; owned */
        size_t n_met;
};

#define ALIAS_ROLLBACK_SEARCH_NULL(present) \
        { .champion = (present) }

/* 0 with the version (ALIASES_NONE: go on), or -ENOMEM. */
int alias_rollback_search_feed(struct alias_rollback_search *search, const struct alias_move *move,
                               int64_t *ret_version);
void alias_rollback_search_finish(struct alias_rollback_search *search);

/* As JSON, in aliases_json.c. Reading answers 0, FAULT_E_INPUT, or -ENOMEM. */
int aliases_format(const struct aliases *aliases, struct buffer *ret_text);
int aliases_parse(const struct buffer *text, struct aliases *ret_aliases, struct fault *fault);
void alias_move_put_json(const struct alias_move *move, struct json_builder *json);
int alias_move_format(const struct alias_move *move, struct buffer *ret_text);
int alias_move_parse(const struct buffer *text, struct alias_move *ret_move, struct fault *fault);
