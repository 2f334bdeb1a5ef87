/* Runs: what becomes of a run, whatever its stages tell and in which order. */

#include "tests/unit/gateway/runs_fixture.h"

#include "common/base/cleanup.h"

static void an_accepted_run_begins_at_once(void **state) {
        static struct gateway_to_ingestor message;
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];
        struct envelope envelope;

        fixture->has_champion = true;
        fixture->champion.version = 3;
        memset(fixture->champion.manifest, 'c', sizeof(fixture->champion.manifest) - 1);
        fixture_accept(fixture, "{\"parameters\":{\"train\":{\"seed\":5}}}", "", run);
        assert_true(uuid_is_valid(run));
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
        fixture_check_ends(fixture, run, "RPPPPP");
        assert_int_equal(fixture_letters(fixture, STAGE_INGESTOR, MESSAGE_GATEWAY_TO_INGESTOR, &envelope, &message), 1);
        assert_string_equal(envelope.run, run);
        assert_int_equal(envelope.attempt, 1);
        assert_int_equal(message.order.parameters.train.seed, 5);
        assert_true(message.order.has_champion);
        assert_int_equal(message.order.champion.version, 3);
        assert_string_equal(message.order.cause, "http");
}

static void the_words_of_the_line_may_come_in_any_order(void **state) {
        static const int orders[][N_WORDS] = {
                { 0, 1, 2, 3, 4, 5, 6 }, { 6, 5, 4, 3, 2, 1, 0 }, { 6, 0, 1, 2, 3, 4, 5 },
                { 3, 1, 6, 0, 5, 2, 4 }, { 5, 6, 4, 0, 3, 1, 2 }, { 1, 0, 3, 2, 5, 4, 6 },
        };
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        for (size_t i = 0; i < N_ELEMENTS(orders); i++) {
                fixture->n_released = 0;
                fixture->n_events = 0;
                fixture_accept(fixture, "", "", run);
                for (int j = 0; j < N_WORDS; j++) {
                        assert_int_equal(fixture->n_released, 0);
                        assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
                        fixture_say(fixture, run, 1, orders[i][j]);
                }
                assert_int_equal(fixture->n_released, 1);
                assert_string_equal(fixture->released, run);
                /* the end comes when the version answers */
                assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
                assert_int_equal(runs_finish(fixture->runs, run), 0);
                assert_int_equal(fixture_state(fixture, run), RUN_STATE_SUCCEEDED);
                fixture_check_ends(fixture, run, "SSSSSS");
                assert_true(fixture->view.has_release);
                assert_int_equal(fixture->view.release.version, 7);
                assert_int_equal(fixture->view.stages[STAGE_TRAINER].booster_ms, 250);
                assert_int_equal(fixture->view.stages[STAGE_TRAINER].finished_at, 1767323048500);
                assert_true(fixture->view.finished_at >= fixture->view.created_at);
                assert_true(fixture->events[fixture->n_events - 1].is_last);
        }
}

/* GET /runs/{id} as text. */
static void show(struct fixture *fixture, const char *run, struct buffer *text) {
        struct json_builder json;

        buffer_clear(text);
        json = json_begin(text, JSON_PRETTY);
        run_view_put_json(fixture_view(fixture, run), &json);
        assert_int_equal(json_end(&json), 0);
}

static void what_is_told_twice_changes_nothing(void **state) {
        _cleanup_(buffer_finish) struct buffer before = BUFFER_NULL, after = BUFFER_NULL;
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];
        size_t n_events;

        fixture_accept(fixture, "", "", run);
        for (int i = 0; i < N_WORDS; i++) {
                fixture_say(fixture, run, 1, i);
                show(fixture, run, &before);
                n_events = fixture->n_events;
                fixture_say(fixture, run, 1, i);
                show(fixture, run, &after);
                assert_string_equal(buffer_text(&before), buffer_text(&after));
                if (i != WORD_RELEASE)
                        assert_int_equal(fixture->n_events, n_events);
        }
        assert_int_equal(runs_finish(fixture->runs, run), 0);
        show(fixture, run, &before);
        n_events = fixture->n_events;
        assert_int_equal(runs_finish(fixture->runs, run), 0);
        for (int i = 0; i < N_WORDS; i++)
                fixture_say(fixture, run, 1, i);
        fixture_tell_state(fixture, run, 1, STAGE_EVALUATOR, RUN_STATE_FAILED);
        show(fixture, run, &after);
        assert_string_equal(buffer_text(&before), buffer_text(&after));
        assert_int_equal(fixture->n_events, n_events);
}

