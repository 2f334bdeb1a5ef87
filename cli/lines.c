/* Lines: what has an end goes out, the rest waits. */

#include "cli/lines.h"

#include <string.h>

#include "common/base/error.h"

void lines_finish(struct lines *lines) {
        buffer_finish(&lines->rest);
}

int lines_feed(struct lines *lines, const char *bytes, size_t n_bytes, lines_function *each, void *context) {
        const char *last = memrchr(bytes, '\n', n_bytes);
        size_t n_whole = last ? (size_t)(last - bytes) + 1 : 0;
        int r;

        if (n_whole && !lines->rest.n_bytes) {
                each(context, bytes, n_whole);
        } else if (n_whole) {
                r = buffer_append(&lines->rest, bytes, n_whole);
                if (r)
                        return error_trace(r);
                each(context, buffer_text(&lines->rest), lines->rest.n_bytes);
                buffer_clear(&lines->rest);
        }
        r = buffer_append(&lines->rest, bytes + n_whole, n_bytes - n_whole);
        if (!r && lines->rest.n_bytes >= LINES_BYTES_MAX)
                r = lines_end(lines, each, context);
        return error_trace(r);
}

int lines_end(struct lines *lines, lines_function *each, void *context) {
        int r;

        if (!lines->rest.n_bytes)
                return 0;
        r = buffer_append(&lines->rest, "\n", 1);
        if (r)
                return error_trace(r);
        each(context, buffer_text(&lines->rest), lines->rest.n_bytes);
        buffer_clear(&lines->rest);
        return 0;
}
