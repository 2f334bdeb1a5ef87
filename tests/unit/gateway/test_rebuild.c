/* Rebuild: the ledger made from the store is the one that was lost. */

#include "tests/unit/gateway/runs_fixture.h"

#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/db.h"
#include "proto/stage_manifest.h"
#include "tests/unit/store/registry_support.h"

enum { VIEWS_MAX = 16 };

/* What a stage leaves in the store before it tells its end. output NULL: none. */
static void leave_manifest(struct fixture *fixture, const char *run, int64_t attempt, enum stage stage,
                           enum run_state state, const void *output) {
        static struct stage_manifest manifest;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char name[MANIFEST_NAME_BYTES];

        memset(&manifest, 0, sizeof(manifest));
        snprintf(manifest.run, sizeof(manifest.run), "%s", run);
        manifest.attempt = attempt;
        memset(manifest.build, 'd', DIGEST_SHA256_BYTES - 1);
        manifest.end = (struct stage_to_gateway){ .stage = stage,
                                                  .state = state,
                                                  .started_at = 1767323045000 + stage * 1000,
                                                  .finished_at = 1767323045500 + stage * 1000,
                                                  .booster_ms = stage == STAGE_TRAINER ? 250 : 0,
                                                  .n_counts = 1,
                                                  .counts = { { "n_rows", 40 + stage } } };
        if (state == RUN_STATE_FAILED) {
                manifest.end.has_error = true;
                manifest.end.error = (struct run_error){ .code = "TOYS_BROKEN",
                                                         .message = "the toys are broken",
                                                         .row = -1 };
        }
        assert_int_equal(stage_manifest_write(&manifest, NULL, output, &text), 0);
        stage_manifest_name(run, stage, name);
        assert_int_equal(store_put(fixture->store, name, text.data, text.n_bytes), 0);
}

static void end_stage(struct fixture *fixture, const char *run, int64_t attempt, enum stage stage,
                      enum run_state state) {
        leave_manifest(fixture, run, attempt, stage, state, NULL);
        fixture_tell_state(fixture, run, attempt, stage, state);
}

static void succeed(struct fixture *fixture, const char *run, int64_t attempt, int64_t version) {
        struct pusher_to_gateway release = fixture_release(version);

        for (int i = 0; i < STAGE_N_WORKERS; i++)
                end_stage(fixture, run, attempt, (enum stage)i, RUN_STATE_SUCCEEDED);
        fixture_tell_release(fixture, run, attempt, &release);
        assert_int_equal(runs_finish(fixture->runs, run), 0);
        assert_int_equal(runs_begin(fixture->runs), 0);
}

struct listing {
        struct fixture *fixture;
        struct buffer text;
};

static int put_one(void *context, int64_t number _unused_, const char *run) {
        struct listing *listing = context;
        struct json_builder json = json_begin(&listing->text, JSON_PRETTY);

        run_view_put_json(fixture_view(listing->fixture, run), &json);
        return json_end(&json);
}

/* GET /runs as text. */
static struct buffer list(struct fixture *fixture) {
        struct listing listing = { .fixture = fixture };

        assert_int_equal(ledger_list(fixture->ledger, 0, VIEWS_MAX, put_one, &listing), 0);
        return listing.text;
}

static void ended_runs_are_the_same(void **state) {
        _cleanup_(buffer_finish) struct buffer before = BUFFER_NULL, after = BUFFER_NULL;
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES], again[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        succeed(fixture, run, 1, 1);
        fixture_accept(fixture, "", "key", run);
        end_stage(fixture, run, 1, STAGE_INGESTOR, RUN_STATE_SUCCEEDED);
        end_stage(fixture, run, 1, STAGE_VALIDATOR, RUN_STATE_FAILED);
        fixture_accept(fixture, "", "", again);
        assert_int_equal(runs_cancel(fixture->runs, again), 0);
        end_stage(fixture, again, 1, STAGE_INGESTOR, RUN_STATE_CANCELED);
        fixture_accept(fixture, "", "", again);
        fixture_accept(fixture, "", "", run);
        assert_int_equal(runs_cancel(fixture->runs, run), 0); /* while it waits */
        succeed(fixture, again, 1, 2);
        before = list(fixture);
        fixture_lose_spool(fixture);
        after = list(fixture);
        assert_string_equal(buffer_text(&before), buffer_text(&after));
        assert_non_null(strstr(buffer_text(&after), "TOYS_BROKEN"));
        assert_non_null(strstr(buffer_text(&after), "\"booster_ms\": 250"));
        assert_non_null(strstr(buffer_text(&after), "\"n_rows\": 41"));
}

