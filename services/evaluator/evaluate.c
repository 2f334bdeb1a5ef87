/* Evaluate: score, find the rows that both held out, count, decide. */

#include "services/evaluator/evaluate.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/parallel.h"
#include "common/data/split.h"
#include "common/model/labels.h"
#include "services/evaluator/evaluate_json.h"

/* All test rows, one after the other. */
struct rows {
        size_t n_rows, n_compared;
        size_t *first; /* of each table */
        uint8_t *labels;
        uint8_t *is_held_out; /* by the champion, too */
        float *candidate, *champion;
        /* of the compared rows; borrowed from above where these are all */
        uint8_t *compared_labels;
        float *compared_candidate, *compared_champion;
        bool owns_compared;
};

static void rows_finish(struct rows *rows) {
        if (rows->owns_compared) {
                free(rows->compared_labels);
                free(rows->compared_candidate);
                free(rows->compared_champion);
        }
        free(rows->first);
        free(rows->labels);
        free(rows->is_held_out);
        free(rows->candidate);
        free(rows->champion);
}

static int rows_init(const struct evaluate_input *input, struct rows *rows) {
        size_t n = 0;

        rows->first = calloc(input->n_tables + 1, sizeof(*rows->first));
        if (!rows->first)
                return error_origin(-ENOMEM, "evaluating");
        for (size_t t = 0; t < input->n_tables; t++) {
                rows->first[t] = n;
                n += input->tables[t].n_rows;
        }
        rows->n_rows = n;
        rows->labels = calloc(n + 1, sizeof(*rows->labels));
        rows->is_held_out = calloc(n + 1, sizeof(*rows->is_held_out));
        rows->candidate = calloc(n + 1, sizeof(*rows->candidate));
        rows->champion = calloc(n + 1, sizeof(*rows->champion));
        if (!rows->labels || !rows->is_held_out || !rows->candidate || !rows->champion)
                return error_origin(-ENOMEM, "evaluating %zu rows", n);
        return 0;
}

/* One evaluation as it is being made. */
struct scoring {
        const struct evaluate_input *input;
        struct rows *rows;
        struct evaluation *evaluation;
        struct fault *faults; /* one for each table */
};

static int read_labels(void *context, size_t table, int worker _unused_) {
        struct scoring *scoring = context;
        struct fault *fault = &scoring->faults[table];
        int r;

        r = labels_read(scoring->input->candidate->schema, &scoring->input->tables[table],
                        scoring->rows->labels + scoring->rows->first[table], fault);
        if (r == FAULT_E_INPUT && fault->row >= 0)
                fault->row += (int64_t)scoring->rows->first[table];
        return r;
}

static int read_all_labels(struct scoring *scoring, struct fault *fault) {
        _cleanup_(free_pointer) struct fault *faults = calloc(scoring->input->n_tables + 1, sizeof(*faults));
        int r;

        if (!faults)
                return error_origin(-ENOMEM, "evaluating");
        for (size_t t = 0; t < scoring->input->n_tables; t++)
                faults[t] = (struct fault)FAULT_NULL;
        scoring->faults = faults;
        r = parallel_for(scoring->input->n_tables, read_labels, scoring);
        for (size_t t = 0; r == FAULT_E_INPUT && t < scoring->input->n_tables; t++) {
                if (!faults[t].code[0])
                        continue;
                *fault = faults[t];
                break;
        }
        scoring->faults = NULL;
        return error_trace(r);
}

/*
 * The champion
 */

static bool is_same_label(const struct schema *a, const struct schema *b) {
        const struct schema_column *x = &a->columns[a->label], *y = &b->columns[b->label];

        return !strcmp(x->name, y->name) && x->n_values == 2 && y->n_values == 2 &&
               !strcmp(x->values[0].text, y->values[0].text) && !strcmp(x->values[1].text, y->values[1].text);
}

