/* Configuration: places, kinds, limits, variables. */

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/config.h"
#include "common/base/file.h"
#include "common/base/json_builder.h"
#include "tests/support/scratch.h"

static int parse(const char *text, enum config_mode mode, struct fault *fault, struct config **ret_config) {
        return config_parse("test.yaml", text, strlen(text), mode, fault, ret_config);
}

/* The whole complaint about root, which must be one. */
static void assert_complaint(const struct fault *fault, const char *code, const char *want) {
        char text[FAULT_TEXT_BYTES];

        assert_string_equal(fault->code, code);
        assert_string_equal(fault_format(fault, text, sizeof(text)), want);
}

static struct config *must_parse(const char *text, enum config_mode mode) {
        struct fault fault = FAULT_NULL;
        struct config *config = NULL;

        assert_int_equal(parse(text, mode, &fault, &config), 0);
        assert_complaint(&fault, "", "");
        return config;
}

static void nodes_know_their_place_and_order(void **state) {
        _cleanup_(config_destroy_pointer) struct config *config = must_parse("# comment\n"
                                                                             "columns:\n"
                                                                             "  - name: age\n"
                                                                             "    range: [18, 120]\n"
                                                                             "  - {name: kind, values: [a, b]}\n"
                                                                             "zeta: 1\n"
                                                                             "alpha: 2\n",
                                                                             CONFIG_VERBATIM);
        const struct config_node *root = config_root(config), *columns = config_first(root), *node;
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(config_node_kind(root), CONFIG_KIND_MAP);
        assert_int_equal(config_count(root), 3);
        assert_string_equal(config_key(columns), "columns");
        assert_string_equal(config_key(config_next(columns)), "zeta");
        assert_string_equal(config_key(config_next(config_next(columns))), "alpha");
        assert_null(config_next(config_next(config_next(columns))));
        assert_int_equal(config_count(columns), 2);
        node = config_find(config_first(columns), "range");
        assert_int_equal(config_fault(node, &fault, "CODE", "here"), FAULT_E_INPUT);
        assert_complaint(&fault, "CODE", "test.yaml:4:12: columns[0].range: here");
        node = config_find(config_next(config_first(columns)), "values");
        assert_int_equal(config_fault(node, &fault, "CODE", "here"), FAULT_E_INPUT);
        assert_int_equal(fault.line, 5);
        assert_int_equal(config_count(node), 2);
        assert_null(config_find(node, "x"));
        assert_null(config_find(root, "x"));
        assert_null(config_first(NULL));
}

static void plain_scalars_are_typed_and_quoted_ones_are_text(void **state) {
        static const struct {
                const char *text;
                enum config_kind want;
        } ROWS[] = {
                { "5", CONFIG_KIND_INT },
                { "-5", CONFIG_KIND_INT },
                { "+5", CONFIG_KIND_INT },
                { "007", CONFIG_KIND_INT },
                { "5.0", CONFIG_KIND_FLOAT },
                { ".5", CONFIG_KIND_FLOAT },
                { "5.", CONFIG_KIND_FLOAT },
                { "1e3", CONFIG_KIND_FLOAT },
                { "1e", CONFIG_KIND_TEXT },
                { "0x10", CONFIG_KIND_TEXT },
                { "1_000", CONFIG_KIND_TEXT },
                { "1-2", CONFIG_KIND_TEXT },
                { "< 1 Year", CONFIG_KIND_TEXT },
                { ".inf", CONFIG_KIND_FLOAT },
                { "-.inf", CONFIG_KIND_FLOAT },
                { ".nan", CONFIG_KIND_FLOAT },
                { "inf", CONFIG_KIND_TEXT },
                { "nan", CONFIG_KIND_TEXT },
                { "true", CONFIG_KIND_BOOL },
                { "False", CONFIG_KIND_BOOL },
                { "yes", CONFIG_KIND_TEXT },
                { "No", CONFIG_KIND_TEXT },
                { "on", CONFIG_KIND_TEXT },
                { "null", CONFIG_KIND_NULL },
                { "~", CONFIG_KIND_NULL },
                { "", CONFIG_KIND_NULL },
                { "\"5\"", CONFIG_KIND_TEXT },
                { "'true'", CONFIG_KIND_TEXT },
                { "''", CONFIG_KIND_TEXT },
                { "|\n  5", CONFIG_KIND_TEXT },
                { "[]", CONFIG_KIND_LIST },
                { "{}", CONFIG_KIND_MAP },
                { "99999999999999999999", CONFIG_KIND_FLOAT },
                { "9223372036854775807", CONFIG_KIND_INT },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(ROWS); i++) {
                _cleanup_(config_destroy_pointer) struct config *config = NULL;
                char text[128];

                snprintf(text, sizeof(text), "k: %s\n", ROWS[i].text);
                config = must_parse(text, CONFIG_VERBATIM);
                assert_int_equal(config_node_kind(config_find(config_root(config), "k")), ROWS[i].want);
        }
}

