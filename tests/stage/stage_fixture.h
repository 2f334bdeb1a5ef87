#pragma once

/*
 * A stage's binary between two neighbours of the test
 *
 * One folder holds the home of the daemon, a pipeline.yaml and the spools of the neighbours: `gateway`, which also
 * sends the stage its messages, and `next`. As cmocka fixtures: fixture_setup and fixture_teardown, which kills what
 * still runs.
 */

#include <signal.h>
#include <sys/types.h>

#include "proto/heartbeat.h"
#include "proto/progress.h"
#include "proto/stage_to_gateway.h"
#include "tests/support/station.h"

#define FIXTURE_VARIABLES_MAX 8

struct fixture {
        struct scratch *scratch;
        const char *binary;
        enum stage stage;
        struct station gateway, next;
        char endpoint[SOCKET_ENDPOINT_BYTES]; /* the stage's */
        char home[600], log[600];
        const char *variables[FIXTURE_VARIABLES_MAX][2]; /* more environment for the next start */
        size_t n_variables;
        pid_t pid;

        /* what the gateway heard last */
        struct heartbeat heartbeat;
        char beats_about[UUID_TEXT_BYTES]; /* the run of the heartbeat */
        struct progress progress;
        struct envelope about; /* of the progress */
        int n_heartbeats, n_progress;
};

/* The binary is named by an environment variable, FAKE_STAGE; the stage it stands for is the validator. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The same for the binary that the environment variable names. */
int fixture_setup_stage(void **state, enum stage stage, const char *variable);

/* Replaces the environment of later starts by name, value pairs that end in NULL. Borrowed. */
void fixture_environment(struct fixture *fixture, ...);

void fixture_start(struct fixture *fixture);

/* Starts the binary with these arguments, which end in NULL, and both its outputs there. */
pid_t fixture_spawn(const struct fixture *fixture, char *arguments[], int output);

/* Sends the signal and waits for the end; the wait status. */
int fixture_end(struct fixture *fixture, int signal);

/* Waits for the daemon to end by itself. */
int fixture_await_end(struct fixture *fixture);

/* Turns the neighbours until the condition holds; a wait in vain shows what the stage has logged. */
#define FIXTURE_AWAIT(fixture, condition) \
        STATION_AWAIT_OR(&(fixture)->gateway, &(fixture)->next, condition, fixture_show_log(fixture))

/* Commits a message to the gateway's outbox, and sends it. */
void fixture_post(struct fixture *fixture, enum message_type type, const char *run, int64_t attempt,
                  const void *message);
void fixture_post_bytes(struct fixture *fixture, const char *key, const void *bytes, size_t n_bytes);
void fixture_cancel(struct fixture *fixture, const char *run, int64_t attempt);

/* The index-th message of a station's inbox as a struct, from 0; fails when it is of another type. */
void fixture_read(struct station *station, int64_t index, enum message_type type, struct envelope *ret_envelope,
                  void *ret_message);

/* Turns until the gateway holds this many notices, and reads the last. */
void fixture_await_notice(struct fixture *fixture, int64_t n_notices, struct envelope *ret_envelope,
                          struct stage_to_gateway *ret_notice);

/* The same; that is about the end of the stage's part in the run, which has come to this state. */
void fixture_await_state(struct fixture *fixture, const char *run, int64_t n_notices, enum run_state want_state,
                         struct envelope *ret_envelope, struct stage_to_gateway *ret_notice);

/* Bytes of the file in the home, 0 when there is none. */
int64_t fixture_n_bytes(const struct fixture *fixture, const char *name);
void fixture_touch(const struct fixture *fixture, const char *name);

/* A name that leads nowhere, as the place of a disk that is away. */
void fixture_dangle(const struct fixture *fixture, const char *name);
void fixture_path(const struct fixture *fixture, const char *name, char ret_path[700]);

/* In the spool of the stage: the first number that a query gives when it does not run; a change, also behind its back.
 */
int64_t fixture_query_spool(const struct fixture *fixture, const char *sql);
void fixture_change_spool(const struct fixture *fixture, const char *sql);

/* Whether the log of all starts so far holds the text. */
bool fixture_log_has(const struct fixture *fixture, const char *text);
void fixture_show_log(const struct fixture *fixture);
