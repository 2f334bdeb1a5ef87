#pragma once

/*
 * Counts of numbers, as value_counts.h says.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct number_run {
        double value;
        uint64_t count;
};

struct number_counts {
        struct number_run *runs; /* sorted by value */
        size_t n_runs;
        uint64_t n_dropped; /* 0: exact */
        bool is_exact;
};

#define NUMBER_COUNTS_NULL \
        { .is_exact = true }

void number_counts_finish(struct number_counts *numbers);

/* Merges runs that are sorted by value, each value once. 0 or -ENOMEM. number_counts_prune() is the caller's to call,
 * so that it may use the exact runs once more before they go. */
int number_counts_add(struct number_counts *numbers, const struct number_run *runs, size_t n_runs);

/* True when the exact runs are more than may be kept. */
bool number_counts_is_overfull(const struct number_counts *numbers);

/* Keeps the most frequent. 0 or -ENOMEM. */
int number_counts_prune(struct number_counts *numbers);
