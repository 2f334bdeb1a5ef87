#pragma once

/*
 * Counts of values
 *
 * How often each value stands in a column: exact while there are at most VALUE_COUNTS_EXACT_MAX different ones, beyond
 * that the frequent ones in bounded memory. Then each count is too small by at most n_dropped, and n_dropped is at most
 * n / (VALUE_COUNTS_KEPT + 1) (Misra, Gries: Finding repeated elements, 1982; merging: Agarwal et al.: Mergeable
 * Summaries, PODS 2012). The result depends on the order of calls alone. What number_counts.h and text_counts.h share.
 */

#include <stddef.h>
#include <stdint.h>

#define VALUE_COUNTS_EXACT_MAX 4096
#define VALUE_COUNTS_KEPT 1024

/* The n-th largest (0: the largest) of the counts, which are reordered. */
uint64_t value_counts_select(uint64_t *counts, size_t n_counts, size_t n);