static void a_skipped_stage_is_no_hindrance(void **state) {
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        fixture_say(fixture, run, 1, STAGE_INGESTOR);
        fixture_tell_state(fixture, run, 1, STAGE_VALIDATOR, RUN_STATE_SKIPPED);
        fixture_check_ends(fixture, run, "SKRPPP");
        for (int i = STAGE_TRANSFORMER; i < N_WORDS; i++)
                fixture_say(fixture, run, 1, i);
        assert_int_equal(runs_finish(fixture->runs, run), 0);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_SUCCEEDED);
        fixture_check_ends(fixture, run, "SKSSSS");
}

static void a_failure_ends_the_run_there(void **state) {
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        fixture_say(fixture, run, 1, STAGE_INGESTOR);
        fixture_tell_state(fixture, run, 1, STAGE_VALIDATOR, RUN_STATE_FAILED);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_FAILED);
        fixture_check_ends(fixture, run, "SFPPPP");
        assert_true(fixture->view.has_failure);
        assert_int_equal(fixture->view.failure.stage, STAGE_VALIDATOR);
        assert_string_equal(fixture->view.failure.error.code, "TOYS_BROKEN");
        assert_true(fixture->events[fixture->n_events - 1].is_last);
        assert_string_equal(fixture->events[fixture->n_events - 1].kind, "run");
}

/* The end of an earlier stage may come after the failure of a later one. */
static void a_failure_may_be_told_first(void **state) {
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        fixture_tell_state(fixture, run, 1, STAGE_VALIDATOR, RUN_STATE_FAILED);
        fixture_say(fixture, run, 1, STAGE_INGESTOR);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_FAILED);
        fixture_check_ends(fixture, run, "SFPPPP");
}

static void too_little_data_is_no_failure(void **state) {
        static struct stage_to_gateway end = { .stage = STAGE_EVALUATOR,
                                               .state = RUN_STATE_SUCCEEDED,
                                               .started_at = 1767323045000,
                                               .finished_at = 1767323045001,
                                               .ends_run = "INSUFFICIENT_DATA" };
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        for (int i = 0; i < STAGE_EVALUATOR; i++)
                fixture_say(fixture, run, 1, i);
        fixture_tell(fixture, run, 1, &end);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_SUCCEEDED);
        fixture_check_ends(fixture, run, "SSSSSP");
        assert_string_equal(fixture->view.ends_run, "INSUFFICIENT_DATA");
        assert_false(fixture->view.has_release);
        assert_int_equal(runs_retry(fixture->runs, run), RUNS_E_STATE);
}

static void one_run_is_in_flight_and_others_wait_in_order(void **state) {
        struct fixture *fixture = *state;
        char runs[3][UUID_TEXT_BYTES];

        for (int i = 0; i < 3; i++)
                fixture_accept(fixture, "", "", runs[i]);
        assert_int_equal(fixture_state(fixture, runs[0]), RUN_STATE_RUNNING);
        assert_int_equal(fixture_state(fixture, runs[1]), RUN_STATE_PENDING);
        assert_int_equal(fixture_state(fixture, runs[2]), RUN_STATE_PENDING);
        fixture_tell_state(fixture, runs[0], 1, STAGE_INGESTOR, RUN_STATE_FAILED);
        assert_int_equal(fixture_state(fixture, runs[1]), RUN_STATE_RUNNING);
        assert_int_equal(fixture_state(fixture, runs[2]), RUN_STATE_PENDING);
        fixture_succeed(fixture, runs[1], 1);
        assert_int_equal(fixture_state(fixture, runs[2]), RUN_STATE_RUNNING);
        assert_int_equal(fixture_letters(fixture, STAGE_INGESTOR, MESSAGE_GATEWAY_TO_INGESTOR, NULL, NULL), 3);
}

static void a_busy_line_may_refuse(void **state) {
        struct fixture *fixture = *state;
        struct fault fault = FAULT_NULL;
        char run[UUID_TEXT_BYTES], other[UUID_TEXT_BYTES];
        int condition;

        fixture->pipeline.serve.when_busy = SERVE_WHEN_BUSY_REFUSE;
        fixture_accept(fixture, "", "", run);
        assert_int_equal(runs_accept(fixture->runs, "", 0, "", "", other, &condition, &fault), 0);
        assert_int_equal(condition, RUNS_E_BUSY);
        fixture_tell_state(fixture, run, 1, STAGE_INGESTOR, RUN_STATE_FAILED);
        fixture_accept(fixture, "", "", other);
        assert_int_equal(fixture_state(fixture, other), RUN_STATE_RUNNING);
}

