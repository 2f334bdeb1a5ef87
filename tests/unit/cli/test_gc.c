/* Garbage collection: what goes, what stays, and that nothing dangles, wherever it is cut off. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cli/gc.h"
#include "cli/gc_versions.h"
#include "common/base/clock.h"
#include "proto/run_manifest.h"
#include "proto/stage_manifest.h"
#include "tests/support/samples.h"
#include "tests/unit/store/registry_support.h"

enum {
        N_RUNS = 9,
        HOUR_MS = 3600 * 1000,
};

/* The operations of a store, the n-th write of which fails, and all after it: as if the process had died. */
struct failing {
        struct store_kind kind;
        const struct store_kind *real;
};

static int n_writes, n_writes_max;
static struct failing failing_store, failing_registry;

/* A store and a registry in which all was written now; who collects them looks from two days ahead. */
struct world {
        struct scratch *scratch;
        struct store *store, *registry_store;
        struct registry registry;
        char told[4096]; /* "run <id>\n" … of what was removed */
        struct gc_counts counts;
};

static struct store *must_open(struct scratch *scratch, const char *folder) {
        struct fault fault = FAULT_NULL;
        struct store *store = NULL;
        char uri[1100];

        snprintf(uri, sizeof(uri), "file://%s", scratch_path(scratch, folder));
        assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &store, &fault), 0);
        return store;
}

static int setup(void **state) {
        struct world *world = calloc(1, sizeof(*world));
        void *scratch = NULL;

        if (!world || scratch_setup(&scratch))
                return -1;
        world->scratch = scratch;
        world->store = must_open(world->scratch, "store");
        world->registry_store = must_open(world->scratch, "registry");
        *state = world;
        return registry_init(&world->registry, world->registry_store, "toy");
}

static int teardown(void **state) {
        struct world *world = *state;
        void *scratch = world->scratch;

        store_close(world->store);
        store_close(world->registry_store);
        free(world);
        return scratch_teardown(&scratch);
}

/* The id of run n; higher numbers are newer. */
static const char *run_id(int n) {
        static char ids[4][UUID_TEXT_BYTES];
        static int last;
        char *id = ids[last++ % 4];

        snprintf(id, UUID_TEXT_BYTES, "01890a5d-%04d-774b-bcce-b302099a8057", n);
        return id;
}

static const char *put_blob(struct world *world, const char *text) {
        static char digests[8][DIGEST_SHA256_BYTES];
        static int last;
        char *digest = digests[last++ % 8];

        assert_int_equal(store_put_blob(world->store, text, strlen(text), digest), 0);
        return digest;
}

static bool has_blob(struct world *world, const char *text) {
        char digest[DIGEST_SHA256_BYTES], path[STORE_PATH_BYTES];

        assert_int_equal(digest_sha256(text, strlen(text), digest), 0);
        return !store_fetch_blob(world->store, digest, path);
}

static bool has_object(struct store *store, const char *name) {
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;

        return !store_get(store, name, &content, NULL);
}

static bool has_run(struct world *world, int n) {
        char name[MANIFEST_NAME_BYTES];

        stage_manifest_name(run_id(n), STAGE_GATEWAY, name);
        return has_object(world->store, name);
}

static void put_run_of(struct world *world, int n, enum run_state state, const char *model, int64_t champion) {
        static struct run_manifest manifest;
        static union sample sample;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char name[MANIFEST_NAME_BYTES];

        manifest = (struct run_manifest){ .attempt = 1, .state = state, .created_at = 1, .began_at = 1 };
        memcpy(manifest.run_id, run_id(n), UUID_TEXT_BYTES);
        sample_message(MESSAGE_GATEWAY_TO_INGESTOR, &sample);
        memcpy(&manifest.order, sample.bytes, sizeof(manifest.order));
        snprintf(manifest.order.parameters.name, sizeof(manifest.order.parameters.name), "%s", model);
        manifest.order.has_champion = champion;
        manifest.order.champion.version = champion;
        memset(manifest.order.champion.manifest, 'c', DIGEST_SHA256_BYTES - 1);
        assert_int_equal(run_manifest_write(&manifest, &text), 0);
        stage_manifest_name(run_id(n), STAGE_GATEWAY, name);
        assert_int_equal(store_put(world->store, name, text.data, text.n_bytes), 0);
}

