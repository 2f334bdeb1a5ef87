/* The validator's binary: datasets come in, and go on with their report, or the run ends here. */

#include "common/base/json_builder.h"
#include "common/store/registry.h"
#include "proto/stage_manifest.h"
#include "services/ingestor/ingest.h"
#include "tests/stage/stage_rows.h"

static struct ingestor_to_validator input;
static struct validator_to_transformer output, again;
static struct stage_to_gateway notice;
static struct envelope envelope;

static int setup(void **state) {
        struct fixture *fixture;

        assert_int_equal(fixture_setup_stage(state, STAGE_VALIDATOR, "CONVOY_VALIDATOR"), 0);
        fixture = *state;
        rows_prepare(fixture);
        memset(&input, 0, sizeof(input));
        rows_order(fixture, &input.order);
        return 0;
}

/* Ingests rows.csv. */
static void ingest_file(struct fixture *fixture) {
        _cleanup_(store_close_pointer) struct store *store = rows_store(fixture, "store");
        _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;
        struct fault fault = FAULT_NULL;
        char uri[1100];
        struct ingest_input from = { .parameters = &input.order.parameters,
                                     .source_uri = uri,
                                     .pipeline_folder = fixture->scratch->folder,
                                     .store = store };

        snprintf(uri, sizeof(uri), "file://%s", scratch_path(fixture->scratch, "rows.csv"));
        assert_int_equal(schema_load(scratch_path(fixture->scratch, "schema.yaml"), &fault, &schema), 0);
        from.schema = schema;
        assert_int_equal(ingest(&from, &input.ingestion, &fault), 0);
}

/* Rows as rows_write_csv() has them, ingested. */
static void ingest_rows(struct fixture *fixture, int first, int n, const char *more) {
        rows_write_csv(fixture, first, n, more);
        ingest_file(fixture);
}

/* A hundred good rows in a file of this header; each ends in `more`. */
static void ingest_header(struct fixture *fixture, const char *header, const char *more) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;

        assert_int_equal(buffer_printf(&text, "%s\n", header), 0);
        for (int i = 0; i < 100; i++)
                assert_int_equal(
                        buffer_printf(&text, "%d,%d,%s,%d%s\n", i, i % 9, i % 3 ? "red" : "green", i % 4 == 0, more),
                        0);
        rows_write_text(fixture, &text);
        ingest_file(fixture);
}

static void post(struct fixture *fixture, const char *run) {
        fixture_post(fixture, MESSAGE_INGESTOR_TO_VALIDATOR, run, 1, &input);
}

static void read_blob(struct fixture *fixture, const struct blob *blob, struct buffer *ret_text) {
        _cleanup_(store_close_pointer) struct store *store = rows_store(fixture, "store");
        char path[STORE_PATH_BYTES];

        assert_int_equal(store_fetch_blob(store, blob->sha256, path), 0);
        assert_int_equal(file_read(path, (size_t)1 << 20, ret_text), 0);
        assert_int_equal(ret_text->n_bytes, blob->n_bytes);
}

static void read_manifest(struct fixture *fixture, const char *run, struct buffer *ret_text) {
        _cleanup_(store_close_pointer) struct store *store = rows_store(fixture, "store");
        char name[MANIFEST_NAME_BYTES];

        stage_manifest_name(run, STAGE_VALIDATOR, name);
        assert_int_equal(store_get(store, name, ret_text, NULL), 0);
}

static int64_t count_of(const char *name) {
        for (size_t i = 0; i < notice.n_counts; i++)
                if (!strcmp(notice.counts[i].name, name))
                        return notice.counts[i].value;
        return -1;
}

