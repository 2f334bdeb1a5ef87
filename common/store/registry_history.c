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

int registry_find_targets(struct registry *registry, struct aliases *aliases) {
        _cleanup_(alias_rollback_search_finish) struct alias_rollback_search search = ALIAS_ROLLBACK_SEARCH_NULL(
                aliases_find(aliases, ALIASES_CHAMPION));
        struct alias_move move = aliases->last;
        struct aliases found = *aliases;

        if (aliases->has_targets)
                return 0;
        found.n_targets = 0;
        found.are_targets_cut = false;
        for (int64_t sequence = aliases->sequence; sequence > 0 && !found.are_targets_cut; sequence--) {
                int r = sequence == aliases->sequence ? 0 : registry_read_recorded(registry, sequence, &move);
                int64_t version;

                if (r == REGISTRY_E_MISSING)
                        continue;
                if (!r)
                        r = alias_rollback_search_feed(&search, &move, &version);
                if (r)
                        return error_trace(r);
                if (version == ALIASES_NONE)
                        continue;
                if (found.n_targets < ALIASES_TARGETS_MAX)
                        found.targets[found.n_targets++] = version;
                else
                        found.are_targets_cut = true;
        }
        found.has_targets = true;
        *aliases = found;
        return 0;
}
