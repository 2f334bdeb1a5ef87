/* S3 object, read as it comes: into a file or only through its digest, on from where a connection broke. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/store/s3/s3_object.h"

struct download {
        const char *key;
        int fd; /* -1: the digest is all that is wanted */
        struct digest *digest;
        uint64_t n_received;
        char etag[STORE_ETAG_BYTES]; /* of what has come so far */
        char range[48];
        struct aws_pair headers[2]; /* of the next try */
        struct s3_request request;
        int failure;
};

static int on_data(void *context, const void *bytes, size_t n_bytes) {
        struct download *download = context;

        download->failure = digest_update(download->digest, bytes, n_bytes);
        if (!download->failure && download->fd >= 0)
                download->failure = file_write_all(download->fd, bytes, n_bytes);
        download->n_received += n_bytes;
        return download->failure;
}

/* The next try goes on where the last one ended, as long as it is the same object. */
static int on_try(void *context, const struct s3_answer *answer) {
        struct download *download = context;

        if (!download->n_received)
                return 0;
        if (!*download->etag)
                http_response_header(&answer->http, "etag", download->etag, sizeof(download->etag));
        if (!*download->etag)
                return 1; /* from the start, then */
        snprintf(download->range, sizeof(download->range), "bytes=%" PRIu64 "-", download->n_received);
        download->headers[0] = (struct aws_pair){ "range", download->range };
        download->headers[1] = (struct aws_pair){ "if-match", download->etag };
        download->request.n_headers = 2;
        return 0;
}

/* 0; STORE_E_MISSING; STORE_E_CORRUPT: what came is something else, or changed on the way. */
static int receive(struct s3_client *client, const char *key, const char *want, int fd) {
        _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
        struct download download = { .key = key, .fd = fd };
        char present[DIGEST_SHA256_BYTES];
        int r;

        download.request = (struct s3_request){
                .method = "GET",
                .key = key,
                .headers = download.headers,
                .accept = S3_ACCEPT_MISSING | S3_ACCEPT_CHANGED | S3_ACCEPT_BEYOND,
                .on_data = on_data,
                .on_try = on_try,
                .n_received = &download.n_received,
                .context = &download,
        };
        if (fd >= 0 && (ftruncate(fd, 0) || lseek(fd, 0, SEEK_SET)))
                return error_origin(-errno, "emptying a file");
        r = digest_create(&download.digest);
        if (!r)
                r = s3_call(client, &download.request, &answer);
        if (r == S3_E_STOPPED)
                r = download.failure ? download.failure : STORE_E_CORRUPT;
        else if (!r && answer.http.status == 404)
                r = STORE_E_MISSING;
        else if (!r && answer.http.status == 412)
                r = STORE_E_CORRUPT;
        if (!r)
                r = digest_end(download.digest, present);
        digest_destroy(download.digest);
        if (!r && strcmp(present, want)) {
                log_warn("object=%s digest=%s want=%s bytes=%" PRIu64 " came from S3", key, present, want,
                         download.n_received);
                r = STORE_E_CORRUPT;
        }
        return error_trace(r);
}

int s3_object_fetch(struct s3_client *client, const char *key, const char *digest, int fd) {
        int r;

        r = receive(client, key, digest, fd);
        if (r == STORE_E_CORRUPT)
                r = receive(client, key, digest, fd);
        if (r == STORE_E_CORRUPT)
                log_error("object=%s want=%s the bytes are not the ones that were stored", key, digest);
        return error_trace(r);
}

int s3_object_verify(struct s3_client *client, const char *key, const char *digest) {
        return error_trace(receive(client, key, digest, -1));
}
