/* Model swap: it follows the registry forward, and takes no version of another registry for this one's. */

#include "tests/unit/gateway/bare.h"

#include <errno.h>
#include <poll.h>
#include <semaphore.h>
#include <stdlib.h>

#include "services/gateway/model_swap_internal.h"
#include "tests/support/hooked_store.h"
#include "tests/support/scratch.h"
#include "tests/unit/gateway/served.h"

enum { N_VERSIONS = 3 };

struct fixture {
        struct scratch *scratch;
        struct store *stores[2];       /* of the registry, and of one that comes to stand in its place */
        struct hooked_store hooked;    /* over one of them */
        struct registry registries[2]; /* of others who move the aliases */
        struct registry registry;      /* the swap's */
        char digests[2][N_VERSIONS + 1][DIGEST_SHA256_BYTES];
        struct pipeline *pipeline;
        struct model_swap *swap;
        sem_t has_read, may_go_on; /* a look that is held up once it has read the aliases */
        atomic_bool is_held;
};

int __wrap_model_load(struct registry *registry, int64_t number, struct model **ret_model, struct fault *fault);
int __wrap_server_share(struct server *server, struct server_shared *shared, void (*on_taken)(void *context),
                        void *context);

static void model_destroy(struct server_shared *shared) {
        struct model *model = model_of_shared(shared);

        manifest_finish(&model->version.manifest);
        free(model);
}

int __wrap_model_load(struct registry *registry, int64_t number, struct model **ret_model, struct fault *fault) {
        struct model *model = calloc(1, sizeof(*model));
        int r;

        assert_non_null(model);
        r = registry_read_manifest(registry, number, &model->version.manifest);
        if (r) {
                free(model);
                return version_fault(r, registry->model, number, fault);
        }
        digest_sha256(model->version.manifest.text.data, model->version.manifest.text.n_bytes, model->version.digest);
        model->super.n_references = 1;
        model->super.destroy = model_destroy;
        *ret_model = model;
        return 0;
}

int __wrap_server_share(struct server *server _unused_, struct server_shared *shared _unused_,
                        void (*on_taken)(void *context), void *context) {
        on_taken(context);
        return 0;
}

static int hold(struct hooked_store *store, const char *name, bool writes) {
        struct fixture *fixture = store->context;

        if (!writes && !strcmp(name, "toy/aliases.json") && atomic_exchange(&fixture->is_held, false)) {
                sem_post(&fixture->has_read);
                sem_wait(&fixture->may_go_on);
        }
        return 0;
}

/* Versions 1 to 3 have been champion in that order; those of side 1 are others under the same numbers. */
static void fill(struct fixture *fixture, int side) {
        struct registry *registry = &fixture->registries[side];
        const struct alias_request request = { .actor = "pusher", .at_ms = 1767323045678 };

        for (int64_t version = 1; version <= N_VERSIONS; version++) {
                _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
                struct registry_claim claim;
                struct alias_move move;
                char run[32];

                snprintf(run, sizeof(run), "run-%d-%d", side, (int)version);
                claim = served_publish(registry, run, &manifest);
                assert_int_equal(claim.version, version);
                assert_int_equal(
                        digest_sha256(manifest.text.data, manifest.text.n_bytes, fixture->digests[side][version]), 0);
                assert_int_equal(registry_release(registry, &claim, &request, version - 1, true, &move), 0);
        }
}

static void begin_swap(struct fixture *fixture) {
        char folder[1100];

        snprintf(folder, sizeof(folder), "%s", scratch_path(fixture->scratch, "serving"));
        assert_int_equal(registry_init(&fixture->registry, &fixture->hooked.super, "toy"), 0);
        assert_int_equal(model_swap_create(&(struct model_swap_options){ .pipeline = fixture->pipeline,
                                                                         .registry = &fixture->registry,
                                                                         .folder = folder },
                                           &fixture->swap),
                         0);
}

