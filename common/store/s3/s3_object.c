/* S3 object: one request each, and what its answer means. */

#include "common/store/s3/s3_object.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/store/aws/aws_time.h"
#include "common/store/s3/s3_checksum.h"
#include "common/store/s3/s3_multipart.h"

/* What a write that ended in 412 or 404 has come to, when an earlier try of it may have been carried out. */
static int look_after(struct s3_client *client, const char *key, const struct s3_body *body, int otherwise) {
        int r;

        log_debug("S3: %s: an answer was lost, comparing what is there", key);
        r = s3_object_verify(client, key, body->digest);
        return r == STORE_E_CORRUPT || r == STORE_E_MISSING ? otherwise : error_trace(r);
}

static int put_whole(struct s3_client *client, const char *key, enum store_condition condition, const char *etag,
                     const struct s3_body *body) {
        _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
        const struct aws_pair header = { condition == STORE_IF_ABSENT ? "if-none-match" : "if-match",
                                         condition == STORE_IF_ABSENT ? "*" : etag };
        struct s3_request request = {
                .method = "PUT",
                .key = key,
                .headers = &header,
                .n_headers = condition == STORE_ALWAYS ? 0 : 1,
                .body = body->from ? NULL : body->bytes,
                .from = body->from,
                .n_bytes = body->n_bytes,
                .digest = body->digest,
                .accept = condition == STORE_ALWAYS     ? 0
                          : condition == STORE_IF_MATCH ? S3_ACCEPT_CHANGED | S3_ACCEPT_MISSING
                                                        : S3_ACCEPT_CHANGED,
        };
        int r, condition_met = 0;

        r = s3_call(client, &request, &answer);
        if (r)
                return error_trace(r);
        if (answer.http.status == 404)
                condition_met = STORE_E_MISSING;
        else if (answer.http.status == 412 || answer.http.status == 409)
                condition_met = STORE_E_CONFLICT;
        if (condition_met && answer.is_uncertain)
                return error_trace(look_after(client, key, body, condition_met));
        return condition_met;
}

int s3_object_put(struct s3_client *client, const char *key, enum store_condition condition, const char *etag,
                  const struct s3_body *body) {
        int r;

        if (body->n_bytes <= S3_WHOLE_BYTES_MAX)
                return error_trace(put_whole(client, key, condition, etag, body));
        r = s3_multipart_put(client, key, condition, etag, body);
        if (r != S3_E_MULTIPART_UNCERTAIN)
                return error_trace(r);
        return error_trace(look_after(client, key, body, STORE_E_CONFLICT));
}

/* -1 when the header says no time. */
static int64_t read_time(const struct http_response *response, const char *name) {
        int64_t time_ms = -1;
        char text[64];

        aws_time_parse_date(http_response_header(response, name, text, sizeof(text)), &time_ms);
        return time_ms;
}

/* What S3 keeps as the SHA-256 of the content; "" when it keeps none, or one of its parts. */
static void read_digest(const struct http_response *response, char ret_digest[DIGEST_SHA256_BYTES]) {
        char checksum[2 * S3_CHECKSUM_BYTES], type[32], etag[STORE_ETAG_BYTES];

        /* moto gives that of the parts without saying so, but its ETag has their number as everybody's */
        http_response_header(response, "etag", etag, sizeof(etag));
        http_response_header(response, "x-amz-checksum-type", type, sizeof(type));
        http_response_header(response, "x-amz-checksum-sha256", checksum, sizeof(checksum));
        if (!strcmp(type, "COMPOSITE") || strchr(etag, '-') || !s3_checksum_parse(checksum, ret_digest))
                ret_digest[0] = 0;
}

int s3_object_head(struct s3_client *client, const char *key, struct s3_head *ret_head) {
        _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
        static const struct aws_pair header = { "x-amz-checksum-mode", "ENABLED" };
        const struct s3_request request = {
                .method = "HEAD", .key = key, .headers = &header, .n_headers = 1, .accept = S3_ACCEPT_MISSING
        };
        int64_t now_ms, modified_ms;
        char text[32];
        int r;

        r = s3_call(client, &request, &answer);
        if (r)
                return error_trace(r);
        if (answer.http.status == 404)
                return STORE_E_MISSING;
        ret_head->n_bytes = strtoull(http_response_header(&answer.http, "content-length", text, sizeof(text)), NULL,
                                     10);
        now_ms = read_time(&answer.http, "date");
        modified_ms = read_time(&answer.http, "last-modified");
        ret_head->modified_ms = modified_ms >= 0 ? modified_ms : 0;
        /* of unknown age is old */
        ret_head->age_ms = now_ms >= 0 && modified_ms >= 0 ? now_ms - modified_ms : INT64_MAX;
        read_digest(&answer.http, ret_head->digest);
        return 0;
}

static int get_once(struct s3_client *client, const char *key, struct s3_answer *answer) {
        static const struct aws_pair header = { "x-amz-checksum-mode", "ENABLED" };
        const struct s3_request request = { .method = "GET",
                                            .key = key,
                                            .headers = &header,
                                            .n_headers = 1,
                                            .accept = S3_ACCEPT_MISSING,
                                            .n_bytes_max = STORE_GET_BYTES_MAX };
        char want[DIGEST_SHA256_BYTES], present[DIGEST_SHA256_BYTES];
        int r;

        r = s3_call(client, &request, answer);
        if (r)
                return error_trace(r);
        if (answer->http.status == 404)
                return STORE_E_MISSING;
        read_digest(&answer->http, want);
        if (!*want)
                return 0;
        r = digest_sha256(answer->http.body.data, answer->http.body.n_bytes, present);
        if (r || !strcmp(want, present))
                return error_trace(r);
        log_error("object=%s digest=%s want=%s S3's own checksum does not fit", key, present, want);
        return STORE_E_CORRUPT;
}

int s3_object_get(struct s3_client *client, const char *key, struct buffer *ret_content,
                  char ret_etag[STORE_ETAG_BYTES]) {
        _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
        char etag[STORE_ETAG_BYTES];
        int r;

        r = get_once(client, key, &answer);
        if (r == STORE_E_CORRUPT)
                r = get_once(client, key, &answer);
        if (r)
                return error_trace(r);
        http_response_header(&answer.http, "etag", etag, sizeof(etag));
        if (ret_etag && !*etag)
                return error_origin(-EREMOTEIO, "S3: GET %s: the answer has no ETag", key);
        if (ret_etag)
                memcpy(ret_etag, etag, STORE_ETAG_BYTES);
        *ret_content = answer.http.body;
        answer.http.body = (struct buffer)BUFFER_NULL;
        return 0;
}

int s3_object_remove(struct s3_client *client, const char *key) {
        _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
        const struct s3_request request = { .method = "DELETE", .key = key, .accept = S3_ACCEPT_MISSING };

        return error_trace(s3_call(client, &request, &answer));
}
