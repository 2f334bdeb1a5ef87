/* S3 call: one request, tried until it is answered. s3_judge.c decides what an answer means, s3_region.c follows to
 * another region. */

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/backoff.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/stall.h"
#include "common/store/s3/s3_checksum.h"
#include "common/store/s3/s3_client_inside.h"
#include "common/store/s3/s3_judge.h"
#include "common/store/s3/s3_region.h"

enum {
        PAUSE_FIRST_MS = 100,
        PAUSE_MS_MAX = 20000,
        SILENCE_MS = 30000,
        /* the request's own, the checksum and its name */
        HEADERS_MAX = 8,
        /* tries are counted anew when so much has come since the last failure */
        PROGRESS_BYTES = 8 << 20,
};

void s3_answer_finish(struct s3_answer *answer) {
        http_response_finish(&answer->http);
}

/* The address of this try, as its signature needs it. */
static int sign(struct s3_client *client, const struct s3_request *request, const struct s3_tries *tries,
                const struct aws_pair *headers, size_t n_headers, char ret_host[S3_HOST_BYTES],
                struct aws_signed *ret_signed) {
        bool is_virtual = s3_address_is_virtual(&client->address);
        size_t n_bucket = strlen(client->address.bucket);
        char path[S3_PATH_BYTES];
        struct aws_request signing = {
                .method = request->method,
                .host = ret_host,
                .path = path,
                .query = request->query,
                .n_query = request->n_query,
                .headers = headers,
                .n_headers = n_headers,
                .payload = request->digest,
                .flags = AWS_SIGN_S3,
        };
        struct aws_scope scope = { .service = "s3", .region = tries->region };

        s3_address_host(&client->address, tries->region, ret_host);
        if (*tries->host) {
                snprintf(ret_host, S3_HOST_BYTES, "%s", tries->host);
                is_virtual = !strncmp(tries->host, client->address.bucket, n_bucket) && tries->host[n_bucket] == '.';
        }
        s3_address_path(&client->address, is_virtual, request->key, path);
        scope.time_ms = aws_clock_now_ms(aws_credentials_clock(client->credentials));
        return error_trace(aws_sign_headers(&signing, &scope, &tries->keys, ret_signed));
}

/* Whether this moment comes before the deadline. */
static bool comes_first(struct s3_client *client, int64_t monotonic_ms) {
        int64_t deadline_ms = client->deadline_ms;

        return !deadline_ms || monotonic_ms < deadline_ms;
}

static bool is_late(struct s3_client *client) {
        return !comes_first(client, clock_monotonic_ms());
}

static int send_signed(struct s3_client *client, const struct s3_request *request, const struct s3_tries *tries,
                       const char *host, const struct aws_pair *pairs, size_t n_pairs, const struct aws_signed *result,
                       struct s3_answer *answer) {
        _cleanup_(buffer_finish) struct buffer url = BUFFER_NULL, texts = BUFFER_NULL;
        const char *headers[HEADERS_MAX + AWS_SIGNED_HEADERS_MAX];
        struct http *http = NULL;
        struct http_request sent = {
                .method = request->method,
                .headers = headers,
                .body = request->body,
                .from = request->from,
                .n_bytes = request->n_bytes,
                .silence_ms = SILENCE_MS,
                .is_fresh = tries->is_fresh,
                .ca_file = client->ca_file,
                .n_bytes_max = request->n_bytes_max,
                .on_data = request->on_data,
                .context = request->context,
        };
        int r;

        if (is_late(client))
                return error_origin_in_full(-ETIMEDOUT, "S3: %s s3://%s/%s: not before the deadline", request->method,
                                            client->address.bucket, request->key);
        r = buffer_printf(&url, "%s://%s%s", client->address.is_plain ? "http" : "https", host,
                          buffer_text(&result->target));
        for (size_t i = 0; i < n_pairs && !r; i++) {
                r = buffer_printf(&texts, "%s: %s", pairs[i].name, pairs[i].value);
                if (!r)
                        r = buffer_append(&texts, "", 1);
        }
        if (r)
                return error_trace(r);
        for (const char *at = buffer_text(&texts); sent.n_headers < n_pairs; at += strlen(at) + 1)
                headers[sent.n_headers++] = at;
        for (size_t i = 0; i < result->n_headers; i++)
                headers[sent.n_headers++] = result->headers[i];
        sent.url = buffer_text(&url);
        r = s3_client_take(client, &http);
        if (r)
                return error_trace(r);
        r = http_call(http, &sent, &answer->http);
        /* a connection that failed takes its name lookups and its state with it */
        if (r)
                http_destroy(http);
        else
                s3_client_give(client, http);
        return error_trace(r);
}

