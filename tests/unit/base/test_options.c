/* Options: one table gives parsing, checks, environment and help. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/options.h"
#include "common/base/version.h"

static const struct option_row ROWS[] = {
        { .name = "home",
          .environment = "OPTIONS_HOME",
          .otherwise = "./.convoy",
          .value_name = "DIR",
          .sentence = "folder of everything the line keeps" },
        { .name = "port",
          .environment = "OPTIONS_PORT",
          .otherwise = "5080",
          .kind = OPTION_INT,
          .min = 1,
          .max = 65535,
          .sentence = "where the gateway listens" },
        { .name = "ratio",
          .kind = OPTION_INT,
          .min = 0,
          .max = 100,
          .value_name = "X",
          .sentence = "share of the rows that are held out" },
        { .name = "json", .environment = "OPTIONS_JSON", .kind = OPTION_FLAG, .sentence = "print JSON" },
        { .name = "log-level",
          .otherwise = "info",
          .kind = OPTION_CHOICE,
          .choices = "error|warn|info|debug",
          .sentence = "the least urgent lines that are shown" },
        { .name = "seed", .kind = OPTION_INT, .sentence = "any integer" },
        { .environment = "OPTIONS_TOKEN",
          .otherwise = "swordfish",
          .kind = OPTION_SECRET,
          .sentence = "what a caller must know to start a run, to stop one, to move an alias or to do anything else "
                      "that changes something" },
};

static const struct option_table TABLE = {
        .program = "convoy-test",
        .summary = "Tests the options",
        .operands = "FILE",
        .n_operands_max = 1,
        .rows = ROWS,
        .n_rows = N_ELEMENTS(ROWS),
        .sections = "Exit codes:\n  0  stopped\n",
};

static int setup(void **state) {
        (void)state;
        unsetenv("OPTIONS_HOME");
        unsetenv("OPTIONS_PORT");
        unsetenv("OPTIONS_JSON");
        unsetenv("OPTIONS_TOKEN");
        return 0;
}

/* Parses up to six arguments, ended by NULL. */
static int parse(const struct option_table *table, struct fault *fault, struct options **ret_options,
                 const char *const *arguments) {
        char *argv[8] = { (char *)"convoy-test" };
        int argc = 1;

        for (; arguments[argc - 1]; argc++)
                argv[argc] = (char *)(uintptr_t)arguments[argc - 1];
        return options_parse(table, argc, argv, fault, ret_options);
}

#define PARSE(fault, ret_options, ...) parse(&TABLE, (fault), (ret_options), (const char *const[]){ __VA_ARGS__, NULL })

static void defaults_stand_where_nothing_is_given(void **state) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(PARSE(&fault, &options, NULL), 0);
        assert_string_equal(options_text(options, "home"), "./.convoy");
        assert_int_equal(options_int(options, "port"), 5080);
        assert_int_equal(options_int(options, "ratio"), 0);
        assert_false(options_flag(options, "json"));
        assert_string_equal(options_text(options, "log-level"), "info");
        assert_string_equal(options_text(options, "OPTIONS_TOKEN"), "swordfish");
        assert_false(options_is_given(options, "port"));
        assert_null(options_operand(options, 0));
}

static void flags_win_over_the_environment(void **state) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        struct fault fault = FAULT_NULL;

        (void)state;
        setenv("OPTIONS_PORT", "6000", 1);
        setenv("OPTIONS_HOME", "/from/environment", 1);
        setenv("OPTIONS_JSON", "", 1);
        assert_int_equal(PARSE(&fault, &options, "--port", "7000", "--ratio=25", "--json"), 0);
        assert_int_equal(options_int(options, "port"), 7000);
        assert_string_equal(options_text(options, "home"), "/from/environment");
        assert_int_equal(options_int(options, "ratio"), 25);
        assert_true(options_flag(options, "json"));
        assert_true(options_is_given(options, "home"));
}

