/* Golden rows: which are chosen, and that a replay notices what changed. */

#include "common/model/golden.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "tests/support/scratch.h"
#include "tests/support/world.h"

enum { N_ROWS = 5000 };

static const char *const pairs[] = { "num_boost_round", "20", "max_depth", "4", NULL };

struct fixture {
        struct world *world;
        struct scratch *scratch;
};

static int set_up(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));

        assert_non_null(fixture);
        fixture->world = world_create(N_ROWS, NULL, 0, pairs);
        *state = fixture;
        return scratch_setup((void **)&fixture->scratch);
}

static int tear_down(void **state) {
        struct fixture *fixture = *state;
        int r = scratch_teardown((void **)&fixture->scratch);

        world_destroy(fixture->world);
        free(fixture);
        return r;
}

static const char *write_golden(struct fixture *fixture, const struct table *tables, size_t n_tables, const char *name,
                                struct arrow_summary *ret_summary) {
        const char *path = scratch_path(fixture->scratch, name);
        _cleanup_(close_descriptor) int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        struct fault fault = FAULT_NULL;

        assert_true(fd >= 0);
        assert_int_equal(golden_write(&fixture->world->bundle, tables, n_tables, fd, ret_summary, &fault), 0);
        return path;
}

static void test_few_rows_are_all_taken(void **state) {
        const struct fixture *fixture = *state;
        uint64_t rows[GOLDEN_ROWS_MAX];
        struct column columns[2][32];
        struct table tables[2] = { table_slice(&fixture->world->table, 0, 100, columns[0]),
                                   table_slice(&fixture->world->table, 104, 156, columns[1]) };
        size_t n = 0;

        assert_int_equal(golden_choose(fixture->world->schema, tables, 2, rows, &n), 0);
        assert_int_equal(n, GOLDEN_ROWS_MAX);
        for (size_t i = 0; i < n; i++)
                assert_int_equal(rows[i], i);
        assert_int_equal(golden_choose(fixture->world->schema, tables, 1, rows, &n), 0);
        assert_int_equal(n, 100);
        assert_int_equal(golden_choose(fixture->world->schema, tables, 0, rows, &n), 0);
        assert_int_equal(n, 0);
}

/* The color that only one row of 5,000 has, and the one row without a size, are among them. */
static void test_every_value_is_among_them(void **state) {
        const struct fixture *fixture = *state;
        _cleanup_(table_builder_destroy_pointer) struct table_builder *builder = world_rows(fixture->world->schema, 0,
                                                                                            N_ROWS);
        struct table table = table_builder_view(builder);
        struct column *colors = &table.columns[7], *incomes = &table.columns[2];
        uint64_t rows[GOLDEN_ROWS_MAX];
        uint8_t validity[(N_ROWS + 7) / 8];
        bool is_there[3] = { false };
        char *text = NULL;
        size_t n = 0;

        assert_string_equal(colors->name, "color");
        assert_string_equal(incomes->name, "income");
        /* all greens but the one of row 4,321 become unknown, and one income alone is missing */
        text = (char *)(uintptr_t)colors->text;
        for (size_t i = 0; i < N_ROWS; i++)
                if (i != 4321 && colors->offsets[i + 1] - colors->offsets[i] == 5 && text[colors->offsets[i]] == 'g')
                        text[colors->offsets[i]] = 'x';
        memset(validity, 0xff, sizeof(validity));
        validity[4567 / 8] = (uint8_t) ~(1U << 4567 % 8);
        incomes->validity = validity;
        assert_int_equal(golden_choose(fixture->world->schema, &table, 1, rows, &n), 0);
        assert_int_equal(n, GOLDEN_ROWS_MAX);
        for (size_t i = 0; i < n; i++) {
                assert_true(!i || rows[i - 1] < rows[i]);
                assert_true(rows[i] < N_ROWS);
                is_there[0] |= rows[i] == 4567;
                is_there[1] |= colors->offsets[rows[i] + 1] - colors->offsets[rows[i]] == 5 &&
                               text[colors->offsets[rows[i]]] == 'g';
                is_there[2] |= !column_is_present(colors, rows[i]);
        }
        assert_true(is_there[0] && is_there[2]);
        /* row 4,321 may be of another color; then there is no green at all */
        assert_true(is_there[1] || text[colors->offsets[4321]] != 'g');
}

static void test_the_choice_is_repeatable_and_spread(void **state) {
        const struct fixture *fixture = *state;
        uint64_t rows[GOLDEN_ROWS_MAX], again[GOLDEN_ROWS_MAX];
        struct column columns[3][32];
        struct table tables[3] = { table_slice(&fixture->world->table, 0, 1000, columns[0]),
                                   table_slice(&fixture->world->table, 1000, 0, columns[1]),
                                   table_slice(&fixture->world->table, 1000, N_ROWS - 1000, columns[2]) };
        size_t n, n_again, n_late = 0;

        assert_int_equal(golden_choose(fixture->world->schema, &fixture->world->table, 1, rows, &n), 0);
        assert_int_equal(golden_choose(fixture->world->schema, tables, 3, again, &n_again), 0);
        assert_int_equal(n, n_again);
        assert_memory_equal(rows, again, n * sizeof(*rows));
        for (size_t i = 0; i < n; i++)
                n_late += rows[i] >= N_ROWS / 2;
        assert_in_range(n_late, 80, 160);
}

