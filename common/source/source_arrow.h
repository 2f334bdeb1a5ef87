#pragma once

/*
 * Rows of an Arrow file or stream of others, by the rules for sources with types (value.h): a text column gives
 * categories of string only, a bool column bools only.
 */

#include "common/source/source.h"

/* path is borrowed for the call. */
int source_arrow_open(const struct source_options *options, const char *path, struct source **ret_source,
                      struct fault *fault);
