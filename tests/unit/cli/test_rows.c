/* Rows: what stands in the file, in each of the formats. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "cli/rows.h"
#include "common/base/buffer.h"
#include "common/base/file.h"
#include "common/data/arrow/arrow.h"
#include "tests/support/scratch.h"

static const int64_t NUMBERS[] = { 7, 8 };
static struct column columns[] = { { .name = "n", .type = COLUMN_INT64, .int64 = NUMBERS } };
static const struct table BATCH = { .n_rows = 2, .n_columns = 1, .columns = columns };
static const struct table END = TABLE_NULL;

/* Two batches, each followed by the one that says that there is no more. */
static void write_rows(const char *path, enum rows_format format) {
        _cleanup_(rows_destroy_pointer) struct rows *rows = NULL;
        struct fault fault = FAULT_NULL;

        assert_int_equal(rows_create(path, format, NULL, &rows, &fault), 0);
        assert_int_equal(rows_add(rows, &BATCH, &fault), 0);
        assert_int_equal(rows_add(rows, &END, &fault), 0);
        assert_int_equal(rows_add(rows, &BATCH, &fault), 0);
        assert_int_equal(rows_add(rows, &END, &fault), 0);
        assert_int_equal(rows_finish(rows, &fault), 0);
}

static void assert_writes(struct scratch *scratch, const char *name, enum rows_format format, const char *want) {
        const char *path = scratch_path(scratch, name);
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;

        write_rows(path, format);
        assert_int_equal(file_read(path, 4096, &text), 0);
        assert_string_equal(buffer_text(&text), want);
}

static void the_batch_that_ends_a_source_adds_nothing(void **state) {
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = NULL;
        struct fault fault = FAULT_NULL;

        assert_writes(*state, "rows.csv", ROWS_CSV, "n\n7\n8\n7\n8\n");
        assert_writes(*state, "rows.ndjson", ROWS_NDJSON, "{\"n\":7}\n{\"n\":8}\n{\"n\":7}\n{\"n\":8}\n");
        write_rows(scratch_path(*state, "rows.arrow"), ROWS_ARROW);
        assert_int_equal(arrow_file_open(scratch_path(*state, "rows.arrow"), &file, &fault), 0);
        assert_int_equal(arrow_file_n_rows(file), 4);
}

static void assert_writes_nothing(const char *path, const char *want) {
        struct fault fault = FAULT_NULL;
        struct rows *rows = NULL;

        assert_int_equal(rows_create(path, ROWS_CSV, NULL, &rows, &fault), FAULT_E_INPUT);
        assert_null(rows);
        assert_string_equal(fault.file, path);
        assert_non_null(strstr(fault.message, want));
}

static void a_link_is_written_through(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char link[4096], between[4096], file[4096];
        struct stat status;

        (void)snprintf(file, sizeof(file), "%s", scratch_path(*state, "file.csv"));
        (void)snprintf(between, sizeof(between), "%s", scratch_path(*state, "between"));
        (void)snprintf(link, sizeof(link), "%s", scratch_path(*state, "link.csv"));
        assert_int_equal(symlink("between", link), 0);
        assert_int_equal(symlink(file, between), 0);
        /* whether the file is there already or not */
        for (int i = 0; i < 2; i++) {
                write_rows(link, ROWS_CSV);
                assert_int_equal(lstat(link, &status), 0);
                assert_true(S_ISLNK(status.st_mode));
                assert_int_equal(lstat(between, &status), 0);
                assert_true(S_ISLNK(status.st_mode));
                assert_int_equal(lstat(file, &status), 0);
                assert_true(S_ISREG(status.st_mode));
                buffer_clear(&text);
                assert_int_equal(file_read(file, 4096, &text), 0);
                assert_string_equal(buffer_text(&text), "n\n7\n8\n7\n8\n");
                buffer_finish(&text);
        }
        assert_int_equal(unlink(between), 0);
        assert_int_equal(symlink("link.csv", between), 0);
        assert_writes_nothing(link, "cannot be written: ");
}

static void what_is_no_regular_file_stays(void **state) {
        const char *path = scratch_path(*state, "pipe.csv");
        struct stat status;

        assert_int_equal(mkfifo(path, 0600), 0);
        assert_writes_nothing(path, "is no regular file");
        assert_int_equal(lstat(path, &status), 0);
        assert_true(S_ISFIFO(status.st_mode));
        assert_writes_nothing("/dev/null", "is no regular file");
        assert_writes_nothing("/tmp", "is no regular file");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_batch_that_ends_a_source_adds_nothing, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(a_link_is_written_through, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(what_is_no_regular_file_stays, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
