#pragma once

/*
 * Rows of a file of JSON objects, one a line (ndjson.org), by the rules of value_from_json(). Empty lines are skipped.
 * A line may have SOURCE_NDJSON_LINE_BYTES.
 */

#include "common/source/source.h"

#define SOURCE_NDJSON_LINE_BYTES (16 * 1024 * 1024)

/* Reads fd from its start and closes it in the end, also on failure. path is borrowed for the call. */
int source_ndjson_open(const struct source_options *options, const char *path, int fd, struct source **ret_source,
                       struct fault *fault);
