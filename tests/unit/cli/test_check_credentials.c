/* Check credentials: what doctor says of keys that are there, and of those that are not. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/check_credentials.h"
#include "common/base/file.h"
#include "tests/support/scratch.h"

static const char SECRET[] = "a-secret-that-nobody-may-see";

/* "NAME=value", ended by NULL */
static const char *from_list(void *context, const char *name) {
        const char *const *list = context;
        size_t n = strlen(name);

        for (; *list; list++)
                if (!strncmp(*list, name, n) && (*list)[n] == '=')
                        return *list + n + 1;
        return NULL;
}

static struct findings findings;

static void check(const char *const *list) {
        const struct aws_credentials_options options = { .lookup = from_list, .context = (void *)(uintptr_t)list };

        memset(&findings, 0, sizeof(findings));
        check_credentials(&findings, &options);
        assert_true(findings.n_items > 0);
        for (size_t i = 0; i < findings.n_items; i++) {
                assert_string_equal(findings.items[i].name, "credentials");
                assert_null(strstr(findings.items[i].sentence, SECRET));
        }
}

static void expect(size_t i, enum outcome outcome, const char *words) {
        assert_true(i < findings.n_items);
        assert_int_equal(findings.items[i].outcome, outcome);
        if (!strstr(findings.items[i].sentence, words))
                fail_msg("\"%s\" is not in: %s", words, findings.items[i].sentence);
}

static void keys_that_are_there(void **state) {
        const char *const list[] = { "AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=a-secret-that-nobody-may-see",
                                     "AWS_REGION=eu-north-1", "AWS_ENDPOINT_URL_S3=http://localhost:9000", NULL };

        (void)state;
        check(list);
        assert_int_equal(findings.n_items, 1);
        expect(0, WELL,
               "environment: keys from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; region eu-north-1 (AWS_REGION), "
               "S3 at http://localhost:9000");
}

static void keys_that_are_temporary(void **state) {
        struct scratch *scratch = *state;
        char config[2048], home[1024];
        const char *const list[] = { home, "AWS_EC2_METADATA_DISABLED=true", NULL };
        const int n = snprintf(config, sizeof(config),
                               "[default]\ncredential_process = echo '{\"Version\": 1, \"AccessKeyId\": \"AKIA\", "
                               "\"SecretAccessKey\": \"%s\", \"Expiration\": \"2999-01-02T03:04:05Z\"}'\n",
                               SECRET);

        snprintf(home, sizeof(home), "HOME=%s", scratch->folder);
        assert_int_equal(file_make_folders(scratch_path(scratch, ".aws")), 0);
        assert_int_equal(file_replace(scratch_path(scratch, ".aws/config"), config, (size_t)n), 0);
        check(list);
        assert_int_equal(findings.n_items, 1);
        expect(0, WELL,
               "profile: keys of the credential_process of profile default, good until 2999-01-02T03:04:05.000Z; "
               "region us-east-1 (nothing set), S3 at AWS's own address");
}

static void a_provider_that_fails(void **state) {
        const char *const list[] = { "AWS_SECRET_ACCESS_KEY=a-secret-that-nobody-may-see", NULL };

        (void)state;
        check(list);
        assert_int_equal(findings.n_items, 1);
        expect(0, WRONG,
               "environment: AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not; set both or neither");
}

static void nobody_has_any(void **state) {
        struct scratch *scratch = *state;
        char home[1024];
        const char *const list[] = { home, "AWS_EC2_METADATA_DISABLED=true", NULL };

        snprintf(home, sizeof(home), "HOME=%s", scratch->folder);
        check(list);
        assert_int_equal(findings.n_items, 1 + AWS_PROVIDER_N);
        expect(0, WRONG, "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE");
        expect(1, DOUBTFUL, "environment: AWS_ACCESS_KEY_ID");
        expect(2, DOUBTFUL, "web identity: AWS_WEB_IDENTITY_TOKEN_FILE");
        expect(3, DOUBTFUL, "profile: there is no profile");
        expect(4, DOUBTFUL, "container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
        expect(5, DOUBTFUL, "instance: AWS_EC2_METADATA_DISABLED is true");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keys_that_are_there),
                cmocka_unit_test_setup_teardown(keys_that_are_temporary, scratch_setup, scratch_teardown),
                cmocka_unit_test(a_provider_that_fails),
                cmocka_unit_test_setup_teardown(nobody_has_any, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
