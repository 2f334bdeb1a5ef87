#pragma once

/* What the files of the registry give to each other. */

#include "common/store/registry.h"

/* The move as its file tells it, which the last move may lack. */
int registry_read_recorded(struct registry *registry, int64_t sequence, struct alias_move *ret_move);

/* Whether the last move is known to be in the history. */
bool registry_is_complete(const struct registry *registry, const struct aliases *aliases);

typedef bool registry_move_test(const struct alias_move *move, const char *name);

/* The newest move that passes the test, of those after a sequence; REGISTRY_E_MISSING. The last one is not read, so
 * that the usual search, right after, costs no request. */
int registry_find_move(struct registry *registry, const struct aliases *present, int64_t after,
                       registry_move_test *is_it, const char *name, struct alias_move *ret_move);

/* Removes the files of a retired version, its manifest first; the claim stays, so that the number is never given again.
 * What is gone already is passed over. */
int registry_remove_version(struct registry *registry, int64_t version);

/* Finds the targets of rollbacks in the history where the aliases do not have them: once those that they remembered are
 * used up, and there are older ones. */
int registry_find_targets(struct registry *registry, struct aliases *aliases);
