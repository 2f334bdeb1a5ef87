/* Registry, moves: aliases only move forward, each move is recorded, and costs few requests. */

#include "tests/unit/store/registry_fixture.h"

#include <errno.h>

#include "common/base/file.h"
#include "tests/support/hooked_store.h"

static void test_releases_follow_each_other(void **state) {
        struct registry *registry = registry_of(state);
        struct alias_move move;

        must_push(registry, "run-a");
        must_be(registry, 1, 0, 0, false);
        must_push(registry, "run-b");
        must_be(registry, 2, 0, 1, false);
        /* compared with 1, which is champion no more */
        assert_int_equal(toy_push(registry, "run-c", 1, &move), 0);
        assert_int_equal(move.hindrance, ALIAS_HINDRANCE_MOVED);
        must_be(registry, 2, 3, 1, false);
        assert_int_equal(registry_read_move(registry, 2, &move), 0);
        assert_string_equal(move.run, "run-b");
        assert_string_equal(move.actor, "pusher");
        assert_int_equal(move.changes[0].from, 1);
        assert_int_equal(move.changes[0].to, 2);
}

static void test_redo_of_a_release_moves_nothing(void **state) {
        struct registry *registry = registry_of(state);
        struct alias_move first, again;

        must_push(registry, "run-a");
        assert_int_equal(toy_push(registry, "run-b", 1, &first), 0);
        assert_int_equal(toy_push(registry, "run-b", 1, &again), 0);
        assert_int_equal(again.hindrance, ALIAS_HINDRANCE_NONE);
        assert_int_equal(again.sequence, first.sequence);
        must_be(registry, 2, 0, 1, false);
        must_push(registry, "run-c");
        must_push(registry, "run-d");
        assert_int_equal(registry_set_alias(registry, &by_ann, "champion", 1, ALIASES_ANY, NULL), 0);
        /* expected is champion again, and yet it has had its move */
        assert_int_equal(toy_push(registry, "run-b", 1, &again), 0);
        assert_int_equal(again.hindrance, ALIAS_HINDRANCE_NONE);
        assert_int_equal(again.version, 2);
        assert_int_equal(again.sequence, first.sequence);
        must_be(registry, 1, 0, 4, false);
}

static void test_lagging_history_is_completed_by_the_next(void **state) {
        struct registry *registry = registry_of(state);
        struct scratch *scratch = ((struct fixture *)*state)->scratch;
        struct aliases aliases;
        struct alias_move move;

        if (store_is_far())
                skip(); /* there is no file to change */
        must_push(registry, "run-a");
        must_push(registry, "run-b");
        assert_false(file_exists(scratch_path(scratch, "store/toy/history/2.json")));
        assert_int_equal(registry_read_move(registry, 2, &move), 0);
        assert_string_equal(move.run, "run-b");
        must_push(registry, "run-c");
        assert_true(file_exists(scratch_path(scratch, "store/toy/history/2.json")));
        assert_false(file_exists(scratch_path(scratch, "store/toy/history/3.json")));
        /* a redo completes it as well, and a wish that comes to nothing, and whoever looks */
        assert_int_equal(toy_push(registry, "run-c", 2, &move), 0);
        assert_true(file_exists(scratch_path(scratch, "store/toy/history/3.json")));
        must_push(registry, "run-d");
        assert_int_equal(registry_pin(registry, &by_ann, false, NULL), 0);
        assert_true(file_exists(scratch_path(scratch, "store/toy/history/4.json")));
        must_push(registry, "run-e");
        assert_int_equal(registry_read_aliases(registry, &aliases), 0);
        assert_int_equal(registry_complete_history(registry, &aliases), 0);
        assert_true(file_exists(scratch_path(scratch, "store/toy/history/5.json")));
}

