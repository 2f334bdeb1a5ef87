#pragma once

/*
 * Stage manifest
 *
 * `runs/<run>/<stage>.json`: what a stage took, what it gave, how it ended and when, and the build that did it. Input
 * and output are the messages themselves, so that everything a later stage, a rebuild of the ledger or a person wants
 * to know is there.
 *
 *     {"manifest":1,"run_id":"…","attempt":1,"build_id":"…","end":{stage, state, times, counts, error},
 *      "input":{"type":"ingestor_to_validator","body":{…}},"output":{"type":"validator_to_transformer","body":{…}},
 *      "details":…}
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/digest.h"
#include "proto/stage_to_gateway.h"

#define MANIFEST_VERSION 1
#define MANIFEST_BUILD_BYTES 160
#define MANIFEST_NAME_BYTES 80

struct stage_manifest {
        char run[UUID_TEXT_BYTES];
        int64_t attempt;
        char build[MANIFEST_BUILD_BYTES];    /* SHA-256 of the executable, and of what else decides its result */
        char cache_key[DIGEST_SHA256_BYTES]; /* "" where nothing is cached */
        struct stage_to_gateway end;

        /* One value of JSON for people, whatever the stage has to say beyond its messages; borrowed, NULL: none. It is
         * written and never read back. */
        const char *details;
        size_t n_details;
};

/* "runs/<run>/<stage>.json", and with STAGE_GATEWAY "runs/<run>/run.json". */
void stage_manifest_name(const char *run, enum stage stage, char ret_name[MANIFEST_NAME_BYTES]);

/* Appends the document, pretty. input is the message of the type that the stage receives, output of the type that it
 * emits; NULL where there is none. */
int stage_manifest_write(const struct stage_manifest *manifest, const void *input, const void *output,
                         struct buffer *text);

/* Reads a document. ret_output, when not NULL, is filled with the emitted message and ret_has_output set; it must be of
 * the struct that the stage emits, which ret_manifest->end.stage names and the caller knows from the file's name. 0,
 * FAULT_E_INPUT (MANIFEST_*, JSON_*, RECORD_FIELD), or -ENOMEM. On failure the outputs are untouched. */
int stage_manifest_read(const void *text, size_t n_bytes, enum stage stage, struct stage_manifest *ret_manifest,
                        void *ret_output, bool *ret_has_output, struct fault *fault);
