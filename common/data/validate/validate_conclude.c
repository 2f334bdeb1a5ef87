/* Validation, concluding: which deviations are findings, how bad they are, and what holds between rows. Sentences count
 * rows from 1, as people do. */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/data/statistics/unique.h"
#include "common/data/validate/validate.h"
#include "common/data/validate/validate_internal.h"

struct conclusion {
        const struct validate_options *options;
        const struct table *tables;
        size_t n_tables;
        struct validate_report *report;
        size_t capacity;
};

/* A new finding at the end, or -ENOMEM. column is NULL for the dataset. */
static int add_finding(struct conclusion *conclusion, const char *column, enum anomaly code, enum severity severity,
                       struct validate_finding **ret_finding) {
        struct validate_report *report = conclusion->report;
        struct validate_finding *finding;

        if (report->n_findings == conclusion->capacity) {
                size_t capacity = conclusion->capacity ? conclusion->capacity * 2 : 8;

                finding = realloc(report->findings, capacity * sizeof(*finding));
                if (!finding)
                        return error_origin(-ENOMEM, "reporting anomalies");
                report->findings = finding;
                conclusion->capacity = capacity;
        }
        finding = &report->findings[report->n_findings++];
        *finding = (struct validate_finding){ .code = code, .severity = severity };
        snprintf(finding->column, sizeof(finding->column), "%s", column ? column : "");
        *ret_finding = finding;
        return 0;
}

/* The same with its whole message, where no rows are shown. */
static int _printf_(5, 6) add_message(struct conclusion *conclusion, const char *column, enum anomaly code,
                                      enum severity severity, const char *format, ...) {
        struct validate_finding *finding;
        va_list arguments;
        int r;

        r = add_finding(conclusion, column, code, severity, &finding);
        if (r)
                return error_trace(r);
        va_start(arguments, format);
        vsnprintf(finding->message, sizeof(finding->message), format, arguments);
        va_end(arguments);
        return 0;
}

/* The cell as text, cut. */
static void show_cell(const struct conclusion *conclusion, const char *column, uint64_t row,
                      char ret_text[TEXT_COUNTS_SHOWN_BYTES + 1]) {
        const struct column *cells;
        char scratch[VALUE_SCRATCH_BYTES];
        struct value value = VALUE_NULL;
        const char *text;
        size_t table = 0, n_bytes;
        double number;

        while (row >= conclusion->tables[table].n_rows)
                row -= conclusion->tables[table++].n_rows;
        cells = table_find(&conclusion->tables[table], column);
        if (cells && column_is_present(cells, row)) {
                switch (cells->type) {
                case COLUMN_INT64:
                        value = (struct value){ .kind = VALUE_INT, .integer = cells->int64[row] };
                        break;
                case COLUMN_UTF8:
                        value.kind = VALUE_TEXT;
                        value.text = column_text(cells, row, &value.n_bytes);
                        break;
                default:
                        number = cells->type == COLUMN_FLOAT64 ? cells->float64[row] : (double)cells->float32[row];
                        value = (struct value){ .kind = VALUE_FLOAT, .number = number };
                        break;
                }
        }
        text = value_format(&value, scratch, &n_bytes);
        n_bytes = text_counts_shown_bytes(n_bytes);
        memcpy(ret_text, text, n_bytes);
        ret_text[n_bytes] = '\0';
}

static void show_examples(const struct conclusion *conclusion, const struct validate_deviation *entry,
                          struct validate_finding *finding) {
        finding->n_rows = entry->n_rows;
        for (; finding->n_examples < entry->n_examples; finding->n_examples++) {
                struct validate_example *example = &finding->examples[finding->n_examples];

                example->row = entry->examples[finding->n_examples];
                show_cell(conclusion, finding->column, example->row, example->value);
        }
}

/* A finding about rows: how many, which is the first, what is wrong with it. */
static int add_rows(struct conclusion *conclusion, const struct schema_column *column, enum anomaly code,
                    const struct validate_deviation *entry) {
        struct validate_finding *finding = NULL;
        char sentence[768];
        int r;

        r = add_finding(conclusion, column->name, code, schema_severity(column, code), &finding);
        if (r)
                return error_trace(r);
        assert(finding && entry->n_examples > 0);
        show_examples(conclusion, entry, finding);
        schema_describe(column, code, finding->examples[0].value, strlen(finding->examples[0].value), sentence,
                        sizeof(sentence));
        snprintf(finding->message, sizeof(finding->message),
                 "%s (%" PRIu64 " of %" PRIu64 " rows, first row %" PRIu64 ")", sentence, entry->n_rows,
                 conclusion->report->n_rows, finding->examples[0].row + 1);
        return 0;
}

