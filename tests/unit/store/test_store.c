/* Store in a folder: whole or absent, compared before it is swapped, verified when it is read. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/file.h"
#include "common/store/store.h"
#include "tests/support/scratch.h"
#include "tests/support/store_place.h"

#define HELLO_DIGEST "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"

static struct store *must_open(struct scratch *scratch) {
        struct fault fault = FAULT_NULL;
        struct store *store = NULL;

        assert_int_equal(store_open(store_place(scratch_path(scratch, "store")), &store, &fault), 0);
        return store;
}

static void must_hold(struct store *store, const char *name, const char *want_text) {
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;

        assert_int_equal(store_get(store, name, &content, NULL), 0);
        assert_string_equal(buffer_text(&content), want_text);
}

static void must_be_missing(struct store *store, const char *name) {
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;

        assert_int_equal(store_get(store, name, &content, NULL), STORE_E_MISSING);
        assert_null(content.data);
}

static size_t n_temporaries(struct scratch *scratch) {
        _cleanup_(store_page_finish) struct store_page page = STORE_PAGE_NULL;
        _cleanup_(store_close_pointer) struct store *store = NULL;
        struct fault fault = FAULT_NULL;
        char uri[1100];

        /* a store of its own, whose objects are the temporaries */
        snprintf(uri, sizeof(uri), "file://%s",
                 scratch_path(scratch, store_is_far() ? "store/.cache/.temporary" : "store/.temporary"));
        assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &store, &fault), 0);
        assert_int_equal(store_list(store, "", NULL, 100, &page), 0);
        return page.n_entries;
}

static void test_uri_is_checked(void **state) {
        static const char *const uris[] = { "", "/tmp/x", "file:", "file://", "ftp://host/x", "file:/x", "s3:/b" };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(uris); i++) {
                struct fault fault = FAULT_NULL;
                struct store *store = NULL;

                assert_int_equal(store_open(&(struct store_options){ .uri = uris[i] }, &store, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "STORE_URI");
                assert_null(store);
        }
}

static void test_a_file_is_no_store(void **state) {
        static const char *const names[] = { "rows.csv", "rows.csv/", "rows.csv/store" };
        struct scratch *scratch = *state;

        assert_int_equal(file_replace(scratch_path(scratch, "rows.csv"), "x", 1), 0);
        for (size_t i = 0; i < N_ELEMENTS(names); i++) {
                struct fault fault = FAULT_NULL;
                struct store *store = NULL;
                char uri[1100];

                snprintf(uri, sizeof(uri), "file://%s", scratch_path(scratch, names[i]));
                assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &store, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "STORE_URI");
                assert_non_null(strstr(fault.message, uri));
                assert_null(store);
        }
}

static void test_relative_path_stands_on_the_current_directory(void **state) {
        _cleanup_(close_descriptor) int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        _cleanup_(store_close_pointer) struct store *store = NULL;
        struct fault fault = FAULT_NULL;
        struct scratch *scratch = *state;

        assert_int_equal(chdir(scratch->folder), 0);
        assert_int_equal(store_open(&(struct store_options){ .uri = "file://here" }, &store, &fault), 0);
        assert_false(file_exists("here"));
        assert_int_equal(store_put(store, "a", "1", 1), 0);
        assert_int_equal(fchdir(before), 0);
        assert_true(file_exists(scratch_path(scratch, "here/a")));
}

