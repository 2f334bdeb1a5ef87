/*
 * Push, ended at every operation of the store: before it and after it, for every one of them, the redo on a healthy
 * store gives the same version with the same bytes, moves the alias once, and leaves no second version.
 */

#include "tests/unit/pusher/push_support.h"

#include <errno.h>

/* A store that dies at its n-th operation, and stays dead. */
struct mortal {
        struct store super;
        struct store *inner;
        int n_left;
        bool dies_after; /* the last operation is done, but nobody hears of it */
};

/* Works the operation; its result reaches the caller only while the store lives. */
#define MORTAL(operation) \
        __extension__({ \
                struct mortal *mortal_ = (struct mortal *)super; \
                int result_ = -EIO; \
                if (mortal_->n_left > 0 || (mortal_->n_left == 0 && mortal_->dies_after)) { \
                        struct store *store = mortal_->inner; \
                        result_ = (operation); \
                } \
                if (mortal_->n_left-- <= 0) \
                        result_ = -EIO; \
                result_; \
        })

static int mortal_get(struct store *super, const char *name, struct buffer *ret_content,
                      char ret_etag[STORE_ETAG_BYTES]) {
        int r = MORTAL(store->kind->get(store, name, ret_content, ret_etag));

        if (r)
                buffer_finish(ret_content);
        return r;
}

static int mortal_put(struct store *super, const char *name, enum store_condition condition, const char *etag,
                      const void *bytes, size_t n_bytes) {
        return MORTAL(store->kind->put(store, name, condition, etag, bytes, n_bytes));
}

/* One by one, so that some may be there and others not. */
static int mortal_put_many(struct store *super, const struct store_item *items, size_t n_items) {
        int r = 0;

        for (size_t i = 0; i < n_items && !r; i++)
                r = MORTAL(
                        store->kind->put(store, items[i].name, STORE_ALWAYS, NULL, items[i].bytes, items[i].n_bytes));
        return r;
}

static int mortal_fetch(struct store *super, const char *name, const char *digest, char ret_path[STORE_PATH_BYTES]) {
        return MORTAL(store->kind->fetch(store, name, digest, ret_path));
}

static int mortal_list(struct store *super, const char *folder, const char *after, size_t n_max,
                       struct store_page *ret_page) {
        struct store_page page = STORE_PAGE_NULL;
        int r = MORTAL(store->kind->list(store, folder, after, n_max, &page));

        if (r)
                store_page_finish(&page);
        else
                *ret_page = page;
        return r;
}

static const struct store_kind mortal_kind = {
        .get = mortal_get,
        .put = mortal_put,
        .put_many = mortal_put_many,
        .fetch = mortal_fetch,
        .list = mortal_list,
};

/* Pushes until the store dies at operation n; true when it lived through. */
static bool push_mortal(struct pushing *pushing, const char *run, int n, bool dies_after) {
        struct mortal mortal = { { &mortal_kind }, pushing->store, n, dies_after };
        struct registry registry;
        struct pusher_to_gateway release;
        struct fault fault;
        int r;

        assert_int_equal(registry_init(&registry, &mortal.super, "toys"), 0);
        r = push_as(pushing, run, "build-1", 1767323045678 + n, &registry, &release, &fault);
        assert_true(r == 0 || r == -EIO);
        return r == 0 && mortal.n_left >= 0;
}

/* The registry is whole: every version there can be read, and the alias names one of them. */
static void check_whole(struct pushing *pushing, int64_t champion) {
        _cleanup_(registry_versions_finish) struct registry_versions versions = REGISTRY_VERSIONS_NULL;
        struct aliases aliases;

        assert_int_equal(registry_versions_init(&pushing->registry, &versions), 0);
        for (;;) {
                _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
                int r = registry_versions_next(&versions, &manifest);
                char path[STORE_PATH_BYTES];

                if (r == REGISTRY_E_MISSING)
                        break;
                assert_int_equal(r, 0);
                for (size_t k = 0; k < manifest.n_files; k++)
                        assert_int_equal(
                                registry_fetch_file(&pushing->registry, &manifest, manifest.files[k].name, path), 0);
        }
        assert_int_equal(registry_read_aliases(&pushing->registry, &aliases), 0);
        if (champion)
                assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), champion);
        for (int64_t sequence = 1; sequence <= aliases.sequence; sequence++) {
                struct alias_move move;

                assert_int_equal(registry_read_move(&pushing->registry, sequence, &move), 0);
        }
}

static void sweep(struct pushing *pushing, bool dies_after) {
        bool is_done = false;
        int n = 0;

        for (; !is_done; n++) {
                struct pusher_to_gateway release, again;
                char run[UUID_TEXT_BYTES];
                struct fault fault;
                int64_t before = count_versions(&pushing->registry);

                snprintf(run, sizeof(run), "01890a5d-ac96-774b-bcce-b3020%07x", (unsigned)n & 0xfffU);
                pushing->message.verdict.compared_version = before;
                is_done = push_mortal(pushing, run, n, dies_after);
                check_whole(pushing, 0);
                assert_int_equal(push_as(pushing, run, "build-1", 1767323099999, &pushing->registry, &release, &fault),
                                 0);
                assert_int_equal(release.version, before + 1);
                assert_true(release.accepted && release.promoted);
                assert_int_equal(count_versions(&pushing->registry), before + 1);
                check_whole(pushing, before + 1);
                assert_int_equal(push_as(pushing, run, "build-1", 1767323099999, &pushing->registry, &again, &fault),
                                 0);
                assert_memory_equal(&release, &again, sizeof(release));
                assert_int_equal(count_versions(&pushing->registry), before + 1);
        }
        print_message("a push takes %d operations of the store\n", n - 1);
        assert_in_range(n, 20, 200);
}

static void test_dead_before_each_operation(void **state) {
        sweep(*state, false);
}

static void test_dead_after_each_operation(void **state) {
        sweep(*state, true);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_dead_before_each_operation, pushing_setup, pushing_teardown),
                cmocka_unit_test_setup_teardown(test_dead_after_each_operation, pushing_setup, pushing_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
