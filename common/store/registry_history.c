/* Registry: the history, one file a move, never changed. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/store/registry_internal.h"

static void name_in_history(const struct registry *registry, int64_t sequence, char ret_name[STORE_NAME_BYTES]) {
        snprintf(ret_name, STORE_NAME_BYTES, "%s/history/%" PRId64 ".json", registry->model, sequence);
}

int registry_read_recorded(struct registry *registry, int64_t sequence, struct alias_move *ret_move) {
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

bool registry_is_complete(const struct registry *registry, const struct aliases *aliases) {
        return !aliases->sequence || atomic_load(&registry->recorded) == aliases->sequence;
}

int registry_complete_history(struct registry *registry, const struct aliases *aliases) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char name[STORE_NAME_BYTES];
        int r;

        if (registry_is_complete(registry, aliases))
                return 0;
        name_in_history(registry, aliases->sequence, name);
        r = alias_move_format(&aliases->last, &text);
        if (!r)
                r = store_create(registry->store, name, text.data, text.n_bytes);
        if (r && r != STORE_E_CONFLICT)
                return error_trace(r);
        atomic_store(&registry->recorded, aliases->sequence);
        return 0;
}

int registry_read_move(struct registry *registry, int64_t sequence, struct alias_move *ret_move) {
        struct alias_move move;
        struct aliases aliases;
        int r;

        r = registry_read_recorded(registry, sequence, &move);
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

int registry_find_move(struct registry *registry, const struct aliases *present, int64_t after,
                       registry_move_test *is_it, const char *name, struct alias_move *ret_move) {
        struct alias_move move = present->last;

        for (int64_t sequence = present->sequence; sequence > after; sequence--) {
                int r = sequence == present->sequence ? 0 : registry_read_recorded(registry, sequence, &move);

                if (r == REGISTRY_E_MISSING) {
                        log_warn("model=%s sequence=%" PRId64 " the history lacks this move, ignoring", registry->model,
                                 sequence);
                        continue;
                }
                if (r)
                        return error_trace(r);
                if (!is_it(&move, name))
                        continue;
                *ret_move = move;
                return 0;
        }
        return REGISTRY_E_MISSING;
}

int registry_walk_targets(struct registry *registry, const struct aliases *aliases,
                          int (*each)(void *context, int64_t version), void *context) {
        _cleanup_(alias_rollback_search_finish) struct alias_rollback_search search = ALIAS_ROLLBACK_SEARCH_NULL(
                aliases_find(aliases, ALIASES_CHAMPION));
        struct alias_move move = aliases->last;
        bool are_known = aliases->has_targets && !aliases->are_targets_cut;
        int r = 0;

        for (size_t i = 0; i < aliases->n_targets && are_known && !r; i++)
                r = each(context, aliases->targets[i]);
        for (int64_t sequence = aliases->sequence; sequence > 0 && !are_known && !r; sequence--) {
                int64_t version = ALIASES_NONE;

                r = sequence == aliases->sequence ? 0 : registry_read_recorded(registry, sequence, &move);
                if (r == REGISTRY_E_MISSING) {
                        r = 0;
                        continue;
                }
                if (!r)
                        r = alias_rollback_search_feed(&search, &move, &version);
                if (!r && version != ALIASES_NONE)
                        r = each(context, version);
        }
        return error_trace(r);
}

/* no error: the list is full */
enum { TARGETS_E_CUT = 100 };

static int add_target(void *context, int64_t version) {
        struct aliases *found = context;

        if (found->n_targets == ALIASES_TARGETS_MAX) {
                found->are_targets_cut = true;
                return TARGETS_E_CUT;
        }
        found->targets[found->n_targets++] = version;
        return 0;
}

int registry_find_targets(struct registry *registry, struct aliases *aliases) {
        struct aliases found = *aliases;
        int r;

        if (aliases->has_targets)
                return 0;
        found.n_targets = 0;
        found.are_targets_cut = false;
        r = registry_walk_targets(registry, aliases, add_target, &found);
        if (r && r != TARGETS_E_CUT)
                return error_trace(r);
        found.has_targets = true;
        *aliases = found;
        return 0;
}
