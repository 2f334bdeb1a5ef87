/* Run view: the shape of GET /runs/{id}. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/json.h"
#include "proto/run_view.h"
#include "tests/support/samples.h"

#define RUN "01890a5d-ac96-774b-bcce-b302099a8057"

static void render(const struct run_view *view, struct buffer *text) {
        struct json_builder json = json_begin(text, JSON_COMPACT);

        run_view_put_json(view, &json);
        assert_int_equal(json_end(&json), 0);
}

static void a_new_run(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        static struct run_manifest manifest = { .run_id = RUN,
                                                .attempt = 1,
                                                .state = RUN_STATE_PENDING,
                                                .created_at = 1767323045678,
                                                .order = { .cause = "http" } };
        static struct run_view view;

        (void)state;
        run_view_from_manifest(&view, &manifest);
        render(&view, &text);
        assert_string_equal(buffer_text(&text),
                            "{\"run_id\":\"" RUN "\",\"state\":\"PENDING\",\"attempt\":1,\"cause\":\"http\","
                            "\"created_at\":\"2026-01-02T03:04:05.678Z\",\"stages\":["
                            "{\"name\":\"ingestor\",\"state\":\"PENDING\"},"
                            "{\"name\":\"validator\",\"state\":\"PENDING\"},"
                            "{\"name\":\"transformer\",\"state\":\"PENDING\"},"
                            "{\"name\":\"trainer\",\"state\":\"PENDING\"},"
                            "{\"name\":\"evaluator\",\"state\":\"PENDING\"},"
                            "{\"name\":\"pusher\",\"state\":\"PENDING\"}]}");
}

static void a_run_at_its_end(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        static struct run_view view = { .run_id = RUN,
                                        .state = RUN_STATE_SUCCEEDED,
                                        .attempt = 2,
                                        .cause = "http",
                                        .created_at = 1767323045000,
                                        .finished_at = 1767323047000,
                                        .has_release = true };
        static const struct stage_to_gateway end = { .stage = STAGE_TRAINER,
                                                     .state = RUN_STATE_SUCCEEDED,
                                                     .started_at = 1767323045000,
                                                     .finished_at = 1767323045212,
                                                     .booster_ms = 200,
                                                     .n_counts = 2,
                                                     .counts = { { "n_rows", 7 }, { "n_warnings", 0 } },
                                                     .n_drifted = 2,
                                                     .drifted = { { "Age", 0.5 }, { "Region", 0.25 } } };
        static const struct progress progress = { .stage = STAGE_TRAINER, .done = 86, .total = 500, .unit = "rounds" };
        static union sample sample;

        (void)state;
        sample_message(MESSAGE_PUSHER_TO_GATEWAY, &sample);
        memcpy(&view.release, sample.bytes, sizeof(view.release));
        run_view_end_stage(&view, &end);
        view.stages[STAGE_TRAINER].has_progress = true;
        view.stages[STAGE_TRAINER].progress = progress;
        render(&view, &text);
        assert_non_null(strstr(buffer_text(&text), "\"attempt\":2,\"accepted\":true,\"promoted\":true,\"version\":3,"));
        assert_non_null(strstr(buffer_text(&text), "\"finished_at\":\"2026-01-02T03:04:07.000Z\""));
        assert_non_null(
                strstr(buffer_text(&text),
                       "{\"name\":\"trainer\",\"state\":\"SUCCEEDED\","
                       "\"started_at\":\"2026-01-02T03:04:05.000Z\",\"finished_at\":\"2026-01-02T03:04:05.212Z\","
                       "\"ms\":212,\"booster_ms\":200,\"counts\":{\"n_rows\":7,\"n_warnings\":0},"
                       "\"drifted\":[{\"column\":\"Age\",\"distance\":0.5},{\"column\":\"Region\",\"distance\":0.25}],"
                       "\"progress\":{\"done\":86,\"total\":500,\"unit\":\"rounds\"}}"));
        assert_non_null(strstr(buffer_text(&text), "\"metrics\":{\"candidate\":{\"f1\":0.5,"));
        assert_non_null(strstr(buffer_text(&text), "\"champion\":{\"f1\":0.46,"));
        assert_non_null(strstr(buffer_text(&text), "\"auc\":0.855,"));
        assert_null(strstr(buffer_text(&text), "\"error\""));
}

static void a_failed_run(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        static struct run_view view = { .run_id = RUN,
                                        .state = RUN_STATE_FAILED,
                                        .attempt = 1,
                                        .cause = "http",
                                        .created_at = 1,
                                        .has_failure = true,
                                        .failure = { .stage = STAGE_VALIDATOR,
                                                     .error = { .code = "INT_TYPE_BIG_INT",
                                                                .message = "200 is above 120",
                                                                .column = "Age",
                                                                .row = -1 } } };

        (void)state;
        render(&view, &text);
        assert_non_null(strstr(buffer_text(&text), "\"error\":{\"stage\":\"validator\",\"code\":\"INT_TYPE_BIG_INT\","
                                                   "\"message\":\"200 is above 120\",\"column\":\"Age\"}}"));
        assert_null(strstr(buffer_text(&text), "accepted"));
}

static void too_little_data_is_not_accepted(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        static struct run_view view = { .run_id = RUN,
                                        .state = RUN_STATE_SUCCEEDED,
                                        .attempt = 1,
                                        .cause = "http",
                                        .created_at = 1,
                                        .ends_run = "INSUFFICIENT_DATA" };

        (void)state;
        render(&view, &text);
        assert_non_null(
                strstr(buffer_text(&text), "\"accepted\":false,\"reasons\":[{\"code\":\"INSUFFICIENT_DATA\"}]"));
}

static void a_rejected_candidate_says_why(void **state) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        static struct run_view view = { .run_id = RUN,
                                        .state = RUN_STATE_SUCCEEDED,
                                        .attempt = 1,
                                        .cause = "http",
                                        .created_at = 1,
                                        .has_release = true,
                                        .release = { .n_reasons = 1, .reasons = { { "F1_TOO_LOW", "0.3 < 0.4" } } } };

        (void)state;
        render(&view, &text);
        assert_non_null(strstr(buffer_text(&text), "\"accepted\":false,\"reasons\":[{\"code\":\"F1_TOO_LOW\","
                                                   "\"message\":\"0.3 < 0.4\"}]"));
        assert_null(strstr(buffer_text(&text), "\"version\""));
        assert_null(strstr(buffer_text(&text), "\"promoted\""));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_new_run),
                cmocka_unit_test(a_run_at_its_end),
                cmocka_unit_test(a_failed_run),
                cmocka_unit_test(too_little_data_is_not_accepted),
                cmocka_unit_test(a_rejected_candidate_says_why),
        };

        return cmocka_run_group_tests_name("run_view", tests, NULL, NULL);
}
