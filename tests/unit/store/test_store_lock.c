/* Store in a folder: whoever removes what is old holds the lock, and so does whoever puts a blob in its place. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "common/base/cleanup.h"
#include "common/base/file.h"
#include "common/store/store.h"
#include "tests/support/scratch.h"

static struct scratch *scratch;
static int n_seen, n_locked; /* renames to a blob's name, and those of them under the lock */

int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

static bool is_locked(void) {
        _cleanup_(close_descriptor) int fd = open(scratch_path(scratch, ".lock"), O_RDWR | O_CLOEXEC);

        return fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) && errno == EWOULDBLOCK;
}

int __wrap_rename(const char *from, const char *to) {
        if (strstr(to, "/blobs/sha256/")) {
                n_seen++;
                n_locked += is_locked();
        }
        return __real_rename(from, to);
}

static void a_blob_is_put_in_place_under_the_lock(void **state) {
        _cleanup_(store_close_pointer) struct store *store = NULL;
        char uri[1100], digest[DIGEST_SHA256_BYTES], path[STORE_PATH_BYTES];
        struct fault fault = FAULT_NULL;

        scratch = *state;
        n_seen = n_locked = 0;
        snprintf(uri, sizeof(uri), "file://%s", scratch->folder);
        assert_int_equal(store_open(&(struct store_options){ .uri = uri }, &store, &fault), 0);
        assert_int_equal(store_put_blob(store, "hello", 5, digest), 0);
        assert_int_equal(n_locked, 1);
        assert_int_equal(store_fetch_blob(store, digest, path), 0);
        /* one that was damaged, and may be old */
        assert_int_equal(chmod(path, 0600), 0);
        assert_int_equal(file_replace(path, "hullo", 5), 0);
        n_seen = n_locked = 0;
        assert_int_equal(store_put_blob(store, "hello", 5, NULL), 0);
        assert_int_equal(n_seen, 1);
        assert_int_equal(n_locked, 1);
        assert_int_equal(store_fetch_blob(store, digest, path), 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_blob_is_put_in_place_under_the_lock, scratch_setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
