#pragma once

/*
 * Store
 *
 * Where artifacts, run manifests and models live. One interface over several kinds, chosen by a URI:
 *
 *   file://PATH          a folder, made when the first thing is written; a relative PATH stands on the current
 *                        directory
 *   s3://BUCKET/PREFIX   objects of S3 or of a server that speaks its language (s3/s3_address.h, aws/aws_credentials.h)
 *
 * An object is a run of bytes under a name. It is written whole or not at all and is durable once the call has returned
 * 0. A blob is an object named after its own SHA-256 (`blobs/sha256/ab/abcd…`): written once, never changed, verified
 * by whoever reads it.
 *
 * Names are segments of `[A-Za-z0-9._-]`, none of them starting with a dot, joined by single slashes; anything else is
 * -EINVAL. The calls can be made by several threads and processes at once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "common/base/fault.h"
#include "common/base/file.h"

/* a name, its end included */
#define STORE_NAME_BYTES 512
/* one segment of a name */
#define STORE_SEGMENT_MAX 200
/* what names one state of an object, its end included */
#define STORE_ETAG_BYTES 128
/* the name of a local file that holds an object, its end included */
#define STORE_PATH_BYTES 4096
/* the largest object that store_get() takes into memory; larger ones are for store_fetch() */
#define STORE_GET_BYTES_MAX ((size_t)64 << 20)
/* names in one page of a listing, at most */
#define STORE_PAGE_NAMES_MAX 1000
/* what the copies of a store far away may take, unless the options say otherwise */
#define STORE_CACHE_FOLDER "cache"
#define STORE_CACHE_BYTES (INT64_C(8) << 30)

enum {
        _STORE_E_SUCCESS,
        STORE_E_MISSING,  /* no object of that name */
        STORE_E_CONFLICT, /* it exists already, or is not in the state that the caller expected; nothing changed */
        STORE_E_CORRUPT,  /* its bytes are not those of the digest; named in the log */
};

/* A blob that is published again is as if written anew when its last writing lies further back than this, so that
 * whoever removes what is old and unused does not take it from under the publisher; his own patience is longer. */
#define STORE_RENEWAL_MS (INT64_C(3600) * 1000)

struct store;
struct store_writer;

/* How a store is opened; all is copied. */
struct store_options {
        const char *uri;
        const char *cache_folder; /* for local copies of what lies far away; NULL or "": below the current directory */
        int64_t cache_bytes_max;  /* a soft limit for them; 0: STORE_CACHE_BYTES */
};

/* Whether the URI can be a store's, without opening it: 0 or FAULT_E_INPUT with STORE_URI. What is wrong with one of S3
 * shows when it is opened. */
int store_check(const char *uri, struct fault *fault);

/* 0, FAULT_E_INPUT (STORE_URI: the fault says what is wrong with it), or a negative errno. Nothing is written. */
int store_open(const struct store_options *options, struct store **ret_store, struct fault *fault);
struct store *store_close(struct store *store);
void store_close_pointer(struct store **store);

/* From then on (clock_monotonic_ms()) a call that would have to wait for a store far away ends with -ETIMEDOUT; 0:
 * none, which is how a store begins. For a thread that has others waiting: one store, one thread then. Another thread
 * may bring it forward meanwhile, so as to end a call that hangs: it ends within about a second. STORE_DEADLINE_ENDED
 * is for good, so that whoever is about to set one of its own does not begin to wait again. */
#define STORE_DEADLINE_ENDED 1
void store_set_deadline(struct store *store, int64_t monotonic_ms);

bool store_name_is_valid(const char *name);

/* The name of a blob. digest is valid (asserted). */
void store_blob_name(const char *digest, char ret_name[STORE_NAME_BYTES]);

/*
 * Named objects. The etag names the present state of an object; equal bytes may have equal etags, so what must not be
 * taken for an earlier state of itself carries a sequence number. ret_etag may be NULL.
 */

