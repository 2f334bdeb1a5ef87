/* XML: what is read, in which order, and what is refused. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/buffer.h"
#include "common/store/xml.h"

struct seen {
        struct buffer text;
        int n_left; /* elements until it asks to stop */
};

static int on_element(void *context, const char *path, const char *text) {
        struct seen *seen = context;

        assert_int_equal(buffer_printf(&seen->text, "%s=%s;", path, text), 0);
        return --seen->n_left ? 0 : 77;
}

static void must_read(const char *document, int n, int want_r, const char *want) {
        struct seen seen = { BUFFER_NULL, n };
        struct fault fault = FAULT_NULL;

        assert_int_equal(xml_read(document, strlen(document), on_element, &seen, &fault), want_r);
        if (want)
                assert_string_equal(buffer_text(&seen.text), want);
        if (want_r == FAULT_E_INPUT)
                assert_string_equal(fault.code, "XML_MALFORMED");
        buffer_finish(&seen.text);
}

static void test_elements_come_innermost_first(void **state _unused_) {
        must_read("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a xmlns=\"http://s3/\" b=\"c\">1<b>x &amp; y"
                  "<c/>z</b><b>\xc3\xa9&#10;</b>2</a>\n",
                  0, 0, "a/b/c=;a/b=x & yz;a/b=\xc3\xa9\n;a=12;");
        must_read("<a/>", 0, 0, "a=;");
        must_read("<a><b><![CDATA[<&>]]></b></a>", 0, 0, "a/b=<&>;a=;");
}

static void test_the_caller_may_stop(void **state _unused_) {
        must_read("<a><b>1</b><c>2</c><d>3</d></a>", 2, 77, "a/b=1;a/c=2;");
}

static void test_what_is_no_document_is_refused(void **state _unused_) {
        static const char *const rows[] = {
                "",
                "text",
                "<a>",
                "<a></b>",
                "<a/><b/>",
                "<a>&unknown;</a>",
                "<a>\xff</a>",
                "{\"a\":1}",
                "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
                "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                must_read(rows[i], 0, FAULT_E_INPUT, NULL);
}

static void test_depth_and_length_have_limits(void **state _unused_) {
        struct buffer deep = BUFFER_NULL, name = BUFFER_NULL, lengthy = BUFFER_NULL;

        for (int i = 0; i < XML_DEPTH_MAX + 1; i++)
                assert_int_equal(buffer_append_text(&deep, "<a>"), 0);
        for (int i = 0; i < XML_DEPTH_MAX + 1; i++)
                assert_int_equal(buffer_append_text(&deep, "</a>"), 0);
        must_read(buffer_text(&deep), 0, FAULT_E_INPUT, "");
        for (int i = 0; i < XML_PATH_BYTES; i++)
                assert_int_equal(buffer_append_text(&lengthy, "a"), 0);
        assert_int_equal(buffer_printf(&name, "<%s/>", buffer_text(&lengthy)), 0);
        must_read(buffer_text(&name), 0, FAULT_E_INPUT, "");
        buffer_clear(&lengthy);
        assert_int_equal(buffer_append_text(&lengthy, "<a>"), 0);
        for (int i = 0; i < XML_TEXT_BYTES_MAX + 1; i++)
                assert_int_equal(buffer_append_text(&lengthy, "x"), 0);
        assert_int_equal(buffer_append_text(&lengthy, "</a>"), 0);
        must_read(buffer_text(&lengthy), 0, FAULT_E_INPUT, "");
        buffer_finish(&deep);
        buffer_finish(&name);
        buffer_finish(&lengthy);
}

static void test_escape_reads_back(void **state _unused_) {
        struct buffer document = BUFFER_NULL;

        assert_int_equal(buffer_append_text(&document, "<a>"), 0);
        assert_int_equal(xml_escape("\"<&'>\xc3\xa9", &document), 0);
        assert_int_equal(buffer_append_text(&document, "</a>"), 0);
        assert_string_equal(buffer_text(&document), "<a>&quot;&lt;&amp;&apos;&gt;\xc3\xa9</a>");
        must_read(buffer_text(&document), 0, 0, "a=\"<&'>\xc3\xa9;");
        buffer_finish(&document);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_elements_come_innermost_first),
                cmocka_unit_test(test_the_caller_may_stop),
                cmocka_unit_test(test_what_is_no_document_is_refused),
                cmocka_unit_test(test_depth_and_length_have_limits),
                cmocka_unit_test(test_escape_reads_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
