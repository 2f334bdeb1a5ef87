/* Manifests: what is written is read back whole, and what is missing or wrong is named. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/run_manifest.h"
#include "proto/stage_manifest.h"
#include "proto/validator_to_transformer.h"
#include "tests/support/samples.h"

#define RUN "01890a5d-ac96-774b-bcce-b302099a8057"

static union sample input, output;

static void make_stage(struct stage_manifest *ret_manifest) {
        static union sample end;

        sample_message(MESSAGE_STAGE_TO_GATEWAY, &end);
        *ret_manifest = (struct stage_manifest){ .run = RUN, .attempt = 2, .build = "a1b2" };
        memcpy(&ret_manifest->end, end.bytes, sizeof(ret_manifest->end));
        memset(ret_manifest->cache_key, '4', sizeof(ret_manifest->cache_key) - 1);
        sample_message(MESSAGE_INGESTOR_TO_VALIDATOR, &input);
        sample_message(MESSAGE_VALIDATOR_TO_TRANSFORMER, &output);
}

static void make_run(struct run_manifest *ret_manifest) {
        static union sample sample;

        *ret_manifest = (struct run_manifest){ .run_id = RUN,
                                               .attempt = 1,
                                               .state = RUN_STATE_SUCCEEDED,
                                               .created_at = 1767323045678,
                                               .began_at = 1767323045679,
                                               .finished_at = 1767323055678,
                                               .idempotency_key = "k 1",
                                               .has_release = true };
        memset(ret_manifest->request_sha256, '7', sizeof(ret_manifest->request_sha256) - 1);
        sample_message(MESSAGE_GATEWAY_TO_INGESTOR, &sample);
        memcpy(&ret_manifest->order, sample.bytes, sizeof(ret_manifest->order));
        sample_message(MESSAGE_PUSHER_TO_GATEWAY, &sample);
        memcpy(&ret_manifest->release, sample.bytes, sizeof(ret_manifest->release));
}

static void names(void **state) {
        char name[MANIFEST_NAME_BYTES];

        (void)state;
        stage_manifest_name(RUN, STAGE_TRANSFORMER, name);
        assert_string_equal(name, "runs/" RUN "/transformer.json");
        stage_manifest_name(RUN, STAGE_GATEWAY, name);
        assert_string_equal(name, "runs/" RUN "/run.json");
}

static void a_stage_manifest_comes_back(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL, again = BUFFER_NULL;
        static struct stage_manifest manifest, back;
        static union sample emitted;
        struct fault fault = FAULT_NULL;
        bool has_output = false;

        (void)state;
        make_stage(&manifest);
        assert_int_equal(stage_manifest_write(&manifest, input.bytes, output.bytes, &text), 0);
        assert_int_equal(stage_manifest_read(text.data, text.n_bytes, STAGE_VALIDATOR, &back, emitted.bytes,
                                             &has_output, &fault),
                         0);
        assert_true(has_output);
        assert_string_equal(back.run, RUN);
        assert_int_equal(back.end.state, RUN_STATE_FAILED);
        assert_int_equal(back.end.error.row, 17);
        assert_int_equal(stage_manifest_write(&back, input.bytes, emitted.bytes, &again), 0);
        assert_string_equal(buffer_text(&again), buffer_text(&text));
}

static void a_failed_stage_has_no_output(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        static struct stage_manifest manifest, back;
        static union sample emitted;
        struct fault fault = FAULT_NULL;
        bool has_output = true;

        (void)state;
        make_stage(&manifest);
        assert_int_equal(stage_manifest_write(&manifest, input.bytes, NULL, &text), 0);
        assert_null(strstr(buffer_text(&text), "\"output\""));
        assert_int_equal(stage_manifest_read(text.data, text.n_bytes, STAGE_VALIDATOR, &back, emitted.bytes,
                                             &has_output, &fault),
                         0);
        assert_false(has_output);
}

static void details_are_there_for_people(void **state) {
        static const char details[] = "[{\"code\":\"LABEL_ONE_CLASS\"}]";
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        static struct stage_manifest manifest, back;
        static union sample emitted;
        struct fault fault = FAULT_NULL;
        bool has_output = false;

        (void)state;
        make_stage(&manifest);
        manifest.details = details;
        manifest.n_details = strlen(details);
        assert_int_equal(stage_manifest_write(&manifest, input.bytes, output.bytes, &text), 0);
        assert_non_null(strstr(buffer_text(&text), "\"details\": [{\"code\":\"LABEL_ONE_CLASS\"}]"));
        assert_int_equal(stage_manifest_read(text.data, text.n_bytes, STAGE_VALIDATOR, &back, emitted.bytes,
                                             &has_output, &fault),
                         0);
        assert_true(has_output);
        assert_null(back.details);
}

static void the_manifest_of_another_stage_is_refused(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        static struct stage_manifest manifest;
        struct fault fault = FAULT_NULL;

        (void)state;
        make_stage(&manifest);
        assert_int_equal(stage_manifest_write(&manifest, NULL, NULL, &text), 0);
        assert_int_equal(stage_manifest_read(text.data, text.n_bytes, STAGE_TRAINER, &manifest, NULL, NULL, &fault),
                         FAULT_E_INPUT);
        assert_string_equal(fault.column, "end.stage");
}

static void a_run_manifest_comes_back(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL, again = BUFFER_NULL;
        static struct run_manifest manifest, back;
        struct fault fault = FAULT_NULL;

        (void)state;
        make_run(&manifest);
        assert_int_equal(run_manifest_write(&manifest, &text), 0);
        assert_int_equal(run_manifest_read(text.data, text.n_bytes, &back, &fault), 0);
        assert_int_equal(run_manifest_write(&back, &again), 0);
        assert_string_equal(buffer_text(&again), buffer_text(&text));
        assert_string_equal(back.idempotency_key, "k 1");
        assert_int_equal(back.release.version, 3);
        assert_int_equal(back.order.parameters.split.salt, 5);
}

/* Every truncation of the text and every member taken out is a fault or a smaller truth, never a crash. */
static void a_damaged_manifest_is_refused(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        static struct run_manifest manifest, back;
        struct fault fault;

        (void)state;
        make_run(&manifest);
        assert_int_equal(run_manifest_write(&manifest, &text), 0);
        memset(&back, 0xa5, sizeof(back));
        for (size_t n = text.n_bytes - 2; n; --n) {
                fault = (struct fault)FAULT_NULL;
                assert_int_equal(run_manifest_read(text.data, n, &back, &fault), FAULT_E_INPUT);
        }
        assert_int_equal((unsigned char)back.run_id[0], 0xa5);
}

