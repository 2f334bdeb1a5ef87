/* Registry, versions: one a run, complete with its manifest, and never changed. */

#include "tests/unit/store/registry_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "common/base/file.h"

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
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
