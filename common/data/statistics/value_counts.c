/* Counts of values: the least count to keep, by Hoare's selection. */

#include "common/data/statistics/value_counts.h"

#include <assert.h>

uint64_t value_counts_select(uint64_t *counts, size_t n_counts, size_t n) {
        size_t low = 0, high = n_counts - 1;

        assert(n < n_counts);
        while (low < high) {
                uint64_t pivot = counts[low + (high - low) / 2], swap;
                size_t i = low, j = high;

                for (;;) {
                        while (counts[i] > pivot)
                                i++;
                        while (counts[j] < pivot)
                                j--;
                        if (i >= j)
                                break;
                        swap = counts[i];
                        counts[i++] = counts[j];
                        counts[j--] = swap;
                }
                if (n <= j)
                        high = j;
                else
                        low = j + 1;
        }
        return counts[n];
}
