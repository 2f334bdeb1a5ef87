#pragma once

/*
 * Evaluate
 *
 * The evaluator's work: scores candidate and champion on the same raw test rows, each through its own transform and at
 * its own stored threshold; then the gate. Pure: structs in, structs out, no store, no clock. The work is fanned over
 * all cores, and its result does not depend on how many there are.
 *
 * The champion is compared on those test rows only that it did not learn from: where its manifest shows another split,
 * each row's key is dealt again by the champion's salt and share. When these rows hold fewer positives than the gate
 * wants, nothing can be decided (CHAMPION_SAW_TEST_ROWS). A champion whose own schema cannot read the rows, or that
 * answers another question (another label, or another value of it), cannot be compared (CHAMPION_INCOMPATIBLE).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/data/table.h"
#include "common/model/bundle.h"
#include "common/model/metrics.h"
#include "proto/evaluator_to_pusher.h"
#include "proto/parameters.h"
#include "services/evaluator/gate.h"

enum {
        EVALUATE_E_CANCELED = FAULT_E_INPUT + 1,
};

struct evaluate_champion {
        const struct bundle *bundle; /* borrowed */
        struct split split;          /* under which it was trained, by its manifest (proto/lineage.h) */
        int64_t version;
};

/* All borrowed for the call. */
struct evaluate_input {
        const struct parameters *parameters;
        const struct bundle *candidate;
        const struct evaluate_champion *champion; /* NULL: there is none */
        const struct table *tables;               /* the raw test rows */
        size_t n_tables;

        /* Asked before each model, before the metrics, and while bootstrapping; true ends it with EVALUATE_E_CANCELED.
         * May be NULL. */
        bool (*is_canceled)(void *context);
        void *context;
};

struct evaluation {
        struct metrics candidate; /* on all test rows */
        bool is_compared;         /* then the rest has a meaning: */
        struct metrics rival;     /* the candidate on the compared rows */
        struct metrics champion;  /* on the same */
        int64_t cells[BOOTSTRAP_CELLS];
        struct gate_result gate;
        struct buffer json; /* metrics.json; the same input gives the same bytes */
};

#define EVALUATION_NULL \
        { 0 }

/* 0; EVALUATE_E_CANCELED; FAULT_E_INPUT when the rows cannot be read by the candidate's schema, or hold no labels; or a
 * negative errno. */
int evaluate(const struct evaluate_input *input, struct evaluation *ret_evaluation, struct fault *fault);
void evaluation_finish(struct evaluation *evaluation);

/* The verdict without its blobs (metrics, golden, report), which are the caller's to store and name. */
void evaluation_verdict(const struct evaluate_input *input, const struct evaluation *evaluation,
                        struct verdict *ret_verdict);
