/* Parameters: defaults, pipeline.yaml, what a request may override and what not. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/config.h"
#include "proto/parameters.h"

static int load(const char *yaml, struct parameters *ret_parameters, struct fault *fault) {
        _cleanup_(config_destroy_pointer) struct config *config = NULL;
        int r;

        *fault = (struct fault)FAULT_NULL;
        r = config_parse("pipeline.yaml", yaml, strlen(yaml), CONFIG_EXPAND, fault, &config);
        return r ? r : parameters_load(config_root(config), ret_parameters, fault);
}

static int override(struct parameters *parameters, const char *body, struct fault *fault) {
        *fault = (struct fault)FAULT_NULL;
        return parameters_override(parameters, body, strlen(body), fault);
}

static void a_name_is_enough(void **state) {
        static struct parameters parameters;
        char path[RECORD_PATH_BYTES];
        struct fault fault;

        (void)state;
        assert_int_equal(load("name: flowers\n", &parameters, &fault), 0);
        assert_string_equal(parameters.name, "flowers");
        assert_int_equal(parameters.split.test_ten_thousandths, 2500);
        assert_int_equal(parameters.train.num_boost_round, 500);
        assert_int_equal(parameters.train.early_stopping_rounds, 20);
        assert_true(isnan(parameters.train.threshold));
        assert_string_equal(parameters_setting(&parameters, "max_depth"), "5");
        assert_string_equal(parameters_setting(&parameters, "eta"), "0.1");
        assert_null(parameters_setting(&parameters, "gamma"));
        assert_int_equal(parameters.evaluate.mode, EVALUATE_MODE_IMPROVE);
        assert_true(fabs(parameters.evaluate.min_score - 0.40) < 1e-15);
        assert_int_equal(parameters.evaluate.min_test_positives, 300);
        assert_int_equal(parameters.evaluate.on_accept, EVALUATE_ON_ACCEPT_PROMOTE);
        assert_true(record_is_valid(&parameters_record, &parameters, path));
}

static void everything_can_be_said(void **state) {
        static struct parameters parameters;
        struct fault fault;

        (void)state;
        assert_int_equal(load("name: flowers\n"
                              "source: {uri: 'generate:rows=1', max_bad_fraction: 0.01}\n"
                              "split: {salt: 7, test_ratio: 0.1234}\n"
                              "transform: {numbers: standard, columns: {Length: min_max}}\n"
                              "train:\n"
                              "  seed: 3\n"
                              "  learning_rate: 0.30\n"
                              "  max_depth: 6\n"
                              "  subsample: 0.5\n"
                              "  stopping_fraction: 0.2\n"
                              "  threshold: 0.3\n"
                              "evaluate: {mode: refresh, margin: 0.01, on_accept: challenger, bootstrap: 100}\n",
                              &parameters, &fault),
                         0);
        assert_true(fabs(parameters.max_bad_fraction - 0.01) < 1e-15);
        assert_int_equal(parameters.split.salt, 7);
        assert_int_equal(parameters.split.test_ten_thousandths, 1234);
        assert_int_equal(parameters_scaling(&parameters, "Length"), SCALING_MIN_MAX);
        assert_int_equal(parameters_scaling(&parameters, "Width"), SCALING_STANDARD);
        assert_int_equal(parameters.train.seed, 3);
        assert_string_equal(parameters_setting(&parameters, "eta"), "0.3");
        assert_null(parameters_setting(&parameters, "learning_rate"));
        assert_string_equal(parameters_setting(&parameters, "max_depth"), "6");
        assert_string_equal(parameters_setting(&parameters, "subsample"), "0.5");
        assert_true(fabs(parameters.train.threshold - 0.3) < 1e-15);
        assert_int_equal(parameters.evaluate.mode, EVALUATE_MODE_REFRESH);
        assert_int_equal(parameters.evaluate.on_accept, EVALUATE_ON_ACCEPT_CHALLENGER);

        /* sorted, so that equal settings are equal bytes in a cache key */
        for (size_t i = 1; i < parameters.train.n_settings; i++)
                assert_true(strcmp(parameters.train.settings[i - 1].name, parameters.train.settings[i].name) < 0);
}

