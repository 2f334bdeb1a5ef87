/* Stages: the line, its names and its endpoints. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/run_state.h"
#include "proto/stages.h"

static void each_stage_takes_what_the_one_before_gives(void **state) {
        (void)state;
        for (int i = 0; i < STAGE_N; i++)
                assert_int_equal(stage_receives(stage_next((enum stage)i)), stage_emits((enum stage)i));
        assert_int_equal(STAGE_N_WORKERS, 6);
        assert_int_equal(stage_next(STAGE_GATEWAY), STAGE_INGESTOR);
        assert_int_equal(stage_receives(STAGE_TRAINER), MESSAGE_TRANSFORMER_TO_TRAINER);
}

static void names_are_parsed_back(void **state) {
        enum message_type type;
        enum run_state run_state;
        enum stage stage;

        (void)state;
        for (int i = 0; i < STAGE_N; i++) {
                assert_true(stage_parse(stage_name((enum stage)i), &stage));
                assert_int_equal(stage, i);
        }
        for (int i = 0; i < MESSAGE_N; i++) {
                assert_true(message_parse(message_name((enum message_type)i), &type));
                assert_int_equal(type, i);
        }
        for (int i = 0; i < RUN_STATE_N; i++) {
                assert_true(run_state_parse(run_state_name((enum run_state)i), &run_state));
                assert_int_equal(run_state, i);
        }
        assert_false(stage_parse("Ingestor", &stage));
        assert_false(message_parse("", &type));
        assert_false(run_state_parse("succeeded", &run_state));
}

static void only_progress_and_heartbeat_are_lossy(void **state) {
        (void)state;
        for (int i = 0; i < MESSAGE_N; i++)
                assert_int_equal(message_is_lossy((enum message_type)i),
                                 i == MESSAGE_PROGRESS || i == MESSAGE_HEARTBEAT);
}

static void final_states(void **state) {
        (void)state;
        assert_true(run_state_is_final(RUN_STATE_SKIPPED));
        assert_true(run_state_is_final(RUN_STATE_CANCELED));
        assert_false(run_state_is_final(RUN_STATE_CANCELING));
        assert_false(run_state_is_final(RUN_STATE_PENDING));
        assert_false(run_state_is_final(RUN_STATE_RUNNING));
}

static void endpoints(void **state) {
        char endpoint[SOCKET_ENDPOINT_BYTES] = "";
        struct fault fault = FAULT_NULL;

        (void)state;
        unsetenv("CONVOY_ENDPOINT_TRAINER");
        assert_int_equal(stage_endpoint(STAGE_TRAINER, endpoint, &fault), 0);
        assert_string_equal(endpoint, "ipc://run/trainer.sock");
        assert_int_equal(stage_port(STAGE_INGESTOR), 5551);
        assert_int_equal(stage_port(STAGE_GATEWAY), 5557);

        assert_string_equal(stage_endpoint_variable(STAGE_TRAINER), "CONVOY_ENDPOINT_TRAINER");
        setenv("CONVOY_ENDPOINT_TRAINER", "tcp://trainer:5554", 1);
        assert_int_equal(stage_endpoint(STAGE_TRAINER, endpoint, &fault), 0);
        assert_string_equal(endpoint, "tcp://trainer:5554");
        assert_int_equal(stage_endpoint(STAGE_PUSHER, endpoint, &fault), 0);
        assert_string_equal(endpoint, "ipc://run/pusher.sock");

        setenv("CONVOY_ENDPOINT_TRAINER", "trainer:5554", 1);
        strcpy(endpoint, "before");
        assert_int_equal(stage_endpoint(STAGE_TRAINER, endpoint, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.column, "CONVOY_ENDPOINT_TRAINER");
        assert_string_equal(endpoint, "before");
        unsetenv("CONVOY_ENDPOINT_TRAINER");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(each_stage_takes_what_the_one_before_gives),
                cmocka_unit_test(names_are_parsed_back),
                cmocka_unit_test(only_progress_and_heartbeat_are_lossy),
                cmocka_unit_test(final_states),
                cmocka_unit_test(endpoints),
        };

        return cmocka_run_group_tests_name("stages", tests, NULL, NULL);
}