static void what_is_wrong_in_a_manifest_is_named(void **state) {
        static const struct {
                const char *from, *to;
                const char *want_column;
        } rows[] = {
                { "\"manifest\": 1", "\"manifest\": 2", "manifest" },
                { "\"state\": \"SUCCEEDED\"", "\"state\": \"DONE\"", "state" },
                { "\"attempt\": 1", "\"attempt\": 0", "attempt" },
                { "\"attempt\": 1", "\"attempt\": \"1\"", "attempt" },
                { "\"attempt\": 1", "\"attemptx\": 1", "attempt" },
                { "\"version\": 3", "\"version\": -3", "release.version" },
                { "\"f1\": 0.5", "\"f1\": 1.5", "release.candidate.f1" },
                { "\"name\": \"eta\"", "\"name\": \"ETA\"", "order.parameters.train.settings[0].name" },
                { "\"mode\": \"refresh\"", "\"mode\": [1]", "order.parameters.evaluate.mode" },
                { "2026-01-02T03:04:05.678Z", "2026-01-02 03:04", "created_at" },
        };
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        static struct run_manifest manifest;

        (void)state;
        make_run(&manifest);
        assert_int_equal(run_manifest_write(&manifest, &text), 0);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(buffer_finish) struct buffer changed = BUFFER_NULL;
                const char *at = strstr(buffer_text(&text), rows[i].from);
                struct fault fault = FAULT_NULL;

                assert_non_null(at);
                assert_int_equal(buffer_printf(&changed, "%.*s%s%s", (int)(at - buffer_text(&text)), buffer_text(&text),
                                               rows[i].to, at + strlen(rows[i].from)),
                                 0);
                assert_int_equal(run_manifest_read(changed.data, changed.n_bytes, &manifest, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.column, rows[i].want_column);
        }
}