static void a_key_names_one_request(void **state) {
        static const char body[] = "{\"parameters\":{\"train\":{\"seed\":2}}}";
        struct fixture *fixture = *state;
        struct fault fault = FAULT_NULL;
        char run[UUID_TEXT_BYTES], again[UUID_TEXT_BYTES];
        int condition;

        fixture_accept(fixture, body, "key", run);
        fixture_accept(fixture, body, "key", again);
        assert_string_equal(run, again);
        fixture_restart(fixture);
        fixture_accept(fixture, body, "key", again);
        assert_string_equal(run, again);
        assert_int_equal(runs_accept(fixture->runs, "{}", 2, "key", "", again, &condition, &fault), 0);
        assert_int_equal(condition, RUNS_E_KEY);
        fixture_accept(fixture, body, "other", again);
        assert_string_not_equal(run, again);
        fixture_accept(fixture, body, "", run);
        assert_string_not_equal(run, again);
}

static void a_bad_request_is_named_and_leaves_nothing(void **state) {
        static const struct {
                const char *body, *code;
        } rows[] = { { "{", "JSON_MALFORMED" },
                     { "{\"parameters\":{\"train\":{\"max_dept\":3}}}", "CONFIG_UNKNOWN_KEY" } };
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];
        int64_t counts[RUN_STATE_N];
        int condition;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct fault fault = FAULT_NULL;

                assert_int_equal(runs_accept(fixture->runs, rows[i].body, strlen(rows[i].body), "key", "", run,
                                             &condition, &fault),
                                 FAULT_E_INPUT);
                assert_string_equal(fault.code, rows[i].code);
        }
        assert_int_equal(ledger_count_states(fixture->ledger, counts), 0);
        for (int i = 0; i < RUN_STATE_N; i++)
                assert_int_equal(counts[i], 0);
        fixture_accept(fixture, "", "key", run);
}

static void a_run_waits_for_the_champion_to_be_known(void **state) {
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture->is_champion_known = false;
        fixture_accept(fixture, "", "", run);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_PENDING);
        assert_int_equal(runs_begin(fixture->runs), 0);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_PENDING);
        fixture->is_champion_known = true;
        assert_int_equal(runs_begin(fixture->runs), 0);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
}

static void a_run_that_is_not_there(void **state) {
        static const char nobody[] = "01890a5d-ac96-774b-bcce-b302099a8057";
        struct fixture *fixture = *state;
        int64_t n_dead;

        assert_int_equal(runs_cancel(fixture->runs, nobody), RUNS_E_NONE);
        assert_int_equal(runs_retry(fixture->runs, nobody), RUNS_E_NONE);
        assert_int_equal(runs_view(fixture->runs, nobody, &fixture->view), RUNS_E_NONE);
        assert_int_equal(runs_cancel(fixture->runs, "nobody"), RUNS_E_NONE);
        fixture_say(fixture, nobody, 1, STAGE_INGESTOR);
        assert_int_equal(spool_dead_count(fixture->spool, &n_dead), 0);
        assert_int_equal(n_dead, 1);
}

static void a_restart_forgets_nothing(void **state) {
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES], next[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        fixture_accept(fixture, "", "", next);
        fixture_say(fixture, run, 1, STAGE_INGESTOR);
        fixture_restart(fixture);
        fixture_check_ends(fixture, run, "SRPPPP");
        assert_int_equal(fixture_letters(fixture, STAGE_INGESTOR, MESSAGE_GATEWAY_TO_INGESTOR, NULL, NULL), 1);
        for (int i = STAGE_VALIDATOR; i < N_WORDS; i++)
                fixture_say(fixture, run, 1, i);
        assert_int_equal(fixture->n_released, 1);
        /* killed before the version was taken up: the owner is asked again */
        fixture_restart(fixture);
        assert_int_equal(fixture->n_released, 1);
        assert_string_equal(fixture->released, run);
        assert_int_equal(runs_finish(fixture->runs, run), 0);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_SUCCEEDED);
        fixture_restart(fixture);
        assert_int_equal(fixture_state(fixture, next), RUN_STATE_RUNNING);
}

