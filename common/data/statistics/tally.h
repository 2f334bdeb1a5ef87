#pragma once

/*
 * Tally
 *
 * How often each value stands in a column: exact while there are at most TALLY_EXACT_MAX different ones, beyond that
 * the frequent ones in bounded memory. Then each count is too small by at most n_dropped, and n_dropped is at most
 * n / (TALLY_KEPT + 1) (Misra, Gries: Finding repeated elements, 1982; merging: Agarwal et al.: Mergeable Summaries,
 * PODS 2012). The result depends on the order of calls alone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TALLY_EXACT_MAX 4096
#define TALLY_KEPT 1024
/* a longer text is shown cut; it is told from others by length and hash of the whole */
#define TALLY_TEXT_BYTES 64

struct tally_run {
        double value;
        uint64_t count;
};

/* Numbers; runs are sorted by value. */
struct tally {
        struct tally_run *runs;
        size_t n_runs;
        size_t capacity;
        uint64_t n_dropped; /* 0: exact */
        bool is_exact;
};

#define TALLY_NULL \
        { .is_exact = true }

void tally_finish(struct tally *tally);

/* Merges runs that are sorted by value, each value once. 0 or -ENOMEM. tally_prune() is the caller's to call, so that
 * it may use the exact runs once more before they go. */
int tally_add(struct tally *tally, const struct tally_run *runs, size_t n_runs);

/* True when the exact runs are more than may be kept. */
bool tally_is_overfull(const struct tally *tally);

/* Keeps the most frequent. 0 or -ENOMEM. */
int tally_prune(struct tally *tally);

/* Texts. */
struct tally_text_entry {
        uint64_t hash;
        uint64_t count;
        size_t n_bytes; /* of the whole text */
        char *text;     /* its first TALLY_TEXT_BYTES bytes, without an end */
};

struct tally_text {
        struct tally_text_entry *entries; /* in the order of their first coming */
        size_t n_entries;
        size_t capacity;
        uint32_t *slots; /* place + 1 */
        size_t n_slots;
        uint64_t n_dropped;
        bool is_exact;
};

#define TALLY_TEXT_NULL \
        { .is_exact = true }

void tally_text_finish(struct tally_text *tally);

/* Counts a text. 0 or -ENOMEM. */
int tally_text_add(struct tally_text *tally, const char *text, size_t n_bytes, uint64_t count);
int tally_text_merge(struct tally_text *tally, const struct tally_text *other);

/* The n-th largest (0: the largest) of the counts, which are reordered. */
uint64_t tally_select(uint64_t *counts, size_t n_counts, size_t n);
