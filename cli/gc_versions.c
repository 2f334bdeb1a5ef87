/* Garbage collection, versions: aliases, history and runs in flight say what is needed. */

#include "cli/gc_versions.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/array.h"
#include "common/base/clock.h"
#include "common/base/error.h"

void gc_versions_finish(struct gc_versions *versions) {
        if (!versions)
                return;
        free(versions->needed);
        free(versions->runs);
        free(versions->going);
        *versions = (struct gc_versions)GC_VERSIONS_NULL;
}

int gc_versions_need(struct gc_versions *versions, int64_t number) {
        int64_t *grown = array_grow(versions->needed, versions->n_needed, sizeof(*grown));

        if (!grown)
                return error_origin(-ENOMEM, "listing versions");
        grown[versions->n_needed++] = number;
        versions->needed = grown;
        return 0;
}

static int need_target(void *context, int64_t number) {
        return gc_versions_need(context, number);
}

static bool is_needed(const struct gc_versions *versions, const struct aliases *aliases, int64_t number) {
        for (size_t i = 0; i < aliases->n_aliases; i++)
                if (aliases->aliases[i].version == number)
                        return true;
        for (size_t i = 0; i < versions->n_needed; i++)
                if (versions->needed[i] == number)
                        return true;
        return false;
}

static int keep(struct gc_versions *versions, const struct manifest *manifest) {
        char(*grown)[ALIASES_RUN_BYTES] = array_grow(versions->runs, versions->n_runs, sizeof(*grown));

        if (!grown)
                return error_origin(-ENOMEM, "listing versions");
        memcpy(grown[versions->n_runs++], manifest->run, sizeof(*grown));
        versions->runs = grown;
        versions->n_kept++;
        return 0;
}

static int let_go(struct gc_versions *versions, const struct manifest *manifest) {
        struct gc_version *grown = array_grow(versions->going, versions->n_going, sizeof(*grown));
        struct gc_version going = { .number = manifest->version, .n_bytes = (int64_t)manifest->text.n_bytes };

        if (!grown)
                return error_origin(-ENOMEM, "listing versions");
        for (size_t i = 0; i < manifest->n_files; i++)
                going.n_bytes += manifest->files[i].n_bytes;
        grown[versions->n_going++] = going;
        versions->going = grown;
        return 0;
}

static int judge_all(struct gc_versions *versions, struct registry *registry, const struct aliases *aliases,
                     int64_t n_max, int64_t old_ms) {
        _cleanup_(registry_versions_finish) struct registry_versions walk = REGISTRY_VERSIONS_NULL;
        int64_t n_others = 0;
        int r;

        r = registry_versions_init(registry, &walk);
        while (!r) {
                _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;

                r = registry_versions_next(&walk, &manifest);
                if (r == REGISTRY_E_MISSING)
                        return 0;
                if (r == REGISTRY_E_CORRUPT) {
                        /* whoever mends it finds it */
                        versions->n_kept++;
                        r = 0;
                } else if (!r && !is_needed(versions, aliases, manifest.version) && n_others++ >= n_max &&
                           manifest.created_at_ms < old_ms) {
                        r = let_go(versions, &manifest);
                } else if (!r) {
                        r = keep(versions, &manifest);
                }
        }
        return error_trace(r);
}

int gc_versions_judge(struct gc_versions *versions, struct registry *registry, int64_t n_max, int64_t old_ms,
                      struct fault *fault) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        int r;

        if (!aliases)
                return error_origin(-ENOMEM, "judging versions");
        r = registry_read_aliases(registry, aliases);
        if (!r)
                r = registry_walk_targets(registry, aliases, need_target, versions);
        if (!r)
                r = judge_all(versions, registry, aliases, n_max, old_ms);
        if (r > 0)
                return fault_set(fault, "REGISTRY_UNREADABLE",
                                 "the aliases or the history of %s cannot be read, so nothing is removed; the log says "
                                 "why",
                                 registry->model);
        return error_trace(r);
}

bool gc_versions_need_run(const struct gc_versions *versions, const char *run) {
        for (size_t i = 0; i < versions->n_runs; i++)
                if (!strcmp(versions->runs[i], run))
                        return true;
        return false;
}

int gc_versions_remove(const struct gc_versions *versions, struct registry *registry, bool is_dry,
                       void (*tell)(void *context, int64_t number, int64_t n_bytes), void *context,
                       struct fault *fault) {
        const struct alias_request request = { .actor = "gc",
                                               .reason = "kept no longer by retention",
                                               .at_ms = clock_realtime_ms() };
        char what[REGISTRY_MODEL_BYTES + 64];
        size_t i = 0;

        /* also when none goes: a call that was killed may have left one half removed */
        do {
                int64_t numbers[ALIASES_RETIRED_MAX];
                bool is_retired[ALIASES_RETIRED_MAX];
                size_t n = 0;
                int r = 0;

                for (; n < ALIASES_RETIRED_MAX && i + n < versions->n_going; n++) {
                        numbers[n] = versions->going[i + n].number;
                        is_retired[n] = true;
                }
                if (!is_dry)
                        r = registry_retire(registry, &request, numbers, n, is_retired);
                if (r) {
                        snprintf(what, sizeof(what), "the aliases or the history of %s", registry->model);
                        return store_fault_as(r, "REGISTRY_UNREADABLE", what, fault);
                }
                for (size_t k = 0; k < n; k++)
                        if (is_retired[k])
                                tell(context, numbers[k], versions->going[i + k].n_bytes);
                i += n;
        } while (i < versions->n_going);
        return 0;
}
