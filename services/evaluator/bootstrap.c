/* Paired bootstrap: draws, differences, quantiles. */

#include "services/evaluator/bootstrap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "common/base/cleanup.h"
#include "common/base/compare.h"
#include "common/base/error.h"
#include "common/base/random_binomial.h"

enum { BLOCK_DRAWS = 1000 };

/* F1 of the decisions that `who` names, over the cells. */
static double f1_of(const uint64_t cells[BOOTSTRAP_CELLS], int who) {
        uint64_t true_positives = 0, wrong = 0;

        for (int i = 0; i < BOOTSTRAP_CELLS; i++) {
                if (i & BOOTSTRAP_LABEL && i & who)
                        true_positives += cells[i];
                else if (i & BOOTSTRAP_LABEL || i & who)
                        wrong += cells[i];
        }
        if (!true_positives)
                return 0;
        return 2 * (double)true_positives / (double)(2 * true_positives + wrong);
}

int bootstrap_f1_difference(const struct bootstrap_input *input, struct bootstrap_interval *ret_interval) {
        size_t n_draws = input->n_draws;
        _cleanup_(free_pointer) double *differences = calloc(n_draws, sizeof(*differences));
        uint64_t cells[BOOTSTRAP_CELLS], drawn[BOOTSTRAP_CELLS], n_rows = 0;
        /* 0.01 · 2900 is 28.999… in doubles */
        size_t at = (size_t)(input->quantile * (double)n_draws + 1e-9);

        assert(n_draws && input->quantile > 0 && input->quantile < 0.5);
        if (!differences)
                return error_origin(-ENOMEM, "bootstrapping %zu times", n_draws);
        for (int i = 0; i < BOOTSTRAP_CELLS; i++) {
                cells[i] = (uint64_t)input->cells[i];
                n_rows += cells[i];
        }
        for (size_t i = 0; i < n_draws; i++) {
                struct random random = random_stream(input->seed, RANDOM_SALT_BOOTSTRAP, i);

                if (i % BLOCK_DRAWS == 0 && input->is_canceled && input->is_canceled(input->context))
                        return BOOTSTRAP_E_CANCELED;
                random_multinomial(&random, n_rows, cells, BOOTSTRAP_CELLS, drawn);
                differences[i] = f1_of(drawn, BOOTSTRAP_CANDIDATE) - f1_of(drawn, BOOTSTRAP_CHAMPION);
        }
        qsort(differences, n_draws, sizeof(*differences), compare_doubles);
        *ret_interval = (struct bootstrap_interval){ .low = differences[at],
                                                     .median = differences[n_draws / 2],
                                                     .high = differences[n_draws - 1 - at] };
        return 0;
}
