#pragma once

/*
 * A store over another one that counts the requests, and asks a hook before and after each: so that a test can make a
 * registry that is away, that hangs, or that does what it is told and loses the answer. For a store far away each call
 * counted here is one request; files that are fetched are not counted.
 */

#include <stdatomic.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/store/store.h"

struct hooked_store {
        struct store super;
        struct store *inner; /* borrowed */
        atomic_int n_requests;

        /* Each may be NULL. A result other than 0 is the call's, which is not made (before), or was made (after). */
        int (*before)(struct hooked_store *store, const char *name, bool writes);
        int (*after)(struct hooked_store *store, const char *name, bool writes);
        void *context;
};

static inline struct hooked_store *hooked_store_of(struct store *super) {
        return (struct hooked_store *)(void *)super;
}

static inline int hooked_store_begin(struct store *super, const char *name, bool writes) {
        struct hooked_store *store = hooked_store_of(super);

        atomic_fetch_add(&store->n_requests, 1);
        return store->before ? store->before(store, name, writes) : 0;
}

static inline int hooked_store_end(struct store *super, const char *name, bool writes, int r) {
        struct hooked_store *store = hooked_store_of(super);

        return !r && store->after ? store->after(store, name, writes) : r;
}

static inline int hooked_store_get(struct store *super, const char *name, struct buffer *ret_content,
                                   char ret_etag[STORE_ETAG_BYTES]) {
        int r = hooked_store_begin(super, name, false);

        if (!r)
                r = store_get(hooked_store_of(super)->inner, name, ret_content, ret_etag);
        return hooked_store_end(super, name, false, r);
}

static inline int hooked_store_put(struct store *super, const char *name, enum store_condition condition,
                                   const char *etag, const void *bytes, size_t n_bytes) {
        struct store *inner = hooked_store_of(super)->inner;
        int r = hooked_store_begin(super, name, true);

        if (!r)
                r = inner->kind->put(inner, name, condition, etag, bytes, n_bytes);
        return hooked_store_end(super, name, true, r);
}

static inline int hooked_store_put_many(struct store *super, const struct store_item *items, size_t n_items) {
        return store_put_many(hooked_store_of(super)->inner, items, n_items);
}

static inline int hooked_store_remove(struct store *super, const char *name) {
        return store_remove(hooked_store_of(super)->inner, name);
}

static inline int hooked_store_remove_older(struct store *super, const char *name, int64_t modified_ms) {
        return store_remove_older(hooked_store_of(super)->inner, name, modified_ms);
}

static inline int hooked_store_fetch(struct store *super, const char *name, const char *digest,
                                     char ret_path[STORE_PATH_BYTES]) {
        struct hooked_store *store = hooked_store_of(super);
        int r = store->before ? store->before(store, name, false) : 0;

        return r ? r : store_fetch(store->inner, name, digest, ret_path);
}

static inline int hooked_store_list(struct store *super, const char *folder, const char *after, size_t n_max,
                                    struct store_page *ret_page) {
        int r = hooked_store_begin(super, folder, false);

        return r ? r : store_list(hooked_store_of(super)->inner, folder, after, n_max, ret_page);
}

static inline void hooked_store_close(struct store *super _unused_) {
}

static const struct store_kind hooked_store_kind = {
        .get = hooked_store_get,
        .put = hooked_store_put,
        .put_many = hooked_store_put_many,
        .remove = hooked_store_remove,
        .remove_older = hooked_store_remove_older,
        .fetch = hooked_store_fetch,
        .list = hooked_store_list,
        .close = hooked_store_close,
};

#define HOOKED_STORE_OVER(store) \
        { .super = { &hooked_store_kind }, .inner = (store) }
