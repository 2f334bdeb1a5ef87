#pragma once

/*
 * Compare
 *
 * Orders for qsort().
 */

/* Ascending; no NaN. */
static inline int compare_doubles(const void *a, const void *b) {
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}
