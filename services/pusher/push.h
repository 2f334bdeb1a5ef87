#pragma once

/*
 * Push
 *
 * The pusher's work: makes a model version of an accepted candidate, or does nothing for another. The bundle is put
 * together from the run's blobs, proves itself on the golden rows, is published under the number that the run has
 * claimed, and handed out: champion when it may and nobody moved the alias since the verdict, else challenger.
 *
 * Every step may be the last before a crash, and doing it all again gives the same version, the same bytes and the same
 * answer: the time in them is the claim's, a version that is complete is not written again, and a move that names the
 * run is not made again.
 *
 * A push that is canceled leaves no version: at most a claim, and files under it that nobody sees without a manifest.
 * With the manifest there is one, and the push goes on to its end, now or when it is done again.
 */

#include <stdbool.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/store/registry.h"
#include "common/store/store.h"
#include "proto/evaluator_to_pusher.h"
#include "proto/pusher_to_gateway.h"

enum {
        PUSH_E_CANCELED = FAULT_E_INPUT + 1,
};

/* All borrowed for the call. */
struct push_input {
        const struct evaluator_to_pusher *message;
        const char *run;
        const char *build;         /* id of the build that pushes */
        int64_t now_ms;            /* what the move of the alias is dated */
        struct store *store;       /* holds the blobs */
        struct registry *registry; /* of parameters.name */
        bool is_by_hand;           /* a person asks: it becomes a challenger, whatever the verdict */

        /* Asked between the steps until the point of no return: true ends it with PUSH_E_CANCELED. May be NULL, as the
         * next. */
        bool (*is_canceled)(void *context);

        /* The point of no return, right before the version can be seen; with is_passed an earlier try has gone beyond
         * it, and the answer is 0. Anything else ends it with PUSH_E_CANCELED. */
        int (*pass_return)(void *context, bool is_passed);
        void *context;
};

/*
 * 0, accepted or not; a negative errno, such as when the store is away; PUSH_E_CANCELED; or FAULT_E_INPUT, and nothing
 * was published:
 *      BUNDLE_*, GOLDEN_*, …   the parts do not fit each other, or do not give the golden margins
 *      ARTIFACT_MISSING        the store does not hold a blob that the message names
 *      ARTIFACT_CORRUPT        it holds another content, or the registry's objects cannot be read
 *      VERSION_CONFLICT        the run's version exists with another content
 */
int push(const struct push_input *input, struct pusher_to_gateway *ret_release, struct fault *fault);
