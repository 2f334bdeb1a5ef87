#pragma once

/*
 * Registry
 *
 * The versions of one model and its aliases, as objects of a store:
 *
 *   <model>/versions/<n>/claim.json       which run may write under n; made with create-if-absent
 *   <model>/versions/<n>/<file>           the bundle's files
 *   <model>/versions/<n>/manifest.json    last; without it there is no version, with it the version never changes
 *   <model>/claims/<run>.json             where a run began to look for a free number, so that its redo finds its claim
 *   <model>/aliases.json                  aliases, pin, sequence and the whole last move; moved by compare-and-swap
 *   <model>/history/<sequence>.json       each move, never changed; the last is missing until somebody looks, or moves
 *                                         an alias, and writes it before anything else
 *
 * So a process may die between any two steps, and what it left is completed by its redo or by the next one.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/store/aliases.h"
#include "common/store/manifest.h"
#include "common/store/store.h"

/* a model's name, its end included */
#define REGISTRY_MODEL_BYTES 128

enum {
        _REGISTRY_E_SUCCESS,
        REGISTRY_E_MISSING = STORE_E_MISSING,   /* no such version, file or move */
        REGISTRY_E_CONFLICT = STORE_E_CONFLICT, /* not in the state that the caller expected; nothing changed */
        REGISTRY_E_CORRUPT = STORE_E_CORRUPT,   /* bytes that are not what was published; named in the log */
        REGISTRY_E_NO_TARGET,                   /* no earlier champion to roll back to */
        REGISTRY_E_INVALID,                     /* the alias's name breaks the rules, or too many are set */
};

struct registry {
        struct store *store; /* borrowed */
        char model[REGISTRY_MODEL_BYTES];
        atomic_bool is_new;        /* neither aliases nor history were found */
        _Atomic int64_t recorded;  /* the last move, once it is known to be in the history */
        _Atomic int64_t published; /* the version that this process completed last */
};

/* Letters, digits, '.', '_' and '-', not starting with a dot. */
bool registry_model_is_valid(const char *model);

/* store is borrowed for the life of the registry. 0, or -EINVAL for a model that cannot be one. Nothing is read or
 * written, nothing is to be finished, and several threads may use it. */
int registry_init(struct registry *registry, struct store *store, const char *model);

/*
 * Versions
 */

struct registry_claim {
        int64_t version;             /* 1 … */
        char run[ALIASES_RUN_BYTES]; /* who may write under it */
        int64_t created_at_ms;       /* the same at each redo, so that the manifest can be, too */
        int64_t sequence;            /* of the aliases when it was claimed: a move that names this run comes after */
};

/* Claims the next free number for a run, or finds the claim that the run has already. */
int registry_claim(struct registry *registry, const char *run, struct registry_claim *ret_claim);

/* Whether the run's version is complete, so that it is there for all to see. Claims nothing. */
int registry_has_published(struct registry *registry, const char *run, bool *ret_has_published);

/* files of one call, at most */
#define REGISTRY_FILES_MAX MANIFEST_FILES_MAX

/* Writes files of a claimed version, in hardly more time than one; their names are those within the version. Once there
 * is a manifest, only equal bytes are accepted (REGISTRY_E_CONFLICT). */
int registry_put_files(struct registry *registry, const struct registry_claim *claim, const struct store_item *files,
                       size_t n_files);

/*
 * Writes manifest.json, sealed, and thereby makes the version. Every file it names must be there with its digest
 * (REGISTRY_E_MISSING, REGISTRY_E_CORRUPT); it names this model, version and run, else -EINVAL. A version that exists
 * already with the same bytes is success, with others REGISTRY_E_CONFLICT.
 */
int registry_publish(struct registry *registry, const struct registry_claim *claim, const struct buffer *manifest);

/* The manifest of a version; REGISTRY_E_MISSING when it was never completed. The caller finishes it. */
int registry_read_manifest(struct registry *registry, int64_t version, struct manifest *ret_manifest);

/* A file of the version as a local path, verified against the manifest; "manifest.json" itself is one, too. */
int registry_fetch_file(struct registry *registry, const struct manifest *manifest, const char *name,
                        char ret_path[STORE_PATH_BYTES]);

/* A walk over the complete versions, newest first. */
struct registry_versions {
        struct registry *registry; /* borrowed */
        int64_t *numbers;          /* all that were claimed when the walk began, highest first */
        size_t n_numbers;
        size_t n_seen;
};

