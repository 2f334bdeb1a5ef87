/* Serving: what is kept is whole, of this registry, and what was saved; or it is not used. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "services/gateway/serving.h"
#include "services/gateway/serving_state.h"
#include "tests/support/hooked_store.h"
#include "tests/support/scratch.h"
#include "tests/unit/gateway/served.h"

#define URI "s3://bucket/prefix"

struct fixture {
        struct scratch *scratch;
        struct store *store; /* of the registry */
        struct registry registry;
        struct serving *serving;
};

static char *path_in(struct fixture *fixture, const char *name) {
        return (char *)scratch_path(fixture->scratch, name);
}

static int setup(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        struct fault fault = FAULT_NULL;
        char uri[1200], folder[1100];
        void *scratch;

        if (!fixture || scratch_setup(&scratch))
                return -1;
        fixture->scratch = scratch;
        snprintf(uri, sizeof(uri), "file://%s", path_in(fixture, "registry"));
        assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &fixture->store, &fault), 0);
        assert_int_equal(registry_init(&fixture->registry, fixture->store, "toys"), 0);
        snprintf(folder, sizeof(folder), "%s", path_in(fixture, "serving"));
        assert_int_equal(serving_create(folder, "toys", URI, &fixture->serving), 0);
        *state = fixture;
        return 0;
}

static int teardown(void **state) {
        struct fixture *fixture = *state;
        void *scratch = fixture->scratch;

        serving_destroy(fixture->serving);
        store_close(fixture->store);
        free(fixture);
        return scratch_teardown(&scratch);
}

/* Publishes a version of five files, and returns its number and manifest. */
static int64_t publish(struct fixture *fixture, const char *run, struct manifest *ret_manifest) {
        return served_publish(&fixture->registry, run, ret_manifest).version;
}

static bool is_file(const char *path) {
        struct stat status;

        return !stat(path, &status) && S_ISREG(status.st_mode);
}

static void must_be_sound(struct fixture *fixture, int64_t version) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        struct registry *registry = serving_registry(fixture->serving);
        char path[STORE_PATH_BYTES];

        assert_int_equal(registry_read_manifest(registry, version, &manifest), 0);
        for (size_t i = 0; i < 4; i++)
                assert_int_equal(registry_fetch_file(registry, &manifest, served_files[i], path), 0);
}

static void test_a_version_is_kept_and_let_go(void **state) {
        struct fixture *fixture = *state;
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        int64_t versions[SERVING_VERSIONS_MAX];
        char digest[DIGEST_SHA256_BYTES];
        size_t n = 9;

        assert_int_equal(serving_list(fixture->serving, versions, &n), 0);
        assert_int_equal(n, 0);
        assert_false(serving_has(fixture->serving, 1, NULL));
        assert_int_equal(publish(fixture, "run-a", &manifest), 1);
        assert_int_equal(serving_keep(fixture->serving, &fixture->registry, &manifest), 0);
        must_be_sound(fixture, 1);
        assert_int_equal(digest_sha256(manifest.text.data, manifest.text.n_bytes, digest), 0);
        assert_true(serving_has(fixture->serving, 1, digest));
        digest[0] = digest[0] == '0' ? '1' : '0';
        assert_false(serving_has(fixture->serving, 1, digest));
        /* what is not needed to answer is not kept */
        assert_false(file_exists(path_in(fixture, "serving/toys/versions/1/report.html")));
        assert_int_equal(serving_list(fixture->serving, versions, &n), 0);
        assert_int_equal(n, 1);
        assert_int_equal(versions[0], 1);
        /* again, in its own place */
        assert_int_equal(serving_keep(fixture->serving, &fixture->registry, &manifest), 0);
        must_be_sound(fixture, 1);
        serving_drop(fixture->serving, 1);
        assert_false(serving_has(fixture->serving, 1, NULL));
        assert_false(file_exists(path_in(fixture, "serving/toys/versions/1")));
        serving_drop(fixture->serving, 1);
}

