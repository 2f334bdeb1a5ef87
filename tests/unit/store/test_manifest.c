/* Manifest: what was sealed is read, anything else is refused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/store/manifest.h"

static void make(struct buffer *ret_text, enum json_style style) {
        struct manifest manifest = { .model = "toy", .version = 3, .run = "run-1", .created_at_ms = 1767323045678 };
        struct json_builder json = json_begin(ret_text, style);

        assert_int_equal(manifest_add_file(&manifest, "model.ubj", "hello", 5), 0);
        assert_int_equal(manifest_add_file(&manifest, "MLmodel", "", 0), 0);
        json_begin_object(&json);
        manifest_build(&manifest, &json);
        json_key_text(&json, "lineage", "whatever");
        json_end_object(&json);
        assert_int_equal(json_end(&json), 0);
        assert_int_equal(manifest_seal(ret_text), 0);
}

static void test_round_trip(void **state) {
        static const enum json_style styles[] = { JSON_PRETTY, JSON_COMPACT };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(styles); i++) {
                _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                struct fault fault = FAULT_NULL;

                make(&text, styles[i]);
                assert_int_equal(manifest_parse(text.data, text.n_bytes, &manifest, &fault), 0);
                assert_string_equal(manifest.model, "toy");
                assert_int_equal(manifest.version, 3);
                assert_string_equal(manifest.run, "run-1");
                assert_int_equal(manifest.created_at_ms, 1767323045678);
                assert_int_equal(manifest.n_files, 2);
                assert_string_equal(manifest_find_file(&manifest, "model.ubj")->digest,
                                    "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
                assert_int_equal(manifest_find_file(&manifest, "model.ubj")->n_bytes, 5);
                assert_int_equal(manifest_find_file(&manifest, "MLmodel")->n_bytes, 0);
                assert_null(manifest_find_file(&manifest, "golden.arrow"));
                assert_string_equal(buffer_text(&manifest.text), buffer_text(&text));
        }
}

static void test_any_flipped_byte_is_refused(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct manifest manifest = MANIFEST_NULL;

        (void)state;
        make(&text, JSON_PRETTY);
        for (size_t i = 0; i < text.n_bytes; i++) {
                struct fault fault = FAULT_NULL;

                text.data[i] ^= 1;
                assert_int_equal(manifest_parse(text.data, text.n_bytes, &manifest, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "MANIFEST_SEAL");
                text.data[i] ^= 1;
        }
        for (size_t n = 0; n < text.n_bytes; n++) {
                struct fault fault = FAULT_NULL;

                assert_int_equal(manifest_parse(text.data, n, &manifest, &fault), FAULT_E_INPUT);
        }
}

#define DIGEST "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define HEAD "{\"model\":\"toy\",\"version\":3,\"run_id\":\"r\",\"created_at\":\"2026-01-02T03:04:05.678Z\",\"files\":"

static void test_malformed_is_refused_though_sealed(void **state) {
        static const struct {
                const char *text;
                int want_r;
        } rows[] = {
                { HEAD "{}}", 0 },
                { HEAD "{\"a\":{\"sha256\":\"" DIGEST "\",\"bytes\":1}}}", 0 },
                { "{\"files\":{}}", FAULT_E_INPUT },
                { HEAD "[]}", FAULT_E_INPUT },
                { HEAD "{\"a\":{\"sha256\":\"abc\",\"bytes\":1}}}", FAULT_E_INPUT },
                { HEAD "{\"a\":{\"sha256\":\"" DIGEST "\"}}}", FAULT_E_INPUT },
                { HEAD "{\"a\":{\"sha256\":\"" DIGEST "\",\"bytes\":-1}}}", FAULT_E_INPUT },
                { HEAD "{\"../a\":{\"sha256\":\"" DIGEST "\",\"bytes\":1}}}", FAULT_E_INPUT },
                { HEAD "{\"a/b\":{\"sha256\":\"" DIGEST "\",\"bytes\":1}}}", FAULT_E_INPUT },
                { HEAD "{\"manifest.json\":{\"sha256\":\"" DIGEST "\",\"bytes\":1}}}", FAULT_E_INPUT },
                { HEAD "{\"a\\u0000\":{\"sha256\":\"" DIGEST "\",\"bytes\":1}}}", FAULT_E_INPUT },
                { HEAD "{\"a\":{\"sha256\":\"" DIGEST "\",\"bytes\":1},\"a\":{\"sha256\":\"" DIGEST "\",\"bytes\":1}}}",
                  FAULT_E_INPUT },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
                _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
                struct fault fault = FAULT_NULL;

                assert_int_equal(buffer_append_text(&text, rows[i].text), 0);
                assert_int_equal(manifest_seal(&text), 0);
                if (manifest_parse(text.data, text.n_bytes, &manifest, &fault) != rows[i].want_r)
                        fail_msg("%s: %s", rows[i].text, fault.message);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_any_flipped_byte_is_refused),
                cmocka_unit_test(test_malformed_is_refused_though_sealed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
