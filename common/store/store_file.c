/* Store in a folder: objects are files, written beside and moved into place. */

#include "common/store/store_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/sync_set.h"
#include "common/store/digest_cache.h"
#include "common/store/store_file_page.h"
#include "common/store/temporary_file.h"

#define TEMPORARY_FOLDER ".temporary"
#define LOCK_FILE ".lock"

/* objects that are written and synced together */
#define BATCH_MAX SYNC_SET_MAX

static_assert(STORE_PATH_BYTES == PATH_MAX, "an object's path is one that open(2) takes");

struct store_file {
        struct store super;
        char *root; /* without a slash at its end */
        char temporary_folder[STORE_PATH_BYTES];
        struct digest_cache digests;
};

struct store_file_writer {
        struct store_writer super;
        struct temporary_file temporary;
};

/* The lengths of root and name are bounded so that this always fits. */
static void path_of(const struct store_file *store, const char *name, char ret_path[STORE_PATH_BYTES]) {
        int n = snprintf(ret_path, STORE_PATH_BYTES, "%s/%s", store->root, name);

        assert(n > 0 && n < STORE_PATH_BYTES);
}

/* The folder that the file needs; what is new above it is to be synced. */
static int make_folder_above(const char *path, struct sync_set *sync) {
        char above[STORE_PATH_BYTES];

        snprintf(above, sizeof(above), "%.*s", (int)(strrchr(path, '/') - path), path);
        return error_trace(sync_set_make_folders(sync, above));
}

static int store_file_get(struct store *super, const char *name, struct buffer *ret_content,
                          char ret_etag[STORE_ETAG_BYTES]) {
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        struct store_file *store = (struct store_file *)super;
        char path[STORE_PATH_BYTES];
        int r;

        path_of(store, name, path);
        r = file_read(path, STORE_GET_BYTES_MAX, &content);
        if (r == -ENOENT)
                return STORE_E_MISSING;
        if (!r && ret_etag)
                r = digest_sha256(content.data, content.n_bytes, ret_etag);
        if (r)
                return error_trace(r);
        *ret_content = content;
        content = (struct buffer)BUFFER_NULL;
        return 0;
}

static int take_lock(const struct store_file *store, int *ret_fd) {
        char path[STORE_PATH_BYTES];
        int fd;

        path_of(store, LOCK_FILE, path);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_origin(-errno, "opening %s", path);
        while (flock(fd, LOCK_EX)) {
                if (errno == EINTR)
                        continue;
                close(fd);
                return error_origin(-errno, "locking %s", path);
        }
        *ret_fd = fd;
        return 0;
}

/* The object's state against the caller's expectation; the lock is held. */
static int compare(struct store *super, const char *name, const char *etag) {
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        char present[STORE_ETAG_BYTES];
        int r;

        r = store_file_get(super, name, &content, present);
        if (r)
                return error_trace(r);
        return strcmp(present, etag) ? STORE_E_CONFLICT : 0;
}

/* Gives the synced temporary its name, if the condition holds. */
static int move_into_place(struct store *super, const char *name, const char *path, enum store_condition condition,
                           const char *etag, struct temporary_file *temporary) {
        struct store_file *store = (struct store_file *)super;
        _cleanup_(close_descriptor) int lock = -1;
        int r;

        if (condition == STORE_IF_ABSENT) {
                if (!link(temporary->path, path))
                        return 0;
                return errno == EEXIST ? STORE_E_CONFLICT
                                       : error_origin(-errno, "linking %s to %s", temporary->path, path);
        }
        r = take_lock(store, &lock);
        if (!r && condition == STORE_IF_MATCH)
                r = compare(super, name, etag);
        if (r)
                return error_trace(r);
        if (rename(temporary->path, path))
                return error_origin(-errno, "renaming %s to %s", temporary->path, path);
        return 0;
}

static int store_file_put(struct store *super, const char *name, enum store_condition condition, const char *etag,
                          const void *bytes, size_t n_bytes) {
        struct store_file *store = (struct store_file *)super;
        _cleanup_(temporary_file_finish) struct temporary_file temporary = TEMPORARY_FILE_NULL;
        _cleanup_(sync_set_finish) struct sync_set sync = SYNC_SET_NULL;
        char path[STORE_PATH_BYTES];
        int r;

        path_of(store, name, path);
        if (condition == STORE_IF_ABSENT && file_exists(path)) {
                /* whoever made it may have died before it was durable, and the caller will build on it */
                r = file_sync_folder(path);
                return r ? error_trace(r) : STORE_E_CONFLICT;
        }
        r = make_folder_above(path, &sync);
        if (!r)
                r = temporary_file_open(store->temporary_folder, &temporary);
        if (!r)
                r = file_write_all(temporary.fd, bytes, n_bytes);
        if (!r && fsync(temporary.fd))
                r = error_origin(-errno, "syncing %s", temporary.path);
        if (!r)
                r = move_into_place(super, name, path, condition, etag, &temporary);
        if (!r)
                r = sync_set_add_folder_of(&sync, path);
        return r ? error_trace(r) : error_trace(sync_set_flush(&sync));
}

