#pragma once

/*
 * Samples
 *
 * One message of every type, always with the same values, of a run on made-up rows. Golden bytes and the Python tests
 * hold these values, so they change only together with the schema version.
 */

#include "proto/envelope.h"

/* a buffer large enough and aligned for any message */
union sample {
        max_align_t align;
        unsigned char bytes[128 * 1024];
};

/* The envelope that a sample of this type travels in. */
void sample_envelope(enum message_type type, struct envelope *ret_envelope);

/* Fills ret_sample with the message; nothing else in it is touched, so zero it before comparing bytes. */
void sample_message(enum message_type type, union sample *ret_sample);

/* Envelope and message as a frame. */
int sample_pack(enum message_type type, struct buffer *frame);