static void good_rows_go_on_with_their_report(void **state) {
        _cleanup_(buffer_finish) struct buffer report = BUFFER_NULL, baseline = BUFFER_NULL;
        struct fixture *fixture = *state;

        ingest_rows(fixture, 0, 400, NULL);
        fixture_start(fixture);
        post(fixture, RUN_A);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(count_of("n_rows"), 400);
        assert_int_equal(count_of("n_errors"), 0);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
        fixture_read(&fixture->next, 0, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &output);
        assert_memory_equal(&output.order, &input.order, sizeof(input.order));
        assert_memory_equal(&output.ingestion, &input.ingestion, sizeof(input.ingestion));
        read_blob(fixture, &output.validation.report, &report);
        assert_non_null(strstr(buffer_text(&report), "\"valid\": true"));
        read_blob(fixture, &output.validation.baseline, &baseline);
        assert_non_null(strstr(buffer_text(&baseline), "\"baseline\":1"));
        assert_int_equal(fixture_end(fixture, SIGTERM), 0);
}

static void the_same_rows_are_not_looked_at_again(void **state) {
        struct fixture *fixture = *state;

        ingest_rows(fixture, 0, 400, NULL);
        fixture_start(fixture);
        post(fixture, RUN_A);
        post(fixture, RUN_B);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SKIPPED);
        assert_int_equal(count_of("n_rows"), 400);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 2);
        fixture_read(&fixture->next, 0, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &output);
        fixture_read(&fixture->next, 1, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &again);
        assert_memory_equal(&output.validation, &again.validation, sizeof(output.validation));
}

static void a_broken_rule_ends_the_run(void **state) {
        static const struct {
                const char *more;
                const char *want_code;
                const char *want_column;
        } rows[] = {
                { "7,1,red,0\n", "FEATURE_TYPE_LOW_UNIQUE", "id" },
                { "900,1,blue,0\n", "ENUM_TYPE_UNEXPECTED_STRING_VALUES", "colour" },
                { "900,1,red,2\n", "BOOL_TYPE_BIG_INT", "ripe" },
                { "900,nan,red,0\n", "FEATURE_TYPE_LOW_FRACTION_PRESENT", "weight" },
        };
        static const char *const runs[] = { RUN_A, RUN_B, RUN_C, "01890a5d-ac96-774b-bcce-b302099a8060" };
        struct fixture *fixture = *state;

        fixture_start(fixture);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(buffer_finish) struct buffer manifest = BUFFER_NULL;

                ingest_rows(fixture, 0, 100, rows[i].more);
                post(fixture, runs[i]);
                fixture_await_notice(fixture, (int64_t)i + 1, &envelope, &notice);
                assert_int_equal(notice.state, RUN_STATE_FAILED);
                assert_string_equal(notice.error.code, rows[i].want_code);
                assert_string_equal(notice.error.column, rows[i].want_column);
                assert_int_equal(count_of("n_errors"), 1);
                read_manifest(fixture, runs[i], &manifest);
                assert_non_null(strstr(buffer_text(&manifest), "\"details\": {\"report\":\""));
        }
        assert_int_equal(station_n_inbox(&fixture->next), 0);
}

static void a_mistyped_header_ends_the_run(void **state) {
        static const struct {
                const char *header;
                const char *want_column;
                const char *want_message;
        } rows[] = {
                { "id,Weigth,colour,ripe", "weight",
                  "there is no such column, and TRAINING requires it; there is a column \"Weigth\" (is it meant?)" },
                { "id,weight,colour,answer", "ripe", "there is no such column, and TRAINING requires it" },
        };
        static const char *const runs[] = { RUN_A, RUN_B };
        struct fixture *fixture = *state;

        fixture_start(fixture);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(buffer_finish) struct buffer manifest = BUFFER_NULL;

                ingest_header(fixture, rows[i].header, "");
                post(fixture, runs[i]);
                fixture_await_notice(fixture, (int64_t)i + 1, &envelope, &notice);
                assert_int_equal(notice.state, RUN_STATE_FAILED);
                assert_string_equal(notice.error.code, "SCHEMA_MISSING_COLUMN");
                assert_string_equal(notice.error.column, rows[i].want_column);
                assert_string_equal(notice.error.message, rows[i].want_message);
                assert_int_equal(count_of("n_errors"), 1);
                assert_int_equal(count_of("n_warnings"), 1);
                read_manifest(fixture, runs[i], &manifest);
                assert_non_null(strstr(buffer_text(&manifest), "\"code\":\"SCHEMA_MISSING_COLUMN\""));
                assert_non_null(strstr(buffer_text(&manifest), "\"code\":\"SCHEMA_NEW_COLUMN\""));
        }
        assert_int_equal(station_n_inbox(&fixture->next), 0);
}

