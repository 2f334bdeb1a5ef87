#pragma once

/*
 * Scratch folder of a test
 *
 * A folder of its own under $TMPDIR or /tmp, removed with all that is in it. As cmocka fixtures:
 * cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown), and then `struct scratch *scratch = *state`.
 */

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct scratch {
        char folder[512];
        char path[1024]; /* of scratch_path() */
};

static inline int scratch_setup(void **state) {
        struct scratch *scratch = calloc(1, sizeof(*scratch));
        const char *base = getenv("TMPDIR");

        assert(scratch);
        snprintf(scratch->folder, sizeof(scratch->folder), "%s/convoy-test-XXXXXX", base && *base ? base : "/tmp");
        if (!mkdtemp(scratch->folder)) {
                free(scratch);
                return -1;
        }
        *state = scratch;
        return 0;
}

static inline int scratch_remove(const char *path, const struct stat *status, int kind, struct FTW *walk) {
        (void)status;
        (void)kind;
        (void)walk;
        return remove(path);
}

static inline int scratch_teardown(void **state) {
        struct scratch *scratch = *state;
        int r = nftw(scratch->folder, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);

        free(scratch);
        return r;
}

/* The path of a name in the folder; borrowed until the next call. */
static inline const char *scratch_path(struct scratch *scratch, const char *name) {
        snprintf(scratch->path, sizeof(scratch->path), "%s/%s", scratch->folder, name);
        return scratch->path;
}
