#pragma once

/*
 * Where the tests of the store work: in the folder that they name, or, when CONVOY_TEST_STORE holds the URI of a store
 * far away (s3://bucket/prefix), below that, at a place of the folder's own; local copies lie in the folder then.
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/store/store.h"

/* Whether there are no files to look at; tests that do look skip then. */
static inline bool store_is_far(void) {
        const char *base = getenv("CONVOY_TEST_STORE");

        return base && *base;
}

/* The options that open the store of a folder; they last until the next call. NULL: those of the call before. */
static inline const struct store_options *store_place(const char *folder) {
        static char uri[2048], cache[4096];
        static struct store_options options;
        size_t n;

        if (!folder)
                return &options;
        options = (struct store_options){ .uri = uri };
        if (!store_is_far()) {
                snprintf(uri, sizeof(uri), "file://%s", folder);
                return &options;
        }
        n = (size_t)snprintf(uri, sizeof(uri), "%s/", getenv("CONVOY_TEST_STORE"));
        for (const char *at = folder + strspn(folder, "/."); *at; at++)
                uri[n++] = *at == '/' ? '-' : *at;
        uri[n] = 0;
        snprintf(cache, sizeof(cache), "%s/.cache", folder);
        options.cache_folder = cache;
        return &options;
}

/* The store for a child that was forked: one of its own when it is far away, since connections cannot be shared. */
static inline struct store *store_place_anew(struct store *store) {
        struct fault fault = FAULT_NULL;

        if (store_is_far() && store_open(store_place(NULL), &store, &fault))
                abort();
        return store;
}
