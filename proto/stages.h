#pragma once

/*
 * Stages
 *
 * The line as code: stages.def and messages.def expanded to numbers, names and endpoints.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/bus/socket.h"

enum stage {
#define STAGE(NAME, name, receives, emits, port) STAGE_##NAME,
#include "proto/stages.def"
#undef STAGE
        STAGE_N,
};

/* the stages that a run passes, one after another: all but the gateway */
#define STAGE_N_WORKERS ((int)STAGE_GATEWAY)

enum message_type {
#define MESSAGE(NAME, name, how) MESSAGE_##NAME,
#include "proto/messages.def"
#undef MESSAGE
        MESSAGE_N,
};

/* "ingestor", …; a literal. */
const char *stage_name(enum stage stage);

/* The names of all, STAGE_N of them, for tables and choices. */
extern const char *const stage_names[];

/* True, and the stage stored, for exactly one of those names. */
bool stage_parse(const char *name, enum stage *ret_stage);

/* What the stage's place in the line makes it take and give. */
enum message_type stage_receives(enum stage stage);
enum message_type stage_emits(enum stage stage);

/* The stage to which the emitted message goes: the next one, the ingestor after the gateway. */
enum stage stage_next(enum stage stage);

/* 5551 … 5557, for endpoints between machines. */
int stage_port(enum stage stage);

/* "CONVOY_ENDPOINT_INGESTOR", …; a literal. */
const char *stage_endpoint_variable(enum stage stage);

/* Where the stage listens: the value of its variable, or ipc://run/<name>.sock, relative to the home that every daemon
 * has changed into. FAULT_E_INPUT, with the variable as the fault's column, when it holds neither ipc://path nor
 * tcp://host:port. */
int stage_endpoint(enum stage stage, char ret_endpoint[SOCKET_ENDPOINT_BYTES], struct fault *fault);

/* "gateway_to_ingestor", …; a literal. */
const char *message_name(enum message_type type);
extern const char *const message_names[];
bool message_parse(const char *name, enum message_type *ret_type);

/* True for progress and heartbeat, which are sent now or never; the others go by courier. */
bool message_is_lossy(enum message_type type);