static void getters_give_values_and_defaults(void **state) {
        _cleanup_(config_destroy_pointer) struct config *config = must_parse(
                "t: text\ni: 5\nf: 0.25\nb: true\nl: [1]\nm: {a: 1}\nc: two\nnone:\n", CONFIG_VERBATIM);
        static const char *const WORDS[] = { "one", "two" };
        const struct config_node *root = config_root(config), *node;
        struct fault fault = FAULT_NULL;
        const char *text;
        int64_t integer;
        double number;
        bool truth;
        size_t index;

        (void)state;
        assert_int_equal(config_get_text(root, "t", NULL, &fault, &text), 0);
        assert_string_equal(text, "text");
        assert_int_equal(config_get_text(root, "x", "otherwise", &fault, &text), 0);
        assert_string_equal(text, "otherwise");
        assert_int_equal(config_get_int(root, "i", 5, 5, NULL, &fault, &integer), 0);
        assert_int_equal(integer, 5);
        assert_int_equal(config_get_int(root, "none", 1, 9, &(int64_t){ 7 }, &fault, &integer), 0);
        assert_int_equal(integer, 7);
        assert_int_equal(config_get_float(root, "f", 0, 1, NULL, &fault, &number), 0);
        assert_true(number >= 0.25 && number <= 0.25);
        assert_int_equal(config_get_float(root, "i", 0, 9, NULL, &fault, &number), 0);
        assert_true(number >= 5 && number <= 5);
        assert_int_equal(config_as_bool(config_find(root, "b"), &fault, &truth), 0);
        assert_true(truth);
        assert_int_equal(config_get_choice(root, "c", WORDS, 2, NULL, &fault, &index), 0);
        assert_int_equal(index, 1);
        assert_int_equal(config_get_choice(root, "x", WORDS, 2, "one", &fault, &index), 0);
        assert_int_equal(index, 0);
        assert_int_equal(config_get_list(root, "l", true, &fault, &node), 0);
        assert_int_equal(config_count(node), 1);
        assert_int_equal(config_get_map(root, "m", true, &fault, &node), 0);
        assert_int_equal(config_get_map(root, "x", false, &fault, &node), 0);
        assert_complaint(&fault, "", "");
        assert_null(node);
}

