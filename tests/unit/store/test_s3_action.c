/* S3 action: what IAM calls each request that there is. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/store/s3/s3_action.h"

static void each_request_has_its_action(void **state) {
        static const struct aws_pair list = { "list-type", "2" }, upload = { "uploadId", "x" },
                                     uploads = { "uploads", NULL };
        static const struct {
                struct s3_request request;
                const char *want;
        } rows[] = {
                { { .method = "GET", .key = "", .query = &list, .n_query = 1 }, "s3:ListBucket" },
                { { .method = "HEAD", .key = "" }, "s3:ListBucket" },
                { { .method = "GET", .key = "a" }, "s3:GetObject" },
                { { .method = "HEAD", .key = "a" }, "s3:GetObject" },
                { { .method = "PUT", .key = "a" }, "s3:PutObject" },
                { { .method = "PUT", .key = "a", .query = &upload, .n_query = 1 }, "s3:PutObject" },
                { { .method = "POST", .key = "a", .query = &uploads, .n_query = 1 }, "s3:PutObject" },
                { { .method = "POST", .key = "a", .query = &upload, .n_query = 1 }, "s3:PutObject" },
                { { .method = "DELETE", .key = "a" }, "s3:DeleteObject" },
                { { .method = "DELETE", .key = "a", .query = &upload, .n_query = 1 }, "s3:AbortMultipartUpload" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                assert_string_equal(s3_action(&rows[i].request), rows[i].want);
}

static void what_is_lacking_is_named(void **state) {
        const struct s3_request list = { .method = "GET", .key = "" }, get = { .method = "GET", .key = "a/b" },
                                put = { .method = "PUT", .key = "a/b" };
        char text[S3_ACTION_BYTES];

        (void)state;
        assert_string_equal(s3_action_explain(&list, "toys", text),
                            "; the keys lack s3:ListBucket on arn:aws:s3:::toys");
        assert_string_equal(s3_action_explain(&put, "toys", text),
                            "; the keys lack s3:PutObject on arn:aws:s3:::toys/a/b");
        assert_string_equal(
                s3_action_explain(&get, "toys", text),
                "; the keys lack s3:GetObject on arn:aws:s3:::toys/a/b, or, should there be no such object, "
                "s3:ListBucket on arn:aws:s3:::toys");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_request_has_its_action),
                cmocka_unit_test(what_is_lacking_is_named),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
