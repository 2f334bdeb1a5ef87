/* S3 multipart: create, parts by several threads, complete or abort. */

#include "common/store/s3/s3_multipart.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/parallel.h"
#include "common/store/s3/s3_checksum.h"
#include "common/store/xml.h"

enum {
        N_THREADS = 4,
        ID_BYTES = 1024,
        HASH_BYTES = 256 * 1024,
};

/* What completing the upload wants to know of a part. */
struct part {
        char etag[STORE_ETAG_BYTES];
        char checksum[S3_CHECKSUM_BYTES];
};

struct upload {
        struct s3_client *client;
        const char *key;
        const struct s3_body *body;
        char id[ID_BYTES];
        uint64_t n_part_bytes;
        struct part *parts;
        size_t n_parts;
};

static int on_created(void *context, const char *path, const char *text) {
        struct upload *upload = context;

        if (!strcmp(path, "InitiateMultipartUploadResult/UploadId") && strlen(text) < sizeof(upload->id))
                snprintf(upload->id, sizeof(upload->id), "%s", text);
        return 0;
}

static int create(struct upload *upload) {
        _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
        static const struct aws_pair query = { "uploads", NULL };
        static const struct aws_pair header = { "x-amz-checksum-algorithm", "SHA256" };
        const struct s3_request request = { .method = "POST",
                                            .key = upload->key,
                                            .query = &query,
                                            .n_query = 1,
                                            .headers = &header,
                                            .n_headers = 1,
                                            .accept = S3_ACCEPT_DOCUMENT };
        struct fault fault = FAULT_NULL;
        int r;

        r = s3_call(upload->client, &request, &answer);
        if (!r)
                r = xml_read(answer.http.body.data, answer.http.body.n_bytes, on_created, upload, &fault);
        if (r)
                return error_trace(r);
        return *upload->id ? 0 : error_origin(-EREMOTEIO, "S3: POST %s: the answer names no upload", upload->key);
}

static int hash_range(const struct http_range *range, uint64_t n_bytes, char ret_digest[DIGEST_SHA256_BYTES]) {
        _cleanup_(digest_destroy_pointer) struct digest *digest = NULL;
        _cleanup_(free_pointer) uint8_t *chunk = malloc(HASH_BYTES);
        uint64_t at = 0;
        int r;

        if (!chunk)
                return error_origin(-ENOMEM, "sending a part");
        r = digest_create(&digest);
        while (!r && at < n_bytes) {
                size_t n_wanted = n_bytes - at < HASH_BYTES ? (size_t)(n_bytes - at) : HASH_BYTES;
                ssize_t n = pread(range->fd, chunk, n_wanted, (off_t)(range->offset + at));

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return error_origin(n ? -errno : -EIO, "reading a file that is to be sent");
                r = digest_update(digest, chunk, (size_t)n);
                at += (uint64_t)n;
        }
        return r ? error_trace(r) : error_trace(digest_end(digest, ret_digest));
}

static int send_part(void *context, size_t unit, int worker _unused_) {
        _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
        const struct upload *upload = context;
        const struct s3_body *body = upload->body;
        uint64_t offset = unit * upload->n_part_bytes, n_left = body->n_bytes - offset;
        uint64_t n_bytes = n_left < upload->n_part_bytes ? n_left : upload->n_part_bytes;
        struct part *part = &upload->parts[unit];
        char number[24], digest[DIGEST_SHA256_BYTES];
        const struct aws_pair query[] = { { "partNumber", number }, { "uploadId", upload->id } };
        struct http_range range = { .fd = -1 };
        struct s3_request request = { .method = "PUT",
                                      .key = upload->key,
                                      .query = query,
                                      .n_query = N_ELEMENTS(query),
                                      .n_bytes = n_bytes,
                                      .digest = digest };
        int r;

        snprintf(number, sizeof(number), "%zu", unit + 1);
        if (body->from) {
                range = (struct http_range){ body->from->fd, body->from->offset + offset };
                request.from = &range;
                r = hash_range(&range, n_bytes, digest);
        } else {
                request.body = (const uint8_t *)body->bytes + offset;
                r = digest_sha256(request.body, n_bytes, digest);
        }
        if (!r)
                r = s3_call(upload->client, &request, &answer);
        if (r)
                return error_trace(r);
        s3_checksum_format(digest, part->checksum);
        http_response_header(&answer.http, "etag", part->etag, sizeof(part->etag));
        return *part->etag ? 0 : error_origin(-EREMOTEIO, "S3: PUT %s: a part's answer has no ETag", upload->key);
}

