#pragma once

/*
 * Lines
 *
 * Bytes of a child's output in, whole lines out, so that the logs of many processes can share one stream unmixed.
 */

#include <stddef.h>

#include "common/base/buffer.h"

/* a longer line is handed out in pieces */
#define LINES_BYTES_MAX 65536

/* n_bytes of one or more whole lines; the last byte is '\n'. */
typedef void lines_function(void *context, const char *lines, size_t n_bytes);

struct lines {
        struct buffer rest; /* the line that has no end yet */
};

#define LINES_NULL \
        { 0 }

void lines_finish(struct lines *lines);

/* Hands out all that is whole now, in one call. 0 or -ENOMEM. */
int lines_feed(struct lines *lines, const char *bytes, size_t n_bytes, lines_function *each, void *context);

/* Hands out the rest with an end. 0 or -ENOMEM. */
int lines_end(struct lines *lines, lines_function *each, void *context);
