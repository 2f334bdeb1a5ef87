/* Store: walking over all there is, and removing what is old, in a folder and in a kind that can only ask first. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/store/store.h"
#include "tests/support/scratch.h"

enum {
        N_MANY = 2 * STORE_PAGE_NAMES_MAX + 3,
        STOP = 77,
};

#define OLD_SECONDS 1000000000
#define OLD_MS (INT64_C(1000) * OLD_SECONDS)

static struct store *must_open(struct scratch *scratch) {
        struct fault fault = FAULT_NULL;
        struct store *store = NULL;
        char uri[1100];

        snprintf(uri, sizeof(uri), "file://%s", scratch->folder);
        assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &store, &fault), 0);
        return store;
}

static void make_old(struct scratch *scratch, const char *name) {
        static const struct timespec times[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = OLD_SECONDS } };

        assert_int_equal(utimensat(AT_FDCWD, scratch_path(scratch, name), times, 0), 0);
}

struct walker {
        struct store *store;
        size_t n_seen, n_stop;
        char last[STORE_NAME_BYTES];
};

static int remove_seen(void *context, const struct store_entry *entry) {
        struct walker *walker = context;
        char name[STORE_NAME_BYTES + 16];

        assert_true(strcmp(entry->name, walker->last) > 0);
        snprintf(walker->last, sizeof(walker->last), "%s", entry->name);
        snprintf(name, sizeof(name), "many/%s", entry->name);
        assert_int_equal(store_remove(walker->store, name), 0);
        return ++walker->n_seen == walker->n_stop ? STOP : 0;
}

static void a_walk_sees_all_even_while_it_removes(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        struct walker walker = { .store = store };
        struct scratch *scratch = *state;
        char name[STORE_NAME_BYTES];

        assert_int_equal(mkdir(scratch_path(scratch, "many"), 0700), 0);
        for (int i = 0; i < N_MANY; i++) {
                int fd;

                snprintf(name, sizeof(name), "many/%05d", i);
                fd = open(scratch_path(scratch, name), O_WRONLY | O_CREAT, 0600);
                assert_true(fd >= 0);
                close(fd);
        }
        walker.n_stop = 2;
        assert_int_equal(store_walk(store, "many", remove_seen, &walker), STOP);
        assert_int_equal(walker.n_seen, 2);
        assert_int_equal(store_walk(store, "many", remove_seen, &walker), 0);
        assert_int_equal(walker.n_seen, N_MANY);
        assert_int_equal(store_walk(store, "nowhere", remove_seen, &walker), 0);
}

static void check_ages(struct store *store, struct scratch *scratch) {
        static const char *const names[] = { "f/a", "f/b", "f/b0", "f/ba", "top" };

        for (size_t i = 0; i < 5; i++)
                assert_int_equal(store_put(store, names[i], "x", 1), 0);
        make_old(scratch, "f/b");
        make_old(scratch, "top");
        assert_int_equal(store_remove_older(store, "f/a", OLD_MS + 1), STORE_E_CONFLICT);
        assert_int_equal(store_remove_older(store, "f/b", OLD_MS), STORE_E_CONFLICT);
        assert_int_equal(store_remove_older(store, "f/b", OLD_MS + 1), 0);
        assert_int_equal(store_remove_older(store, "f/b", OLD_MS + 1), STORE_E_MISSING);
        assert_int_equal(store_remove_older(store, "top", OLD_MS + 1), 0);
        assert_int_equal(store_remove_older(store, "nowhere/x", INT64_MAX), STORE_E_MISSING);
        assert_int_equal(store_remove_older(store, "f/ba", INT64_MAX), 0);
        assert_int_equal(store_remove_older(store, "f/b0", INT64_MAX), 0);
        assert_int_equal(store_remove_older(store, "f/a", INT64_MAX), 0);
        assert_true(store_remove_older(store, "../x", INT64_MAX) < 0);
}

static void only_what_is_old_is_removed(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);

        check_ages(store, *state);
}

static void a_blob_published_again_is_not_old(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        char digest[DIGEST_SHA256_BYTES], name[STORE_NAME_BYTES];

        assert_int_equal(store_put_blob(store, "hello", 5, digest), 0);
        store_blob_name(digest, name);
        make_old(*state, name);
        assert_int_equal(store_put_blob(store, "hello", 5, NULL), 0);
        assert_int_equal(store_remove_older(store, name, OLD_MS + 1), STORE_E_CONFLICT);
}

static void check_renewal(struct store *store, struct scratch *scratch) {
        char digest[DIGEST_SHA256_BYTES], name[STORE_NAME_BYTES];

        assert_int_equal(store_put_blob(store, "hello", 5, digest), 0);
        store_blob_name(digest, name);
        make_old(scratch, name);
        assert_int_equal(store_renew_blob(store, digest), 0);
        assert_int_equal(store_remove_older(store, name, OLD_MS + 1), STORE_E_CONFLICT);
        assert_int_equal(store_remove(store, name), 0);
        assert_int_equal(store_renew_blob(store, digest), STORE_E_MISSING);
        assert_true(store_renew_blob(store, "no digest") < 0);
}

static void a_renewed_blob_is_not_old(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        const struct store_kind *kind = store->kind;
        struct store_kind asking = *kind;

        check_renewal(store, *state);
        asking.renew = NULL;
        store->kind = &asking;
        check_renewal(store, *state);
        store->kind = kind;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_walk_sees_all_even_while_it_removes, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(only_what_is_old_is_removed, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(a_blob_published_again_is_not_old, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(a_renewed_blob_is_not_old, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