/* Run n, whose ingestor has made a blob of its own, "rows N", and one that all have. */
static void put_run(struct world *world, int n, enum run_state state) {
        char name[MANIFEST_NAME_BYTES], text[512], rows[32];

        put_run_of(world, n, state, "toy", 0);
        snprintf(rows, sizeof(rows), "rows %d", n);
        snprintf(text, sizeof(text), "{\"train\":\"%s\",\"schema\":\"%s\"}", put_blob(world, rows),
                 put_blob(world, "schema"));
        stage_manifest_name(run_id(n), STAGE_INGESTOR, name);
        assert_int_equal(store_put(world->store, name, text, strlen(text)), 0);
}

static void put_cached(struct world *world, const char *key, const char *blob) {
        char name[STORE_NAME_BYTES], text[256];

        snprintf(name, sizeof(name), "cache/%s.json", key);
        snprintf(text, sizeof(text), "{\"output\":\"%s\"}", put_blob(world, blob));
        assert_int_equal(store_put(world->store, name, text, strlen(text)), 0);
}

static void note_removal(void *context, enum gc_kind kind, const char *name, int64_t n_bytes) {
        struct world *world = context;
        size_t n = strlen(world->told);

        assert_true(n_bytes > 0);
        if (kind != GC_BLOB)
                snprintf(world->told + n, sizeof(world->told) - n, "%s %s\n", gc_kind_names[kind], name);
}

static int collect(struct world *world, int64_t runs, int64_t versions, int64_t now_ms, bool is_dry) {
        struct fault fault = FAULT_NULL;

        world->told[0] = 0;
        return gc(&(struct gc_options){ .store = world->store,
                                        .registry = &world->registry,
                                        .runs = runs,
                                        .versions = versions,
                                        .grace_ms = 24 * HOUR_MS,
                                        .now_ms = now_ms,
                                        .is_dry = is_dry,
                                        .on_remove = note_removal,
                                        .context = world },
                  &world->counts, &fault);
}

static int64_t two_days_ahead(void) {
        return clock_realtime_ms() + 48 * HOUR_MS;
}

static void the_last_runs_stay(void **state) {
        struct world *world = *state;

        for (int i = 1; i <= 5; i++)
                put_run(world, i, i == 2 ? RUN_STATE_FAILED : RUN_STATE_SUCCEEDED);
        put_blob(world, "of nobody");
        assert_int_equal(collect(world, 2, 0, two_days_ahead(), false), 0);
        for (int i = 1; i <= 5; i++)
                assert_int_equal(has_run(world, i), i > 3);
        assert_true(has_blob(world, "rows 4") && has_blob(world, "rows 5") && has_blob(world, "schema"));
        assert_false(has_blob(world, "rows 1") || has_blob(world, "rows 3") || has_blob(world, "of nobody"));
        assert_int_equal(world->counts.of[GC_RUN].n_removed, 3);
        assert_int_equal(world->counts.of[GC_RUN].n_kept, 2);
        assert_int_equal(world->counts.of[GC_BLOB].n_removed, 4);
        assert_int_equal(world->counts.of[GC_BLOB].n_kept, 3);
}