static void test_written_rows_replay(void **state) {
        struct fixture *fixture = *state;
        struct column columns[2][32];
        struct table tables[2] = { table_slice(&fixture->world->table, 0, 2000, columns[0]),
                                   table_slice(&fixture->world->table, 2000, N_ROWS - 2000, columns[1]) };
        _cleanup_(buffer_finish) struct buffer first = BUFFER_NULL, second = BUFFER_NULL;
        struct arrow_summary summary, again;
        struct fault fault = FAULT_NULL;
        const char *path;

        path = write_golden(fixture, tables, 2, "golden.arrow", &summary);
        assert_int_equal(summary.n_rows, GOLDEN_ROWS_MAX);
        fault_at(&fault, "as it was", 1, 1);
        fault_in(&fault, "as it was", 3);
        assert_int_equal(golden_verify(&fixture->world->bundle, path, &fault), 0);
        assert_string_equal(fault.file, "as it was");
        assert_string_equal(fault.column, "as it was");
        assert_int_equal(file_read(path, 1 << 20, &first), 0);
        path = write_golden(fixture, &fixture->world->table, 1, "again.arrow", &again);
        assert_int_equal(file_read(path, 1 << 20, &second), 0);
        assert_string_equal(summary.sha256, again.sha256);
        assert_int_equal(first.n_bytes, second.n_bytes);
        assert_memory_equal(first.data, second.data, first.n_bytes);
}

static void test_only_features_and_the_margin_are_written(void **state) {
        struct fixture *fixture = *state;
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = NULL;
        struct arrow_summary summary;
        struct fault fault = FAULT_NULL;
        struct table shape;

        assert_int_equal(arrow_file_open(write_golden(fixture, &fixture->world->table, 1, "golden.arrow", &summary),
                                         &file, &fault),
                         0);
        shape = arrow_file_shape(file);
        assert_int_equal(shape.n_columns, fixture->world->schema->n_features + 1);
        assert_null(table_find(&shape, "id"));
        assert_null(table_find(&shape, "bought"));
        assert_string_equal(shape.columns[shape.n_columns - 1].name, GOLDEN_MARGIN);
        assert_int_equal(shape.columns[shape.n_columns - 1].type, COLUMN_FLOAT32);
}

/* Another model, and one bit of one margin. */
static void test_what_changed_is_noticed(void **state) {
        static const char *const other_pairs[] = { "num_boost_round", "20", "max_depth", "4", "eta", "0.11", NULL };
        struct fixture *fixture = *state;
        _cleanup_(buffer_finish) struct buffer bytes = BUFFER_NULL;
        _cleanup_(bundle_finish) struct bundle other = BUNDLE_NULL;
        struct world_model model;
        struct arrow_summary summary;
        struct fault fault = FAULT_NULL;
        struct table batch;
        struct arrow_file *file = NULL;
        float margin;
        size_t at = 0;
        const char *path;

        path = write_golden(fixture, &fixture->world->table, 1, "golden.arrow", &summary);
        world_train(world_schema_text, NULL, 0, &fixture->world->table, other_pairs, -0.5F, &model);
        world_bundle(&model, &other);
        assert_int_equal(golden_verify(&other, path, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "GOLDEN_MISMATCH");
        assert_int_equal(fault.row, 0);
        world_model_finish(&model);

        assert_int_equal(file_read(path, 1 << 20, &bytes), 0);
        assert_int_equal(arrow_file_open(path, &file, &fault), 0);
        assert_int_equal(arrow_file_batch(file, 0, &batch, &fault), 0);
        margin = batch.columns[batch.n_columns - 1].float32[200];
        arrow_file_close(file);
        /* the margins stand side by side at the file's end; look for row 200's */
        for (size_t i = 0; i + sizeof(margin) <= bytes.n_bytes; i += sizeof(margin))
                if (!memcmp(bytes.data + i, &margin, sizeof(margin)))
                        at = i;
        assert_true(at > 0);
        bytes.data[at] ^= 1;
        path = scratch_path(fixture->scratch, "flipped.arrow");
        assert_int_equal(file_replace(path, bytes.data, bytes.n_bytes), 0);
        fault = (struct fault)FAULT_NULL;
        assert_int_equal(golden_verify(&fixture->world->bundle, path, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "GOLDEN_MISMATCH");
        assert_string_equal(fault.file, GOLDEN_FILE);
        assert_true(fault.row >= 0);
}

static void test_what_are_no_golden_rows(void **state) {
        struct fixture *fixture = *state;
        const char *path = scratch_path(fixture->scratch, "plain.arrow");
        _cleanup_(arrow_writer_destroy_pointer) struct arrow_writer *writer = NULL;
        _cleanup_(close_descriptor) int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        struct column columns[32];
        struct table slice = table_slice(&fixture->world->table, 0, 8, columns);
        struct arrow_summary summary;
        struct fault fault = FAULT_NULL;

        assert_int_equal(arrow_writer_create(fd, &slice, NULL, 0, &writer), 0);
        assert_int_equal(arrow_writer_add(writer, &slice), 0);
        assert_int_equal(arrow_writer_finish(writer, &summary), 0);
        assert_int_equal(golden_verify(&fixture->world->bundle, path, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "GOLDEN_MALFORMED");
        fault = (struct fault)FAULT_NULL;
        assert_int_equal(golden_verify(&fixture->world->bundle, scratch_path(fixture->scratch, "none"), &fault),
                         FAULT_E_INPUT);
        assert_string_equal(fault.code, "FILE_NOT_FOUND");
        assert_int_equal(golden_write(&fixture->world->bundle, NULL, 0, fd, &summary, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "GOLDEN_NO_ROWS");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_few_rows_are_all_taken),
                cmocka_unit_test(test_every_value_is_among_them),
                cmocka_unit_test(test_the_choice_is_repeatable_and_spread),
                cmocka_unit_test(test_written_rows_replay),
                cmocka_unit_test(test_only_features_and_the_margin_are_written),
                cmocka_unit_test(test_what_changed_is_noticed),
                cmocka_unit_test(test_what_are_no_golden_rows),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
