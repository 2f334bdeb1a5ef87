#pragma once

/*
 * Marks
 *
 * A set of SHA-256 digests: what texts name, and therefore somebody needs. Text is taken for what it is, not for what
 * it means, so that no manifest can name a blob in a way that is overlooked.
 */

#include <stdbool.h>
#include <stddef.h>

struct mark;

struct marks {
        struct mark *items; /* owned; the first n_sorted of them in order and each once */
        size_t n_items;
        size_t n_sorted;
};

#define MARKS_NULL \
        { 0 }

void marks_finish(struct marks *marks);

/* Adds a digest, 64 lower-case hex digits. 0 or -ENOMEM. */
int marks_add(struct marks *marks, const char *digest);

/* Adds every run of exactly 64 lower-case hex digits. 0 or -ENOMEM. */
int marks_add_text(struct marks *marks, const char *text, size_t n_bytes);

bool marks_has(struct marks *marks, const char *digest);

/* Whether the text names one of them. */
bool marks_has_any(struct marks *marks, const char *text, size_t n_bytes);
