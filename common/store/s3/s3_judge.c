/* S3 judge: conditions of the connection, statuses, and S3's codes. */

#include "common/store/s3/s3_judge.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/store/s3/s3_action.h"
#include "common/store/s3/s3_client_inside.h"
#include "common/store/s3/s3_region.h"

enum {
        SKEWS_MAX = 2,
        GARBLED_MAX = 3,
        CONFLICTS_MAX = 5,
};

static bool is_among(const char *code, const char *const *codes, size_t n_codes) {
        for (size_t i = 0; i < n_codes; i++)
                if (!strcmp(code, codes[i]))
                        return true;
        return false;
}

/* There is no answer. */
static enum s3_verdict judge_connection(int condition, const struct http_response *response, struct s3_tries *tries) {
        snprintf(tries->sentence, sizeof(tries->sentence), "%s%s%s", response->sentence, response->os_error ? ": " : "",
                 response->os_error ? strerror(response->os_error) : "");
        switch (condition) {
        case HTTP_E_UNREACHABLE:
                if (response->is_untrusted || response->is_plain) {
                        tries->error = -EACCES;
                        snprintf(tries->sentence, sizeof(tries->sentence), "%s; %s", response->sentence,
                                 response->is_plain ? "there is no TLS at that port: is it http:// in AWS_ENDPOINT_URL?"
                                                    : "if the server's authority is one of your own, name its PEM file "
                                                      "in AWS_CA_BUNDLE");
                        return S3_VERDICT_REFUSED;
                }
                tries->error = response->os_error == ECONNREFUSED ? -ECONNREFUSED : -EHOSTUNREACH;
                return S3_VERDICT_LATER;
        case HTTP_E_LATE:
                tries->error = -ETIMEDOUT;
                return S3_VERDICT_LATER;
        case HTTP_E_TOO_LARGE:
                tries->error = -EFBIG;
                return S3_VERDICT_REFUSED;
        default:
                tries->error = -ECONNRESET;
                return S3_VERDICT_LATER;
        }
}

/* The keys have expired, or were exchanged: true when there are others now. */
static int renew_keys(struct s3_client *client, struct s3_tries *tries, bool *ret_is_renewed) {
        _cleanup_(aws_keys_finish) struct aws_keys keys = AWS_KEYS_NULL;
        const char *old = tries->keys.session_token, *new;
        int r;

        *ret_is_renewed = false;
        if (tries->has_renewed_keys)
                return 0;
        tries->has_renewed_keys = true;
        aws_credentials_invalidate(client->credentials, &tries->keys);
        r = aws_credentials_get(client->credentials, &keys);
        if (r)
                return error_trace(r);
        new = keys.session_token;
        *ret_is_renewed = strcmp(keys.access_key, tries->keys.access_key) ||
                          strcmp(keys.secret_key, tries->keys.secret_key) || strcmp(old ? old : "", new ? new : "");
        return 0;
}

static bool is_accepted(const struct s3_request *request, int status, const struct s3_error *error) {
        static const char *const missing[] = { "NoSuchKey", "NoSuchUpload", "NotFound" };

        switch (status) {
        case 404:
                /* buckets and users may be unknown as well, and a web server that is no S3 knows nothing at all */
                return request->accept & S3_ACCEPT_MISSING &&
                       (!strcmp(request->method, "HEAD") || is_among(error->code, missing, N_ELEMENTS(missing)));
        case 412:
                return request->accept & S3_ACCEPT_CHANGED;
        case 416:
                return request->accept & S3_ACCEPT_BEYOND;
        default:
                return false;
        }
}

/* S3 or something before it failed, or is busy; not the request's fault. */
static bool is_passing(int status, const char *code) {
        static const char *const codes[] = { "RequestTimeout",       "SlowDown",
                                             "Throttling",           "ThrottlingException",
                                             "RequestLimitExceeded", "BandwidthLimitExceeded",
                                             "InternalError",        "ServiceUnavailable",
                                             "OperationAborted",     "IncompleteBody" };

        return status == 408 || status == 429 || (status >= 500 && status != 501 && status != 505) ||
               is_among(code, codes, N_ELEMENTS(codes));
}

/* The bytes that arrived are not those of the digests. */
static bool is_garbled(const char *code) {
        static const char *const codes[] = { "BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest",
                                             "XAmzContentChecksumMismatch" };

        return is_among(code, codes, N_ELEMENTS(codes));
}

static bool may_be_keys(const struct s3_request *request, int status, const char *code) {
        static const char *const codes[] = { "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired",
                                             "InvalidToken", "InvalidAccessKeyId" };

        return is_among(code, codes, N_ELEMENTS(codes)) ||
               (!strcmp(request->method, "HEAD") && (status == 400 || status == 403));
}

