#pragma once

/*
 * Deviations of one column
 *
 * How many rows show each anomaly, and the first of them. For validate_gather.c and validate_conclude.c alone.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/data/validate/validate.h"

struct validate_deviation {
        uint64_t n_rows;
        size_t n_examples;
        uint64_t examples[VALIDATE_EXAMPLES];
};

struct validate_deviations {
        struct validate_deviation entries[N_ANOMALIES];
};

/* Adds n_rows rows from row on that show it; calls come in the order of the rows. */
static inline void validate_deviations_add(struct validate_deviations *deviations, enum anomaly anomaly, uint64_t row,
                                           uint64_t n_rows) {
        struct validate_deviation *entry = &deviations->entries[anomaly];

        entry->n_rows += n_rows;
        for (uint64_t i = 0; i < n_rows && entry->n_examples < VALIDATE_EXAMPLES; i++)
                entry->examples[entry->n_examples++] = row + i;
}

/* Adds the deviations of later rows. */
static inline void validate_deviations_merge(struct validate_deviations *deviations,
                                             const struct validate_deviations *later) {
        for (size_t i = 0; i < N_ANOMALIES; i++) {
                struct validate_deviation *entry = &deviations->entries[i];

                entry->n_rows += later->entries[i].n_rows;
                for (size_t j = 0; j < later->entries[i].n_examples && entry->n_examples < VALIDATE_EXAMPLES; j++)
                        entry->examples[entry->n_examples++] = later->entries[i].examples[j];
        }
}

/* Gathers sketches and deviations of all columns, both zeroed or initialised before. 0 or -ENOMEM. */
int validate_gather(const struct validate_options *options, const struct table *tables, size_t n_tables,
                    struct sketch *sketches, struct validate_deviations *deviations);

/* Turns what was gathered, and what holds between rows, into the report's findings. 0 or -ENOMEM. */
int validate_conclude(const struct validate_options *options, const struct table *tables, size_t n_tables,
                      const struct validate_deviations *deviations, struct validate_report *report);
