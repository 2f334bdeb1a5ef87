/* Marks: an array, sorted when it is asked. */

#include "cli/marks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/array.h"
#include "common/base/error.h"

enum { HEX_DIGITS = 64 };

struct mark {
        char hex[HEX_DIGITS];
};

void marks_finish(struct marks *marks) {
        if (!marks)
                return;
        free(marks->items);
        *marks = (struct marks)MARKS_NULL;
}

static int compare(const void *a, const void *b) {
        return memcmp(a, b, sizeof(struct mark));
}

static void sort(struct marks *marks) {
        size_t n = 0;

        if (marks->n_sorted == marks->n_items)
                return;
        qsort(marks->items, marks->n_items, sizeof(*marks->items), compare);
        for (size_t i = 0; i < marks->n_items; i++)
                if (!n || compare(&marks->items[n - 1], &marks->items[i]))
                        marks->items[n++] = marks->items[i];
        marks->n_items = marks->n_sorted = n;
}

static int add(struct marks *marks, const char *hex) {
        struct mark *grown;

        /* manifests repeat each other: before it grows, what is there twice goes */
        if (array_is_full(marks->n_items))
                sort(marks);
        grown = array_grow(marks->items, marks->n_items, sizeof(*grown));
        if (!grown)
                return error_origin(-ENOMEM, "marking what is needed");
        marks->items = grown;
        memcpy(marks->items[marks->n_items++].hex, hex, HEX_DIGITS);
        return 0;
}

int marks_add(struct marks *marks, const char *digest) {
        return error_trace(add(marks, digest));
}

static bool is_hex(char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* The next digest at or after *at, which moves behind it; NULL: none. */
static const char *next_digest(const char *text, size_t n_bytes, size_t *at) {
        while (*at < n_bytes) {
                size_t from = *at;

                while (*at < n_bytes && is_hex(text[*at]))
                        ++*at;
                if (*at - from == HEX_DIGITS)
                        return text + from;
                if (*at == from)
                        ++*at;
        }
        return NULL;
}

int marks_add_text(struct marks *marks, const char *text, size_t n_bytes) {
        const char *digest;
        size_t at = 0;
        int r = 0;

        while (!r && (digest = next_digest(text, n_bytes, &at)))
                r = add(marks, digest);
        return error_trace(r);
}

static bool has(struct marks *marks, const char *hex) {
        struct mark mark;

        sort(marks);
        memcpy(mark.hex, hex, HEX_DIGITS);
        return marks->n_items && bsearch(&mark, marks->items, marks->n_items, sizeof(mark), compare);
}

bool marks_has(struct marks *marks, const char *digest) {
        return has(marks, digest);
}

bool marks_has_any(struct marks *marks, const char *text, size_t n_bytes) {
        const char *digest;
        size_t at = 0;

        while ((digest = next_digest(text, n_bytes, &at)))
                if (has(marks, digest))
                        return true;
        return false;
}