static int setup(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        struct fault fault = FAULT_NULL;
        void *scratch;

        if (!fixture || scratch_setup(&scratch))
                return -1;
        fixture->scratch = scratch;
        for (int side = 0; side < 2; side++) {
                char uri[1200];

                snprintf(uri, sizeof(uri), "file://%s", scratch_path(scratch, side ? "b" : "a"));
                assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &fixture->stores[side], &fault), 0);
                assert_int_equal(registry_init(&fixture->registries[side], fixture->stores[side], "toy"), 0);
        }
        fixture->hooked = (struct hooked_store)HOOKED_STORE_OVER(fixture->stores[0]);
        fixture->hooked.context = fixture;
        fixture->hooked.after = hold;
        sem_init(&fixture->has_read, 0, 0);
        sem_init(&fixture->may_go_on, 0, 0);
        fixture->pipeline = calloc(1, sizeof(*fixture->pipeline));
        if (!fixture->pipeline)
                return -1;
        snprintf(fixture->pipeline->parameters.name, sizeof(fixture->pipeline->parameters.name), "toy");
        snprintf(fixture->pipeline->registry_uri, sizeof(fixture->pipeline->registry_uri), "s3://bucket/prefix");
        fixture->pipeline->serve.versions_mapped = N_VERSIONS;
        fill(fixture, 0);
        begin_swap(fixture);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;
        void *scratch = fixture->scratch;

        model_swap_destroy(fixture->swap);
        for (int side = 0; side < 2; side++)
                store_close(fixture->stores[side]);
        free(fixture->pipeline);
        free(fixture);
        return scratch_teardown(&scratch);
}

/* Lets the swap's thread, which this is, do what has come for it. */
static void turn(struct fixture *fixture) {
        struct pollfd wait = { .fd = fixture->swap->mailbox.wake_fd, .events = POLLIN };

        assert_int_equal(poll(&wait, 1, 60000), 1);
        mailbox_run(&fixture->swap->mailbox, fixture->swap);
}

/* Looks, and lets it be seen to its end, with what is fetched to be kept. */
static void look(struct fixture *fixture) {
        model_swap_send_look(fixture->swap);
        while (fixture->swap->look || fixture->swap->is_keeping)
                turn(fixture);
}

static void must_answer(struct fixture *fixture, int side, int64_t version) {
        struct champion champion;
        bool has_champion;

        assert_int_equal(model_swap_answering(fixture->swap), version);
        assert_string_equal(fixture->swap->mapped[0].model->version.digest, fixture->digests[side][version]);
        assert_true(model_swap_champion(fixture->swap, &has_champion, &champion));
        assert_true(has_champion);
        assert_int_equal(champion.version, version);
        assert_string_equal(champion.manifest, fixture->digests[side][version]);
}

static void must_keep_all(struct fixture *fixture, int side) {
        for (int64_t version = 1; version <= N_VERSIONS; version++)
                assert_true(serving_has(fixture->swap->serving, version, fixture->digests[side][version]));
}

/* Puts POST /models/toy:rollback into the mailbox. */
static void ask(struct fixture *fixture, struct bare *bare, int64_t from) {
        char body[64];

        snprintf(body, sizeof(body), "{\"from\":%d}", (int)from);
        bare_begin(bare, "POST", "/models/toy:rollback");
        bare_body(bare, "application/json", body);
        bare->request.parameters[0] = h2o_iovec_init(H2O_STRLIT("toy"));
        bare->request.n_parameters = 1;
        assert_int_equal(handoff_post(&bare->request, model_swap_mailbox(fixture->swap), model_call_rollback, NULL, 0),
                         0);
}

static void must_be_recorded(struct bare *bare) {
        assert_true(bare->is_complete);
        assert_int_equal(bare->h2o.res.status, 200);
        assert_non_null(strstr(buffer_text(&bare->body), "\"recorded\":true"));
        bare_end(bare);
}

static void roll_back(struct fixture *fixture, int64_t from) {
        struct bare bare;

        ask(fixture, &bare, from);
        while (!bare.is_complete) {
                turn(fixture);
                bare_turn(&bare);
        }
        must_be_recorded(&bare);
}

