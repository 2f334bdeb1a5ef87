/* Registry: one version a run, never changed; aliases that only move forward. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "tests/support/hooked_store.h"
#include "tests/unit/store/registry_support.h"

struct fixture {
        struct scratch *scratch;
        struct store *store;
        struct registry registry;
};

static int setup(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        void *scratch;

        if (!fixture || scratch_setup(&scratch))
                return -1;
        fixture->scratch = scratch;
        fixture->store = toy_store(scratch_path(scratch, "store"));
        *state = fixture;
        return registry_init(&fixture->registry, fixture->store, "toy");
}

static int teardown(void **state) {
        struct fixture *fixture = *state;
        void *scratch = fixture->scratch;

        store_close(fixture->store);
        free(fixture);
        return scratch_teardown(&scratch);
}

static struct registry *registry_of(void **state) {
        return &((struct fixture *)*state)->registry;
}

/* Pushes a run that was compared with the present champion, and returns its version. */
static int64_t must_push(struct registry *registry, const char *run) {
        struct aliases aliases;
        struct alias_move move;

        assert_int_equal(registry_read_aliases(registry, &aliases), 0);
        assert_int_equal(toy_push(registry, run, aliases_find(&aliases, ALIASES_CHAMPION), &move), 0);
        return move.version;
}

static void must_be(struct registry *registry, int64_t champion, int64_t challenger, int64_t previous, bool is_pinned) {
        struct aliases aliases;

        assert_int_equal(registry_read_aliases(registry, &aliases), 0);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), champion);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHALLENGER), challenger);
        assert_int_equal(aliases_find(&aliases, ALIASES_PREVIOUS), previous);
        assert_int_equal(aliases.is_pinned, is_pinned);
}

static void test_model_is_checked(void **state) {
        struct store *store = ((struct fixture *)*state)->store;
        static const char *const models[] = { "", "..", "a/b", ".a", "a b" };
        struct registry registry;

        for (size_t i = 0; i < N_ELEMENTS(models); i++)
                assert_int_equal(registry_init(&registry, store, models[i]), -EINVAL);
        assert_int_equal(registry_init(&registry, store, "Vehicle-insurance_2.0"), 0);
}

static void test_new_model_has_nothing(void **state) {
        struct registry *registry = registry_of(state);
        struct manifest manifest;
        struct aliases aliases;
        struct alias_move move;

        assert_int_equal(registry_read_aliases(registry, &aliases), 0);
        assert_int_equal(aliases.sequence, 0);
        assert_int_equal(toy_n_versions(registry), 0);
        assert_int_equal(registry_read_manifest(registry, 1, &manifest), REGISTRY_E_MISSING);
        assert_int_equal(registry_read_move(registry, 1, &move), REGISTRY_E_MISSING);
        assert_int_equal(registry_read_move(registry, 0, &move), REGISTRY_E_MISSING);
}

static void test_claim_is_found_again(void **state) {
        struct registry *registry = registry_of(state);
        struct registry_claim first, second, again;

        assert_int_equal(registry_claim(registry, "run-a", &first), 0);
        assert_int_equal(first.version, 1);
        assert_int_equal(registry_claim(registry, "run-b", &second), 0);
        assert_int_equal(second.version, 2);
        assert_int_equal(registry_claim(registry, "run-a", &again), 0);
        assert_int_equal(again.version, 1);
        assert_int_equal(again.created_at_ms, first.created_at_ms);
        assert_string_equal(again.run, "run-a");
        assert_int_equal(registry_claim(registry, "../run", &again), -EINVAL);
        assert_int_equal(registry_claim(registry, "", &again), -EINVAL);
}

static void test_a_run_has_published_with_its_manifest(void **state) {
        struct registry *registry = registry_of(state);
        struct registry_claim claim;
        bool has_published = true;

        assert_int_equal(registry_has_published(registry, "run-a", &has_published), 0);
        assert_false(has_published);
        assert_int_equal(registry_claim(registry, "run-b", &claim), 0);
        assert_int_equal(registry_claim(registry, "run-a", &claim), 0);
        assert_int_equal(claim.version, 2);
        assert_int_equal(registry_has_published(registry, "run-a", &has_published), 0);
        assert_false(has_published);
        assert_int_equal(toy_publish(registry, &claim), 0);
        assert_int_equal(registry_has_published(registry, "run-a", &has_published), 0);
        assert_true(has_published);
        assert_int_equal(registry_has_published(registry, "run-b", &has_published), 0);
        assert_false(has_published);
}