static void mistakes_name_their_place(void **state) {
        static const struct {
                const char *yaml;
                const char *want_code;
                const char *want_column;
                int64_t want_line;
        } rows[] = {
                { "train: {}\n", "CONFIG_MISSING_KEY", "name", 1 },
                { "name: Flowers\n", "CONFIG_OUT_OF_RANGE", "name", 1 },
                { "name: f\nsplit: {test_ratio: 0}\n", "CONFIG_OUT_OF_RANGE", "split.test_ratio", 2 },
                { "name: f\nsplit: {test_ratio: 1}\n", "CONFIG_OUT_OF_RANGE", "split.test_ratio", 2 },
                { "name: f\nsplit: {test_ratio: 0.12345}\n", "CONFIG_OUT_OF_RANGE", "split.test_ratio", 2 },
                { "name: f\nsplit: {salt: -1}\n", "CONFIG_OUT_OF_RANGE", "split.salt", 2 },
                { "name: f\nsplit: {seed: 1}\n", "CONFIG_UNKNOWN_KEY", "split.seed", 2 },
                { "name: f\nsplit: 5\n", "CONFIG_WRONG_KIND", "split", 2 },
                { "name: f\ntrain:\n  max_dept: 5\n", "CONFIG_UNKNOWN_KEY", "train.max_dept", 3 },
                { "name: f\ntrain:\n  max_depth: deep\n", "CONFIG_WRONG_KIND", "train.max_depth", 3 },
                { "name: f\ntrain:\n  max_depth: 5.5\n", "CONFIG_WRONG_KIND", "train.max_depth", 3 },
                { "name: f\ntrain:\n  eta: 0\n", "CONFIG_OUT_OF_RANGE", "train.eta", 3 },
                { "name: f\ntrain:\n  objective: rank:pairwise\n", "CONFIG_OUT_OF_RANGE", "train.objective", 3 },
                { "name: f\ntrain:\n  settings: []\n", "CONFIG_UNKNOWN_KEY", "train.settings", 3 },
                { "name: f\ntrain:\n  threshold: 1\n", "CONFIG_OUT_OF_RANGE", "train.threshold", 3 },
                { "name: f\ntrain:\n  threshold: best\n", "CONFIG_OUT_OF_RANGE", "train.threshold", 3 },
                { "name: f\ntrain:\n  seed: 1.5\n", "CONFIG_WRONG_KIND", "train.seed", 3 },
                { "name: f\ntrain: []\n", "CONFIG_WRONG_KIND", "train", 2 },
                { "name: f\nevaluate: {mode: improved}\n", "CONFIG_OUT_OF_RANGE", "evaluate.mode", 2 },
                { "name: f\nevaluate: {min_score: 40}\n", "CONFIG_OUT_OF_RANGE", "evaluate.min_score", 2 },
                { "name: f\nevaluate: {metric: f1}\n", "CONFIG_UNKNOWN_KEY", "evaluate.metric", 2 },
                { "name: f\ntransform: {numbers: log}\n", "CONFIG_OUT_OF_RANGE", "transform.numbers", 2 },
                { "name: f\ntransform: {columns: {A: log}}\n", "CONFIG_OUT_OF_RANGE", "transform.columns.A", 2 },
        };
        static struct parameters parameters;
        struct fault fault;

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                memset(&parameters, 0xa5, sizeof(parameters));
                assert_int_equal(load(rows[i].yaml, &parameters, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, rows[i].want_code);
                assert_string_equal(fault.column, rows[i].want_column);
                assert_string_equal(fault.file, "pipeline.yaml");
                assert_int_equal(fault.line, rows[i].want_line);
                assert_true(fault.position > 0);
                assert_int_equal((unsigned char)parameters.name[0], 0xa5);
        }
}

static void a_slip_is_corrected(void **state) {
        static struct parameters parameters;
        struct fault fault;

        (void)state;
        assert_int_equal(load("name: f\ntrain:\n  max_dept: 5\n", &parameters, &fault), FAULT_E_INPUT);
        assert_non_null(strstr(fault.message, "did you mean max_depth"));
        assert_int_equal(load("name: f\ntrain:\n  early_stoping_rounds: 5\n", &parameters, &fault), FAULT_E_INPUT);
        assert_non_null(strstr(fault.message, "did you mean early_stopping_rounds"));
}

static void a_request_overrides_training_and_evaluation(void **state) {
        static struct parameters parameters;
        struct fault fault;

        (void)state;
        parameters_init(&parameters, "flowers");
        assert_int_equal(override(&parameters,
                                  "{\"parameters\":\n\t{\"train\": {\"seed\":1,\"max_depth\":6,\"num_boost_round\":200,"
                                  "\"eta\":1e-1,\"min_child_weight\":1.0},\"evaluate\":{\"mode\":\"refresh\"}}}",
                                  &fault),
                         0);
        assert_int_equal(parameters.train.seed, 1);
        assert_int_equal(parameters.train.num_boost_round, 200);
        assert_int_equal(parameters.train.early_stopping_rounds, 20);
        assert_string_equal(parameters_setting(&parameters, "max_depth"), "6");
        assert_string_equal(parameters_setting(&parameters, "min_child_weight"), "1");
        assert_string_equal(parameters_setting(&parameters, "eta"), "0.1");
        assert_int_equal(parameters.evaluate.mode, EVALUATE_MODE_REFRESH);
        assert_true(fabs(parameters.evaluate.margin - 0.005) < 1e-15);
}

