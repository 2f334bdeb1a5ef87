/* Progress: a run's JSON in words. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <string.h>

#include "cli/progress.h"

static struct json *parse(const char *text) {
        struct fault fault = FAULT_NULL;
        struct json *json = NULL;

        assert_int_equal(json_parse(text, strlen(text), &fault, &json), 0);
        return json;
}

static void expect_bars(const char *stage, size_t n_columns, const char *want) {
        struct buffer run = BUFFER_NULL, text = BUFFER_NULL;
        struct json *json;

        assert_int_equal(buffer_printf(&run, "{\"stages\":[%s]}", stage), 0);
        json = parse(buffer_text(&run));
        assert_int_equal(progress_put_bars(json_root(json), n_columns, &text), 0);
        assert_string_equal(buffer_text(&text), want);
        json_destroy(json);
        buffer_finish(&run);
        buffer_finish(&text);
}

static void test_a_bar_says_how_far(void **state) {
        (void)state;
        expect_bars("{\"name\":\"ingestor\",\"state\":\"PENDING\"}", 200,
                    "ingestor    [                            ]\n");
        expect_bars("{\"name\":\"trainer\",\"state\":\"RUNNING\","
                    "\"progress\":{\"done\":50,\"total\":200,\"unit\":\"rounds\"}}",
                    200, "trainer     [=======                     ] 50 of 200 rounds\n");
        expect_bars("{\"name\":\"ingestor\",\"state\":\"RUNNING\",\"progress\":{\"done\":1234567,\"unit\":\"rows\"}}",
                    200, "ingestor    [==============              ] 1,234,567 rows\n");
        expect_bars("{\"name\":\"ingestor\",\"state\":\"SUCCEEDED\",\"ms\":412,"
                    "\"progress\":{\"done\":50000,\"total\":50000,\"unit\":\"rows\"}}",
                    200, "ingestor    [============================] 0.41 s, 50,000 rows\n");
        expect_bars("{\"name\":\"validator\",\"state\":\"SUCCEEDED\",\"ms\":412,"
                    "\"counts\":{\"n_rows\":10,\"n_bad_rows\":1,\"n_warnings\":1200,\"n_drifted\":0}}",
                    200, "validator   [============================] 0.41 s, 1 row set aside, 1,200 warnings\n");
        expect_bars("{\"name\":\"validator\",\"state\":\"FAILED\",\"ms\":7}", 200,
                    "validator   [                            ] FAILED 0.01 s\n");
        expect_bars("{\"name\":\"validator\",\"state\":\"SKIPPED\"}", 200,
                    "validator   [============================] SKIPPED\n");
}

static void test_more_than_all_does_not_overflow_the_bar(void **state) {
        (void)state;
        expect_bars(
                "{\"name\":\"trainer\",\"state\":\"RUNNING\",\"progress\":{\"done\":300,\"total\":200,\"unit\":\"r\"}}",
                200, "trainer     [============================] 300 of 200 r\n");
        expect_bars(
                "{\"name\":\"trainer\",\"state\":\"RUNNING\",\"progress\":{\"done\":-3,\"total\":0,\"unit\":\"r\"}}",
                200, "trainer     [                            ] -3 of 0 r\n");
        /* units come as plurals */
        expect_bars("{\"name\":\"pusher\",\"state\":\"SUCCEEDED\",\"ms\":10,\"progress\":{\"done\":1,\"total\":1,"
                    "\"unit\":\"versions\"}}",
                    200, "pusher      [============================] 0.01 s, 1 version\n");
}

static void test_lines_are_cut_at_the_terminals_width(void **state) {
        (void)state;
        expect_bars(
                "{\"name\":\"trainer\",\"state\":\"RUNNING\",\"progress\":{\"done\":50,\"total\":200,\"unit\":\"r\"}}",
                10, "trainer   \n");
        expect_bars("{\"name\":\"\xc3\xa9\xc3\xa9\xc3\xa9\",\"state\":\"RUNNING\"}", 2, "\xc3\xa9\xc3\xa9\n");
}

static void test_each_change_is_told_once(void **state) {
        struct progress_told told[2] = { 0 };
        struct buffer text = BUFFER_NULL;
        struct json *json;

        (void)state;
        json = parse("{\"stages\":[{\"name\":\"ingestor\",\"state\":\"RUNNING\"},"
                     "{\"name\":\"validator\",\"state\":\"PENDING\"}]}");
        assert_int_equal(progress_put_changes(json_root(json), told, 2, &text), 0);
        assert_string_equal(buffer_text(&text), "ingestor    running\n");
        buffer_clear(&text);
        assert_int_equal(progress_put_changes(json_root(json), told, 2, &text), 0);
        assert_string_equal(buffer_text(&text), "");
        json_destroy(json);
        json = parse("{\"stages\":[{\"name\":\"ingestor\",\"state\":\"SUCCEEDED\",\"ms\":120,"
                     "\"progress\":{\"done\":10,\"total\":10,\"unit\":\"rows\"}},"
                     "{\"name\":\"validator\",\"state\":\"FAILED\",\"ms\":5,"
                     "\"counts\":{\"n_bad_rows\":0,\"n_warnings\":1,\"n_drifted\":2}}]}");
        assert_int_equal(progress_put_changes(json_root(json), told, 2, &text), 0);
        assert_string_equal(buffer_text(&text),
                            "ingestor    succeeded in 0.12 s, 10 rows\nvalidator   failed in 0.01 s, "
                            "1 warning, 2 columns drifted\n");
        json_destroy(json);
        buffer_finish(&text);
}

