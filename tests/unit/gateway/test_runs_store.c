/* Runs: what they ask of the store. The schema that a run is to be read by is there when the run begins, whatever
 * happened to it before; and a store that does not answer has a deadline, since others wait for the same thread. */

#include "tests/unit/gateway/runs_fixture.h"

#include "common/base/clock.h"

static void check_schema_is_stored(struct fixture *fixture) {
        char path[STORE_PATH_BYTES];

        assert_int_equal(store_fetch_blob(fixture->store, fixture->schema->digest, path), 0);
}

static void remove_schema(struct fixture *fixture) {
        char name[STORE_NAME_BYTES];

        store_blob_name(fixture->schema->digest, name);
        assert_int_equal(store_remove(fixture->store, name), 0);
}

static void an_accepted_run_brings_its_schema(void **state) {
        struct fixture *fixture = *state;
        char first[UUID_TEXT_BYTES], second[UUID_TEXT_BYTES];

        fixture_accept(fixture, "", "", first);
        check_schema_is_stored(fixture);
        remove_schema(fixture);
        fixture_accept(fixture, "", "", second);
        check_schema_is_stored(fixture);
}

static void a_waiting_run_brings_it_when_it_begins(void **state) {
        struct fixture *fixture = *state;
        char run[UUID_TEXT_BYTES];

        fixture->is_champion_known = false;
        fixture_accept(fixture, "", "", run);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_PENDING);
        remove_schema(fixture);
        fixture->is_champion_known = true;
        assert_int_equal(runs_begin(fixture->runs), 0);
        assert_int_equal(fixture_state(fixture, run), RUN_STATE_RUNNING);
        check_schema_is_stored(fixture);
}

static int64_t deadline_ms; /* as the store was told last */

static void note_deadline(struct store *store _unused_, int64_t monotonic_ms) {
        deadline_ms = monotonic_ms;
}

static void the_store_has_a_deadline(void **state) {
        struct fixture *fixture = *state;
        const struct store_kind *kind = fixture->store->kind;
        struct store_kind timed = *kind;
        int64_t before = clock_monotonic_ms();
        char run[UUID_TEXT_BYTES];

        timed.set_deadline = note_deadline;
        fixture->store->kind = &timed;
        fixture_accept(fixture, "", "", run);
        fixture->store->kind = kind;
        assert_true(deadline_ms > before && deadline_ms < clock_monotonic_ms() + 10000);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                WITH_FIXTURE(an_accepted_run_brings_its_schema),
                WITH_FIXTURE(a_waiting_run_brings_it_when_it_begins),
                WITH_FIXTURE(the_store_has_a_deadline),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