/* The datasets are the same, and so the report must not come from the cache. */
static void a_new_column_is_told_of_rows_seen_before(void **state) {
        _cleanup_(buffer_finish) struct buffer manifest = BUFFER_NULL;
        struct fixture *fixture = *state;
        struct dataset before;

        ingest_header(fixture, "id,weight,colour,ripe", "");
        before = input.ingestion.train;
        fixture_start(fixture);
        post(fixture, RUN_A);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(count_of("n_warnings"), 0);
        ingest_header(fixture, "id,weight,colour,ripe,shape", ",round");
        assert_memory_equal(&input.ingestion.train, &before, sizeof(before));
        post(fixture, RUN_B);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(count_of("n_warnings"), 1);
        read_manifest(fixture, RUN_B, &manifest);
        assert_non_null(strstr(buffer_text(&manifest), "\"column\":\"shape\",\"code\":\"SCHEMA_NEW_COLUMN\""));
}

static void one_class_ends_the_run(void **state) {
        struct fixture *fixture = *state;

        /* every fourth row is ripe, so of one row none is another */
        ingest_rows(fixture, 1, 3, "40,1,red,0\n41,1,green,0\n42,1,red,0\n43,1,red,0\n44,1,red,0\n45,1,red,0\n");
        fixture_start(fixture);
        post(fixture, RUN_A);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "LABEL_ONE_CLASS");
}

static void all_anomalies_stand_in_the_manifest(void **state) {
        static const char *const want[] = { "FEATURE_TYPE_LOW_UNIQUE", "ENUM_TYPE_UNEXPECTED_STRING_VALUES",
                                            "BOOL_TYPE_BIG_INT" };
        _cleanup_(buffer_finish) struct buffer manifest = BUFFER_NULL;
        struct fixture *fixture = *state;

        ingest_rows(fixture, 0, 100, "7,1,blue,5\n");
        fixture_start(fixture);
        post(fixture, RUN_A);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_FAILED);
        assert_int_equal(count_of("n_errors"), 3);
        read_manifest(fixture, RUN_A, &manifest);
        for (size_t i = 0; i < N_ELEMENTS(want); i++) {
                char code[80];

                snprintf(code, sizeof(code), "\"code\":\"%s\"", want[i]);
                assert_non_null(strstr(buffer_text(&manifest), code));
        }
        assert_null(strstr(buffer_text(&manifest), "\"output\""));
}

/* Publishes a baseline as version 1, and makes that the order's champion. */
static void crown(struct fixture *fixture, const struct buffer *baseline) {
        _cleanup_(store_close_pointer) struct store *store = rows_store(fixture, "registry");
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct store_item file = { "baseline.json", baseline->data, baseline->n_bytes };
        struct json_builder json = json_begin(&text, JSON_PRETTY);
        struct manifest manifest = MANIFEST_NULL;
        struct registry_claim claim;
        struct registry registry;

        assert_int_equal(registry_init(&registry, store, "fruit"), 0);
        assert_int_equal(registry_claim(&registry, RUN_A, &claim), 0);
        snprintf(manifest.model, sizeof(manifest.model), "fruit");
        snprintf(manifest.run, sizeof(manifest.run), "%s", RUN_A);
        manifest.version = claim.version;
        manifest.created_at_ms = claim.created_at_ms;
        assert_int_equal(manifest_add_file(&manifest, file.name, file.bytes, file.n_bytes), 0);
        assert_int_equal(registry_put_files(&registry, &claim, &file, 1), 0);
        json_begin_object(&json);
        manifest_build(&manifest, &json);
        json_end_object(&json);
        assert_int_equal(json_end(&json), 0);
        assert_int_equal(manifest_seal(&text), 0);
        assert_int_equal(registry_publish(&registry, &claim, &text), 0);
        input.order.has_champion = true;
        input.order.champion.version = claim.version;
        assert_int_equal(digest_sha256(text.data, text.n_bytes, input.order.champion.manifest), 0);
}