static void a_flag_silences_a_wrong_environment(void **state) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        struct fault fault = FAULT_NULL;

        (void)state;
        setenv("OPTIONS_PORT", "abc", 1);
        assert_int_equal(PARSE(&fault, &options, "--port=1"), 0);
        assert_int_equal(options_int(options, "port"), 1);
}

static void an_empty_variable_is_not_set(void **state) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        struct fault fault = FAULT_NULL;

        (void)state;
        setenv("OPTIONS_PORT", "", 1);
        setenv("OPTIONS_JSON", "no", 1);
        assert_int_equal(PARSE(&fault, &options, "--seed", "1"), 0);
        assert_int_equal(options_int(options, "port"), 5080);
        assert_false(options_flag(options, "json"));
}

static void operands_and_the_end_of_flags(void **state) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(PARSE(&fault, &options, "--seed", "-5", "--", "--json"), 0);
        assert_int_equal(options_int(options, "seed"), -5);
        assert_string_equal(options_operand(options, 0), "--json");
        assert_null(options_operand(options, 1));
        options = options_destroy(options);
        assert_int_equal(PARSE(&fault, &options, "-"), 0);
        assert_string_equal(options_operand(options, 0), "-");
}

static void what_is_wrong_is_named(void **state) {
        static const struct {
                const char *arguments[4];
                const char *want_code, *want;
        } CASES[] = {
                { { "--prot", "5" }, "OPTION_UNKNOWN", "unknown option --prot; did you mean --port?" },
                { { "--pot=5" }, "OPTION_UNKNOWN", "unknown option --pot; did you mean --port?" },
                { { "--zzzzzz" }, "OPTION_UNKNOWN", "unknown option --zzzzzz; convoy-test --help lists all" },
                { { "-v" }, "OPTION_UNKNOWN", "unknown option -v; convoy-test --help lists all" },
                { { "--port" }, "OPTION_VALUE", "--port: a value is missing: --port N" },
                { { "--port", "0" }, "OPTION_VALUE", "--port: expected an integer from 1 to 65535, got \"0\"" },
                { { "--port", "5080x" }, "OPTION_VALUE", "--port: expected an integer from 1 to 65535, got \"5080x\"" },
                { { "--port=" }, "OPTION_VALUE", "--port: expected an integer from 1 to 65535, got \"\"" },
                { { "--port= 5" }, "OPTION_VALUE", "--port: expected an integer from 1 to 65535, got \" 5\"" },
                { { "--seed=99999999999999999999" },
                  "OPTION_VALUE",
                  "--seed: expected an integer, got \"99999999999999999999\"" },
                { { "--ratio", "nan" }, "OPTION_VALUE", "--ratio: expected an integer from 0 to 100, got \"nan\"" },
                { { "--ratio", "1.5" }, "OPTION_VALUE", "--ratio: expected an integer from 0 to 100, got \"1.5\"" },
                { { "--json=maybe" },
                  "OPTION_VALUE",
                  "--json: takes no value, got \"maybe\"; leave --json out for no" },
                { { "--json=false" },
                  "OPTION_VALUE",
                  "--json: takes no value, got \"false\"; leave --json out for no" },
                { { "--json=1" }, "OPTION_VALUE", "--json: takes no value, got \"1\"; leave --json out for no" },
                { { "--log-level", "warn|info" },
                  "OPTION_VALUE",
                  "--log-level: expected one of error|warn|info|debug, got \"warn|info\"" },
                { { "--log-level", "war" },
                  "OPTION_VALUE",
                  "--log-level: expected one of error|warn|info|debug, got \"war\"" },
                { { "a", "b" }, "OPTION_OPERANDS", "unexpected argument \"b\"; convoy-test --help shows the usage" },
        };
        char text[FAULT_TEXT_BYTES];

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(CASES); i++) {
                struct fault fault = FAULT_NULL;
                struct options *options = NULL;

                assert_int_equal(parse(&TABLE, &fault, &options, CASES[i].arguments), FAULT_E_INPUT);
                assert_null(options);
                assert_string_equal(fault.code, CASES[i].want_code);
                assert_string_equal(fault_format(&fault, text, sizeof(text)), CASES[i].want);
        }
}

