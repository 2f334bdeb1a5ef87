#pragma once

/* Rows of a CSV file: text without types, by the rules of value_from_text(). */

#include "common/source/source.h"

/* Reads fd from its start and closes it in the end, also on failure. path is borrowed for the call. */
int source_csv_open(const struct source_options *options, const char *path, int fd, struct source **ret_source,
                    struct fault *fault);