/* The key as both see it, or NULL where they tell rows apart by different columns. */
static const struct schema_column *find_key(const struct schema *candidate, const struct schema *champion) {
        if (candidate->key == SCHEMA_NO_VALUE || champion->key == SCHEMA_NO_VALUE ||
            strcmp(candidate->columns[candidate->key].name, champion->columns[champion->key].name))
                return NULL;
        return &champion->columns[champion->key];
}

/* Without a key rows are dealt by their content, which is the same content under the same schema only. */
static bool is_keyless(const struct schema *candidate, const struct schema *champion) {
        return candidate->key == SCHEMA_NO_VALUE && champion->key == SCHEMA_NO_VALUE &&
               !strcmp(candidate->digest, champion->digest);
}

/* Then what one held out, the other did. */
static bool is_same_split(const struct evaluate_input *input) {
        const struct split *split = &input->parameters->split, *of_champion = &input->champion->split;
        const struct schema *schema = input->candidate->schema;
        const struct schema_column *key = find_key(schema, input->champion->bundle->schema);

        return split->salt == of_champion->salt && split->test_ten_thousandths == of_champion->test_ten_thousandths &&
               (key ? key->type == schema->columns[schema->key].type
                    : is_keyless(schema, input->champion->bundle->schema));
}

static int deal_by_content(const struct table *table, const struct split *split, uint8_t *is_held_out) {
        int r;

        r = split_table(table, NULL, (uint64_t)split->salt, split->test_ten_thousandths, is_held_out);
        for (size_t i = 0; !r && i < table->n_rows; i++)
                is_held_out[i] = is_held_out[i] == SPLIT_TEST;
        return error_trace(r);
}

/* Deals the rows of a table again, as they were dealt when the champion was trained. */
static int deal_again(void *context, size_t at, int worker _unused_) {
        struct scoring *scoring = context;
        const struct evaluate_champion *champion = scoring->input->champion;
        const struct schema *schema = scoring->input->candidate->schema;
        const struct schema_column *key = find_key(schema, champion->bundle->schema);
        const struct table *table = &scoring->input->tables[at];
        const struct column *column = key ? table_find(table, key->name) : NULL;
        uint8_t *is_held_out = scoring->rows->is_held_out + scoring->rows->first[at];
        char scratch[VALUE_SCRATCH_BYTES];
        struct value value = VALUE_NULL;

        if (is_keyless(schema, champion->bundle->schema))
                return deal_by_content(table, &champion->split, is_held_out);
        for (size_t i = 0; column && i < table->n_rows; i++) {
                if (value_from_column(key->type, column, i, scratch, &value) != ANOMALY_NONE ||
                    value.kind == VALUE_MISSING)
                        continue;
                is_held_out[i] = split_is_test(&value, (uint64_t)champion->split.salt,
                                               champion->split.test_ten_thousandths);
        }
        return 0;
}

/* Picks the rows out that both held out. */
static int compact(struct rows *rows) {
        size_t n = 0;

        rows->owns_compared = true;
        rows->compared_labels = calloc(rows->n_compared + 1, sizeof(*rows->compared_labels));
        rows->compared_candidate = calloc(rows->n_compared + 1, sizeof(*rows->compared_candidate));
        rows->compared_champion = calloc(rows->n_compared + 1, sizeof(*rows->compared_champion));
        if (!rows->compared_labels || !rows->compared_candidate || !rows->compared_champion)
                return error_origin(-ENOMEM, "comparing %zu rows", rows->n_compared);
        for (size_t i = 0; i < rows->n_rows; i++) {
                if (!rows->is_held_out[i])
                        continue;
                rows->compared_labels[n] = rows->labels[i];
                rows->compared_candidate[n] = rows->candidate[i];
                rows->compared_champion[n] = rows->champion[i];
                n++;
        }
        return 0;
}