static void rows_are_held_against_the_champions(void **state) {
        _cleanup_(buffer_finish) struct buffer baseline = BUFFER_NULL;
        struct fixture *fixture = *state;

        ingest_rows(fixture, 0, 2000, NULL);
        fixture_start(fixture);
        post(fixture, RUN_A);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(count_of("n_drifted"), 0);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 1);
        fixture_read(&fixture->next, 0, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &output);
        read_blob(fixture, &output.validation.baseline, &baseline);
        crown(fixture, &baseline);
        /* the same rows again: another key, since there is something to hold them against now */
        post(fixture, RUN_B);
        fixture_await_notice(fixture, 2, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(count_of("n_drifted"), 0);
        ingest_rows(fixture, 40, 2000, NULL);
        post(fixture, RUN_C);
        fixture_await_notice(fixture, 3, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_SUCCEEDED);
        assert_int_equal(count_of("n_drifted"), 1);
        assert_int_equal(notice.n_drifted, 1);
        assert_string_equal(notice.drifted[0].column, "weight");
        assert_true(notice.drifted[0].distance > 0 && notice.drifted[0].distance <= 1);
        FIXTURE_AWAIT(fixture, station_n_inbox(&fixture->next) == 3);
        fixture_read(&fixture->next, 2, MESSAGE_VALIDATOR_TO_TRANSFORMER, &envelope, &output);
        assert_int_equal(output.validation.n_warnings, 1);
}

static void a_champion_that_cannot_be_read_ends_the_run(void **state) {
        struct fixture *fixture = *state;

        ingest_rows(fixture, 0, 100, NULL);
        input.order.has_champion = true;
        input.order.champion.version = 3;
        memset(input.order.champion.manifest, 'a', DIGEST_SHA256_BYTES - 1);
        fixture_start(fixture);
        post(fixture, RUN_A);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "CHAMPION_UNREADABLE");
        assert_int_equal(station_n_inbox(&fixture->next), 0);
}

static void a_dataset_that_is_gone_ends_the_run(void **state) {
        struct fixture *fixture = *state;

        ingest_rows(fixture, 0, 100, NULL);
        memset(input.ingestion.test.sha256, 'a', DIGEST_SHA256_BYTES - 1);
        fixture_start(fixture);
        post(fixture, RUN_A);
        fixture_await_notice(fixture, 1, &envelope, &notice);
        assert_int_equal(notice.state, RUN_STATE_FAILED);
        assert_string_equal(notice.error.code, "ARTIFACT_MISSING");
        assert_non_null(strstr(notice.error.message, "the test rows"));
}

#define test(function) cmocka_unit_test_setup_teardown(function, setup, fixture_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                test(good_rows_go_on_with_their_report),
                test(the_same_rows_are_not_looked_at_again),
                test(a_broken_rule_ends_the_run),
                test(a_mistyped_header_ends_the_run),
                test(a_new_column_is_told_of_rows_seen_before),
                test(one_class_ends_the_run),
                test(all_anomalies_stand_in_the_manifest),
                test(rows_are_held_against_the_champions),
                test(a_champion_that_cannot_be_read_ends_the_run),
                test(a_dataset_that_is_gone_ends_the_run),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
