/* S3 address: what URI, style and endpoint make of a request's host and path. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/store/s3/s3_address.h"

static void test_hosts_and_paths(void **state _unused_) {
        static const struct {
                const char *uri, *style, *endpoint, *region, *want_host, *want_path;
        } rows[] = {
                { "s3://toys", NULL, NULL, "eu-west-3", "toys.s3.eu-west-3.amazonaws.com", "/k" },
                { "s3://toys/a/b", NULL, NULL, "eu-west-3", "toys.s3.eu-west-3.amazonaws.com", "/a/b/k" },
                { "s3://toys//a/b//", "", NULL, "eu-west-3", "toys.s3.eu-west-3.amazonaws.com", "/a/b/k" },
                { "s3://toys", NULL, NULL, "cn-north-1", "toys.s3.cn-north-1.amazonaws.com.cn", "/k" },
                { "s3://toys", "path", NULL, "eu-west-3", "s3.eu-west-3.amazonaws.com", "/toys/k" },
                /* a certificate's * covers no dot */
                { "s3://my.toys", NULL, NULL, "us-east-1", "s3.us-east-1.amazonaws.com", "/my.toys/k" },
                { "s3://my.toys", "auto", NULL, "us-east-1", "s3.us-east-1.amazonaws.com", "/my.toys/k" },
                { "s3://my.toys", "virtual", NULL, "us-east-1", "my.toys.s3.us-east-1.amazonaws.com", "/k" },
                /* the URI goes before the environment */
                { "s3://toys?addressing=path", "virtual", NULL, "us-east-1", "s3.us-east-1.amazonaws.com", "/toys/k" },
                { "s3://toys/p?addressing=virtual", "path", "http://10.0.0.1:9000", "x", "toys.10.0.0.1:9000", "/p/k" },
                { "s3://toys?addressing=auto", "path", "http://s3.example", "x", "toys.s3.example", "/k" },
                { "s3://toys", NULL, "https://s3.example", "x", "toys.s3.example", "/k" },
                { "s3://toys", NULL, "https://s3.example/", "x", "toys.s3.example", "/k" },
                { "s3://toys", NULL, "https://s3.example:9000", "x", "toys.s3.example:9000", "/k" },
                { "s3://toys/p", NULL, "https://s3.example/above/it/", "x", "toys.s3.example", "/above/it/p/k" },
                { "s3://toys/p", "path", "https://s3.example/above", "x", "s3.example", "/above/toys/p/k" },
                /* the scheme's own port is no part of the host that is signed */
                { "s3://toys", NULL, "https://s3.example:443", "x", "toys.s3.example", "/k" },
                { "s3://toys", NULL, "http://s3.example:80", "x", "toys.s3.example", "/k" },
                { "s3://toys", NULL, "http://s3.example:443", "x", "toys.s3.example:443", "/k" },
                { "s3://toys", NULL, "https://s3.example:80", "x", "toys.s3.example:80", "/k" },
                /* in front of these no name can stand */
                { "s3://toys", NULL, "http://127.0.0.1:9000", "x", "127.0.0.1:9000", "/toys/k" },
                { "s3://toys", NULL, "http://minio:9000", "x", "minio:9000", "/toys/k" },
                { "s3://toys", NULL, "http://localhost", "x", "localhost", "/toys/k" },
                { "s3://toys", NULL, "http://[::1]:9000", "x", "[::1]:9000", "/toys/k" },
                { "s3://toys", NULL, "http://[fe80::1]", "x", "[fe80::1]", "/toys/k" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char host[S3_HOST_BYTES], path[S3_PATH_BYTES], key[S3_KEY_BYTES];
                struct fault fault = FAULT_NULL;
                struct s3_address address;

                if (s3_address_parse(rows[i].uri, rows[i].style, rows[i].endpoint, &address, &fault))
                        fail_msg("%s: %s", rows[i].uri, fault.message);
                s3_address_host(&address, rows[i].region, host);
                snprintf(key, sizeof(key), "%sk", address.prefix);
                s3_address_path(&address, s3_address_is_virtual(&address), key, path);
                assert_string_equal(host, rows[i].want_host);
                assert_string_equal(path, rows[i].want_path);
                assert_int_equal(address.is_plain, rows[i].endpoint && !strncmp(rows[i].endpoint, "http:", 5));
        }
}

static void test_the_bucket_itself(void **state _unused_) {
        struct s3_address address;
        struct fault fault = FAULT_NULL;
        char path[S3_PATH_BYTES];

        assert_int_equal(s3_address_parse("s3://toys/p", NULL, "http://s3.example/above", &address, &fault), 0);
        s3_address_path(&address, true, "", path);
        assert_string_equal(path, "/above/");
        s3_address_path(&address, false, "", path);
        assert_string_equal(path, "/above/toys");
}