#define REGISTRY_VERSIONS_NULL \
        { 0 }

int registry_versions_init(struct registry *registry, struct registry_versions *ret_versions);

/* The next version's manifest, which the caller finishes. 0; REGISTRY_E_MISSING after the last; REGISTRY_E_CORRUPT for
 * one that cannot be read, or a negative errno, after both of which the walk may go on. */
int registry_versions_next(struct registry_versions *versions, struct manifest *ret_manifest);
void registry_versions_finish(struct registry_versions *versions);

/*
 * Aliases. Each call reads the state, completes the history, decides, and swaps; when another was faster it reads again
 * and decides again. ret_aliases (may be NULL) is the state after the move. A swap that was made though the answer got
 * lost is recognised by its id when it is tried again: then ret_aliases->last is that move, whoever moved since.
 *
 * A move costs the store three requests: aliases.json is read, the move before goes to the history, aliases.json is
 * replaced (the first one goes to the history at once, after a look that found none). The history is not asked again
 * for a move that this struct has seen there; then a version that is to bear an alias is looked for instead, unless
 * this process has just published it. A version that bears an alias, or that the aliases remember as complete, need not
 * be. More requests are made only for a race that was lost (as many again), for a run whose number is below one that
 * was released before it (one for each move since its claim), and where the aliases remember too little (aliases.h):
 * for the move after the targets of rollbacks were used up, and for a version that no move has named, or none of late,
 * while nobody has looked since the last move.
 */

/* No aliases yet: 0, with sequence 0. */
int registry_read_aliases(struct registry *registry, struct aliases *ret_aliases);

/* Writes the last move of these aliases to the history, unless it is known to be there: for whoever looks. Costs
 * nothing but once a move. */
int registry_complete_history(struct registry *registry, const struct aliases *aliases);

/* A move of the history; the last one is found even when its file is missing. 0, REGISTRY_E_MISSING, … */
int registry_read_move(struct registry *registry, int64_t sequence, struct alias_move *ret_move);

/*
 * Releases a claimed and published version: aliases_release() unless a recorded move names the run already, which then
 * is the answer and moves nothing. ret_move says what came of it: promoted when its hindrance is NONE. request->run is
 * not looked at, the claim's run is.
 */
int registry_release(struct registry *registry, const struct registry_claim *claim, const struct alias_request *request,
                     int64_t expected_champion, bool wants_champion, struct alias_move *ret_move);

/* 0, REGISTRY_E_MISSING (no such version), REGISTRY_E_CONFLICT, REGISTRY_E_INVALID. */
int registry_set_alias(struct registry *registry, const struct alias_request *request, const char *name,
                       int64_t version, int64_t expected, struct aliases *ret_aliases);

/* to may be ALIASES_NONE: the default target. 0, REGISTRY_E_MISSING, REGISTRY_E_CONFLICT (from is not the champion, or
 * is to), REGISTRY_E_NO_TARGET. */
int registry_roll_back(struct registry *registry, const struct alias_request *request, int64_t from, int64_t to,
                       struct aliases *ret_aliases);

/* The same for a move that was decided while the registry was away, and may have been tried before: request->id is set,
 * and when a move of this id stands after the sequence `after`, that is the answer. */
int registry_redo_rollback(struct registry *registry, const struct alias_request *request, int64_t from, int64_t to,
                           int64_t after, struct aliases *ret_aliases);

/* Calls each() with every default target of rollbacks, the next one first; when it does not answer 0, that ends the
 * walk and is returned. Reads the history where the aliases do not have them all. */
int registry_walk_targets(struct registry *registry, const struct aliases *aliases,
                          int (*each)(void *context, int64_t version), void *context);

/*
 * Retires versions, at most ALIASES_RETIRED_MAX of them: those that bear an alias or are a target of rollbacks are
 * passed over, the others get none any more, and then their files go, but for the claims, so that no number is given
 * twice. ret_is_retired, of n_versions, says which. What an earlier call had begun is brought to its end first.
 * n_versions 0 does that alone. request->reason is followed by the versions' numbers.
 */
int registry_retire(struct registry *registry, const struct alias_request *request, const int64_t *versions,
                    size_t n_versions, bool *ret_is_retired);

/* Pins or unpins; already so: 0. */
int registry_pin(struct registry *registry, const struct alias_request *request, bool is_pinned,
                 struct aliases *ret_aliases);