/* A version that is only half in the registry is not half kept. */
static void test_what_cannot_be_fetched_is_not_kept(void **state) {
        struct fixture *fixture = *state;
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;

        publish(fixture, "run-a", &manifest);
        assert_int_equal(truncate(path_in(fixture, "registry/toys/versions/1/" BUNDLE_MODEL), 3), 0);
        assert_int_equal(serving_keep(fixture->serving, &fixture->registry, &manifest), REGISTRY_E_CORRUPT);
        assert_false(file_exists(path_in(fixture, "serving/toys/versions/1")));
        assert_int_equal(unlink(path_in(fixture, "registry/toys/versions/1/" BUNDLE_MODEL)), 0);
        assert_int_equal(serving_keep(fixture->serving, &fixture->registry, &manifest), REGISTRY_E_MISSING);
        assert_false(serving_has(fixture->serving, 1, NULL));
}

static int cut_off(struct hooked_store *store, const char *name, bool writes _unused_) {
        int *n_left = store->context;

        (void)name;
        return (*n_left)-- > 0 ? 0 : -ECONNRESET;
}

/* The registry goes at any of the files. */
static void test_a_registry_that_goes_meanwhile(void **state) {
        struct fixture *fixture = *state;
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        struct hooked_store store = HOOKED_STORE_OVER(fixture->store);
        struct registry registry;
        int n_left, n;

        publish(fixture, "run-a", &manifest);
        store.before = cut_off;
        store.context = &n_left;
        assert_int_equal(registry_init(&registry, &store.super, "toys"), 0);
        for (n = 0; n < 4; n++) {
                n_left = n;
                assert_int_equal(serving_keep(fixture->serving, &registry, &manifest), -ECONNRESET);
                assert_false(serving_has(fixture->serving, 1, NULL));
        }
        n_left = n;
        assert_int_equal(serving_keep(fixture->serving, &registry, &manifest), 0);
        must_be_sound(fixture, 1);
}

/* What a process leaves that dies between the files and the manifest is no version, and in nobody's way. */
static void test_what_is_torn_is_none(void **state) {
        struct fixture *fixture = *state;
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        int64_t versions[SERVING_VERSIONS_MAX];
        size_t n;

        publish(fixture, "run-a", &manifest);
        assert_int_equal(file_make_folders(path_in(fixture, "serving/toys/versions/1")), 0);
        assert_int_equal(file_replace(path_in(fixture, "serving/toys/versions/1/" BUNDLE_MODEL), "half", 4), 0);
        assert_int_equal(file_make_folders(path_in(fixture, "serving/toys/versions/notes")), 0);
        assert_int_equal(file_replace(path_in(fixture, "serving/toys/versions/3"), "x", 1), 0);
        assert_false(serving_has(fixture->serving, 1, NULL));
        assert_int_equal(serving_list(fixture->serving, versions, &n), 0);
        assert_int_equal(n, 0);
        assert_int_equal(serving_keep(fixture->serving, &fixture->registry, &manifest), 0);
        must_be_sound(fixture, 1);
        assert_true(file_exists(path_in(fixture, "serving/toys/versions/notes")));
        assert_true(is_file(path_in(fixture, "serving/toys/versions/3")));
}

static struct serving_rollback make_rollback(const char *id, int64_t from, int64_t to) {
        struct serving_rollback rollback = { .from = from, .to = to, .after = 3, .at_ms = 1767323045678 };

        snprintf(rollback.id, sizeof(rollback.id), "%s", id);
        snprintf(rollback.actor, sizeof(rollback.actor), "http");
        snprintf(rollback.reason, sizeof(rollback.reason), "why \"%s\"\n", id);
        return rollback;
}

/* 3 is champion, 2 and 1 were before. */
static void fill(struct serving_state *state) {
        const struct alias_request request = { .id = "m", .actor = "ann", .at_ms = 1767323045678 };

        memset(state, 0, sizeof(*state));
        state->is_seen = true;
        for (int64_t version = 1; version <= 3; version++)
                aliases_release(&state->aliases, &request, version, version - 1, true, &state->aliases);
}

