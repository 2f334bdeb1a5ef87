/*
 * registry_tool URI CACHE: a registry of toy versions for tests that are written in Python, which lives as long as its
 * standard input, as that of a gateway lives. Obeys a line each and answers with one, "0" or another number:
 *
 *   push EXPECTED         a new version by a run of its own, which is to be the champion
 *   look                  what the gateway does each second
 *   promote VERSION       makes it the champion
 *   roll-back VERSION     from that champion to the one before
 *   pin | unpin
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/log.h"
#include "tests/unit/store/registry_support.h"

static int look(struct registry *registry) {
        struct aliases aliases;
        int r = registry_read_aliases(registry, &aliases);

        return r ? r : registry_complete_history(registry, &aliases);
}

static int push(struct registry *registry, int64_t expected) {
        struct alias_move move;
        char run[64];

        snprintf(run, sizeof(run), "run-%" PRId64, expected);
        return toy_push(registry, run, expected, &move);
}

static int obey(struct registry *registry, const char *order, int64_t version) {
        if (!strcmp(order, "push"))
                return push(registry, version);
        if (!strcmp(order, "look"))
                return look(registry);
        if (!strcmp(order, "promote"))
                return registry_set_alias(registry, &by_ann, ALIASES_CHAMPION, version, ALIASES_ANY, NULL);
        if (!strcmp(order, "roll-back"))
                return registry_roll_back(registry, &by_ann, version, ALIASES_NONE, NULL);
        return registry_pin(registry, &by_ann, !strcmp(order, "pin"), NULL);
}

int main(int argc, char **argv) {
        struct store_options options = { .uri = argc == 3 ? argv[1] : "", .cache_folder = argc == 3 ? argv[2] : "" };
        struct fault fault = FAULT_NULL;
        struct registry registry;
        struct store *store;
        char line[128];

        log_open("registry_tool", LOG_LEVEL_INFO);
        if (store_open(&options, &store, &fault) || registry_init(&registry, store, "toy"))
                return 2;
        while (fgets(line, sizeof(line), stdin)) {
                char order[32] = "";
                int64_t version = 0;

                sscanf(line, "%31s %" SCNd64, order, &version);
                printf("%d\n", obey(&registry, order, version));
                fflush(stdout);
        }
        store_close(store);
        return 0;
}