/* 0, STORE_E_MISSING, or a negative errno (-EFBIG beyond STORE_GET_BYTES_MAX). ret_content is empty before (asserted)
 * and the caller's to finish. */
int store_get(struct store *store, const char *name, struct buffer *ret_content, char ret_etag[STORE_ETAG_BYTES]);

/* Creates or replaces. */
int store_put(struct store *store, const char *name, const void *bytes, size_t n_bytes);

/* One of several objects; all borrowed for the call. */
struct store_item {
        const char *name;
        const void *bytes;
        size_t n_bytes;
};

/* Creates or replaces several, in hardly more time than one. Each is whole or absent; after a failure some may have
 * been written and others not. Names are different from each other. */
int store_put_many(struct store *store, const struct store_item *items, size_t n_items);

/* Creates unless there is one: STORE_E_CONFLICT. Of many who try, one wins. */
int store_create(struct store *store, const char *name, const void *bytes, size_t n_bytes);

/* Replaces if the object is still in the state named by etag, else STORE_E_CONFLICT or STORE_E_MISSING. */
int store_swap(struct store *store, const char *name, const char *etag, const void *bytes, size_t n_bytes);

/* 0, or STORE_E_MISSING. */
int store_remove(struct store *store, const char *name);

/* Removes an object unless it was written, or a blob published again, at modified_ms (Unix time) or later: then
 * STORE_E_CONFLICT. In a folder nobody can publish it in between; far away there is the moment between asking and
 * removing. */
int store_remove_older(struct store *store, const char *name, int64_t modified_ms);

/*
 * What a condition of the store, or of the registry, means to whoever needs `what`, such as "the train rows": 0 and
 * negative errnos pass, conditions become FAULT_E_INPUT (ARTIFACT_MISSING, ARTIFACT_CONFLICT, ARTIFACT_CORRUPT) with
 * `what` in the sentence. store_fault_as() puts the same sentence under a code of the caller's.
 */
int store_fault(int result, const char *what, struct fault *fault);
int store_fault_as(int result, const char *code, const char *what, struct fault *fault);

/* For objects whose content was valid when it was written, and cannot be read now: logs the fault under the object's
 * name and returns STORE_E_CORRUPT. */
int store_refuse(const char *name, const struct fault *fault);

/*
 * Hands out the object as a local file (of the store, or a copy for stores far away) once its SHA-256 has been seen to
 * be digest. A file that this process has verified and that has not changed since is not read again. The path is to be
 * used at once: that of a store's own file is good for as long as the object is there, that of a copy for
 * BLOB_CACHE_GRACE_MS (blob_cache.h), then it may be gone. What was opened, mapped or linked by then stays. 0,
 * STORE_E_MISSING, STORE_E_CORRUPT, or a negative errno.
 */
int store_fetch(struct store *store, const char *name, const char *digest, char ret_path[STORE_PATH_BYTES]);

/* What lies directly in a folder. */
struct store_entry {
        char *name;          /* without the folder's own; that of a folder ends in a slash */
        int64_t n_bytes;     /* 0 for a folder */
        int64_t modified_ms; /* Unix time of the last writing, at least to the second; 0 for a folder */
};

struct store_page {
        struct store_entry *entries; /* by name, in byte order */
        size_t n_entries;            /* at most STORE_PAGE_NAMES_MAX */
        bool is_last;                /* nothing follows; else ask again with after = the last name here */
};

#define STORE_PAGE_NULL \
        { 0 }

/*
 * Lists what lies in a folder after the name `after` (NULL: from the start), at most n_max names. folder has no slash
 * at its end; "" is the whole store. A folder that does not exist is an empty one, and a folder that is listed may turn
 * out to be empty.
 */
int store_list(struct store *store, const char *folder, const char *after, size_t n_max, struct store_page *ret_page);
void store_page_finish(struct store_page *page);

