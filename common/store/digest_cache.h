#pragma once

/*
 * Digests of files
 *
 * Remembers the SHA-256 of files that this process has read, so that a blob used by several parts of a run is hashed
 * once. A file is the same as long as device, inode, size, and the times of its last change and modification are; a
 * file that was changed so lately that another change might bear the same time is not remembered. Thread-safe.
 */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "common/base/digest.h"

/* files remembered; the oldest is replaced */
#define DIGEST_CACHE_MAX 128

struct digest_cache_entry {
        struct stat status;
        char digest[DIGEST_SHA256_BYTES];
};

struct digest_cache {
        pthread_mutex_t mutex;
        struct digest_cache_entry entries[DIGEST_CACHE_MAX];
        size_t n_entries;
        size_t next; /* where the next one goes */
};

void digest_cache_init(struct digest_cache *cache);
void digest_cache_finish(struct digest_cache *cache);

/* The SHA-256 of the file at path, from memory where it can be. 0, -ENOENT (silently), or another negative errno. */
int digest_cache_sha256_file(struct digest_cache *cache, const char *path, char ret_digest[DIGEST_SHA256_BYTES]);
