/* The skeleton's answers: what a stage tells its neighbours and leaves in the store, once or again. */

#include "common/base/file.h"
#include "proto/stage_manifest.h"
#include "tests/stage/stage_samples.h"

static struct validator_to_transformer output, again;
static struct ingestor_to_validator input;
static struct stage_to_gateway notice;
static struct envelope envelope;

static void read_home(struct fixture *fixture, const char *name, struct buffer *ret_content) {
        char path[700];

        fixture_path(fixture, name, path);
        assert_int_equal(file_read(path, (size_t)1 << 20, ret_content), 0);
}

static void read_manifest(struct fixture *fixture, const char *run, struct stage_manifest *ret_manifest,
                          bool *ret_has_output) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char name[MANIFEST_NAME_BYTES], path[128];
        struct fault fault = FAULT_NULL;

        stage_manifest_name(run, STAGE_VALIDATOR, name);
        snprintf(path, sizeof(path), "store/%s", name);
        read_home(fixture, path, &text);
        assert_int_equal(stage_manifest_read(text.data, text.n_bytes, STAGE_VALIDATOR, ret_manifest, &again,
                                             ret_has_output, &fault),
                         0);
}

static void work_is_told_stored_and_passed_on(void **state) {
        struct fixture *fixture = *state;
        struct stage_manifest manifest;
        bool has_output = false;

        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_string_equal(envelope.run, RUN_A);
        assert_int_equal(envelope.attempt, 1);
        assert_string_equal(envelope.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_int_equal(notice.stage, STAGE_VALIDATOR);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(notice.n_counts, 2);
        assert_string_equal(notice.counts[0].name, "n_rows");
        assert_int_equal(notice.counts[0].value, 10);
        assert_int_equal(notice.counts[1].value, 7);
        assert_true(notice.started_at > 0 && notice.started_at <= notice.finished_at);
        assert_false(notice.has_error);

        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
        fixture_read(&fixture->next, 0, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &output);
        sample_fill(fixture, 10, &input);
        assert_memory_equal(&output.order, &input.order, sizeof(input.order));
        assert_memory_equal(&output.ingestion, &input.ingestion, sizeof(input.ingestion));
        assert_true(digest_sha256_is_valid(output.validation.report.sha256));

        read_manifest(fixture, RUN_A, &manifest, &has_output);
        assert_true(has_output);
        assert_memory_equal(&again, &output, sizeof(output));
        assert_int_equal(manifest.attempt, 1);
        assert_true(digest_sha256_is_valid(manifest.build));
        assert_int_equal(manifest.end.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(manifest.end.finished_at, notice.finished_at);

        /* the last progress came before the end, in the run's name */
        assert_string_equal(fixture->about.run, RUN_A);
        assert_int_equal(fixture->progress.done, 2);
        assert_int_equal(fixture->progress.total, 2);
        assert_string_equal(fixture->progress.unit, "rows");

        FIXTURE_AWAIT(fixture, fixture->heartbeat.n_handled == 1 && fixture->heartbeat.n_outbox == 0);
        assert_int_equal(fixture->heartbeat.stage, STAGE_VALIDATOR);
        assert_int_equal(fixture->heartbeat.state, HEARTBEAT_IDLE);
        assert_int_equal(fixture->heartbeat.pid, fixture->pid);
        assert_int_equal(fixture->heartbeat.n_inbox, 0);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_true(fixture_log_has(fixture, "stage=validator run=" RUN_A
                                             " attempt=1 seq=5 in=ingestor_to_validator out=validator_to_transformer "
                                             "rows=10 ms="));
}

static void letters_follow_a_neighbour_that_moved(void **state) {
        struct fixture *fixture = *state;
        char elsewhere[SOCKET_ENDPOINT_BYTES + 16];

        snprintf(elsewhere, sizeof(elsewhere), "%s-elsewhere", fixture->next.endpoint);
        fixture_environment(fixture, stage_endpoint_variable(STAGE_TRANSFORMER), elsewhere, NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        fixture_environment(fixture, NULL);
        fixture_start(fixture);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
        fixture_read(&fixture->next, 0, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &output);
        assert_string_equal(envelope.run, RUN_A);
}

static void a_message_that_comes_again_changes_nothing(void **state) {
        struct fixture *fixture = *state;

        fixture_start(fixture);
        sample_post(fixture, RUN_A, 2, 10);
        sample_post(fixture, RUN_A, 2, 10);
        sample_post(fixture, RUN_A, 1, 10);
        sample_post(fixture, RUN_B, 1, 11);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_string_equal(envelope.run, RUN_B);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 2);
        assert_int_equal(fixture_n_bytes(fixture, "works"), 2);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_int_equal(station_n_inbox(&fixture->next), 2);
        assert_true(fixture_log_has(fixture, "outcome=known"));
}

static void a_retry_is_answered_from_memory(void **state) {
        struct stage_to_gateway before;
        struct fixture *fixture = *state;
        char store[700], away[700];

        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        fixture_await_notice(fixture, 1, &envelope, &before);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);

        /* neither store nor work is needed, nor the process of then */
        fixture_path(fixture, "store", store);
        fixture_path(fixture, "away", away);
        assert_int_equal(rename(store, away), 0);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 3, 10);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_int_equal(envelope.attempt, 3);
        assert_memory_equal(&notice, &before, sizeof(notice));
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 2);
        fixture_read(&fixture->next, 0, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &output);
        assert_int_equal(envelope.attempt, 1);
        fixture_read(&fixture->next, 1, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &again);
        assert_int_equal(envelope.attempt, 3);
        assert_memory_equal(&again, &output, sizeof(output));
        assert_int_equal(fixture_n_bytes(fixture, "works"), 1);

        /* attempt 2, late, is behind */
        sample_post(fixture, RUN_A, 2, 10);
        sample_post(fixture, RUN_A, 4, 10);
        fixture_await_notice(fixture, 3, &envelope, &notice);
        assert_int_equal(envelope.attempt, 4);
}

