/* The line's stages: proto/stages.def expanded to names, messages, neighbours and endpoints. */

#include "proto/stages.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"

struct stage_row {
        const char *variable;
        const char *endpoint;
        enum message_type receives, emits;
        int port;
};

enum delivery {
        DELIVERY_COURIER,
        DELIVERY_LOSSY,
};

const char *const stage_names[] = {
#define STAGE(NAME, name, receives, emits, port) #name,
#include "proto/stages.def"
#undef STAGE
};

const char *const message_names[] = {
#define MESSAGE(NAME, name, how) #name,
#include "proto/messages.def"
#undef MESSAGE
};

/* stages.def writes messages in lower case; these turn them into their numbers. */
enum {
#define MESSAGE(NAME, name, how) number_of_##name = MESSAGE_##NAME,
#include "proto/messages.def"
#undef MESSAGE
};

static const struct stage_row rows[] = {
#define STAGE(NAME, name, receives, emits, port) \
        { "CONVOY_ENDPOINT_" #NAME, "ipc://run/" #name ".sock", (enum message_type)number_of_##receives, \
          (enum message_type)number_of_##emits, port },
#include "proto/stages.def"
#undef STAGE
};

static const enum delivery deliveries[] = {
#define MESSAGE(NAME, name, how) DELIVERY_##how,
#include "proto/messages.def"
#undef MESSAGE
};

_Static_assert(N_ELEMENTS(rows) == STAGE_N, "stages.def has one row per stage");

const char *stage_name(enum stage stage) {
        assert(stage < STAGE_N);
        return stage_names[stage];
}

static bool find(const char *const *names, size_t n_names, const char *name, size_t *ret_index) {
        for (size_t i = 0; i < n_names; i++)
                if (!strcmp(names[i], name)) {
                        *ret_index = i;
                        return true;
                }
        return false;
}

bool stage_parse(const char *name, enum stage *ret_stage) {
        size_t i;

        if (!find(stage_names, STAGE_N, name, &i))
                return false;
        *ret_stage = (enum stage)i;
        return true;
}

enum message_type stage_receives(enum stage stage) {
        assert(stage < STAGE_N);
        return rows[stage].receives;
}

enum message_type stage_emits(enum stage stage) {
        assert(stage < STAGE_N);
        return rows[stage].emits;
}

enum stage stage_next(enum stage stage) {
        assert(stage < STAGE_N);
        return (enum stage)((stage + 1) % STAGE_N);
}

int stage_port(enum stage stage) {
        assert(stage < STAGE_N);
        return rows[stage].port;
}

const char *stage_endpoint_variable(enum stage stage) {
        assert(stage < STAGE_N);
        return rows[stage].variable;
}

int stage_endpoint(enum stage stage, char ret_endpoint[SOCKET_ENDPOINT_BYTES], struct fault *fault) {
        const char *endpoint;
        int r;

        assert(stage < STAGE_N);
        endpoint = getenv(rows[stage].variable);
        if (!endpoint || !*endpoint)
                endpoint = rows[stage].endpoint;
        r = socket_endpoint_check(endpoint, fault);
        if (!r && strlen(endpoint) >= SOCKET_ENDPOINT_BYTES)
                r = fault_set(fault, "ENDPOINT_INVALID", "an endpoint has at most %d bytes", SOCKET_ENDPOINT_BYTES - 1);
        if (r) {
                fault_in(fault, rows[stage].variable, -1);
                return error_trace(r);
        }
        strcpy(ret_endpoint, endpoint);
        return 0;
}

const char *message_name(enum message_type type) {
        assert(type < MESSAGE_N);
        return message_names[type];
}

bool message_parse(const char *name, enum message_type *ret_type) {
        size_t i;

        if (!find(message_names, MESSAGE_N, name, &i))
                return false;
        *ret_type = (enum message_type)i;
        return true;
}

bool message_is_lossy(enum message_type type) {
        assert(type < MESSAGE_N);
        return deliveries[type] == DELIVERY_LOSSY;
}
