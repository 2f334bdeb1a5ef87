/* Place: sources, pipelines and stores as people name them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/place.h"
#include "common/base/file.h"
#include "tests/support/scratch.h"

static void write_file(struct scratch *scratch, const char *name) {
        assert_int_equal(file_replace(scratch_path(scratch, name), "x", 1), 0);
}

static void make_folder(struct scratch *scratch, const char *name) {
        assert_int_equal(file_make_folders(scratch_path(scratch, name)), 0);
}

/* Relative names are those of the present folder. */
static int enter(void **state) {
        struct scratch *scratch;

        if (scratch_setup(state))
                return -1;
        scratch = *state;
        return chdir(scratch->folder);
}

static int leave(void **state) {
        return chdir("/") ? -1 : scratch_teardown(state);
}

static void test_a_source_is_made_absolute(void **state) {
        struct scratch *scratch = *state;
        char uri[PLACE_BYTES], want[PLACE_BYTES];
        struct fault fault = FAULT_NULL;

        write_file(scratch, "rows.csv");
        snprintf(want, sizeof(want), "file://%s/rows.csv", scratch->folder);
        assert_int_equal(place_source("rows.csv", uri, &fault), 0);
        assert_string_equal(uri, want);
        assert_int_equal(place_source("file://rows.csv", uri, &fault), 0);
        assert_string_equal(uri, want);
        assert_int_equal(place_source(want, uri, &fault), 0);
        assert_string_equal(uri, want);
        assert_int_equal(place_source("generate:rows=7,seed=1", uri, &fault), 0);
        assert_string_equal(uri, "generate:rows=7,seed=1");
        assert_int_equal(place_source("mongodb://localhost/x", uri, &fault), 0);
        assert_string_equal(uri, "mongodb://localhost/x");
}

static void test_a_source_that_is_not_there_is_named(void **state) {
        char uri[PLACE_BYTES] = "untouched";
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(place_source("no-such.csv", uri, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FILE_NOT_FOUND");
        assert_string_equal(fault.file, "no-such.csv");
}

static void test_the_only_pipeline_is_found(void **state) {
        struct scratch *scratch = *state;
        char folder[PLACE_BYTES];
        struct fault fault = FAULT_NULL;

        make_folder(scratch, "pipelines/one");
        make_folder(scratch, "pipelines/no-pipeline");
        write_file(scratch, "pipelines/one/pipeline.yaml");
        assert_int_equal(place_pipeline(NULL, folder, &fault), 0);
        assert_string_equal(folder, scratch_path(scratch, "pipelines/one"));

        make_folder(scratch, "pipelines/two");
        write_file(scratch, "pipelines/two/pipeline.yaml");
        assert_int_equal(place_pipeline(NULL, folder, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "PIPELINE_AMBIGUOUS");
        assert_non_null(strstr(fault.message, "one"));
        assert_non_null(strstr(fault.message, "two"));
        assert_int_equal(place_pipeline("pipelines/two", folder, &fault), 0);
        assert_string_equal(folder, scratch_path(scratch, "pipelines/two"));
}

static void test_a_store_stands_on_the_home(void **state) {
        static const struct pipeline pipeline = { .cache = "cache" };
        struct scratch *scratch = *state;
        struct fault fault = FAULT_NULL;
        struct store *store = NULL;

        assert_int_equal(place_open_store("home", &pipeline, "file://store", &store, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "HOME_MISSING");
        make_folder(scratch, "home");
        assert_int_equal(place_open_store("home", &pipeline, "file://store", &store, &fault), 0);
        assert_int_equal(store_put(store, "a/b", "x", 1), 0);
        store_close(store);
        assert_true(file_exists(scratch_path(scratch, "home/store/a/b")));
}

static void test_daemons_are_looked_for_where_the_variable_says(void **state) {
        struct scratch *scratch = *state;
        char path[PLACE_BYTES];
        struct fault fault = FAULT_NULL;

        assert_int_equal(setenv("CONVOY_BIN", scratch->folder, 1), 0);
        assert_int_equal(place_daemon(STAGE_TRAINER, path, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "PROGRAM_MISSING");
        assert_non_null(strstr(fault.message, scratch->folder));
        write_file(scratch, "convoy-trainer");
        assert_int_equal(chmod(scratch_path(scratch, "convoy-trainer"), 0700), 0);
        assert_int_equal(place_daemon(STAGE_TRAINER, path, &fault), 0);
        assert_string_equal(path, scratch_path(scratch, "convoy-trainer"));
        assert_int_equal(unsetenv("CONVOY_BIN"), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_source_is_made_absolute, enter, leave),
                cmocka_unit_test_setup_teardown(test_a_source_that_is_not_there_is_named, enter, leave),
                cmocka_unit_test_setup_teardown(test_the_only_pipeline_is_found, enter, leave),
                cmocka_unit_test_setup_teardown(test_a_store_stands_on_the_home, enter, leave),
                cmocka_unit_test_setup_teardown(test_daemons_are_looked_for_where_the_variable_says, enter, leave),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
