/* Reference: the names that people give to versions. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/reference.h"
#include "tests/support/scratch.h"

static void test_forms(void **state) {
        static const struct {
                const char *text;
                const char *want_model, *want_alias;
                int64_t want_version;
        } rows[] = {
                { NULL, "ours", "champion", 0 },
                { "champion", "ours", "champion", 0 },
                { "challenger", "ours", "challenger", 0 },
                { "3", "ours", "", 3 },
                { "v3", "ours", "", 3 },
                { "theirs@champion", "theirs", "champion", 0 },
                { "theirs@12", "theirs", "", 12 },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct fault fault = FAULT_NULL;
                struct reference reference;

                assert_int_equal(reference_parse(rows[i].text, "ours", &reference, &fault), 0);
                assert_string_equal(reference.model, rows[i].want_model);
                assert_string_equal(reference.alias, rows[i].want_alias);
                assert_int_equal(reference.version, rows[i].want_version);
        }
}

static void test_refused(void **state) {
        static const char *const wrong[] = { "", "@", "@champion", "a@", "../x@1", "a@latest", "Champion" };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(wrong); i++) {
                struct reference reference = { .version = 77 };
                struct fault fault = FAULT_NULL;

                assert_int_equal(reference_parse(wrong[i], "ours", &reference, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "REFERENCE_INVALID");
                assert_int_equal(reference.version, 77);
        }
}

static void test_an_empty_registry_says_what_to_do(void **state) {
        struct scratch *scratch = *state;
        struct fault fault = FAULT_NULL;
        struct reference reference;
        struct registry registry;
        struct store *store;
        char uri[600];
        int64_t version = 77;

        snprintf(uri, sizeof(uri), "file://%s", scratch->folder);
        assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &store, &fault), 0);
        assert_int_equal(registry_init(&registry, store, "ours"), 0);
        assert_int_equal(reference_parse(NULL, "ours", &reference, &fault), 0);
        assert_int_equal(reference_resolve(&reference, &registry, &version, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "VERSION_UNKNOWN");
        assert_non_null(strstr(fault.message, "convoy train"));
        assert_int_equal(version, 77);
        assert_int_equal(reference_parse("5", "ours", &reference, &fault), 0);
        assert_int_equal(reference_resolve(&reference, &registry, &version, &fault), 0);
        assert_int_equal(version, 5);
        store_close(store);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_forms),
                cmocka_unit_test(test_refused),
                cmocka_unit_test_setup_teardown(test_an_empty_registry_says_what_to_do, scratch_setup,
                                                scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
