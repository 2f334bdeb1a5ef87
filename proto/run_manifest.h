#pragma once

/*
 * Run manifest
 *
 * `runs/<run>/run.json`: the request, stored before the first message leaves, and the end, stored again when there is
 * one. With the stages' manifests it is the truth about a run, from which the gateway's ledger can be built anew; GET
 * /runs/{id} is made from the same struct.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "proto/order.h"
#include "proto/pusher_to_gateway.h"
#include "proto/run_state.h"
#include "proto/stage_to_gateway.h"

#define RUN_MANIFEST_KEY_BYTES 256

/* Which stage an error comes from. */
struct run_failure {
        enum stage stage;
        struct run_error error;
};

struct run_manifest {
        char run_id[UUID_TEXT_BYTES];
        int64_t attempt;
        enum run_state state;
        int64_t created_at;  /* milliseconds since 1970 */
        int64_t began_at;    /* first, when its order was complete: champion or none; 0 before */
        int64_t finished_at; /* 0 while it runs */
        char traceparent[ENVELOPE_TRACEPARENT_BYTES];
        char idempotency_key[RUN_MANIFEST_KEY_BYTES]; /* "" when the request had none */
        char request_sha256[DIGEST_SHA256_BYTES];     /* of the request's body, to tell another one under that key */
        struct order order;
        char ends_run[STAGE_TO_GATEWAY_CODE_BYTES]; /* why it ended before the pusher, not accepted; "" if it did not */
        bool has_release;
        struct pusher_to_gateway release; /* how the line answered */
        bool has_failure;
        struct run_failure failure;
};

/* Appends the document, pretty. */
int run_manifest_write(const struct run_manifest *manifest, struct buffer *text);

/* Reads one. 0, FAULT_E_INPUT (MANIFEST_*, JSON_*, RECORD_FIELD), or -ENOMEM. On failure ret_manifest is untouched. */
int run_manifest_read(const void *text, size_t n_bytes, struct run_manifest *ret_manifest, struct fault *fault);
