/* Tally of numbers: sorted runs, merged like two lists. */

#include "common/data/statistics/tally.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"

void tally_finish(struct tally *tally) {
        if (!tally)
                return;
        free(tally->runs);
        *tally = (struct tally)TALLY_NULL;
}

uint64_t tally_select(uint64_t *counts, size_t n_counts, size_t n) {
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

int tally_add(struct tally *tally, const struct tally_run *runs, size_t n_runs) {
        size_t capacity = tally->n_runs + n_runs, i = 0, j = 0, n = 0;
        struct tally_run *merged;

        if (!n_runs)
                return 0;
        merged = malloc(capacity * sizeof(*merged));
        if (!merged)
                return error_origin(-ENOMEM, "n_values=%zu counting values", capacity);
        while (i < tally->n_runs || j < n_runs) {
                if (j == n_runs || (i < tally->n_runs && tally->runs[i].value < runs[j].value)) {
                        merged[n++] = tally->runs[i++];
                } else if (i == tally->n_runs || runs[j].value < tally->runs[i].value) {
                        merged[n++] = runs[j++];
                } else {
                        merged[n] = tally->runs[i++];
                        merged[n++].count += runs[j++].count;
                }
        }
        free(tally->runs);
        tally->runs = merged;
        tally->n_runs = n;
        tally->capacity = capacity;
        return 0;
}

bool tally_is_overfull(const struct tally *tally) {
        return tally->n_runs > (tally->is_exact ? TALLY_EXACT_MAX : TALLY_KEPT);
}

int tally_prune(struct tally *tally) {
        _cleanup_(free_pointer) uint64_t *counts = NULL;
        struct tally_run *smaller;
        uint64_t drop;
        size_t n = 0;

        tally->is_exact = false;
        if (tally->n_runs <= TALLY_KEPT)
                return 0;
        counts = malloc(tally->n_runs * sizeof(*counts));
        if (!counts)
                return error_origin(-ENOMEM, "n_values=%zu counting values", tally->n_runs);
        for (size_t i = 0; i < tally->n_runs; i++)
                counts[i] = tally->runs[i].count;
        drop = tally_select(counts, tally->n_runs, TALLY_KEPT);
        for (size_t i = 0; i < tally->n_runs; i++) {
                if (tally->runs[i].count <= drop)
                        continue;
                tally->runs[n] = tally->runs[i];
                tally->runs[n++].count -= drop;
        }
        tally->n_runs = n;
        tally->n_dropped += drop;
        smaller = realloc(tally->runs, (n ? n : 1) * sizeof(*smaller));
        if (smaller) {
                tally->runs = smaller;
                tally->capacity = n ? n : 1;
        }
        return 0;
}