/* As a registry is left whose aliases.json was lost and written again by hand: its numbers come a second time. */
static void test_history_of_a_registry_that_was_set_back(void **state) {
        struct registry *registry = registry_of(state);
        struct fixture *fixture = *state;
        _cleanup_(buffer_finish) struct buffer first = BUFFER_NULL;
        struct aliases aliases;

        must_push(registry, "run-a");
        assert_int_equal(store_get(fixture->store, "toy/aliases.json", &first, NULL), 0);
        must_push(registry, "run-b");
        assert_int_equal(registry_read_aliases(registry, &aliases), 0);
        assert_int_equal(registry_complete_history(registry, &aliases), 0);
        assert_int_equal(store_remove(fixture->store, "toy/history/2.json"), 0);
        assert_int_equal(store_put(fixture->store, "toy/aliases.json", first.data, first.n_bytes), 0);
        must_push(registry, "run-c");
        assert_int_equal(registry_read_aliases(registry, &aliases), 0);
        assert_int_equal(aliases.sequence, 2);
        assert_int_equal(registry_complete_history(registry, &aliases), 0);
        buffer_finish(&first);
        assert_int_equal(store_get(fixture->store, "toy/history/2.json", &first, NULL), 0);
}

enum { REQUESTS_OF_A_MOVE_MAX = 3 };

static void must_cost(struct hooked_store *store, int n_max) {
        int n = atomic_exchange(&store->n_requests, 0);

        if (n > n_max)
                fail_msg("%d requests, at most %d", n, n_max);
}

/* has_looked: by somebody who looks each second, such as the gateway. */
static void look_if(bool has_looked, struct registry *registry, struct hooked_store *store) {
        struct aliases aliases;

        if (has_looked) {
                assert_int_equal(registry_read_aliases(registry, &aliases), 0);
                assert_int_equal(registry_complete_history(registry, &aliases), 0);
        }
        atomic_store(&store->n_requests, 0);
}

static void count_moves(struct store *inner, bool has_looked) {
        struct hooked_store store = HOOKED_STORE_OVER(inner);
        struct registry_claim claim;
        struct registry registry;
        struct aliases aliases;
        struct alias_move move;
        char run[32];

        assert_int_equal(registry_init(&registry, &store.super, "toy"), 0);
        for (int i = 1; i <= 4; i++) {
                snprintf(run, sizeof(run), "run-%d", i);
                assert_int_equal(registry_claim(&registry, run, &claim), 0);
                assert_int_equal(toy_publish(&registry, &claim), 0);
                look_if(has_looked, &registry, &store);
                assert_int_equal(registry_release(&registry, &claim, &by_pusher, i - 1, true, &move), 0);
                must_cost(&store, REQUESTS_OF_A_MOVE_MAX);
        }
        look_if(has_looked, &registry, &store);
        assert_int_equal(registry_roll_back(&registry, &by_ann, 4, ALIASES_NONE, &aliases), 0);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 3);
        must_cost(&store, REQUESTS_OF_A_MOVE_MAX);
        /* neither 2 nor 1 bears an alias now */
        look_if(has_looked, &registry, &store);
        assert_int_equal(registry_roll_back(&registry, &by_ann, 3, ALIASES_NONE, &aliases), 0);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 2);
        must_cost(&store, REQUESTS_OF_A_MOVE_MAX);
        look_if(has_looked, &registry, &store);
        assert_int_equal(registry_roll_back(&registry, &by_ann, 2, 1, NULL), 0);
        must_cost(&store, REQUESTS_OF_A_MOVE_MAX);
        look_if(has_looked, &registry, &store);
        assert_int_equal(registry_set_alias(&registry, &by_ann, "blue", 2, ALIASES_ANY, NULL), 0);
        must_cost(&store, REQUESTS_OF_A_MOVE_MAX);
        look_if(has_looked, &registry, &store);
        assert_int_equal(registry_set_alias(&registry, &by_ann, ALIASES_CHAMPION, 4, 1, NULL), 0);
        must_cost(&store, REQUESTS_OF_A_MOVE_MAX);
        look_if(has_looked, &registry, &store);
        assert_int_equal(registry_pin(&registry, &by_ann, true, NULL), 0);
        must_cost(&store, REQUESTS_OF_A_MOVE_MAX);
        look_if(has_looked, &registry, &store);
        assert_int_equal(registry_pin(&registry, &by_ann, false, NULL), 0);
        must_cost(&store, REQUESTS_OF_A_MOVE_MAX);
        /* one request when nothing has happened since the last look */
        look_if(true, &registry, &store);
        look_if(false, &registry, &store);
        assert_int_equal(registry_read_aliases(&registry, &aliases), 0);
        assert_int_equal(registry_complete_history(&registry, &aliases), 0);
        must_cost(&store, 1);
        for (int64_t sequence = 1; sequence <= aliases.sequence; sequence++)
                assert_int_equal(registry_read_move(&registry, sequence, &move), 0);
}