/* Writes what the items hold to temporaries and syncs them. */
static int write_batch(struct store_file *store, const struct store_item *items, size_t n_items,
                       struct temporary_file *temporaries) {
        struct sync_set sync = SYNC_SET_NULL;
        int r = 0;

        for (size_t i = 0; i < n_items && !r; i++) {
                r = temporary_file_open(store->temporary_folder, &temporaries[i]);
                if (!r)
                        r = file_write_all(temporaries[i].fd, items[i].bytes, items[i].n_bytes);
                if (!r)
                        sync_set_add(&sync, temporaries[i].fd);
        }
        return r ? error_trace(r) : error_trace(sync_set_flush(&sync));
}

/* Gives the synced temporaries their names and syncs the folders. */
static int place_batch(struct store *super, const struct store_item *items, size_t n_items,
                       struct temporary_file *temporaries) {
        _cleanup_(sync_set_finish) struct sync_set sync = SYNC_SET_NULL;
        char path[STORE_PATH_BYTES], folder[STORE_PATH_BYTES] = "";
        int r;

        for (size_t i = 0; i < n_items; i++) {
                size_t n_folder;

                path_of((struct store_file *)super, items[i].name, path);
                n_folder = (size_t)(strrchr(path, '/') - path);
                if (strncmp(path, folder, n_folder) || folder[n_folder]) {
                        /* neighbours share a folder, which is synced once all of them are there */
                        r = *folder ? sync_set_flush(&sync) : 0;
                        if (!r)
                                r = make_folder_above(path, &sync);
                        if (!r)
                                r = sync_set_add_folder_of(&sync, path);
                        if (r)
                                return error_trace(r);
                        snprintf(folder, sizeof(folder), "%.*s", (int)n_folder, path);
                }
                r = move_into_place(super, items[i].name, path, STORE_ALWAYS, NULL, &temporaries[i]);
                if (r)
                        return error_trace(r);
        }
        return error_trace(sync_set_flush(&sync));
}

static int store_file_put_many(struct store *super, const struct store_item *items, size_t n_items) {
        while (n_items) {
                struct temporary_file temporaries[BATCH_MAX];
                size_t n = n_items < BATCH_MAX ? n_items : BATCH_MAX;
                int r;

                for (size_t i = 0; i < BATCH_MAX; i++)
                        temporaries[i] = (struct temporary_file)TEMPORARY_FILE_NULL;
                r = write_batch((struct store_file *)super, items, n, temporaries);
                if (!r)
                        r = place_batch(super, items, n, temporaries);
                for (size_t i = 0; i < n; i++)
                        temporary_file_finish(&temporaries[i]);
                if (r)
                        return error_trace(r);
                items += n;
                n_items -= n;
        }
        return 0;
}

static int store_file_remove_older(struct store *super, const char *name, int64_t modified_ms) {
        struct store_file *store = (struct store_file *)super;
        _cleanup_(close_descriptor) int lock = -1;
        char path[STORE_PATH_BYTES];
        struct stat status;
        int r;

        path_of(store, name, path);
        if (!file_exists(path))
                return STORE_E_MISSING;
        r = take_lock(store, &lock);
        if (r)
                return error_trace(r);
        if (stat(path, &status))
                return errno == ENOENT ? STORE_E_MISSING : error_origin(-errno, "asking about %s", path);
        if (file_modified_ms(&status) >= modified_ms)
                return STORE_E_CONFLICT;
        if (unlink(path))
                return error_origin(-errno, "removing %s", path);
        return error_trace(file_sync_folder(path));
}

static int store_file_remove(struct store *super, const char *name) {
        return error_trace(store_file_remove_older(super, name, INT64_MAX));
}

static int store_file_fetch(struct store *super, const char *name, const char *digest,
                            char ret_path[STORE_PATH_BYTES]) {
        struct store_file *store = (struct store_file *)super;
        char path[STORE_PATH_BYTES], present[DIGEST_SHA256_BYTES];
        int r;

        path_of(store, name, path);
        r = digest_cache_sha256_file(&store->digests, path, present);
        if (r == -ENOENT)
                return STORE_E_MISSING;
        if (r)
                return error_trace(r);
        if (strcmp(present, digest)) {
                log_error("object=%s digest=%s want=%s the bytes are not the ones that were stored", name, present,
                          digest);
                return STORE_E_CORRUPT;
        }
        memcpy(ret_path, path, STORE_PATH_BYTES);
        return 0;
}

/* Makes an old file young again; under the lock, so that nobody who found it old removes it then. -ENOENT (silently)
 * when it is gone. */
