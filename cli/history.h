#pragma once

/*
 * History
 *
 * The moves of a model's aliases as people read them: which alias went from where to where, who did it, when and why.
 */

#include <stdbool.h>
#include <stdint.h>

#include "cli/client.h"

/* Prints the last moves, at most limit of them, newest first; as JSON {"name":"…","moves":[…]}. The exit code. */
int history_print(struct client *client, const char *model, int64_t limit, bool is_json);
