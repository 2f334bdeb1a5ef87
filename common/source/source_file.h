#pragma once

/*
 * A file as a source: `file://PATH`
 *
 * PATH is absolute or relative to the working folder, and taken as it stands. Its first bytes say what the file is:
 * Arrow IPC file or stream, ndjson (a `{` after blanks), else CSV. What is known to be something else (gzip, ZSTD,
 * Parquet, Feather 1, SQLite, a JSON array) is refused with its name and the way to convert it.
 */

#include "common/base/fault.h"
#include "common/source/source.h"

#define SOURCE_FILE_SCHEME "file://"

/* As source_open(). */
int source_file_open(const struct source_options *options, struct source **ret_source, struct fault *fault);
