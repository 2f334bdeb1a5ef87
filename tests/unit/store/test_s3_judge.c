/* S3 error and S3 judge: what is read out of an answer, and what it means for the request. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/store/s3/s3_client_inside.h"
#include "common/store/s3/s3_judge.h"

static void answer_with(struct http_response *response, int status, const char *headers, const char *body) {
        buffer_clear(&response->headers);
        buffer_clear(&response->body);
        response->status = status;
        assert_int_equal(buffer_append_text(&response->headers, headers), 0);
        assert_int_equal(buffer_append_text(&response->body, body), 0);
}

static void test_what_an_error_says(void **state _unused_) {
        static const struct {
                const char *headers, *body, *want_code, *want_message, *want_region, *want_host;
                bool want_document, want_malformed;
        } rows[] = {
                { "", "<Error><Code>SlowDown</Code><Message>a &amp; b</Message></Error>", "SlowDown", "a & b", "", "",
                  true, false },
                { "x-amz-bucket-region: eu-west-3\n", "", "", "", "eu-west-3", "", false, true },
                { "", "<Error><Code>A</Code><Region>eu-west-3</Region></Error>", "A", "", "eu-west-3", "", true,
                  false },
                /* the header goes before the document */
                { "x-amz-bucket-region: eu-west-1\n", "<Error><Code>A</Code><Region>x</Region></Error>", "A", "",
                  "eu-west-1", "", true, false },
                { "", "<Error><Code>A</Code><Endpoint>toys.s3.example</Endpoint></Error>", "A", "", "",
                  "toys.s3.example", true, false },
                { "location: https://toys.s3.example:9000/a?b\n", "<Error><Endpoint>x</Endpoint></Error>", "", "", "",
                  "toys.s3.example:9000", true, false },
                { "location: /a\n", "<a/>", "", "", "", "", false, false },
                { "", "<html>gone<br></html>", "", "", "", "", false, true },
                { "", "<Error><Code>Torn</Code>", "", "", "", "", false, true },
                { "", "<a><Error><Code>A</Code></Error></a>", "", "", "", "", false, false },
                { "", "", "", "", "", "", false, true },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(http_response_finish) struct http_response response = HTTP_RESPONSE_NULL;
                struct s3_error error;

                answer_with(&response, 400, rows[i].headers, rows[i].body);
                assert_int_equal(s3_error_read(&response, &error), 0);
                assert_string_equal(error.code, rows[i].want_code);
                assert_string_equal(error.message, rows[i].want_message);
                assert_string_equal(error.region, rows[i].want_region);
                assert_string_equal(error.host, rows[i].want_host);
                assert_int_equal(error.is_document, rows[i].want_document);
                assert_int_equal(error.is_malformed, rows[i].want_malformed);
        }
}

static struct s3_client *client_of_the_test(void) {
        struct fault fault = FAULT_NULL;
        struct s3_client *client;

        setenv("AWS_ACCESS_KEY_ID", "AKIDTEST", 1);
        setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
        setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9", 1);
        setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
        setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent", 1);
        assert_int_equal(s3_client_create("s3://toys", &client, &fault), 0);
        return client;
}

enum { NONE = 0, ALL = S3_ACCEPT_MISSING | S3_ACCEPT_CHANGED | S3_ACCEPT_BEYOND };

