/* convoy-trainer between its neighbours: the heart's candidate, cancel, crash, cache, and how its threads wait. */

#include <sched.h>
#include <sys/stat.h>

#include "common/model/forest.h"
#include "proto/trainer_to_evaluator.h"
#include "services/trainer/train.h"
#include "tests/stage/stage_world.h"

enum {
        N_ROWS = 4000,
        ENDLESS_ROUNDS = 1 << 20,
};

static struct validator_to_transformer order;
static struct transformer_to_trainer input;
static struct trainer_to_evaluator output;
static struct stage_to_gateway notice;
static struct envelope envelope;

static int set_up(void **state) {
        struct fixture *fixture;

        assert_int_equal(fixture_setup_stage(state, STAGE_TRAINER, "CONVOY_TRAINER"), 0);
        fixture = *state;
        world_order(fixture, N_ROWS, &order);
        world_transform(fixture, &order, &input);
        input.order.parameters.train.num_boost_round = 20;
        unsetenv("OMP_WAIT_POLICY");
        return 0;
}

static void post(struct fixture *fixture, const char *run) {
        fixture_post(fixture, MESSAGE_TRANSFORMER_TO_TRAINER, run, 1, &input);
}

static void await_end(struct fixture *fixture, const char *run, int64_t n_notices, enum run_state want_state) {
        fixture_await_state(fixture, run, n_notices, want_state, &envelope, &notice);
}

static void read_output(struct fixture *fixture, int64_t index) {
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == index + 1);
        fixture_read(&fixture->next, index, MESSAGE_TRAINER_TO_EVALUATOR, &envelope, &output);
}

/* The candidate, made here; its blob is named but not stored. */
static void train_here(const struct fixture *fixture, struct candidate *ret_candidate) {
        struct train_result result = TRAIN_RESULT_NULL;
        struct store *store = world_store(fixture);
        struct arrow_file *file = world_open(store, input.transformation.matrix.sha256);
        struct fault fault = FAULT_NULL;
        struct table tables[2];
        struct train_input train_input = { .parameters = &input.order.parameters.train,
                                           .tables = tables,
                                           .n_tables = 2,
                                           .n_train_rows = input.transformation.n_train_rows,
                                           .n_slice_rows = input.transformation.n_slice_rows };

        assert_int_equal(arrow_file_n_batches(file), 2);
        assert_int_equal(arrow_file_batch(file, 0, &tables[0], &fault), 0);
        assert_int_equal(arrow_file_batch(file, 1, &tables[1], &fault), 0);
        assert_int_equal(train(&train_input, &result, &fault), 0);
        *ret_candidate = result.candidate;
        ret_candidate->model.n_bytes = (int64_t)result.model.n_bytes;
        assert_int_equal(digest_sha256(result.model.data, result.model.n_bytes, ret_candidate->model.sha256), 0);
        train_result_finish(&result);
        arrow_file_close(file);
        store_close(store);
}

static void test_candidate_is_that_of_the_heart(void **state) {
        struct fixture *fixture = *state;
        struct store *store = world_store(fixture);
        struct forest *forest = NULL;
        struct candidate want;
        struct fault fault = FAULT_NULL;
        struct file_map map;

        fixture_start(fixture);
        post(fixture, RUN_A);
        await_end(fixture, RUN_A, 1, RUN_STATE_SUCCEEDED);
        read_output(fixture, 0);
        assert_memory_equal(&output.transformation, &input.transformation, sizeof(input.transformation));
        assert_int_equal(notice.booster_ms, output.candidate.booster_ms);
        assert_int_equal(fixture->progress.done, output.candidate.n_trained);
        assert_string_equal(fixture->progress.unit, "rounds");

        train_here(fixture, &want);
        assert_true(output.candidate.booster_ms > 0);
        assert_string_equal(output.candidate.model.sha256, want.model.sha256);
        assert_int_equal(output.candidate.model.n_bytes, want.model.n_bytes);
        assert_int_equal(output.candidate.n_rounds, want.n_rounds);
        assert_int_equal(output.candidate.n_trained, want.n_trained);
        assert_memory_equal(&output.candidate.decision.margin, &want.decision.margin, sizeof(float));
        assert_memory_equal(&output.candidate.decision.probability, &want.decision.probability, sizeof(double));
        assert_int_equal(output.candidate.decision.method, want.decision.method);
        assert_string_equal(output.candidate.xgboost, want.xgboost);

        assert_int_equal(store_map_blob(store, output.candidate.model.sha256, &map), 0);
        assert_int_equal(forest_create(map.data, map.n_bytes, &forest, &fault), 0);
        assert_int_equal(forest_n_trees(forest), output.candidate.n_rounds);
        forest_destroy(forest);
        file_unmap(&map);
        store_close(store);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
}

/* the affinity of the test is the daemon's */
static void test_one_cpu_gives_the_same_model(void **state) {
        struct fixture *fixture = *state;
        struct candidate want;
        cpu_set_t all, one;

        train_here(fixture, &want);
        assert_int_equal(sched_getaffinity(0, sizeof(all), &all), 0);
        CPU_ZERO(&one);
        for (int cpu = 0; !CPU_COUNT(&one); cpu++)
                if (CPU_ISSET(cpu, &all))
                        CPU_SET(cpu, &one);
        assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
        fixture_start(fixture);
        assert_int_equal(sched_setaffinity(0, sizeof(all), &all), 0);
        post(fixture, RUN_A);
        await_end(fixture, RUN_A, 1, RUN_STATE_SUCCEEDED);
        read_output(fixture, 0);
        assert_string_equal(output.candidate.model.sha256, want.model.sha256);
}

