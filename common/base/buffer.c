/* Buffer: doubles its memory as it grows. */

#include "common/base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"

void buffer_finish(struct buffer *buffer) {
        if (!buffer)
                return;
        free(buffer->data);
        *buffer = (struct buffer)BUFFER_NULL;
}

void buffer_clear(struct buffer *buffer) {
        buffer->n_bytes = 0;
        if (buffer->data)
                buffer->data[0] = 0;
}

int buffer_reserve(struct buffer *buffer, size_t n_more) {
        size_t capacity = buffer->capacity ? buffer->capacity : 64;
        uint8_t *data;

        if (n_more >= SIZE_MAX / 4 - buffer->n_bytes)
                return error_origin(-ENOMEM, "n_bytes=%zu growing a buffer", n_more);
        if (buffer->data && buffer->n_bytes + n_more < buffer->capacity)
                return 0;
        while (capacity <= buffer->n_bytes + n_more)
                capacity *= 2;
        data = realloc(buffer->data, capacity);
        if (!data)
                return error_origin(-ENOMEM, "n_bytes=%zu growing a buffer", capacity);
        data[buffer->n_bytes] = 0;
        buffer->data = data;
        buffer->capacity = capacity;
        return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t n_bytes) {
        int r;

        r = buffer_reserve(buffer, n_bytes);
        if (r)
                return error_trace(r);
        if (n_bytes)
                memcpy(buffer->data + buffer->n_bytes, bytes, n_bytes);
        buffer->n_bytes += n_bytes;
        buffer->data[buffer->n_bytes] = 0;
        return 0;
}

int buffer_append_text(struct buffer *buffer, const char *text) {
        return buffer_append(buffer, text, strlen(text));
}

int buffer_printf(struct buffer *buffer, const char *format, ...) {
        va_list arguments, again;
        int n, r;

        va_start(arguments, format);
        va_copy(again, arguments);
        n = vsnprintf(NULL, 0, format, arguments);
        va_end(arguments);
        r = n < 0 ? error_origin(-EINVAL, "formatting into a buffer") : buffer_reserve(buffer, (size_t)n);
        if (!r) {
                vsnprintf((char *)buffer->data + buffer->n_bytes, (size_t)n + 1, format, again);
                buffer->n_bytes += (size_t)n;
        }
        va_end(again);
        return error_trace(r);
}