static void complaints_name_place_key_and_both_kinds(void **state) {
        _cleanup_(config_destroy_pointer) struct config *config = must_parse(
                "train:\n  max_depth: six\n  eta: 7\n  name: 5\n  list:\n    - {a: x}\n  none:\n  nan: .nan\n",
                CONFIG_VERBATIM);
        static const char *const WORDS[] = { "improve", "refresh" };
        const struct config_node *train = config_find(config_root(config), "train"), *list, *node;
        struct fault fault = FAULT_NULL;
        int64_t integer = -1;
        const char *text;
        double number;
        size_t index;
        bool truth;

        (void)state;
        assert_int_equal(config_get_int(train, "max_depth", 1, 32, NULL, &fault, &integer), FAULT_E_INPUT);
        assert_complaint(&fault, "CONFIG_WRONG_KIND",
                         "test.yaml:2:14: train.max_depth: expected an integer from 1 to 32, got the text \"six\"");
        assert_int_equal(config_get_float(train, "eta", 0, 1, NULL, &fault, &number), FAULT_E_INPUT);
        assert_complaint(&fault, "CONFIG_OUT_OF_RANGE",
                         "test.yaml:3:8: train.eta: expected a number from 0 to 1, got 7");
        assert_int_equal(config_get_int(train, "eta", 8, INT64_MAX, NULL, &fault, &integer), FAULT_E_INPUT);
        assert_complaint(&fault, "CONFIG_OUT_OF_RANGE",
                         "test.yaml:3:8: train.eta: expected an integer of at least 8, got 7");
        assert_int_equal(config_get_float(train, "nan", -DBL_MAX, DBL_MAX, NULL, &fault, &number), FAULT_E_INPUT);
        assert_int_equal(config_get_text(train, "name", NULL, &fault, &text), FAULT_E_INPUT);
        assert_complaint(&fault, "CONFIG_WRONG_KIND",
                         "test.yaml:4:9: train.name: expected a text (put it in quotes), got 5");
        assert_int_equal(config_as_bool(config_find(train, "list"), &fault, &truth), FAULT_E_INPUT);
        assert_string_equal(fault.message, "expected true or false, got a list");
        assert_int_equal(config_get_list(train, "list", true, &fault, &list), 0);
        assert_int_equal(config_get_int(config_first(list), "a", 0, 1, NULL, &fault, &integer), FAULT_E_INPUT);
        assert_complaint(&fault, "CONFIG_WRONG_KIND",
                         "test.yaml:6:11: train.list[0].a: expected an integer from 0 to 1, got the text \"x\"");
        assert_int_equal(config_get_map(train, "list", true, &fault, &node), FAULT_E_INPUT);
        assert_int_equal(config_get_list(train, "gone", true, &fault, &node), FAULT_E_INPUT);
        assert_complaint(&fault, "CONFIG_MISSING_KEY", "test.yaml:2:3: train.gone: gone is missing; expected a list");
        assert_int_equal(config_get_int(train, "none", 0, 1, NULL, &fault, &integer), FAULT_E_INPUT);
        assert_complaint(&fault, "CONFIG_MISSING_KEY",
                         "test.yaml:7:3: train.none: none is there without a value; expected an integer");
        assert_int_equal(config_get_choice(train, "max_depth", WORDS, 2, NULL, &fault, &index), FAULT_E_INPUT);
        assert_complaint(
                &fault, "CONFIG_WRONG_KIND",
                "test.yaml:2:14: train.max_depth: expected one of the known words, got the text \"six\"; known "
                "are improve, refresh");
        assert_int_equal(config_fault(train, &fault, "MY_RULE", "because %d", 5), FAULT_E_INPUT);
        assert_complaint(&fault, "MY_RULE", "test.yaml:2:3: train: because 5");
        assert_int_equal(integer, -1);
}

static void unknown_keys_are_refused_with_the_nearest(void **state) {
        _cleanup_(config_destroy_pointer) struct config *config = must_parse(
                "train:\n  seed: 1\n  max_dept: 5\nlist: []\n", CONFIG_VERBATIM);
        static const char *const KNOWN[] = { "seed", "max_depth" };
        const struct config_node *root = config_root(config);
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(config_check_keys(config_find(root, "train"), KNOWN, 2, &fault), FAULT_E_INPUT);
        assert_complaint(&fault, "CONFIG_UNKNOWN_KEY",
                         "test.yaml:3:3: train.max_dept: unknown key max_dept (did you mean max_depth?); known are "
                         "seed, max_depth");
        assert_int_equal(config_check_keys(config_find(root, "list"), KNOWN, 2, &fault), FAULT_E_INPUT);
        assert_int_equal(config_check_keys(NULL, KNOWN, 2, &fault), 0);
}

