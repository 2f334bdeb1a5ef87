#pragma once

/*
 * Envelope
 *
 * What every message begins with. On the wire a message body of the courier is one MessagePack array:
 *
 *      [schema version, type, run, attempt, sequence, produced_at, traceparent, body]
 *
 * The schema version stands first, so that a reader of any version can read it and refuse the rest by name. See
 * proto/README.md for the grammar.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/base/uuid.h"
#include "proto/record.h"
#include "proto/stages.h"

/*
 * The schema of all messages, one number for all. To change any field of any message:
 *
 *   1. write the new grammar into proto/README.md, under the next number;
 *   2. raise ENVELOPE_VERSION;
 *   3. change struct and table of the message;
 *   4. keep the old reader: copy the old table under its number (x_v1_record), give envelope_unpack_body() the step
 * from the old struct to the new, and leave ENVELOPE_VERSION_OLDEST where it is, so that what lies in spools is read;
 *   5. add golden bytes of the new number to tests/wire/golden/, and leave those of the old ones untouched;
 *   6. when no spool can hold an old message any more, raise ENVELOPE_VERSION_OLDEST and delete its reader and bytes.
 */
#define ENVELOPE_VERSION 1
#define ENVELOPE_VERSION_OLDEST 1

/* "00-" trace id "-" parent id "-" flags, and the end (W3C Trace Context, section 3.2) */
#define ENVELOPE_TRACEPARENT_BYTES 56

struct envelope {
        int64_t version; /* as read; envelope_pack() writes ENVELOPE_VERSION */
        enum message_type type;
        char run[UUID_TEXT_BYTES];                    /* "" in a heartbeat only */
        int64_t attempt;                              /* from 1; 0: none (heartbeat), or not known (stage_to_gateway) */
        int64_t sequence;                             /* rises with each message of a sender, from 0 */
        int64_t produced_at;                          /* milliseconds since 1970 */
        char traceparent[ENVELOPE_TRACEPARENT_BYTES]; /* "" when the run is not traced */

        const uint8_t *body; /* borrowed from the frame; NULL in an envelope that was not read */
        size_t n_body_bytes;
};

#define ENVELOPE_NULL \
        { 0 }

/* Fills an envelope with this moment's time. run, attempt and traceparent are the run's. */
void envelope_init(struct envelope *envelope, const char *run, int64_t attempt, int64_t sequence,
                   const char *traceparent);

/*
 * Reads the envelope of a frame, which is walked and bounded first; the body is checked by the message's own unpack.
 * FAULT_E_INPUT with code
 *      ENVELOPE_VERSION   a schema version that this build does not read; nothing else was looked at
 *      ENVELOPE_TYPE      a type that this version does not know
 *      FRAME_*, FIELD_*   malformed, truncated, too large, or a field of wrong type or out of its limits
 * On failure ret_envelope is untouched.
 */
int envelope_unpack(const void *frame, size_t n_bytes, struct envelope *ret_envelope, struct fault *fault);

/* Replaces frame by a message of this type. The envelope's own type and body are not looked at. 0,
 * -ENOMEM, or -EPROTO when a field breaks its own table's rules: what cannot be read is not sent. */
int envelope_pack(const struct envelope *envelope, enum message_type type, const struct record *record,
                  const void *message, struct buffer *frame);

/* Reads the body as record into ret_message, which is untouched on failure. FAULT_E_INPUT, code ENVELOPE_TYPE when the
 * envelope announces another type, else FRAME_* or FIELD_*; or -ENOMEM. */
int envelope_unpack_body(const struct envelope *envelope, enum message_type type, const struct record *record,
                         void *ret_message, struct fault *fault);

/* True for "" and for a traceparent of version 00 whose ids are not all zero. */
bool envelope_traceparent_is_valid(const char *text);

/* The record of a message type, for code that treats all alike. Borrowed forever. */
const struct record *message_record(enum message_type type);