static int format_parts(const struct upload *upload, struct buffer *text) {
        int r;

        r = buffer_append_text(text, "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">");
        for (size_t i = 0; i < upload->n_parts && !r; i++) {
                r = buffer_append_text(text, "<Part><ETag>");
                if (!r)
                        r = xml_escape(upload->parts[i].etag, text);
                if (!r)
                        r = buffer_printf(
                                text, "</ETag><ChecksumSHA256>%s</ChecksumSHA256><PartNumber>%zu</PartNumber></Part>",
                                upload->parts[i].checksum, i + 1);
        }
        return r ? error_trace(r) : error_trace(buffer_append_text(text, "</CompleteMultipartUpload>"));
}

/* Makes the parts the object. An earlier try that worked has left no upload: 404. */
static int complete(struct upload *upload, enum store_condition condition, const char *etag) {
        _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        const struct aws_pair query = { "uploadId", upload->id };
        const struct aws_pair header = { condition == STORE_IF_ABSENT ? "if-none-match" : "if-match",
                                         condition == STORE_IF_ABSENT ? "*" : etag };
        char digest[DIGEST_SHA256_BYTES];
        struct s3_request request = { .method = "POST",
                                      .key = upload->key,
                                      .query = &query,
                                      .n_query = 1,
                                      .headers = &header,
                                      .n_headers = condition == STORE_ALWAYS ? 0 : 1,
                                      .digest = digest,
                                      .accept = S3_ACCEPT_DOCUMENT | S3_ACCEPT_MISSING | S3_ACCEPT_CHANGED };
        int r;

        r = format_parts(upload, &text);
        if (!r)
                r = digest_sha256(text.data, text.n_bytes, digest);
        request.body = text.data;
        request.n_bytes = text.n_bytes;
        if (!r)
                r = s3_call(upload->client, &request, &answer);
        if (r)
                return error_trace(r);
        if (answer.http.status < 300)
                return 0;
        if (answer.is_uncertain)
                return S3_E_MULTIPART_UNCERTAIN;
        if (answer.http.status != 404)
                return STORE_E_CONFLICT;
        if (condition == STORE_IF_MATCH && strcmp(answer.error.code, "NoSuchUpload"))
                return STORE_E_MISSING;
        /* aborted by somebody's clearing up: the whole is to be done again */
        return error_origin(-EREMOTEIO, "S3: POST %s: the upload is gone", upload->key);
}

/* Best effort, and quick: what remains is for the bucket's lifecycle rule. */
static void give_up(struct upload *upload) {
        _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
        const struct aws_pair query = { "uploadId", upload->id };
        const struct s3_request request = { .method = "DELETE",
                                            .key = upload->key,
                                            .query = &query,
                                            .n_query = 1,
                                            .accept = S3_ACCEPT_MISSING,
                                            .n_tries_max = 2 };

        if (s3_call(upload->client, &request, &answer))
                log_warn("S3: %s: an unfinished upload remains, for the bucket's lifecycle rule to remove",
                         upload->key);
}

int s3_multipart_put(struct s3_client *client, const char *key, enum store_condition condition, const char *etag,
                     const struct s3_body *body) {
        struct upload upload = { .client = client, .key = key, .body = body, .n_part_bytes = S3_PART_BYTES_MIN };
        _cleanup_(free_pointer) struct part *parts = NULL;
        int r;

        while (body->n_bytes / upload.n_part_bytes >= S3_PARTS_MAX)
                upload.n_part_bytes *= 2;
        upload.n_parts = (size_t)((body->n_bytes + upload.n_part_bytes - 1) / upload.n_part_bytes);
        upload.parts = parts = calloc(upload.n_parts, sizeof(*parts));
        if (!parts)
                return error_origin(-ENOMEM, "sending %s in parts", key);
        r = create(&upload);
        if (r)
                return error_trace(r);
        r = parallel_for_on(N_THREADS, upload.n_parts, send_part, &upload);
        if (!r)
                r = complete(&upload, condition, etag);
        if (r)
                give_up(&upload);
        return error_trace(r);
}