static void equal_work_is_skipped(void **state) {
        struct fixture *fixture = *state;
        struct stage_manifest manifest;
        bool has_output;

        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        sample_fill(fixture, 10, &input);
        strcpy(input.order.cause, "schedule");
        input.ingestion.n_bad = 3;
        fixture_post(fixture, MESSAGE_INGESTOR_TO_VALIDATOR, RUN_B, 1, &input);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_string_equal(envelope.run, RUN_B);
        assert_int_equal(notice.state, RUN_STATE_SKIPPED);
        assert_int_equal(notice.n_counts, 2);
        assert_int_equal(fixture_n_bytes(fixture, "works"), 1);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 2);
        fixture_read(&fixture->next, 0, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &output);
        fixture_read(&fixture->next, 1, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &again);
        assert_memory_equal(&again.order, &input.order, sizeof(input.order));
        assert_memory_equal(&again.ingestion, &input.ingestion, sizeof(input.ingestion));
        assert_memory_equal(&again.validation, &output.validation, sizeof(output.validation));
        read_manifest(fixture, RUN_B, &manifest, &has_output);
        assert_int_equal(manifest.end.state, RUN_STATE_SKIPPED);
        assert_true(has_output && digest_sha256_is_valid(manifest.cache_key));
}

static void a_result_whose_key_has_changed_meanwhile_is_not_kept(void **state) {
        struct fixture *fixture = *state;
        struct stage_manifest manifest;
        char path[700];
        bool has_output;

        fixture_environment(fixture, "FAKE_WORK", "move", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
        fixture_read(&fixture->next, 0, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &output);
        read_manifest(fixture, RUN_A, &manifest, &has_output);
        assert_string_equal(manifest.cache_key, "");
        fixture_path(fixture, "moved", path);
        assert_int_equal(remove(path), 0);
        sample_post(fixture, RUN_B, 1, 10);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(fixture_n_bytes(fixture, "works"), 2);
}

static void a_cache_whose_blobs_are_gone_or_harmed_does_not_count(void **state) {
        struct fixture *fixture = *state;
        const struct blob *report = &output.validation.report;
        char name[128], path[700];

        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
        fixture_read(&fixture->next, 0, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &output);
        snprintf(name, sizeof(name), "store/blobs/sha256/%.2s/%s", report->sha256, report->sha256);
        fixture_path(fixture, name, path);
        assert_int_equal(remove(path), 0);
        sample_post(fixture, RUN_B, 1, 10);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(fixture_n_bytes(fixture, "works"), 2);
        assert_int_equal(fixture_n_bytes(fixture, name), report->n_bytes);

        assert_int_equal(file_replace(path, "harmed", 6), 0);
        sample_post(fixture, RUN_C, 1, 10);
        fixture_await_notice(fixture, 3, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(fixture_n_bytes(fixture, "works"), 3);
}

static void a_fault_fails_the_run_and_a_retry_works_again(void **state) {
        struct fixture *fixture = *state;
        struct stage_manifest manifest;
        bool has_output = true;

        fixture_environment(fixture, "FAKE_WORK", "fault", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_FAILED);
        assert_true(notice.has_error);
        assert_string_equal(notice.error.code, "INT_TYPE_SMALL_INT");
        assert_string_equal(notice.error.message, "17 is ? below 18");
        assert_string_equal(notice.error.column, "Age");
        assert_string_equal(notice.error.file, "rows.csv");
        assert_int_equal(notice.error.line, 3);
        assert_int_equal(notice.error.row, 2);
        read_manifest(fixture, RUN_A, &manifest, &has_output);
        assert_int_equal(manifest.end.state, RUN_STATE_FAILED);
        assert_false(has_output);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_int_equal(station_n_inbox(&fixture->next), 0);

        fixture_environment(fixture, NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 2, 10);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(envelope.attempt, 2);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
}

static void fails_with(struct fixture *fixture, const char *work, const char *code) {
        fixture_environment(fixture, "FAKE_WORK", work, NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, code);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_int_equal(station_n_inbox(&fixture->next), 0);
}

static void a_bug_fails_the_run(void **state) {
        fails_with(*state, "bug", "STAGE_FAILED");
}

static void a_condition_that_nobody_described_fails_the_run(void **state) {
        fails_with(*state, "leak", "STAGE_FAILED");
        assert_true(fixture_log_has(*state, "a condition that is not its own"));
}

static void an_output_that_breaks_its_table_fails_the_run(void **state) {
        struct stage_manifest manifest;
        bool has_output = true;

        fails_with(*state, "broken", "STAGE_FAILED");
        read_manifest(*state, RUN_A, &manifest, &has_output);
        assert_int_equal(manifest.end.state, RUN_STATE_FAILED);
        assert_false(has_output);
}

static void a_stage_may_end_the_run(void **state) {
        struct fixture *fixture = *state;

        fixture_environment(fixture, "FAKE_WORK", "end", NULL);
        fixture_start(fixture);
        sample_post(fixture, RUN_A, 1, 10);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_string_equal(notice.ends_run, "INSUFFICIENT_DATA");
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
        assert_int_equal(station_n_inbox(&fixture->next), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(work_is_told_stored_and_passed_on, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(letters_follow_a_neighbour_that_moved, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_message_that_comes_again_changes_nothing, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_retry_is_answered_from_memory, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(equal_work_is_skipped, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_result_whose_key_has_changed_meanwhile_is_not_kept, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_cache_whose_blobs_are_gone_or_harmed_does_not_count, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_fault_fails_the_run_and_a_retry_works_again, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_bug_fails_the_run, fixture_setup, fixture_teardown),
                cmocka_unit_test_setup_teardown(a_condition_that_nobody_described_fails_the_run, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(an_output_that_breaks_its_table_fails_the_run, fixture_setup,
                                                fixture_teardown),
                cmocka_unit_test_setup_teardown(a_stage_may_end_the_run, fixture_setup, fixture_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