/* 0, a condition of http_call(), or a negative errno. */
static int try_once(struct s3_client *client, const struct s3_request *request, struct s3_tries *tries,
                    struct s3_answer *answer) {
        _cleanup_(aws_signed_finish) struct aws_signed result = AWS_SIGNED_NULL;
        struct aws_pair pairs[HEADERS_MAX];
        char checksum[S3_CHECKSUM_BYTES], host[S3_HOST_BYTES];
        size_t n = 0;
        int r;

        for (; n < request->n_headers; n++) {
                assert(n < HEADERS_MAX - 2);
                pairs[n] = request->headers[n];
        }
        if (request->checksum) {
                pairs[n++] = (struct aws_pair){ "x-amz-sdk-checksum-algorithm", "CRC32C" };
                pairs[n++] = (struct aws_pair){ "x-amz-checksum-crc32c", request->checksum };
        } else if (request->digest && !strcmp(request->method, "PUT")) {
                s3_checksum_format(request->digest, checksum);
                pairs[n++] = (struct aws_pair){ "x-amz-sdk-checksum-algorithm", "SHA256" };
                pairs[n++] = (struct aws_pair){ "x-amz-checksum-sha256", checksum };
        }
        if (!*tries->region) {
                r = s3_region_get(client, tries->region);
                if (r)
                        return error_trace(r);
        }
        aws_keys_finish(&tries->keys);
        r = aws_credentials_get(client->credentials, &tries->keys);
        if (!r)
                r = sign(client, request, tries, pairs, n, host, &result);
        return r ? error_trace(r) : send_signed(client, request, tries, host, pairs, n, &result, answer);
}

/* What the other side asked for, as far as it is heeded. */
static int64_t wanted_ms(const struct s3_answer *answer) {
        char text[32];
        long seconds = strtol(http_response_header(&answer->http, "retry-after", text, sizeof(text)), NULL, 10);

        /* whatever number it is: compared before it is multiplied */
        if (seconds > PAUSE_MS_MAX / 1000)
                return PAUSE_MS_MAX;
        return seconds > 0 ? (int64_t)seconds * 1000 : 0;
}

/* 100 ms, 200 ms, … 20 s and a share of chance; or what the other side asked for, within the same bounds. */
static int64_t pause_ms(const struct s3_tries *tries, const struct s3_answer *answer) {
        static const struct backoff backoff = { PAUSE_FIRST_MS, PAUSE_MS_MAX, RANDOM_SALT_S3 };
        int64_t pause = backoff_pause_ms(&backoff, tries->n_failed), wanted = wanted_ms(answer);

        return wanted > pause ? wanted : pause;
}

static int end_waiting(const struct s3_client *client, const struct s3_request *request, const struct s3_tries *tries) {
        return error_origin_in_full(-ETIMEDOUT, "S3: %s s3://%s/%s: %s; no more tries before the deadline",
                                    request->method, client->address.bucket, request->key, tries->sentence);
}

/* Waits before the next try. -ETIMEDOUT when the deadline comes first. */
static int wait_for_next(struct s3_client *client, const struct s3_request *request, const struct s3_tries *tries,
                         const struct s3_answer *answer) {
        int64_t pause = pause_ms(tries, answer);
        int64_t until_ms = clock_monotonic_ms() + pause;
        struct timespec until = { until_ms / 1000, until_ms % 1000 * 1000000 };
        bool is_in_time = comes_first(client, until_ms);

        if (!is_in_time)
                return end_waiting(client, request, tries);
        log_write(tries->n_failed < 3 ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "S3: %s %s: %s, retrying in %d ms",
                  request->method, request->key, tries->sentence, (int)pause);
        if (tries->n_failed > 1)
                stall_note(tries, pause, "S3: %s s3://%s/%s: %s", request->method, client->address.bucket, request->key,
                           tries->sentence);
        /* another thread may bring the deadline forward */
        pthread_mutex_lock(&client->mutex);
        while (clock_monotonic_ms() < until_ms && (is_in_time = comes_first(client, until_ms)))
                pthread_cond_timedwait(&client->is_hurried, &client->mutex, &until);
        pthread_mutex_unlock(&client->mutex);
        return is_in_time ? 0 : end_waiting(client, request, tries);
}

/* Whether it is worth another try; what has come meanwhile gives new ones. */
static bool may_try_again(const struct s3_request *request, struct s3_tries *tries) {
        if (request->n_received && *request->n_received >= tries->n_received + PROGRESS_BYTES) {
                tries->n_received = *request->n_received;
                tries->n_failed = 0;
        }
        return ++tries->n_failed < (request->n_tries_max ? request->n_tries_max : S3_TRIES_MAX);
}

static int call(struct s3_client *client, const struct s3_request *request, struct s3_tries *tries,
                struct s3_answer *answer) {
        for (;;) {
                enum s3_verdict verdict;
                int r;

                if (request->on_try && request->on_try(request->context, answer))
                        return S3_E_STOPPED;
                r = try_once(client, request, tries, answer);
                if (r < 0)
                        return error_trace(r);
                if (r == HTTP_E_STOPPED)
                        return S3_E_STOPPED;
                r = s3_judge(client, request, r, tries, answer, &verdict);
                if (r)
                        return error_trace(r);
                if (verdict == S3_VERDICT_DONE)
                        return 0;
                if (verdict == S3_VERDICT_AT_ONCE)
                        continue;
                tries->is_fresh = true;
                if (verdict == S3_VERDICT_REFUSED || !may_try_again(request, tries))
                        return error_origin_in_full(tries->error, "S3: %s s3://%s/%s: %s", request->method,
                                                    client->address.bucket, request->key, tries->sentence);
                r = wait_for_next(client, request, tries, answer);
                if (r)
                        return error_trace(r);
        }
}

int s3_call(struct s3_client *client, const struct s3_request *request, struct s3_answer *answer) {
        struct s3_tries tries = { 0 };
        int r;

        answer->is_uncertain = false;
        r = call(client, request, &tries, answer);
        stall_end(&tries);
        aws_keys_finish(&tries.keys);
        return error_trace(r);
}
