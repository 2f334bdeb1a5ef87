/* Store: what all kinds have in common, names above all. */

#include "common/store/store.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/array.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/store/store_file.h"
#include "common/store/store_s3.h"

#define FILE_SCHEME "file://"
#define S3_SCHEME "s3://"

/* Never to be mended by trying again. */
static bool stands_on_file(const char *path) {
        struct stat status;

        return stat(path, &status) ? errno == ENOTDIR : !S_ISDIR(status.st_mode);
}

int store_check(const char *uri, struct fault *fault) {
        const char *path = uri + strlen(FILE_SCHEME);

        if (!strncmp(uri, S3_SCHEME, strlen(S3_SCHEME)))
                return 0;
        if (strncmp(uri, FILE_SCHEME, strlen(FILE_SCHEME)))
                return fault_set(fault, "STORE_URI", "'%s' is no store; write file://PATH or s3://BUCKET/PREFIX", uri);
        if (!*path)
                return fault_set(fault, "STORE_URI", "'%s' has no path; write file://PATH", uri);
        if (strlen(path) + STORE_NAME_BYTES + 64 > STORE_PATH_BYTES)
                return fault_set(fault, "STORE_URI", "the path in '%.64s…' is too long", uri);
        if (stands_on_file(path))
                return fault_set(
                        fault, "STORE_URI",
                        "'%s' cannot be a store: a file stands there or above it, where a folder is wanted; move "
                        "it away, or write another path",
                        uri);
        return 0;
}

int store_open(const struct store_options *options, struct store **ret_store, struct fault *fault) {
        int r;

        r = store_check(options->uri, fault);
        if (r)
                return r;
        if (!strncmp(options->uri, S3_SCHEME, strlen(S3_SCHEME)))
                return error_trace(store_s3_open(options, ret_store, fault));
        return error_trace(store_file_open(options->uri + strlen(FILE_SCHEME), ret_store));
}

struct store *store_close(struct store *store) {
        if (store)
                store->kind->close(store);
        return NULL;
}

void store_close_pointer(struct store **store) {
        store_close(*store);
}

void store_set_deadline(struct store *store, int64_t monotonic_ms) {
        if (store->kind->set_deadline)
                store->kind->set_deadline(store, monotonic_ms);
}

bool store_name_is_valid(const char *name) {
        const char *at = name;

        if (strlen(name) >= STORE_NAME_BYTES)
                return false;
        for (;;) {
                size_t n = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-");

                if (!n || n > STORE_SEGMENT_MAX || *at == '.')
                        return false;
                at += n;
                if (!*at)
                        return true;
                if (*at++ != '/')
                        return false;
        }
}

static int check_name(const char *name) {
        return store_name_is_valid(name) ? 0 : error_origin(-EINVAL, "'%s' cannot name an object of a store", name);
}

void store_blob_name(const char *digest, char ret_name[STORE_NAME_BYTES]) {
        assert(digest_sha256_is_valid(digest));
        snprintf(ret_name, STORE_NAME_BYTES, "blobs/sha256/%.2s/%s", digest, digest);
}

int store_get(struct store *store, const char *name, struct buffer *ret_content, char ret_etag[STORE_ETAG_BYTES]) {
        int r = check_name(name);

        assert(!ret_content->data);
        return r ? r : error_trace(store->kind->get(store, name, ret_content, ret_etag));
}

int store_put(struct store *store, const char *name, const void *bytes, size_t n_bytes) {
        int r = check_name(name);

        return r ? r : error_trace(store->kind->put(store, name, STORE_ALWAYS, NULL, bytes, n_bytes));
}

int store_put_many(struct store *store, const struct store_item *items, size_t n_items) {
        for (size_t i = 0; i < n_items; i++) {
                int r = check_name(items[i].name);

                if (r)
                        return r;
        }
        return error_trace(store->kind->put_many(store, items, n_items));
}

int store_create(struct store *store, const char *name, const void *bytes, size_t n_bytes) {
        int r = check_name(name);

        return r ? r : error_trace(store->kind->put(store, name, STORE_IF_ABSENT, NULL, bytes, n_bytes));
}

int store_swap(struct store *store, const char *name, const char *etag, const void *bytes, size_t n_bytes) {
        int r = check_name(name);

        return r ? r : error_trace(store->kind->put(store, name, STORE_IF_MATCH, etag, bytes, n_bytes));
}

int store_remove(struct store *store, const char *name) {
        int r = check_name(name);

        return r ? r : error_trace(store->kind->remove(store, name));
}

int store_remove_older(struct store *store, const char *name, int64_t modified_ms) {
        int r = check_name(name);

        return r ? r : error_trace(store->kind->remove_older(store, name, modified_ms));
}