static void test_what_an_answer_means(void **state _unused_) {
        static const struct {
                const char *method;
                unsigned accept;
                int condition, status;
                const char *code; /* NULL: no document */
                enum s3_verdict want;
                int want_error; /* unless it is done, or goes on at once */
                bool want_uncertain;
        } rows[] = {
                { "PUT", NONE, 0, 200, NULL, S3_VERDICT_DONE, 0, false },
                { "DELETE", NONE, 0, 204, NULL, S3_VERDICT_DONE, 0, false },
                { "GET", ALL, 0, 206, NULL, S3_VERDICT_DONE, 0, false },
                /* no answer */
                { "PUT", ALL, HTTP_E_BROKEN, 0, NULL, S3_VERDICT_LATER, -ECONNRESET, true },
                { "PUT", ALL, HTTP_E_LATE, 0, NULL, S3_VERDICT_LATER, -ETIMEDOUT, true },
                { "PUT", ALL, HTTP_E_UNREACHABLE, 0, NULL, S3_VERDICT_LATER, -EHOSTUNREACH, false },
                { "GET", ALL, HTTP_E_TOO_LARGE, 0, NULL, S3_VERDICT_REFUSED, -EFBIG, true },
                /* answers that are asked for */
                { "GET", ALL, 0, 404, "NoSuchKey", S3_VERDICT_DONE, 0, false },
                { "HEAD", ALL, 0, 404, NULL, S3_VERDICT_DONE, 0, false },
                { "POST", ALL, 0, 404, "NoSuchUpload", S3_VERDICT_DONE, 0, false },
                { "PUT", ALL, 0, 412, "PreconditionFailed", S3_VERDICT_DONE, 0, false },
                { "GET", ALL, 0, 416, "InvalidRange", S3_VERDICT_DONE, 0, false },
                /* and the same when nobody asks for them, or something else is missing */
                { "GET", NONE, 0, 404, "NoSuchKey", S3_VERDICT_REFUSED, -EACCES, false },
                { "GET", ALL, 0, 404, "NoSuchBucket", S3_VERDICT_REFUSED, -EACCES, false },
                { "GET", ALL, 0, 404, NULL, S3_VERDICT_REFUSED, -EACCES, false },
                { "PUT", NONE, 0, 412, "PreconditionFailed", S3_VERDICT_REFUSED, -EACCES, false },
                { "GET", NONE, 0, 416, "InvalidRange", S3_VERDICT_REFUSED, -EACCES, false },
                /* S3 is busy or broken */
                { "PUT", ALL, 0, 500, "InternalError", S3_VERDICT_LATER, -EREMOTEIO, true },
                { "PUT", ALL, 0, 502, NULL, S3_VERDICT_LATER, -EREMOTEIO, true },
                { "PUT", ALL, 0, 503, "SlowDown", S3_VERDICT_LATER, -EREMOTEIO, true },
                { "PUT", ALL, 0, 400, "RequestTimeout", S3_VERDICT_LATER, -EREMOTEIO, false },
                { "PUT", ALL, 0, 429, NULL, S3_VERDICT_LATER, -EREMOTEIO, false },
                { "PUT", ALL, 0, 409, "ConditionalRequestConflict", S3_VERDICT_LATER, -EREMOTEIO, false },
                { "PUT", ALL, 0, 409, "OperationAborted", S3_VERDICT_LATER, -EREMOTEIO, false },
                /* the bytes were changed on the way */
                { "PUT", ALL, 0, 400, "BadDigest", S3_VERDICT_LATER, -EIO, false },
                { "PUT", ALL, 0, 400, "XAmzContentChecksumMismatch", S3_VERDICT_LATER, -EIO, false },
                /* no repetition mends these */
                { "PUT", ALL, 0, 403, "AccessDenied", S3_VERDICT_REFUSED, -EACCES, false },
                { "PUT", ALL, 0, 403, "SignatureDoesNotMatch", S3_VERDICT_REFUSED, -EACCES, false },
                { "PUT", ALL, 0, 403, "InvalidAccessKeyId", S3_VERDICT_REFUSED, -EACCES, false },
                { "PUT", ALL, 0, 501, "NotImplemented", S3_VERDICT_REFUSED, -EACCES, true },
                { "PUT", ALL, 0, 301, "PermanentRedirect", S3_VERDICT_REFUSED, -EACCES, false },
                { "PUT", ALL, 0, 403, "RequestTimeTooSkewed", S3_VERDICT_AT_ONCE, 0, false },
                /* 200 that is none, where there ought to be a document */
                { "POST", S3_ACCEPT_DOCUMENT, 0, 200, "InternalError", S3_VERDICT_LATER, -EREMOTEIO, true },
                { "POST", S3_ACCEPT_DOCUMENT, 0, 200, NULL, S3_VERDICT_LATER, -EREMOTEIO, true },
        };
        struct s3_client *client = client_of_the_test();

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
                struct s3_request request = { .method = rows[i].method, .key = "k", .accept = rows[i].accept };
                struct s3_tries tries = { .region = "us-east-1" };
                enum s3_verdict verdict;
                char body[256] = "";
                int r;

                if (rows[i].code)
                        snprintf(body, sizeof(body), "<Error><Code>%s</Code><Message>so.</Message></Error>",
                                 rows[i].code);
                answer_with(&answer.http, rows[i].status, "", body);
                assert_int_equal(aws_credentials_get(client->credentials, &tries.keys), 0);
                r = s3_judge(client, &request, rows[i].condition, &tries, &answer, &verdict);
                if (r || verdict != rows[i].want || answer.is_uncertain != rows[i].want_uncertain)
                        fail_msg("%s %d %s: %d, verdict %d, uncertain %d", rows[i].method, rows[i].status,
                                 rows[i].code ? rows[i].code : "", r, verdict, answer.is_uncertain);
                if (verdict == S3_VERDICT_LATER || verdict == S3_VERDICT_REFUSED)
                        assert_int_equal(tries.error, rows[i].want_error);
                aws_keys_finish(&tries.keys);
        }
        s3_client_destroy(client);
}

/* What is mended at once has bounds, and so has what is sent again for its digest. */
static void test_how_often(void **state _unused_) {
        static const struct {
                int status;
                const char *code;
                int want_n; /* until it is no longer the verdict of the first time */
                enum s3_verdict want_then;
        } rows[] = {
                { 403, "RequestTimeTooSkewed", 2, S3_VERDICT_REFUSED },
                { 400, "BadDigest", 2, S3_VERDICT_REFUSED },
                { 409, "ConditionalRequestConflict", 4, S3_VERDICT_DONE },
        };
        struct s3_client *client = client_of_the_test();

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                const struct s3_request request = { .method = "PUT", .key = "k", .accept = S3_ACCEPT_CHANGED };
                struct s3_tries tries = { .region = "us-east-1" };
                enum s3_verdict first, verdict;
                int n = 0;

                for (;; n++) {
                        _cleanup_(s3_answer_finish) struct s3_answer answer = S3_ANSWER_NULL;
                        char body[256];

                        snprintf(body, sizeof(body), "<Error><Code>%s</Code></Error>", rows[i].code);
                        answer_with(&answer.http, rows[i].status, "", body);
                        assert_int_equal(s3_judge(client, &request, 0, &tries, &answer, &verdict), 0);
                        first = n ? first : verdict;
                        if (verdict != first)
                                break;
                }
                assert_int_equal(n, rows[i].want_n);
                assert_int_equal(verdict, rows[i].want_then);
        }
        s3_client_destroy(client);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_an_error_says),
                cmocka_unit_test(test_what_an_answer_means),
                cmocka_unit_test(test_how_often),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