static void describe(int status, const struct s3_error *error, char sentence[S3_SENTENCE_BYTES]) {
        size_t n_message = strlen(error->message);

        /* the sentence goes on */
        n_message -= n_message && error->message[n_message - 1] == '.';
        if (error->is_document)
                snprintf(sentence, S3_SENTENCE_BYTES, "%d %s: %.*s", status, error->code, (int)n_message,
                         error->message);
        else
                snprintf(sentence, S3_SENTENCE_BYTES, "%d without a word of S3's about it", status);
}

/* What to do about a refusal, as the sentence's end. AWS names the action in its own words, which know more: it may be
 * one of KMS. */
static void advise(const struct s3_client *client, const struct s3_request *request, int status,
                   const struct s3_error *error, char sentence[S3_SENTENCE_BYTES]) {
        size_t n = strlen(sentence);
        char action[S3_ACTION_BYTES] = "";
        bool is_denied = status == 403 && !strcmp(error->code, "AccessDenied");

        if (is_denied && !strstr(error->message, "authorized to perform"))
                s3_action_explain(request, client->address.bucket, action);
        snprintf(sentence + n, S3_SENTENCE_BYTES - n, "%s", is_denied ? action : s3_error_advice(status, error->code));
}

/* An answer that is not what was asked for. */
static int judge_error(struct s3_client *client, const struct s3_request *request, int status, struct s3_tries *tries,
                       const struct s3_error *error, enum s3_verdict *ret_verdict) {
        bool is_renewed = false, is_skewed = !strcmp(error->code, "RequestTimeTooSkewed");
        int r = 0;

        describe(status, error, tries->sentence);
        tries->error = -EACCES;
        *ret_verdict = S3_VERDICT_AT_ONCE;
        if (is_skewed && tries->n_skews++ < SKEWS_MAX)
                return 0;
        if (s3_region_follow(client, status, error, tries))
                return 0;
        if (may_be_keys(request, status, error->code))
                r = renew_keys(client, tries, &is_renewed);
        if (r || is_renewed)
                return error_trace(r);
        *ret_verdict = S3_VERDICT_LATER;
        if (status == 409 && !strcmp(error->code, "ConditionalRequestConflict")) {
                /* another is writing the object; whoever swaps will want to look at it */
                tries->error = -EREMOTEIO;
                if (++tries->n_conflicts >= CONFLICTS_MAX && request->accept & S3_ACCEPT_CHANGED)
                        *ret_verdict = S3_VERDICT_DONE;
        } else if (is_garbled(error->code)) {
                tries->error = -EIO;
                if (++tries->n_garbled == GARBLED_MAX)
                        *ret_verdict = S3_VERDICT_REFUSED;
        } else if (is_passing(status, error->code)) {
                tries->error = -EREMOTEIO;
        } else {
                *ret_verdict = S3_VERDICT_REFUSED;
                advise(client, request, status, error, tries->sentence);
        }
        return 0;
}

int s3_judge(struct s3_client *client, const struct s3_request *request, int condition, struct s3_tries *tries,
             struct s3_answer *answer, enum s3_verdict *ret_verdict) {
        struct aws_clock *clock = aws_credentials_clock(client->credentials);
        int status = answer->http.status, r;
        bool is_set, is_torn, is_good = status >= 200 && status < 300;
        char date[64];

        answer->error = (struct s3_error){ 0 };
        if (condition) {
                answer->is_uncertain |= condition != HTTP_E_UNREACHABLE;
                *ret_verdict = judge_connection(condition, &answer->http, tries);
                return 0;
        }
        is_set = aws_clock_observe(clock, http_response_header(&answer->http, "date", date, sizeof(date)));
        if (!is_good || request->accept & S3_ACCEPT_DOCUMENT) {
                r = s3_error_read(&answer->http, &answer->error);
                if (r)
                        return error_trace(r);
        }
        is_torn = is_good && answer->error.is_malformed;
        if ((is_good && !answer->error.is_document && !is_torn) || is_accepted(request, status, &answer->error)) {
                *ret_verdict = S3_VERDICT_DONE;
                return 0;
        }
        if (status == 403 && is_set && tries->n_skews++ < SKEWS_MAX) {
                *ret_verdict = S3_VERDICT_AT_ONCE;
                return 0;
        }
        answer->is_uncertain |= status >= 500 || is_good;
        if (is_torn) {
                tries->error = -EREMOTEIO;
                snprintf(tries->sentence, sizeof(tries->sentence), "%d with a body that is no XML", status);
                *ret_verdict = S3_VERDICT_LATER;
                return 0;
        }
        return error_trace(judge_error(client, request, status, tries, &answer->error, ret_verdict));
}