static void a_wrong_variable_is_named(void **state) {
        struct fault fault = FAULT_NULL;
        struct options *options = NULL;

        (void)state;
        setenv("OPTIONS_PORT", "70000", 1);
        assert_int_equal(PARSE(&fault, &options, NULL), FAULT_E_INPUT);
        assert_string_equal(fault.column, "OPTIONS_PORT");
}

static void a_missing_operand_is_named(void **state) {
        struct option_table table = TABLE;
        struct fault fault = FAULT_NULL;
        struct options *options = NULL;

        (void)state;
        table.n_operands_min = 1;
        assert_int_equal(parse(&table, &fault, &options, (const char *const[]){ NULL }), FAULT_E_INPUT);
        assert_string_equal(fault.message, "an argument is missing; usage: convoy-test FILE");
}

static void help_and_version_are_conditions(void **state) {
        struct fault fault = FAULT_NULL;
        struct options *options = NULL;

        (void)state;
        setenv("OPTIONS_PORT", "abc", 1);
        assert_int_equal(PARSE(&fault, &options, "a", "b", "--help"), OPTIONS_E_HELP);
        assert_int_equal(PARSE(&fault, &options, "-h"), OPTIONS_E_HELP);
        assert_int_equal(PARSE(&fault, &options, "--version"), OPTIONS_E_VERSION);
        assert_null(options);
}

static void help_is_made_from_the_table(void **state) {
        static const char WANT[] =
                "Usage: convoy-test [OPTION]... FILE\n"
                "Tests the options\n"
                "\n"
                "Options:\n"
                "  --home DIR            folder of everything the line keeps (default ./.convoy) [OPTIONS_HOME]\n"
                "  --port N              where the gateway listens (default 5080) [OPTIONS_PORT]\n"
                "  --ratio X             share of the rows that are held out\n"
                "  --json                print JSON [OPTIONS_JSON]\n"
                "  --log-level error|warn|info|debug\n"
                "                        the least urgent lines that are shown (default info)\n"
                "  --seed N              any integer\n"
                "  --help                print this and exit\n"
                "  --version             print the version and exit\n"
                "\n"
                "Environment:\n"
                "  OPTIONS_TOKEN=SECRET  what a caller must know to start a run, to stop one, to move an alias or to\n"
                "                        do anything else that changes something\n"
                "\n"
                "Exit codes:\n"
                "  0  stopped\n";
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL, version = BUFFER_NULL;

        (void)state;
        setenv("OPTIONS_TOKEN", "hunter2", 1);
        assert_int_equal(options_help(&TABLE, &text), 0);
        assert_string_equal(buffer_text(&text), WANT);
        assert_int_equal(options_version(&TABLE, &version), 0);
        assert_non_null(strstr(buffer_text(&version), "convoy-test "));
        assert_non_null(strstr(buffer_text(&version), version_text()));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(defaults_stand_where_nothing_is_given, setup),
                cmocka_unit_test_setup(flags_win_over_the_environment, setup),
                cmocka_unit_test_setup(a_flag_silences_a_wrong_environment, setup),
                cmocka_unit_test_setup(an_empty_variable_is_not_set, setup),
                cmocka_unit_test_setup(operands_and_the_end_of_flags, setup),
                cmocka_unit_test_setup(what_is_wrong_is_named, setup),
                cmocka_unit_test_setup(a_wrong_variable_is_named, setup),
                cmocka_unit_test_setup(a_missing_operand_is_named, setup),
                cmocka_unit_test_setup(help_and_version_are_conditions, setup),
                cmocka_unit_test_setup(help_is_made_from_the_table, setup),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
