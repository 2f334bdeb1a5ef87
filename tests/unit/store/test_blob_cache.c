/* Blob cache: what is kept, what is given up, and what is not believed. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/store/blob_cache.h"
#include "tests/support/scratch.h"

enum { BLOB_BYTES = 1000 };

struct world {
        struct scratch *scratch;
        struct blob_cache cache;
};

static void open_cache(struct world *world, int64_t n_bytes_max) {
        blob_cache_finish(&world->cache);
        assert_int_equal(blob_cache_init(&world->cache, scratch_path(world->scratch, "cache"), n_bytes_max), 0);
}

static int setup(void **state) {
        struct world *world = calloc(1, sizeof(*world));

        if (!world || scratch_setup((void **)&world->scratch))
                return -1;
        *state = world;
        return blob_cache_init(&world->cache, scratch_path(world->scratch, "cache"), 100 * BLOB_BYTES);
}

static int teardown(void **state) {
        struct world *world = *state;
        int r;

        blob_cache_finish(&world->cache);
        r = scratch_teardown((void **)&world->scratch);
        free(world);
        return r;
}

/* The i-th toy blob. */
static void name_blob(int i, char ret_content[BLOB_BYTES], char ret_digest[DIGEST_SHA256_BYTES]) {
        memset(ret_content, 'a', BLOB_BYTES);
        snprintf(ret_content, BLOB_BYTES, "%d", i);
        assert_int_equal(digest_sha256(ret_content, BLOB_BYTES, ret_digest), 0);
}

static const char *path_of(struct world *world, int i) {
        char content[BLOB_BYTES], digest[DIGEST_SHA256_BYTES], name[sizeof("cache/blobs/") + DIGEST_SHA256_BYTES];

        name_blob(i, content, digest);
        snprintf(name, sizeof(name), "cache/blobs/%s", digest);
        return scratch_path(world->scratch, name);
}

static void keep(struct world *world, int i) {
        _cleanup_(temporary_file_finish) struct temporary_file temporary = TEMPORARY_FILE_NULL;
        char content[BLOB_BYTES], digest[DIGEST_SHA256_BYTES], path[PATH_MAX];

        name_blob(i, content, digest);
        assert_int_equal(blob_cache_open(&world->cache, &temporary), 0);
        assert_int_equal(file_write_all(temporary.fd, content, BLOB_BYTES), 0);
        assert_int_equal(blob_cache_keep(&world->cache, &temporary, digest, path), 0);
        assert_string_equal(path, path_of(world, i));
}

static int find(struct world *world, int i) {
        char content[BLOB_BYTES], digest[DIGEST_SHA256_BYTES], path[PATH_MAX] = "before";
        int r;

        name_blob(i, content, digest);
        r = blob_cache_find(&world->cache, digest, path);
        assert_string_equal(path, r ? "before" : path_of(world, i));
        return r;
}

static void was_used(struct world *world, int i, int seconds_ago) {
        struct timespec now, times[2];

        clock_gettime(CLOCK_REALTIME, &now);
        times[0] = times[1] = (struct timespec){ now.tv_sec - seconds_ago, 0 };
        assert_int_equal(utimensat(AT_FDCWD, path_of(world, i), times, 0), 0);
}

