/* Form: urlencoded bodies read by WHATWG URL 5.1, and text made safe for a page. */

#include "tests/unit/gateway/bare.h"

#include <stdlib.h>

#include "common/base/cleanup.h"
#include "services/gateway/form.h"

static const char schema_text[] = "schema: 1\n"
                                  "environments: [TRAINING, SERVING]\n"
                                  "columns:\n"
                                  "  - {name: id, role: key, type: int}\n"
                                  "  - {name: age in years, type: int, min: 0, max: 150}\n"
                                  "  - {name: sex, type: category, values: ['< 1', 'm&m']}\n"
                                  "  - {name: bought, role: label, type: bool}\n";

static void fields_are_found_and_decoded(void **state) {
        static const struct {
                const char *body, *name, *want; /* NULL: absent */
        } rows[] = {
                { "", "a", NULL },
                { "a=1", "a", "1" },
                { "a=1&b=2", "b", "2" },
                { "&&a=1&", "a", "1" },
                { "a", "a", "" },
                { "a=", "a", "" },
                { "a==", "a", "=" },
                { "b=1", "a", NULL },
                { "a+b=c+d", "a b", "c d" },
                { "a%20b=%3C%201", "a b", "< 1" },
                { "a=%2B%26%3d", "a", "+&=" },
                { "a=100%", "a", "100%" },
                { "a=%4", "a", "%4" },
                { "a=%zz", "a", "%zz" },
                { "a=%c3%a4", "a", "\xc3\xa4" },
                { "a=1&a=2", "a", "1" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct bare bare;
                h2o_iovec_t got;

                bare_begin(&bare, "POST", "/");
                bare_body(&bare, "application/x-www-form-urlencoded", rows[i].body);
                got = form_find(&bare.request, rows[i].name);
                if (rows[i].want) {
                        assert_non_null(got.base);
                        assert_true(h2o_memis(got.base, got.len, rows[i].want, strlen(rows[i].want)));
                } else {
                        assert_null(got.base);
                }
                bare_end(&bare);
        }
}

static int read_row(const char *body, struct predict_row *row, struct fault *fault) {
        struct schema *schema = NULL;
        struct bare bare;
        int r;

        assert_int_equal(schema_parse("schema.yaml", schema_text, strlen(schema_text), fault, &schema), 0);
        bare_begin(&bare, "POST", "/");
        bare_body(&bare, "application/x-www-form-urlencoded", body);
        predict_row_init(row, schema);
        r = form_read(&bare.request, row, fault);
        bare_end(&bare);
        schema_destroy(schema);
        return r;
}

static void a_row_is_read(void **state) {
        static struct predict_row row;
        struct fault fault = FAULT_NULL;

        (void)state;
        assert_int_equal(read_row("age+in+years=28&sex=%3C+1&id=", &row, &fault), 0);
        assert_int_equal(read_row("age=28", &row, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.column, "age");
        fault = (struct fault)FAULT_NULL;
        assert_int_equal(read_row("age+in+years=old", &row, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.column, "age in years");
}

static void a_form_is_bounded(void **state) {
        static struct predict_row row;
        struct fault fault = FAULT_NULL;
        char *body = malloc(FORM_BYTES_MAX + 2);

        (void)state;
        assert_non_null(body);
        memset(body, 'x', FORM_BYTES_MAX + 1);
        body[FORM_BYTES_MAX + 1] = 0;
        assert_int_equal(read_row(body, &row, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FORM_TOO_LARGE");
        for (int i = 0; i <= FORM_FIELDS_MAX; i++)
                memcpy(body + (size_t)i * 4, "id=&", 4);
        body[(FORM_FIELDS_MAX + 1) * 4] = 0;
        fault = (struct fault)FAULT_NULL;
        assert_int_equal(read_row(body, &row, &fault), FAULT_E_INPUT);
        free(body);
}

static void a_page_holds_no_markup_of_others(void **state) {
        static const char evil[] = "<script>alert(\"it's\" & 1)</script>";
        _cleanup_(buffer_finish) struct buffer html = BUFFER_NULL;

        (void)state;
        assert_int_equal(form_escape(&html, evil, strlen(evil)), 0);
        assert_string_equal(buffer_text(&html), "&lt;script&gt;alert(&quot;it&#39;s&quot; &amp; 1)&lt;/script&gt;");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(fields_are_found_and_decoded),
                cmocka_unit_test(a_row_is_read),
                cmocka_unit_test(a_form_is_bounded),
                cmocka_unit_test(a_page_holds_no_markup_of_others),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
