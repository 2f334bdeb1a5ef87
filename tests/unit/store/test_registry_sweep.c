/*
 * A pusher that dies, or is told that a call failed, at each of the system calls by which something becomes visible or
 * durable, from the first to the last. Whatever it leaves is whole or absent, and its redo completes it. The calls are
 * wrapped by the linker (meson.build), as SQLite's tests fail the n-th call for every n.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "tests/unit/store/registry_support.h"

enum mode {
        MODE_DIE,
        MODE_FAIL,
};

enum {
        EXIT_UNTOUCHED = 0, /* there were fewer calls than that */
        EXIT_DIED = 77,
        EXIT_FAILED,
        EXIT_SURVIVED, /* a call failed, and it did not matter */
        EXIT_BROKEN,
};

static enum mode mode;
static int countdown; /* 0 and below: nothing is injected; files are synced by several threads */
static bool is_injected;

/* True when this call is the one that fails. */
static bool inject(void) {
        if (__atomic_sub_fetch(&countdown, 1, __ATOMIC_SEQ_CST))
                return false;
        if (mode == MODE_DIE)
                _exit(EXIT_DIED);
        is_injected = true;
        errno = EIO;
        return true;
}

int __real_fsync(int fd);
int __real_link(const char *from, const char *to);
int __real_mkdir(const char *path, mode_t permissions);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
ssize_t __real_write(int fd, const void *bytes, size_t n_bytes);
int __wrap_fsync(int fd);
int __wrap_link(const char *from, const char *to);
int __wrap_mkdir(const char *path, mode_t permissions);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);
ssize_t __wrap_write(int fd, const void *bytes, size_t n_bytes);

int __wrap_fsync(int fd) {
        return inject() ? -1 : __real_fsync(fd);
}

int __wrap_link(const char *from, const char *to) {
        return inject() ? -1 : __real_link(from, to);
}

int __wrap_mkdir(const char *path, mode_t permissions) {
        return inject() ? -1 : __real_mkdir(path, permissions);
}

int __wrap_rename(const char *from, const char *to) {
        return inject() ? -1 : __real_rename(from, to);
}

int __wrap_unlink(const char *path) {
        return inject() ? -1 : __real_unlink(path);
}

ssize_t __wrap_write(int fd, const void *bytes, size_t n_bytes) {
        if (fd == STDERR_FILENO || !inject())
                return __real_write(fd, bytes, n_bytes);
        /* half of it arrives first */
        return __real_write(fd, bytes, n_bytes / 2) < 0 ? -1 : (errno = ENOSPC, -1);
}

