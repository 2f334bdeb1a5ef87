/* The train matrix: every value is the one that a single row gets, every row is in one part, and nothing else counts.
 */

#include "services/transformer/transform.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/data/split.h"
#include "common/model/features.h"
#include "tests/support/scratch.h"
#include "tests/support/world.h"

enum {
        N_ROWS = 5000,
        N_TABLES = 8, /* for N_ROWS */
        N_OUTPUTS = 11,
        TABLE_ROWS = 800,
};

static const char *const names[N_OUTPUTS + 1] = { "age",         "income",     "visits",     "insured",
                                                  "sex",         "size_small", "size_large", "color_red",
                                                  "color_green", "color_blue", "zone_code",  "bought" };

/* Rows in several tables, the third without any, and what is made of them. */
struct fixture {
        struct scratch *scratch;
        struct schema *schema;
        struct parameters parameters;
        struct table_builder *builders[N_TABLES];
        struct table tables[N_TABLES];
        size_t n_tables;
        char path[1024];
        struct transform_result result;
        struct fault fault;
};

static struct fixture *fixture_create(const char *schema_text, size_t n_rows, size_t table_rows) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        uint64_t first = 0;
        size_t n;
        void *state = NULL;

        assert_non_null(fixture);
        assert_int_equal(scratch_setup(&state), 0);
        fixture->scratch = state;
        fixture->schema = world_schema(schema_text);
        parameters_init(&fixture->parameters, "world");
        while (first < n_rows) {
                n = fixture->n_tables == 2 ? 0 : n_rows - first < table_rows ? n_rows - first : table_rows;
                fixture->builders[fixture->n_tables] = world_rows(fixture->schema, first, n);
                fixture->tables[fixture->n_tables] = table_builder_view(fixture->builders[fixture->n_tables]);
                fixture->n_tables++;
                first += n;
                assert_true(fixture->n_tables < N_TABLES || first >= n_rows);
        }
        snprintf(fixture->path, sizeof(fixture->path), "%s", scratch_path(fixture->scratch, "matrix.arrow"));
        return fixture;
}

static void fixture_destroy(struct fixture *fixture) {
        void *state = fixture->scratch;

        transform_result_finish(&fixture->result);
        for (size_t t = 0; t < fixture->n_tables; t++)
                table_builder_destroy(fixture->builders[t]);
        schema_destroy(fixture->schema);
        assert_int_equal(scratch_teardown(&state), 0);
        free(fixture);
}

static int set_up(void **state) {
        *state = fixture_create(world_schema_text, N_ROWS, TABLE_ROWS);
        return 0;
}

static int tear_down(void **state) {
        fixture_destroy(*state);
        return 0;
}

static struct transform_input input_of(const struct fixture *fixture) {
        return (struct transform_input){ .schema = fixture->schema,
                                         .parameters = &fixture->parameters,
                                         .tables = fixture->tables,
                                         .n_tables = fixture->n_tables,
                                         .matrix_fd = -1 };
}