static void test_names_are_checked(void **state) {
        static const struct {
                const char *name;
                bool want_valid;
        } rows[] = {
                { "a", true },         { "runs/0198-ab/run.json", true },
                { "A_b-c.d/E", true }, { "", false },
                { "/a", false },       { "a/", false },
                { "a//b", false },     { ".", false },
                { "..", false },       { "a/../b", false },
                { "a/.b", false },     { ".lock", false },
                { "a b", false },      { "a\nb", false },
                { "\xc3\xa9", false }, { "a\\b", false },
                { "a%2e", false },     { "~", false },
        };
        char segment[STORE_SEGMENT_MAX + 2], name[STORE_NAME_BYTES + 8];
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        struct scratch *scratch = *state;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                assert_int_equal(store_name_is_valid(rows[i].name), rows[i].want_valid);
        memset(segment, 'a', sizeof(segment));
        segment[STORE_SEGMENT_MAX] = 0;
        assert_true(store_name_is_valid(segment));
        segment[STORE_SEGMENT_MAX] = 'a';
        segment[STORE_SEGMENT_MAX + 1] = 0;
        assert_false(store_name_is_valid(segment));
        for (size_t i = 0; i < sizeof(name); i++)
                name[i] = i % 2 ? '/' : 'a';
        name[STORE_NAME_BYTES - 1] = 0;
        assert_true(store_name_is_valid(name));
        name[STORE_NAME_BYTES - 1] = 'a';
        name[STORE_NAME_BYTES + 1] = 0;
        assert_false(store_name_is_valid(name));

        assert_int_equal(store_put(store, "../escaped", "x", 1), -EINVAL);
        assert_int_equal(store_create(store, "/tmp/escaped", "x", 1), -EINVAL);
        assert_int_equal(store_remove(store, ".lock"), -EINVAL);
        assert_false(file_exists(scratch_path(scratch, "escaped")));
        assert_false(file_exists(scratch_path(scratch, "store")));
}

static void test_put_replaces(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);

        must_be_missing(store, "runs/1/run.json");
        assert_int_equal(store_put(store, "runs/1/run.json", "one", 3), 0);
        must_hold(store, "runs/1/run.json", "one");
        assert_int_equal(store_put(store, "runs/1/run.json", "", 0), 0);
        must_hold(store, "runs/1/run.json", "");
        assert_int_equal(n_temporaries(*state), 0);
}

static void test_put_many(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        struct store_item items[40];
        char names[40][32];

        assert_int_equal(store_put_many(store, NULL, 0), 0);
        for (int i = 0; i < 40; i++) {
                snprintf(names[i], sizeof(names[i]), i % 3 ? "a/%d" : "a/b/c/%d", i);
                items[i] = (struct store_item){ names[i], names[i], strlen(names[i]) };
        }
        assert_int_equal(store_put_many(store, items, 40), 0);
        assert_int_equal(store_put_many(store, items, 17), 0);
        for (int i = 0; i < 40; i++)
                must_hold(store, names[i], names[i]);
        items[39].name = "../x";
        assert_int_equal(store_put_many(store, items, 40), -EINVAL);
        assert_int_equal(n_temporaries(*state), 0);
}

static void test_create_keeps_the_first(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);

        assert_int_equal(store_create(store, "a/claim", "one", 3), 0);
        assert_int_equal(store_create(store, "a/claim", "two", 3), STORE_E_CONFLICT);
        must_hold(store, "a/claim", "one");
        assert_int_equal(n_temporaries(*state), 0);
}

static void test_swap_wants_the_state_that_was_read(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        char etag[STORE_ETAG_BYTES];

        assert_int_equal(store_swap(store, "a", HELLO_DIGEST, "x", 1), STORE_E_MISSING);
        must_be_missing(store, "a");
        assert_int_equal(store_put(store, "a", "one", 3), 0);
        assert_int_equal(store_get(store, "a", &content, etag), 0);
        assert_int_equal(store_swap(store, "a", etag, "two", 3), 0);
        must_hold(store, "a", "two");
        assert_int_equal(store_swap(store, "a", etag, "three", 5), STORE_E_CONFLICT);
        must_hold(store, "a", "two");
        assert_int_equal(n_temporaries(*state), 0);
}

static void test_remove(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);

        assert_int_equal(store_remove(store, "a/b"), STORE_E_MISSING);
        assert_int_equal(store_put(store, "a/b", "one", 3), 0);
        assert_int_equal(store_remove(store, "a/b"), 0);
        must_be_missing(store, "a/b");
}

