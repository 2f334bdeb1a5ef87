#pragma once

/*
 * Paired bootstrap of an F1 difference
 *
 * How far candidate and champion may lie apart by the chance of which rows were held out. Rows are drawn with
 * replacement, candidate and champion on the same rows each time (Efron, Tibshirani: An Introduction to the Bootstrap,
 * chapter 16; Koehn 2004 for paired use). A row counts only through its label and the two decisions, so one draw of n
 * rows is one multinomial draw over those eight cells, and its cost does not depend on n.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"

/* a cell's number says what its rows have in common */
enum {
        BOOTSTRAP_CHAMPION = 1,  /* the champion calls them positive */
        BOOTSTRAP_CANDIDATE = 2, /* the candidate does */
        BOOTSTRAP_LABEL = 4,     /* they are positive */
        BOOTSTRAP_CELLS = 8,
};

struct bootstrap_interval {
        double low; /* quantile of the differences candidate - champion */
        double median;
        double high; /* quantile 1 - that of low */
};

enum {
        BOOTSTRAP_E_CANCELED = FAULT_E_INPUT + 1,
};

/* All borrowed for the call. */
struct bootstrap_input {
        const int64_t *cells; /* BOOTSTRAP_CELLS of them: the rows of each */
        uint64_t seed;
        size_t n_draws;
        double quantile; /* in (0, 0.5), taken from the sorted differences at floor(quantile · n_draws) */

        /* Asked before each thousand draws; true ends it with BOOTSTRAP_E_CANCELED. May be NULL. */
        bool (*is_canceled)(void *context);
        void *context;
};

/* A draw without positives and positive decisions counts F1 0. 0, BOOTSTRAP_E_CANCELED or -ENOMEM. */
int bootstrap_f1_difference(const struct bootstrap_input *input, struct bootstrap_interval *ret_interval);
