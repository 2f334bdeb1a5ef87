/* Baseline: edges from a sketch, cells counted from runs or from the rows themselves. JSON is in baseline_json.c. */

#include "common/data/statistics/baseline.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/parallel.h"

struct baseline *baseline_destroy(struct baseline *baseline) {
        if (!baseline)
                return NULL;
        for (size_t i = 0; i < baseline->n_columns; i++) {
                struct baseline_column *column = &baseline->columns[i];

                for (size_t j = 0; j < column->n_values && column->values; j++)
                        free(column->values[j]);
                free(column->values);
                free(column->edges);
                free(column->counts);
                free(column->name);
        }
        free(baseline->columns);
        free(baseline);
        return NULL;
}

void baseline_destroy_pointer(struct baseline **baseline) {
        *baseline = baseline_destroy(*baseline);
}

const struct baseline_column *baseline_find(const struct baseline *baseline, const char *name) {
        for (size_t i = 0; i < baseline->n_columns; i++)
                if (!strcmp(baseline->columns[i].name, name))
                        return &baseline->columns[i];
        return NULL;
}

/* The edges padded to one less than a power of two, so that a bin is found in five steps without a branch. */
struct ladder {
        double edges[31];
};

static struct ladder ladder_make(const struct baseline_column *column) {
        struct ladder ladder;

        static_assert(BASELINE_BINS <= N_ELEMENTS(ladder.edges) + 1, "the ladder has too few steps");
        for (size_t i = 0; i < N_ELEMENTS(ladder.edges); i++)
                ladder.edges[i] = i < column->n_edges ? column->edges[i] : (double)INFINITY;
        return ladder;
}

/* The bin of a number: how many edges lie below it. */
static size_t find_bin(const struct ladder *ladder, double value) {
        size_t bin = 0;

        for (size_t step = 16; step; step /= 2)
                bin += ladder->edges[bin + step - 1] < value ? step : 0;
        return bin;
}

static int make_edges(const struct sketch *sketch, struct baseline_column *column) {
        _cleanup_(free_pointer) struct number_run *runs = NULL;
        uint64_t n = 0, at = 0;
        size_t n_runs, next = 1;
        int r;

        column->edges = calloc(BASELINE_BINS, sizeof(*column->edges));
        if (!column->edges)
                return error_origin(-ENOMEM, "making a baseline");
        r = sketch_runs(sketch, &runs, &n_runs);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < n_runs; i++)
                n += runs[i].count;
        /* an edge at the greatest value would cut off an empty bin */
        for (size_t i = 0; i + 1 < n_runs; i++) {
                at += runs[i].count;
                if ((double)at * BASELINE_BINS < (double)n * (double)next)
                        continue;
                column->edges[column->n_edges++] = runs[i].value;
                while (next < BASELINE_BINS && (double)at * BASELINE_BINS >= (double)n * (double)next)
                        next++;
                if (next == BASELINE_BINS)
                        break;
        }
        column->n_cells = column->n_edges + 2;
        return 0;
}

static int copy_values(const struct schema_column *from, struct baseline_column *column) {
        column->values = calloc(from->n_values + 1, sizeof(*column->values));
        if (!column->values)
                return error_origin(-ENOMEM, "making a baseline");
        for (; column->n_values < from->n_values; column->n_values++) {
                column->values[column->n_values] = strdup(from->values[column->n_values].text);
                if (!column->values[column->n_values])
                        return error_origin(-ENOMEM, "making a baseline");
        }
        column->n_cells = column->n_values + 2;
        return 0;
}

static int fill_column(const struct schema_column *from, const struct sketch *sketch, const struct table *tables,
                       size_t n_tables, struct baseline_column *column) {
        bool is_number = from->type == VALUE_TYPE_INT || from->type == VALUE_TYPE_FLOAT;
        int r;

        column->type = from->type;
        column->name = strdup(from->name);
        if (!column->name)
                return error_origin(-ENOMEM, "making a baseline");
        r = is_number ? make_edges(sketch, column) : copy_values(from, column);
        if (r)
                return error_trace(r);
        column->counts = calloc(column->n_cells, sizeof(*column->counts));
        if (!column->counts)
                return error_origin(-ENOMEM, "making a baseline");
        baseline_count(column, sketch, tables, n_tables, column->counts);
        return 0;
}

/* What the threads need that fill the columns of a baseline. */
struct filling {
        const struct schema *schema;
        const struct sketch *sketches;
        const struct table *tables;
        size_t n_tables;
        struct baseline *baseline;
        size_t places[SCHEMA_COLUMNS_MAX]; /* in the schema, of each baseline column */
};

static int fill_unit(void *context, size_t unit, int worker _unused_) {
        const struct filling *filling = context;
        size_t place = filling->places[unit];

        return error_trace(fill_column(&filling->schema->columns[place], &filling->sketches[place], filling->tables,
                                       filling->n_tables, &filling->baseline->columns[unit]));
}