static void what_has_not_ended_or_is_another_s_stays(void **state) {
        struct world *world = *state;
        char name[MANIFEST_NAME_BYTES];

        put_run(world, 1, RUN_STATE_RUNNING);
        put_run(world, 2, RUN_STATE_PENDING);
        put_run(world, 3, RUN_STATE_CANCELING);
        put_run_of(world, 4, RUN_STATE_SUCCEEDED, "another", 0);
        stage_manifest_name(run_id(5), STAGE_GATEWAY, name);
        assert_int_equal(store_put(world->store, name, "{", 1), 0);
        put_run(world, 6, RUN_STATE_CANCELED);
        put_run(world, 7, RUN_STATE_SUCCEEDED);
        stage_manifest_name(run_id(8), STAGE_INGESTOR, name);
        assert_int_equal(store_put(world->store, name, "{}", 2), 0);
        assert_int_equal(collect(world, 1, 0, two_days_ahead(), false), 0);
        assert_int_equal(world->counts.n_unreadable, 1);
        for (int i = 1; i <= 7; i++)
                assert_int_equal(has_run(world, i), i != 6);
        /* what was left of a run that was being removed */
        assert_false(has_object(world->store, name));
        assert_true(has_blob(world, "rows 1") && has_blob(world, "rows 2") && has_blob(world, "rows 3"));
        assert_false(has_blob(world, "rows 6"));
}

static void nothing_young_goes(void **state) {
        struct world *world = *state;
        struct alias_move move;

        put_run(world, 1, RUN_STATE_FAILED);
        put_run(world, 2, RUN_STATE_SUCCEEDED);
        put_blob(world, "of a run that has not named it yet");
        put_cached(world, "old", "cached");
        assert_int_equal(toy_push(&world->registry, "run-a", ALIASES_NONE, &move), 0);
        assert_int_equal(toy_push(&world->registry, "run-b", ALIASES_NONE, &move), 0);
        assert_int_equal(toy_push(&world->registry, "run-c", ALIASES_NONE, &move), 0);
        assert_int_equal(collect(world, 1, 0, clock_realtime_ms() + 23 * HOUR_MS, false), 0);
        assert_string_equal(world->told, "");
        assert_int_equal(world->counts.of[GC_BLOB].n_removed, 0);
        assert_int_equal(toy_n_versions(&world->registry), 3);
}

static void a_cache_entry_goes_with_its_blobs(void **state) {
        struct world *world = *state;

        put_run(world, 1, RUN_STATE_SUCCEEDED);
        put_run(world, 2, RUN_STATE_SUCCEEDED);
        put_cached(world, "a", "rows 1");
        put_cached(world, "b", "rows 2");
        put_cached(world, "c", "only cached");
        assert_int_equal(collect(world, 1, 0, two_days_ahead(), false), 0);
        assert_false(has_object(world->store, "cache/a.json") || has_object(world->store, "cache/c.json"));
        assert_true(has_object(world->store, "cache/b.json"));
        assert_false(has_blob(world, "rows 1") || has_blob(world, "only cached"));
        assert_true(has_blob(world, "rows 2"));
}

/* Versions 1 to n, each champion in its turn. */
static void push_versions(struct world *world, int n) {
        struct aliases aliases;
        struct alias_move move;

        for (int i = 1; i <= n; i++) {
                assert_int_equal(registry_read_aliases(&world->registry, &aliases), 0);
                assert_int_equal(toy_push(&world->registry, run_id(i), aliases_find(&aliases, ALIASES_CHAMPION), &move),
                                 0);
                assert_int_equal(move.version, i);
        }
}

static bool has_version(struct world *world, int64_t number) {
        _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;

        return !registry_read_manifest(&world->registry, number, &manifest);
}

static void set_alias(struct world *world, const char *name, int64_t version, int want) {
        assert_int_equal(registry_set_alias(&world->registry, &by_ann, name, version, ALIASES_ANY, NULL), want);
}