static void test_the_same_again_comes_from_the_cache(void **state) {
        struct fixture *fixture = *state;
        struct candidate first;

        fixture_start(fixture);
        post(fixture, RUN_A);
        await_end(fixture, RUN_A, 1, RUN_STATE_SUCCEEDED);
        read_output(fixture, 0);
        first = output.candidate;
        input.order.parameters.evaluate.min_score = 0.1;
        post(fixture, RUN_B);
        await_end(fixture, RUN_B, 2, RUN_STATE_SKIPPED);
        assert_int_equal(notice.booster_ms, 0);
        read_output(fixture, 1);
        assert_memory_equal(&output.candidate, &first, sizeof(first));
        input.order.parameters.train.num_boost_round = 5;
        post(fixture, RUN_C);
        await_end(fixture, RUN_C, 3, RUN_STATE_SUCCEEDED);
        read_output(fixture, 2);
        assert_string_not_equal(output.candidate.model.sha256, first.model.sha256);
}

static void test_cancel_is_heard_between_rounds(void **state) {
        struct fixture *fixture = *state;

        input.order.parameters.train.num_boost_round = ENDLESS_ROUNDS;
        input.order.parameters.train.early_stopping_rounds = 0;
        fixture_start(fixture);
        post(fixture, RUN_A);
        FIXTURE_AWAIT(fixture, fixture->n_progress > 0 && fixture->progress.done > 0);
        assert_int_equal(fixture->progress.total, ENDLESS_ROUNDS);
        fixture_cancel(fixture, RUN_A, 1);
        await_end(fixture, RUN_A, 1, RUN_STATE_CANCELED);
        assert_int_equal(station_n_inbox(&fixture->next), 0);
}

/* training is begun again from nothing, and comes to the same */
static void test_a_kill_while_training_changes_nothing(void **state) {
        struct fixture *fixture = *state;
        struct candidate want;

        input.order.parameters.train.num_boost_round = 3000;
        input.order.parameters.train.early_stopping_rounds = 0;
        input.order.parameters.train.n_settings = 0;
        setting_put(input.order.parameters.train.settings, &input.order.parameters.train.n_settings,
                    PARAMETERS_SETTINGS_MAX, &(struct setting){ "max_depth", "2" });
        fixture_start(fixture);
        post(fixture, RUN_A);
        FIXTURE_AWAIT(fixture, fixture->n_progress > 0 && fixture->progress.done > 0);
        assert_true(fixture->progress.done < 3000);
        fixture_end(fixture, SIGKILL);
        fixture_start(fixture);
        await_end(fixture, RUN_A, 1, RUN_STATE_SUCCEEDED);
        read_output(fixture, 0);
        train_here(fixture, &want);
        assert_string_equal(output.candidate.model.sha256, want.model.sha256);
}

static void test_a_wrong_parameter_fails_the_run_and_is_named(void **state) {
        struct fixture *fixture = *state;

        setting_put(input.order.parameters.train.settings, &input.order.parameters.train.n_settings,
                    PARAMETERS_SETTINGS_MAX, &(struct setting){ "subsample", "7" });
        fixture_start(fixture);
        post(fixture, RUN_A);
        await_end(fixture, RUN_A, 1, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "PARAMETER_INVALID");
        assert_string_equal(notice.error.column, "subsample");
}

static void test_a_spoiled_matrix_is_refused(void **state) {
        struct fixture *fixture = *state;

        world_spoil(fixture, input.transformation.matrix.sha256);
        fixture_start(fixture);
        post(fixture, RUN_A);
        await_end(fixture, RUN_A, 1, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "ARTIFACT_CORRUPT");
}

/* What the daemon's environment says of OMP_WAIT_POLICY, once it beats. */
static void read_policy(struct fixture *fixture, char ret_policy[64]) {
        _cleanup_(buffer_finish) struct buffer environment = BUFFER_NULL;
        static const char name[] = "OMP_WAIT_POLICY=";
        const char *at;
        char path[64];
        int n_found = 0;

        fixture->n_heartbeats = 0;
        FIXTURE_AWAIT(fixture, fixture->n_heartbeats > 0);
        assert_int_equal(fixture->heartbeat.pid, fixture->pid);
        snprintf(path, sizeof(path), "/proc/%d/environ", fixture->pid);
        assert_int_equal(file_read(path, (size_t)1 << 20, &environment), 0);
        for (at = buffer_text(&environment); *at; at += strlen(at) + 1) {
                if (strncmp(at, name, strlen(name)))
                        continue;
                snprintf(ret_policy, 64, "%s", at + strlen(name));
                n_found++;
        }
        assert_int_equal(n_found, 1);
}

static void test_threads_wait_passively_unless_the_user_says(void **state) {
        struct fixture *fixture = *state;
        char policy[64];

        fixture_start(fixture);
        read_policy(fixture, policy);
        assert_string_equal(policy, "passive");
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        fixture_environment(fixture, "OMP_WAIT_POLICY", "active", NULL);
        fixture_start(fixture);
        read_policy(fixture, policy);
        assert_string_equal(policy, "active");
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_candidate_is_that_of_the_heart, set_up, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_one_cpu_gives_the_same_model, set_up, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_the_same_again_comes_from_the_cache, set_up, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_cancel_is_heard_between_rounds, set_up, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_a_kill_while_training_changes_nothing, set_up, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_a_wrong_parameter_fails_the_run_and_is_named, set_up,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(test_a_spoiled_matrix_is_refused, set_up, fixture_teardown),
                cmocka_unit_test_setup_teardown(test_threads_wait_passively_unless_the_user_says, set_up,
                                                fixture_teardown),
        };

        return cmocka_run_group_tests_name("trainer", tests, NULL, NULL);
}