int store_refuse(const char *name, const struct fault *fault) {
        char text[FAULT_TEXT_BYTES];

        log_error("object=%s %s", name, fault_format(fault, text, sizeof(text)));
        return STORE_E_CORRUPT;
}

int store_fault_as(int result, const char *code, const char *what, struct fault *fault) {
        switch (result) {
        case STORE_E_MISSING:
                return fault_set(fault, code, "the store does not hold %s", what);
        case STORE_E_CONFLICT:
                return fault_set(fault, code, "the store holds something else as %s already", what);
        case STORE_E_CORRUPT:
                return fault_set(fault, code, "what the store holds as %s is not what was put there", what);
        default:
                assert(result <= 0);
                return error_trace(result);
        }
}

int store_fault(int result, const char *what, struct fault *fault) {
        static const char *const CODES[] = {
                [STORE_E_MISSING] = "ARTIFACT_MISSING",
                [STORE_E_CONFLICT] = "ARTIFACT_CONFLICT",
                [STORE_E_CORRUPT] = "ARTIFACT_CORRUPT",
        };
        bool is_condition = result > 0 && (size_t)result < N_ELEMENTS(CODES);

        return store_fault_as(result, is_condition ? CODES[result] : "", what, fault);
}

int store_fetch(struct store *store, const char *name, const char *digest, char ret_path[STORE_PATH_BYTES]) {
        int r = check_name(name);

        if (r)
                return r;
        if (!digest_sha256_is_valid(digest))
                return error_origin(-EINVAL, "'%s' is no SHA-256", digest);
        return error_trace(store->kind->fetch(store, name, digest, ret_path));
}

int store_list(struct store *store, const char *folder, const char *after, size_t n_max, struct store_page *ret_page) {
        int r = *folder ? check_name(folder) : 0;

        assert(n_max > 0);
        if (n_max > STORE_PAGE_NAMES_MAX)
                n_max = STORE_PAGE_NAMES_MAX;
        return r ? r : error_trace(store->kind->list(store, folder, after, n_max, ret_page));
}

int store_page_append(struct store_page *page, const struct store_entry *entry) {
        struct store_entry *grown = array_grow(page->entries, page->n_entries, sizeof(*grown));
        char *name;

        if (!grown)
                return error_origin(-ENOMEM, "listing a folder");
        page->entries = grown;
        name = strdup(entry->name);
        if (!name)
                return error_origin(-ENOMEM, "listing a folder");
        page->entries[page->n_entries] = *entry;
        page->entries[page->n_entries++].name = name;
        return 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(((const struct store_entry *)a)->name, ((const struct store_entry *)b)->name);
}

void store_page_conclude(struct store_page *page, size_t n_max, bool is_last) {
        if (page->n_entries)
                qsort(page->entries, page->n_entries, sizeof(*page->entries), compare_names);
        page->is_last = is_last && page->n_entries <= n_max;
        while (page->n_entries > n_max)
                free(page->entries[--page->n_entries].name);
}

void store_page_finish(struct store_page *page) {
        if (!page)
                return;
        for (size_t i = 0; i < page->n_entries; i++)
                free(page->entries[i].name);
        free(page->entries);
        *page = (struct store_page)STORE_PAGE_NULL;
}

int store_walk(struct store *store, const char *folder, store_on_entry *each, void *context) {
        char after[STORE_NAME_BYTES] = "";
        bool is_last = false;
        int r = 0;

        while (!r && !is_last) {
                _cleanup_(store_page_finish) struct store_page page = STORE_PAGE_NULL;

                r = store_list(store, folder, *after ? after : NULL, STORE_PAGE_NAMES_MAX, &page);
                for (size_t i = 0; i < page.n_entries && !r; i++)
                        r = each(context, &page.entries[i]);
                is_last = page.is_last || !page.n_entries;
                if (!is_last)
                        snprintf(after, sizeof(after), "%s", page.entries[page.n_entries - 1].name);
        }
        return error_trace(r);
}

int store_put_blob(struct store *store, const void *bytes, size_t n_bytes, char ret_digest[DIGEST_SHA256_BYTES]) {
        _cleanup_(store_writer_destroy_pointer) struct store_writer *writer = NULL;
        char digest[DIGEST_SHA256_BYTES];
        int r;

        r = digest_sha256(bytes, n_bytes, digest);
        if (!r)
                r = store_writer_create(store, &writer);
        if (!r)
                r = file_write_all(writer->fd, bytes, n_bytes);
        if (!r)
                r = store_writer_publish(writer, digest, ret_digest);
        return error_trace(r);
}

int store_fetch_blob(struct store *store, const char *digest, char ret_path[STORE_PATH_BYTES]) {
        char name[STORE_NAME_BYTES];

        if (!digest_sha256_is_valid(digest))
                return error_origin(-EINVAL, "'%s' is no SHA-256", digest);
        store_blob_name(digest, name);
        return error_trace(store_fetch(store, name, digest, ret_path));
}