static void test_what_a_stage_waits_for_stands_in_its_bar(void **state) {
        (void)state;
        expect_bars(
                "{\"name\":\"trainer\",\"state\":\"RUNNING\",\"progress\":{\"done\":10,\"total\":10,\"unit\":\"r\"},"
                "\"waiting\":{\"reason\":\"No space left on device\",\"retry_at\":\"2026-01-02T03:04:05.678Z\"}}",
                200,
                "trainer     [============================] waits: No space left on device; "
                "tries again at 03:04:05 UTC\n");
        expect_bars("{\"name\":\"trainer\",\"state\":\"RUNNING\",\"waiting\":{\"reason\":\"it\"}}", 200,
                    "trainer     [                            ] waits: it\n");
}

static void expect_told(const char *stage, struct progress_told *told, const char *want) {
        struct buffer text = BUFFER_NULL;
        char run[512];
        struct json *json;

        snprintf(run, sizeof(run), "{\"stages\":[{\"name\":\"trainer\",%s}]}", stage);
        json = parse(run);
        assert_int_equal(progress_put_changes(json_root(json), told, 1, &text), 0);
        assert_string_equal(buffer_text(&text), want);
        json_destroy(json);
        buffer_finish(&text);
}

/* One line when it begins to wait; that it tries again in between, and when, is no news. */
static void test_a_wait_is_told_once(void **state) {
        struct progress_told told = { .state = "" };

        (void)state;
        expect_told("\"state\":\"RUNNING\"", &told, "trainer     running\n");
        expect_told("\"state\":\"RUNNING\",\"waiting\":{\"reason\":\"full\",\"retry_at\":\"2026-01-02T03:04:05.678Z\"}",
                    &told, "trainer     waits: full; tries again at 03:04:05 UTC\n");
        expect_told("\"state\":\"RUNNING\"", &told, "");
        expect_told("\"state\":\"RUNNING\",\"waiting\":{\"reason\":\"full\",\"retry_at\":\"2026-01-02T03:05:05.678Z\"}",
                    &told, "");
        expect_told("\"state\":\"RUNNING\",\"waiting\":{\"reason\":\"away\"}", &told, "trainer     waits: away\n");
        /* nor is how long it took this time */
        expect_told("\"state\":\"RUNNING\",\"waiting\":{\"reason\":\"late, 7 ms\"}", &told,
                    "trainer     waits: late, 7 ms\n");
        expect_told("\"state\":\"RUNNING\",\"waiting\":{\"reason\":\"late, 1234 ms\"}", &told, "");
        expect_told("\"state\":\"RUNNING\",\"waiting\":{\"reason\":\"late, 1234 s\"}", &told,
                    "trainer     waits: late, 1234 s\n");
        expect_told("\"state\":\"FAILED\"", &told, "trainer     failed\n");
        expect_told("\"state\":\"RUNNING\",\"waiting\":{\"reason\":\"away\"}", &told,
                    "trainer     running\ntrainer     waits: away\n");
}

static void test_drifted_columns_are_named(void **state) {
        (void)state;
        expect_bars(
                "{\"name\":\"validator\",\"state\":\"SUCCEEDED\",\"ms\":412,\"counts\":{\"n_drifted\":2},\"drifted\":"
                "[{\"column\":\"Age\",\"distance\":0.3125},{\"column\":\"Länge\",\"distance\":0.0123456}]}",
                200,
                "validator   [============================] 0.41 s, 2 columns drifted (Age 0.312, Länge 0.0123)\n");
        /* more than a message names */
        expect_bars("{\"name\":\"validator\",\"state\":\"SKIPPED\",\"counts\":{\"n_drifted\":17},\"drifted\":"
                    "[{\"column\":\"Age\",\"distance\":1}]}",
                    200, "validator   [============================] SKIPPED, 17 columns drifted (Age 1, …)\n");
}

static void test_overrides_are_lines_for_set(void **state) {
        struct buffer text = BUFFER_NULL;
        struct json *json = parse("{\"overrides\":{\"train\":{\"seed\":5,\"max_depth\":\"3\"},"
                                  "\"evaluate\":{\"mode\":\"refresh\",\"min_score\":0.25}}}");

        (void)state;
        assert_int_equal(progress_put_overrides(json_root(json), &text), 0);
        assert_string_equal(buffer_text(&text),
                            "parameters that differ from pipeline.yaml as it is now:\n  train.seed=5\n"
                            "  train.max_depth=3\n  evaluate.mode=refresh\n"
                            "  evaluate.min_score=0.25\n");
        json_destroy(json);
        json = parse("{\"overrides\":{}}");
        buffer_clear(&text);
        assert_int_equal(progress_put_overrides(json_root(json), &text), 0);
        assert_int_equal(text.n_bytes, 0);
        json_destroy(json);
        buffer_finish(&text);
}

