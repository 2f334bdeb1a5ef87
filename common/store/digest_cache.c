/* Digests of files: a small ring of (what the file was, its digest). */

#include "common/store/digest_cache.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "common/base/error.h"

/* The kernel stamps files with the time of its last tick, which is at most 10 ms old. */
#define TICK_NS INT64_C(20000000)

static int64_t as_ns(const struct timespec *time) {
        return (int64_t)time->tv_sec * 1000000000 + time->tv_nsec;
}

static bool is_same(const struct stat *a, const struct stat *b) {
        return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
               as_ns(&a->st_mtim) == as_ns(&b->st_mtim) && as_ns(&a->st_ctim) == as_ns(&b->st_ctim);
}

static bool is_settled(const struct stat *status) {
        struct timespec now;

        clock_gettime(CLOCK_REALTIME, &now);
        return as_ns(&now) - as_ns(&status->st_ctim) > TICK_NS;
}

void digest_cache_init(struct digest_cache *cache) {
        *cache = (struct digest_cache){ .mutex = PTHREAD_MUTEX_INITIALIZER };
}

void digest_cache_finish(struct digest_cache *cache) {
        if (cache)
                pthread_mutex_destroy(&cache->mutex);
}

static bool look_up(struct digest_cache *cache, const struct stat *status, char ret_digest[DIGEST_SHA256_BYTES]) {
        bool is_found = false;

        pthread_mutex_lock(&cache->mutex);
        for (size_t i = 0; i < cache->n_entries && !is_found; i++) {
                is_found = is_same(&cache->entries[i].status, status);
                if (is_found)
                        memcpy(ret_digest, cache->entries[i].digest, DIGEST_SHA256_BYTES);
        }
        pthread_mutex_unlock(&cache->mutex);
        return is_found;
}

static void remember(struct digest_cache *cache, const struct stat *status, const char *digest) {
        struct digest_cache_entry *entry;

        pthread_mutex_lock(&cache->mutex);
        entry = &cache->entries[cache->next];
        entry->status = *status;
        memcpy(entry->digest, digest, DIGEST_SHA256_BYTES);
        cache->next = (cache->next + 1) % DIGEST_CACHE_MAX;
        if (cache->n_entries < DIGEST_CACHE_MAX)
                cache->n_entries++;
        pthread_mutex_unlock(&cache->mutex);
}

int digest_cache_sha256_file(struct digest_cache *cache, const char *path, char ret_digest[DIGEST_SHA256_BYTES]) {
        struct stat before, after;
        bool is_cacheable;
        int r;

        if (stat(path, &before))
                return errno == ENOENT ? -ENOENT : error_origin(-errno, "asking about %s", path);
        if (look_up(cache, &before, ret_digest))
                return 0;
        is_cacheable = is_settled(&before);
        r = digest_sha256_file(path, ret_digest);
        if (r)
                return error_trace(r);
        if (is_cacheable && !stat(path, &after) && is_same(&before, &after))
                remember(cache, &before, ret_digest);
        return 0;
}