static bool column_is_absent(const struct conclusion *conclusion, const char *name) {
        for (size_t i = 0; i < conclusion->n_tables; i++)
                if (table_find(&conclusion->tables[i], name))
                        return false;
        return conclusion->n_tables > 0;
}

/* How much may be missing depends on the environment: a share in TRAINING, else nothing that has no outcome. */
static int conclude_presence(struct conclusion *conclusion, const struct schema_column *column,
                             const struct validate_deviation *entry) {
        uint64_t n_rows = conclusion->report->n_rows;
        double least = conclusion->options->environment == SCHEMA_TRAINING ? column->min_fraction : 1.0;
        double present = n_rows ? (double)(n_rows - entry->n_rows) / (double)n_rows : 1.0;
        struct validate_finding *finding;
        int r;

        if (!entry->n_rows || !(present < least))
                return 0;
        if (entry->n_rows == n_rows)
                return error_trace(add_rows(conclusion, column, ANOMALY_FEATURE_TYPE_NOT_PRESENT, entry));
        r = add_finding(conclusion, column->name, ANOMALY_FEATURE_TYPE_LOW_FRACTION_PRESENT,
                        schema_severity(column, ANOMALY_FEATURE_TYPE_LOW_FRACTION_PRESENT), &finding);
        if (r)
                return error_trace(r);
        show_examples(conclusion, entry, finding);
        snprintf(finding->message, sizeof(finding->message),
                 "a value is missing in %" PRIu64 " of %" PRIu64 " rows, first in row %" PRIu64
                 "; the share of filled rows must be at least %g",
                 entry->n_rows, n_rows, entry->examples[0] + 1, least);
        return 0;
}

/* Deviations that min_domain_mass may excuse. */
static bool is_excusable(enum anomaly code) {
        switch (code) {
        case ANOMALY_INT_TYPE_SMALL_INT:
        case ANOMALY_INT_TYPE_BIG_INT:
        case ANOMALY_FLOAT_TYPE_SMALL_FLOAT:
        case ANOMALY_FLOAT_TYPE_BIG_FLOAT:
        case ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES:
                return true;
        default:
                return false;
        }
}