int store_map_blob(struct store *store, const char *digest, struct file_map *ret_map) {
        char path[STORE_PATH_BYTES];
        int r;

        r = store_fetch_blob(store, digest, path);
        if (r)
                return error_trace(r);
        r = file_map(path, ret_map);
        return r == -ENOENT ? STORE_E_MISSING : error_trace(r);
}

/* names in a page when one is looked for */
enum { FIND_NAMES = 16 };

/* The one entry of its folder that bears the name. */
static int find_entry(struct store *store, const char *name, struct store_entry *ret_entry) {
        _cleanup_(store_page_finish) struct store_page page = STORE_PAGE_NULL;
        const char *slash = strrchr(name, '/'), *last = slash ? slash + 1 : name;
        char folder[STORE_NAME_BYTES] = "", before[STORE_NAME_BYTES];
        size_t n = strlen(last);
        int r;

        if (slash)
                snprintf(folder, sizeof(folder), "%.*s", (int)(slash - name), name);
        /* the greatest name below it that is no shorter, so that the page begins with it or has it soon */
        memcpy(before, last, n + 1);
        before[n - 1]--;
        for (bool is_last = false; !is_last;) {
                r = store_list(store, folder, before, FIND_NAMES, &page);
                if (r)
                        return error_trace(r);
                for (size_t i = 0; i < page.n_entries; i++)
                        if (!strcmp(page.entries[i].name, last)) {
                                *ret_entry = page.entries[i];
                                ret_entry->name = NULL;
                                return 0;
                        }
                is_last = page.is_last || !page.n_entries || strcmp(page.entries[page.n_entries - 1].name, last) > 0;
                if (!is_last)
                        snprintf(before, sizeof(before), "%s", page.entries[page.n_entries - 1].name);
                store_page_finish(&page);
        }
        return STORE_E_MISSING;
}

int store_renew_blob(struct store *store, const char *digest) {
        _cleanup_(file_unmap) struct file_map map = FILE_MAP_NULL;
        char name[STORE_NAME_BYTES];
        struct store_entry entry;
        int r;

        if (!digest_sha256_is_valid(digest))
                return error_origin(-EINVAL, "'%s' is no SHA-256", digest);
        store_blob_name(digest, name);
        if (store->kind->renew)
                return error_trace(store->kind->renew(store, name));
        r = find_entry(store, name, &entry);
        if (r || clock_realtime_ms() - entry.modified_ms <= STORE_RENEWAL_MS)
                return error_trace(r);
        r = store_map_blob(store, digest, &map);
        return r ? error_trace(r) : error_trace(store_put_blob(store, map.data, map.n_bytes, NULL));
}

int store_writer_create(struct store *store, struct store_writer **ret_writer) {
        return error_trace(store->kind->writer_create(store, ret_writer));
}

int store_writer_fd(const struct store_writer *writer) {
        return writer->fd;
}

/* SHA-256 of all that was written, read back. */
static int digest_of_written(int fd, char ret_digest[DIGEST_SHA256_BYTES]) {
        _cleanup_(digest_destroy_pointer) struct digest *digest = NULL;
        uint8_t chunk[64 * 1024];
        off_t at = 0;
        ssize_t n;
        int r;

        r = digest_create(&digest);
        if (r)
                return error_trace(r);
        for (;;) {
                n = pread(fd, chunk, sizeof(chunk), at);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return error_origin(-errno, "reading what was written back");
                if (!n)
                        return error_trace(digest_end(digest, ret_digest));
                r = digest_update(digest, chunk, (size_t)n);
                if (r)
                        return error_trace(r);
                at += n;
        }
}

int store_writer_publish(struct store_writer *writer, const char *digest, char ret_digest[DIGEST_SHA256_BYTES]) {
        char computed[DIGEST_SHA256_BYTES];
        int r;

        if (!digest) {
                r = digest_of_written(writer->fd, computed);
                if (r)
                        return error_trace(r);
                digest = computed;
        }
        if (!digest_sha256_is_valid(digest))
                return error_origin(-EINVAL, "'%s' is no SHA-256", digest);
        r = writer->store->kind->writer_publish(writer, digest);
        if (!r && ret_digest && ret_digest != digest)
                memcpy(ret_digest, digest, DIGEST_SHA256_BYTES);
        return error_trace(r);
}

struct store_writer *store_writer_destroy(struct store_writer *writer) {
        if (writer)
                writer->store->kind->writer_destroy(writer);
        return NULL;
}

void store_writer_destroy_pointer(struct store_writer **writer) {
        store_writer_destroy(*writer);
}
