/* Counts of numbers: sorted runs, merged like two lists. */

#include "common/data/statistics/number_counts.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/data/statistics/value_counts.h"

void number_counts_finish(struct number_counts *numbers) {
        if (!numbers)
                return;
        free(numbers->runs);
        *numbers = (struct number_counts)NUMBER_COUNTS_NULL;
}

int number_counts_add(struct number_counts *numbers, const struct number_run *runs, size_t n_runs) {
        size_t n_max = numbers->n_runs + n_runs, i = 0, j = 0, n = 0;
        struct number_run *merged;

        if (!n_runs)
                return 0;
        merged = malloc(n_max * sizeof(*merged));
        if (!merged)
                return error_origin(-ENOMEM, "n_values=%zu counting values", n_max);
        while (i < numbers->n_runs || j < n_runs) {
                if (j == n_runs || (i < numbers->n_runs && numbers->runs[i].value < runs[j].value)) {
                        merged[n++] = numbers->runs[i++];
                } else if (i == numbers->n_runs || runs[j].value < numbers->runs[i].value) {
                        merged[n++] = runs[j++];
                } else {
                        merged[n] = numbers->runs[i++];
                        merged[n++].count += runs[j++].count;
                }
        }
        free(numbers->runs);
        numbers->runs = merged;
        numbers->n_runs = n;
        return 0;
}

bool number_counts_is_overfull(const struct number_counts *numbers) {
        return numbers->n_runs > (numbers->is_exact ? VALUE_COUNTS_EXACT_MAX : VALUE_COUNTS_KEPT);
}

int number_counts_prune(struct number_counts *numbers) {
        _cleanup_(free_pointer) uint64_t *counts = NULL;
        struct number_run *smaller;
        uint64_t drop;
        size_t n = 0;

        numbers->is_exact = false;
        if (numbers->n_runs <= VALUE_COUNTS_KEPT)
                return 0;
        counts = malloc(numbers->n_runs * sizeof(*counts));
        if (!counts)
                return error_origin(-ENOMEM, "n_values=%zu counting values", numbers->n_runs);
        for (size_t i = 0; i < numbers->n_runs; i++)
                counts[i] = numbers->runs[i].count;
        drop = value_counts_select(counts, numbers->n_runs, VALUE_COUNTS_KEPT);
        for (size_t i = 0; i < numbers->n_runs; i++) {
                if (numbers->runs[i].count <= drop)
                        continue;
                numbers->runs[n] = numbers->runs[i];
                numbers->runs[n++].count -= drop;
        }
        numbers->n_runs = n;
        numbers->n_dropped += drop;
        smaller = realloc(numbers->runs, (n ? n : 1) * sizeof(*smaller));
        if (smaller)
                numbers->runs = smaller;
        return 0;
}