static int run_with(struct fixture *fixture, struct transform_input input) {
        int r;

        transform_result_finish(&fixture->result);
        fixture->result = (struct transform_result)TRANSFORM_RESULT_NULL;
        fixture->fault = (struct fault)FAULT_NULL;
        input.matrix_fd = open(fixture->path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        assert_true(input.matrix_fd >= 0);
        r = transform(&input, &fixture->result, &fixture->fault);
        close(input.matrix_fd);
        return r;
}

static int run(struct fixture *fixture) {
        return run_with(fixture, input_of(fixture));
}

static struct arrow_file *open_matrix(const struct fixture *fixture) {
        struct fault fault = FAULT_NULL;
        struct arrow_file *file = NULL;
        char digest[DIGEST_SHA256_BYTES];

        assert_int_equal(digest_sha256_file(fixture->path, digest), 0);
        assert_string_equal(digest, fixture->result.matrix.sha256);
        assert_int_equal(arrow_file_open(fixture->path, &file, &fault), 0);
        assert_int_equal(arrow_file_n_rows(file), fixture->result.n_train_rows + fixture->result.n_slice_rows);
        assert_int_equal(arrow_file_n_rows(file), fixture->result.matrix.n_rows);
        return file;
}

/* The row of the matrix. */
static void read_matrix(const struct arrow_file *file, int64_t row, float ret_values[N_OUTPUTS + 1]) {
        struct fault fault = FAULT_NULL;
        struct table_matrix matrix;
        struct table table;
        size_t batch = 0;

        while (arrow_file_first_row(file, batch + 1) <= row)
                batch++;
        assert_int_equal(arrow_file_batch(file, batch, &table, &fault), 0);
        assert_true(table_as_matrix(&table, &matrix));
        assert_int_equal(matrix.n_columns, N_OUTPUTS + 1);
        for (size_t k = 0; k <= N_OUTPUTS; k++)
                ret_values[k] = matrix.values[k * matrix.distance + (size_t)(row - arrow_file_first_row(file, batch))];
}

/* The same row by way of a single prediction, and its label. */
static void read_row(const struct fixture *fixture, const struct features *features, const struct table *table,
                     size_t row, float ret_values[N_OUTPUTS + 1]) {
        static char scratch[SCHEMA_COLUMNS_MAX][VALUE_SCRATCH_BYTES];
        struct value values[SCHEMA_COLUMNS_MAX];
        struct fault fault = FAULT_NULL;

        world_row(fixture->schema, table, row, scratch, values);
        assert_int_equal(features_apply_row(features, values, ret_values, &fault), 0);
        ret_values[N_OUTPUTS] = (float)values[fixture->schema->label].integer;
}

static bool is_in_slice(const struct parameters *parameters, int64_t id) {
        struct value key = { .kind = VALUE_INT, .integer = id };

        return split_is_test(&key, split_stopping_salt(parameters->train.seed),
                             llround(parameters->train.stopping_fraction * SPLIT_PARTS));
}

/* Every raw row is found once, in the part where its key puts it, in the order of the rows, and to the bit. */
static void check_rows(const struct fixture *fixture) {
        _cleanup_(features_destroy_pointer) struct features *features = NULL;
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = open_matrix(fixture);
        const struct transform_result *result = &fixture->result;
        int64_t train = 0, slice = result->n_train_rows;
        float want[N_OUTPUTS + 1], have[N_OUTPUTS + 1];
        struct fault fault = FAULT_NULL;

        assert_int_equal(
                features_load(fixture->schema, result->transform.data, result->transform.n_bytes, &features, &fault),
                0);
        for (size_t t = 0; t < fixture->n_tables; t++) {
                const struct table *table = &fixture->tables[t];

                for (size_t i = 0; i < table->n_rows; i++) {
                        bool is_slice = is_in_slice(&fixture->parameters, table_find(table, "id")->int64[i]);

                        read_row(fixture, features, table, i, want);
                        read_matrix(file, is_slice ? slice++ : train++, have);
                        assert_memory_equal(have, want, sizeof(want));
                }
        }
        assert_int_equal(train, result->n_train_rows);
        assert_int_equal(slice, train + result->n_slice_rows);
}

static void test_matrix_holds_the_floats_of_single_rows(void **state) {
        struct fixture *fixture = *state;

        assert_int_equal(run(fixture), 0);
        assert_int_equal(fixture->result.n_features, N_OUTPUTS);
        assert_int_equal(fixture->result.n_train_rows + fixture->result.n_slice_rows, N_ROWS);
        assert_in_range(fixture->result.n_slice_rows, N_ROWS / 10 - 100, N_ROWS / 10 + 100);
        check_rows(fixture);
}

static void test_key_and_ignored_columns_stay_out_and_the_label_is_last(void **state) {
        struct fixture *fixture = *state;
        struct arrow_file *file;
        struct table shape;

        assert_int_equal(run(fixture), 0);
        file = open_matrix(fixture);
        shape = arrow_file_shape(file);
        assert_int_equal(shape.n_columns, N_OUTPUTS + 1);
        for (size_t k = 0; k <= N_OUTPUTS; k++) {
                assert_string_equal(shape.columns[k].name, names[k]);
                assert_int_equal(shape.columns[k].type, COLUMN_FLOAT32);
        }
        arrow_file_close(file);
}

/* the slice is not related to the test set, and each seed has its own */
static void test_seed_and_fraction_choose_the_slice(void **state) {
        struct fixture *fixture = *state;
        char digests[3][DIGEST_SHA256_BYTES];

        for (int64_t i = 0; i < 3; i++) {
                fixture->parameters.train.seed = 1 + i % 2;
                fixture->parameters.train.stopping_fraction = i < 2 ? 0.1 : 0.3;
                assert_int_equal(run(fixture), 0);
                check_rows(fixture);
                memcpy(digests[i], fixture->result.matrix.sha256, sizeof(digests[i]));
        }
        assert_string_not_equal(digests[0], digests[1]);
        assert_in_range(fixture->result.n_slice_rows, N_ROWS * 3 / 10 - 150, N_ROWS * 3 / 10 + 150);
}

static void test_bytes_do_not_depend_on_threads(void **state) {
        struct fixture *fixture = *state;
        char digest[DIGEST_SHA256_BYTES];
        cpu_set_t all, one;

        assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
        CPU_ZERO(&one);
        for (int cpu = 0; !CPU_COUNT(&one); cpu++)
                if (CPU_ISSET(cpu, &all))
                        CPU_SET(cpu, &one);
        assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
        assert_int_equal(run(fixture), 0);
        memcpy(digest, fixture->result.matrix.sha256, sizeof(digest));
        assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
        for (int i = 0; i < 20; i++) {
                assert_int_equal(run(fixture), 0);
                assert_string_equal(fixture->result.matrix.sha256, digest);
        }
}

/* equal rows without a key are on one side, and any number of others does not move them */
static void test_without_a_key_content_decides(void **state) {
        static const char *const key = "  - {name: id, role: key, type: int}\n";
        struct fixture *fixture = *state;
        int64_t n_slice_rows;
        char text[4096];

        snprintf(text, sizeof(text), "%.*s%s", (int)(strstr(world_schema_text, key) - world_schema_text),
                 world_schema_text, strstr(world_schema_text, key) + strlen(key));
        schema_destroy(fixture->schema);
        fixture->schema = world_schema(text);
        for (size_t t = 0; t < fixture->n_tables; t++) {
                table_builder_destroy(fixture->builders[t]);
                fixture->builders[t] = world_rows(fixture->schema, t * TABLE_ROWS, TABLE_ROWS);
                fixture->tables[t] = table_builder_view(fixture->builders[t]);
        }
        fixture->n_tables -= 4;
        assert_int_equal(run(fixture), 0);
        n_slice_rows = fixture->result.n_slice_rows;
        assert_in_range(n_slice_rows, 4 * TABLE_ROWS / 10 - 100, 4 * TABLE_ROWS / 10 + 100);
        fixture->n_tables += 4;
        for (size_t t = 4; t < fixture->n_tables; t++)
                fixture->tables[t] = fixture->tables[t - 4];
        assert_int_equal(run(fixture), 0);
        assert_int_equal(fixture->result.n_slice_rows, 2 * n_slice_rows);
}

/* more of them than a batch holds */
static void test_large_slices_are_written_in_batches(void **state) {
        struct fixture *fixture = fixture_create(world_schema_text, 140000, 50000);

        (void)state;
        fixture->parameters.train.stopping_fraction = 0.5;
        assert_int_equal(run(fixture), 0);
        assert_true(fixture->result.n_slice_rows > TABLE_BATCH_ROWS);
        assert_int_equal(fixture->result.matrix.n_batches, 3 + 2);
        check_rows(fixture);
        fixture_destroy(fixture);
}

static void test_numbers_are_scaled_as_ordered(void **state) {
        struct fixture *fixture = *state;
        struct transform_parameters *transform = &fixture->parameters.transform;
        float values[N_OUTPUTS + 1], least = INFINITY, most = -INFINITY;
        double sum = 0, squares = 0;
        struct arrow_file *file;

        transform->numbers = SCALING_MIN_MAX;
        transform->n_columns = 2;
        transform->columns[0] = (struct column_scaling){ "age", SCALING_STANDARD };
        transform->columns[1] = (struct column_scaling){ "visits", SCALING_PASSTHROUGH };
        assert_int_equal(run(fixture), 0);
        check_rows(fixture);
        file = open_matrix(fixture);
        for (int64_t i = 0; i < N_ROWS; i++) {
                read_matrix(file, i, values);
                sum += (double)values[0];
                squares += (double)(values[0] * values[0]);
                least = fminf(least, values[1]);
                most = fmaxf(most, values[1]);
                assert_true(values[2] >= 0 && rintf(values[2]) >= values[2] && rintf(values[2]) <= values[2]);
        }
        arrow_file_close(file);
        assert_true(fabs(sum / N_ROWS) < 1e-4 && fabs(squares / N_ROWS - 1) < 1e-4);
        assert_true(least >= 0 && least <= 0 && most >= 1 && most <= 1);
}

static void test_scaling_of_what_is_no_number_is_refused(void **state) {
        static const struct {
                const char *column, *want_code;
        } rows[] = { { "sex", "TRANSFORM_NOT_A_NUMBER" },
                     { "bought", "TRANSFORM_UNKNOWN_COLUMN" },
                     { "nothing", "TRANSFORM_UNKNOWN_COLUMN" } };
        struct fixture *fixture = *state;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct column_scaling *column = &fixture->parameters.transform.columns[0];

                fixture->parameters.transform.n_columns = 1;
                column->scaling = SCALING_STANDARD;
                snprintf(column->name, sizeof(column->name), "%s", rows[i].column);
                assert_int_equal(run(fixture), FAULT_E_INPUT);
                assert_string_equal(fixture->fault.column, rows[i].column);
                assert_string_equal(fixture->fault.code, rows[i].want_code);
        }
}

