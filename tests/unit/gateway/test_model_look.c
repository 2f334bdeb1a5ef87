/* Model look: what becomes of rollbacks that were made while the registry was away. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "services/gateway/model_look.h"
#include "tests/support/hooked_store.h"
#include "tests/unit/store/registry_support.h"

struct fixture {
        struct scratch *scratch;
        struct store *store;
        struct hooked_store hooked;
        struct registry registry; /* through the hooks */
        struct registry other;    /* of somebody else */
        struct serving *serving;
        struct model_look *look;
        int answer; /* of the next swap of the aliases, once it has been made; 0: as it is */
};

static int lose_answer(struct hooked_store *store, const char *name, bool writes) {
        struct fixture *fixture = store->context;
        int r = fixture->answer;

        if (!writes || strcmp(name, "toy/aliases.json"))
                return 0;
        fixture->answer = 0;
        return r;
}

static int refuse(struct hooked_store *store _unused_, const char *name _unused_, bool writes _unused_) {
        return -ECONNREFUSED;
}

/* Versions 1 to 3 have been champion in that order. */
static int setup(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        struct alias_move move;
        char folder[1100], run[16];
        void *scratch;

        if (!fixture || scratch_setup(&scratch))
                return -1;
        fixture->scratch = scratch;
        snprintf(folder, sizeof(folder), "%s", scratch_path(scratch, "registry"));
        fixture->store = toy_store(folder);
        fixture->hooked = (struct hooked_store)HOOKED_STORE_OVER(fixture->store);
        fixture->hooked.context = fixture;
        fixture->hooked.after = lose_answer;
        assert_int_equal(registry_init(&fixture->registry, &fixture->hooked.super, "toy"), 0);
        assert_int_equal(registry_init(&fixture->other, fixture->store, "toy"), 0);
        snprintf(folder, sizeof(folder), "%s", scratch_path(scratch, "serving"));
        assert_int_equal(serving_create(folder, "toy", "file://registry", &fixture->serving), 0);
        for (int64_t version = 1; version <= 3; version++) {
                snprintf(run, sizeof(run), "run-%d", (int)version);
                assert_int_equal(toy_push(&fixture->other, run, version - 1, &move), 0);
        }
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;
        void *scratch = fixture->scratch;

        if (fixture->look)
                model_look_destroy(fixture->look);
        serving_destroy(fixture->serving);
        store_close(fixture->store);
        free(fixture);
        return scratch_teardown(&scratch);
}

/* Looks with these rollbacks pending (from 0 ends them); nothing has to be loaded. */
static const struct model_look *look(struct fixture *fixture, const struct serving_rollback *pending) {
        struct model_look *look = calloc(1, sizeof(*look));

        assert_non_null(look);
        if (fixture->look)
                model_look_destroy(fixture->look);
        fixture->look = look;
        look->registry = &fixture->registry;
        look->serving = fixture->serving;
        look->patience_ms = 60000;
        for (; pending && pending->from; pending++)
                look->pending[look->n_pending++] = *pending;
        for (int64_t version = 1; version <= 4; version++)
                look->ready[look->n_ready++].version = version;
        model_look_run(&look->errand);
        return look;
}

static const struct serving_rollback two[] = {
        { .id = "a", .from = 3, .to = 2, .after = 3, .actor = "http", .reason = "first", .at_ms = 1767323045678 },
        { .id = "b", .from = 2, .to = 1, .after = 3, .actor = "http", .reason = "second", .at_ms = 1767323045679 },
        { .from = ALIASES_NONE },
};

static void must_be_recorded_once(struct fixture *fixture, int64_t n_moves) {
        struct aliases aliases;
        struct alias_move move;

        assert_int_equal(registry_read_aliases(&fixture->other, &aliases), 0);
        assert_int_equal(aliases.sequence, n_moves);
        for (int64_t i = 0; i < 2; i++) {
                assert_int_equal(registry_read_move(&fixture->other, 4 + i, &move), 0);
                assert_int_equal(move.action, ALIAS_ACTION_ROLLBACK);
                assert_string_equal(move.id, two[i].id);
                assert_string_equal(move.actor, "http");
                assert_string_equal(move.reason, two[i].reason);
                assert_int_equal(move.at_ms, two[i].at_ms);
                assert_int_equal(move.version, two[i].to);
        }
}

