/* Rows: what stands in the file, in each of the formats. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

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

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_batch_that_ends_a_source_adds_nothing, scratch_setup,
                                                scratch_teardown),
        };

        return cmocka_run_group_tests_name("rows", tests, NULL, NULL);
}