static void test_a_move_takes_three_requests(void **state) {
        count_moves(((struct fixture *)*state)->store, false);
}

static void test_a_move_takes_three_requests_after_a_look(void **state) {
        count_moves(((struct fixture *)*state)->store, true);
}

/* Others' moves between a run's claim and its release do not have to be read: none can be of this run. */
static void test_a_release_after_others_moves_takes_three_requests(void **state) {
        struct hooked_store store = HOOKED_STORE_OVER(((struct fixture *)*state)->store);
        struct registry_claim claims[2];
        struct registry registry;
        struct alias_move move;

        assert_int_equal(registry_init(&registry, &store.super, "toy"), 0);
        must_push(&registry, "run-a");
        assert_int_equal(registry_claim(&registry, "run-b", &claims[0]), 0);
        assert_int_equal(registry_claim(&registry, "run-c", &claims[1]), 0);
        for (int i = 0; i < 4; i++)
                assert_int_equal(registry_pin(&registry, &by_ann, i % 2 == 0, NULL), 0);
        for (size_t i = 0; i < N_ELEMENTS(claims); i++) {
                assert_int_equal(toy_publish(&registry, &claims[i]), 0);
                look_if(false, &registry, &store);
                assert_int_equal(registry_release(&registry, &claims[i], &by_pusher, (int64_t)i + 1, true, &move), 0);
                assert_int_equal(move.sequence, 6 + (int64_t)i);
                must_cost(&store, REQUESTS_OF_A_MOVE_MAX);
        }
        /* what was released already is found, though another came after it */
        assert_int_equal(registry_release(&registry, &claims[0], &by_pusher, 3, true, &move), 0);
        assert_int_equal(move.sequence, 6);
        must_be(&registry, 3, 0, 2, false);
}

/* Runs are not released in the order of their claims, and each only once. */
static void test_releases_in_another_order_are_made_once(void **state) {
        struct registry *registry = registry_of(state);
        struct registry_claim first, second;
        struct alias_move move;

        assert_int_equal(registry_claim(registry, "run-a", &first), 0);
        assert_int_equal(registry_claim(registry, "run-b", &second), 0);
        assert_int_equal(toy_publish(registry, &first), 0);
        assert_int_equal(toy_publish(registry, &second), 0);
        assert_int_equal(registry_release(registry, &second, &by_pusher, ALIASES_NONE, true, &move), 0);
        assert_int_equal(registry_release(registry, &first, &by_pusher, 2, true, &move), 0);
        assert_int_equal(move.sequence, 2);
        assert_int_equal(registry_release(registry, &second, &by_pusher, 1, true, &move), 0);
        assert_int_equal(move.sequence, 1);
        assert_int_equal(registry_release(registry, &first, &by_pusher, 1, true, &move), 0);
        assert_int_equal(move.sequence, 2);
        must_be(registry, 1, 0, 2, false);
}

/* Only a version that is whole gets an alias, also while requests are short. */
static void test_what_bears_no_alias_is_looked_for(void **state) {
        struct registry *registry = registry_of(state);
        struct registry_claim claim;

        must_push(registry, "run-a");
        assert_int_equal(registry_claim(registry, "run-b", &claim), 0);
        assert_int_equal(registry_set_alias(registry, &by_ann, "blue", 2, ALIASES_ANY, NULL), REGISTRY_E_MISSING);
        assert_int_equal(registry_set_alias(registry, &by_ann, "blue", 2, ALIASES_ANY, NULL), REGISTRY_E_MISSING);
        assert_int_equal(registry_roll_back(registry, &by_ann, 1, 2, NULL), REGISTRY_E_MISSING);
}

