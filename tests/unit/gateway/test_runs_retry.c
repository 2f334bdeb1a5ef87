/* Runs, cancel and retry: a run that is ended before its end, and one that gets another attempt. */

#include "tests/unit/gateway/runs_fixture.h"

#include "common/base/cleanup.h"

static void cancel_before_the_start(void **state) {
        struct fixture *fixture = *state;
        char first[UUID_TEXT_BYTES], second[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", first);
        fixture_accept(fixture, "", "", second);
        assert_int_equal(runs_cancel(fixture->runs, second), 0);
        assert_int_equal(fixture_state(fixture, second), RUN_STATE_CANCELED);
        assert_true(fixture->view.finished_at > 0);
        assert_int_equal(fixture_letters(fixture, STAGE_INGESTOR, MESSAGE_GATEWAY_TO_STAGE, NULL, NULL), 0);
        assert_int_equal(runs_cancel(fixture->runs, second), RUNS_E_STATE);
}

static void cancel_is_told_to_every_stage(void **state) {
        struct fixture *fixture = *state;
        struct gateway_to_stage message;
        char run[UUID_TEXT_BYTES], next[UUID_TEXT_BYTES];
        struct envelope envelope;

        fixture_accept(fixture, "", "", run);
        fixture_accept(fixture, "", "", next);
        fixture_say(fixture, run, 1, STAGE_INGESTOR);
        assert_int_equal(runs_cancel(fixture->runs, run), 0);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_CANCELING);
        for (int i = 0; i < N_WORKERS; i++) {
                assert_int_equal(fixture_letters(fixture, (enum stage)i, MESSAGE_GATEWAY_TO_STAGE, &envelope, &message),
                                 1);
                assert_int_equal(message.command, STAGE_COMMAND_CANCEL);
                assert_string_equal(envelope.run, run);
        }
        /* once more: nothing new is said */
        assert_int_equal(runs_cancel(fixture->runs, run), 0);
        assert_int_equal(fixture_letters(fixture, STAGE_PUSHER, MESSAGE_GATEWAY_TO_STAGE, NULL, NULL), 1);
        assert_int_equal(runs_retry(fixture->runs, run), RUNS_E_STATE);
        assert_int_equal(fixture_state(fixture, next), RUN_STATE_PENDING);
        fixture_tell_state(fixture, run, 1, STAGE_VALIDATOR, RUN_STATE_CANCELED);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_CANCELED);
        fixture_check_ends(fixture, run, "SCPPPP");
        assert_int_equal(fixture_state(fixture, next), RUN_STATE_RUNNING);
        assert_int_equal(runs_cancel(fixture->runs, run), RUNS_E_STATE);
}

static void another_end_may_be_faster_than_a_cancel(void **state) {
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        assert_int_equal(runs_cancel(fixture->runs, run), 0);
        fixture_succeed(fixture, run, 1);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_SUCCEEDED);
        fixture_accept(fixture, "", "", run);
        assert_int_equal(runs_cancel(fixture->runs, run), 0);
        fixture_tell_state(fixture, run, 1, STAGE_INGESTOR, RUN_STATE_FAILED);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_FAILED);
}

static void a_release_is_too_late_to_be_canceled(void **state) {
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        fixture_say(fixture, run, 1, WORD_RELEASE);
        assert_int_equal(runs_cancel(fixture->runs, run), RUNS_E_STATE);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
}