static void versions_in_use_stay(void **state) {
        struct world *world = *state;
        struct alias_move move;

        for (int i = 1; i <= 8; i++)
                put_run(world, i, RUN_STATE_SUCCEEDED);
        put_run(world, 9, RUN_STATE_FAILED);
        push_versions(world, 3);
        assert_int_equal(registry_roll_back(&world->registry, &by_ann, 3, ALIASES_NONE, NULL), 0); /* 2 is pinned */
        for (int i = 4; i <= 8; i++)
                assert_int_equal(toy_push(&world->registry, run_id(i), 2, &move), 0); /* challengers */
        set_alias(world, "keep", 5, 0);
        assert_int_equal(registry_pin(&world->registry, &by_ann, false, NULL), 0);
        assert_int_equal(collect(world, 1, 1, two_days_ahead(), false), 0);
        /* 1 is the next target, 2 champion, 3 previous, 5 named, 8 challenger, 7 the last of the others */
        assert_string_equal(world->told, "version 6\nversion 4\nrun 01890a5d-0004-774b-bcce-b302099a8057\n"
                                         "run 01890a5d-0006-774b-bcce-b302099a8057\n");
        for (int i = 1; i <= 8; i++) {
                assert_int_equal(has_version(world, i), i != 4 && i != 6);
                assert_int_equal(has_run(world, i), i != 4 && i != 6);
        }
        assert_false(has_object(world->registry_store, "toy/versions/6/model.ubj"));
        assert_true(has_object(world->registry_store, "toy/versions/7/model.ubj"));
}

static void a_number_is_never_given_again(void **state) {
        struct world *world = *state;
        struct alias_move move;

        push_versions(world, 2);
        assert_int_equal(registry_roll_back(&world->registry, &by_ann, 2, 1, NULL), 0);
        assert_int_equal(toy_push(&world->registry, run_id(3), 1, &move), 0);
        set_alias(world, ALIASES_CHAMPION, 3, 0); /* 2 was rolled back from, and bears no alias any more */
        assert_int_equal(collect(world, 1, 0, two_days_ahead(), false), 0);
        assert_string_equal(world->told, "version 2\n");
        assert_int_equal(toy_push(&world->registry, run_id(4), 3, &move), 0);
        assert_int_equal(move.version, 4);
        set_alias(world, "old", 2, REGISTRY_E_MISSING);
        assert_int_equal(registry_roll_back(&world->registry, &by_ann, 4, 2, NULL), REGISTRY_E_MISSING);
        assert_int_equal(registry_roll_back(&world->registry, &by_ann, 4, ALIASES_NONE, NULL), 0);
}

static void a_run_in_flight_keeps_what_it_is_measured_by(void **state) {
        struct world *world = *state;
        struct alias_move move;

        push_versions(world, 2);
        assert_int_equal(registry_roll_back(&world->registry, &by_ann, 2, 1, NULL), 0);
        assert_int_equal(toy_push(&world->registry, run_id(3), 1, &move), 0);
        set_alias(world, ALIASES_CHAMPION, 3, 0);
        put_run_of(world, 5, RUN_STATE_RUNNING, "toy", 2);
        assert_int_equal(collect(world, 1, 0, two_days_ahead(), false), 0);
        assert_string_equal(world->told, "");
        assert_true(has_version(world, 2));
}

static void a_registry_that_cannot_be_read_stops_it(void **state) {
        struct world *world = *state;

        put_run(world, 1, RUN_STATE_SUCCEEDED);
        put_run(world, 2, RUN_STATE_SUCCEEDED);
        push_versions(world, 1);
        assert_int_equal(store_put(world->registry_store, "toy/aliases.json", "{", 1), 0);
        assert_int_equal(collect(world, 1, 0, two_days_ahead(), false), FAULT_E_INPUT);
        assert_true(has_run(world, 1) && has_blob(world, "rows 1"));
}

/* Something for each kind to go. */
static void fill(struct world *world) {
        struct alias_move move;

        for (int i = 1; i <= N_RUNS; i++)
                put_run(world, i, RUN_STATE_SUCCEEDED);
        put_cached(world, "a", "rows 4");
        put_cached(world, "b", "rows 9");
        push_versions(world, 2);
        assert_int_equal(registry_roll_back(&world->registry, &by_ann, 2, 1, NULL), 0);
        assert_int_equal(toy_push(&world->registry, run_id(3), 1, &move), 0);
        set_alias(world, ALIASES_CHAMPION, 3, 0);
}

