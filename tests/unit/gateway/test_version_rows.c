/* Version rows: what is gone is told of no more, though a row was read while it was there. */

#include "services/gateway/version_rows.h"

#include "tests/unit/store/registry_fixture.h"

static void retire(struct registry *registry, int64_t version) {
        bool is_retired = false;

        assert_int_equal(registry_retire(registry, &by_ann, &version, 1, &is_retired), 0);
        assert_true(is_retired);
}

static int row_of(struct version_rows *rows, int64_t version) {
        const struct buffer *row;
        struct aliases aliases;

        assert_int_equal(registry_read_aliases(rows->registry, &aliases), 0);
        version_rows_follow(rows, &aliases);
        return version_rows_get(rows, version, &row);
}

static void a_retired_version_has_no_row(void **state) {
        static const char *const runs[] = { "a", "b", "c" };
        struct registry *registry = registry_of(state);
        struct version_rows rows = { .registry = registry };
        struct aliases aliases;

        for (size_t i = 0; i < N_ELEMENTS(runs); i++)
                assert_int_equal(must_push(registry, runs[i]), i + 1);
        for (int64_t wrong = 3; wrong > 1; wrong--)
                assert_int_equal(registry_roll_back(registry, &by_ann, wrong, ALIASES_NONE, &aliases), 0);
        for (int64_t version = 1; version <= 3; version++)
                assert_int_equal(row_of(&rows, version), 0);
        retire(registry, 3);
        assert_int_equal(row_of(&rows, 3), REGISTRY_E_MISSING);
        assert_int_equal(row_of(&rows, 2), 0);
        assert_int_equal(row_of(&rows, 1), 0);
        version_rows_finish(&rows);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_retired_version_has_no_row, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
