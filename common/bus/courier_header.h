#pragma once

/*
 * Courier header
 *
 * The first of the two frames of a message; the second is the body, which the courier does not read (an ack's is
 * empty). Its bytes:
 *
 *     offset  bytes  content
 *          0      4  magic: 43 56 4f 59 ("CVOY")
 *          4      1  version: 01
 *          5      1  kind: 01 data, 02 ack, 03 lossy
 *          6     36  message id: a UUID as lower-case text
 *         42      1  n, the length of the key, at most 63
 *         43      n  key: printable ASCII without space; the id of the run, empty in an ack
 *
 * and no byte more. The first 42 bytes keep this meaning in every version, so that a message of an unknown version can
 * be refused by name: it is acked, and its sender stops.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/base/uuid.h"

#define COURIER_VERSION 1
/* the longest key and its end */
#define COURIER_KEY_BYTES 64
#define COURIER_HEADER_BYTES_MAX (43 + COURIER_KEY_BYTES - 1)

enum courier_kind {
        COURIER_KIND_DATA = 1,
        COURIER_KIND_ACK = 2,
        COURIER_KIND_LOSSY = 3,
};

struct courier_header {
        enum courier_kind kind;
        char id[UUID_TEXT_BYTES];
        char key[COURIER_KEY_BYTES];
};

#define COURIER_HEADER_NULL \
        { 0 }

/* True for what a key may be: shorter than COURIER_KEY_BYTES, printable ASCII without space. */
bool courier_key_is_valid(const char *key);

/* Writes the header, which must be valid, and returns its length. */
size_t courier_header_pack(const struct courier_header *header, uint8_t ret_bytes[COURIER_HEADER_BYTES_MAX]);

/* Reads all of it or fails with FAULT_E_INPUT: codes HEADER_TRUNCATED, HEADER_MAGIC, HEADER_VERSION, HEADER_KIND,
 * HEADER_ID, HEADER_KEY, HEADER_TRAILING_BYTES. On failure ret_header is untouched. */
int courier_header_unpack(const void *bytes, size_t n_bytes, struct courier_header *ret_header, struct fault *fault);

/* Finds the message id in a header of any version, so that a refused message can be acked. False: there is none. */
bool courier_header_find_id(const void *bytes, size_t n_bytes, char ret_id[UUID_TEXT_BYTES]);