static void an_empty_request_changes_nothing(void **state) {
        static const char *const bodies[] = { "", "{}", "{\"parameters\":{}}", "{\"parameters\":{\"train\":{}}}" };
        static struct parameters parameters, before;
        struct fault fault;

        (void)state;
        parameters_init(&before, "flowers");
        for (size_t i = 0; i < N_ELEMENTS(bodies); i++) {
                parameters_init(&parameters, "flowers");
                assert_int_equal(override(&parameters, bodies[i], &fault), 0);
                assert_memory_equal(&parameters, &before, sizeof(before));
        }
}

static void a_request_cannot_reach_further(void **state) {
        static const struct {
                const char *body;
                const char *want_code;
                const char *want_column;
        } rows[] = {
                { "{", "JSON_MALFORMED", "" },
                { "train: {seed: 1}", "JSON_MALFORMED", "" },
                { "[]", "CONFIG_WRONG_KIND", "" },
                { "{\"train\":{}}", "CONFIG_UNKNOWN_KEY", "train" },
                { "{\"parameters\":[]}", "CONFIG_WRONG_KIND", "parameters" },
                { "{\"parameters\":null}", "CONFIG_WRONG_KIND", "parameters" },
                { "{\"parameters\":{\"split\":{\"salt\":2}}}", "PARAMETER_FIXED", "parameters.split" },
                { "{\"parameters\":{\"train\":{\"seed\":2},\"split\":{\"test_ratio\":0.5}}}", "PARAMETER_FIXED",
                  "parameters.split" },
                { "{\"parameters\":{\"source\":{\"uri\":\"file:///etc/passwd\"}}}", "PARAMETER_FIXED",
                  "parameters.source" },
                { "{\"parameters\":{\"store\":{}}}", "PARAMETER_FIXED", "parameters.store" },
                { "{\"parameters\":{\"name\":\"other\"}}", "PARAMETER_FIXED", "parameters.name" },
                { "{\"parameters\":{\"trian\":{}}}", "CONFIG_UNKNOWN_KEY", "parameters.trian" },
                { "{\"parameters\":{\"train\":{\"max_depht\":3}}}", "CONFIG_UNKNOWN_KEY",
                  "parameters.train.max_depht" },
                { "{\"parameters\":{\"train\":{\"max_depth\":\"3\"}}}", "CONFIG_WRONG_KIND",
                  "parameters.train.max_depth" },
                { "{\"parameters\":{\"train\":{\"max_depth\":true}}}", "CONFIG_WRONG_KIND",
                  "parameters.train.max_depth" },
                { "{\"parameters\":{\"train\":{\"seed\":\"${HOME}\"}}}", "CONFIG_WRONG_KIND", "parameters.train.seed" },
                { "{\"parameters\":{\"train\":{\"seed\":-1}}}", "CONFIG_OUT_OF_RANGE", "parameters.train.seed" },
                { "{\"parameters\":{\"evaluate\":{\"min_score\":2}}}", "CONFIG_OUT_OF_RANGE",
                  "parameters.evaluate.min_score" },
        };
        static struct parameters parameters, before;
        struct fault fault;

        (void)state;
        parameters_init(&before, "flowers");
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                parameters_init(&parameters, "flowers");
                assert_int_equal(override(&parameters, rows[i].body, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, rows[i].want_code);
                assert_string_equal(fault.column, rows[i].want_column);
                assert_memory_equal(&parameters, &before, sizeof(before));
        }
}

static void a_fixed_parameter_is_explained(void **state) {
        static struct parameters parameters;
        struct fault fault;

        (void)state;
        parameters_init(&parameters, "flowers");
        assert_int_equal(override(&parameters, "{\"parameters\":{\"split\":{\"salt\":2}}}", &fault), FAULT_E_INPUT);
        assert_string_equal(fault.message,
                            "split belongs to the pipeline; a request may override train and evaluate only");
        assert_string_equal(fault.file, "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_is_enough),
                cmocka_unit_test(everything_can_be_said),
                cmocka_unit_test(mistakes_name_their_place),
                cmocka_unit_test(a_slip_is_corrected),
                cmocka_unit_test(a_request_overrides_training_and_evaluation),
                cmocka_unit_test(an_empty_request_changes_nothing),
                cmocka_unit_test(a_request_cannot_reach_further),
                cmocka_unit_test(a_fixed_parameter_is_explained),
        };

        return cmocka_run_group_tests_name("parameters", tests, NULL, NULL);
}