/* Leaves out one value of the first row of a table. */
static void spoil(struct fixture *fixture, size_t at, const char *name) {
        static const uint8_t validity[(TABLE_ROWS + 7) / 8];

        for (size_t k = 0; k < fixture->tables[at].n_columns; k++)
                if (!strcmp(fixture->tables[at].columns[k].name, name))
                        fixture->tables[at].columns[k].validity = validity;
}

/* whichever thread was first: the row is that of the whole train set */
static void test_the_first_row_at_fault_is_named(void **state) {
        static const char *const columns[] = { "age", "bought", "id" };
        struct fixture *fixture = NULL;
        void *own = NULL;

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(columns); i++)
                for (int again = 0; again < 10; again++) {
                        set_up(&own);
                        fixture = own;
                        spoil(fixture, 5, "insured");
                        spoil(fixture, 3, columns[i]);
                        spoil(fixture, 4, "sex");
                        assert_int_equal(run(fixture), FAULT_E_INPUT);
                        assert_string_equal(fixture->fault.column, columns[i]);
                        assert_int_equal(fixture->fault.row, 2 * TABLE_ROWS);
                        tear_down(&own);
                }
}

struct progress {
        size_t n_calls, cancel_at;
        int64_t last, total;
};

static int on_rows(void *context, int64_t n_done, int64_t n_rows) {
        struct progress *progress = context;

        assert_true(n_done >= progress->last);
        progress->last = n_done;
        progress->total = n_rows;
        return ++progress->n_calls == progress->cancel_at;
}

