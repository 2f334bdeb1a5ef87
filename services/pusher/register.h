#pragma once

/*
 * Register
 *
 * The pusher's work done once, by hand: `convoy-pusher --register RUN` makes a version of a run's candidate, whatever
 * the verdict was, and hands it out as challenger. Two who register at once, or one beside the daemon, end with one
 * version, as two pushers would. A run that has its version already gets no second one.
 */

#include <stdbool.h>

#include "services/pusher/push.h"

/* True when the arguments ask for it. */
bool register_is_asked(int argc, char *const *argv);

/* The whole program then; returns its exit code. */
int register_main(int argc, char **argv);

/* Takes the evaluator's message from runs/<run>/evaluator.json; input->message is filled in here. 0;
 * FAULT_E_INPUT as push(), or RUN_UNKNOWN: the run has no candidate that was evaluated; or a negative errno. */
int register_run(struct push_input *input, struct pusher_to_gateway *ret_release, struct fault *fault);