static void must_be_equal(const struct serving_state *a, const struct serving_state *b) {
        assert_int_equal(a->is_seen, b->is_seen);
        assert_int_equal(a->aliases.sequence, b->aliases.sequence);
        assert_int_equal(aliases_find(&a->aliases, ALIASES_CHAMPION), aliases_find(&b->aliases, ALIASES_CHAMPION));
        assert_int_equal(aliases_target(&a->aliases), aliases_target(&b->aliases));
        assert_int_equal(a->n_pending, b->n_pending);
        for (size_t i = 0; i < a->n_pending; i++)
                assert_memory_equal(&a->pending[i], &b->pending[i], sizeof(a->pending[i]));
        assert_memory_equal(&a->dropped, &b->dropped, sizeof(a->dropped));
}

static void test_state_is_read_as_it_was_saved(void **state) {
        struct fixture *fixture = *state;
        static struct serving_state saved, read;

        assert_int_equal(serving_read(fixture->serving, &read), 0);
        assert_false(read.is_seen);
        /* a registry in which nothing has moved yet */
        memset(&saved, 0, sizeof(saved));
        saved.is_seen = true;
        assert_int_equal(serving_save(fixture->serving, &saved), 0);
        assert_int_equal(serving_read(fixture->serving, &read), 0);
        must_be_equal(&read, &saved);
        fill(&saved);
        for (size_t i = 0; i < SERVING_PENDING_MAX; i++)
                saved.pending[saved.n_pending++] = make_rollback("p", 3, 2);
        saved.dropped.rollback = make_rollback("d", 5, 4);
        saved.dropped.sequence = 7;
        snprintf(saved.dropped.sentence, sizeof(saved.dropped.sentence), "since");
        assert_int_equal(serving_save(fixture->serving, &saved), 0);
        assert_int_equal(serving_read(fixture->serving, &read), 0);
        must_be_equal(&read, &saved);
        /* nothing is written that is there */
        assert_int_equal(unlink(path_in(fixture, "serving/toys/serving.json")), 0);
        assert_int_equal(serving_save(fixture->serving, &saved), 0);
        assert_false(file_exists(path_in(fixture, "serving/toys/serving.json")));
}

/* Every byte of it counts, and so does every length. */
static void test_a_damaged_state_is_not_used(void **state) {
        struct fixture *fixture = *state;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        static struct serving_state saved, read;
        struct buffer damaged;
        struct fault fault;
        bool is_ours;

        fill(&saved);
        saved.pending[saved.n_pending++] = make_rollback("p", 3, 2);
        assert_int_equal(serving_state_format(&saved, URI, &text), 0);
        for (size_t i = 0; i < text.n_bytes; i++) {
                text.data[i] ^= 1;
                fault = (struct fault)FAULT_NULL;
                assert_int_equal(serving_state_parse(&text, URI, &is_ours, &read, &fault), FAULT_E_INPUT);
                text.data[i] ^= 1;
                damaged = text;
                damaged.n_bytes = i;
                fault = (struct fault)FAULT_NULL;
                assert_int_equal(serving_state_parse(&damaged, URI, &is_ours, &read, &fault), FAULT_E_INPUT);
        }
        assert_int_equal(serving_state_parse(&text, URI, &is_ours, &read, &fault), 0);
        assert_true(is_ours);
        must_be_equal(&read, &saved);
        assert_int_equal(serving_state_parse(&text, "s3://other", &is_ours, &read, &fault), 0);
        assert_false(is_ours);
        assert_int_equal(file_make_folders(path_in(fixture, "serving/toys")), 0);
        assert_int_equal(file_replace(path_in(fixture, "serving/toys/serving.json"), text.data, text.n_bytes - 1), 0);
        assert_int_equal(serving_read(fixture->serving, &read), 0);
        assert_false(read.is_seen);
}