/* Does what it is told, once, and says that it failed, or that another was faster. */
static int lose_answer(struct hooked_store *store, const char *name, bool writes) {
        int *answer = store->context;
        int r = *answer;

        if (!writes || strcmp(name, "toy/aliases.json"))
                return 0;
        *answer = 0;
        return r;
}

static void test_a_move_whose_answer_was_lost_is_recognised(void **state) {
        struct fixture *fixture = *state;
        int answer = 0;
        struct hooked_store store = HOOKED_STORE_OVER(fixture->store);
        const struct alias_request asked = { .id = "0198", .actor = "ann", .at_ms = 1767323045678 };
        struct registry registry;
        struct aliases aliases;

        store.context = &answer;
        store.after = lose_answer;
        assert_int_equal(registry_init(&registry, &store.super, "toy"), 0);
        must_push(&registry, "run-a");
        must_push(&registry, "run-b");
        must_push(&registry, "run-c");
        answer = STORE_E_CONFLICT;
        assert_int_equal(registry_set_alias(&registry, &by_ann, "blue", 1, ALIASES_NONE, &aliases), 0);
        assert_int_equal(aliases.sequence, 4);
        answer = STORE_E_CONFLICT;
        assert_int_equal(registry_roll_back(&registry, &by_ann, 3, ALIASES_NONE, &aliases), 0);
        assert_int_equal(aliases.sequence, 5);
        must_be(&registry, 2, 0, 3, true);
        /* one that failed is tried again by whoever remembers it, and others may have moved meanwhile */
        answer = -ETIMEDOUT;
        assert_int_equal(registry_roll_back(&registry, &asked, 2, ALIASES_NONE, NULL), -ETIMEDOUT);
        assert_int_equal(registry_set_alias(&registry, &by_ann, ALIASES_CHAMPION, 3, 1, NULL), 0);
        assert_int_equal(registry_pin(&registry, &by_ann, true, NULL), 0);
        assert_int_equal(registry_redo_rollback(&registry, &asked, 2, 1, 5, &aliases), 0);
        assert_int_equal(aliases.sequence, 8);
        assert_int_equal(aliases.last.sequence, 6);
        assert_string_equal(aliases.last.id, "0198");
        must_be(&registry, 3, 0, 1, true);
        /* and one that was never made is made, if it still can be */
        assert_int_equal(registry_redo_rollback(&registry, &asked, 3, 2, 8, &aliases), 0);
        assert_int_equal(aliases.sequence, 9);
        assert_int_equal(registry_redo_rollback(&registry, &(struct alias_request){ .id = "0199" }, 3, 1, 9, &aliases),
                         REGISTRY_E_CONFLICT);
}

/* aliases.json as it is once the remembered targets are used up. */
static void test_targets_are_found_in_the_history(void **state) {
        struct registry *registry = registry_of(state);
        struct fixture *fixture = *state;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct aliases aliases;

        for (int i = 0; i < 4; i++)
                must_push(registry, (const char *[]){ "run-a", "run-b", "run-c", "run-d" }[i]);
        assert_int_equal(registry_roll_back(registry, &by_ann, 4, ALIASES_NONE, NULL), 0);
        assert_int_equal(registry_read_aliases(registry, &aliases), 0);
        assert_int_equal(registry_complete_history(registry, &aliases), 0);
        aliases.has_targets = false;
        assert_int_equal(aliases_format(&aliases, &text), 0);
        assert_null(strstr(buffer_text(&text), "rollback_targets"));
        assert_int_equal(store_put(fixture->store, "toy/aliases.json", text.data, text.n_bytes), 0);
        assert_int_equal(registry_roll_back(registry, &by_ann, 3, ALIASES_NONE, &aliases), 0);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 2);
        assert_true(aliases.has_targets);
        assert_int_equal(aliases_target(&aliases), 1);
}