static void variables_change_values_and_never_structure(void **state) {
        _cleanup_(config_destroy_pointer) struct config *config = NULL;
        struct fault fault = FAULT_NULL;
        const struct config_node *root;
        const char *text;
        int64_t integer;

        (void)state;
        setenv("CONFIG_PORT", "5081", 1);
        setenv("CONFIG_EVIL", "x\nadmin: true\n- {a: b}", 1);
        setenv("CONFIG_SECRET", "hunter2", 1);
        unsetenv("CONFIG_NONE");
        config = must_parse("port: ${CONFIG_PORT}\nquoted: '${CONFIG_PORT}'\nevil: ${CONFIG_EVIL}\n"
                            "source: \"${CONFIG_NONE:-${CONFIG_NONE:-generate:rows=5}}\"\nempty: ${CONFIG_NONE:-}\n"
                            "secret: ${CONFIG_SECRET}\n${CONFIG_PORT}: key\n",
                            CONFIG_EXPAND);
        root = config_root(config);
        assert_int_equal(config_count(root), 7);
        assert_int_equal(config_get_int(root, "port", 1, 65535, NULL, &fault, &integer), 0);
        assert_int_equal(integer, 5081);
        assert_int_equal(config_get_text(root, "port", NULL, &fault, &text), 0);
        assert_string_equal(text, "5081");
        assert_int_equal(config_get_int(root, "quoted", 1, 65535, NULL, &fault, &integer), FAULT_E_INPUT);
        assert_int_equal(config_get_text(root, "evil", NULL, &fault, &text), 0);
        assert_string_equal(text, "x\nadmin: true\n- {a: b}");
        assert_int_equal(config_get_text(root, "source", NULL, &fault, &text), 0);
        assert_string_equal(text, "generate:rows=5");
        assert_int_equal(config_get_text(root, "empty", "otherwise", &fault, &text), 0);
        assert_string_equal(text, "otherwise");
        assert_non_null(config_find(root, "${CONFIG_PORT}"));
        /* a value that came out of a variable may be a secret */
        assert_int_equal(config_get_int(root, "secret", 1, 2, NULL, &fault, &integer), FAULT_E_INPUT);
        assert_null(strstr(fault.message, "hunter2"));
        assert_non_null(strstr(fault.message, "${CONFIG_SECRET}"));
}

static void verbatim_files_mean_the_same_everywhere(void **state) {
        _cleanup_(config_destroy_pointer) struct config *config = must_parse("a: ${HOME}\n", CONFIG_VERBATIM);
        struct fault fault = FAULT_NULL;
        const char *text;

        (void)state;
        assert_int_equal(config_get_text(config_root(config), "a", NULL, &fault, &text), 0);
        assert_string_equal(text, "${HOME}");
}