static void test_a_state_that_cannot_be_saved_leaves_the_old_one(void **state) {
        struct fixture *fixture = *state;
        static struct serving_state saved, next, read;
        char folder[1100], aside[1100];

        fill(&saved);
        assert_int_equal(serving_save(fixture->serving, &saved), 0);
        next = saved;
        next.pending[next.n_pending++] = make_rollback("p", 3, 2);
        /* a file where temporary ones would be made */
        snprintf(folder, sizeof(folder), "%s", path_in(fixture, "serving/.temporary"));
        snprintf(aside, sizeof(aside), "%s", path_in(fixture, "aside"));
        assert_int_equal(rename(folder, aside), 0);
        assert_int_equal(file_replace(folder, "", 0), 0);
        assert_true(serving_save(fixture->serving, &next) < 0);
        assert_int_equal(serving_read(fixture->serving, &read), 0);
        must_be_equal(&read, &saved);
        assert_int_equal(unlink(folder), 0);
        assert_int_equal(rename(aside, folder), 0);
        assert_int_equal(serving_save(fixture->serving, &next), 0);
        assert_int_equal(serving_read(fixture->serving, &read), 0);
        must_be_equal(&read, &next);
}

/* What says whose they are is gone, damaged, or names another registry: a number alone says nothing. */
static void test_versions_go_with_their_state(void **state) {
        struct fixture *fixture = *state;
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
        static struct serving_state saved, read;
        struct serving *other = NULL;
        char folder[1100];

        publish(fixture, "run-a", &manifest);
        for (int round = 0; round < 3; round++) {
                fill(&saved);
                saved.dropped.sequence = round;
                saved.dropped.rollback = make_rollback("d", 5, 4);
                assert_int_equal(serving_save(fixture->serving, &saved), 0);
                assert_int_equal(serving_keep(fixture->serving, &fixture->registry, &manifest), 0);
                assert_int_equal(serving_read(fixture->serving, &read), 0);
                must_be_sound(fixture, 1);
                snprintf(folder, sizeof(folder), "%s", path_in(fixture, "serving"));
                assert_int_equal(serving_create(folder, "toys", round ? URI : "s3://other", &other), 0);
                if (round == 1)
                        assert_int_equal(unlink(path_in(fixture, "serving/toys/serving.json")), 0);
                if (round == 2)
                        assert_int_equal(file_replace(path_in(fixture, "serving/toys/serving.json"), "{}", 2), 0);
                assert_int_equal(serving_read(other, &read), 0);
                assert_false(read.is_seen);
                assert_false(serving_has(other, 1, NULL));
                assert_false(file_exists(path_in(fixture, "serving/toys/versions/1")));
                other = serving_destroy(other);
        }
}

static void test_pending_rollbacks_are_applied(void **state) {
        static struct serving_state known;
        struct aliases aliases;

        (void)state;
        fill(&known);
        serving_state_apply(&known, &aliases);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 3);
        assert_int_equal(aliases_target(&aliases), 2);
        known.pending[known.n_pending++] = make_rollback("p", 3, 2);
        serving_state_apply(&known, &aliases);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 2);
        assert_int_equal(aliases_target(&aliases), 1);
        assert_true(aliases.is_pinned);
        assert_int_equal(aliases.sequence, 4);
        assert_string_equal(aliases.last.id, "p");
        /* one that does not follow changes nothing */
        known.pending[known.n_pending++] = make_rollback("q", 3, 1);
        serving_state_apply(&known, &aliases);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 2);
        known.pending[known.n_pending++] = make_rollback("r", 2, 1);
        serving_state_apply(&known, &aliases);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), 1);
        assert_int_equal(aliases_target(&aliases), ALIASES_NONE);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_version_is_kept_and_let_go),
                TEST(test_what_cannot_be_fetched_is_not_kept),
                TEST(test_a_registry_that_goes_meanwhile),
                TEST(test_what_is_torn_is_none),
                TEST(test_state_is_read_as_it_was_saved),
                TEST(test_a_damaged_state_is_not_used),
                TEST(test_a_state_that_cannot_be_saved_leaves_the_old_one),
                TEST(test_versions_go_with_their_state),
                TEST(test_pending_rollbacks_are_applied),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