/* What a later attempt did not reach, an earlier one's failure says nothing about. */
static void the_last_attempt_counts(void **state) {
        _cleanup_(buffer_finish) struct buffer before = BUFFER_NULL, after = BUFFER_NULL;
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        end_stage(fixture, run, 1, STAGE_INGESTOR, RUN_STATE_SUCCEEDED);
        end_stage(fixture, run, 1, STAGE_VALIDATOR, RUN_STATE_SUCCEEDED);
        end_stage(fixture, run, 1, STAGE_TRANSFORMER, RUN_STATE_FAILED);
        assert_int_equal(runs_retry(fixture->runs, run), 0);
        assert_int_equal(runs_begin(fixture->runs), 0);
        /* the ingestor answers again without leaving its manifest again */
        fixture_tell_state(fixture, run, 2, STAGE_INGESTOR, RUN_STATE_SUCCEEDED);
        assert_int_equal(runs_cancel(fixture->runs, run), 0);
        end_stage(fixture, run, 2, STAGE_VALIDATOR, RUN_STATE_CANCELED);
        before = list(fixture);
        fixture_lose_spool(fixture);
        after = list(fixture);
        assert_string_equal(buffer_text(&before), buffer_text(&after));
}

static void keys_are_remembered(void **state) {
        struct fixture *fixture = *state;
        struct fault fault = FAULT_NULL;
        char run[UUID_TEXT_BYTES], again[UUID_TEXT_BYTES];
        int condition;

        fixture_accept(fixture, "{}", "key", run);
        succeed(fixture, run, 1, 1);
        fixture_lose_spool(fixture);
        fixture_accept(fixture, "{}", "key", again);
        assert_string_equal(run, again);
        assert_int_equal(runs_accept(fixture->runs, "", 0, "key", "", again, &condition, &fault), 0);
        assert_int_equal(condition, RUNS_E_KEY);
}

static void a_run_in_flight_goes_on_as_a_new_attempt(void **state) {
        struct fixture *fixture = *state;
        struct envelope envelope;
        char run[UUID_TEXT_BYTES], next[UUID_TEXT_BYTES];

        fixture_accept(fixture, "{\"parameters\":{\"train\":{\"seed\":4}}}", "", run);
        fixture_accept(fixture, "", "", next);
        end_stage(fixture, run, 1, STAGE_INGESTOR, RUN_STATE_SUCCEEDED);
        fixture_lose_spool(fixture);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
        assert_int_equal(fixture->view.attempt, 2);
        assert_int_equal(fixture_state(fixture, next), RUN_STATE_PENDING);
        assert_int_equal(fixture->view.attempt, 1);
        assert_int_equal(fixture_letters(fixture, STAGE_INGESTOR, MESSAGE_GATEWAY_TO_INGESTOR, &envelope, NULL), 1);
        assert_string_equal(envelope.run, run);
        assert_int_equal(envelope.attempt, 2);
        /* a word of the attempt before is late */
        fixture_tell_state(fixture, run, 1, STAGE_VALIDATOR, RUN_STATE_FAILED);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
        succeed(fixture, run, 2, 1);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_SUCCEEDED);
        assert_int_equal(fixture_state(fixture, next), RUN_STATE_RUNNING);
}

static void a_run_that_was_being_canceled_is_canceled(void **state) {
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        assert_int_equal(runs_cancel(fixture->runs, run), 0);
        fixture_lose_spool(fixture);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_CANCELED);
        assert_true(fixture->view.finished_at > 0);
}

/* The alias has moved: there is nothing left to cancel, and nothing left to do. */
static void a_run_whose_pusher_was_done_has_succeeded(void **state) {
        static const enum run_state states[] = { RUN_STATE_RUNNING, RUN_STATE_CANCELING };
        struct fixture *fixture = *state;
        struct pusher_to_gateway release = fixture_release(5);

        for (size_t i = 0; i < N_ELEMENTS(states); i++) {
                char run[UUID_TEXT_BYTES];

                fixture_accept(fixture, "", "", run);
                for (int stage = 0; stage < STAGE_PUSHER; stage++)
                        end_stage(fixture, run, 1, (enum stage)stage, RUN_STATE_SUCCEEDED);
                if (states[i] == RUN_STATE_CANCELING)
                        assert_int_equal(runs_cancel(fixture->runs, run), 0);
                leave_manifest(fixture, run, 1, STAGE_PUSHER, RUN_STATE_SUCCEEDED, &release);
                assert_int_equal(fixture_state(fixture, run), states[i]);
                fixture_lose_spool(fixture);
                assert_int_equal(fixture_state(fixture, run), RUN_STATE_SUCCEEDED);
                assert_true(fixture->view.has_release);
                assert_int_equal(fixture->view.release.version, 5);
                assert_true(fixture->view.release.promoted);
                assert_int_equal(fixture->view.attempt, 1);
                assert_int_equal(fixture->view.finished_at, 1767323045500 + STAGE_PUSHER * 1000);
                for (int stage = 0; stage < STAGE_N_WORKERS; stage++)
                        assert_int_equal(fixture->view.stages[stage].state, RUN_STATE_SUCCEEDED);
                assert_int_equal(runs_cancel(fixture->runs, run), RUNS_E_STATE);
                /* what the pusher still tells changes nothing */
                fixture_tell_release(fixture, run, 1, &release);
                fixture_tell_state(fixture, run, 1, STAGE_PUSHER, RUN_STATE_CANCELED);
                assert_int_equal(fixture_state(fixture, run), RUN_STATE_SUCCEEDED);
        }
}