static void test_a_look_that_a_rollback_overtook_is_not_followed(void **state) {
        struct fixture *fixture = *state;
        struct bare bare;

        look(fixture);
        must_answer(fixture, 0, 3);
        atomic_store(&fixture->is_held, true);
        model_swap_send_look(fixture->swap);
        sem_wait(&fixture->has_read);
        ask(fixture, &bare, 3);
        sem_post(&fixture->may_go_on);
        while (!bare.is_complete) {
                turn(fixture);
                bare_turn(&bare);
        }
        must_answer(fixture, 0, 2);
        /* what the look brings was seen before the rollback; another one is sent in its place */
        turn(fixture);
        must_answer(fixture, 0, 2);
        assert_int_equal(aliases_find(&fixture->swap->state.aliases, ALIASES_CHAMPION), 2);
        while (fixture->swap->look)
                turn(fixture);
        must_answer(fixture, 0, 2);
        must_be_recorded(&bare);
}

static void count(void *context) {
        (*(int *)context)++;
}

static void test_who_waits_for_a_look_that_was_overtaken_waits_for_the_next(void **state) {
        struct fixture *fixture = *state;
        int n_told = 0;
        struct bare bare;

        look(fixture);
        atomic_store(&fixture->is_held, true);
        model_swap_look(fixture->swap, count, &n_told);
        turn(fixture);
        sem_wait(&fixture->has_read);
        ask(fixture, &bare, 3);
        sem_post(&fixture->may_go_on);
        while (!bare.is_complete) {
                turn(fixture);
                bare_turn(&bare);
        }
        /* one more who comes meanwhile */
        model_swap_look(fixture->swap, count, &n_told);
        while (fixture->swap->look || n_told < 2)
                turn(fixture);
        assert_int_equal(n_told, 2);
        must_answer(fixture, 0, 2);
        must_be_recorded(&bare);
}

/* The gateway was down when another registry came to stand under the address, and has moved on further since. */
static void start_over_another(struct fixture *fixture) {
        const struct alias_request request = { .actor = "ann", .at_ms = 1767323045678 };

        look(fixture);
        must_keep_all(fixture, 0);
        model_swap_destroy(fixture->swap);
        fill(fixture, 1);
        assert_int_equal(registry_pin(&fixture->registries[1], &request, true, NULL), 0);
        fixture->hooked.inner = fixture->stores[1];
        begin_swap(fixture);
        assert_int_equal(serving_read(fixture->swap->serving, &fixture->swap->state), 0);
        assert_true(fixture->swap->state.is_seen);
        must_keep_all(fixture, 0);
}

static void test_at_a_start_what_is_kept_is_compared(void **state) {
        struct fixture *fixture = *state;

        start_over_another(fixture);
        look(fixture);
        must_answer(fixture, 1, 3);
        must_keep_all(fixture, 1);
        roll_back(fixture, 3);
        must_answer(fixture, 1, 2);
}

static void test_a_rollback_before_the_first_look_takes_nothing_on_trust(void **state) {
        struct fixture *fixture = *state;

        start_over_another(fixture);
        roll_back(fixture, 3);
        must_answer(fixture, 1, 2);
}

/* Before anything was fetched anew: what is not the registry's is not used in the meantime. */
static void test_what_is_kept_is_compared_before_it_is_used(void **state) {
        struct fixture *fixture = *state;

        look(fixture);
        fill(fixture, 1);
        fixture->hooked.inner = fixture->stores[1];
        model_swap_send_look(fixture->swap);
        while (fixture->swap->look)
                turn(fixture);
        for (int64_t version = 1; version < N_VERSIONS; version++)
                assert_false(serving_has(fixture->swap->serving, version, fixture->digests[0][version]));
        roll_back(fixture, 3);
        must_answer(fixture, 1, 2);
}

/* As many moves, the same numbers: only the move itself is another. */
static void test_a_registry_that_was_begun_anew_is_noticed(void **state) {
        struct fixture *fixture = *state;

        look(fixture);
        roll_back(fixture, 3);
        roll_back(fixture, 2);
        look(fixture);
        assert_int_equal(fixture->swap->n_mapped, 3);
        must_answer(fixture, 0, 1);
        fill(fixture, 1);
        fixture->hooked.inner = fixture->stores[1];
        look(fixture);
        must_answer(fixture, 1, 3);
        must_keep_all(fixture, 1);
        assert_int_equal(fixture->swap->n_mapped, 1);
        roll_back(fixture, 3);
        must_answer(fixture, 1, 2);
}