static void test_version_exists_with_its_manifest(void **state) {
        struct registry *registry = registry_of(state);
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        char path[STORE_PATH_BYTES];
        struct registry_claim claim;
        struct alias_move move;

        assert_int_equal(registry_claim(registry, "run-a", &claim), 0);
        assert_int_equal(toy_put_file(registry, &claim, "model.ubj", "x"), 0);
        assert_int_equal(registry_read_manifest(registry, 1, &manifest), REGISTRY_E_MISSING);
        assert_int_equal(registry_release(registry, &claim, &by_pusher, ALIASES_NONE, true, &move), REGISTRY_E_MISSING);
        assert_int_equal(registry_set_alias(registry, &by_ann, "champion", 1, ALIASES_ANY, NULL), REGISTRY_E_MISSING);
        assert_int_equal(toy_n_versions(registry), 0);

        assert_int_equal(toy_publish(registry, &claim), 0);
        assert_int_equal(registry_read_manifest(registry, 1, &manifest), 0);
        assert_string_equal(manifest.run, "run-a");
        assert_int_equal(manifest.created_at_ms, claim.created_at_ms);
        assert_int_equal(toy_n_versions(registry), 1);
        for (size_t i = 0; i < N_ELEMENTS(toy_files); i++)
                assert_int_equal(registry_fetch_file(registry, &manifest, toy_files[i], path), 0);
        assert_int_equal(registry_fetch_file(registry, &manifest, "manifest.json", path), 0);
        assert_int_equal(registry_fetch_file(registry, &manifest, "claim.json", path), REGISTRY_E_MISSING);
        assert_int_equal(registry_fetch_file(registry, &manifest, "../aliases.json", path), REGISTRY_E_MISSING);
}

static void test_version_never_changes(void **state) {
        struct registry *registry = registry_of(state);
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        struct registry_claim claim;

        assert_int_equal(registry_claim(registry, "run-a", &claim), 0);
        assert_int_equal(toy_publish(registry, &claim), 0);
        assert_int_equal(toy_publish(registry, &claim), 0); /* the same again */
        assert_int_equal(toy_put_file(registry, &claim, "model.ubj", "other"), REGISTRY_E_CONFLICT);
        assert_int_equal(toy_put_file(registry, &claim, "new", "other"), REGISTRY_E_CONFLICT);
        claim.created_at_ms++;
        assert_int_equal(toy_publish(registry, &claim), REGISTRY_E_CONFLICT);
        assert_int_equal(registry_read_manifest(registry, 1, &manifest), 0);
        assert_int_equal(manifest.created_at_ms, claim.created_at_ms - 1);
}

static int publish(struct registry *registry, const struct registry_claim *claim, struct manifest *manifest) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder json = json_begin(&text, JSON_PRETTY);

        snprintf(manifest->model, sizeof(manifest->model), "toy");
        snprintf(manifest->run, sizeof(manifest->run), "%s", claim->run);
        json_begin_object(&json);
        manifest_build(manifest, &json);
        json_end_object(&json);
        assert_int_equal(json_end(&json), 0);
        assert_int_equal(manifest_seal(&text), 0);
        return registry_publish(registry, claim, &text);
}

static void test_manifest_without_its_files_is_refused(void **state) {
        struct registry *registry = registry_of(state);
        _cleanup_(buffer_finish) struct buffer unsealed = BUFFER_NULL;
        struct manifest manifest = { .version = 1 }, read;
        struct registry_claim claim;

        assert_int_equal(registry_claim(registry, "run-a", &claim), 0);
        assert_int_equal(manifest_add_file(&manifest, "model.ubj", "x", 1), 0);
        assert_int_equal(publish(registry, &claim, &manifest), REGISTRY_E_MISSING);
        assert_int_equal(toy_put_file(registry, &claim, "model.ubj", "y"), 0);
        assert_int_equal(publish(registry, &claim, &manifest), REGISTRY_E_CORRUPT);
        manifest.version = 2;
        assert_int_equal(publish(registry, &claim, &manifest), -EINVAL);
        assert_int_equal(buffer_append_text(&unsealed, "{\"version\":1}"), 0);
        assert_int_equal(registry_publish(registry, &claim, &unsealed), -EINVAL);
        assert_int_equal(registry_read_manifest(registry, 1, &read), REGISTRY_E_MISSING);
        manifest.version = 1;
        assert_int_equal(toy_put_file(registry, &claim, "model.ubj", "x"), 0);
        assert_int_equal(publish(registry, &claim, &manifest), 0);
}

