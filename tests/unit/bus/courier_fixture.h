#pragma once

/* For tests of the courier: two stations, and what the hooks of one saw. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/bus/courier.h"
#include "tests/support/station.h"

/* Two stations, a sends to b; and what the hooks of b saw. */
struct fixture {
        struct scratch *scratch;
        struct station a, b;
        char lossy[64];
        int n_lossy, n_rejects;
        bool has_no_room; /* for what follows from a refusal */
        char reject_code[64];
        char reject_key[COURIER_KEY_BYTES];
        char reject_body[64];
};

static inline int refuse_bad(void *context, const char *key, const uint8_t *body, size_t n_bytes, struct fault *fault) {
        (void)context;
        (void)key;
        return n_bytes >= 3 && memcmp(body, "bad", 3) == 0 ? fault_set(fault, "TEST_BAD", "it is bad") : 0;
}

static inline int remember_reject(void *context, const char *id, const char *key, const uint8_t *body, size_t n_bytes,
                                  const struct fault *fault) {
        struct fixture *fixture = context;

        (void)id;
        if (fixture->has_no_room)
                return SPOOL_E_FULL;
        fixture->n_rejects++;
        snprintf(fixture->reject_code, sizeof(fixture->reject_code), "%s", fault->code);
        snprintf(fixture->reject_key, sizeof(fixture->reject_key), "%s", key);
        snprintf(fixture->reject_body, sizeof(fixture->reject_body), "%.*s", (int)n_bytes,
                 body ? (const char *)body : "");
        if (key[0])
                station_connect(&fixture->b, &fixture->a);
        return key[0] ? courier_post(fixture->b.courier, fixture->a.name, key, "told", 4) : 0;
}

static inline void remember_lossy(void *context, const char *key, const uint8_t *body, size_t n_bytes) {
        struct fixture *fixture = context;

        fixture->n_lossy++;
        snprintf(fixture->lossy, sizeof(fixture->lossy), "%s:%.*s", key, (int)n_bytes, (const char *)body);
}

static inline int setup(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        void *scratch = NULL;

        if (!fixture || scratch_setup(&scratch))
                return -1;
        fixture->scratch = scratch;
        station_name(&fixture->a, fixture->scratch, "a");
        station_name(&fixture->b, fixture->scratch, "b");
        fixture->b.hooks = (struct courier_hooks){ fixture, refuse_bad, remember_reject, remember_lossy };
        station_open(&fixture->a);
        *state = fixture;
        return 0;
}

static inline int teardown(void **state) {
        struct fixture *fixture = *state;
        void *scratch = fixture->scratch;

        station_close(&fixture->a);
        station_close(&fixture->b);
        free(fixture);
        return scratch_teardown(&scratch);
}

#define COURIER_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