static void test_rows_are_told_in_order_and_may_cancel(void **state) {
        struct fixture *fixture = *state;
        struct transform_input input = input_of(fixture);
        struct progress progress = { 0 };

        input.on_rows = on_rows;
        input.context = &progress;
        assert_int_equal(run_with(fixture, input), 0);
        assert_int_equal(progress.n_calls, fixture->n_tables);
        assert_int_equal(progress.last, N_ROWS);
        assert_int_equal(progress.total, N_ROWS);
        for (size_t at = 1; at <= fixture->n_tables; at++) {
                progress = (struct progress){ .cancel_at = at };
                assert_int_equal(run_with(fixture, input), TRANSFORM_E_CANCELED);
                assert_int_equal(progress.n_calls, at);
                assert_null(fixture->result.transform.data);
        }
}

static void test_a_file_that_cannot_be_written_is_a_failure(void **state) {
        struct fixture *fixture = *state;
        struct transform_input input = input_of(fixture);

        input.matrix_fd = open("/dev/full", O_WRONLY);
        assert_true(input.matrix_fd >= 0);
        assert_int_equal(transform(&input, &fixture->result, &fixture->fault), -ENOSPC);
        close(input.matrix_fd);
}

static void test_without_a_row_to_learn_from_nothing_is_made(void **state) {
        struct fixture *fixture = *state;
        struct table table = fixture->tables[0];
        size_t n_tables = fixture->n_tables;

        table.n_rows = 1;
        fixture->n_tables = 0;
        assert_int_equal(run(fixture), FAULT_E_INPUT);
        assert_string_equal(fixture->fault.code, "TRAIN_ROWS_TOO_FEW");
        fixture->n_tables = 1;
        fixture->tables[0] = table;
        fixture->parameters.train.stopping_fraction = 0.5;
        while (!is_in_slice(&fixture->parameters, table.columns[0].int64[0]))
                fixture->parameters.train.seed++;
        assert_int_equal(run(fixture), FAULT_E_INPUT);
        assert_string_equal(fixture->fault.code, "TRAIN_ROWS_TOO_FEW");
        fixture->n_tables = n_tables;
}

static void test_too_many_features_are_refused(void **state) {
        struct fixture *fixture = *state;

        fixture->schema->n_outputs += TABLE_COLUMNS_MAX - N_OUTPUTS;
        assert_int_equal(run(fixture), FAULT_E_INPUT);
        assert_string_equal(fixture->fault.code, "TRANSFORM_TOO_WIDE");
        fixture->schema->n_outputs -= TABLE_COLUMNS_MAX - N_OUTPUTS;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_matrix_holds_the_floats_of_single_rows, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_key_and_ignored_columns_stay_out_and_the_label_is_last, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(test_seed_and_fraction_choose_the_slice, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_bytes_do_not_depend_on_threads, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_without_a_key_content_decides, set_up, tear_down),
                cmocka_unit_test(test_large_slices_are_written_in_batches),
                cmocka_unit_test_setup_teardown(test_numbers_are_scaled_as_ordered, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_scaling_of_what_is_no_number_is_refused, set_up, tear_down),
                cmocka_unit_test(test_the_first_row_at_fault_is_named),
                cmocka_unit_test_setup_teardown(test_rows_are_told_in_order_and_may_cancel, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_a_file_that_cannot_be_written_is_a_failure, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_without_a_row_to_learn_from_nothing_is_made, set_up, tear_down),
                cmocka_unit_test_setup_teardown(test_too_many_features_are_refused, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("transform", tests, NULL, NULL);
}
