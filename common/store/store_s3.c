/* Store in S3: names to keys, blobs through the cache. */

#include "common/store/store_s3.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/parallel.h"
#include "common/store/blob_cache.h"
#include "common/store/s3/s3_list.h"
#include "common/store/s3/s3_object.h"
#include "common/store/temporary_file.h"

enum {
        /* objects of one call that are on their way at once */
        N_THREADS = 8,
};

/* Shorter blobs are sent without asking first whether they are there. */
#define BLIND_BYTES_MAX ((uint64_t)256 << 10)

static_assert(S3_PREFIX_BYTES + STORE_NAME_BYTES <= S3_KEY_BYTES, "every name of the store is a key");

struct store_s3 {
        struct store super;
        struct s3_client *client;
        struct blob_cache cache;
        bool has_cache;
};

struct store_s3_writer {
        struct store_writer super;
        struct temporary_file temporary;
};

static void key_of(const struct store_s3 *store, const char *name, char ret_key[S3_KEY_BYTES]) {
        snprintf(ret_key, S3_KEY_BYTES, "%s%s", s3_client_address(store->client)->prefix, name);
}

static int store_s3_get(struct store *super, const char *name, struct buffer *ret_content,
                        char ret_etag[STORE_ETAG_BYTES]) {
        struct store_s3 *store = (struct store_s3 *)super;
        char key[S3_KEY_BYTES];

        key_of(store, name, key);
        return error_trace(s3_object_get(store->client, key, ret_content, ret_etag));
}

static int store_s3_put(struct store *super, const char *name, enum store_condition condition, const char *etag,
                        const void *bytes, size_t n_bytes) {
        struct store_s3 *store = (struct store_s3 *)super;
        char key[S3_KEY_BYTES], digest[DIGEST_SHA256_BYTES];
        struct s3_body body = { .bytes = bytes, .n_bytes = n_bytes, .digest = digest };
        int r;

        key_of(store, name, key);
        r = digest_sha256(bytes, n_bytes, digest);
        return r ? error_trace(r) : error_trace(s3_object_put(store->client, key, condition, etag, &body));
}

struct items {
        struct store *store;
        const struct store_item *items;
};

static int put_item(void *context, size_t unit, int worker _unused_) {
        const struct items *items = context;
        const struct store_item *item = &items->items[unit];

        return error_trace(store_s3_put(items->store, item->name, STORE_ALWAYS, NULL, item->bytes, item->n_bytes));
}

static int store_s3_put_many(struct store *super, const struct store_item *items, size_t n_items) {
        struct items all = { super, items };

        return error_trace(parallel_for_on(N_THREADS, n_items, put_item, &all));
}

static int store_s3_remove_older(struct store *super, const char *name, int64_t modified_ms) {
        struct store_s3 *store = (struct store_s3 *)super;
        char key[S3_KEY_BYTES];
        struct s3_head head;
        int r;

        /* S3 answers the removal of nothing like that of something */
        key_of(store, name, key);
        r = s3_object_head(store->client, key, &head);
        if (r)
                return error_trace(r);
        /* what S3 does not date may be new */
        if (head.modified_ms >= modified_ms || (!head.modified_ms && modified_ms < INT64_MAX))
                return STORE_E_CONFLICT;
        return error_trace(s3_object_remove(store->client, key));
}

static int store_s3_remove(struct store *super, const char *name) {
        return error_trace(store_s3_remove_older(super, name, INT64_MAX));
}

static int store_s3_fetch(struct store *super, const char *name, const char *digest, char ret_path[STORE_PATH_BYTES]) {
        _cleanup_(temporary_file_finish) struct temporary_file temporary = TEMPORARY_FILE_NULL;
        struct store_s3 *store = (struct store_s3 *)super;
        char key[S3_KEY_BYTES];
        int r;

        r = blob_cache_find(&store->cache, digest, ret_path);
        if (r != BLOB_CACHE_E_MISSING)
                return error_trace(r);
        key_of(store, name, key);
        r = blob_cache_open(&store->cache, &temporary);
        if (!r)
                r = s3_object_fetch(store->client, key, digest, temporary.fd);
        return r ? error_trace(r) : error_trace(blob_cache_keep(&store->cache, &temporary, digest, ret_path));
}

static int store_s3_list(struct store *super, const char *folder, const char *after, size_t n_max,
                         struct store_page *ret_page) {
        struct store_s3 *store = (struct store_s3 *)super;
        char above[S3_KEY_BYTES + 1];

        key_of(store, folder, above);
        if (*folder)
                strcat(above, "/");
        return error_trace(s3_list(store->client, above, after, n_max, ret_page));
}