static void expect_outcome(const char *run, const char *want) {
        struct buffer text = BUFFER_NULL;
        struct json *json = parse(run);

        assert_int_equal(progress_put_outcome(json_root(json), &text), 0);
        assert_string_equal(buffer_text(&text), want);
        json_destroy(json);
        buffer_finish(&text);
}

static void test_the_outcome_in_words(void **state) {
        (void)state;
        /* JSON counts rows from 0, people from 1 */
        expect_outcome("{\"state\":\"FAILED\",\"error\":{\"stage\":\"ingestor\",\"code\":\"X_Y\",\"row\":2,"
                       "\"message\":\"it is bad\"}}",
                       "run  FAILED\nthe ingestor failed: X_Y: row 3: it is bad\n");
        expect_outcome("{\"run_id\":\"r\",\"state\":\"SUCCEEDED\",\"accepted\":true,\"promoted\":true,\"version\":3,"
                       "\"metrics\":{\"candidate\":{\"n_rows\":12500,\"f1\":0.45,\"auc\":null}}}",
                       "run r SUCCEEDED\n"
                       "             candidate   on 12,500 test rows\n"
                       "  f1            0.4500\n"
                       "accepted: version 3 is the champion and answers\n");
        expect_outcome("{\"run_id\":\"r\",\"state\":\"SUCCEEDED\",\"accepted\":true,\"promoted\":false,\"version\":3}",
                       "run r SUCCEEDED\n"
                       "accepted: version 3 is published as challenger, the champion stays\n");
        expect_outcome("{\"run_id\":\"r\",\"state\":\"SUCCEEDED\",\"accepted\":false,"
                       "\"reasons\":[{\"code\":\"F1_NOT_IMPROVED\",\"message\":\"0.45 is not more than 0.45 + 0.02\"},"
                       "{\"code\":\"OTHER\"}],\"metrics\":{\"candidate\":{\"f1\":0.45},\"champion\":{\"f1\":0.44}}}",
                       "run r SUCCEEDED\n"
                       "             candidate  champion\n"
                       "  f1            0.4500    0.4400\n"
                       "not accepted: no version was published, the champion goes on\n"
                       "  F1_NOT_IMPROVED: 0.45 is not more than 0.45 + 0.02\n"
                       "  OTHER\n");
        expect_outcome(
                "{\"run_id\":\"r\",\"state\":\"FAILED\",\"error\":{\"stage\":\"ingestor\",\"code\":\"CSV_BAD\","
                "\"file\":\"rows.csv\",\"line\":7,\"column\":\"Age\",\"message\":\"value \\\"x\\\" is no int\"}}",
                "run r FAILED\n"
                "the ingestor failed: CSV_BAD: rows.csv: line 7: Age: value \"x\" is no int\n");
        expect_outcome("{\"run_id\":\"r\",\"state\":\"SUCCEEDED\",\"accepted\":false,"
                       "\"reasons\":[{\"code\":\"INSUFFICIENT_DATA\"}]}",
                       "run r SUCCEEDED\n"
                       "not accepted: no version was published\n"
                       "  INSUFFICIENT_DATA\n");
        expect_outcome("{\"run_id\":\"r\",\"state\":\"CANCELED\"}", "run r CANCELED\n");
        expect_outcome("[]", "run  \n");
}

static void test_numbers_in_thousands(void **state) {
        static const struct {
                int64_t number;
                const char *want;
        } rows[] = {
                { 0, "0" },
                { 7, "7" },
                { 999, "999" },
                { 1000, "1,000" },
                { 123456, "123,456" },
                { 1234567, "1,234,567" },
                { -999, "-999" },
                { -1000, "-1,000" },
                { INT64_MIN, "-9,223,372,036,854,775,808" },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct buffer text = BUFFER_NULL;

                assert_int_equal(progress_put_number(rows[i].number, &text), 0);
                assert_string_equal(buffer_text(&text), rows[i].want);
                buffer_finish(&text);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_bar_says_how_far),
                cmocka_unit_test(test_what_a_stage_waits_for_stands_in_its_bar),
                cmocka_unit_test(test_a_wait_is_told_once),
                cmocka_unit_test(test_drifted_columns_are_named),
                cmocka_unit_test(test_more_than_all_does_not_overflow_the_bar),
                cmocka_unit_test(test_lines_are_cut_at_the_terminals_width),
                cmocka_unit_test(test_each_change_is_told_once),
                cmocka_unit_test(test_overrides_are_lines_for_set),
                cmocka_unit_test(test_the_outcome_in_words),
                cmocka_unit_test(test_numbers_in_thousands),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
