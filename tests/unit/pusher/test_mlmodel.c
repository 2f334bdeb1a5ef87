/* MLmodel: the file to the byte, and the types of a signature. */

#include "services/pusher/mlmodel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/world.h"

static void write_it(const char *schema_text, const struct parameters *parameters, struct buffer *text) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = world_schema(schema_text);
        const struct mlmodel mlmodel = { .schema = schema,
                                         .parameters = parameters,
                                         .run = "01890a5d-ac96-774b-bcce-b302099a8057",
                                         .xgboost = "1.7.4",
                                         .created_at_ms = 1767323045678 };

        assert_int_equal(mlmodel_write(&mlmodel, text), 0);
}

static void test_the_file(void **state) {
        static const char schema[] = "schema: 1\nenvironments: [TRAINING, SERVING]\ncolumns:\n"
                                     "  - {name: id, role: key, type: int}\n"
                                     "  - {name: age, type: int}\n"
                                     "  - {name: \"driver's pay\", type: float}\n"
                                     "  - {name: y, role: label, type: bool}\n";
        static const char want[] =
                "flavors:\n"
                "  python_function:\n"
                "    data: model.ubj\n"
                "    loader_module: mlflow.xgboost\n"
                "  xgboost:\n"
                "    code: null\n"
                "    data: model.ubj\n"
                "    model_class: xgboost.core.Booster\n"
                "    model_format: ubj\n"
                "    xgb_version: '1.7.4'\n"
                "run_id: '01890a5d-ac96-774b-bcce-b302099a8057'\n"
                "signature:\n"
                "  inputs: '[{\"type\":\"long\",\"name\":\"age\",\"required\":true},"
                "{\"type\":\"double\",\"name\":\"driver''s pay\",\"required\":true}]'\n"
                "  outputs: '[{\"type\": \"tensor\", \"tensor-spec\": {\"dtype\": \"float32\", \"shape\": [-1]}}]'\n"
                "  params: null\n"
                "utc_time_created: '2026-01-02 03:04:05.678'\n";
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct parameters parameters;

        (void)state;
        parameters_init(&parameters, "toys");
        write_it(schema, &parameters, &text);
        assert_string_equal(buffer_text(&text), want);
}

static void check_type(const struct buffer *text, const char *name, const char *want_type) {
        char want[128];

        snprintf(want, sizeof(want), "{\"type\":\"%s\",\"name\":\"%s\",\"required\":true}", want_type, name);
        if (!strstr(buffer_text(text), want))
                print_error("%s is not in %s\n", want, buffer_text(text));
        assert_non_null(strstr(buffer_text(text), want));
}

static void test_types_of_the_signature(void **state) {
        static const struct {
                const char *name, *type, *scaled;
        } rows[] = {
                { "age", "long", "double" },
                { "income", "double", "double" },
                { "visits", "long", "double" },
                { "insured", "long", "long" },
                { "sex", "long", "long" },
                { "size_small", "long", "long" },
                { "size_large", "long", "long" },
                /* may be missing, and a data frame's ints with gaps are doubles */
                { "color_red", "double", "double" },
                { "zone_code", "long", "long" },
        };
        _cleanup_(buffer_finish) struct buffer plain = BUFFER_NULL, scaled = BUFFER_NULL;
        struct parameters parameters;

        (void)state;
        parameters_init(&parameters, "toys");
        write_it(world_schema_text, &parameters, &plain);
        parameters.transform.numbers = SCALING_STANDARD;
        write_it(world_schema_text, &parameters, &scaled);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                check_type(&plain, rows[i].name, rows[i].type);
                check_type(&scaled, rows[i].name, rows[i].scaled);
        }
        assert_null(strstr(buffer_text(&plain), "\"id\""));
        assert_null(strstr(buffer_text(&plain), "bought"));
        assert_null(strstr(buffer_text(&plain), "note"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_file),
                cmocka_unit_test(test_types_of_the_signature),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