static void test_list_pages_in_order(void **state) {
        static const char *const want[] = { "1", "10", "11/", "2", "a-", "a/", "a0" };
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        struct scratch *scratch = *state;
        char after[64] = "";
        size_t n = 0;

        assert_int_equal(store_put(store, "f/a0", "", 0), 0);
        assert_int_equal(store_put(store, "f/2", "", 0), 0);
        assert_int_equal(store_put(store, "f/a/x", "", 0), 0);
        assert_int_equal(store_put(store, "f/10", "", 0), 0);
        assert_int_equal(store_put(store, "f/11/x", "", 0), 0);
        assert_int_equal(store_put(store, "f/1", "", 0), 0);
        assert_int_equal(store_put(store, "f/a-", "", 0), 0);
        if (!store_is_far())
                assert_int_equal(file_replace(scratch_path(scratch, "store/f/.hidden"), "", 0), 0);
        for (bool is_last = false; !is_last;) {
                _cleanup_(store_page_finish) struct store_page page = STORE_PAGE_NULL;

                assert_int_equal(store_list(store, "f", *after ? after : NULL, 2, &page), 0);
                assert_in_range(page.n_entries, 1, 2);
                for (size_t i = 0; i < page.n_entries; i++)
                        assert_string_equal(page.entries[i].name, want[n++]);
                snprintf(after, sizeof(after), "%s", page.entries[page.n_entries - 1].name);
                is_last = page.is_last;
        }
        assert_int_equal(n, N_ELEMENTS(want));
}

static void test_list_of_nothing_is_empty(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        _cleanup_(store_page_finish) struct store_page page = STORE_PAGE_NULL;

        assert_int_equal(store_list(store, "nowhere", NULL, 10, &page), 0);
        assert_int_equal(page.n_entries, 0);
        assert_true(page.is_last);
        store_page_finish(&page);
        assert_int_equal(store_put(store, "a", "", 0), 0);
        assert_int_equal(store_list(store, "", NULL, 10, &page), 0);
        assert_int_equal(page.n_entries, 1); /* neither .lock nor .temporary */
}

static void test_blob_is_named_after_its_content(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        _cleanup_(file_unmap) struct file_map map = FILE_MAP_NULL;
        struct scratch *scratch = *state;
        char digest[DIGEST_SHA256_BYTES], path[STORE_PATH_BYTES];
        struct stat first, second;

        assert_int_equal(store_fetch_blob(store, HELLO_DIGEST, path), STORE_E_MISSING);
        assert_int_equal(store_fetch_blob(store, "../../etc/passwd", path), -EINVAL);
        assert_int_equal(store_put_blob(store, "hello", 5, digest), 0);
        assert_string_equal(digest, HELLO_DIGEST);
        assert_int_equal(store_fetch_blob(store, digest, path), 0);
        assert_string_equal(path, scratch_path(scratch, store_is_far() ? "store/.cache/blobs/" HELLO_DIGEST
                                                                       : "store/blobs/sha256/2c/" HELLO_DIGEST));
        assert_int_equal(stat(path, &first), 0);
        assert_int_equal(first.st_mode & 0777, 0400);
        assert_int_equal(store_put_blob(store, "hello", 5, NULL), 0);
        assert_int_equal(stat(path, &second), 0);
        if (!store_is_far())
                assert_int_equal(first.st_ino, second.st_ino); /* written once */
        assert_int_equal(store_map_blob(store, digest, &map), 0);
        assert_int_equal(map.n_bytes, 5);
        assert_memory_equal(map.data, "hello", 5);
        assert_int_equal(n_temporaries(scratch), 0);
}

static int64_t age_ms(const char *path) {
        struct stat status;

        assert_int_equal(stat(path, &status), 0);
        return clock_realtime_ms() - ((int64_t)status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1000000);
}