static int renew(const struct store_file *store, const char *path) {
        _cleanup_(close_descriptor) int lock = -1;
        struct stat status;
        int r;

        if (stat(path, &status))
                return errno == ENOENT ? -ENOENT : error_origin(-errno, "asking about %s", path);
        if (clock_realtime_ms() - file_modified_ms(&status) <= STORE_RENEWAL_MS)
                return 0;
        r = take_lock(store, &lock);
        if (r)
                return error_trace(r);
        if (!utimensat(AT_FDCWD, path, NULL, 0))
                return 0;
        return errno == ENOENT ? -ENOENT : error_origin(-errno, "renewing the age of %s", path);
}

static int store_file_renew(struct store *super, const char *name) {
        struct store_file *store = (struct store_file *)super;
        char path[STORE_PATH_BYTES];
        int r;

        path_of(store, name, path);
        r = renew(store, path);
        return r == -ENOENT ? STORE_E_MISSING : error_trace(r);
}

static int store_file_list(struct store *super, const char *folder, const char *after, size_t n_max,
                           struct store_page *ret_page) {
        char path[STORE_PATH_BYTES];

        path_of((struct store_file *)super, folder, path);
        return error_trace(store_file_page_read(path, after, n_max, ret_page));
}

static int store_file_writer_create(struct store *super, struct store_writer **ret_writer) {
        _cleanup_(free_pointer) struct store_file_writer *writer = calloc(1, sizeof(*writer));
        int r;

        if (!writer)
                return error_origin(-ENOMEM, "creating a writer");
        r = temporary_file_open(((struct store_file *)super)->temporary_folder, &writer->temporary);
        if (r)
                return error_trace(r);
        writer->super = (struct store_writer){ super, writer->temporary.fd };
        *ret_writer = &steal(writer)->super;
        return 0;
}

static int store_file_writer_publish(struct store_writer *super, const char *digest) {
        struct store_file_writer *writer = (struct store_file_writer *)super;
        struct store_file *store = (struct store_file *)super->store;
        char name[STORE_NAME_BYTES], path[STORE_PATH_BYTES], present[DIGEST_SHA256_BYTES];
        _cleanup_(sync_set_finish) struct sync_set sync = SYNC_SET_NULL;
        int r;

        store_blob_name(digest, name);
        path_of(store, name, path);
        r = digest_cache_sha256_file(&store->digests, path, present);
        if (!r && !strcmp(present, digest)) {
                r = renew(store, path);
                if (r != -ENOENT)
                        return r ? error_trace(r) : error_trace(file_sync_folder(path));
        } else if (!r) {
                log_warn("object=%s digest=%s is corrupt, replacing it", name, present);
        }
        if (r < 0 && r != -ENOENT)
                return error_trace(r);
        r = make_folder_above(path, &sync);
        if (r)
                return error_trace(r);
        if (fchmod(super->fd, 0400) || fsync(super->fd))
                return error_origin(-errno, "syncing %s", writer->temporary.path);
        r = move_into_place(super->store, name, path, STORE_ALWAYS, NULL, &writer->temporary);
        if (!r)
                r = sync_set_add_folder_of(&sync, path);
        return r ? error_trace(r) : error_trace(sync_set_flush(&sync));
}

static void store_file_writer_destroy(struct store_writer *super) {
        struct store_file_writer *writer = (struct store_file_writer *)super;

        temporary_file_finish(&writer->temporary);
        free(writer);
}

static void store_file_close(struct store *super) {
        struct store_file *store = (struct store_file *)super;

        digest_cache_finish(&store->digests);
        free(store->root);
        free(store);
}

static const struct store_kind kind_file = {
        .get = store_file_get,
        .put = store_file_put,
        .put_many = store_file_put_many,
        .remove = store_file_remove,
        .remove_older = store_file_remove_older,
        .renew = store_file_renew,
        .fetch = store_file_fetch,
        .list = store_file_list,
        .writer_create = store_file_writer_create,
        .writer_publish = store_file_writer_publish,
        .writer_destroy = store_file_writer_destroy,
        .close = store_file_close,
};

int store_file_open(const char *root, struct store **ret_store) {
        size_t n_bytes = strlen(root);
        struct store_file *store;

        while (n_bytes > 1 && root[n_bytes - 1] == '/')
                n_bytes--;
        store = calloc(1, sizeof(*store));
        if (!store)
                return error_origin(-ENOMEM, "opening a store");
        store->super.kind = &kind_file;
        digest_cache_init(&store->digests);
        store->root = strndup(root, n_bytes);
        if (!store->root) {
                store_file_close(&store->super);
                return error_origin(-ENOMEM, "opening a store");
        }
        path_of(store, TEMPORARY_FOLDER, store->temporary_folder);
        temporary_file_sweep(store->temporary_folder);
        *ret_store = &store->super;
        return 0;
}