static void a_dry_run_tells_the_same(void **state) {
        struct world *world = *state;
        struct gc_counts counts;
        char told[sizeof(world->told)];

        fill(world);
        assert_int_equal(collect(world, 2, 0, two_days_ahead(), true), 0);
        memcpy(told, world->told, sizeof(told));
        counts = world->counts;
        for (int i = 1; i <= N_RUNS; i++)
                assert_true(has_run(world, i));
        assert_true(has_version(world, 2) && has_blob(world, "rows 4"));
        assert_int_equal(collect(world, 2, 0, two_days_ahead(), false), 0);
        assert_string_equal(world->told, told);
        assert_memory_equal(&world->counts, &counts, sizeof(counts));
        assert_false(has_version(world, 2) || has_blob(world, "rows 4"));
        assert_int_equal(collect(world, 2, 0, two_days_ahead(), false), 0);
        assert_string_equal(world->told, "");
}

/* After the versions were judged. */
static void a_registry_that_is_spoilt_meanwhile_is_named(void **state) {
        struct world *world = *state;
        struct gc_versions versions = GC_VERSIONS_NULL;
        struct fault fault = FAULT_NULL;

        fill(world);
        assert_int_equal(store_put(world->registry_store, "toy/aliases.json", "{}", 2), 0);
        assert_int_equal(gc_versions_remove(&versions, &world->registry, false, NULL, NULL, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "REGISTRY_UNREADABLE");
        assert_string_equal(fault.message,
                            "what the store holds as the aliases or the history of toy is not what was put there");
}

static const struct store_kind *real_of(struct store *store) {
        return store->kind == &failing_store.kind ? failing_store.real : failing_registry.real;
}

static bool is_dead(void) {
        return n_writes++ >= n_writes_max;
}

static int dying_remove(struct store *store, const char *name) {
        return is_dead() ? -EIO : real_of(store)->remove(store, name);
}

static int dying_remove_older(struct store *store, const char *name, int64_t modified_ms) {
        return is_dead() ? -EIO : real_of(store)->remove_older(store, name, modified_ms);
}

static int dying_put(struct store *store, const char *name, enum store_condition condition, const char *etag,
                     const void *bytes, size_t n_bytes) {
        return is_dead() ? -EIO : real_of(store)->put(store, name, condition, etag, bytes, n_bytes);
}

static void make_failing(struct failing *failing, struct store *store) {
        failing->real = store->kind;
        failing->kind = *store->kind;
        failing->kind.remove = dying_remove;
        failing->kind.remove_older = dying_remove_older;
        failing->kind.put = dying_put;
        store->kind = &failing->kind;
}

static int check_file(void *context, const struct store_entry *entry) {
        struct world *world = context;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char name[STORE_NAME_BYTES], digest[DIGEST_SHA256_BYTES], path[STORE_PATH_BYTES];

        snprintf(name, sizeof(name), "cache/%s", entry->name);
        assert_int_equal(store_get(world->store, name, &text, NULL), 0);
        snprintf(digest, sizeof(digest), "%.64s", buffer_text(&text) + strlen("{\"output\":\""));
        assert_int_equal(store_fetch_blob(world->store, digest, path), 0);
        return 0;
}

static void check_nothing_dangles(struct world *world) {
        char rows[32], path[STORE_PATH_BYTES];
        struct aliases aliases;

        for (int i = 1; i <= N_RUNS; i++) {
                snprintf(rows, sizeof(rows), "rows %d", i);
                assert_true(!has_run(world, i) || has_blob(world, rows));
        }
        assert_int_equal(store_walk(world->store, "cache", check_file, world), 0);
        assert_int_equal(registry_read_aliases(&world->registry, &aliases), 0);
        for (size_t i = 0; i < aliases.n_aliases; i++)
                assert_true(has_version(world, aliases.aliases[i].version));
        for (int64_t number = 1; number <= 3; number++) {
                _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;

                if (registry_read_manifest(&world->registry, number, &manifest))
                        continue;
                for (size_t i = 0; i < manifest.n_files; i++)
                        assert_int_equal(registry_fetch_file(&world->registry, &manifest, manifest.files[i].name, path),
                                         0);
        }
}

static void whoever_kills_it_leaves_nothing_dangling(void **state) {
        struct world *world = *state;
        int r = -1;

        fill(world);
        make_failing(&failing_store, world->store);
        make_failing(&failing_registry, world->registry_store);
        for (n_writes_max = 0; r; n_writes_max++) {
                n_writes = 0;
                r = collect(world, 2, 0, two_days_ahead(), false);
                assert_true(!r || r == -EIO);
                check_nothing_dangles(world);
        }
        /* each call went one step further than the one before, so the last one had the end to do alone */
        assert_true(n_writes_max > 3);
        world->store->kind = failing_store.real;
        world->registry_store->kind = failing_registry.real;
        for (int i = 1; i <= N_RUNS; i++)
                assert_int_equal(has_run(world, i), i > N_RUNS - 2 || i == 1 || i == 3);
        assert_false(has_version(world, 2) || has_object(world->registry_store, "toy/versions/2/model.ubj"));
        assert_false(has_blob(world, "rows 2") || has_object(world->store, "runs/01890a5d-0002-774b-bcce-b302099a8057/"
                                                                           "ingestor.json"));
}

static int renewing_remove_older(struct store *store, const char *name, int64_t modified_ms) {
        assert_int_equal(store_put_blob(store, "of nobody", 9, NULL), 0);
        return failing_store.real->remove_older(store, name, modified_ms);
}

static void what_is_published_meanwhile_stays(void **state) {
        static const struct timespec old[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = 1000000000 } };
        struct world *world = *state;
        char path[STORE_PATH_BYTES];

        assert_int_equal(store_fetch_blob(world->store, put_blob(world, "of nobody"), path), 0);
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
        make_failing(&failing_store, world->store);
        failing_store.kind = *failing_store.real;
        failing_store.kind.remove_older = renewing_remove_older;
        assert_int_equal(collect(world, 1, 0, clock_realtime_ms(), false), 0);
        assert_int_equal(world->counts.of[GC_BLOB].n_removed, 0);
        assert_int_equal(world->counts.of[GC_BLOB].n_kept, 1);
        assert_true(has_blob(world, "of nobody"));
        world->store->kind = failing_store.real;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(the_last_runs_stay, setup, teardown),
                cmocka_unit_test_setup_teardown(what_has_not_ended_or_is_another_s_stays, setup, teardown),
                cmocka_unit_test_setup_teardown(nothing_young_goes, setup, teardown),
                cmocka_unit_test_setup_teardown(a_cache_entry_goes_with_its_blobs, setup, teardown),
                cmocka_unit_test_setup_teardown(versions_in_use_stay, setup, teardown),
                cmocka_unit_test_setup_teardown(a_number_is_never_given_again, setup, teardown),
                cmocka_unit_test_setup_teardown(a_run_in_flight_keeps_what_it_is_measured_by, setup, teardown),
                cmocka_unit_test_setup_teardown(a_registry_that_cannot_be_read_stops_it, setup, teardown),
                cmocka_unit_test_setup_teardown(a_registry_that_is_spoilt_meanwhile_is_named, setup, teardown),
                cmocka_unit_test_setup_teardown(a_dry_run_tells_the_same, setup, teardown),
                cmocka_unit_test_setup_teardown(whoever_kills_it_leaves_nothing_dangling, setup, teardown),
                cmocka_unit_test_setup_teardown(what_is_published_meanwhile_stays, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
