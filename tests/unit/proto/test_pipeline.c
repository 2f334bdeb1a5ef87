/* Pipeline: pipeline.yaml as a whole. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "proto/pipeline.h"
#include "tests/support/scratch.h"

#define LEAST "name: flowers\nschema: schema.yaml\nsource: {uri: 'generate:rows=10,seed=1'}\n"

static struct pipeline pipeline;

static int load(struct scratch *scratch, const char *yaml, struct fault *fault) {
        *fault = (struct fault)FAULT_NULL;
        assert_int_equal(file_replace(scratch_path(scratch, PIPELINE_FILE), yaml, strlen(yaml)), 0);
        memset(&pipeline, 0xa5, sizeof(pipeline));
        return pipeline_load(scratch->folder, &pipeline, fault);
}

static void the_least_file_has_all_defaults(void **state) {
        struct scratch *scratch = *state;
        struct fault fault;

        assert_int_equal(load(scratch, LEAST, &fault), 0);
        assert_string_equal(pipeline.folder, scratch->folder);
        assert_string_equal(pipeline.schema, scratch_path(scratch, "schema.yaml"));
        /* the file itself is as good a name of it */
        assert_int_equal(pipeline_load(scratch_path(scratch, PIPELINE_FILE), &pipeline, &fault), 0);
        assert_string_equal(pipeline.folder, scratch->folder);
        assert_string_equal(pipeline.parameters.name, "flowers");
        assert_string_equal(pipeline.source.uri, "generate:rows=10,seed=1");
        assert_string_equal(pipeline.source.database, "Proj1");
        assert_string_equal(pipeline.source.collection, "Proj1-Data");
        assert_string_equal(pipeline.store_uri, "file://store");
        assert_string_equal(pipeline.registry_uri, "file://registry");
        assert_string_equal(pipeline.cache, "cache");
        assert_int_equal(pipeline.cache_bytes, INT64_C(8589934592));
        assert_string_equal(pipeline.serve.listen, "127.0.0.1");
        assert_int_equal(pipeline.serve.port, 5080);
        assert_int_equal(pipeline.serve.when_busy, SERVE_WHEN_BUSY_QUEUE);
        assert_int_equal(pipeline.serve.max_body_bytes, 16 * 1024 * 1024);
        assert_int_equal(pipeline.serve.versions_mapped, 3);
        assert_int_equal(pipeline.retention.runs, 100);
        assert_int_equal(pipeline.retention.versions, 20);
        assert_int_equal(pipeline.retention.grace_hours, 24);
}

static void the_environment_speaks(void **state) {
        struct fault fault;

        setenv("TEST_PIPELINE_BUCKET", "models", 1);
        setenv("TEST_PIPELINE_PORT", "6000", 1);
        unsetenv("TEST_PIPELINE_SOURCE");
        assert_int_equal(load(*state,
                              "name: flowers\nschema: /etc/s.yaml\n"
                              "source: {uri: '${TEST_PIPELINE_SOURCE:-generate:rows=50000,seed=1}'}\n"
                              "registry: {bucket: '${TEST_PIPELINE_BUCKET:-}', prefix: p/q}\n"
                              "serve:\n  port: ${TEST_PIPELINE_PORT}\n  when_busy: refuse\n",
                              &fault),
                         0);
        assert_string_equal(pipeline.schema, "/etc/s.yaml");
        assert_string_equal(pipeline.source.uri, "generate:rows=50000,seed=1");
        assert_string_equal(pipeline.registry_uri, "s3://models/p/q");
        assert_int_equal(pipeline.serve.port, 6000);
        assert_int_equal(pipeline.serve.when_busy, SERVE_WHEN_BUSY_REFUSE);

        unsetenv("TEST_PIPELINE_BUCKET");
        assert_int_equal(load(*state,
                              LEAST "registry: {bucket: '${TEST_PIPELINE_BUCKET:-}', path: models}\n"
                                    "store: {uri: 's3://b/x', cache: /var/cache/toys, cache_bytes: 1048576}\n",
                              &fault),
                         0);
        assert_string_equal(pipeline.registry_uri, "file://models");
        assert_string_equal(pipeline.store_uri, "s3://b/x");
        assert_string_equal(pipeline.cache, "/var/cache/toys");
        assert_int_equal(pipeline.cache_bytes, 1048576);
}

static void a_file_stands_beside_the_pipeline(void **state) {
        char want[1100];
        struct fault fault;

        assert_int_equal(load(*state, "name: f\nschema: s.yaml\nsource: {uri: 'file://data/a.csv'}\n", &fault), 0);
        snprintf(want, sizeof(want), "file://%s", scratch_path(*state, "data/a.csv"));
        assert_string_equal(pipeline.source.uri, want);
        assert_int_equal(load(*state, "name: f\nschema: s.yaml\nsource: {uri: 'file:///a.csv'}\n", &fault), 0);
        assert_string_equal(pipeline.source.uri, "file:///a.csv");
}

