#pragma once

/*
 * Counts of texts, as value_counts.h says.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* a longer text is shown cut; it is told from others by length and hash of the whole */
#define TEXT_COUNTS_SHOWN_BYTES 64

struct text_count {
        uint64_t hash;
        uint64_t count;
        size_t n_bytes; /* of the whole text */
        char *text;     /* its first TEXT_COUNTS_SHOWN_BYTES bytes, without an end */
};

struct text_counts {
        struct text_count *entries; /* in the order in which they first occurred */
        size_t n_entries;
        size_t capacity;
        uint32_t *slots; /* place + 1 */
        size_t n_slots;
        uint64_t n_dropped;
        bool is_exact;
};

#define TEXT_COUNTS_NULL \
        { .is_exact = true }

void text_counts_finish(struct text_counts *texts);

/* How many bytes of a text are kept. */
static inline size_t text_counts_shown_bytes(size_t n_bytes) {
        return n_bytes < TEXT_COUNTS_SHOWN_BYTES ? n_bytes : TEXT_COUNTS_SHOWN_BYTES;
}

/* Counts a text. 0 or -ENOMEM. */
int text_counts_add(struct text_counts *texts, const char *text, size_t n_bytes, uint64_t count);
int text_counts_merge(struct text_counts *texts, const struct text_counts *other);