static void must_flip(const char *path, off_t at) {
        _cleanup_(close_descriptor) int fd = open(path, O_RDWR | O_CLOEXEC);
        unsigned char byte;

        assert_true(fd >= 0);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void test_one_flipped_byte_is_refused(void **state) {
        struct registry *registry = registry_of(state);
        struct scratch *scratch = ((struct fixture *)*state)->scratch;
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        char path[STORE_PATH_BYTES], file[STORE_PATH_BYTES];
        struct manifest read;

        if (store_is_far())
                skip(); /* there is no file to change */
        must_push(registry, "run-a");
        assert_int_equal(registry_read_manifest(registry, 1, &manifest), 0);
        for (size_t i = 0; i < N_ELEMENTS(toy_files); i++) {
                for (off_t at = 0; at < 5; at++) {
                        assert_int_equal(registry_fetch_file(registry, &manifest, toy_files[i], path), 0);
                        must_flip(path, at);
                        assert_int_equal(registry_fetch_file(registry, &manifest, toy_files[i], file),
                                         REGISTRY_E_CORRUPT);
                        must_flip(path, at);
                }
                assert_int_equal(truncate(path, 3), 0);
                assert_int_equal(registry_fetch_file(registry, &manifest, toy_files[i], file), REGISTRY_E_CORRUPT);
                assert_int_equal(unlink(path), 0);
                assert_int_equal(registry_fetch_file(registry, &manifest, toy_files[i], file), REGISTRY_E_MISSING);
        }
        snprintf(file, sizeof(file), "%s", scratch_path(scratch, "store/toy/versions/1/manifest.json"));
        for (size_t at = 0; at < manifest.text.n_bytes; at += 7) {
                must_flip(file, (off_t)at);
                assert_int_equal(registry_read_manifest(registry, 1, &read), REGISTRY_E_CORRUPT);
                must_flip(file, (off_t)at);
        }
        /* a whole manifest in the wrong place */
        assert_int_equal(mkdir(scratch_path(scratch, "store/toy/versions/2"), 0700), 0);
        assert_int_equal(link(file, scratch_path(scratch, "store/toy/versions/2/manifest.json")), 0);
        assert_int_equal(registry_read_manifest(registry, 2, &read), REGISTRY_E_CORRUPT);
}

/* Claims without a manifest are passed over, and so is one that is broken. */
static void test_versions_come_newest_first(void **state) {
        static const int64_t want[] = { 11, 10, 9, 8, 7, 4, 2, 1 };
        struct registry *registry = registry_of(state);
        _cleanup_(registry_versions_finish) struct registry_versions versions = REGISTRY_VERSIONS_NULL;
        struct scratch *scratch = ((struct fixture *)*state)->scratch;
        struct registry_claim claim;
        size_t n_found = 0, n_corrupt = 0;
        int r = 0;
        char run[32];

        if (store_is_far())
                skip(); /* there is no file to change */
        for (int i = 1; i <= 12; i++) {
                snprintf(run, sizeof(run), "run-%d", i);
                assert_int_equal(registry_claim(registry, run, &claim), 0);
                if (i != 5 && i != 6 && i != 12)
                        assert_int_equal(toy_publish(registry, &claim), 0);
        }
        must_flip(scratch_path(scratch, "store/toy/versions/3/manifest.json"), 20);
        assert_int_equal(registry_versions_init(registry, &versions), 0);
        while (r != REGISTRY_E_MISSING) {
                _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;

                r = registry_versions_next(&versions, &manifest);
                n_corrupt += r == REGISTRY_E_CORRUPT;
                if (r)
                        continue;
                assert_true(n_found < N_ELEMENTS(want));
                assert_int_equal(manifest.version, want[n_found++]);
        }
        assert_int_equal(n_found, N_ELEMENTS(want));
        assert_int_equal(n_corrupt, 1);
}

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
        look_if(true, &registry, &store);
        assert_int_equal(registry_roll_back(&registry, &by_ann, 3, ALIASES_NONE, &aliases), 0);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 2);
        must_cost(&store, REQUESTS_OF_A_MOVE_MAX);
        look_if(true, &registry, &store);
        assert_int_equal(registry_roll_back(&registry, &by_ann, 2, 1, NULL), 0);
        must_cost(&store, REQUESTS_OF_A_MOVE_MAX);
        look_if(has_looked, &registry, &store);
        assert_int_equal(registry_set_alias(&registry, &by_ann, "blue", 2, ALIASES_ANY, NULL), 0);
        must_cost(&store, REQUESTS_OF_A_MOVE_MAX);
        look_if(true, &registry, &store);
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

/*
 * Races: two processes meet at a barrier before each try.
 */

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
                TEST(test_model_is_checked),
                TEST(test_new_model_has_nothing),
                TEST(test_claim_is_found_again),
                TEST(test_a_run_has_published_with_its_manifest),
                TEST(test_version_exists_with_its_manifest),
                TEST(test_version_never_changes),
                TEST(test_manifest_without_its_files_is_refused),
                TEST(test_one_flipped_byte_is_refused),
                TEST(test_versions_come_newest_first),
                TEST(test_releases_follow_each_other),
                TEST(test_redo_of_a_release_moves_nothing),
                TEST(test_lagging_history_is_completed_by_the_next),
                TEST(test_history_of_a_registry_that_was_set_back),
                TEST(test_a_move_takes_three_requests),
                TEST(test_a_move_takes_three_requests_after_a_look),
                TEST(test_what_bears_no_alias_is_looked_for),
                TEST(test_a_move_whose_answer_was_lost_is_recognised),
                TEST(test_targets_are_found_in_the_history),
                TEST(test_a_target_that_is_gone),
                TEST(test_unreadable_aliases_are_never_none),
                TEST(test_people_set_aliases),
                TEST(test_rollback),
                TEST(test_pin_holds_the_champion),
                TEST(test_racing_claims_have_one_winner_each),
                TEST(test_racing_releases_have_one_champion),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