static void test_a_copy_is_found(void **state) {
        struct world *world = *state;
        struct stat status;

        assert_int_equal(find(world, 1), BLOB_CACHE_E_MISSING);
        keep(world, 1);
        assert_int_equal(find(world, 1), 0);
        assert_int_equal(stat(path_of(world, 1), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0400);
        /* again is as well */
        keep(world, 1);
        assert_int_equal(find(world, 1), 0);
        assert_int_equal(find(world, 2), BLOB_CACHE_E_MISSING);
}

/* The least recently used one goes first, and no more than must. */
static void test_the_longest_unused_go_first(void **state) {
        struct world *world = *state;
        static const int ages_s[] = { 5000, 9000, 3000, 7000, 4000 };

        for (int i = 0; i < 5; i++) {
                keep(world, i);
                was_used(world, i, ages_s[i]);
        }
        open_cache(world, 4 * BLOB_BYTES);
        keep(world, 5);
        /* 1 and 3 were unused for longest; four are allowed */
        assert_int_equal(find(world, 1), BLOB_CACHE_E_MISSING);
        assert_int_equal(find(world, 3), BLOB_CACHE_E_MISSING);
        for (int i = 0; i < 6; i++)
                if (i != 1 && i != 3)
                        assert_int_equal(find(world, i), 0);
}

static void test_within_ten_minutes_nothing_goes(void **state) {
        struct world *world = *state;

        for (int i = 0; i < 5; i++)
                keep(world, i);
        was_used(world, 0, BLOB_CACHE_GRACE_MS / 1000 - 60);
        was_used(world, 1, BLOB_CACHE_GRACE_MS / 1000 * 3 / 2 + 60);
        /* it may have been handed out within the ten minutes, which is not noted each time */
        was_used(world, 2, BLOB_CACHE_GRACE_MS / 1000 + 60);
        open_cache(world, BLOB_BYTES);
        keep(world, 5);
        assert_int_equal(find(world, 0), 0);
        assert_int_equal(find(world, 1), BLOB_CACHE_E_MISSING);
        for (int i = 2; i < 6; i++)
                assert_int_equal(find(world, i), 0);
}

/* Whoever finds a copy may go on with its path: that it was used is noted, though not each time. */
static void test_a_use_is_noted(void **state) {
        struct world *world = *state;
        struct stat before, after;

        keep(world, 0);
        was_used(world, 0, 100000);
        assert_int_equal(find(world, 0), 0);
        open_cache(world, BLOB_BYTES);
        keep(world, 1);
        assert_int_equal(find(world, 0), 0);
        was_used(world, 0, 10);
        assert_int_equal(stat(path_of(world, 0), &before), 0);
        assert_int_equal(find(world, 0), 0);
        assert_int_equal(stat(path_of(world, 0), &after), 0);
        assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
}

static void spoil(struct world *world, int i, const char *how) {
        char content[BLOB_BYTES], digest[DIGEST_SHA256_BYTES];
        const char *path = path_of(world, i);
        _cleanup_(close_descriptor) int fd = -1;

        assert_int_equal(chmod(path, 0600), 0);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        if (!strcmp(how, "torn")) {
                assert_int_equal(ftruncate(fd, BLOB_BYTES / 2), 0);
        } else if (!strcmp(how, "empty")) {
                assert_int_equal(ftruncate(fd, 0), 0);
        } else {
                name_blob(i, content, digest);
                content[BLOB_BYTES - 1] ^= 1;
                assert_int_equal(file_write_all(fd, content, BLOB_BYTES), 0);
        }
}

/* As a power failure leaves it, or a disk that forgets. */
static void test_a_copy_that_is_not_sound_is_none(void **state) {
        static const char *const how[] = { "torn", "empty", "flipped" };
        struct world *world = *state;

        for (int i = 0; i < (int)N_ELEMENTS(how); i++)
                for (int is_known = 0; is_known < 2; is_known++) {
                        keep(world, i);
                        /* this process may have believed it before */
                        if (is_known)
                                assert_int_equal(find(world, i), 0);
                        spoil(world, i, how[i]);
                        was_used(world, i, 5 + i);
                        assert_int_equal(find(world, i), BLOB_CACHE_E_MISSING);
                        assert_int_equal(access(path_of(world, i), F_OK), -1);
                        keep(world, i);
                        assert_int_equal(find(world, i), 0);
                }
}

static void test_files_of_others_stay(void **state) {
        struct world *world = *state;
        static const char *const names[] = { "cache/blobs/README", "cache/blobs/0123", "cache/notes" };

        keep(world, 0);
        was_used(world, 0, 100000);
        for (size_t i = 0; i < N_ELEMENTS(names); i++) {
                const char *path = scratch_path(world->scratch, names[i]);
                _cleanup_(close_descriptor) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                const struct timespec long_ago[2] = { { 1, 0 }, { 1, 0 } };

                assert_true(fd >= 0);
                assert_int_equal(ftruncate(fd, (off_t)100 * BLOB_BYTES), 0);
                assert_int_equal(futimens(fd, long_ago), 0);
        }
        assert_int_equal(mkdir(scratch_path(world->scratch, "cache/blobs/folder"), 0700), 0);
        open_cache(world, 10 * BLOB_BYTES);
        keep(world, 1);
        for (size_t i = 0; i < N_ELEMENTS(names); i++)
                assert_int_equal(access(scratch_path(world->scratch, names[i]), F_OK), 0);
        /* nor do they count */
        assert_int_equal(find(world, 0), 0);
}

/* What died while it wrote is cleared away by the next one; what is being written is not. */
static void test_what_the_dead_left_goes(void **state) {
        _cleanup_(temporary_file_finish) struct temporary_file mine = TEMPORARY_FILE_NULL;
        struct world *world = *state;
        char left[PATH_MAX] = "";
        int fds[2], status;
        pid_t pid;

        assert_int_equal(blob_cache_open(&world->cache, &mine), 0);
        assert_int_equal(pipe(fds), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (!pid) {
                struct temporary_file temporary = TEMPORARY_FILE_NULL;

                if (blob_cache_open(&world->cache, &temporary) ||
                    write(fds[1], temporary.path, strlen(temporary.path) + 1) < 0)
                        _exit(1);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_true(read(fds[0], left, sizeof(left)) > 0);
        close(fds[0]);
        close(fds[1]);
        assert_int_equal(access(left, F_OK), 0);
        open_cache(world, 100 * BLOB_BYTES);
        assert_int_equal(access(left, F_OK), -1);
        assert_int_equal(access(mine.path, F_OK), 0);
}

enum { N_PROCESSES = 4, N_BLOBS = 12, N_ROUNDS = 150 };

/* Keeps and finds what the others keep and find, far beyond the limit: what is found is whole, and stays so. */
static int share(struct world *world, unsigned seed) {
        _cleanup_(blob_cache_finish) struct blob_cache cache = { 0 };
        char content[BLOB_BYTES], digest[DIGEST_SHA256_BYTES], path[PATH_MAX], present[DIGEST_SHA256_BYTES];

        if (blob_cache_init(&cache, scratch_path(world->scratch, "cache"), 3 * BLOB_BYTES))
                return 1;
        for (int round = 0; round < N_ROUNDS; round++) {
                _cleanup_(temporary_file_finish) struct temporary_file temporary = TEMPORARY_FILE_NULL;
                int r;

                name_blob((int)((seed * 7 + (unsigned)round * 5) % N_BLOBS), content, digest);
                r = blob_cache_find(&cache, digest, path);
                if (r < 0)
                        return 2;
                if (r && (blob_cache_open(&cache, &temporary) || file_write_all(temporary.fd, content, BLOB_BYTES) ||
                          blob_cache_keep(&cache, &temporary, digest, path)))
                        return 3;
                /* within the grace, so nobody has taken it away */
                if (digest_sha256_file(path, present) || strcmp(present, digest))
                        return 4;
        }
        return 0;
}

static void test_processes_share_a_folder(void **state) {
        struct world *world = *state;
        pid_t pids[N_PROCESSES];
        int n_found = 0;

        for (unsigned i = 0; i < N_PROCESSES; i++) {
                pids[i] = fork();
                assert_true(pids[i] >= 0);
                if (!pids[i])
                        _exit(share(world, i));
        }
        for (int i = 0; i < N_PROCESSES; i++) {
                int status;

                assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
                assert_int_equal(status, 0);
        }
        for (int i = 0; i < N_BLOBS; i++)
                n_found += !find(world, i);
        assert_int_equal(n_found, N_BLOBS);
}

static void test_a_path_that_is_too_long(void **state _unused_) {
        struct blob_cache cache;
        char folder[PATH_MAX];

        memset(folder, 'a', sizeof(folder) - 1);
        folder[sizeof(folder) - 1] = 0;
        assert_int_equal(blob_cache_init(&cache, folder, 1), -ENAMETOOLONG);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_a_copy_is_found),
                TEST(test_the_longest_unused_go_first),
                TEST(test_within_ten_minutes_nothing_goes),
                TEST(test_a_use_is_noted),
                TEST(test_a_copy_that_is_not_sound_is_none),
                TEST(test_files_of_others_stay),
                TEST(test_what_the_dead_left_goes),
                TEST(test_processes_share_a_folder),
                cmocka_unit_test(test_a_path_that_is_too_long),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
