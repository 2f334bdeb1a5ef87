/* convoy-transformer between its neighbours: what its heart makes lies in the store under the digests that it names. */

#include <sys/stat.h>

#include "tests/stage/stage_world.h"

enum { N_ROWS = 2000 };

#define RUN_D "01890a5d-ac96-774b-bcce-b302099a805a"

static struct validator_to_transformer input;
static struct transformer_to_trainer output, want;
static struct stage_to_gateway notice;
static struct envelope envelope;

static int set_up(void **state) {
        struct fixture *fixture;

        assert_int_equal(fixture_setup_stage(state, STAGE_TRANSFORMER, "CONVOY_TRANSFORMER"), 0);
        fixture = *state;
        world_order(fixture, N_ROWS, &input);
        fixture_start(fixture);
        return 0;
}

/* Sends the input as a run and waits for its end. */
static void work(struct fixture *fixture, const char *run, int64_t n_notices, enum run_state want_state) {
        fixture_post(fixture, MESSAGE_VALIDATOR_TO_TRANSFORMER, run, 1, &input);
        fixture_await_state(fixture, run, n_notices, want_state, &envelope, &notice);
}

static void read_output(struct fixture *fixture, int64_t index) {
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == index + 1);
        fixture_read(&fixture->next, index, MESSAGE_TRANSFORMER_TO_TRAINER, &envelope, &output);
}

static void test_matrix_and_transform_are_those_of_the_heart(void **state) {
        struct fixture *fixture = *state;
        struct store *store = world_store(fixture);
        struct arrow_file *file;
        struct file_map map;

        work(fixture, RUN_A, 1, RUN_STATE_SUCCEEDED);
        read_output(fixture, 0);
        file = world_open(store, output.transformation.matrix.sha256);
        assert_int_equal(arrow_file_n_rows(file), N_ROWS);
        arrow_file_close(file);
        assert_int_equal(store_map_blob(store, output.transformation.transform.sha256, &map), 0);
        assert_int_equal(map.n_bytes, output.transformation.transform.n_bytes);
        file_unmap(&map);
        store_close(store);

        world_transform(fixture, &input, &want);
        assert_memory_equal(&output.transformation, &want.transformation, sizeof(want.transformation));
        assert_memory_equal(&output.order, &input.order, sizeof(input.order));
        assert_memory_equal(&output.ingestion, &input.ingestion, sizeof(input.ingestion));
        assert_memory_equal(&output.validation, &input.validation, sizeof(input.validation));
        assert_int_equal(fixture->progress.done, N_ROWS);
        assert_int_equal(fixture->progress.total, N_ROWS);
        assert_string_equal(fixture->progress.unit, "rows");
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
}

/* only what decides the matrix makes it anew */
static void test_the_same_again_comes_from_the_cache(void **state) {
        struct fixture *fixture = *state;
        struct setting depth = { "max_depth", "3" };
        struct transformation first;

        work(fixture, RUN_A, 1, RUN_STATE_SUCCEEDED);
        read_output(fixture, 0);
        first = output.transformation;
        setting_put(input.order.parameters.train.settings, &input.order.parameters.train.n_settings,
                    PARAMETERS_SETTINGS_MAX, &depth);
        work(fixture, RUN_B, 2, RUN_STATE_SKIPPED);
        read_output(fixture, 1);
        assert_memory_equal(&output.transformation, &first, sizeof(first));
        input.order.parameters.train.seed = 2;
        work(fixture, RUN_C, 3, RUN_STATE_SUCCEEDED);
        read_output(fixture, 2);
        assert_string_not_equal(output.transformation.matrix.sha256, first.matrix.sha256);
        assert_string_equal(output.transformation.transform.sha256, first.transform.sha256);

        input.order.parameters.transform.numbers = SCALING_STANDARD;
        input.order.parameters.train.stopping_fraction = 0.2;
        work(fixture, RUN_D, 4, RUN_STATE_SUCCEEDED);
        read_output(fixture, 3);
        assert_string_not_equal(output.transformation.transform.sha256, first.transform.sha256);
        assert_in_range(output.transformation.n_slice_rows, N_ROWS * 15 / 100, N_ROWS * 25 / 100);
}

static void test_wrong_scaling_fails_the_run_and_names_the_column(void **state) {
        struct fixture *fixture = *state;

        input.order.parameters.transform.n_columns = 1;
        input.order.parameters.transform.columns[0] = (struct column_scaling){ "sex", SCALING_STANDARD };
        work(fixture, RUN_A, 1, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "TRANSFORM_NOT_A_NUMBER");
        assert_string_equal(notice.error.column, "sex");
        assert_int_equal(station_n_inbox(&fixture->next), 0);
}

static void test_spoiled_rows_are_refused(void **state) {
        struct fixture *fixture = *state;

        world_spoil(fixture, input.ingestion.train.sha256);
        work(fixture, RUN_A, 1, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "ARTIFACT_CORRUPT");
        memset(input.ingestion.train.sha256, 'e', DIGEST_SHA256_BYTES - 1);
        work(fixture, RUN_B, 2, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "ARTIFACT_MISSING");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_matrix_and_transform_are_those_of_the_heart, set_up,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(test_the_same_again_comes_from_the_cache, set_up, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_wrong_scaling_fails_the_run_and_names_the_column, set_up,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(test_spoiled_rows_are_refused, set_up, fixture_teardown),
        };

        return cmocka_run_group_tests_name("transformer", tests, NULL, NULL);
}
