/* Registry, races: two processes meet at a barrier before each try, and one wins. */

#include "tests/unit/store/registry_fixture.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define N_CLAIM_RACES 1000
#define N_CLAIM_RACES_PER_MODEL 100
#define N_RELEASE_RACES 200

struct race {
        pthread_barrier_t barrier;
        int64_t versions[2][N_CLAIM_RACES];
        enum alias_hindrance hindrances[2][N_RELEASE_RACES];
};

static struct race *race_create(void) {
        struct race *race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        pthread_barrierattr_t attributes;

        assert_true(race != MAP_FAILED);
        assert_int_equal(pthread_barrierattr_init(&attributes), 0);
        assert_int_equal(pthread_barrierattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED), 0);
        assert_int_equal(pthread_barrier_init(&race->barrier, &attributes, 2), 0);
        pthread_barrierattr_destroy(&attributes);
        return race;
}

/* Runs the same in a child (side 1) and here (side 0); a side that fails fails the test only after both are through. */
static void race_run(struct race *race, struct store *store, int (*run)(struct race *, struct store *, int)) {
        pid_t pid = fork();
        int status, r;

        if (!pid)
                _exit(run(race, store_place_anew(store), 1) ? 1 : 0);
        r = run(race, store, 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(r, 0);
}

static int race_for_claims(struct race *race, struct store *store, int side) {
        int failure = 0;

        for (int i = 0; i < N_CLAIM_RACES; i++) {
                struct registry_claim claim = { 0 };
                struct registry registry;
                char model[32], run[32];
                int r;

                snprintf(model, sizeof(model), "m%d", i / N_CLAIM_RACES_PER_MODEL);
                snprintf(run, sizeof(run), "run-%d-%d", side, i);
                r = registry_init(&registry, store, model);
                pthread_barrier_wait(&race->barrier);
                if (!r)
                        r = registry_claim(&registry, run, &claim);
                race->versions[side][i] = claim.version;
                failure = failure ? failure : r;
        }
        return failure;
}

static void test_racing_claims_have_one_winner_each(void **state) {
        struct race *race = race_create();
        int n_clean = 0;

        race_run(race, ((struct fixture *)*state)->store, race_for_claims);
        for (int i = 0; i < N_CLAIM_RACES; i++) {
                int64_t lower = 2 * (i % N_CLAIM_RACES_PER_MODEL) + 1;
                int64_t a = race->versions[0][i], b = race->versions[1][i];

                n_clean += (a == lower && b == lower + 1) || (b == lower && a == lower + 1);
        }
        assert_int_equal(n_clean, N_CLAIM_RACES);
        munmap(race, sizeof(*race));
}

/* Both have been compared with the champion of before the barrier. */
static int race_for_releases(struct race *race, struct store *store, int side) {
        struct registry registry;
        int failure;

        failure = registry_init(&registry, store, "toy");
        for (int i = 0; i < N_RELEASE_RACES; i++) {
                struct alias_move move = { 0 };
                struct registry_claim claim;
                struct aliases aliases;
                char run[32];
                int r;

                snprintf(run, sizeof(run), "run-%d-%d", side, i);
                r = registry_read_aliases(&registry, &aliases);
                if (!r)
                        r = registry_claim(&registry, run, &claim);
                if (!r)
                        r = toy_publish(&registry, &claim);
                pthread_barrier_wait(&race->barrier);
                if (!r)
                        r = registry_release(&registry, &claim, &by_pusher, aliases_find(&aliases, ALIASES_CHAMPION),
                                             true, &move);
                race->hindrances[side][i] = move.hindrance;
                failure = failure ? failure : r;
                pthread_barrier_wait(&race->barrier);
        }
        return failure;
}

static void test_racing_releases_have_one_champion(void **state) {
        struct registry *registry = registry_of(state);
        struct race *race = race_create();
        struct aliases aliases;
        struct alias_move move;

        race_run(race, ((struct fixture *)*state)->store, race_for_releases);
        for (int i = 0; i < N_RELEASE_RACES; i++) {
                assert_int_equal((race->hindrances[0][i] == ALIAS_HINDRANCE_NONE) +
                                         (race->hindrances[1][i] == ALIAS_HINDRANCE_NONE),
                                 1);
                assert_int_equal((race->hindrances[0][i] == ALIAS_HINDRANCE_MOVED) +
                                         (race->hindrances[1][i] == ALIAS_HINDRANCE_MOVED),
                                 1);
        }
        assert_int_equal(registry_read_aliases(registry, &aliases), 0);
        assert_int_equal(aliases.sequence, 2 * N_RELEASE_RACES);
        for (int64_t sequence = 1; sequence <= aliases.sequence; sequence++)
                assert_int_equal(registry_read_move(registry, sequence, &move), 0);
        munmap(race, sizeof(*race));
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_racing_claims_have_one_winner_each),
                TEST(test_racing_releases_have_one_champion),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
