#pragma once

/*
 * pusher_to_gateway: a release, or none
 *
 * The end of the line. A candidate that was not accepted has no version.
 */

#include "common/base/digest.h"
#include "proto/envelope.h"
#include "proto/parameters.h"
#include "proto/reason.h"
#include "proto/scores.h"

struct pusher_to_gateway {
        char model[PARAMETERS_NAME_BYTES];
        bool accepted;
        bool promoted;                      /* the alias champion moved to version */
        int64_t version;                    /* 0: none was published */
        char manifest[DIGEST_SHA256_BYTES]; /* SHA-256 of the version's manifest.json; "" without a version */
        int64_t alias_sequence;             /* of aliases.json after this release; 0 when it was not touched */
        size_t n_reasons;                   /* why not accepted, or not promoted */
        struct reason reasons[REASONS_MAX];
        struct scores candidate;
        bool has_champion;
        struct scores champion;
};

#define PUSHER_TO_GATEWAY_NULL \
        { 0 }

extern const struct record pusher_to_gateway_record;

/* As all messages: pack replaces frame by the whole message, 0 or -ENOMEM; unpack reads the envelope's body, 0, -ENOMEM
 * or FAULT_E_INPUT, and leaves ret_message untouched on failure; finish empties. */
int pusher_to_gateway_pack(const struct pusher_to_gateway *message, const struct envelope *envelope,
                           struct buffer *frame);
int pusher_to_gateway_unpack(const struct envelope *envelope, struct pusher_to_gateway *ret_message,
                             struct fault *fault);
void pusher_to_gateway_finish(struct pusher_to_gateway *message);
