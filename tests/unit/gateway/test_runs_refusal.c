/* Runs, refusals: a message that cannot be read fails its run, and no other. */

#include "tests/unit/gateway/runs_fixture.h"

#include "common/base/cleanup.h"

static const struct fault broken = { .code = "FIELD_TYPE", .column = "counts", .message = "is no list", .row = -1 };

/* What the courier's hook does when a message about a run is refused. */
static void refuse(struct fixture *fixture, const char *key, const struct envelope *envelope) {
        assert_int_equal(spool_begin(fixture->spool), 0);
        assert_int_equal(runs_refuse(fixture->runs, key, envelope, &broken), 0);
        assert_int_equal(spool_commit(fixture->spool), 0);
}

/* The run would wait for ever for what was in it. */
static void a_refused_message_fails_its_run(void **state) {
        static const struct {
                int n_said; /* words that came before */
                enum message_type type;
                int64_t version; /* 0: the envelope could not be read */
                enum stage want_stage;
                const char *want_ends, *want_message;
        } rows[] = {
                { 1, MESSAGE_STAGE_TO_GATEWAY, 1, STAGE_VALIDATOR, "SFPPPP",
                  "stage_to_gateway: FIELD_TYPE: is no list" },
                { 0, MESSAGE_STAGE_TO_GATEWAY, 0, STAGE_INGESTOR, "FPPPPP", "a message about this run: FIELD_TYPE" },
                { 5, MESSAGE_PUSHER_TO_GATEWAY, 1, STAGE_PUSHER, "SSSSSF", "pusher_to_gateway: FIELD_TYPE" },
                { 6, MESSAGE_PUSHER_TO_GATEWAY, 1, STAGE_PUSHER, "SSSSSS", "pusher_to_gateway: FIELD_TYPE" },
        };
        struct fixture *fixture = *state;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                char run[UUID_TEXT_BYTES], next[UUID_TEXT_BYTES];
                struct envelope envelope = ENVELOPE_NULL;
                const struct run_error *error = &fixture->view.failure.error;

                fixture_accept(fixture, "", "", run);
                fixture_accept(fixture, "", "", next);
                for (int word = 0; word < rows[i].n_said; word++)
                        fixture_say(fixture, run, 1, word);
                envelope_init(&envelope, run, 1, 1, "");
                envelope.type = rows[i].type;
                envelope.version = rows[i].version;
                fixture->n_events = 0;
                refuse(fixture, run, rows[i].version ? &envelope : &(struct envelope)ENVELOPE_NULL);
                /* durable, though nobody has handled it yet */
                fixture_restart(fixture);
                assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
                fixture_handle_inbox(fixture);
                assert_int_equal(fixture_state(fixture, run), RUN_STATE_FAILED);
                fixture_check_ends(fixture, run, rows[i].want_ends);
                assert_int_equal(fixture->view.failure.stage, rows[i].want_stage);
                assert_string_equal(error->code, "MESSAGE_REJECTED");
                assert_string_equal(error->column, "counts");
                assert_non_null(strstr(error->message, rows[i].want_message));
                assert_true(fixture->view.finished_at > 0);
                /* those that watch the run hear it, and stages that may be at work on it are to stop */
                assert_true(fixture->n_events >= 2);
                assert_string_equal(fixture->events[fixture->n_events - 2].run, run);
                assert_true(fixture->events[fixture->n_events - 2].is_last);
                for (int stage = 0; stage < N_WORKERS; stage++) {
                        assert_true(fixture_letters(fixture, (enum stage)stage, MESSAGE_GATEWAY_TO_STAGE, &envelope,
                                                    NULL) > 0);
                        assert_string_equal(envelope.run, run);
                }
                assert_int_equal(fixture_state(fixture, next), RUN_STATE_RUNNING);
                assert_int_equal(runs_retry(fixture->runs, run), 0);
                fixture_tell_state(fixture, next, 1, STAGE_INGESTOR, RUN_STATE_FAILED);
                assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
                fixture_succeed(fixture, run, 2);
        }
}

static void a_refused_message_of_no_consequence(void **state) {
        static const struct {
                enum message_type type;
                int64_t attempt;
        } rows[] = {
                { MESSAGE_STAGE_TO_GATEWAY, 1 },         /* of an earlier attempt */
                { MESSAGE_STAGE_TO_GATEWAY, 3 },         /* of one that never was */
                { MESSAGE_VALIDATOR_TO_TRANSFORMER, 2 }, /* not for the gateway */
                { MESSAGE_HEARTBEAT, 2 },
        };
        struct fixture *fixture = *state;
        struct envelope envelope = ENVELOPE_NULL;
        char run[UUID_TEXT_BYTES], waiting[UUID_TEXT_BYTES];
        int64_t n_rows;

        fixture_accept(fixture, "", "", run);
        fixture_tell_state(fixture, run, 1, STAGE_INGESTOR, RUN_STATE_FAILED);
        assert_int_equal(runs_retry(fixture->runs, run), 0);
        assert_int_equal(runs_begin(fixture->runs), 0);
        fixture_accept(fixture, "", "", waiting);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                envelope_init(&envelope, run, rows[i].attempt, 1, "");
                envelope.version = 1;
                envelope.type = rows[i].type;
                refuse(fixture, run, &envelope);
        }
        envelope = (struct envelope)ENVELOPE_NULL;
        refuse(fixture, waiting, &envelope);
        refuse(fixture, "01890a5d-ac96-774b-bcce-b302099a8057", &envelope);
        refuse(fixture, "", &envelope);
        assert_int_equal(spool_inbox_count(fixture->spool, &n_rows), 0);
        assert_int_equal(n_rows, 0);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
        assert_int_equal(fixture_state(fixture, waiting), RUN_STATE_PENDING);
}

/* The gateway's program was changed while messages lay in its inbox. */
static void a_row_of_another_build_fails_its_run(void **state) {
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES], next[UUID_TEXT_BYTES];
        int64_t n_dead;

        fixture_accept(fixture, "", "", run);
        fixture_accept(fixture, "", "", next);
        assert_int_equal(buffer_append(&frame, "\xc0", 1), 0);
        fixture_deliver(fixture, run, &frame);
        assert_int_equal(spool_dead_count(fixture->spool, &n_dead), 0);
        assert_int_equal(n_dead, 1);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_FAILED);
        assert_string_equal(fixture->view.failure.error.code, "MESSAGE_REJECTED");
        assert_int_equal(fixture_state(fixture, next), RUN_STATE_RUNNING);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_FIXTURE(a_refused_message_fails_its_run),
                WITH_FIXTURE(a_refused_message_of_no_consequence),
                WITH_FIXTURE(a_row_of_another_build_fails_its_run),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
