#pragma once

/*
 * Blob cache
 *
 * Local copies of what lies in a store far away, named after their SHA-256 in one folder, which processes share:
 *
 *   <folder>/blobs/<digest>   a copy, mode 0400; its time of modification is that of its last use, to some minutes
 *   <folder>/.temporary/      what is being written
 *
 * A copy is believed once this process has seen its digest, as files of a store are, so it need not survive a power
 * failure. What the folder takes is held below a limit by removing what was used least lately, but never what was used
 * within BLOB_CACHE_GRACE_MS: a path that was just handed out stays good for that long, and the limit is soft by what
 * was used in half as long again. Who needs a copy for longer opens or maps it meanwhile, or links it.
 */

#include <limits.h>
#include <pthread.h>
#include <stdint.h>

#include "common/store/digest_cache.h"
#include "common/store/temporary_file.h"

#define BLOB_CACHE_GRACE_MS (INT64_C(600) * 1000)

enum {
        _BLOB_CACHE_E_SUCCESS,
        BLOB_CACHE_E_MISSING, /* no copy, or one that was not sound and is gone */
};

struct blob_cache {
        char folder[PATH_MAX];
        int64_t n_bytes_max;
        struct digest_cache digests;
        pthread_mutex_t mutex; /* of n_added */
        int64_t n_added;       /* bytes since the folder was last measured; negative: it never was */
};

/* folder is copied; -ENAMETOOLONG. Nothing is written; what dead processes left in .temporary/ is removed. */
int blob_cache_init(struct blob_cache *cache, const char *folder, int64_t n_bytes_max);
void blob_cache_finish(struct blob_cache *cache);

/* The path of the copy of that digest. 0, BLOB_CACHE_E_MISSING, or a negative errno. */
int blob_cache_find(struct blob_cache *cache, const char *digest, char ret_path[PATH_MAX]);

/* A file to write a copy into. */
int blob_cache_open(struct blob_cache *cache, struct temporary_file *ret_temporary);

/* Makes the file the copy of that digest, which the caller vouches for. The temporary can only be finished then. */
int blob_cache_keep(struct blob_cache *cache, const struct temporary_file *temporary, const char *digest,
                    char ret_path[PATH_MAX]);
