/* Signatures: the cases of the AWS signing test suite, the examples of the S3 documentation, and what neither has. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/file.h"
#include "common/base/json.h"
#include "common/store/aws/aws_sign.h"
#include "common/store/aws/aws_time.h"

enum {
        N_CASES = 38,
        PAIRS_MAX = 8,
        CASES_BYTES_MAX = 1 << 20,
};

static const char CASES[] = SOURCE_ROOT "/tests/unit/store/aws_sign_cases.json";

static int64_t time_of(const char *text) {
        int64_t time_ms = 0;

        assert_true(aws_time_parse(text, &time_ms));
        return time_ms;
}

/* The text of a member that must be there. */
static const char *text_of(const struct json_value *object, const char *name) {
        const char *text = json_text(json_get(object, name));

        assert_non_null(text);
        return text;
}

static bool flag_of(const struct json_value *object, const char *name) {
        bool flag = false;

        json_as_bool(json_get(object, name), &flag);
        return flag;
}

/* [["name", "value"], …] */
static size_t pairs_of(const struct json_value *object, const char *name, struct aws_pair ret_pairs[PAIRS_MAX]) {
        struct json_array_iterator pairs = json_iterate_array(json_get(object, name)), texts;
        const struct json_value *pair = NULL, *text = NULL;
        size_t n = 0;

        for (; json_next_element(&pairs, &pair); n++) {
                assert_in_range(n, 0, PAIRS_MAX - 1);
                texts = json_iterate_array(pair);
                assert_true(json_next_element(&texts, &text));
                ret_pairs[n].name = json_text(text);
                assert_true(json_next_element(&texts, &text));
                ret_pairs[n].value = json_text(text);
        }
        return n;
}

struct cases {
        struct buffer text;
        struct json *json;
        struct aws_keys keys;
        struct aws_scope scope;
};

static int read_cases(void **state) {
        static struct cases cases;
        struct fault fault = FAULT_NULL;
        const struct json_value *root;

        if (file_read(CASES, CASES_BYTES_MAX, &cases.text) ||
            json_parse(buffer_text(&cases.text), cases.text.n_bytes, &fault, &cases.json))
                return -1;
        root = json_root(cases.json);
        cases.scope = (struct aws_scope){ text_of(root, "service"), text_of(root, "region"),
                                          time_of(text_of(root, "time")) };
        *state = &cases;
        return aws_keys_init(&cases.keys, text_of(root, "access_key"), text_of(root, "secret_key"), NULL);
}

static int forget_cases(void **state) {
        struct cases *cases = *state;

        json_destroy(cases->json);
        buffer_finish(&cases->text);
        aws_keys_finish(&cases->keys);
        return 0;
}

static void expect_signed(const struct aws_signed *got, const struct json_value *want) {
        char to_sign[256];

        snprintf(to_sign, sizeof(to_sign),
                 "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/service/aws4_request\n%s",
                 text_of(want, "digest"));
        assert_string_equal(buffer_text(&got->canonical), text_of(want, "canonical"));
        assert_string_equal(buffer_text(&got->to_sign), to_sign);
        assert_string_equal(got->signature, text_of(want, "signature"));
}

static bool is_added(const struct aws_signed *result, const char *line) {
        for (size_t i = 0; i < result->n_headers; i++)
                if (!strcmp(result->headers[i], line))
                        return true;
        return false;
}

/* The headers that come with a signature say what was signed. */
static void expect_headers(const struct aws_signed *got, const struct json_value *want, const char *token) {
        char line[1024];
        char names[256];
        const char *end = strrchr(text_of(want, "canonical"), '\n'), *start = end;

        while (start[-1] != '\n')
                start--;
        snprintf(names, sizeof(names), "%.*s", (int)(end - start), start);
        snprintf(line, sizeof(line),
                 "authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                 "SignedHeaders=%s, Signature=%s",
                 names, text_of(want, "signature"));
        assert_true(is_added(got, line));
        assert_true(is_added(got, "x-amz-date: 20150830T123600Z"));
        snprintf(line, sizeof(line), "x-amz-security-token: %s", token ? token : "");
        assert_int_equal(is_added(got, line), token != NULL);
}