/* What is swept by age must not be swept while somebody builds on it. */
static void test_publishing_renews_the_age(void **state) {
        static const struct timespec old[2] = { { .tv_nsec = UTIME_NOW }, { .tv_sec = 1000000000 } };
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        _cleanup_(store_page_finish) struct store_page page = STORE_PAGE_NULL;
        struct scratch *scratch = *state;
        const char *path = scratch_path(scratch, "store/blobs/sha256/2c/" HELLO_DIGEST);

        assert_int_equal(store_put_blob(store, "hello", 5, NULL), 0);
        assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
        assert_int_equal(store_list(store, "blobs/sha256/2c", NULL, 10, &page), 0);
        assert_int_equal(page.n_entries, 1);
        assert_int_equal(page.entries[0].n_bytes, 5);
        assert_int_equal(page.entries[0].modified_ms, INT64_C(1000000000000));
        assert_int_equal(store_put_blob(store, "hello", 5, NULL), 0);
        assert_in_range(age_ms(path), 0, 600000);
}

static void test_writer_publishes_what_was_written(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        _cleanup_(store_writer_destroy_pointer) struct store_writer *computed = NULL, *given = NULL, *dropped = NULL;
        char digest[DIGEST_SHA256_BYTES] = "";
        char path[STORE_PATH_BYTES];

        assert_int_equal(store_writer_create(store, &computed), 0);
        assert_int_equal(file_write_all(store_writer_fd(computed), "hel", 3), 0);
        assert_int_equal(store_fetch_blob(store, HELLO_DIGEST, path), STORE_E_MISSING);
        assert_int_equal(file_write_all(store_writer_fd(computed), "lo", 2), 0);
        assert_int_equal(store_writer_publish(computed, NULL, digest), 0);
        assert_string_equal(digest, HELLO_DIGEST);
        assert_int_equal(store_fetch_blob(store, HELLO_DIGEST, path), 0);

        assert_int_equal(store_writer_create(store, &given), 0);
        assert_int_equal(store_writer_publish(given, "nonsense", NULL), -EINVAL);
        assert_int_equal(file_write_all(store_writer_fd(given), "hello", 5), 0);
        assert_int_equal(store_writer_publish(given, HELLO_DIGEST, NULL), 0);
        given = store_writer_destroy(given);
        assert_int_equal(store_writer_create(store, &dropped), 0);
        dropped = store_writer_destroy(dropped);
        computed = store_writer_destroy(computed);
        assert_int_equal(n_temporaries(*state), 0);
}

static void must_flip(const char *path, off_t at) {
        _cleanup_(close_descriptor) int fd = -1;
        unsigned char byte;

        assert_int_equal(chmod(path, 0600), 0);
        fd = open(path, O_RDWR | O_CLOEXEC);
        assert_true(fd >= 0);
        assert_int_equal(pread(fd, &byte, 1, at), 1);
        byte ^= 1;
        assert_int_equal(pwrite(fd, &byte, 1, at), 1);
}

static void test_flipped_byte_is_refused(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        char path[STORE_PATH_BYTES] = "";

        assert_int_equal(store_put_blob(store, "hello", 5, NULL), 0);
        for (int is_remembered = 0; is_remembered < 2; is_remembered++) {
                assert_int_equal(store_fetch_blob(store, HELLO_DIGEST, path), 0);
                must_flip(path, 4);
                assert_int_equal(store_fetch_blob(store, HELLO_DIGEST, path), STORE_E_CORRUPT);
                must_flip(path, 4);
                /* the second time round the file is old enough for its digest to be remembered */
                nanosleep(&(struct timespec){ .tv_nsec = 30000000 }, NULL);
        }
}