/* Pushes run-a in a child that is disturbed at its n-th call; returns how the child ended. */
static int push_disturbed(struct registry *registry, int64_t expected_champion, int n) {
        int status = 0;
        pid_t pid = fork();

        if (!pid) {
                int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
                struct alias_move move;
                int r;

                dup2(quiet, STDERR_FILENO);
                countdown = n;
                r = toy_push(registry, "run-a", expected_champion, &move);
                if (!is_injected)
                        _exit(r ? EXIT_BROKEN : EXIT_UNTOUCHED);
                _exit(r < 0 ? EXIT_FAILED : r ? EXIT_BROKEN : EXIT_SURVIVED);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/* Every version, alias and move can be read, and every file is the one that was sealed. */
static void must_be_whole(struct registry *registry, struct aliases *ret_aliases) {
        _cleanup_(registry_versions_finish) struct registry_versions versions = REGISTRY_VERSIONS_NULL;
        char path[STORE_PATH_BYTES];
        struct alias_move move;

        assert_int_equal(registry_versions_init(registry, &versions), 0);
        for (;;) {
                _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
                int r = registry_versions_next(&versions, &manifest);

                if (r == REGISTRY_E_MISSING)
                        break;
                assert_int_equal(r, 0);
                assert_int_equal(manifest.n_files, N_ELEMENTS(toy_files));
                for (size_t k = 0; k < manifest.n_files; k++)
                        assert_int_equal(registry_fetch_file(registry, &manifest, manifest.files[k].name, path), 0);
        }
        assert_int_equal(registry_read_aliases(registry, ret_aliases), 0);
        for (size_t i = 0; i < ret_aliases->n_aliases; i++) {
                _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;

                assert_int_equal(registry_read_manifest(registry, ret_aliases->aliases[i].version, &manifest), 0);
        }
        for (int64_t sequence = 1; sequence <= ret_aliases->sequence; sequence++)
                assert_int_equal(registry_read_move(registry, sequence, &move), 0);
}

/* Exactly one version, and exactly one recorded move, for the run. */
static void must_be_there_once(struct registry *registry, const char *folder, const char *run) {
        _cleanup_(registry_versions_finish) struct registry_versions versions = REGISTRY_VERSIONS_NULL;
        int n_versions = 0, n_moves = 0;
        struct aliases aliases;
        struct alias_move move;

        assert_int_equal(registry_versions_init(registry, &versions), 0);
        for (;;) {
                _cleanup_(manifest_finish) struct manifest manifest = MANIFEST_NULL;
                int r = registry_versions_next(&versions, &manifest);

                if (r == REGISTRY_E_MISSING)
                        break;
                assert_int_equal(r, 0);
                n_versions += !strcmp(manifest.run, run);
        }
        assert_int_equal(n_versions, 1);
        assert_int_equal(registry_read_aliases(registry, &aliases), 0);
        /* all but the last move are there at any time, the last one from now on */
        assert_int_equal(registry_complete_history(registry, &aliases), 0);
        for (int64_t sequence = 1; sequence <= aliases.sequence; sequence++) {
                char path[1200];

                assert_int_equal(registry_read_move(registry, sequence, &move), 0);
                n_moves += !strcmp(move.run, run);
                snprintf(path, sizeof(path), "%s/toy/history/%d.json", folder, (int)sequence);
                assert_true(file_exists(path));
        }
        assert_int_equal(n_moves, 1);
}

/* One try on a fresh store. false when there were fewer than n calls. */
static bool try_once(const char *folder, bool is_first, bool is_overtaken, int n) {
        _cleanup_(store_close_pointer) struct store *store = toy_store(folder);
        int64_t expected = is_first ? ALIASES_NONE : 1, champion;
        struct aliases before, aliases;
        struct registry registry;
        struct alias_move move;
        int end;

        assert_int_equal(registry_init(&registry, store, "toy"), 0);
        if (!is_first)
                assert_int_equal(toy_push(&registry, "run-0", ALIASES_NONE, &move), 0);
        end = push_disturbed(&registry, expected, n);
        assert_int_not_equal(end, EXIT_BROKEN);
        must_be_whole(&registry, &before);
        if (end == EXIT_UNTOUCHED || end == EXIT_SURVIVED)
                assert_int_equal(before.sequence, is_first ? 1 : 2);
        champion = aliases_find(&before, ALIASES_CHAMPION);
        if (is_overtaken) {
                assert_int_equal(toy_push(&registry, "run-b", champion, &move), 0);
                assert_int_equal(move.hindrance, ALIAS_HINDRANCE_NONE);
                champion = move.version;
        }

        /* the redo */
        assert_int_equal(toy_push(&registry, "run-a", expected, &move), 0);
        must_be_whole(&registry, &aliases);
        must_be_there_once(&registry, folder, "run-a");
        if (!is_overtaken) {
                assert_int_equal(move.hindrance, ALIAS_HINDRANCE_NONE);
                assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), move.version);
                assert_int_equal(move.version, is_first ? 1 : 2);
        } else {
                bool had_moved = before.sequence && !strcmp(before.last.run, "run-a");

                assert_int_equal(move.hindrance, had_moved ? ALIAS_HINDRANCE_NONE : ALIAS_HINDRANCE_MOVED);
                assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), champion);
                must_be_there_once(&registry, folder, "run-b");
        }
        return end != EXIT_UNTOUCHED;
}

static void sweep(struct scratch *scratch, bool is_first, bool is_overtaken) {
        int n = 0;
        bool is_within;

        do {
                char folder[1100], name[32];

                snprintf(name, sizeof(name), "%d", ++n);
                snprintf(folder, sizeof(folder), "%s", scratch_path(scratch, name));
                is_within = try_once(folder, is_first, is_overtaken, n);
        } while (is_within);
        assert_in_range(n, 40, 400); /* the wraps are in place */
}

static void test_dies_anywhere(void **state) {
        mode = MODE_DIE;
        sweep(*state, false, false);
}

static void test_dies_anywhere_in_the_first_push(void **state) {
        mode = MODE_DIE;
        sweep(*state, true, false);
}

static void test_dies_anywhere_and_is_overtaken(void **state) {
        mode = MODE_DIE;
        sweep(*state, false, true);
}

static void test_any_call_fails(void **state) {
        mode = MODE_FAIL;
        sweep(*state, true, false);
}

static void test_any_call_fails_and_another_overtakes(void **state) {
        mode = MODE_FAIL;
        sweep(*state, false, true);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_dies_anywhere),
                TEST(test_dies_anywhere_in_the_first_push),
                TEST(test_dies_anywhere_and_is_overtaken),
                TEST(test_any_call_fails),
                TEST(test_any_call_fails_and_another_overtakes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
