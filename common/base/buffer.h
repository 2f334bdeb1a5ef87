#pragma once

/*
 * Buffer
 *
 * A growing run of bytes on the heap. data is always followed by one NUL that n_bytes does not count, so a buffer that
 * holds text is a C string.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/base/cleanup.h"

struct buffer {
        uint8_t *data;
        size_t n_bytes;
        size_t capacity;
};

#define BUFFER_NULL \
        { 0 }

void buffer_finish(struct buffer *buffer);

/* Empties the buffer and keeps its memory. */
void buffer_clear(struct buffer *buffer);

/* All return 0 or -ENOMEM, and leave the buffer as it was on failure. */
int buffer_reserve(struct buffer *buffer, size_t n_more);
int buffer_append(struct buffer *buffer, const void *bytes, size_t n_bytes);
int buffer_append_text(struct buffer *buffer, const char *text);
int buffer_printf(struct buffer *buffer, const char *format, ...) _printf_(2, 3);

/* The content as text; "" for a buffer that never grew. Borrowed until the buffer changes. */
static inline const char *buffer_text(const struct buffer *buffer) {
        return buffer->data ? (const char *)buffer->data : "";
}
