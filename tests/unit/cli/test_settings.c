/* Settings: --set out of argv, and into JSON or a form. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "cli/settings.h"

enum { ARGUMENTS_MAX = 12 };

static int count(const char *const *argv) {
        int n = 0;

        while (argv[n])
                n++;
        return n;
}

static void test_taken_out_of_the_arguments(void **state) {
        const char *argv[ARGUMENTS_MAX] = { "train", "--set", "a=1",   "--json", "--set=b=x=y",
                                            "RUN",   "--",    "--set", "c=3" };
        struct settings settings = SETTINGS_NULL;
        struct fault fault = FAULT_NULL;
        int argc = count(argv);

        (void)state;
        assert_int_equal(settings_take(&argc, (char **)(uintptr_t)argv, &settings, &fault), 0);
        assert_int_equal(argc, 6);
        assert_null(argv[6]);
        assert_string_equal(argv[1], "--json");
        assert_string_equal(argv[2], "RUN");
        assert_string_equal(argv[3], "--");
        assert_string_equal(argv[4], "--set");
        assert_int_equal(settings.n_items, 2);
        assert_int_equal(settings.items[1].n_name, 1);
        assert_string_equal(settings.items[1].value, "x=y");
        settings_finish(&settings);
}

static void test_refused_without_name_or_value(void **state) {
        static const char *const wrong[] = { "a", "=1", "" };
        struct settings settings = SETTINGS_NULL;

        (void)state;
        for (size_t i = 0; i <= N_ELEMENTS(wrong); i++) {
                char text[16] = "";
                const char *argv[ARGUMENTS_MAX] = { "train", "--set", i < N_ELEMENTS(wrong) ? text : NULL };
                struct fault fault = FAULT_NULL;
                int argc = count(argv);

                if (i < N_ELEMENTS(wrong))
                        memcpy(text, wrong[i], strlen(wrong[i]));
                assert_int_equal(settings_take(&argc, (char **)(uintptr_t)argv, &settings, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "OPTION_VALUE");
                assert_string_equal(fault.column, "--set");
        }
}

static int to_json(const char **argv, struct buffer *text, struct fault *fault) {
        struct settings settings = SETTINGS_NULL;
        struct json_builder json = json_begin(text, JSON_COMPACT);
        int argc = count(argv), r;

        assert_int_equal(settings_take(&argc, (char **)(uintptr_t)argv, &settings, fault), 0);
        r = settings_put_json(&settings, &json, fault);
        if (!r)
                assert_int_equal(json_end(&json), 0);
        settings_finish(&settings);
        return r;
}

static void test_paths_become_a_tree(void **state) {
        static const struct {
                const char *argv[ARGUMENTS_MAX];
                const char *want;
        } rows[] = {
                { { "train" }, "{}" },
                { { "train", "--set", "a=1" }, "{\"a\":1}" },
                { { "train", "--set", "train.max_depth=6", "--set", "evaluate.mode=refresh", "--set", "train.eta=0.1" },
                  "{\"train\":{\"max_depth\":6,\"eta\":0.1},\"evaluate\":{\"mode\":\"refresh\"}}" },
                { { "train", "--set", "a.b.c=true", "--set", "a.d=null", "--set", "a.b.e=" },
                  "{\"a\":{\"b\":{\"c\":true,\"e\":\"\"},\"d\":null}}" },
                { { "train", "--set", "a=\"1\"", "--set", "b=[1]", "--set", "c=01", "--set", "ab=-2e3" },
                  "{\"a\":\"\\\"1\\\"\",\"b\":\"[1]\",\"c\":\"01\",\"ab\":-2000.0}" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                const char *argv[ARGUMENTS_MAX];
                struct buffer text = BUFFER_NULL;
                struct fault fault = FAULT_NULL;

                memcpy(argv, rows[i].argv, sizeof(argv));
                assert_int_equal(to_json(argv, &text, &fault), 0);
                assert_string_equal(buffer_text(&text), rows[i].want);
                buffer_finish(&text);
        }
}

static void test_contradictions_are_refused(void **state) {
        static const char *const rows[][ARGUMENTS_MAX] = {
                { "train", "--set", "a=1", "--set", "a=2" },
                { "train", "--set", "a=1", "--set", "a.b=2" },
                { "train", "--set", "a.b=1", "--set", "a=2" },
                { "train", "--set", "a.b.c=1", "--set", "a.b=2" },
                { "train", "--set", "a..b=1" },
                { "train", "--set", ".a=1" },
                { "train", "--set", "a.=1" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                const char *argv[ARGUMENTS_MAX];
                struct buffer text = BUFFER_NULL;
                struct fault fault = FAULT_NULL;

                memcpy(argv, rows[i], sizeof(argv));
                assert_int_equal(to_json(argv, &text, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "OPTION_VALUE");
                buffer_finish(&text);
        }
}

static void test_a_form_takes_names_whole(void **state) {
        const char *argv[ARGUMENTS_MAX] = { "predict", "--set", "Vehicle.Age=> 2 Years", "--set", "b=1&\xc3\xa9=~" };
        struct settings settings = SETTINGS_NULL;
        struct buffer form = BUFFER_NULL;
        struct fault fault = FAULT_NULL;
        int argc = count(argv);

        (void)state;
        assert_int_equal(settings_take(&argc, (char **)(uintptr_t)argv, &settings, &fault), 0);
        assert_int_equal(settings_put_form(&settings, &form), 0);
        assert_string_equal(buffer_text(&form), "Vehicle.Age=%3E%202%20Years&b=1%26%C3%A9%3D~");
        buffer_finish(&form);
        settings_finish(&settings);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_taken_out_of_the_arguments), cmocka_unit_test(test_refused_without_name_or_value),
                cmocka_unit_test(test_paths_become_a_tree),        cmocka_unit_test(test_contradictions_are_refused),
                cmocka_unit_test(test_a_form_takes_names_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