/* The rows to compare on. */
static int find_compared(struct scoring *scoring, int64_t *ret_n_positives) {
        struct rows *rows = scoring->rows;
        int64_t n_positives = 0;
        int r;

        if (is_same_split(scoring->input)) {
                memset(rows->is_held_out, 1, rows->n_rows);
        } else {
                r = parallel_for(scoring->input->n_tables, deal_again, scoring);
                if (r)
                        return error_trace(r);
        }
        for (size_t i = 0; i < rows->n_rows; i++) {
                rows->n_compared += rows->is_held_out[i];
                n_positives += rows->is_held_out[i] & rows->labels[i];
        }
        *ret_n_positives = n_positives;
        if (rows->n_compared < rows->n_rows)
                return error_trace(compact(rows));
        rows->compared_labels = rows->labels;
        rows->compared_candidate = rows->candidate;
        rows->compared_champion = rows->champion;
        return 0;
}

/* What can be said of the champion; obstacle is filled for one that is incompatible. */
static int score_champion(struct scoring *scoring, struct fault *obstacle, enum gate_champion *ret_champion) {
        const struct evaluate_input *input = scoring->input;
        int64_t n_positives;
        int r;

        if (!is_same_label(input->candidate->schema, input->champion->bundle->schema)) {
                fault_set(obstacle, "CHAMPION_LABEL", "it answers another question");
                *ret_champion = GATE_CHAMPION_INCOMPATIBLE;
                return 0;
        }
        r = bundle_score(input->champion->bundle, input->tables, input->n_tables, scoring->rows->champion, obstacle);
        if (r == FAULT_E_INPUT) {
                *ret_champion = GATE_CHAMPION_INCOMPATIBLE;
                return 0;
        }
        if (!r)
                r = find_compared(scoring, &n_positives);
        if (r)
                return error_trace(r);
        *ret_champion = scoring->rows->n_compared < scoring->rows->n_rows &&
                                        n_positives < input->parameters->evaluate.min_test_positives
                                ? GATE_CHAMPION_SAW_TEST_ROWS
                                : GATE_CHAMPION_COMPARED;
        return 0;
}

/*
 * Numbers
 */

static void count_cells(const struct scoring *scoring) {
        const struct rows *rows = scoring->rows;
        float candidate = scoring->input->candidate->threshold.margin;
        float champion = scoring->input->champion->bundle->threshold.margin;
        int64_t *cells = scoring->evaluation->cells;

        for (size_t i = 0; i < rows->n_compared; i++)
                cells[(rows->compared_labels[i] ? BOOTSTRAP_LABEL : 0) |
                      (rows->compared_candidate[i] >= candidate ? BOOTSTRAP_CANDIDATE : 0) |
                      (rows->compared_champion[i] >= champion ? BOOTSTRAP_CHAMPION : 0)]++;
}

enum { MEASURE_CANDIDATE, MEASURE_CHAMPION, MEASURE_RIVAL };

static int measure(void *context, size_t what, int worker _unused_) {
        const struct scoring *scoring = context;
        const struct rows *rows = scoring->rows;
        float threshold = scoring->input->candidate->threshold.margin;

        switch (what) {
        case MEASURE_CANDIDATE:
                return error_trace(metrics_compute(rows->candidate, rows->labels, rows->n_rows, threshold,
                                                   &scoring->evaluation->candidate));
        case MEASURE_CHAMPION:
                return error_trace(metrics_compute(rows->compared_champion, rows->compared_labels, rows->n_compared,
                                                   scoring->input->champion->bundle->threshold.margin,
                                                   &scoring->evaluation->champion));
        default:
                return error_trace(metrics_compute(rows->compared_candidate, rows->compared_labels, rows->n_compared,
                                                   threshold, &scoring->evaluation->rival));
        }
}

static int measure_all(struct scoring *scoring) {
        size_t n = MEASURE_CANDIDATE + 1;
        int r;

        if (scoring->evaluation->is_compared) {
                count_cells(scoring);
                n = scoring->rows->n_compared < scoring->rows->n_rows ? MEASURE_RIVAL + 1 : MEASURE_CHAMPION + 1;
        }
        r = parallel_for(n, measure, scoring);
        if (!r && scoring->evaluation->is_compared && n <= MEASURE_RIVAL)
                scoring->evaluation->rival = scoring->evaluation->candidate;
        return error_trace(r);
}