static int conclude_values(struct conclusion *conclusion, size_t place, const struct validate_deviations *deviations) {
        const struct schema_column *column = &conclusion->options->schema->columns[place];
        double n_present = (double)conclusion->report->sketches[place].n_present, n_left = 0.0;
        bool is_excused = false;
        int r;

        for (enum anomaly code = 1; code < N_ANOMALIES; code++)
                if (is_excusable(code))
                        n_left += (double)deviations->entries[code].n_rows;
        if (conclusion->options->environment == SCHEMA_TRAINING)
                is_excused = n_present - n_left >= column->min_domain_mass * n_present;
        for (enum anomaly code = 1; code < N_ANOMALIES; code++) {
                if (code == ANOMALY_FEATURE_TYPE_NOT_PRESENT || !deviations->entries[code].n_rows ||
                    (is_excused && is_excusable(code)))
                        continue;
                r = add_rows(conclusion, column, code, &deviations->entries[code]);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int conclude_key(struct conclusion *conclusion, const struct schema_column *column) {
        _cleanup_(free_pointer) const struct column **keys = calloc(conclusion->n_tables + 1, sizeof(*keys));
        struct validate_finding *finding;
        struct unique_report unique;
        int r;

        if (!keys)
                return error_origin(-ENOMEM, "looking for duplicate keys");
        for (size_t i = 0; i < conclusion->n_tables; i++) {
                keys[i] = table_find(&conclusion->tables[i], column->name);
                if (keys[i] && keys[i]->type != value_column_type(column->type))
                        return error_trace(
                                add_message(conclusion, column->name, ANOMALY_UNEXPECTED_DATA_TYPE, SEVERITY_ERROR,
                                            "the key's column has not the type of %s, so its uniqueness cannot be seen",
                                            value_type_name(column->type)));
        }
        r = unique_check(keys, conclusion->tables, conclusion->n_tables, &unique);
        if (r)
                return error_trace(r);
        if (!unique.n_duplicates)
                return 0;
        r = add_finding(conclusion, column->name, ANOMALY_FEATURE_TYPE_LOW_UNIQUE, SEVERITY_ERROR, &finding);
        if (r)
                return error_trace(r);
        finding->n_rows = unique.n_duplicates;
        for (; finding->n_examples < unique.n_examples && finding->n_examples < VALIDATE_EXAMPLES;
             finding->n_examples++) {
                struct validate_example *example = &finding->examples[finding->n_examples];

                example->row = unique.examples[finding->n_examples].row;
                show_cell(conclusion, column->name, example->row, example->value);
        }
        snprintf(finding->message, sizeof(finding->message),
                 "key \"%s\" stands in rows %" PRIu64 " and %" PRIu64 "; %" PRIu64 " of %" PRIu64
                 " rows repeat the key of an earlier one",
                 finding->examples[0].value, unique.examples[0].first_row + 1, unique.examples[0].row + 1,
                 unique.n_duplicates, conclusion->report->n_rows);
        return 0;
}

static int conclude_label(struct conclusion *conclusion, size_t place) {
        const struct sketch *sketch = &conclusion->report->sketches[place];
        const char *name = conclusion->options->schema->columns[place].name;
        char scratch[VALUE_SCRATCH_BYTES] = "";
        uint64_t n_distinct;
        struct value value;
        size_t n_bytes;

        if (!sketch_n_distinct(sketch, &n_distinct) || n_distinct != 1)
                return 0;
        if (sketch_is_text(sketch)) {
                n_bytes = text_counts_shown_bytes(sketch->texts.entries[0].n_bytes);
                return error_trace(add_message(conclusion, name, ANOMALY_LABEL_ONE_CLASS, SEVERITY_ERROR,
                                               "every label is \"%.*s\", so there is nothing to learn", (int)n_bytes,
                                               sketch->texts.entries[0].text));
        }
        value = (struct value){ .kind = VALUE_FLOAT, .number = sketch->min };
        (void)value_format(&value, scratch, &n_bytes);
        return error_trace(add_message(conclusion, name, ANOMALY_LABEL_ONE_CLASS, SEVERITY_ERROR,
                                       "every label is %s, so there is nothing to learn", scratch));
}

/* Decided from the schema, not from the rows: there may be none. */
static int conclude_missing(struct conclusion *conclusion, const struct schema_column *column) {
        const struct validate_options *options = conclusion->options;
        const struct value missing = VALUE_NULL;
        char sentence[512];

        if (!schema_check(column, options->environment, &missing))
                return 0;
        validate_describe_missing(column->name, options->schema->environments[options->environment],
                                  options->columns.names, options->columns.n_names, sentence, sizeof(sentence));
        return error_trace(add_message(conclusion, column->name, ANOMALY_SCHEMA_MISSING_COLUMN,
                                       schema_severity(column, ANOMALY_FEATURE_TYPE_NOT_PRESENT), "%s", sentence));
}

static int conclude_column(struct conclusion *conclusion, size_t place, const struct validate_deviations *deviations) {
        const struct schema_column *column = &conclusion->options->schema->columns[place];
        const bool *missing = conclusion->options->columns.missing;
        unsigned environment = conclusion->options->environment;
        int r;

        if (!schema_column_is_checked(column, environment))
                return 0;
        if (missing && missing[place])
                return conclusion->options->is_holdout ? 0 : error_trace(conclude_missing(conclusion, column));
        if (column_is_absent(conclusion, column->name))
                return error_trace(conclude_missing(conclusion, column));
        r = conclude_presence(conclusion, column, &deviations->entries[ANOMALY_FEATURE_TYPE_NOT_PRESENT]);
        if (!r)
                r = conclude_values(conclusion, place, deviations);
        if (!r && column->role == SCHEMA_ROLE_KEY && schema_column_is_required(column, environment))
                r = conclude_key(conclusion, column);
        if (!r && column->role == SCHEMA_ROLE_LABEL && !conclusion->options->is_holdout)
                r = conclude_label(conclusion, place);
        return error_trace(r);
}

static int conclude_size(struct conclusion *conclusion) {
        const struct validate_options *options = conclusion->options;
        const struct schema *schema = options->schema;
        uint64_t n_rows = conclusion->report->n_rows, n_all = n_rows + options->n_rows_beside;
        int r = 0;

        if (options->is_holdout || options->environment != SCHEMA_TRAINING)
                return 0;
        if (n_all < (uint64_t)schema->min_examples)
                r = add_message(conclusion, NULL, ANOMALY_DATASET_LOW_NUM_EXAMPLES, SEVERITY_ERROR,
                                "there %s %" PRIu64 " row%s, at least %" PRId64 " are required",
                                n_all == 1 ? "is" : "are", n_all, n_all == 1 ? "" : "s", schema->min_examples);
        if (!r && options->baseline && (double)n_rows < schema->min_examples_ratio * (double)options->baseline->n_rows)
                r = add_message(conclusion, NULL, ANOMALY_COMPARATOR_LOW_NUM_EXAMPLES,
                                schema->min_examples_ratio_severity,
                                "there are %" PRIu64 " rows beside %" PRIu64 " of the baseline, less than its %g-fold",
                                n_rows, options->baseline->n_rows, schema->min_examples_ratio);
        return error_trace(r);
}

/* Columns of the tables that are not the schema's, and those of the source, which tables need not have. */
static int conclude_new_columns(struct conclusion *conclusion) {
        const struct schema *schema = conclusion->options->schema;
        const struct validate_columns *columns = &conclusion->options->columns;
        bool is_holdout = conclusion->options->is_holdout;
        /* all batches of a dataset have the same columns; the first one names them */
        size_t n_own = conclusion->n_tables ? conclusion->tables[0].n_columns : 0, n_named = 0;
        size_t n_names = is_holdout ? 0 : columns->n_names;
        uint64_t n_new = is_holdout ? 0 : columns->n_new;
        int r = 0;

        if (schema->new_columns == SEVERITY_IGNORE)
                return 0;
        for (size_t i = 0; i < n_own + n_names && !r; i++) {
                const char *name = i < n_own ? conclusion->tables[0].columns[i].name : columns->names[i - n_own];

                if (i < n_own && schema_find(schema, name, strlen(name)))
                        continue;
                n_new += i < n_own;
                if (n_named == VALIDATE_NEW_COLUMNS_MAX)
                        continue;
                n_named++;
                r = add_message(conclusion, name, ANOMALY_SCHEMA_NEW_COLUMN, schema->new_columns,
                                *name ? "the schema does not know this column, so it is not read"
                                      : "there is a column without a name, so it is not read");
        }
        if (!r && n_new > n_named)
                r = add_message(conclusion, NULL, ANOMALY_SCHEMA_NEW_COLUMN, schema->new_columns,
                                "the schema does not know %" PRIu64 " more columns, so they are not read",
                                n_new - n_named);
        return error_trace(r);
}

static int conclude_drift(struct conclusion *conclusion) {
        const struct validate_options *options = conclusion->options;
        struct validate_report *report = conclusion->report;
        int r;

        if (!options->baseline || options->is_holdout)
                return 0;
        r = drift_check(options->schema, options->baseline, report->sketches, conclusion->tables, conclusion->n_tables,
                        report->drifts, &report->n_drifts);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < report->n_drifts; i++) {
                const struct drift *drift = &report->drifts[i];
                enum anomaly code = drift->measure == DRIFT_L_INFINITY
                                            ? ANOMALY_COMPARATOR_L_INFTY_HIGH
                                            : ANOMALY_COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH;

                if (!drift->is_alarm)
                        continue;
                r = add_message(conclusion, options->schema->columns[drift->column].name, code, drift->severity,
                                "%s from the baseline is %.4f, above the threshold of %g and above %.4f, which chance "
                                "alone exceeds in 1 %% of cases",
                                drift->measure == DRIFT_L_INFINITY ? "the largest difference of shares"
                                                                   : "the Jensen-Shannon divergence",
                                drift->distance, drift->threshold, drift->null_quantile);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

int validate_conclude(const struct validate_options *options, const struct table *tables, size_t n_tables,
                      const struct validate_deviations *deviations, struct validate_report *report) {
        struct conclusion conclusion = { options, tables, n_tables, report, 0 };
        int r;

        r = conclude_size(&conclusion);
        for (size_t i = 0; i < options->schema->n_columns && !r; i++)
                r = conclude_column(&conclusion, i, &deviations[i]);
        if (!r)
                r = conclude_new_columns(&conclusion);
        if (!r)
                r = conclude_drift(&conclusion);
        return error_trace(r);
}
