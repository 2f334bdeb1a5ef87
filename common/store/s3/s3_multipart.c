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
#include "common/store/s3/s3_crc32c.h"
#include "common/store/xml.h"

enum {
        N_THREADS = 4,
        ID_BYTES = 1024,
        PIECE_BYTES = 256 * 1024,
};

/* What completing the upload wants to know of a part. */
struct part {
        char etag[STORE_ETAG_BYTES];
        char checksum[S3_CRC32C_BYTES];
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
        static const struct aws_pair header = { "x-amz-checksum-algorithm", "CRC32C" };
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

/* Bytes of a file or in memory, one piece after the other. */
static int sum_up(const struct s3_body *body, uint64_t offset, uint64_t n_bytes, struct digest *digest,
                  char ret_checksum[S3_CRC32C_BYTES]) {
        _cleanup_(free_pointer) uint8_t *room = body->from ? malloc(PIECE_BYTES) : NULL;
        uint64_t end = offset + n_bytes;
        uint32_t checksum = 0;
        int r = 0;

        if (body->from && !room)
                return error_origin(-ENOMEM, "sending a part");
        while (!r && offset < end) {
                size_t n_wanted = end - offset < PIECE_BYTES ? (size_t)(end - offset) : PIECE_BYTES;
                const uint8_t *piece = body->from ? room : (const uint8_t *)body->bytes + offset;
                ssize_t n = (ssize_t)n_wanted;

                if (body->from)
                        n = pread(body->from->fd, room, n_wanted, (off_t)(body->from->offset + offset));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return error_origin(n ? -errno : -EIO, "reading a file that is to be sent");
                checksum = s3_crc32c(checksum, piece, (size_t)n);
                if (digest)
                        r = digest_update(digest, piece, (size_t)n);
                offset += (uint64_t)n;
        }
        s3_crc32c_format(checksum, ret_checksum);
        return error_trace(r);
}

/* What vouches for a part: its checksum, which the signature covers. That stands up to chance, but not to malice, so
 * where somebody could change what is sent the signature covers a digest of it too. */
static int vouch(const struct upload *upload, uint64_t offset, uint64_t n_bytes, char ret_digest[DIGEST_SHA256_BYTES],
                 char ret_checksum[S3_CRC32C_BYTES]) {
        _cleanup_(digest_destroy_pointer) struct digest *digest = NULL;
        int r = 0;

        snprintf(ret_digest, DIGEST_SHA256_BYTES, "%s", AWS_PAYLOAD_UNSIGNED);
        if (!s3_address_is_private(s3_client_address(upload->client)))
                r = digest_create(&digest);
        if (!r)
                r = sum_up(upload->body, offset, n_bytes, digest, ret_checksum);
        if (!r && digest)
                r = digest_end(digest, ret_digest);
        return error_trace(r);
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
                                      .digest = digest,
                                      .checksum = part->checksum };
        int r;

        snprintf(number, sizeof(number), "%zu", unit + 1);
        if (body->from) {
                range = (struct http_range){ body->from->fd, body->from->offset + offset };
                request.from = &range;
        } else {
                request.body = (const uint8_t *)body->bytes + offset;
        }
        r = vouch(upload, offset, n_bytes, digest, part->checksum);
        if (!r)
                r = s3_call(upload->client, &request, &answer);
        if (r)
                return error_trace(r);
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
                                text, "</ETag><ChecksumCRC32C>%s</ChecksumCRC32C><PartNumber>%zu</PartNumber></Part>",
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