static void test_what_is_no_address_is_refused(void **state _unused_) {
        static const struct {
                const char *uri, *style, *endpoint, *want_code;
        } rows[] = {
                { "s3://", NULL, NULL, "STORE_URI" },
                { "s3:///prefix", NULL, NULL, "STORE_URI" },
                { "s3://ab", NULL, NULL, "STORE_URI" },
                { "s3://Toys", NULL, NULL, "STORE_URI" },
                { "s3://to_ys", NULL, NULL, "STORE_URI" },
                { "s3://.toys", NULL, NULL, "STORE_URI" },
                { "s3://toys-", NULL, NULL, "STORE_URI" },
                { "s3://my..toys", NULL, NULL, "STORE_URI" },
                { "s3://toystoystoystoystoystoystoystoystoystoystoystoystoystoystoystoys", NULL, NULL, "STORE_URI" },
                { "s3://toys/a//b", NULL, NULL, "STORE_URI" },
                { "s3://toys/a/../b", NULL, NULL, "STORE_URI" },
                { "s3://toys/./b", NULL, NULL, "STORE_URI" },
                { "s3://toys/a\nb", NULL, NULL, "STORE_URI" },
                { "s3://toys?", NULL, NULL, "STORE_URI" },
                { "s3://toys?region=eu-west-3", NULL, NULL, "STORE_URI" },
                { "s3://toys?addressing=", NULL, NULL, "STORE_URI" },
                { "s3://toys?addressing=paths", NULL, NULL, "STORE_URI" },
                { "s3://toys?addressing=path&a=b", NULL, NULL, "STORE_URI" },
                { "s3://toys", "dns", NULL, "STORE_URI" },
                { "s3://toys", NULL, "", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "s3.example", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "ftp://s3.example", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "http://", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "http:///above", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "http://s3.example:", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "http://s3.example:9x", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "http://:9000", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "http://[::1", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "http://[::1]9", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "http://s3.example?a", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "http://s3.example/#a", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "http://a b", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "http://user:sesame@s3.example", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "user:sesame@s3.example:9000", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "https://user:sesame#w@s3.example", "STORE_ENDPOINT" },
                { "s3://toys", NULL, "https://user:p/sesame?w@s3.example", "STORE_ENDPOINT" },
                { "s3://key:sesame@toys", NULL, NULL, "STORE_URI" },
                { "s3://key:p/sesame//w@toys", NULL, NULL, "STORE_URI" },
                { "s3://key:p?sesame@toys", NULL, NULL, "STORE_URI" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct s3_address address = { .bucket = "before" };
                struct fault fault = FAULT_NULL;

                if (s3_address_parse(rows[i].uri, rows[i].style, rows[i].endpoint, &address, &fault) != FAULT_E_INPUT)
                        fail_msg("%s and %s are taken", rows[i].uri, rows[i].endpoint);
                assert_string_equal(fault.code, rows[i].want_code);
                assert_null(strstr(fault.message, "sesame"));
                assert_string_equal(address.bucket, "before");
        }
}

static void test_a_prefix_is_limited(void **state _unused_) {
        char uri[S3_PREFIX_BYTES + 16] = "s3://toys/";
        struct fault fault = FAULT_NULL;
        struct s3_address address;
        size_t n = strlen(uri);

        memset(uri + n, 'a', S3_PREFIX_BYTES - 2);
        assert_int_equal(s3_address_parse(uri, NULL, NULL, &address, &fault), 0);
        assert_int_equal(strlen(address.prefix), S3_PREFIX_BYTES - 1);
        uri[n + S3_PREFIX_BYTES - 2] = 'a';
        assert_int_equal(s3_address_parse(uri, NULL, NULL, &address, &fault), FAULT_E_INPUT);
}

/* Where a payload need not be signed. */
static void test_who_could_change_what_is_sent(void **state _unused_) {
        static const struct {
                const char *endpoint;
                bool want;
        } rows[] = {
                { NULL, true },
                { "https://s3.example", true },
                { "http://127.0.0.1:9000", true },
                { "http://127.1.2.3", true },
                { "http://localhost:9000", true },
                { "http://[::1]:9000", true },
                { "http://s3.example", false },
                { "http://10.0.0.1:9000", false },
                { "http://127.example", false },
                { "http://127.0.0.1.example:9000", false },
                { "http://localhost.example", false },
                { "http://[::2]", false },
                { "http://minio:9000", false },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct fault fault = FAULT_NULL;
                struct s3_address address;

                assert_int_equal(s3_address_parse("s3://toys", NULL, rows[i].endpoint, &address, &fault), 0);
                if (s3_address_is_private(&address) != rows[i].want)
                        fail_msg("%s", rows[i].endpoint);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hosts_and_paths),
                cmocka_unit_test(test_the_bucket_itself),
                cmocka_unit_test(test_what_is_no_address_is_refused),
                cmocka_unit_test(test_a_prefix_is_limited),
                cmocka_unit_test(test_who_could_change_what_is_sent),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