static void retry_keeps_the_run_and_raises_the_attempt(void **state) {
        static struct gateway_to_ingestor message;
        struct fixture *fixture = *state;
        struct envelope envelope;
        char run[UUID_TEXT_BYTES];

        fixture->has_champion = true;
        fixture->champion.version = 1;
        memset(fixture->champion.manifest, 'c', sizeof(fixture->champion.manifest) - 1);
        fixture_accept(fixture, "{\"parameters\":{\"train\":{\"seed\":9}}}", "", run);
        assert_int_equal(runs_retry(fixture->runs, run), RUNS_E_STATE);
        fixture_say(fixture, run, 1, STAGE_INGESTOR);
        fixture_tell_state(fixture, run, 1, STAGE_VALIDATOR, RUN_STATE_FAILED);
        fixture->champion.version = 2;
        assert_int_equal(runs_retry(fixture->runs, run), 0);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_PENDING);
        assert_false(fixture->view.has_failure);
        assert_int_equal(fixture->view.finished_at, 0);
        assert_int_equal(runs_begin(fixture->runs), 0);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
        assert_int_equal(fixture->view.attempt, 2);
        fixture_check_ends(fixture, run, "RPPPPP");
        assert_int_equal(fixture_letters(fixture, STAGE_INGESTOR, MESSAGE_GATEWAY_TO_INGESTOR, &envelope, &message), 2);
        assert_int_equal(envelope.attempt, 2);
        assert_int_equal(message.order.parameters.train.seed, 9);
        /* stages that are done answer with the order of the first attempt */
        assert_int_equal(message.order.champion.version, 1);
        /* what the first attempt still says is nothing */
        fixture_tell_state(fixture, run, 1, STAGE_TRANSFORMER, RUN_STATE_FAILED);
        fixture_tell_state(fixture, run, 1, STAGE_INGESTOR, RUN_STATE_CANCELED);
        fixture_say(fixture, run, 1, WORD_RELEASE);
        fixture_check_ends(fixture, run, "RPPPPP");
        assert_false(fixture->view.has_release);
        fixture_succeed(fixture, run, 2);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_SUCCEEDED);
        assert_int_equal(runs_retry(fixture->runs, run), RUNS_E_STATE);
}

static void name_champion(struct fixture *fixture, int64_t version) {
        fixture->has_champion = true;
        fixture->champion.version = version;
        memset(fixture->champion.manifest, 'c', sizeof(fixture->champion.manifest) - 1);
}

/* Stages that are done answer with the order of the first attempt, so the others must get no other. */
static void a_retry_keeps_that_there_was_no_champion(void **state) {
        static struct gateway_to_ingestor message;
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", run);
        fixture_tell_state(fixture, run, 1, STAGE_INGESTOR, RUN_STATE_FAILED);
        name_champion(fixture, 2);
        fixture_restart(fixture);
        assert_int_equal(runs_retry(fixture->runs, run), 0);
        assert_int_equal(runs_begin(fixture->runs), 0);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
        assert_int_equal(fixture_letters(fixture, STAGE_INGESTOR, MESSAGE_GATEWAY_TO_INGESTOR, NULL, &message), 2);
        assert_false(message.order.has_champion);
        fixture_lose_spool(fixture);
        assert_int_equal(fixture_letters(fixture, STAGE_INGESTOR, MESSAGE_GATEWAY_TO_INGESTOR, NULL, &message), 1);
        assert_false(message.order.has_champion);
}

static void a_run_that_never_began_looks_for_the_champion(void **state) {
        static struct gateway_to_ingestor message;
        struct fixture *fixture = *state;
        char first[UUID_TEXT_BYTES], run[UUID_TEXT_BYTES];
        struct envelope envelope;

        fixture_accept(fixture, "", "", first);
        fixture_accept(fixture, "", "", run);
        assert_int_equal(runs_cancel(fixture->runs, run), 0);
        assert_int_equal(runs_retry(fixture->runs, run), 0);
        name_champion(fixture, 2);
        fixture_tell_state(fixture, first, 1, STAGE_INGESTOR, RUN_STATE_FAILED);
        assert_int_equal(fixture_letters(fixture, STAGE_INGESTOR, MESSAGE_GATEWAY_TO_INGESTOR, &envelope, &message), 2);
        assert_string_equal(envelope.run, run);
        assert_true(message.order.has_champion);
        assert_int_equal(message.order.champion.version, 2);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_FIXTURE(cancel_before_the_start),
                WITH_FIXTURE(cancel_is_told_to_every_stage),
                WITH_FIXTURE(another_end_may_be_faster_than_a_cancel),
                WITH_FIXTURE(a_release_is_too_late_to_be_canceled),
                WITH_FIXTURE(retry_keeps_the_run_and_raises_the_attempt),
                WITH_FIXTURE(a_retry_keeps_that_there_was_no_champion),
                WITH_FIXTURE(a_run_that_never_began_looks_for_the_champion),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