int baseline_create(const struct schema *schema, const struct sketch *sketches, const struct table *tables,
                    size_t n_tables, struct baseline **ret_baseline) {
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = calloc(1, sizeof(*baseline));
        struct filling filling = { schema, sketches, tables, n_tables, baseline, { 0 } };
        int r;

        if (!baseline)
                return error_origin(-ENOMEM, "making a baseline");
        baseline->columns = calloc(schema->n_features, sizeof(*baseline->columns));
        if (!baseline->columns)
                return error_origin(-ENOMEM, "making a baseline");
        for (size_t i = 0; i < schema->n_columns; i++)
                if (schema->columns[i].role == SCHEMA_ROLE_FEATURE)
                        filling.places[baseline->n_columns++] = i;
        for (size_t i = 0; i < n_tables; i++)
                baseline->n_rows += tables[i].n_rows;
        r = parallel_for(baseline->n_columns, fill_unit, &filling);
        if (r)
                return error_trace(r);
        *ret_baseline = steal(baseline);
        return 0;
}

static size_t find_value(const struct baseline_column *column, const char *text, size_t n_bytes) {
        for (size_t i = 0; i < column->n_values; i++) {
                assert(column->values[i]);
                if (strlen(column->values[i]) == n_bytes && !memcmp(column->values[i], text, n_bytes))
                        return i;
        }
        return column->n_values;
}

static void count_runs(const struct baseline_column *column, const struct sketch *sketch, uint64_t *ret_counts) {
        const struct ladder ladder = ladder_make(column);

        for (size_t i = 0; i < sketch->numbers.n_runs; i++) {
                double value = sketch->numbers.runs[i].value;
                size_t cell;

                if (column->type == VALUE_TYPE_BOOL)
                        cell = value < 0.0 || value > 1.0 ? column->n_values : (size_t)value;
                else
                        cell = find_bin(&ladder, value);
                ret_counts[cell] += sketch->numbers.runs[i].count;
        }
        ret_counts[column->n_cells - 1] += sketch->n_missing;
}

/* Texts beyond the closed list may be counted too low or not at all; they are what is left. */
static void count_texts(const struct baseline_column *column, const struct sketch *sketch, uint64_t *ret_counts) {
        uint64_t n_known = 0;

        for (size_t i = 0; i < sketch->texts.n_entries; i++) {
                const struct text_count *entry = &sketch->texts.entries[i];
                size_t cell = entry->n_bytes > TEXT_COUNTS_SHOWN_BYTES
                                      ? column->n_values
                                      : find_value(column, entry->text, entry->n_bytes);

                if (cell == column->n_values)
                        continue;
                ret_counts[cell] += entry->count;
                n_known += entry->count;
        }
        ret_counts[column->n_values] += sketch->n_present - n_known;
        ret_counts[column->n_cells - 1] += sketch->n_missing;
}

/* Too many values for the sketch: row by row. */
static void count_rows(const struct baseline_column *column, const struct column *rows, size_t n_rows,
                       uint64_t *ret_counts) {
        const struct ladder ladder = ladder_make(column);
        size_t missing = column->n_cells - 1;
        char scratch[VALUE_SCRATCH_BYTES];
        struct value value;

        for (size_t i = 0; i < n_rows; i++) {
                if (rows->type == COLUMN_FLOAT64 && column->type == VALUE_TYPE_FLOAT) {
                        if (column_is_present(rows, i) && !isnan(rows->float64[i]))
                                ret_counts[find_bin(&ladder, rows->float64[i])]++;
                        else
                                ret_counts[missing]++;
                        continue;
                }
                if (value_from_column(column->type, rows, i, scratch, &value) || value.kind == VALUE_MISSING)
                        ret_counts[missing]++;
                else
                        ret_counts[find_bin(&ladder, value.kind == VALUE_INT ? (double)value.integer : value.number)]++;
        }
}

void baseline_count(const struct baseline_column *column, const struct sketch *sketch, const struct table *tables,
                    size_t n_tables, uint64_t *ret_counts) {
        assert(sketch_is_text(sketch) == (value_column_type(column->type) == COLUMN_UTF8));
        if (sketch_is_text(sketch)) {
                count_texts(column, sketch, ret_counts);
                return;
        }
        if (column->type == VALUE_TYPE_BOOL || sketch->numbers.is_exact) {
                count_runs(column, sketch, ret_counts);
                return;
        }
        for (size_t i = 0; i < n_tables; i++) {
                const struct column *rows = table_find(&tables[i], column->name);

                if (rows)
                        count_rows(column, rows, tables[i].n_rows, ret_counts);
                else
                        ret_counts[column->n_cells - 1] += tables[i].n_rows;
        }
}