/* A target that was removed by hand is passed over. */
static void test_a_target_that_is_gone(void **state) {
        struct registry *registry = registry_of(state);
        struct fixture *fixture = *state;
        struct aliases aliases;

        must_push(registry, "run-a");
        must_push(registry, "run-b");
        must_push(registry, "run-c");
        assert_int_equal(registry_read_aliases(registry, &aliases), 0);
        assert_int_equal(registry_complete_history(registry, &aliases), 0);
        assert_int_equal(store_remove(fixture->store, "toy/versions/2/manifest.json"), 0);
        assert_int_equal(registry_roll_back(registry, &by_ann, 3, 2, NULL), REGISTRY_E_MISSING);
        assert_int_equal(registry_roll_back(registry, &by_ann, 3, ALIASES_NONE, &aliases), 0);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 1);
}

static void test_unreadable_aliases_are_never_none(void **state) {
        struct registry *registry = registry_of(state);
        struct scratch *scratch = ((struct fixture *)*state)->scratch;
        struct aliases aliases;
        struct alias_move move;

        if (store_is_far())
                skip(); /* there is no file to change */
        must_push(registry, "run-a");
        assert_int_equal(file_replace(scratch_path(scratch, "store/toy/aliases.json"), "{}", 2), 0);
        assert_int_equal(registry_read_aliases(registry, &aliases), REGISTRY_E_CORRUPT);
        assert_int_equal(toy_push(registry, "run-b", ALIASES_NONE, &move), REGISTRY_E_CORRUPT);
        assert_int_equal(unlink(scratch_path(scratch, "store/toy/aliases.json")), 0);
        assert_int_equal(registry_read_aliases(registry, &aliases), REGISTRY_E_CORRUPT);
        assert_int_equal(toy_push(registry, "run-b", ALIASES_NONE, &move), REGISTRY_E_CORRUPT);
}

static void test_people_set_aliases(void **state) {
        struct registry *registry = registry_of(state);
        struct aliases aliases;

        must_push(registry, "run-a");
        must_push(registry, "run-b");
        assert_int_equal(registry_set_alias(registry, &by_ann, "blue", 1, ALIASES_NONE, &aliases), 0);
        assert_int_equal(aliases_find(&aliases, "blue"), 1);
        assert_string_equal(aliases.last.actor, "ann");
        assert_int_equal(registry_set_alias(registry, &by_ann, "blue", 2, ALIASES_NONE, NULL), REGISTRY_E_CONFLICT);
        assert_int_equal(registry_set_alias(registry, &by_ann, "champion", 1, 1, NULL), REGISTRY_E_CONFLICT);
        assert_int_equal(registry_set_alias(registry, &by_ann, "champion", 7, 2, NULL), REGISTRY_E_MISSING);
        assert_int_equal(registry_set_alias(registry, &by_ann, "champion", 0, 2, NULL), REGISTRY_E_MISSING);
        assert_int_equal(registry_set_alias(registry, &by_ann, "v3", 1, ALIASES_ANY, NULL), REGISTRY_E_INVALID);
        assert_int_equal(registry_set_alias(registry, &by_ann, "latest", 1, ALIASES_ANY, NULL), REGISTRY_E_INVALID);
        assert_int_equal(registry_set_alias(registry, &by_ann, "Blue", 1, ALIASES_ANY, NULL), REGISTRY_E_INVALID);
        must_be(registry, 2, 0, 1, false);
        assert_int_equal(registry_set_alias(registry, &by_ann, "champion", 1, 2, &aliases), 0);
        must_be(registry, 1, 0, 2, false);
        assert_int_equal(aliases.sequence, 4);
        assert_int_equal(registry_set_alias(registry, &by_ann, "champion", 1, 1, &aliases), 0);
        assert_int_equal(aliases.sequence, 4);
}

