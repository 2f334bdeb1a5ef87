/* UTF-8: the borders of RFC 3629. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/utf8.h"

static const struct {
        const char *bytes;
        bool want_valid;
} rows[] = {
        { "", true },
        { "plain text of more than eight bytes", true },
        { "caf\xc3\xa9", true },
        { "\xc2\x80", true },
        { "\xdf\xbf", true },
        { "\xe0\xa0\x80", true },
        { "\xed\x9f\xbf", true },
        { "\xee\x80\x80", true },
        { "\xf0\x90\x80\x80", true },
        { "\xf4\x8f\xbf\xbf", true },
        { "12345678\xff", false },
        { "1234567\xff", false },
        { "\x80", false },
        { "\xc0\x80", false },
        { "\xc1\xbf", false },
        { "\xc3", false },
        { "\xc3(", false },
        { "\xe0\x9f\xbf", false },
        { "\xed\xa0\x80", false },
        { "\xe2\x82", false },
        { "\xe2\x82(", false },
        { "\xf0\x8f\xbf\xbf", false },
        { "\xf4\x90\x80\x80", false },
        { "\xf5\x80\x80\x80", false },
        { "\xf0\x9f\x98", false },
};

static void test_borders(void **state) {
        (void)state;
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                assert_int_equal(utf8_is_valid(rows[i].bytes, strlen(rows[i].bytes)), rows[i].want_valid);
}

static void test_every_code_point(void **state) {
        uint8_t text[4];
        size_t n;

        (void)state;
        for (uint32_t c = 0; c < 0x110000; c++) {
                if (c < 0x80) {
                        text[0] = (uint8_t)c;
                        n = 1;
                } else if (c < 0x800) {
                        text[0] = (uint8_t)(0xc0 | c >> 6);
                        text[1] = (uint8_t)(0x80 | (c & 0x3f));
                        n = 2;
                } else if (c < 0x10000) {
                        text[0] = (uint8_t)(0xe0 | c >> 12);
                        text[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
                        text[2] = (uint8_t)(0x80 | (c & 0x3f));
                        n = 3;
                } else {
                        text[0] = (uint8_t)(0xf0 | c >> 18);
                        text[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
                        text[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
                        text[3] = (uint8_t)(0x80 | (c & 0x3f));
                        n = 4;
                }
                assert_int_equal(utf8_is_valid(text, n), c < 0xd800 || c > 0xdfff);
        }
}

static void test_words_are_made_fit(void **state) {
        static const struct {
                const char *text, *want;
        } texts[] = {
                { "", "" },
                { "all is w\xc3\xa9ll", "all is w\xc3\xa9ll" },
                { "two\nlines\t\x7f", "two?lines??" },
                { "\xff\xfe in the middle \xc3 here", "?? in the middle ? here" },
                { "cut off \xe2\x82", "cut off " },
                { "cut off \xc3", "cut off " },
                { "no end \x82", "no end ?" },
                { "\xc0\x80", "??" },
        };

        (void)state;
        for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
                char text[64];

                strcpy(text, texts[i].text);
                utf8_make_fit(text);
                assert_string_equal(text, texts[i].want);
                assert_true(utf8_is_valid(text, strlen(text)));
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_borders),
                cmocka_unit_test(test_every_code_point),
                cmocka_unit_test(test_words_are_made_fit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