static int decide(const struct evaluate_input *input, enum gate_champion champion, const struct fault *obstacle,
                  struct evaluation *evaluation) {
        struct gate_input gate = { .parameters = &input->parameters->evaluate,
                                   .candidate = evaluation->candidate.confusion,
                                   .champion = champion,
                                   .is_canceled = input->is_canceled,
                                   .context = input->context };
        char sentence[sizeof(obstacle->message) + sizeof(obstacle->column) + 3];
        int r;

        snprintf(sentence, sizeof(sentence), "%s%s%s", obstacle->column, *obstacle->column ? ": " : "",
                 obstacle->message);
        gate.obstacle = sentence;
        memcpy(gate.cells, evaluation->cells, sizeof(gate.cells));
        r = gate_decide(&gate, &evaluation->gate);
        return r == GATE_E_CANCELED ? EVALUATE_E_CANCELED : error_trace(r);
}

static int check_cancel(const struct evaluate_input *input) {
        return input->is_canceled && input->is_canceled(input->context) ? EVALUATE_E_CANCELED : 0;
}

int evaluate(const struct evaluate_input *input, struct evaluation *ret_evaluation, struct fault *fault) {
        _cleanup_(evaluation_finish) struct evaluation evaluation = EVALUATION_NULL;
        _cleanup_(rows_finish) struct rows rows = { 0 };
        struct scoring scoring = { input, &rows, &evaluation, NULL };
        enum gate_champion champion = GATE_CHAMPION_NONE;
        struct fault obstacle = FAULT_NULL;
        int r;

        r = rows_init(input, &rows);
        if (!r)
                r = read_all_labels(&scoring, fault);
        if (!r)
                r = check_cancel(input);
        if (!r)
                r = bundle_score(input->candidate, input->tables, input->n_tables, rows.candidate, fault);
        if (!r)
                r = check_cancel(input);
        if (!r && input->champion)
                r = score_champion(&scoring, &obstacle, &champion);
        if (r)
                return error_trace(r);
        evaluation.is_compared = champion == GATE_CHAMPION_COMPARED;
        r = check_cancel(input);
        if (!r)
                r = measure_all(&scoring);
        if (!r)
                r = decide(input, champion, &obstacle, &evaluation);
        if (!r)
                r = evaluate_format(input, &evaluation, &evaluation.json);
        if (r)
                return error_trace(r);
        *ret_evaluation = evaluation;
        evaluation = (struct evaluation)EVALUATION_NULL;
        return 0;
}

void evaluation_finish(struct evaluation *evaluation) {
        if (evaluation)
                buffer_finish(&evaluation->json);
}

static struct scores make_scores(const struct metrics *metrics, const struct threshold *threshold) {
        return (struct scores){ .n_rows = metrics->n_rows,
                                .n_positives = metrics->n_positives,
                                .f1 = metrics->f1,
                                .precision = metrics->precision,
                                .recall = metrics->recall,
                                .auc = metrics->roc_auc,
                                .pr_auc = metrics->pr_auc,
                                /* of no rows at all there is none, which a message cannot say */
                                .log_loss = metrics->n_rows ? metrics->log_loss : 0,
                                .brier = metrics->n_rows ? metrics->brier : 0,
                                .threshold = threshold_shown(threshold) };
}

void evaluation_verdict(const struct evaluate_input *input, const struct evaluation *evaluation,
                        struct verdict *ret_verdict) {
        struct verdict verdict = { .accepted = evaluation->gate.accepted,
                                   .may_promote = evaluation->gate.may_promote,
                                   .n_reasons = evaluation->gate.n_reasons,
                                   .has_champion = evaluation->is_compared };

        memcpy(verdict.reasons, evaluation->gate.reasons, sizeof(verdict.reasons));
        verdict.candidate = make_scores(&evaluation->candidate, &input->candidate->threshold);
        if (input->champion) {
                verdict.compared_version = input->champion->version;
                if (evaluation->is_compared)
                        verdict.champion = make_scores(&evaluation->champion, &input->champion->bundle->threshold);
        }
        *ret_verdict = verdict;
}
