/*
 * NAME
 *      convoy-pusher - makes a model version of an accepted candidate
 *
 * SUMMARY
 *      Puts the bundle together, lets it prove itself on the golden rows, publishes it under the next free number, and
 *      moves the alias champion to it when nobody else has moved it since the verdict; else the version becomes
 *      challenger. Publishes nothing for a candidate that was not accepted.
 *
 *      convoy-pusher --register RUN does that once for a run whose candidate was not accepted, because a person wants
 *      it: the version becomes challenger. It needs no other daemon and may run beside the one that serves the line.
 *
 * RECEIVES
 *      evaluator_to_pusher  a verdict
 *
 * EMITS
 *      pusher_to_gateway    a release, or accepted: false
 *
 * STORES
 *      <model>/versions/<n>/, aliases.json and history in the registry
 *      runs/<run>/pusher.json
 *
 * CONFIG
 *      pipeline.yaml for store and registry.
 *
 * DIAGNOSTICS
 *      One line per message; exit codes 0 stopped, 1 failed, 2 misconfigured. GOLDEN_MISMATCH: the bundle does not give
 *      the margins that the evaluator saw, and nothing was published. A cancel is heard until all files of the version
 *      are in the registry but the manifest, without which there is none.
 *
 * BUGS
 *      None known.
 */

#include "services/pusher/push.h"

#include <errno.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "services/pusher/register.h"
#include "services/stage/stage.h"

static bool is_canceled(void *context) {
        return stage_is_canceled(context);
}

static int pass_return(void *context, bool is_passed) {
        stage_progress(context, 0, 1, "versions");
        return stage_pass_return(context, is_passed);
}

static int work(struct stage_work *work) {
        const struct evaluator_to_pusher *message = work->input;
        struct pusher_to_gateway *release = work->output;
        struct registry registry;
        struct push_input input = {
                .message = message,
                .run = work->envelope->run,
                .build = work->build,
                .now_ms = clock_realtime_ms(),
                .store = work->store,
                .registry = &registry,
                .is_canceled = is_canceled,
                .pass_return = pass_return,
                .context = work,
        };
        int r;

        r = registry_init(&registry, work->registry_store, message->order.parameters.name);
        if (!r)
                r = push(&input, release, &work->fault);
        if (r)
                return r == PUSH_E_CANCELED ? STAGE_E_CANCELED : error_trace(r);
        stage_progress(work, message->verdict.accepted, message->verdict.accepted, "versions");
        stage_count(work, "version", release->version);
        stage_count(work, "promoted", release->promoted);
        return 0;
}

static const struct stage_service SERVICE = {
        .stage = STAGE_PUSHER,
        .summary = "makes a model version of an accepted candidate",
        .sections = "convoy-pusher --register RUN makes a challenger of a run's candidate and exits.\n",
        .uses_registry = true,
        .decides_cancel = true,
        .work = work,
};

int main(int argc, char **argv) {
        if (register_is_asked(argc, argv))
                return register_main(argc, argv);
        return stage_main(&SERVICE, argc, argv);
}
