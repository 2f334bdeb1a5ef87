/* Blob cache: copies kept, found, and given up, the longest unused first. */

#include "common/store/blob_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/array.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"

#define BLOBS "blobs"
#define TEMPORARY ".temporary"

/* A use is noted when the last one was noted so long ago: often enough for the grace, seldom enough that a file's times
 * stay still, by which its digest is remembered. */
#define NOTE_MS (BLOB_CACHE_GRACE_MS / 2)

/* The folder is measured again when this part of its limit has been added. */
#define PARTS_OF_LIMIT 32

struct copy {
        char digest[DIGEST_SHA256_BYTES];
        int64_t used_ms;
        int64_t n_bytes;
};

struct copies {
        struct copy *items;
        size_t n_items;
        int64_t n_bytes;
};

static void name_folder(const struct blob_cache *cache, const char *name, char ret_path[PATH_MAX]) {
        /* cannot be cut: blob_cache_init() saw to it */
        if (snprintf(ret_path, PATH_MAX, "%s/%s", cache->folder, name) >= PATH_MAX)
                ret_path[0] = 0;
}

int blob_cache_init(struct blob_cache *cache, const char *folder, int64_t n_bytes_max) {
        char swept[PATH_MAX];
        size_t n = strlen(folder);

        if (n + sizeof("/" BLOBS "/") + DIGEST_SHA256_BYTES > sizeof(cache->folder))
                return error_origin(-ENAMETOOLONG, "the cache's folder");
        *cache = (struct blob_cache){ .n_bytes_max = n_bytes_max, .n_added = -1 };
        memcpy(cache->folder, folder, n + 1);
        digest_cache_init(&cache->digests);
        pthread_mutex_init(&cache->mutex, NULL);
        name_folder(cache, TEMPORARY, swept);
        temporary_file_sweep(swept);
        return 0;
}

void blob_cache_finish(struct blob_cache *cache) {
        digest_cache_finish(&cache->digests);
        pthread_mutex_destroy(&cache->mutex);
}

static void name_copy(const struct blob_cache *cache, const char *digest, char ret_path[PATH_MAX]) {
        char name[sizeof(BLOBS) + 1 + DIGEST_SHA256_BYTES];

        snprintf(name, sizeof(name), BLOBS "/%s", digest);
        name_folder(cache, name, ret_path);
}

/* A copy on a folder that cannot be written is still a copy. */
static void note_use(const char *path) {
        struct stat status;

        if (!stat(path, &status) && llabs(clock_realtime_ms() - file_modified_ms(&status)) > NOTE_MS &&
            utimensat(AT_FDCWD, path, NULL, 0))
                log_debug("file=%s its use cannot be noted: %s, ignoring", path, strerror(errno));
}

int blob_cache_find(struct blob_cache *cache, const char *digest, char ret_path[PATH_MAX]) {
        char path[PATH_MAX], present[DIGEST_SHA256_BYTES];
        int r;

        name_copy(cache, digest, path);
        /* first, so that it is not given up while it is read */
        note_use(path);
        r = digest_cache_sha256_file(&cache->digests, path, present);
        if (r == -ENOENT)
                return BLOB_CACHE_E_MISSING;
        if (r)
                return error_trace(r);
        if (strcmp(present, digest)) {
                log_warn("file=%s digest=%s is not what was kept, fetching it anew", path, present);
                unlink(path);
                return BLOB_CACHE_E_MISSING;
        }
        memcpy(ret_path, path, PATH_MAX);
        return 0;
}

int blob_cache_open(struct blob_cache *cache, struct temporary_file *ret_temporary) {
        char folder[PATH_MAX];

        name_folder(cache, TEMPORARY, folder);
        return error_trace(temporary_file_open(folder, ret_temporary));
}

static int copies_add(struct copies *copies, const char *digest, const struct stat *status) {
        struct copy *copy = array_grow(copies->items, copies->n_items, sizeof(*copy));

        if (!copy)
                return error_origin(-ENOMEM, "measuring a cache");
        copies->items = copy;
        copy = &copies->items[copies->n_items++];
        *copy = (struct copy){ .used_ms = file_modified_ms(status), .n_bytes = status->st_size };
        memcpy(copy->digest, digest, DIGEST_SHA256_BYTES);
        copies->n_bytes += status->st_size;
        return 0;
}

static int measure(DIR *listing, struct copies *copies) {
        struct dirent *entry;
        int r = 0;

        while (!r && (entry = readdir(listing))) {
                struct stat status;

                if (digest_sha256_is_valid(entry->d_name) &&
                    !fstatat(dirfd(listing), entry->d_name, &status, AT_SYMLINK_NOFOLLOW))
                        r = copies_add(copies, entry->d_name, &status);
        }
        return error_trace(r);
}

static int compare_uses(const void *a, const void *b) {
        int64_t left = ((const struct copy *)a)->used_ms, right = ((const struct copy *)b)->used_ms;

        return (left > right) - (left < right);
}

/* A failure costs nothing but room. */
static void trim(struct blob_cache *cache) {
        struct copies copies = { 0 };
        int64_t before_ms = clock_realtime_ms() - BLOB_CACHE_GRACE_MS - NOTE_MS;
        char folder[PATH_MAX];
        DIR *listing;

        name_folder(cache, BLOBS, folder);
        listing = opendir(folder);
        if (listing && !measure(listing, &copies) && copies.items && copies.n_bytes > cache->n_bytes_max) {
                qsort(copies.items, copies.n_items, sizeof(*copies.items), compare_uses);
                for (size_t i = 0; i < copies.n_items && copies.n_bytes > cache->n_bytes_max; i++) {
                        const struct copy *copy = &copies.items[i];

                        if (copy->used_ms >= before_ms || unlinkat(dirfd(listing), copy->digest, 0))
                                continue;
                        copies.n_bytes -= copy->n_bytes;
                        log_debug("digest=%s bytes=%lld its copy was given up for room", copy->digest,
                                  (long long)copy->n_bytes);
                }
        }
        if (listing)
                closedir(listing);
        free(copies.items);
}

/* Measures the folder now and then: at first, and when much has been added. */
static void added(struct blob_cache *cache, int64_t n_bytes) {
        bool is_due;

        pthread_mutex_lock(&cache->mutex);
        is_due = cache->n_added < 0 || cache->n_added + n_bytes > cache->n_bytes_max / PARTS_OF_LIMIT;
        cache->n_added = is_due ? 0 : cache->n_added + n_bytes;
        pthread_mutex_unlock(&cache->mutex);
        if (is_due)
                trim(cache);
}

int blob_cache_keep(struct blob_cache *cache, const struct temporary_file *temporary, const char *digest,
                    char ret_path[PATH_MAX]) {
        char folder[PATH_MAX], path[PATH_MAX];
        struct stat status;
        int r;

        name_folder(cache, BLOBS, folder);
        name_copy(cache, digest, path);
        r = file_make_folders(folder);
        if (r)
                return error_trace(r);
        if (fstat(temporary->fd, &status) || fchmod(temporary->fd, 0400))
                return error_origin(-errno, "closing %s", temporary->path);
        if (rename(temporary->path, path))
                return error_origin(-errno, "renaming %s to %s", temporary->path, path);
        added(cache, status.st_size);
        memcpy(ret_path, path, PATH_MAX);
        return 0;
}
