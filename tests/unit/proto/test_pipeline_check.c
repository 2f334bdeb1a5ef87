/* Pipeline, checked: what its files are to each other. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/file.h"
#include "proto/pipeline_check.h"
#include "tests/support/scratch.h"

#define PIPELINE "name: flowers\nschema: schema.yaml\nsource: {uri: '%s'}\ntransform:\n  columns: {%s}\n"
#define SCHEMA \
        "schema: 1\nenvironments: [TRAINING, SERVING]\ncolumns:\n" \
        "  - {name: id, role: key, type: int}\n" \
        "  - {name: height, type: float}\n" \
        "  - {name: colour, type: category, values: [red, blue]}\n" \
        "  - {name: note, role: ignore, type: category}\n" \
        "  - {name: blooms, role: label, type: bool}\n"

static struct pipeline pipeline;

static void put(struct scratch *scratch, const char *name, const char *text) {
        assert_int_equal(file_replace(scratch_path(scratch, name), text, strlen(text)), 0);
}

static int check(struct scratch *scratch, const char *uri, const char *columns, struct fault *fault) {
        char text[512];

        snprintf(text, sizeof(text), PIPELINE, uri, columns);
        put(scratch, PIPELINE_FILE, text);
        assert_int_equal(pipeline_load(scratch->folder, &pipeline, fault), 0);
        *fault = (struct fault)FAULT_NULL;
        return pipeline_check(&pipeline, NULL, fault);
}

static void columns_are_those_of_the_schema(void **state) {
        static const struct {
                const char *columns, *want_code; /* NULL: it is good */
                int64_t want_position;
                const char *want_words;
        } rows[] = {
                { "", NULL, 0, NULL },
                { "height: standard", NULL, 0, NULL },
                { "heigth: standard", "TRANSFORM_UNKNOWN_COLUMN", 21, "did you mean height?" },
                { "height: standard, tall: min_max", "TRANSFORM_UNKNOWN_COLUMN", 37, "known are height" },
                { "colour: standard", "TRANSFORM_NOT_A_NUMBER", 21, "int and float columns that pass unencoded" },
                { "blooms: standard", "TRANSFORM_NOT_A_NUMBER", 21, "calls blooms the label" },
                { "id: standard", "TRANSFORM_NOT_A_NUMBER", 17, "calls id the key" },
                { "note: standard", "TRANSFORM_NOT_A_NUMBER", 19, "calls note one to ignore" },
        };
        struct scratch *scratch = *state;
        struct fault fault = FAULT_NULL;
        int r;

        put(scratch, "schema.yaml", SCHEMA);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                r = check(scratch, "file://rows.csv", rows[i].columns, &fault);
                assert_int_equal(r, rows[i].want_code ? FAULT_E_INPUT : 0);
                if (!rows[i].want_code)
                        continue;
                assert_string_equal(fault.code, rows[i].want_code);
                assert_non_null(strstr(fault.file, PIPELINE_FILE));
                assert_int_equal(fault.line, 5);
                assert_int_equal(fault.position, rows[i].want_position);
                assert_non_null(strstr(fault.column, "transform.columns."));
                if (!strstr(fault.message, rows[i].want_words))
                        fail_msg("%s: %s", rows[i].columns, fault.message);
        }
}

static void the_schema_is_read(void **state) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;
        struct scratch *scratch = *state;
        struct fault fault = FAULT_NULL;

        assert_int_equal(check(scratch, "file://rows.csv", "", &fault), FAULT_E_INPUT);
        assert_non_null(strstr(fault.file, "schema.yaml"));
        put(scratch, "schema.yaml", SCHEMA "  - {name: more, typ: int}\n");
        assert_int_equal(check(scratch, "file://rows.csv", "", &fault), FAULT_E_INPUT);
        assert_int_equal(fault.line, 9);
        put(scratch, "schema.yaml", SCHEMA);
        assert_int_equal(pipeline_check(&pipeline, &schema, &fault), 0);
        assert_int_equal(schema->n_columns, 5);
}

/* Only where it is used. */
static void the_generator_is_read(void **state) {
        struct scratch *scratch = *state;
        struct fault fault = FAULT_NULL;

        put(scratch, "schema.yaml", SCHEMA);
        put(scratch, "generator.yaml", "nonsense: 1\n");
        assert_int_equal(check(scratch, "file://rows.csv", "", &fault), 0);
        assert_int_equal(check(scratch, "generate:rows=10,seed=1", "", &fault), FAULT_E_INPUT);
        assert_non_null(strstr(fault.file, "generator.yaml"));
        assert_int_equal(fault.line, 1);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(columns_are_those_of_the_schema, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(the_schema_is_read, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(the_generator_is_read, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests_name("pipeline_check", tests, NULL, NULL);
}
