#pragma once

/*
 * Runs over a spool, a ledger and a store in a scratch folder, without sockets that anybody hears. What stages would
 * tell is put into the inbox and handled; what leaves is read from the outbox. As cmocka fixtures: fixture_setup,
 * fixture_teardown; `struct fixture *fixture = *state`.
 */

#include "common/store/registry.h"
#include "proto/gateway_to_ingestor.h"
#include "proto/gateway_to_stage.h"
#include "services/gateway/runs.h"
#include "tests/support/station.h"

#define EVENTS_MAX 64
#define N_WORKERS STAGE_N_WORKERS

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

/* One event of the line's last words about a run: a stage's end, or the release. */
enum { WORD_RELEASE = N_WORKERS, N_WORDS };

struct fixture_event {
        char run[UUID_TEXT_BYTES];
        char kind[LEDGER_EVENT_KIND_BYTES];
        int64_t number;
        bool is_last;
};

struct fixture {
        struct scratch *scratch;
        struct socket_context *sockets;
        struct spool *spool;
        struct courier *courier;
        struct ledger *ledger;
        struct store *store;
        struct schema *schema;
        struct registry registry; /* in the same store */
        struct runs *runs;
        struct pipeline pipeline;

        /* what runs ask of their owner, and tell it */
        bool is_champion_known, has_champion;
        struct champion champion;
        struct fixture_event events[EVENTS_MAX];
        size_t n_events;
        char released[UUID_TEXT_BYTES];
        int n_released;

        struct run_view view; /* of fixture_view() */
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The process ends and starts again: everything but the files is forgotten. */
void fixture_restart(struct fixture *fixture);

/* As a crash that loses the spool, too: the ledger is made anew from the store. */
void fixture_lose_spool(struct fixture *fixture);

/* POST /training with this body and key; the run's id. */
void fixture_accept(struct fixture *fixture, const char *body, const char *key, char ret_run[UUID_TEXT_BYTES]);

/* A notice of a stage about an attempt, handled at once. */
void fixture_tell(struct fixture *fixture, const char *run, int64_t attempt, const struct stage_to_gateway *end);

/* The same: the stage ended so. */
void fixture_tell_state(struct fixture *fixture, const char *run, int64_t attempt, enum stage stage,
                        enum run_state state);
void fixture_tell_release(struct fixture *fixture, const char *run, int64_t attempt,
                          const struct pusher_to_gateway *release);
struct pusher_to_gateway fixture_release(int64_t version);

/* One of the line's last words; and all of them, after which the next run may begin. */
void fixture_say(struct fixture *fixture, const char *run, int64_t attempt, int word);
void fixture_succeed(struct fixture *fixture, const char *run, int64_t attempt);

/* want: a letter for the state of each worker's stage, K for skipped and G for canceling, else the state's first. */
void fixture_check_ends(struct fixture *fixture, const char *run, const char *want);

/* Handles what lies in the inbox, and begins the next run when it may. */
void fixture_handle_inbox(struct fixture *fixture);

/* A frame from the wire, handled at once, whatever it holds. */
void fixture_deliver(struct fixture *fixture, const char *run, const struct buffer *frame);

/* The run as GET shows it, in fixture->view. */
const struct run_view *fixture_view(struct fixture *fixture, const char *run);
enum run_state fixture_state(struct fixture *fixture, const char *run);

/* Letters of the outbox to a stage, of a type; the last one is unpacked into ret_message (may be NULL). */
int fixture_letters(struct fixture *fixture, enum stage stage, enum message_type type, struct envelope *ret_envelope,
                    void *ret_message);
