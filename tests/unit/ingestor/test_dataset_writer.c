/* Dataset writer: cuts, failures, and what is left of what was given up. */

#include "services/ingestor/dataset_writer.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "tests/unit/ingestor/intake.h"

enum { LONG_TEXT_BYTES = 60000, N_LONG_ROWS = 2400 };

/* Rows of a number and a long text. */
static struct table_builder *make_long_rows(void) {
        static char text[LONG_TEXT_BYTES];
        struct table_builder *builder;

        memset(text, 'x', sizeof(text));
        assert_int_equal(table_builder_create(&builder), 0);
        assert_int_equal(table_builder_add_column(builder, "number", COLUMN_INT64), 0);
        assert_int_equal(table_builder_add_column(builder, "text", COLUMN_UTF8), 0);
        for (int i = 0; i < N_LONG_ROWS; i++) {
                assert_int_equal(table_builder_add_int64(builder, 0, i), 0);
                assert_int_equal(table_builder_add_text(builder, 1, text, sizeof(text) - (size_t)(i % 7)), 0);
        }
        return builder;
}

/* Stores the rows of a table in pieces of n_piece. */
static int store_rows(struct intake *intake, const struct table *table, size_t n_piece, struct dataset *ret_dataset) {
        _cleanup_(dataset_writer_destroy_pointer) struct dataset_writer *writer = NULL;
        _cleanup_(free_pointer) uint32_t *rows = calloc(table->n_rows + 1, sizeof(*rows));
        int r;

        assert_non_null(rows);
        for (uint32_t i = 0; i < table->n_rows; i++)
                rows[i] = i;
        r = dataset_writer_create(intake->store, table, NULL, 0, &writer);
        for (size_t at = 0; at < table->n_rows && !r; at += n_piece)
                r = dataset_writer_add(writer, table, rows + at,
                                       table->n_rows - at < n_piece ? table->n_rows - at : n_piece);
        if (!r) {
                dataset_writer_end(writer);
                r = dataset_writer_finish(writer, ret_dataset);
        }
        return r;
}

static void test_long_texts_cut_batches_by_their_bytes(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_long_rows();
        struct table table = table_builder_view(builder), batch;
        struct dataset want = DATASET_NULL, dataset = DATASET_NULL;
        struct intake *intake = *state;
        struct arrow_file *file;
        const struct column *text;

        assert_int_equal(store_rows(intake, &table, N_LONG_ROWS, &want), 0);
        assert_int_equal(want.n_rows, N_LONG_ROWS);
        file = intake_open(intake, &want);
        assert_int_equal(arrow_file_n_batches(file), 3);
        assert_int_equal(arrow_file_batch(file, 0, &batch, &intake->fault), 0);
        text = &batch.columns[1];
        assert_true((size_t)text->offsets[batch.n_rows] >= DATASET_WRITER_TEXT_BYTES);
        assert_true((size_t)text->offsets[batch.n_rows - 1] < DATASET_WRITER_TEXT_BYTES);
        arrow_file_close(file);
        intake_use_store(intake, "other");
        assert_int_equal(store_rows(intake, &table, 1, &dataset), 0);
        assert_string_equal(dataset.sha256, want.sha256);
        assert_int_equal(store_rows(intake, &table, 999, &dataset), 0);
        assert_string_equal(dataset.sha256, want.sha256);
        assert_string_equal(dataset.content, want.content);
}

static void test_no_rows_are_a_dataset(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_long_rows();
        struct dataset dataset = DATASET_NULL;
        struct intake *intake = *state;
        struct table table;

        table_builder_clear(builder);
        table = table_builder_view(builder);
        assert_int_equal(store_rows(intake, &table, 1, &dataset), 0);
        assert_int_equal(dataset.n_rows, 0);
        assert_string_equal(dataset.content, "00000000000000000000000000000000");
        arrow_file_close(intake_open(intake, &dataset));
}

static void test_what_is_given_up_leaves_nothing(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_long_rows();
        struct table table = table_builder_view(builder);
        struct intake *intake = *state;
        struct dataset_writer *writer = NULL;
        uint32_t row = 0;

        assert_int_equal(dataset_writer_create(intake->store, &table, NULL, 0, &writer), 0);
        for (int i = 0; i < 1200; i++)
                assert_int_equal(dataset_writer_add(writer, &table, &row, 1), 0);
        assert_null(dataset_writer_destroy(writer));
        assert_int_equal(intake_count_files(intake, "store"), 0);
}

static void test_a_failure_to_write_is_told_and_leaves_nothing(void **state) {
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = make_long_rows();
        struct table table = table_builder_view(builder);
        struct dataset dataset = DATASET_NULL;
        struct intake *intake = *state;
        struct rlimit before, small;
        int r;

        assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        small = (struct rlimit){ 1024 * 1024, before.rlim_max };
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        r = store_rows(intake, &table, 100, &dataset);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(r, -EFBIG);
        assert_int_equal(dataset.n_rows, 0);
        assert_int_equal(intake_count_files(intake, "store"), 0);
}

#define test(function) cmocka_unit_test_setup_teardown(function, intake_setup, intake_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(test_long_texts_cut_batches_by_their_bytes),
                test(test_no_rows_are_a_dataset),
                test(test_what_is_given_up_leaves_nothing),
                test(test_a_failure_to_write_is_told_and_leaves_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