static void test_rollback(void **state) {
        struct registry *registry = registry_of(state);
        struct aliases aliases;

        assert_int_equal(registry_roll_back(registry, &by_ann, 0, 0, NULL), REGISTRY_E_CONFLICT);
        must_push(registry, "run-a");
        assert_int_equal(registry_roll_back(registry, &by_ann, 1, 0, NULL), REGISTRY_E_NO_TARGET);
        must_push(registry, "run-b");
        must_push(registry, "run-c");
        assert_int_equal(registry_roll_back(registry, &by_ann, 2, 0, NULL), REGISTRY_E_CONFLICT);
        assert_int_equal(registry_roll_back(registry, &by_ann, 3, 3, NULL), REGISTRY_E_CONFLICT);
        assert_int_equal(registry_roll_back(registry, &by_ann, 3, 9, NULL), REGISTRY_E_MISSING);
        must_be(registry, 3, 0, 2, false);
        assert_int_equal(registry_roll_back(registry, &by_ann, 3, 0, &aliases), 0);
        must_be(registry, 2, 0, 3, true);
        assert_int_equal(aliases.last.action, ALIAS_ACTION_ROLLBACK);
        assert_string_equal(aliases.last.reason, "why");
        assert_int_equal(registry_roll_back(registry, &by_ann, 2, 0, NULL), 0);
        must_be(registry, 1, 0, 2, true);
        assert_int_equal(registry_roll_back(registry, &by_ann, 1, 0, NULL), REGISTRY_E_NO_TARGET);
        assert_int_equal(registry_roll_back(registry, &by_ann, 1, 3, NULL), 0);
        must_be(registry, 3, 0, 1, true);
}

static void test_pin_holds_the_champion(void **state) {
        struct registry *registry = registry_of(state);
        struct alias_move move;
        struct aliases aliases;

        must_push(registry, "run-a");
        must_push(registry, "run-b");
        assert_int_equal(registry_roll_back(registry, &by_ann, 2, 0, NULL), 0);
        assert_int_equal(toy_push(registry, "run-c", 1, &move), 0);
        assert_int_equal(move.hindrance, ALIAS_HINDRANCE_PINNED);
        must_be(registry, 1, 3, 2, true);
        /* a person's promotion releases */
        assert_int_equal(registry_set_alias(registry, &by_ann, "champion", 3, 1, NULL), 0);
        must_be(registry, 3, 0, 1, false);
        must_push(registry, "run-d");
        must_be(registry, 4, 0, 3, false);
        /* so does unpin */
        assert_int_equal(registry_pin(registry, &by_ann, true, &aliases), 0);
        assert_true(aliases.is_pinned);
        assert_int_equal(toy_push(registry, "run-e", 4, &move), 0);
        must_be(registry, 4, 5, 3, true);
        assert_int_equal(registry_pin(registry, &by_ann, false, NULL), 0);
        must_push(registry, "run-f");
        must_be(registry, 6, 5, 4, false);
        /* the run that was held back does not return */
        assert_int_equal(toy_push(registry, "run-e", 4, &move), 0);
        assert_int_equal(move.hindrance, ALIAS_HINDRANCE_PINNED);
        must_be(registry, 6, 5, 4, false);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_releases_follow_each_other),
                TEST(test_redo_of_a_release_moves_nothing),
                TEST(test_lagging_history_is_completed_by_the_next),
                TEST(test_history_of_a_registry_that_was_set_back),
                TEST(test_a_move_takes_three_requests),
                TEST(test_a_move_takes_three_requests_after_a_look),
                TEST(test_a_release_after_others_moves_takes_three_requests),
                TEST(test_releases_in_another_order_are_made_once),
                TEST(test_what_bears_no_alias_is_looked_for),
                TEST(test_a_move_whose_answer_was_lost_is_recognised),
                TEST(test_targets_are_found_in_the_history),
                TEST(test_a_target_that_is_gone),
                TEST(test_unreadable_aliases_are_never_none),
                TEST(test_people_set_aliases),
                TEST(test_rollback),
                TEST(test_pin_holds_the_champion),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