static void run_case(const struct cases *cases, const struct json_value *one) {
        _cleanup_(aws_signed_finish) struct aws_signed in_headers = AWS_SIGNED_NULL, in_query = AWS_SIGNED_NULL;
        _cleanup_(aws_keys_finish) struct aws_keys keys = AWS_KEYS_NULL;
        struct aws_pair query[PAIRS_MAX], headers[PAIRS_MAX];
        char payload[DIGEST_SHA256_BYTES], end[128];
        const char *body = json_text(json_get(one, "body")), *token = json_text(json_get(one, "token"));
        struct aws_request request = {
                .method = text_of(one, "method"),
                .host = text_of(json_root(cases->json), "host"),
                .path = text_of(one, "path"),
                .query = query,
                .n_query = pairs_of(one, "query", query),
                .headers = headers,
                .n_headers = pairs_of(one, "headers", headers),
        };

        if (body) {
                assert_int_equal(digest_sha256(body, strlen(body), payload), 0);
                request.payload = payload;
                request.flags |= AWS_SIGN_PAYLOAD_HEADER;
        }
        if (!flag_of(one, "raw_path"))
                request.flags |= AWS_SIGN_NORMALIZE_PATH;
        if (flag_of(one, "token_unsigned"))
                request.flags |= AWS_SIGN_TOKEN_UNSIGNED;
        assert_int_equal(aws_keys_init(&keys, cases->keys.access_key, cases->keys.secret_key, token), 0);

        assert_int_equal(aws_sign_headers(&request, &cases->scope, &keys, &in_headers), 0);
        expect_signed(&in_headers, json_get(one, "in_header"));
        expect_headers(&in_headers, json_get(one, "in_header"), token);

        assert_int_equal(aws_sign_query(&request, &cases->scope, &keys, 3600, &in_query), 0);
        expect_signed(&in_query, json_get(one, "in_query"));
        snprintf(end, sizeof(end), "&X-Amz-Signature=%s", in_query.signature);
        assert_non_null(strstr(buffer_text(&in_query.target), end));
        assert_int_equal(!!strstr(buffer_text(&in_query.target), "X-Amz-Security-Token="), token != NULL);
        assert_int_equal(in_query.n_headers, 0);
}

static void every_case_of_the_suite(void **state) {
        const struct cases *cases = *state;
        struct json_array_iterator iterator = json_iterate_array(json_get(json_root(cases->json), "cases"));
        const struct json_value *one;
        char seen[N_CASES][64];
        size_t n = 0;

        for (; json_next_element(&iterator, &one); n++) {
                assert_in_range(n, 0, N_CASES - 1);
                snprintf(seen[n], sizeof(seen[n]), "%s", text_of(one, "name"));
                for (size_t i = 0; i < n; i++)
                        assert_string_not_equal(seen[i], seen[n]);
                run_case(cases, one);
        }
        assert_int_equal(n, N_CASES);
}

/* The examples of the S3 API reference: "Authorization header: single chunk", "query parameters", "chunked upload" and
 * "trailing headers". */
static const struct aws_scope S3 = { "s3", "us-east-1", INT64_C(1369353600000) };

static struct aws_keys s3_keys(void) {
        struct aws_keys keys = AWS_KEYS_NULL;

        assert_int_equal(aws_keys_init(&keys, "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", NULL),
                         0);
        return keys;
}