static void test_a_rollback_in_a_registry_that_was_begun_anew(void **state) {
        struct fixture *fixture = *state;

        look(fixture);
        roll_back(fixture, 3);
        roll_back(fixture, 2);
        fill(fixture, 1);
        fixture->hooked.inner = fixture->stores[1];
        roll_back(fixture, 3);
        must_answer(fixture, 1, 2);
}

/* The old champion goes on answering while there is none, and is not taken for a new one of its number. */
static void test_a_registry_that_is_emptied_and_begun_anew(void **state) {
        struct fixture *fixture = *state;
        struct champion champion;
        bool has_champion;

        look(fixture);
        fixture->hooked.inner = fixture->stores[1];
        look(fixture);
        assert_int_equal(model_swap_answering(fixture->swap), 3);
        assert_true(model_swap_champion(fixture->swap, &has_champion, &champion));
        assert_false(has_champion);
        fill(fixture, 1);
        look(fixture);
        must_answer(fixture, 1, 3);
        must_keep_all(fixture, 1);
}

/* It answered no more, and is another one when it does again, though its moves go on. */
static void test_after_an_absence_it_is_compared(void **state) {
        struct fixture *fixture = *state;
        const struct alias_request request = { .actor = "ann", .at_ms = 1767323045678 };

        look(fixture);
        model_swap_note_away(fixture->swap, -ECONNREFUSED);
        fill(fixture, 1);
        assert_int_equal(registry_pin(&fixture->registries[1], &request, true, NULL), 0);
        fixture->hooked.inner = fixture->stores[1];
        look(fixture);
        must_answer(fixture, 1, 3);
        must_keep_all(fixture, 1);
}

/* Compared once, not at each look. */
static void test_a_look_at_what_is_known_costs_one_request(void **state) {
        struct fixture *fixture = *state;
        int n_before;

        look(fixture);
        look(fixture);
        n_before = atomic_load(&fixture->hooked.n_requests);
        look(fixture);
        assert_int_equal(atomic_load(&fixture->hooked.n_requests), n_before + 1);
}

static int refuse_versions(struct hooked_store *store _unused_, const char *name, bool writes _unused_) {
        return strstr(name, "/versions/") ? -ETIMEDOUT : 0;
}

/* The registry goes between saying where the aliases are and what its versions are. */
static void test_what_cannot_be_compared_is_not_followed(void **state) {
        struct fixture *fixture = *state;

        look(fixture);
        fill(fixture, 1);
        fixture->hooked.inner = fixture->stores[1];
        fixture->hooked.before = refuse_versions;
        look(fixture);
        assert_true(fixture->swap->absence.since_ms);
        assert_string_equal(fixture->swap->mapped[0].model->version.digest, fixture->digests[0][3]);
        must_keep_all(fixture, 0);
        fixture->hooked.before = NULL;
        look(fixture);
        assert_false(fixture->swap->absence.since_ms);
        must_answer(fixture, 1, 3);
        must_keep_all(fixture, 1);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_look_that_a_rollback_overtook_is_not_followed),
                TEST(test_who_waits_for_a_look_that_was_overtaken_waits_for_the_next),
                TEST(test_at_a_start_what_is_kept_is_compared),
                TEST(test_a_rollback_before_the_first_look_takes_nothing_on_trust),
                TEST(test_what_is_kept_is_compared_before_it_is_used),
                TEST(test_a_registry_that_was_begun_anew_is_noticed),
                TEST(test_a_rollback_in_a_registry_that_was_begun_anew),
                TEST(test_a_registry_that_is_emptied_and_begun_anew),
                TEST(test_after_an_absence_it_is_compared),
                TEST(test_a_look_at_what_is_known_costs_one_request),
                TEST(test_what_cannot_be_compared_is_not_followed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
