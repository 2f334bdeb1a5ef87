/* The ingestor's binary: a run request comes in, datasets and their names go out. */

#include "common/base/file.h"
#include "common/data/arrow/arrow.h"
#include "proto/gateway_to_ingestor.h"
#include "tests/stage/stage_rows.h"

static struct gateway_to_ingestor request;
static struct ingestor_to_validator output, again;
static struct stage_to_gateway notice;
static struct envelope envelope;

static int setup(void **state) {
        struct fixture *fixture;

        assert_int_equal(fixture_setup_stage(state, STAGE_INGESTOR, "CONVOY_INGESTOR"), 0);
        fixture = *state;
        rows_prepare(fixture);
        memset(&request, 0, sizeof(request));
        rows_order(fixture, &request.order);
        return 0;
}

static void post(struct fixture *fixture, const char *run) {
        fixture_post(fixture, MESSAGE_GATEWAY_TO_INGESTOR, run, 1, &request);
}

static void check_dataset(struct fixture *fixture, const struct dataset *dataset) {
        _cleanup_(store_close_pointer) struct store *store = rows_store(fixture, "store");
        _cleanup_(arrow_file_close_pointer) struct arrow_file *file = NULL;
        struct fault fault = FAULT_NULL;
        char path[STORE_PATH_BYTES];

        assert_int_equal(store_fetch_blob(store, dataset->sha256, path), 0);
        assert_int_equal(arrow_file_open(path, &file, &fault), 0);
        assert_int_equal(arrow_file_n_rows(file), dataset->n_rows);
}

static void a_request_becomes_datasets(void **state) {
        struct fixture *fixture = *state;

        rows_write_csv(fixture, 0, 400, NULL);
        fixture_start(fixture);
        post(fixture, RUN_A);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.stage, STAGE_INGESTOR);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_string_equal(notice.counts[0].name, "n_rows");
        assert_int_equal(notice.counts[0].value, 400);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
        fixture_read(&fixture->next, 0, MESSAGE_INGESTOR_TO_VALIDATOR, &envelope, &output);
        assert_string_equal(envelope.run, RUN_A);
        assert_memory_equal(&output.order, &request.order, sizeof(request.order));
        assert_int_equal(output.ingestion.n_rows, 400);
        assert_int_equal(output.ingestion.train.n_rows + output.ingestion.test.n_rows, 400);
        check_dataset(fixture, &output.ingestion.train);
        check_dataset(fixture, &output.ingestion.test);
        assert_string_equal(fixture->progress.unit, "rows");
        assert_int_equal(fixture->progress.done, 400);
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
}

static void the_same_rows_have_the_same_digests(void **state) {
        struct fixture *fixture = *state;

        rows_write_csv(fixture, 0, 400, NULL);
        fixture_start(fixture);
        post(fixture, RUN_A);
        post(fixture, RUN_B);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 2);
        fixture_read(&fixture->next, 0, MESSAGE_INGESTOR_TO_VALIDATOR, &envelope, &output);
        fixture_read(&fixture->next, 1, MESSAGE_INGESTOR_TO_VALIDATOR, &envelope, &again);
        assert_memory_equal(&output.ingestion, &again.ingestion, sizeof(output.ingestion));
        /* the ingestor is never skipped: the source may have changed */
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
}

static void a_bad_row_ends_the_run_with_its_place(void **state) {
        struct fixture *fixture = *state;

        rows_write_csv(fixture, 0, 20, "20,heavy,red,1\n");
        fixture_start(fixture);
        post(fixture, RUN_A);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_FAILED);
        assert_true(notice.has_error);
        assert_string_equal(notice.error.code, "FLOAT_TYPE_STRING_NOT_FLOAT");
        assert_string_equal(notice.error.file, "rows.csv");
        assert_int_equal(notice.error.line, 22);
        assert_int_equal(notice.error.position, 4);
        assert_string_equal(notice.error.column, "weight");
        assert_int_equal(station_n_inbox(&fixture->next), 0);
}

static void bad_rows_are_set_aside_where_some_may_be(void **state) {
        struct fixture *fixture = *state;

        request.order.parameters.max_bad_fraction = 0.1;
        rows_write_csv(fixture, 0, 20, "20,heavy,red,1\n");
        fixture_start(fixture);
        post(fixture, RUN_A);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
        fixture_read(&fixture->next, 0, MESSAGE_INGESTOR_TO_VALIDATOR, &envelope, &output);
        assert_int_equal(output.ingestion.n_rows, 21);
        assert_int_equal(output.ingestion.n_bad, 1);
        assert_true(output.ingestion.has_rejected);
        check_dataset(fixture, &output.ingestion.rejected);
}

static void no_rows_and_no_file_are_told(void **state) {
        struct fixture *fixture = *state;

        fixture_start(fixture);
        post(fixture, RUN_A);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_string_equal(notice.error.code, "FILE_NOT_FOUND");
        rows_write_csv(fixture, 0, 0, NULL);
        post(fixture, RUN_B);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_string_equal(notice.error.code, "EMPTY_SOURCE");
        rows_write_csv(fixture, 0, 50, NULL);
        post(fixture, RUN_C);
        fixture_await_notice(fixture, 3, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
}

static void a_schema_that_is_not_there_ends_the_run(void **state) {
        struct fixture *fixture = *state;

        rows_write_csv(fixture, 0, 50, NULL);
        memset(request.order.schema.sha256, 'a', DIGEST_SHA256_BYTES - 1);
        fixture_start(fixture);
        post(fixture, RUN_A);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "ARTIFACT_MISSING");
}

static void an_address_that_nobody_reads_is_refused_at_start(void **state) {
        struct fixture *fixture = *state;

        fixture_environment(fixture, "FIXTURE_SOURCE", "ftp://user:secret@host/rows.csv", NULL);
        fixture_start(fixture);
        assert_int_equal(fixture_await_end(fixture), 2 << 8);
        assert_true(fixture_log_has(fixture, "SOURCE_SCHEME_UNKNOWN source.uri: rows cannot be read from \"ftp:\""));
        assert_false(fixture_log_has(fixture, "secret"));
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(a_request_becomes_datasets),
                test(the_same_rows_have_the_same_digests),
                test(a_bad_row_ends_the_run_with_its_place),
                test(bad_rows_are_set_aside_where_some_may_be),
                test(no_rows_and_no_file_are_told),
                test(a_schema_that_is_not_there_ends_the_run),
                test(an_address_that_nobody_reads_is_refused_at_start),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
