#pragma once

/*
 * Push
 *
 * The pusher's heart: makes a model version of an accepted candidate, or does nothing for another. The bundle is put
 * together from the run's blobs, proves itself on the golden rows, is published under the number that the run has
 * claimed, and handed out: champion when it may and nobody moved the alias since the verdict, else challenger.
 *
 * Every step may be the last before a crash, and doing it all again gives the same version, the same bytes and the same
 * answer: the time in them is the claim's, a version that is complete is not written again, and a move that names the
 * run is not made again.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/store/registry.h"
#include "common/store/store.h"
#include "proto/evaluator_to_pusher.h"
#include "proto/pusher_to_gateway.h"

/* All borrowed for the call. */
struct push_input {
        const struct evaluator_to_pusher *message;
        const char *run;
        const char *build;         /* id of the build that pushes */
        int64_t now_ms;            /* what the move of the alias is dated */
        struct store *store;       /* holds the blobs */
        struct registry *registry; /* of parameters.name */
        bool is_by_hand;           /* a person asks: it becomes a challenger, whatever the verdict */
};

/*
 * 0, accepted or not; a negative errno, such as when the store is away; or FAULT_E_INPUT, and nothing was published:
 *      BUNDLE_*, GOLDEN_*, …   the parts do not fit each other, or do not give the golden margins
 *      ARTIFACT_MISSING        the store does not hold a blob that the message names
 *      ARTIFACT_CORRUPT        it holds another content, or the registry's objects cannot be read
 *      VERSION_CONFLICT        the run's version exists with another content
 */
int push(const struct push_input *input, struct pusher_to_gateway *ret_release, struct fault *fault);