static void the_s3_examples(void **state) {
        _cleanup_(aws_keys_finish) struct aws_keys keys = s3_keys();
        const struct {
                struct aws_request request;
                const char *want_signature;
                const char *want_target;
        } rows[] = {
                { { .method = "GET",
                    .path = "/test.txt",
                    .headers = (struct aws_pair[]){ { "Range", "bytes=0-9" } },
                    .n_headers = 1 },
                  "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
                  "/test.txt" },
                { { .method = "PUT",
                    .path = "/test$file.text",
                    .headers = (struct aws_pair[]){ { "Date", "Fri, 24 May 2013 00:00:00 GMT" },
                                                    { "x-amz-storage-class", "REDUCED_REDUNDANCY" } },
                    .n_headers = 2,
                    .payload = "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072" },
                  "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
                  "/test%24file.text" },
                { { .method = "GET", .path = "/", .query = (struct aws_pair[]){ { "lifecycle", NULL } }, .n_query = 1 },
                  "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
                  "/?lifecycle" },
                { { .method = "GET",
                    .path = "/",
                    .query = (struct aws_pair[]){ { "prefix", "J" }, { "max-keys", "2" } },
                    .n_query = 2 },
                  "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
                  "/?max-keys=2&prefix=J" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(aws_signed_finish) struct aws_signed result = AWS_SIGNED_NULL;
                struct aws_request request = rows[i].request;

                request.host = "examplebucket.s3.amazonaws.com";
                request.flags = AWS_SIGN_S3;
                assert_int_equal(aws_sign_headers(&request, &S3, &keys, &result), 0);
                assert_string_equal(result.signature, rows[i].want_signature);
                assert_string_equal(buffer_text(&result.target), rows[i].want_target);
        }
}

static void the_s3_presigned_example(void **state) {
        _cleanup_(aws_keys_finish) struct aws_keys keys = s3_keys();
        _cleanup_(aws_signed_finish) struct aws_signed result = AWS_SIGNED_NULL;
        const struct aws_request request = {
                .method = "GET",
                .host = "examplebucket.s3.amazonaws.com",
                .path = "/test.txt",
                .payload = AWS_PAYLOAD_UNSIGNED,
                .flags = AWS_SIGN_S3,
        };

        (void)state;
        assert_int_equal(aws_sign_query(&request, &S3, &keys, 86400, &result), 0);
        assert_string_equal(result.signature, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
        assert_string_equal(buffer_text(&result.target),
                            "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
                            "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date="
                            "20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature="
                            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404");
}

struct chunked {
        const char *payload;
        struct aws_pair headers[5];
        size_t n_headers;
        const char *want_seed;
        const char *want_heads[3];
        const char *want_trailer;
};

/* 65 KiB of 'a' in chunks of 64 KiB. */
static void run_chunked(const struct chunked *row) {
        _cleanup_(aws_keys_finish) struct aws_keys keys = s3_keys();
        _cleanup_(aws_signed_finish) struct aws_signed seed = AWS_SIGNED_NULL;
        _cleanup_(aws_chunks_finish) struct aws_chunks chunks = AWS_CHUNKS_NULL;
        _cleanup_(buffer_finish) struct buffer trailer = BUFFER_NULL;
        static const size_t sizes[] = { 65536, 1024, 0 };
        static char body[65536];
        char head[AWS_CHUNK_HEAD_BYTES], want[AWS_CHUNK_HEAD_BYTES];
        const struct aws_request request = {
                .method = "PUT",
                .host = "s3.amazonaws.com",
                .path = "/examplebucket/chunkObject.txt",
                .headers = row->headers,
                .n_headers = row->n_headers,
                .payload = row->payload,
                .flags = AWS_SIGN_S3,
        };
        uint64_t n_sent = 0;

        memset(body, 'a', sizeof(body));
        assert_int_equal(aws_sign_headers(&request, &S3, &keys, &seed), 0);
        assert_string_equal(seed.signature, row->want_seed);
        assert_int_equal(aws_chunks_init(&chunks, seed.signature, &S3, &keys), 0);
        for (size_t i = 0; i < N_ELEMENTS(sizes); i++) {
                assert_int_equal(aws_chunks_head(&chunks, body, sizes[i], head), 0);
                snprintf(want, sizeof(want), "%zx;chunk-signature=%s\r\n", sizes[i], row->want_heads[i]);
                assert_string_equal(head, want);
                n_sent += strlen(head) + sizes[i] + 2;
        }
        assert_int_equal(n_sent, aws_chunks_length(66560, 65536));
        if (row->want_trailer) {
                assert_int_equal(aws_chunks_trailer(&chunks, "x-amz-checksum-crc32c", "sOO8/Q==", &trailer), 0);
                assert_string_equal(buffer_text(&trailer), row->want_trailer);
        }
}

static void the_s3_chunked_example(void **state) {
        const struct chunked row = {
                .payload = AWS_PAYLOAD_CHUNKED,
                .headers = { { "x-amz-storage-class", "REDUCED_REDUNDANCY" },
                             { "content-encoding", "aws-chunked" },
                             { "x-amz-decoded-content-length", "66560" },
                             { "content-length", "66824" } },
                .n_headers = 4,
                .want_seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
                .want_heads = { "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
                                "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
                                "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9" },
        };

        (void)state;
        assert_int_equal(aws_chunks_length(66560, 65536), 66824);
        run_chunked(&row);
}

static void the_s3_trailer_example(void **state) {
        const struct chunked row = {
                .payload = AWS_PAYLOAD_CHUNKED_TRAILER,
                .headers = { { "x-amz-storage-class", "REDUCED_REDUNDANCY" },
                             { "content-encoding", "aws-chunked" },
                             { "x-amz-decoded-content-length", "66560" },
                             { "x-amz-trailer", "x-amz-checksum-crc32c" } },
                .n_headers = 4,
                .want_seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
                .want_heads = { "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                                "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                                "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992" },
                .want_trailer = "x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:"
                                "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n",
        };

        (void)state;
        run_chunked(&row);
}

static void a_length_of_chunks(void **state) {
        (void)state;
        /* "0;chunk-signature=", 64 digits, twice an end of line */
        assert_int_equal(aws_chunks_length(0, 65536), 86);
        assert_int_equal(aws_chunks_length(1, 65536), 86 + 1 + 86);
        assert_int_equal(aws_chunks_length(65536, 65536), 65536 + 90 + 86);
        assert_int_equal(aws_chunks_length(131072, 65536), 2 * (65536 + 90) + 86);
}

/* The line of the canonical request that holds the path. */
static void expect_path(const char *path, unsigned flags, const char *want) {
        _cleanup_(aws_keys_finish) struct aws_keys keys = s3_keys();
        _cleanup_(aws_signed_finish) struct aws_signed result = AWS_SIGNED_NULL;
        const struct aws_request request = { .method = "GET", .host = "example.com", .path = path, .flags = flags };
        char line[256];

        assert_int_equal(aws_sign_headers(&request, &S3, &keys, &result), 0);
        snprintf(line, sizeof(line), "GET\n%s\n\n", want);
        assert_memory_equal(buffer_text(&result.canonical), line, strlen(line));
}

static void paths_are_encoded_once_for_s3_and_twice_elsewhere(void **state) {
        (void)state;
        expect_path("/a b/%41/ü/+=:@", AWS_SIGN_S3, "/a%20b/%2541/%C3%BC/%2B%3D%3A%40");
        expect_path("/a b/%41/ü", AWS_SIGN_OTHER, "/a%2520b/%252541/%25C3%25BC");
        expect_path("//x/../y/./", AWS_SIGN_S3, "//x/../y/./");
        expect_path("//x/../y/./", AWS_SIGN_OTHER, "/y/");
        expect_path("/../../x", AWS_SIGN_OTHER, "/x");
        expect_path("/x/y/..", AWS_SIGN_OTHER, "/x");
        expect_path("/...", AWS_SIGN_OTHER, "/...");
        expect_path("/", AWS_SIGN_OTHER, "/");
}

static void parameters_are_sorted_as_encoded(void **state) {
        _cleanup_(aws_keys_finish) struct aws_keys keys = s3_keys();
        _cleanup_(aws_signed_finish) struct aws_signed result = AWS_SIGNED_NULL;
        const struct aws_pair query[] = {
                { "b", "2" }, { "b", "1" }, { "a", "x y&=+" }, { "a-", "" }, { "é", "日本" }, { "uploads", NULL },
        };
        const struct aws_request request = {
                .method = "POST",
                .host = "example.com",
                .path = "/k",
                .query = query,
                .n_query = N_ELEMENTS(query),
        };

        (void)state;
        assert_int_equal(aws_sign_headers(&request, &S3, &keys, &result), 0);
        assert_non_null(strstr(buffer_text(&result.canonical),
                               "POST\n/k\n%C3%A9=%E6%97%A5%E6%9C%AC&a=x%20y%26%3D%2B&a-=&b=1&b=2&uploads=\n"));
        assert_string_equal(buffer_text(&result.target),
                            "/k?%C3%A9=%E6%97%A5%E6%9C%AC&a=x%20y%26%3D%2B&a-=&b=1&b=2&uploads");
}

static void a_session_token_is_signed(void **state) {
        _cleanup_(aws_keys_finish) struct aws_keys keys = AWS_KEYS_NULL;
        _cleanup_(aws_signed_finish) struct aws_signed result = AWS_SIGNED_NULL;
        const struct aws_request request = {
                .method = "GET",
                .host = "example.com:9000",
                .path = "/k",
                .payload = AWS_PAYLOAD_UNSIGNED,
                .flags = AWS_SIGN_S3,
        };

        (void)state;
        assert_int_equal(aws_keys_init(&keys, "AK", "SK", "a/token+=="), 0);
        assert_int_equal(aws_sign_headers(&request, &S3, &keys, &result), 0);
        assert_string_equal(buffer_text(&result.canonical),
                            "GET\n/k\n\nhost:example.com:9000\nx-amz-content-sha256:UNSIGNED-PAYLOAD\n"
                            "x-amz-date:20130524T000000Z\nx-amz-security-token:a/token+==\n\n"
                            "host;x-amz-content-sha256;x-amz-date;x-amz-security-token\nUNSIGNED-PAYLOAD");
        assert_true(is_added(&result, "x-amz-security-token: a/token+=="));
        assert_true(is_added(&result, "x-amz-content-sha256: UNSIGNED-PAYLOAD"));
        assert_int_equal(result.n_headers, 4);
}

static void keys_are_copied_whole(void **state) {
        _cleanup_(aws_keys_finish) struct aws_keys keys = AWS_KEYS_NULL, copy = AWS_KEYS_NULL;

        (void)state;
        assert_int_equal(aws_keys_init(&keys, "AK", "SK", ""), 0);
        assert_null(keys.session_token);
        keys.expires_at_ms = 5;
        keys.generation = 7;
        assert_int_equal(aws_keys_copy(&keys, &copy), 0);
        assert_string_equal(copy.access_key, "AK");
        assert_string_equal(copy.secret_key, "SK");
        assert_null(copy.session_token);
        assert_int_equal(copy.expires_at_ms, 5);
        assert_int_equal(copy.generation, 7);
        aws_keys_finish(&copy);
        assert_null(copy.secret_key);
        assert_int_equal(copy.expires_at_ms, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(every_case_of_the_suite, read_cases, forget_cases),
                cmocka_unit_test(the_s3_examples),
                cmocka_unit_test(the_s3_presigned_example),
                cmocka_unit_test(the_s3_chunked_example),
                cmocka_unit_test(the_s3_trailer_example),
                cmocka_unit_test(a_length_of_chunks),
                cmocka_unit_test(paths_are_encoded_once_for_s3_and_twice_elsewhere),
                cmocka_unit_test(parameters_are_sorted_as_encoded),
                cmocka_unit_test(a_session_token_is_signed),
                cmocka_unit_test(keys_are_copied_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
