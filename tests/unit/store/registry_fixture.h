#pragma once

/* A test's registry "toy" in a store of its own, and how it is moved and looked at. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/store/registry_support.h"

struct fixture {
        struct scratch *scratch;
        struct store *store;
        struct registry registry;
};

static inline int setup(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        void *scratch;

        if (!fixture || scratch_setup(&scratch))
                return -1;
        fixture->scratch = scratch;
        fixture->store = toy_store(scratch_path(scratch, "store"));
        *state = fixture;
        return registry_init(&fixture->registry, fixture->store, "toy");
}

static inline int teardown(void **state) {
        struct fixture *fixture = *state;
        void *scratch = fixture->scratch;

        store_close(fixture->store);
        free(fixture);
        return scratch_teardown(&scratch);
}

static inline struct registry *registry_of(void **state) {
        return &((struct fixture *)*state)->registry;
}

/* Pushes a run that was compared with the present champion, and returns its version. */
static inline int64_t must_push(struct registry *registry, const char *run) {
        struct aliases aliases;
        struct alias_move move;

        assert_int_equal(registry_read_aliases(registry, &aliases), 0);
        assert_int_equal(toy_push(registry, run, aliases_find(&aliases, ALIASES_CHAMPION), &move), 0);
        return move.version;
}

static inline void must_be(struct registry *registry, int64_t champion, int64_t challenger, int64_t previous,
                           bool is_pinned) {
        struct aliases aliases;

        assert_int_equal(registry_read_aliases(registry, &aliases), 0);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHAMPION), champion);
        assert_int_equal(aliases_find(&aliases, ALIASES_CHALLENGER), challenger);
        assert_int_equal(aliases_find(&aliases, ALIASES_PREVIOUS), previous);
        assert_int_equal(aliases.is_pinned, is_pinned);
}