static int store_s3_writer_create(struct store *super, struct store_writer **ret_writer) {
        _cleanup_(free_pointer) struct store_s3_writer *writer = calloc(1, sizeof(*writer));
        int r;

        if (!writer)
                return error_origin(-ENOMEM, "creating a writer");
        r = blob_cache_open(&((struct store_s3 *)super)->cache, &writer->temporary);
        if (r)
                return error_trace(r);
        writer->super = (struct store_writer){ super, writer->temporary.fd };
        *ret_writer = &steal(writer)->super;
        return 0;
}

/* What S3 has of a blob that is to be published. */
enum presence {
        ABSENT,
        STALE,   /* it is there, but is to be sent again: not sound as far as S3 tells, or not young */
        SETTLED, /* it is there, and may stay as it is */
};

static int look(struct store_s3 *store, const char *key, const struct s3_body *body, enum presence *ret_presence) {
        struct s3_head head;
        int r;

        r = s3_object_head(store->client, key, &head);
        if (r && r != STORE_E_MISSING)
                return error_trace(r);
        if (r) {
                *ret_presence = ABSENT;
        } else if (head.n_bytes != body->n_bytes || (*head.digest && strcmp(head.digest, body->digest))) {
                log_warn("object=%s digest=%s is corrupt, replacing it", key, head.digest);
                *ret_presence = STALE;
        } else {
                *ret_presence = head.age_ms <= STORE_RENEWAL_MS ? SETTLED : STALE;
        }
        return 0;
}

/* Sends a blob unless it is there. */
static int publish(struct store_s3 *store, const char *key, const struct s3_body *body) {
        enum presence presence = ABSENT;
        int r = 0;

        if (body->n_bytes > BLIND_BYTES_MAX)
                r = look(store, key, body, &presence);
        if (!r && presence == ABSENT) {
                r = s3_object_put(store->client, key, STORE_IF_ABSENT, NULL, body);
                if (r != STORE_E_CONFLICT)
                        return error_trace(r);
                r = look(store, key, body, &presence);
        }
        if (r || presence == SETTLED)
                return error_trace(r);
        return error_trace(s3_object_put(store->client, key, STORE_ALWAYS, NULL, body));
}

static int store_s3_writer_publish(struct store_writer *super, const char *digest) {
        struct store_s3_writer *writer = (struct store_s3_writer *)super;
        struct store_s3 *store = (struct store_s3 *)super->store;
        struct http_range range = { .fd = super->fd };
        struct s3_body body = { .from = &range, .digest = digest };
        char name[STORE_NAME_BYTES], key[S3_KEY_BYTES], path[STORE_PATH_BYTES];
        struct stat status;
        int r;

        if (fstat(super->fd, &status))
                return error_origin(-errno, "asking about %s", writer->temporary.path);
        body.n_bytes = (uint64_t)status.st_size;
        store_blob_name(digest, name);
        key_of(store, name, key);
        r = publish(store, key, &body);
        if (r)
                return error_trace(r);
        if (blob_cache_keep(&store->cache, &writer->temporary, digest, path))
                log_warn("digest=%s the blob is in S3, but its local copy cannot be kept, ignoring", digest);
        return 0;
}

static void store_s3_writer_destroy(struct store_writer *super) {
        struct store_s3_writer *writer = (struct store_s3_writer *)super;

        temporary_file_finish(&writer->temporary);
        free(writer);
}

static void store_s3_set_deadline(struct store *super, int64_t monotonic_ms) {
        s3_client_set_deadline(((struct store_s3 *)super)->client, monotonic_ms);
}

static void store_s3_close(struct store *super) {
        struct store_s3 *store = (struct store_s3 *)super;

        if (store->has_cache)
                blob_cache_finish(&store->cache);
        s3_client_destroy(store->client);
        free(store);
}

static const struct store_kind kind_s3 = {
        .get = store_s3_get,
        .put = store_s3_put,
        .put_many = store_s3_put_many,
        .remove = store_s3_remove,
        .remove_older = store_s3_remove_older,
        .fetch = store_s3_fetch,
        .list = store_s3_list,
        .writer_create = store_s3_writer_create,
        .writer_publish = store_s3_writer_publish,
        .writer_destroy = store_s3_writer_destroy,
        .set_deadline = store_s3_set_deadline,
        .close = store_s3_close,
};

int store_s3_open(const struct store_options *options, struct store **ret_store, struct fault *fault) {
        const char *folder = options->cache_folder;
        struct store_s3 *store = calloc(1, sizeof(*store));
        int r;

        if (!store)
                return error_origin(-ENOMEM, "opening a store");
        store->super.kind = &kind_s3;
        r = s3_client_create(options->uri, &store->client, fault);
        if (!r) {
                r = blob_cache_init(&store->cache, folder && *folder ? folder : STORE_CACHE_FOLDER,
                                    options->cache_bytes_max > 0 ? options->cache_bytes_max : STORE_CACHE_BYTES);
                store->has_cache = !r;
        }
        if (r) {
                store_s3_close(&store->super);
                return error_trace(r);
        }
        *ret_store = &store->super;
        return 0;
}