/* The pusher that made the version died before it moved the alias: asked again, it does. */
static void a_canceled_run_whose_release_is_out_goes_on(void **state) {
        struct fixture *fixture = *state;
        struct registry_claim claim;
        char run[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        assert_int_equal(runs_cancel(fixture->runs, run), 0);
        assert_int_equal(registry_claim(&fixture->registry, run, &claim), 0);
        assert_int_equal(toy_publish(&fixture->registry, &claim), 0);
        fixture_lose_spool(fixture);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
        assert_int_equal(fixture->view.attempt, 2);
        succeed(fixture, run, 2, 1);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_SUCCEEDED);
}

/* A pusher that failed has published nothing. */
static void a_canceled_run_whose_pusher_failed_is_canceled(void **state) {
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        assert_int_equal(runs_cancel(fixture->runs, run), 0);
        leave_manifest(fixture, run, 1, STAGE_PUSHER, RUN_STATE_FAILED, NULL);
        fixture_lose_spool(fixture);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_CANCELED);
        assert_false(fixture->view.has_release);
}

static void break_ledger(struct fixture *fixture, bool is_broken) {
        assert_int_equal(db_exec(spool_db(fixture->spool), is_broken ? "CREATE TRIGGER refuse BEFORE INSERT ON event "
                                                                       "BEGIN SELECT RAISE(ABORT, 'never'); END"
                                                                     : "DROP TRIGGER refuse"),
                         0);
}

/* Whoever was told that it failed must not find it done later. */
static void a_change_that_failed_does_not_come_back(void **state) {
        struct fixture *fixture = *state;
        int64_t counts[RUN_STATE_N];
        char run[UUID_TEXT_BYTES], other[UUID_TEXT_BYTES];
        struct fault fault = FAULT_NULL;
        int condition;

        fixture_accept(fixture, "", "", run);
        fixture_tell_state(fixture, run, 1, STAGE_INGESTOR, RUN_STATE_FAILED);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_FAILED);

        break_ledger(fixture, true);
        assert_true(runs_accept(fixture->runs, "", 0, "", "", other, &condition, &fault) < 0);
        assert_true(runs_retry(fixture->runs, run) < 0);
        break_ledger(fixture, false);

        assert_int_equal(fixture_state(fixture, run), RUN_STATE_FAILED);
        fixture_lose_spool(fixture);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_FAILED);
        assert_int_equal(fixture_view(fixture, run)->attempt, 1);
        assert_int_equal(ledger_count_states(fixture->ledger, counts), 0);
        for (int i = 0; i < RUN_STATE_N; i++)
                assert_int_equal(counts[i], i == RUN_STATE_FAILED);
}

static void an_unreadable_manifest_is_passed_over(void **state) {
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        assert_int_equal(store_put(fixture->store, "runs/01890a5d-ac96-774b-bcce-b302099a8057/run.json", "{", 1), 0);
        assert_int_equal(store_put(fixture->store, "runs/readme.txt", "x", 1), 0);
        fixture_accept(fixture, "", "", run);
        succeed(fixture, run, 1, 1);
        fixture_lose_spool(fixture);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_SUCCEEDED);
        assert_int_equal(runs_view(fixture->runs, "01890a5d-ac96-774b-bcce-b302099a8057", &fixture->view), RUNS_E_NONE);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_FIXTURE(ended_runs_are_the_same),
                WITH_FIXTURE(the_last_attempt_counts),
                WITH_FIXTURE(keys_are_remembered),
                WITH_FIXTURE(a_run_in_flight_goes_on_as_a_new_attempt),
                WITH_FIXTURE(a_run_that_was_being_canceled_is_canceled),
                WITH_FIXTURE(a_run_whose_pusher_was_done_has_succeeded),
                WITH_FIXTURE(a_canceled_run_whose_release_is_out_goes_on),
                WITH_FIXTURE(a_canceled_run_whose_pusher_failed_is_canceled),
                WITH_FIXTURE(a_change_that_failed_does_not_come_back),
                WITH_FIXTURE(an_unreadable_manifest_is_passed_over),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