static void test_corrupt_blob_is_healed_when_it_is_written_again(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        char path[STORE_PATH_BYTES];

        assert_int_equal(store_put_blob(store, "hello", 5, NULL), 0);
        assert_int_equal(store_fetch_blob(store, HELLO_DIGEST, path), 0);
        must_flip(path, 0);
        assert_int_equal(store_put_blob(store, "hello", 5, NULL), 0);
        assert_int_equal(store_fetch_blob(store, HELLO_DIGEST, path), 0);
        assert_int_equal(truncate(path, 4), 0);
        assert_int_equal(store_fetch_blob(store, HELLO_DIGEST, path), STORE_E_CORRUPT);
}

static void test_leavings_of_the_dead_are_swept(void **state) {
        _cleanup_(store_writer_destroy_pointer) struct store_writer *living = NULL;
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        int status;
        pid_t pid;

        assert_int_equal(store_writer_create(store, &living), 0);
        pid = fork();
        if (!pid) {
                struct store_writer *dying = NULL;

                _exit(store_writer_create(store, &dying) || file_write_all(store_writer_fd(dying), "half", 4));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(n_temporaries(*state), 2);
        store = store_close(store);
        store = must_open(*state);
        assert_int_equal(n_temporaries(*state), 1);
        living->store = store;
        assert_int_equal(file_write_all(store_writer_fd(living), "hello", 5), 0);
        assert_int_equal(store_writer_publish(living, NULL, NULL), 0);
        living = store_writer_destroy(living);
        assert_int_equal(n_temporaries(*state), 0);
}

static void test_others_cannot_look_in(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        struct scratch *scratch = *state;
        struct stat status;

        assert_int_equal(store_put(store, "a/b", "x", 1), 0);
        assert_int_equal(stat(scratch_path(scratch, "store"), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0700);
        assert_int_equal(stat(scratch_path(scratch, "store/a"), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0700);
        assert_int_equal(stat(scratch_path(scratch, "store/a/b"), &status), 0);
        assert_int_equal(status.st_mode & 0777, 0600);
}

#define N_INCREMENTS 200

/* Adds 1 to the number in the object as often as asked. */
static int increment(struct store *store, int n_times) {
        while (n_times) {
                _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
                char etag[STORE_ETAG_BYTES], text[16];
                int r;

                r = store_get(store, "counter", &content, etag);
                if (r)
                        return r;
                snprintf(text, sizeof(text), "%d", atoi(buffer_text(&content)) + 1);
                r = store_swap(store, "counter", etag, text, strlen(text));
                if (r && r != STORE_E_CONFLICT)
                        return r;
                n_times -= !r;
        }
        return 0;
}

static void test_racing_swaps_lose_nothing(void **state) {
        _cleanup_(store_close_pointer) struct store *store = must_open(*state);
        char want[16];
        int status;
        pid_t pid;

        assert_int_equal(store_put(store, "counter", "0", 1), 0);
        pid = fork();
        /* connections cannot be shared with a child */
        if (!pid)
                _exit(increment(must_open(*state), N_INCREMENTS) ? 1 : 0);
        assert_int_equal(increment(store, N_INCREMENTS), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        snprintf(want, sizeof(want), "%d", 2 * N_INCREMENTS);
        must_hold(store, "counter", want);
}

/* Fills the disk, and asks that what there is stays whole. */
static void check_full_disk(struct scratch *scratch) {
        _cleanup_(store_close_pointer) struct store *store = must_open(scratch);
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        _cleanup_(free_pointer) char *bytes = malloc(60000);
        char name[32], digest[DIGEST_SHA256_BYTES], etag[STORE_ETAG_BYTES], path[STORE_PATH_BYTES];
        int n = 0, r;

        assert_non_null(bytes);
        memset(bytes, 'x', 60000);
        assert_int_equal(store_put(store, "kept", "old", 3), 0);
        assert_int_equal(store_get(store, "kept", &content, etag), 0);
        do {
                snprintf(name, sizeof(name), "filler%d", n++);
                r = store_create(store, name, bytes, 60000);
        } while (!r && n < 100);
        assert_int_equal(r, -ENOSPC);
        must_be_missing(store, name);
        assert_int_equal(store_put(store, "kept", bytes, 60000), -ENOSPC);
        assert_int_equal(store_swap(store, "kept", etag, bytes, 60000), -ENOSPC);
        must_hold(store, "kept", "old");
        bytes[0] = 'y';
        assert_int_equal(store_put_blob(store, bytes, 60000, NULL), -ENOSPC);
        assert_int_equal(digest_sha256(bytes, 60000, digest), 0);
        assert_int_equal(store_fetch_blob(store, digest, path), STORE_E_MISSING);
        assert_int_equal(n_temporaries(scratch), 0);
        assert_int_equal(store_remove(store, "filler0"), 0);
        assert_int_equal(store_put_blob(store, bytes, 60000, NULL), 0);
        assert_int_equal(store_fetch_blob(store, digest, path), 0);
}

static void test_conditions_become_faults(void **state _unused_) {
        static const struct {
                int result;
                const char *want_code, *want_message;
        } rows[] = {
                { STORE_E_MISSING, "ARTIFACT_MISSING", "the store does not hold the toys" },
                { STORE_E_CONFLICT, "ARTIFACT_CONFLICT", "the store holds something else as the toys already" },
                { STORE_E_CORRUPT, "ARTIFACT_CORRUPT", "what the store holds as the toys is not what was put there" },
        };
        struct fault fault = FAULT_NULL;

        assert_int_equal(store_fault(0, "the toys", &fault), 0);
        assert_int_equal(store_fault(-EIO, "the toys", &fault), -EIO);
        assert_string_equal(fault.code, "");
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                assert_int_equal(store_fault(rows[i].result, "the toys", &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, rows[i].want_code);
                assert_string_equal(fault.message, rows[i].want_message);
                assert_int_equal(store_fault_as(rows[i].result, "TOYS_GONE", "the toys", &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "TOYS_GONE");
                assert_string_equal(fault.message, rows[i].want_message);
        }
}

static void test_full_disk_tears_nothing(void **state) {
        struct scratch *scratch = *state;
        char folder[1024];

        snprintf(folder, sizeof(folder), "%s", scratch_path(scratch, "store"));
        assert_int_equal(mkdir(folder, 0700), 0);
        if (mount("none", folder, "tmpfs", 0, "size=256k"))
                skip(); /* not root, or not allowed to mount */
        check_full_disk(scratch);
        assert_int_equal(umount(folder), 0);
}

int main(void) {
        const struct CMUnitTest of_all[] = {
                cmocka_unit_test_setup_teardown(test_names_are_checked, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_put_replaces, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_put_many, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_create_keeps_the_first, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_swap_wants_the_state_that_was_read, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_remove, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_list_pages_in_order, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_list_of_nothing_is_empty, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_blob_is_named_after_its_content, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_writer_publishes_what_was_written, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_racing_swaps_lose_nothing, scratch_setup, scratch_teardown),
        };
        const struct CMUnitTest of_folders[] = {
                cmocka_unit_test(test_uri_is_checked),
                cmocka_unit_test_setup_teardown(test_a_file_is_no_store, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_relative_path_stands_on_the_current_directory, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_publishing_renews_the_age, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_flipped_byte_is_refused, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_corrupt_blob_is_healed_when_it_is_written_again, scratch_setup,
                                                scratch_teardown),
                cmocka_unit_test_setup_teardown(test_leavings_of_the_dead_are_swept, scratch_setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_others_cannot_look_in, scratch_setup, scratch_teardown),
                cmocka_unit_test(test_conditions_become_faults),
                cmocka_unit_test_setup_teardown(test_full_disk_tears_nothing, scratch_setup, scratch_teardown),
        };
        int n;

        n = cmocka_run_group_tests(of_all, NULL, NULL);
        return store_is_far() ? n : n + cmocka_run_group_tests(of_folders, NULL, NULL);
}
