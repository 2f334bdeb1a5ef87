/* Gate: exact comparisons, one bootstrap. */

#include "services/evaluator/gate.h"

#include <inttypes.h>
#include <math.h>

#include "common/base/error.h"

/* limits are whole numbers of this part of one */
static const int64_t UNIT = 1000000000;

/* F1 as a fraction; 0/1 when nothing is positive and nothing was called so. */
struct fraction {
        int64_t numerator, denominator;
};

static struct fraction f1_of(const struct confusion *confusion) {
        struct fraction f1;

        confusion_f1(confusion, &f1.numerator, &f1.denominator);
        if (!f1.denominator)
                f1.denominator = 1;
        return f1;
}

static double fraction_value(struct fraction fraction) {
        return (double)fraction.numerator / (double)fraction.denominator;
}

/* The sign of a - b - limit, without rounding: counts below 2^33 leave room in 128 bits. */
static int compare_difference(struct fraction a, struct fraction b, double limit) {
        __extension__ typedef __int128 wide;
        wide difference = (wide)a.numerator * b.denominator - (wide)b.numerator * a.denominator;
        wide left = difference * UNIT, right = (wide)a.denominator * b.denominator * llround(limit * (double)UNIT);

        return (left > right) - (left < right);
}

/* The confusion of one side over the compared rows. */
static struct confusion fold_cells(const int64_t cells[BOOTSTRAP_CELLS], int who) {
        struct confusion confusion = { 0 };

        for (int i = 0; i < BOOTSTRAP_CELLS; i++) {
                int64_t *count = i & BOOTSTRAP_LABEL
                                         ? (i & who ? &confusion.true_positives : &confusion.false_negatives)
                                         : (i & who ? &confusion.false_positives : &confusion.true_negatives);

                *count += cells[i];
        }
        return confusion;
}

static void compare_with_champion(const struct gate_input *input, struct gate_result *result) {
        const struct evaluate_parameters *parameters = input->parameters;
        const struct confusion candidate_rows = fold_cells(input->cells, BOOTSTRAP_CANDIDATE);
        const struct confusion champion_rows = fold_cells(input->cells, BOOTSTRAP_CHAMPION);
        struct fraction candidate = f1_of(&candidate_rows), champion = f1_of(&champion_rows), zero = { 0, 1 };
        double gain = fraction_value(candidate) - fraction_value(champion), low = result->interval.low;

        if (compare_difference(champion, zero, parameters->min_score) < 0) {
                if (compare_difference(candidate, champion, 0) <= 0)
                        reason_add(result->reasons, &result->n_reasons, "F1_NOT_ABOVE_CHAMPION",
                                   "F1 %.6f does not exceed the champion's %.6f", fraction_value(candidate),
                                   fraction_value(champion));
                return;
        }
        if (parameters->mode == EVALUATE_MODE_REFRESH) {
                if (!(low > -parameters->margin))
                        reason_add(result->reasons, &result->n_reasons, "MAY_BE_WORSE",
                                   "F1 differs by %+.6f from the champion's, but may be lower by %.6f; %g is allowed",
                                   gain, -low, parameters->margin);
                return;
        }
        if (compare_difference(candidate, champion, parameters->threshold) <= 0)
                reason_add(result->reasons, &result->n_reasons, "F1_NOT_IMPROVED",
                           "F1 %.6f is %+.6f from the champion's %.6f; more than %g above is wanted",
                           fraction_value(candidate), gain, fraction_value(champion), parameters->threshold);
        if (!(low > 0))
                reason_add(result->reasons, &result->n_reasons, "IMPROVEMENT_UNCERTAIN",
                           "the %g quantile of the difference of F1 is %+.6f, above 0 is wanted", GATE_QUANTILE, low);
}

static void check_candidate(const struct gate_input *input, struct gate_result *result) {
        const struct evaluate_parameters *parameters = input->parameters;
        int64_t n_positives = input->candidate.true_positives + input->candidate.false_negatives;
        struct fraction f1 = f1_of(&input->candidate), zero = { 0, 1 };

        if (n_positives < parameters->min_test_positives)
                reason_add(
                        result->reasons, &result->n_reasons, "INSUFFICIENT_DATA",
                        "the test rows hold %" PRId64 " positives, %" PRId64
                        " are needed to decide; give more rows, or set "
                        "evaluate.min_test_positives lower, in pipeline.yaml or for one run with `convoy train --set "
                        "evaluate.min_test_positives=N`",
                        n_positives, parameters->min_test_positives);
        if (compare_difference(f1, zero, parameters->min_score) < 0)
                reason_add(result->reasons, &result->n_reasons, "F1_BELOW_MINIMUM",
                           "F1 %.6f is below the minimum score %g", fraction_value(f1), parameters->min_score);
}

int gate_decide(const struct gate_input *input, struct gate_result *ret_result) {
        const struct evaluate_parameters *parameters = input->parameters;
        struct gate_result result = { 0 };
        int r;

        check_candidate(input, &result);
        if (input->champion == GATE_CHAMPION_COMPARED) {
                r = bootstrap_f1_difference(&(struct bootstrap_input){ .cells = input->cells,
                                                                       .seed = GATE_SEED,
                                                                       .n_draws = (size_t)parameters->bootstrap,
                                                                       .quantile = GATE_QUANTILE,
                                                                       .is_canceled = input->is_canceled,
                                                                       .context = input->context },
                                            &result.interval);
                if (r)
                        return r == BOOTSTRAP_E_CANCELED ? GATE_E_CANCELED : error_trace(r);
                result.has_interval = true;
                compare_with_champion(input, &result);
        }
        if (input->champion == GATE_CHAMPION_SAW_TEST_ROWS)
                reason_add(result.reasons, &result.n_reasons, "CHAMPION_SAW_TEST_ROWS",
                           "the champion learned from another split, and too few test rows are new to both");
        result.accepted = !result.n_reasons;
        result.may_promote = result.accepted && input->champion != GATE_CHAMPION_INCOMPATIBLE;
        if (input->champion == GATE_CHAMPION_INCOMPATIBLE)
                reason_add(result.reasons, &result.n_reasons, "CHAMPION_INCOMPATIBLE",
                           "promote by hand, the champion cannot score these rows: %s", input->obstacle);
        *ret_result = result;
        return 0;
}
