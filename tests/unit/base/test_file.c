/* Files: whole or absent; after a failure the old one stands and nothing temporary is left. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/base/parallel.h"
#include "tests/support/scratch.h"

static size_t n_entries(const char *folder) {
        DIR *handle = opendir(folder);
        size_t n = 0;

        assert_non_null(handle);
        while (readdir(handle))
                n++;
        closedir(handle);
        return n - 2;
}

static void assert_content(const char *path, const char *want) {
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;

        assert_int_equal(file_read(path, 1 << 20, &content), 0);
        assert_string_equal(buffer_text(&content), want);
}

static void replacing_makes_a_private_file(void **state) {
        struct scratch *scratch = *state;
        const char *path = scratch_path(scratch, "a");
        struct stat status;

        assert_int_equal(file_replace(path, "one", 3), 0);
        assert_int_equal(file_replace(path, "two", 3), 0);
        assert_content(path, "two");
        assert_int_equal(stat(path, &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
        assert_int_equal(n_entries(scratch->folder), 1);
}

static void a_failed_rename_leaves_all_as_it_was(void **state) {
        struct scratch *scratch = *state;
        char path[1024];

        /* a folder with something in it cannot be replaced by a file */
        assert_int_equal(file_make_folders(scratch_path(scratch, "a/b")), 0);
        snprintf(path, sizeof(path), "%s", scratch_path(scratch, "a"));
        assert_true(file_replace(path, "x", 1) < 0);
        assert_int_equal(n_entries(scratch->folder), 1);
        assert_int_equal(file_replace(scratch_path(scratch, "none/a"), "x", 1), -ENOENT);
}

static void of_many_creators_one_wins(void **state) {
        struct scratch *scratch = *state;
        const char *path = scratch_path(scratch, "a");

        assert_int_equal(file_create(path, "one", 3), 0);
        assert_int_equal(file_create(path, "two", 3), -EEXIST);
        assert_content(path, "one");
        assert_int_equal(n_entries(scratch->folder), 1);
}

struct race {
        char path[1024];
        int results[200];
};

static int create_unit(void *context, size_t unit, int worker) {
        struct race *race = context;

        (void)worker;
        race->results[unit] = file_create(race->path, "x", 1);
        return 0;
}

static void a_race_of_creators_has_one_winner(void **state) {
        struct scratch *scratch = *state;
        struct race race;
        int n_won = 0;

        snprintf(race.path, sizeof(race.path), "%s", scratch_path(scratch, "a"));
        assert_int_equal(parallel_for(N_ELEMENTS(race.results), create_unit, &race), 0);
        for (size_t i = 0; i < N_ELEMENTS(race.results); i++) {
                assert_true(race.results[i] == 0 || race.results[i] == -EEXIST);
                n_won += !race.results[i];
        }
        assert_int_equal(n_won, 1);
        assert_int_equal(n_entries(scratch->folder), 1);
}

static void reading_is_bounded(void **state) {
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        struct scratch *scratch = *state;
        static char bytes[200000];
        const char *path = scratch_path(scratch, "a");

        memset(bytes, 'x', sizeof(bytes));
        assert_int_equal(file_read(path, 10, &content), -ENOENT);
        assert_int_equal(file_replace(path, bytes, sizeof(bytes)), 0);
        assert_int_equal(file_read(path, sizeof(bytes) - 1, &content), -EFBIG);
        assert_null(content.data);
        assert_int_equal(file_read(path, sizeof(bytes), &content), 0);
        assert_int_equal(content.n_bytes, sizeof(bytes));
        assert_int_equal(content.data[sizeof(bytes)], 0);
}