static void what_is_not_allowed_is_refused(void **state) {
        static const struct {
                const char *text, *want_code, *want;
        } ROWS[] = {
                { "", "CONFIG_EMPTY", "test.yaml: the file has no content" },
                { "# only a comment\n", "CONFIG_EMPTY", "test.yaml: the file has no content" },
                { "a: 1\nb: 2\na: 3\n", "CONFIG_DUPLICATE_KEY",
                  "test.yaml:3:1: a: this key is in line 1 already; remove one" },
                { "a: {b: 1, c: 2, b: 3}\n", "CONFIG_DUPLICATE_KEY",
                  "test.yaml:1:17: b: this key is in line 1 already; remove one" },
                { "a: &x [1]\nb: *x\n", "CONFIG_UNSUPPORTED", NULL },
                { "a: &x 1\n", "CONFIG_UNSUPPORTED", NULL },
                { "a: !!str 5\n", "CONFIG_UNSUPPORTED", NULL },
                { "a: !!python/object:os.system x\n", "CONFIG_UNSUPPORTED", NULL },
                { "a: 1\n---\nb: 2\n", "CONFIG_UNSUPPORTED", NULL },
                { "? [a]\n: 1\n", "CONFIG_MALFORMED", NULL },
                { "a: [1, 2\nb: 3\n", "CONFIG_MALFORMED", NULL },
                { "a: 'x\n", "CONFIG_MALFORMED", NULL },
                { "a:\n\t- 1\n", "CONFIG_MALFORMED", NULL },
                { "a: b: c\n", "CONFIG_MALFORMED", NULL },
                { "a: \"x\\0y\"\n", "CONFIG_MALFORMED", NULL },
                { "a: 1\nb: \xc3\xa9\xff\n", "CONFIG_MALFORMED", "test.yaml:2:5: byte 0xff here is no UTF-8 text" },
                { "a: \"\xc3\"\n", "CONFIG_MALFORMED", NULL },
                { "ab: ${CONFIG_NONE}\n", "CONFIG_UNSET_VARIABLE",
                  "test.yaml:1:5: ab: environment variable CONFIG_NONE is not set; set it, or write "
                  "${CONFIG_NONE:-default}" },
                { "a:\n  b: x${1}\n", "CONFIG_BAD_VARIABLE",
                  "test.yaml:2:6: b: ${1} is no variable; write ${NAME} or ${NAME:-default}, or $${ for the "
                  "characters" },
        };

        (void)state;
        unsetenv("CONFIG_NONE");
        for (size_t i = 0; i < N_ELEMENTS(ROWS); i++) {
                struct fault fault = FAULT_NULL;
                struct config *config = NULL;
                char text[FAULT_TEXT_BYTES];
                int r = parse(ROWS[i].text, CONFIG_EXPAND, &fault, &config);

                if (r != FAULT_E_INPUT)
                        print_error("row %zu gives %d: %s\n", i, r, ROWS[i].text);
                assert_int_equal(r, FAULT_E_INPUT);
                assert_null(config);
                assert_string_equal(fault.code, ROWS[i].want_code);
                assert_string_equal(fault.file, "test.yaml");
                if (strcmp(fault.code, "CONFIG_EMPTY"))
                        assert_true(fault.line > 0);
                if (ROWS[i].want)
                        assert_string_equal(fault_format(&fault, text, sizeof(text)), ROWS[i].want);
        }
}

static void bytes_nodes_and_depth_are_bounded(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        struct config *config = NULL;

        (void)state;
        for (int i = 0; i < CONFIG_DEPTH_MAX + 1; i++)
                assert_int_equal(buffer_append_text(&text, "["), 0);
        for (int i = 0; i < CONFIG_DEPTH_MAX + 1; i++)
                assert_int_equal(buffer_append_text(&text, "]"), 0);
        assert_int_equal(parse(buffer_text(&text), CONFIG_EXPAND, &fault, &config), FAULT_E_INPUT);
        assert_string_equal(fault.code, "CONFIG_TOO_LARGE");

        buffer_clear(&text);
        for (int i = 0; i < CONFIG_NODES_MAX + 1; i++)
                assert_int_equal(buffer_append_text(&text, "- 1\n"), 0);
        assert_int_equal(parse(buffer_text(&text), CONFIG_EXPAND, &fault, &config), FAULT_E_INPUT);
        assert_string_equal(fault.code, "CONFIG_TOO_LARGE");

        buffer_clear(&text);
        while (text.n_bytes <= CONFIG_BYTES_MAX)
                assert_int_equal(buffer_append_text(&text, "# 0123456789012345678901234567890123456789\n"), 0);
        assert_int_equal(parse(buffer_text(&text), CONFIG_EXPAND, &fault, &config), FAULT_E_INPUT);
        assert_string_equal(fault.code, "CONFIG_TOO_LARGE");

        /* 10^5 levels end early */
        buffer_clear(&text);
        for (int i = 0; i < 100000; i++)
                assert_int_equal(buffer_append_text(&text, "["), 0);
        assert_int_equal(parse(buffer_text(&text), CONFIG_EXPAND, &fault, &config), FAULT_E_INPUT);
        assert_null(config);
}

