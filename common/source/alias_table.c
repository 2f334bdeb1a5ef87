/* Alias tables, built by Vose's method: the small shares are paired off with the large ones from the two ends of a
 * stack. */

#include "common/source/alias_table.h"

#include <errno.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"

/* share is in 0 … 1; 1 itself becomes the largest threshold. */
static uint64_t threshold_of(double share) {
        double scaled = share * 0x1p64;

        return scaled >= 0x1p64 ? UINT64_MAX : (uint64_t)scaled;
}

int alias_table_build(const double *weights, size_t n, struct alias_table_cell *table) {
        _cleanup_(free_pointer) double *shares = calloc(n, sizeof(*shares));
        _cleanup_(free_pointer) size_t *stack = calloc(n, sizeof(*stack));
        size_t n_small = 0, n_large = 0; /* small from the bottom of the stack, large from its top */
        double sum = 0;

        if (!shares || !stack)
                return error_origin(-ENOMEM, "no memory for an alias table of %zu", n);
        for (size_t i = 0; i < n; i++)
                sum += weights[i];
        for (size_t i = 0; i < n; i++) {
                shares[i] = weights[i] / sum * (double)n;
                if (shares[i] < 1)
                        stack[n_small++] = i;
                else
                        stack[n - ++n_large] = i;
        }
        while (n_small > 0 && n_large > 0) {
                size_t small = stack[--n_small], large = stack[n - n_large];

                table[small] = (struct alias_table_cell){ threshold_of(shares[small]), large };
                shares[large] -= 1 - shares[small];
                if (shares[large] < 1) {
                        n_large--;
                        stack[n_small++] = large;
                }
        }
        /* What is left has a share of 1 but for rounding. */
        while (n_small > 0) {
                size_t i = stack[--n_small];

                table[i] = (struct alias_table_cell){ UINT64_MAX, i };
        }
        while (n_large > 0) {
                size_t i = stack[n - n_large--];

                table[i] = (struct alias_table_cell){ UINT64_MAX, i };
        }
        return 0;
}