/* Calls each() with every entry of a folder, in byte order, a page at a time; what each() removes is not missed. Ends
 * at the first answer that is not 0, and returns that. */
typedef int store_on_entry(void *context, const struct store_entry *entry);
int store_walk(struct store *store, const char *folder, store_on_entry *each, void *context);

/* For a kind that makes a page: the name is copied. 0 or -ENOMEM. */
int store_page_append(struct store_page *page, const struct store_entry *entry);

/* Sorts what was appended and cuts it to n_max; is_last: there is nothing that was not appended. */
void store_page_conclude(struct store_page *page, size_t n_max, bool is_last);

/*
 * Blobs
 */

/* Writes the bytes under their digest. A blob that is there and sound is left alone, but for its age
 * (STORE_RENEWAL_MS). ret_digest may be NULL. */
int store_put_blob(struct store *store, const void *bytes, size_t n_bytes, char ret_digest[DIGEST_SHA256_BYTES]);

/* As store_fetch(). A text that is no digest is -EINVAL. */
int store_fetch_blob(struct store *store, const char *digest, char ret_path[STORE_PATH_BYTES]);

/* Makes a blob as young as one that is published again: for who finds what an earlier run made and is to name it anew.
 * 0, STORE_E_MISSING, STORE_E_CORRUPT, or a negative errno. */
int store_renew_blob(struct store *store, const char *digest);

/* store_fetch_blob(), mapped; the caller unmaps. */
int store_map_blob(struct store *store, const char *digest, struct file_map *ret_map);

/*
 * A blob that is written bit by bit: open, write to the descriptor, publish. Until it is published no name leads to it,
 * and what a dead process left behind is removed when the store is opened next.
 */
int store_writer_create(struct store *store, struct store_writer **ret_writer);

/* The descriptor of an empty file, open for reading and writing; borrowed until the writer is destroyed. */
int store_writer_fd(const struct store_writer *writer);

/* Makes what was written a blob. digest is the SHA-256 of it all, when the caller computed it while writing, and is not
 * checked again; with NULL the file is read once more. Only destroy may follow. ret_digest may be NULL. */
int store_writer_publish(struct store_writer *writer, const char *digest, char ret_digest[DIGEST_SHA256_BYTES]);
struct store_writer *store_writer_destroy(struct store_writer *writer);
void store_writer_destroy_pointer(struct store_writer **writer);

/*
 * A kind of store. `super` stands first in each kind's own struct. Names have been checked when these are called.
 */
enum store_condition {
        STORE_ALWAYS,
        STORE_IF_ABSENT,
        STORE_IF_MATCH,
};

struct store_kind {
        int (*get)(struct store *store, const char *name, struct buffer *ret_content, char ret_etag[STORE_ETAG_BYTES]);
        int (*put)(struct store *store, const char *name, enum store_condition condition, const char *etag,
                   const void *bytes, size_t n_bytes);
        int (*put_many)(struct store *store, const struct store_item *items, size_t n_items);
        int (*remove)(struct store *store, const char *name);
        int (*remove_older)(struct store *store, const char *name, int64_t modified_ms);
        int (*renew)(struct store *store, const char *name); /* of a blob; NULL: ask, then publish again */
        int (*fetch)(struct store *store, const char *name, const char *digest, char ret_path[STORE_PATH_BYTES]);
        int (*list)(struct store *store, const char *folder, const char *after, size_t n_max,
                    struct store_page *ret_page);
        int (*writer_create)(struct store *store, struct store_writer **ret_writer);
        int (*writer_publish)(struct store_writer *writer, const char *digest);
        void (*writer_destroy)(struct store_writer *writer);
        void (*set_deadline)(struct store *store, int64_t monotonic_ms); /* NULL: it never waits for others */
        void (*close)(struct store *store);
};

struct store {
        const struct store_kind *kind;
};

struct store_writer {
        struct store *store; /* borrowed: the store is closed after its writers */
        int fd;
};
