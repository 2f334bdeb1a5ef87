#pragma once

/*
 * Follow
 *
 * Watches a run until it has ended: a bar per stage on a terminal, a line per change elsewhere. A gateway that goes
 * away meanwhile is waited for, since the run goes on without it.
 */

#include <stdbool.h>

#include "cli/client.h"

/* How the run is shown. */
enum follow_style {
        FOLLOW_SILENT,
        FOLLOW_LINES,
        FOLLOW_BARS,
};

/* Bars on a terminal, else lines; silent when the answer shall be JSON alone. */
enum follow_style follow_style(bool is_json);

/* The exit code of a watching that Ctrl-C ended; the run goes on. */
#define FOLLOW_EXIT_INTERRUPTED 130

/* Returns the exit code of the watching, 0 when the run's end was seen; then ret_run is the JSON of the ended run, and
 * the caller's. From here on Ctrl-C says how to see or end the run, and ends the process. */
int follow_run(struct client *client, const char *run, enum follow_style style, struct json **ret_run);

/* Prints the end of a run, as JSON or in words. The exit code: 0 when it succeeded, and was accepted where that is
 * required, else 1. */
int follow_conclude(const struct json *run, bool is_json, bool must_be_accepted);
