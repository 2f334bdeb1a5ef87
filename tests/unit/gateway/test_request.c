/* Request: what is read from headers and query, and the shape of errors. */

#include "tests/unit/gateway/bare.h"

#include "common/base/cleanup.h"

static void query_parameters(void **state) {
        static const struct {
                const char *path, *name, *want; /* NULL: absent */
        } rows[] = {
                { "/runs", "before", NULL },           { "/runs?", "before", NULL },
                { "/runs?before=12", "before", "12" }, { "/runs?a=1&before=12&b=2", "before", "12" },
                { "/runs?before=", "before", "" },     { "/runs?before", "before", "" },
                { "/runs?before2=1", "before", NULL }, { "/runs?xbefore=1", "before", NULL },
                { "/runs?&&before=3", "before", "3" }, { "/runs?before=1&before=2", "before", "1" },
        };
        struct bare bare;

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                h2o_iovec_t got;

                bare_begin(&bare, "GET", rows[i].path);
                got = request_query(&bare.request, rows[i].name);
                if (rows[i].want) {
                        assert_non_null(got.base);
                        assert_true(h2o_memis(got.base, got.len, rows[i].want, strlen(rows[i].want)));
                } else {
                        assert_null(got.base);
                }
                bare_end(&bare);
        }
}

static void media_types(void **state) {
        static const struct {
                const char *given;
                bool want;
        } rows[] = {
                { NULL, false },
                { "", false },
                { "application/json", true },
                { "Application/JSON", true },
                { "application/json; charset=utf-8", true },
                { "application/json;charset=utf-8", true },
                { "application/jsonx", false },
                { "application/json-seq", false },
                { "text/json", false },
        };
        struct bare bare;

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                bare_begin(&bare, "POST", "/");
                if (rows[i].given)
                        bare_header(&bare, "content-type", rows[i].given);
                assert_int_equal(request_has_type(&bare.request, "application/json"), rows[i].want);
                /* without a body any type is fine */
                assert_false(request_refuses_type(&bare.request, "application/json"));
                bare.h2o.entity = h2o_iovec_init(H2O_STRLIT("{}"));
                assert_int_equal(request_refuses_type(&bare.request, "application/json"), !rows[i].want);
                assert_int_equal(bare.h2o.res.status, rows[i].want ? 0 : 415);
                bare_end(&bare);
        }
}

static void parameters_end_in_nul_and_hold_none(void **state) {
        char text[4] = "abc";
        struct bare bare;

        (void)state;
        bare_begin(&bare, "GET", "/");
        bare.request.parameters[0] = h2o_iovec_init(H2O_STRLIT("xyz"));
        assert_true(request_parameter(&bare.request, 0, text, sizeof(text)));
        assert_string_equal(text, "xyz");
        assert_false(request_parameter(&bare.request, 0, text, 3));
        bare.request.parameters[0] = h2o_iovec_init("a\0b", 3);
        assert_false(request_parameter(&bare.request, 0, text, sizeof(text)));
        bare_end(&bare);
}

static void errors_are_json(void **state) {
        struct fault fault = FAULT_NULL;
        struct bare bare;

        (void)state;
        bare_begin(&bare, "GET", "/");
        request_answer_error(&bare.request, 404, "there is no \"%s\"\n", "\xff thing");
        assert_int_equal(bare.h2o.res.status, 404);
        assert_string_equal(bare.h2o.res.reason, "Not Found");
        assert_string_equal(bare_answer_header(&bare, "content-type"), "application/json");
        assert_string_equal(buffer_text(&bare.body),
                            "{\"error\":\"there is no \\\"\xef\xbf\xbd thing\\\"\\n\",\"code\":\"NOT_FOUND\"}");
        assert_int_equal(bare.h2o.res.content_length, bare.body.n_bytes);
        bare_end(&bare);
        fault_in(&fault, "Age", 3);
        fault_set(&fault, "OUT_OF_RANGE", "must be at least %d", 18);
        bare_begin(&bare, "GET", "/");
        request_answer_fault(&bare.request, 422, &fault);
        assert_string_equal(
                buffer_text(&bare.body),
                "{\"error\":\"must be at least 18\",\"code\":\"OUT_OF_RANGE\",\"column\":\"Age\",\"row\":3}");
        bare_end(&bare);
}

static void an_answer_of_nothing(void **state) {
        struct bare bare;

        (void)state;
        bare_begin(&bare, "GET", "/");
        request_answer_nothing(&bare.request, 204);
        assert_int_equal(bare.h2o.res.status, 204);
        assert_true(bare.is_complete);
        assert_int_equal(bare.body.n_bytes, 0);
        assert_null(bare_answer_header(&bare, "content-type"));
        bare_end(&bare);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(query_parameters),
                cmocka_unit_test(media_types),
                cmocka_unit_test(parameters_end_in_nul_and_hold_none),
                cmocka_unit_test(errors_are_json),
                cmocka_unit_test(an_answer_of_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