static void maps_show_the_bytes(void **state) {
        struct scratch *scratch = *state;
        struct file_map map = FILE_MAP_NULL;
        const char *path = scratch_path(scratch, "a");

        assert_int_equal(file_map(path, &map), -ENOENT);
        assert_int_equal(file_replace(path, "", 0), 0);
        assert_int_equal(file_map(path, &map), 0);
        assert_null(map.data);
        assert_int_equal(file_replace(path, "text", 4), 0);
        assert_int_equal(file_map(path, &map), 0);
        assert_int_equal(map.n_bytes, 4);
        assert_memory_equal(map.data, "text", 4);
        file_unmap(&map);
        assert_null(map.data);
        file_unmap(&map);
        file_unmap(NULL);
        assert_int_equal(file_map(scratch->folder, &map), -EISDIR);
}

static void folders_are_made_on_the_way(void **state) {
        struct scratch *scratch = *state;
        struct stat status;

        assert_int_equal(file_make_folders(scratch_path(scratch, "a/b/c")), 0);
        assert_int_equal(file_make_folders(scratch_path(scratch, "a/b/c")), 0);
        assert_int_equal(stat(scratch_path(scratch, "a/b"), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0700);
        assert_int_equal(file_replace(scratch_path(scratch, "a/file"), "x", 1), 0);
        assert_int_equal(file_make_folders(scratch_path(scratch, "a/file/b")), -ENOTDIR);
        assert_true(file_exists(scratch_path(scratch, "a/file")));
        assert_false(file_exists(scratch_path(scratch, "a/none")));
}

/* Run in a child, so that its mount and its limits die with it: 0 when all is right, 77 when it cannot be tried. */
static int fill_disk(const char *folder) {
        static char bytes[4 << 20];
        char path[1024];
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;

        if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
            mount("tmpfs", folder, "tmpfs", 0, "size=1m"))
                return 77;
        snprintf(path, sizeof(path), "%s/a", folder);
        if (file_replace(path, "old", 3))
                return 1;
        memset(bytes, 'x', sizeof(bytes));
        if (file_replace(path, bytes, sizeof(bytes)) != -ENOSPC)
                return 2;
        if (file_read(path, 100, &content) || strcmp(buffer_text(&content), "old"))
                return 3;
        if (n_entries(folder) != 1)
                return 4;
        snprintf(path, sizeof(path), "%s/b", folder);
        if (file_create(path, bytes, sizeof(bytes)) != -ENOSPC || n_entries(folder) != 1)
                return 5;
        /* and there is room again */
        return file_create(path, "new", 3) ? 6 : 0;
}

/* A limit on file size stands for a full disk where nothing can be mounted. */
static int fill_limit(const char *folder) {
        static char bytes[1 << 20];
        const struct rlimit limit = { 4096, 4096 };
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        char path[1024];

        snprintf(path, sizeof(path), "%s/a", folder);
        if (file_replace(path, "old", 3))
                return 1;
        signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit))
                return 77;
        if (file_replace(path, bytes, sizeof(bytes)) != -EFBIG)
                return 2;
        if (file_read(path, 100, &content) || strcmp(buffer_text(&content), "old"))
                return 3;
        return n_entries(folder) == 1 ? 0 : 4;
}

static void run_in_child(struct scratch *scratch, int (*work)(const char *folder)) {
        pid_t child = fork();
        int status;

        assert_true(child >= 0);
        if (!child) {
                int r = work(scratch->folder);

                _exit(r);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_full_disk_leaves_the_old_file_alone(void **state) {
        run_in_child(*state, fill_disk);
}

static void a_write_cut_short_leaves_the_old_file_alone(void **state) {
        run_in_child(*state, fill_limit);
}

#define FILE_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                FILE_TEST(replacing_makes_a_private_file),
                FILE_TEST(a_failed_rename_leaves_all_as_it_was),
                FILE_TEST(of_many_creators_one_wins),
                FILE_TEST(a_race_of_creators_has_one_winner),
                FILE_TEST(reading_is_bounded),
                FILE_TEST(maps_show_the_bytes),
                FILE_TEST(folders_are_made_on_the_way),
                FILE_TEST(a_full_disk_leaves_the_old_file_alone),
                FILE_TEST(a_write_cut_short_leaves_the_old_file_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
