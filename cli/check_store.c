/* Check store: an object of doctor's own, and the champion's files. */

#include "cli/check_store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/check_s3.h"
#include "cli/place.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/version/version.h"

bool check_store_is_far(const char *uri) {
        return !strncmp(uri, "s3://", strlen("s3://"));
}

/* Writes, reads and removes an object of its own. */
static int probe(struct store *store) {
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        static const char text[] = "convoy doctor was here";
        char name[64];
        int r;

        snprintf(name, sizeof(name), "doctor-%d", (int)getpid());
        r = store_put(store, name, text, sizeof(text));
        if (!r)
                r = store_get(store, name, &content, NULL);
        if (!r)
                r = store_remove(store, name);
        return r > 0 ? error_origin(-EIO, "finding in the store what was just put there") : r;
}

void check_store(struct findings *findings, const char *home, const struct pipeline *pipeline, int limit_ms) {
        _cleanup_(store_close_pointer) struct store *store = NULL;
        struct fault fault = FAULT_NULL;
        int r;

        if (check_store_is_far(pipeline->store_uri)) {
                if (check_s3(findings, "store", pipeline->store_uri, limit_ms))
                        findings_note(findings, "store", WELL,
                                      "%s can be listed, written, read and cleared, and refuses what it must",
                                      pipeline->store_uri);
                return;
        }
        /* what is not there yet is made by the first start, where it can be */
        r = store_check(pipeline->store_uri, &fault);
        if (!r && !file_exists(home))
                return;
        if (!r)
                r = place_open_store(home, pipeline, pipeline->store_uri, &store, &fault);
        if (!r)
                r = probe(store);
        if (r)
                findings_note_result(findings, "store", r, &fault);
        else
                findings_note(findings, "store", WELL, "%s can be written and read", pipeline->store_uri);
}

/* The champion's number, ALIASES_NONE without one, and whether its files are sound. */
static int check_champion(const char *home, const struct pipeline *pipeline, int64_t until_ms, int64_t *ret_champion,
                          struct fault *fault) {
        _cleanup_(store_close_pointer) struct store *store = NULL;
        _cleanup_(version_finish) struct version version = VERSION_NULL;
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        struct registry registry;
        int r;

        if (!aliases)
                return error_origin(-ENOMEM, "reading the registry");
        r = place_open_store(home, pipeline, pipeline->registry_uri, &store, fault);
        if (r)
                return r;
        store_set_deadline(store, until_ms);
        r = registry_init(&registry, store, pipeline->parameters.name);
        if (!r)
                r = registry_read_aliases(&registry, aliases);
        if (r > 0 && !*fault->code)
                r = fault_set(fault, "REGISTRY_UNREADABLE", "the aliases of %s cannot be read; the log says why",
                              pipeline->parameters.name);
        if (r)
                return r;
        *ret_champion = aliases_find(aliases, ALIASES_CHAMPION);
        return *ret_champion == ALIASES_NONE ? 0 : version_load(&registry, *ret_champion, &version, fault);
}

void check_registry(struct findings *findings, const char *home, const struct pipeline *pipeline, int limit_ms) {
        bool is_far = check_store_is_far(pipeline->registry_uri);
        int64_t champion = ALIASES_NONE, until_ms = clock_monotonic_ms() + limit_ms;
        struct fault fault = FAULT_NULL;
        int r;

        if (is_far && !check_s3(findings, "registry", pipeline->registry_uri, limit_ms))
                return;
        r = store_check(pipeline->registry_uri, &fault);
        if (!r && !is_far && !file_exists(home))
                return;
        if (!r)
                r = check_champion(home, pipeline, is_far ? until_ms : 0, &champion, &fault);
        if (r == -ETIMEDOUT && champion != ALIASES_NONE)
                findings_note(findings, "registry", DOUBTFUL,
                              "version %" PRId64
                              " of %s is the champion; its files did not come in time to be looked at",
                              champion, pipeline->parameters.name);
        else if (r)
                findings_note_result(findings, "registry", r, &fault);
        else if (champion == ALIASES_NONE)
                findings_note(findings, "registry", WELL, "%s%sno version yet; `convoy train` makes one",
                              is_far ? pipeline->registry_uri : "", is_far ? ": " : "");
        else
                findings_note(findings, "registry", WELL, "%s%sversion %" PRId64 " of %s is the champion and sound",
                              is_far ? pipeline->registry_uri : "", is_far ? ": " : "", champion,
                              pipeline->parameters.name);
}
