/* Overrides: what differs, and nothing else, in the shape of POST /training. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/overrides.h"

static void overrides_are_told(void **state) {
        static const struct {
                const char *of_pipeline, *of_run, *want; /* the first two as bodies of POST /training */
        } rows[] = {
                { "", "", "{}" },
                { "", "{\"parameters\":{\"train\":{\"seed\":1,\"max_depth\":5}}}", "{}" },
                { "", "{\"parameters\":{\"train\":{\"seed\":7}}}", "{\"train\":{\"seed\":7}}" },
                { "", "{\"parameters\":{\"train\":{\"max_depth\":3,\"gamma\":1}}}",
                  "{\"train\":{\"gamma\":\"1\",\"max_depth\":\"3\"}}" },
                { "", "{\"parameters\":{\"evaluate\":{\"mode\":\"refresh\",\"min_score\":0.5}}}",
                  "{\"evaluate\":{\"mode\":\"refresh\",\"min_score\":0.5}}" },
                { "", "{\"parameters\":{\"train\":{\"threshold\":0.25},\"evaluate\":{\"bootstrap\":100}}}",
                  "{\"train\":{\"threshold\":0.25},\"evaluate\":{\"bootstrap\":100}}" },
                { "{\"parameters\":{\"train\":{\"threshold\":0.25,\"seed\":7}}}",
                  "{\"parameters\":{\"train\":{\"threshold\":\"expected_f1\",\"seed\":7}}}",
                  "{\"train\":{\"threshold\":\"expected_f1\"}}" },
        };
        static struct parameters of_pipeline, of_run;

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                struct json_builder json = json_begin(&text, JSON_COMPACT);
                struct fault fault = FAULT_NULL;

                parameters_init(&of_pipeline, "toys");
                assert_int_equal(
                        parameters_override(&of_pipeline, rows[i].of_pipeline, strlen(rows[i].of_pipeline), &fault), 0);
                of_run = of_pipeline;
                assert_int_equal(parameters_override(&of_run, rows[i].of_run, strlen(rows[i].of_run), &fault), 0);
                overrides_put_json(&of_run, &of_pipeline, &json);
                assert_int_equal(json_end(&json), 0);
                assert_string_equal(buffer_text(&text), rows[i].want);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(overrides_are_told),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