static void progress_is_shown_of_the_run_in_flight(void **state) {
        struct fixture *fixture = *state;
        struct progress progress = { .stage = STAGE_TRAINER, .done = 3, .total = 10, .unit = "rounds" };
        struct envelope envelope;
        char run[UUID_TEXT_BYTES], told[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        envelope_init(&envelope, run, 1, 1, "");
        runs_note_progress(fixture->runs, &envelope, &progress);
        assert_true(fixture_view(fixture, run)->stages[STAGE_TRAINER].has_progress);
        assert_int_equal(fixture->view.stages[STAGE_TRAINER].progress.done, 3);
        assert_int_equal(runs_take_progress(fixture->runs, told), 1U << STAGE_TRAINER);
        assert_string_equal(told, run);
        assert_int_equal(runs_take_progress(fixture->runs, told), 0);
        /* of another attempt, or another run */
        envelope.attempt = 2;
        progress.done = 9;
        runs_note_progress(fixture->runs, &envelope, &progress);
        assert_int_equal(runs_take_progress(fixture->runs, told), 0);
        assert_int_equal(fixture_view(fixture, run)->stages[STAGE_TRAINER].progress.done, 3);
}

static const struct run_view_wait *wait_of(struct fixture *fixture, const char *run, enum stage stage) {
        return &fixture_view(fixture, run)->stages[stage].wait;
}

static void what_a_stage_waits_for_is_shown_while_it_is_fresh(void **state) {
        struct heartbeat heartbeat = { .stage = STAGE_TRAINER, .waits_for = "No space left on device", .retry_at = 7 };
        struct fixture *fixture = *state;
        struct envelope envelope;
        char run[UUID_TEXT_BYTES], told[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        envelope_init(&envelope, run, 1, 1, "");
        runs_note_wait(fixture->runs, &envelope, &heartbeat, INT64_MAX);
        assert_string_equal(wait_of(fixture, run, STAGE_TRAINER)->reason, "No space left on device");
        assert_int_equal(wait_of(fixture, run, STAGE_TRAINER)->retry_at, 7);
        assert_string_equal(wait_of(fixture, run, STAGE_PUSHER)->reason, "");
        assert_int_equal(runs_take_progress(fixture->runs, told), 1U << STAGE_TRAINER);
        runs_note_wait(fixture->runs, &envelope, &heartbeat, INT64_MAX);
        assert_int_equal(runs_take_progress(fixture->runs, told), 0);
        /* the heartbeat is old */
        runs_note_wait(fixture->runs, &envelope, &heartbeat, 0);
        assert_string_equal(wait_of(fixture, run, STAGE_TRAINER)->reason, "");
        /* it is about another attempt; or about whatever comes */
        envelope.attempt = 2;
        runs_note_wait(fixture->runs, &envelope, &heartbeat, INT64_MAX);
        assert_string_equal(wait_of(fixture, run, STAGE_TRAINER)->reason, "");
        envelope_init(&envelope, "", 0, 1, "");
        runs_note_wait(fixture->runs, &envelope, &heartbeat, INT64_MAX);
        assert_string_equal(wait_of(fixture, run, STAGE_TRAINER)->reason, "No space left on device");
        /* it is over */
        heartbeat.waits_for[0] = 0;
        runs_note_wait(fixture->runs, &envelope, &heartbeat, INT64_MAX);
        assert_string_equal(wait_of(fixture, run, STAGE_TRAINER)->reason, "");
        assert_int_equal(runs_take_progress(fixture->runs, told), 1U << STAGE_TRAINER);
}

static void events_tell_every_change_in_order(void **state) {
        static const char *const want[] = { "run", "stage", "stage", "stage", "run" };
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        fixture_say(fixture, run, 1, STAGE_INGESTOR);
        fixture_tell_state(fixture, run, 1, STAGE_VALIDATOR, RUN_STATE_FAILED);
        assert_int_equal(fixture->n_events, N_ELEMENTS(want));
        for (size_t i = 0; i < N_ELEMENTS(want); i++) {
                assert_string_equal(fixture->events[i].kind, want[i]);
                assert_string_equal(fixture->events[i].run, run);
                assert_int_equal(fixture->events[i].number, i + 1);
                assert_int_equal(fixture->events[i].is_last, i == N_ELEMENTS(want) - 1);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_FIXTURE(an_accepted_run_begins_at_once),
                WITH_FIXTURE(the_words_of_the_line_may_come_in_any_order),
                WITH_FIXTURE(what_is_told_twice_changes_nothing),
                WITH_FIXTURE(a_skipped_stage_is_no_hindrance),
                WITH_FIXTURE(a_failure_ends_the_run_there),
                WITH_FIXTURE(a_failure_may_be_told_first),
                WITH_FIXTURE(too_little_data_is_no_failure),
                WITH_FIXTURE(one_run_is_in_flight_and_others_wait_in_order),
                WITH_FIXTURE(a_busy_line_may_refuse),
                WITH_FIXTURE(a_key_names_one_request),
                WITH_FIXTURE(a_bad_request_is_named_and_leaves_nothing),
                WITH_FIXTURE(a_run_waits_for_the_champion_to_be_known),
                WITH_FIXTURE(a_run_that_is_not_there),
                WITH_FIXTURE(a_restart_forgets_nothing),
                WITH_FIXTURE(progress_is_shown_of_the_run_in_flight),
                WITH_FIXTURE(what_a_stage_waits_for_is_shown_while_it_is_fresh),
                WITH_FIXTURE(events_tell_every_change_in_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