static void mistakes_name_their_place(void **state) {
        static const struct {
                const char *yaml;
                const char *want_code;
                const char *want_column;
                int64_t want_line;
        } rows[] = {
                { "", "CONFIG_EMPTY", "", 0 },
                { LEAST "shema: x\n", "CONFIG_UNKNOWN_KEY", "shema", 4 },
                { "schema: s\nsource: {uri: x}\n", "CONFIG_MISSING_KEY", "name", 0 },
                { "name: f\nsource: {uri: x}\n", "CONFIG_MISSING_KEY", "schema", 0 },
                { "name: f\nschema: s\n", "CONFIG_MISSING_KEY", "source", 0 },
                { "name: f\nschema: s\nsource: {}\n", "CONFIG_MISSING_KEY", "source.uri", 0 },
                { "name: f\nschema: s\nsource: {url: x}\n", "CONFIG_UNKNOWN_KEY", "source.url", 3 },
                { "name: f\nschema: s\nsource: {uri: x, max_bad_fraction: 2}\n", "CONFIG_OUT_OF_RANGE",
                  "source.max_bad_fraction", 3 },
                { LEAST "serve: {port: 66000}\n", "CONFIG_OUT_OF_RANGE", "serve.port", 4 },
                { LEAST "serve: {port: web}\n", "CONFIG_WRONG_KIND", "serve.port", 4 },
                { LEAST "serve: {when_busy: wait}\n", "CONFIG_OUT_OF_RANGE", "serve.when_busy", 4 },
                { LEAST "serve: {prot: 1}\n", "CONFIG_UNKNOWN_KEY", "serve.prot", 4 },
                { LEAST "retention: {runs: 0}\n", "CONFIG_OUT_OF_RANGE", "retention.runs", 4 },
                { LEAST "retention: {grace_hours: 1}\n", "CONFIG_OUT_OF_RANGE", "retention.grace_hours", 4 },
                { LEAST "retention: {days: 1}\n", "CONFIG_UNKNOWN_KEY", "retention.days", 4 },
                { LEAST "registry: {bucket: Models}\n", "CONFIG_OUT_OF_RANGE", "registry.bucket", 4 },
                { LEAST "store: {url: x}\n", "CONFIG_UNKNOWN_KEY", "store.url", 4 },
                { LEAST "store: {uri: ''}\n", "CONFIG_OUT_OF_RANGE", "store.uri", 4 },
                { LEAST "store: {cache: ''}\n", "CONFIG_OUT_OF_RANGE", "store.cache", 4 },
                { LEAST "store: {cache_bytes: 1048575}\n", "CONFIG_OUT_OF_RANGE", "store.cache_bytes", 4 },
                { LEAST "train: {max_depth: x}\n", "CONFIG_WRONG_KIND", "train.max_depth", 4 },
                { LEAST "serve: {listen: '${TEST_PIPELINE_NOT_SET}'}\n", NULL, NULL, 4 },
        };
        struct scratch *scratch = *state;
        struct fault fault;

        unsetenv("TEST_PIPELINE_NOT_SET");
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                assert_int_equal(load(scratch, rows[i].yaml, &fault), FAULT_E_INPUT);
                if (rows[i].want_code)
                        assert_string_equal(fault.code, rows[i].want_code);
                if (rows[i].want_column)
                        assert_string_equal(fault.column, rows[i].want_column);
                assert_string_equal(fault.file, scratch_path(scratch, PIPELINE_FILE));
                if (rows[i].want_line)
                        assert_int_equal(fault.line, rows[i].want_line);
                assert_int_equal((unsigned char)pipeline.folder[0], 0xa5);
        }
}

static void no_pipeline_is_a_fault(void **state) {
        struct scratch *scratch = *state;
        struct fault fault = FAULT_NULL;

        assert_int_equal(pipeline_load(scratch_path(scratch, "nowhere"), &pipeline, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "PIPELINE_MISSING");
        assert_int_equal(pipeline_load(scratch->folder, &pipeline, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.file, scratch_path(scratch, PIPELINE_FILE));
}

/* The pipelines that come with the source are good, and their values are the defaults, as they claim. */
static void the_bundled_pipeline_is_good(void **state) {
        static struct parameters defaults;
        static struct pipeline bundled;
        struct fault fault = FAULT_NULL;
        struct fault ignored;
        char text[FAULT_TEXT_BYTES];

        unsetenv("CONVOY_SOURCE");
        unsetenv("MONGODB_URL");
        unsetenv("CONVOY_STORE");
        unsetenv("CONVOY_PORT");
        unsetenv("MODEL_BUCKET_NAME");
        unsetenv("MODEL_PUSHER_S3_KEY");
        if (pipeline_load(SOURCE_ROOT "/pipelines/vehicle-insurance", &bundled, &fault))
                fail_msg("%s", fault_format(&fault, text, sizeof(text)));
        assert_string_equal(fault_format(&fault, text, sizeof(text)), "");
        parameters_init(&defaults, bundled.parameters.name);
        assert_memory_equal(&bundled.parameters, &defaults, sizeof(defaults));
        assert_string_equal(bundled.source.uri, "generate:rows=50000,seed=1");

        assert_int_equal(load(*state, LEAST, &ignored), 0);
        assert_memory_equal(&bundled.serve, &pipeline.serve, sizeof(pipeline.serve));
        assert_string_equal(bundled.store_uri, pipeline.store_uri);
        assert_string_equal(bundled.registry_uri, pipeline.registry_uri);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_least_file_has_all_defaults, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(the_environment_speaks, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(a_file_stands_beside_the_pipeline, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(mistakes_name_their_place, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(no_pipeline_is_a_fault, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(the_bundled_pipeline_is_good, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests_name("pipeline", tests, NULL, NULL);
}