static void test_they_are_recorded_in_their_order(void **state) {
        struct fixture *fixture = *state;
        const struct model_look *seen = look(fixture, two);

        assert_int_equal(seen->result, 0);
        assert_int_equal(seen->outcomes[0], MODEL_LOOK_RECORDED);
        assert_int_equal(seen->outcomes[1], MODEL_LOOK_RECORDED);
        assert_int_equal(aliases_find(&seen->aliases, ALIASES_CHAMPION), 1);
        must_be_recorded_once(fixture, 5);
        /* the history is whole once somebody has looked */
        assert_int_equal(store_remove(fixture->store, "toy/history/5.json"), 0);
}

/* Each swap in turn is made, and its answer lost. */
static void test_an_answer_that_was_lost_records_nothing_twice(void **state) {
        struct fixture *fixture = *state;
        const struct model_look *seen;

        fixture->answer = -ETIMEDOUT;
        seen = look(fixture, two);
        assert_int_equal(seen->outcomes[0], MODEL_LOOK_PENDING);
        assert_int_equal(seen->outcomes[1], MODEL_LOOK_PENDING);
        fixture->answer = -ECONNRESET;
        seen = look(fixture, two);
        assert_int_equal(seen->outcomes[0], MODEL_LOOK_RECORDED);
        assert_int_equal(seen->outcomes[1], MODEL_LOOK_PENDING);
        seen = look(fixture, two + 1);
        assert_int_equal(seen->outcomes[0], MODEL_LOOK_RECORDED);
        must_be_recorded_once(fixture, 5);
        /* a gateway that died before it noted that they are recorded asks once more, and others have moved on */
        assert_int_equal(registry_set_alias(&fixture->other, &by_ann, ALIASES_CHAMPION, 3, 1, NULL), 0);
        seen = look(fixture, two);
        assert_int_equal(seen->outcomes[0], MODEL_LOOK_RECORDED);
        assert_int_equal(seen->outcomes[1], MODEL_LOOK_RECORDED);
        assert_int_equal(aliases_find(&seen->aliases, ALIASES_CHAMPION), 3);
        must_be_recorded_once(fixture, 6);
}

static void test_what_the_registry_overtook_is_dropped(void **state) {
        struct fixture *fixture = *state;
        const struct model_look *seen;

        assert_int_equal(registry_set_alias(&fixture->other, &by_ann, ALIASES_CHAMPION, 1, 3, NULL), 0);
        seen = look(fixture, two);
        assert_int_equal(seen->result, 0);
        assert_int_equal(seen->outcomes[0], MODEL_LOOK_DROPPED);
        assert_int_equal(seen->outcomes[1], MODEL_LOOK_DROPPED);
        assert_string_equal(seen->sentences[0], "version 1 is the champion in the registry, no longer version 3");
        assert_string_equal(seen->sentences[1], "version 1 is the champion in the registry, no longer version 2");
        assert_int_equal(seen->aliases.sequence, 4);
}

static void test_a_target_that_is_gone_is_dropped(void **state) {
        struct fixture *fixture = *state;
        const struct model_look *seen;

        look(fixture, NULL);
        assert_int_equal(store_remove(fixture->store, "toy/versions/2/manifest.json"), 0);
        seen = look(fixture, two);
        assert_int_equal(seen->outcomes[0], MODEL_LOOK_DROPPED);
        assert_string_equal(seen->sentences[0], "the registry has no sound version 2");
        assert_int_equal(aliases_find(&seen->aliases, ALIASES_CHAMPION), 3);
}

static void test_a_registry_that_is_away_settles_nothing(void **state) {
        struct fixture *fixture = *state;
        const struct model_look *seen;

        fixture->hooked.before = refuse;
        seen = look(fixture, two);
        assert_int_equal(seen->result, -ECONNREFUSED);
        assert_int_equal(seen->outcomes[0], MODEL_LOOK_PENDING);
        assert_int_equal(seen->outcomes[1], MODEL_LOOK_PENDING);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_they_are_recorded_in_their_order),
                TEST(test_an_answer_that_was_lost_records_nothing_twice),
                TEST(test_what_the_registry_overtook_is_dropped),
                TEST(test_a_target_that_is_gone_is_dropped),
                TEST(test_a_registry_that_is_away_settles_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