static void files_keep_their_bytes(void **state) {
        static const char TEXT[] = "port: ${CONFIG_NONE:-1}   # comment\n";
        _cleanup_(config_destroy_pointer) struct config *config = NULL;
        struct fault fault = FAULT_NULL;
        const char *path = scratch_path(*state, "a.yaml");
        size_t n_bytes;

        assert_int_equal(file_replace(path, TEXT, strlen(TEXT)), 0);
        assert_int_equal(config_load(path, CONFIG_EXPAND, &fault, &config), 0);
        assert_memory_equal(config_bytes(config, &n_bytes), TEXT, strlen(TEXT));
        assert_int_equal(n_bytes, strlen(TEXT));
}

static void files_that_cannot_be_read_are_named(void **state) {
        struct scratch *scratch = *state;
        struct fault fault = FAULT_NULL;
        struct config *config = NULL;

        assert_int_equal(config_load(scratch_path(scratch, "none.yaml"), CONFIG_EXPAND, &fault, &config),
                         FAULT_E_INPUT);
        assert_string_equal(fault.code, "CONFIG_UNREADABLE");
        assert_string_equal(fault.file, scratch_path(scratch, "none.yaml"));
        assert_non_null(strstr(fault.message, "No such file"));
        assert_int_equal(config_load(scratch->folder, CONFIG_EXPAND, &fault, &config), FAULT_E_INPUT);
        assert_string_equal(fault.code, "CONFIG_UNREADABLE");
        assert_null(config);
}

static void trees_become_json_and_json_a_tree(void **state) {
        _cleanup_(config_destroy_pointer) struct config *config = must_parse(
                "b: [1, 0.5, text, '5', true, ~, .nan]\na: {c: {}, d: []}\n", CONFIG_VERBATIM);
        static const char WANT[] = "{\"b\":[1,0.5,\"text\",\"5\",true,null,null],\"a\":{\"c\":{},\"d\":[]}}";
        _cleanup_(config_destroy_pointer) struct config *again = NULL;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL, twice = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_COMPACT);

        (void)state;
        config_put_json(config_root(config), &json);
        assert_int_equal(json_end(&json), 0);
        assert_string_equal(buffer_text(&text), WANT);
        again = must_parse(buffer_text(&text), CONFIG_VERBATIM);
        json = json_begin(&twice, JSON_COMPACT);
        config_put_json(config_root(again), &json);
        assert_int_equal(json_end(&json), 0);
        assert_string_equal(buffer_text(&twice), WANT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nodes_know_their_place_and_order),
                cmocka_unit_test(plain_scalars_are_typed_and_quoted_ones_are_text),
                cmocka_unit_test(getters_give_values_and_defaults),
                cmocka_unit_test(complaints_name_place_key_and_both_kinds),
                cmocka_unit_test(unknown_keys_are_refused_with_the_nearest),
                cmocka_unit_test(variables_change_values_and_never_structure),
                cmocka_unit_test(verbatim_files_mean_the_same_everywhere),
                cmocka_unit_test(what_is_not_allowed_is_refused),
                cmocka_unit_test(bytes_nodes_and_depth_are_bounded),
                cmocka_unit_test_setup_teardown(files_keep_their_bytes, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(files_that_cannot_be_read_are_named, scratch_setup, scratch_teardown),
                cmocka_unit_test(trees_become_json_and_json_a_tree),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
