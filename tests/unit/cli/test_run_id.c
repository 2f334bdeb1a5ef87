/* Run id: what may be one's beginning, and which runs it means. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/run_id.h"
#include "tests/support/scratch.h"

static void test_ids_and_beginnings(void **state) {
        static const struct {
                const char *text;
                bool want;
        } rows[] = {
                { "01a208bc-314d-7a59-a9f7-0123456789ab", true },
                { "01a208bc-314d-7a59-a9f7-0123456789a", true },
                { "01a208bc-314d", true },
                { "01a208bc-", true },
                { "01a208bc", true },
                { "01a208b", false },
                { "", false },
                { "01a208bc3", false },
                { "01A208BC", false },
                { "01a208bc-314d-7a59-a9f7-0123456789abc", false },
                { "../models", false },
                { "01a208bx", false },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                assert_int_equal(run_id_is_possible(rows[i].text), rows[i].want);
}

static void test_one_is_found_and_several_are_named(void **state) {
        static const char *const ids[] = {
                "01a208bc-314d-7a59-a9f7-000000000001",
                "01a208bc-314d-7a59-a9f7-000000000002",
                "01a208bc-414d-7a59-a9f7-000000000003",
                "01a208bd-314d-7a59-a9f7-000000000004",
        };
        const struct {
                const char *text, *want_id, *want_code, *want_words;
        } rows[] = {
                { "01a208bd", ids[3], NULL, NULL },
                { "01a208bc-4", ids[2], NULL, NULL },
                { "01a208be", NULL, "RUN_UNKNOWN", "no run begins with 01a208be" },
                { "01a208bc", NULL, "RUN_AMBIGUOUS",
                  "3 runs begin with 01a208bc: 01a208bc-314d-7a59-a9f7-000000000001, "
                  "01a208bc-314d-7a59-a9f7-000000000002, 01a208bc-414d-7a59-a9f7-000000000003; give more" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct run_id_search search = { .text = rows[i].text };
                char id[UUID_TEXT_BYTES] = "";
                struct fault fault = FAULT_NULL;

                for (size_t k = 0; k < N_ELEMENTS(ids); k++)
                        run_id_offer(&search, ids[k]);
                run_id_offer(&search, "aliases.json");
                assert_int_equal(run_id_conclude(&search, id, &fault), rows[i].want_id ? 0 : FAULT_E_INPUT);
                assert_string_equal(id, rows[i].want_id ? rows[i].want_id : "");
                assert_string_equal(fault.code, rows[i].want_code ? rows[i].want_code : "");
                if (rows[i].want_words)
                        assert_non_null(strstr(fault.message, rows[i].want_words));
        }
}

/* The first four are named, however many there are. */
static void test_many_are_counted(void **state) {
        struct run_id_search search = { .text = "01a208bc" };
        char id[UUID_TEXT_BYTES];
        struct fault fault = FAULT_NULL;

        (void)state;
        for (int i = 0; i < 1000; i++) {
                snprintf(id, sizeof(id), "01a208bc-314d-7a59-a9f7-%012d", i);
                run_id_offer(&search, id);
        }
        assert_int_equal(run_id_conclude(&search, id, &fault), FAULT_E_INPUT);
        assert_non_null(strstr(fault.message, "1000 runs begin"));
        assert_non_null(strstr(fault.message, "a9f7-000000000003, …; give more"));
}

static void test_runs_of_a_store(void **state) {
        const struct scratch *scratch = *state;
        char uri[700], id[UUID_TEXT_BYTES];
        struct fault fault = FAULT_NULL;
        struct store *store = NULL;

        snprintf(uri, sizeof(uri), "file://%s", scratch->folder);
        assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &store, &fault), 0);
        assert_int_equal(run_id_find_in_store(store, "01a208bc", id, &fault), FAULT_E_INPUT);
        assert_int_equal(store_put(store, "runs/01a208bc-314d-7a59-a9f7-000000000001/run.json", "{}", 2), 0);
        assert_int_equal(store_put(store, "runs/01a208bd-314d-7a59-a9f7-000000000002/run.json", "{}", 2), 0);
        assert_int_equal(run_id_find_in_store(store, "01a208bc", id, &fault), 0);
        assert_string_equal(id, "01a208bc-314d-7a59-a9f7-000000000001");
        assert_int_equal(run_id_find_in_store(store, "01a208bd-314d-7a59-a9f7-000000000002", id, &fault), 0);
        assert_string_equal(id, "01a208bd-314d-7a59-a9f7-000000000002");
        /* a whole id is taken as it is: what comes next says what is missing */
        assert_int_equal(run_id_find_in_store(store, "01a208bf-314d-7a59-a9f7-000000000009", id, &fault), 0);
        assert_string_equal(id, "01a208bf-314d-7a59-a9f7-000000000009");
        store_close(store);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_ids_and_beginnings),
                cmocka_unit_test(test_one_is_found_and_several_are_named),
                cmocka_unit_test(test_many_are_counted),
                cmocka_unit_test_setup_teardown(test_runs_of_a_store, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