/* An older build wrote fewer optional members, a newer one more of them. */
static void strangers_and_absent_values_are_passed_over(void **state) {
        static const char from[] = "\"idempotency_key\": \"k 1\"", to[] = "\"something_new\": {\"a\": [1]}";
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL, changed = BUFFER_NULL;
        static struct run_manifest manifest, back;
        struct fault fault = FAULT_NULL;
        const char *at;

        (void)state;
        make_run(&manifest);
        assert_int_equal(run_manifest_write(&manifest, &text), 0);
        at = strstr(buffer_text(&text), from);
        assert_int_equal(buffer_printf(&changed, "%.*s%s%s", (int)(at - buffer_text(&text)), buffer_text(&text), to,
                                       at + strlen(from)),
                         0);
        assert_int_equal(run_manifest_read(changed.data, changed.n_bytes, &back, &fault), 0);
        assert_string_equal(back.idempotency_key, "");
}

static void a_manifest_that_could_not_be_read_is_not_written(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        static struct run_manifest manifest;
        static struct stage_manifest stage;

        (void)state;
        make_run(&manifest);
        manifest.order.schema.sha256[3] = 'X';
        assert_int_equal(run_manifest_write(&manifest, &text), -EPROTO);
        make_stage(&stage);
        stage.attempt = 0;
        assert_int_equal(stage_manifest_write(&stage, NULL, NULL, &text), -EPROTO);
}

static void faults_travel(void **state) {
        struct fault fault = FAULT_NULL;
        struct run_error error;
        char path[RECORD_PATH_BYTES];

        (void)state;
        fault_set(&fault, "CSV_FIELD", "\"\xff\" is no number");
        fault_at(&fault, "/home/somebody/secret/flowers.csv", 12, 3);
        fault_in(&fault, "Length", 10);
        run_error_from_fault(&error, &fault);
        assert_true(record_is_valid(&run_error_record, &error, path));
        assert_string_equal(error.file, "flowers.csv");
        assert_string_equal(error.message, "\"?\" is no number");
        assert_string_equal(error.code, "CSV_FIELD");
        assert_int_equal(error.line, 12);
        assert_int_equal(error.row, 10);

        /* a sentence cut within a character stays text */
        memset(fault.message, 'a', sizeof(fault.message) - 2);
        fault.message[sizeof(fault.message) - 2] = (char)0xc3;
        run_error_from_fault(&error, &fault);
        assert_true(record_is_valid(&run_error_record, &error, path));
        run_error_from_fault(&error, &(struct fault)FAULT_NULL);
        assert_true(record_is_valid(&run_error_record, &error, path));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(names),
                cmocka_unit_test(a_stage_manifest_comes_back),
                cmocka_unit_test(a_failed_stage_has_no_output),
                cmocka_unit_test(details_are_there_for_people),
                cmocka_unit_test(the_manifest_of_another_stage_is_refused),
                cmocka_unit_test(a_run_manifest_comes_back),
                cmocka_unit_test(a_damaged_manifest_is_refused),
                cmocka_unit_test(what_is_wrong_in_a_manifest_is_named),
                cmocka_unit_test(strangers_and_absent_values_are_passed_over),
                cmocka_unit_test(a_manifest_that_could_not_be_read_is_not_written),
                cmocka_unit_test(faults_travel),
        };

        return cmocka_run_group_tests_name("manifest", tests, NULL, NULL);
}
