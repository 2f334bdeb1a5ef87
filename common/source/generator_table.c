/* Tables of the generator: counts become a draw by alias table, and evidence of the label as shrunk log-odds. */

#include "common/source/generator_table.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/array.h"
#include "common/base/error.h"

#define ROWS_MAX 1e15
/* A cell without positives must keep finite log-odds. */
#define SHRINK_MIN 1e-6
#define SHRINK_MAX 1e12
#define WEIGHT_MAX 100

/* The counts of a table, cell by cell, while it is read. */
struct counts {
        double *rows;
        double *positives;
        double shrink; /* 0: there is no evidence, and positives are none */
        double weight;
};

static void counts_finish(struct counts *counts) {
        free(counts->rows);
        free(counts->positives);
}

int model_add_value(struct model_column *column, const char *text, int64_t number, uint32_t *ret_code) {
        struct model_value *values;

        for (size_t i = 0; i < column->n_values; i++)
                if (text ? !strcmp(column->values[i].text, text) : column->values[i].number == number) {
                        *ret_code = (uint32_t)i;
                        return 0;
                }
        values = array_grow(column->values, column->n_values, sizeof(*values));
        if (!values)
                return error_origin(-ENOMEM, "no memory for the values of column %s", column->name);
        column->values = values;
        values += column->n_values;
        *values = (struct model_value){ .text = text, .number = number };
        if (!text)
                snprintf(values->short_text, sizeof(values->short_text), "%" PRId64, number);
        values->n_bytes = strlen(generator_model_value_text(values));
        if (text && values->n_bytes <= sizeof(values->short_text))
                memcpy(values->short_text, text, values->n_bytes);
        *ret_code = (uint32_t)column->n_values++;
        return 0;
}

static int read_value(struct model_column *column, const struct config_node *node, struct fault *fault,
                      uint32_t *ret_code) {
        bool is_text = config_node_kind(node) == CONFIG_KIND_TEXT;
        const char *text = NULL;
        int64_t number = 0;
        int r;

        if (!is_text && config_node_kind(node) != CONFIG_KIND_INT)
                return config_fault(node, fault, "GENERATOR_INVALID",
                                    "a value of column %s must be an integer or a text, this is %s", column->name,
                                    config_kind_name(config_node_kind(node)));
        if (column->n_values == 0)
                column->is_text = is_text;
        else if (is_text != column->is_text)
                return config_fault(node, fault, "GENERATOR_INVALID",
                                    "the values of column %s must all be integers or all be texts", column->name);
        r = is_text ? config_as_text(node, fault, &text)
                    : config_as_int(node, -MODEL_NUMBER_MAX, MODEL_NUMBER_MAX, fault, &number);
        if (r)
                return error_trace(r);
        return error_trace(model_add_value(column, text, number, ret_code));
}

/* One cell, [VALUE, …, ROWS] or [VALUE, …, ROWS, POSITIVES], as the next of the table. */
static int read_cell(struct model *model, const struct config_node *node, struct model_draw *draw,
                     const struct model_group *group, struct counts *counts, struct fault *fault) {
        struct model_table *table = &draw->table;
        size_t n_wanted = draw->n_columns + (counts->positives ? 2 : 1);
        uint32_t *codes = table->codes + table->n_cells * draw->n_columns;
        const struct config_node *element = config_first(node);
        int r;

        if (config_node_kind(node) != CONFIG_KIND_LIST || config_count(node) != n_wanted)
                return config_fault(node, fault, "GENERATOR_INVALID", "a cell is a list of %zu %s and %s",
                                    draw->n_columns, draw->n_columns == 1 ? "value" : "values",
                                    counts->positives ? "its rows and positives" : "its rows");
        for (size_t i = 0; i < draw->n_columns; i++, element = config_next(element)) {
                r = read_value(&model->columns[draw->first_column + i], element, fault, &codes[i]);
                if (r)
                        return error_trace(r);
        }
        for (size_t i = group->first; i < table->n_cells; i++)
                if (!memcmp(table->codes + i * draw->n_columns, codes, draw->n_columns * sizeof(*codes)))
                        return config_fault(node, fault, "GENERATOR_INVALID", "this cell stands in the table already");
        r = config_as_float(element, 0, ROWS_MAX, fault, &counts->rows[table->n_cells]);
        if (!r && counts->positives)
                r = config_as_float(config_next(element), 0, counts->rows[table->n_cells], fault,
                                    &counts->positives[table->n_cells]);
        if (r)
                return error_trace(r);
        table->n_cells++;
        return 0;
}

static int read_group(struct model *model, const struct config_node *node, struct model_draw *draw,
                      struct model_group *group, struct counts *counts, struct fault *fault) {
        double rows = 0;
        int r;

        if (config_node_kind(node) != CONFIG_KIND_LIST || config_count(node) == 0)
                return config_fault(node, fault, "GENERATOR_INVALID", "here goes a list of cells, one or more");
        group->first = draw->table.n_cells;
        for (const struct config_node *cell = config_first(node); cell; cell = config_next(cell)) {
                r = read_cell(model, cell, draw, group, counts, fault);
                if (r)
                        return error_trace(r);
                rows += counts->rows[draw->table.n_cells - 1];
        }
        if (!(rows > 0))
                return config_fault(node, fault, "GENERATOR_INVALID", "the rows of these cells add up to 0");
        group->n_cells = draw->table.n_cells - group->first;
        return error_trace(
                alias_table_build(counts->rows + group->first, group->n_cells, draw->table.alias + group->first));
}

/* Finds the given column, and makes room for one group for each of its values. */
static int read_given(const struct model *model, const struct config_node *node, struct model_draw *draw,
                      struct fault *fault) {
        const struct config_node *given = config_find(node, "given");
        struct model_table *table = &draw->table;
        const char *name;
        int r;

        table->n_groups = 1;
        if (given) {
                r = config_as_text(given, fault, &name);
                if (r)
                        return error_trace(r);
                table->is_given = true;
                table->given = generator_model_find(model, name);
                if (table->given >= draw->first_column || model->columns[table->given].kind != DRAW_TABLE)
                        return config_fault(given, fault, "GENERATOR_INVALID", "%s is no column of a table above",
                                            name);
                table->n_groups = model->columns[table->given].n_values;
        }
        table->groups = calloc(table->n_groups, sizeof(*table->groups));
        return table->groups ? 0 : error_origin(-ENOMEM, "no memory for %zu groups", table->n_groups);
}

static size_t find_value(const struct model_column *column, const char *text) {
        for (size_t i = 0; i < column->n_values; i++)
                if (!strcmp(generator_model_value_text(&column->values[i]), text))
                        return i;
        return SIZE_MAX;
}

static int read_groups(struct model *model, const struct config_node *node, struct model_draw *draw,
                       struct counts *counts, struct fault *fault) {
        const struct model_column *given = &model->columns[draw->table.given];
        int r;

        if (config_node_kind(node) != CONFIG_KIND_MAP)
                return config_fault(node, fault, "GENERATOR_INVALID", "given %s, a table is a map from its values",
                                    given->name);
        for (const struct config_node *group = config_first(node); group; group = config_next(group)) {
                size_t code = find_value(given, config_key(group));

                if (code == SIZE_MAX)
                        return config_fault(group, fault, "GENERATOR_INVALID", "column %s has no value %s", given->name,
                                            config_key(group));
                r = read_group(model, group, draw, &draw->table.groups[code], counts, fault);
                if (r)
                        return error_trace(r);
        }
        for (size_t i = 0; i < draw->table.n_groups; i++)
                if (draw->table.groups[i].n_cells == 0)
                        return config_fault(node, fault, "GENERATOR_INVALID", "no cells are given for %s %s",
                                            given->name, generator_model_value_text(&given->values[i]));
        return 0;
}

static int read_evidence(const struct config_node *node, struct counts *ret_counts, struct fault *fault) {
        static const char *const known[] = { "shrink", "weight" };
        const struct config_node *evidence;
        int r;

        r = config_get_map(node, "evidence", false, fault, &evidence);
        if (r || !evidence)
                return error_trace(r);
        r = config_check_keys(evidence, known, N_ELEMENTS(known), fault);
        if (!r)
                r = config_get_float(evidence, "shrink", SHRINK_MIN, SHRINK_MAX, NULL, fault, &ret_counts->shrink);
        if (!r)
                r = config_get_float(evidence, "weight", -WEIGHT_MAX, WEIGHT_MAX, &(double){ 1 }, fault,
                                     &ret_counts->weight);
        return error_trace(r);
}

static double logit(double rate) {
        return log(rate / (1 - rate));
}

/* The rate among some cells, drawn towards `towards` by `shrink` rows of that rate. */
static double rate_of(const struct counts *counts, size_t first, size_t n_cells, double shrink, double towards) {
        double rows = shrink, positives = shrink * towards;

        for (size_t i = first; i < first + n_cells; i++) {
                rows += counts->rows[i];
                positives += counts->positives[i];
        }
        return positives / rows;
}

/* The formula stands in the grammar of generator.yaml. */
static int weigh_evidence(const struct config_node *node, struct model_table *table, const struct counts *counts,
                          struct fault *fault) {
        double whole = rate_of(counts, 0, table->n_cells, 0, 0);

        if (!(whole > 0 && whole < 1))
                return config_fault(node, fault, "GENERATOR_INVALID",
                                    "for evidence, some rows of the table must be positive and some not");
        table->evidence = calloc(table->n_cells, sizeof(*table->evidence));
        if (!table->evidence)
                return error_origin(-ENOMEM, "no memory for %zu cells", table->n_cells);
        for (size_t i = 0; i < table->n_groups; i++) {
                const struct model_group *group = &table->groups[i];
                double base = table->is_given ? rate_of(counts, group->first, group->n_cells, counts->shrink, whole)
                                              : whole;

                for (size_t k = group->first; k < group->first + group->n_cells; k++) {
                        double rate = rate_of(counts, k, 1, counts->shrink, base);

                        table->evidence[k] = counts->weight * (logit(rate) - logit(base));
                        if (!isfinite(table->evidence[k]))
                                return config_fault(node, fault, "GENERATOR_INVALID", "shrink is too small for %g rows",
                                                    counts->rows[k]);
                }
        }
        return 0;
}

static size_t count_cells(const struct config_node *table, bool is_given) {
        size_t n = 0;

        if (!is_given)
                return config_count(table);
        for (const struct config_node *group = config_first(table); group; group = config_next(group))
                n += config_count(group);
        return n;
}

static int reserve_cells(struct model_draw *draw, size_t n_cells, struct counts *counts) {
        n_cells += n_cells == 0;
        draw->table.alias = calloc(n_cells, sizeof(*draw->table.alias));
        draw->table.codes = calloc(n_cells * draw->n_columns, sizeof(*draw->table.codes));
        counts->rows = calloc(n_cells, sizeof(*counts->rows));
        if (counts->shrink > 0)
                counts->positives = calloc(n_cells, sizeof(*counts->positives));
        if (!draw->table.alias || !draw->table.codes || !counts->rows || (counts->shrink > 0 && !counts->positives))
                return error_origin(-ENOMEM, "no memory for %zu cells", n_cells);
        return 0;
}

int model_read_table(struct model *model, const struct config_node *node, struct model_draw *draw,
                     struct fault *fault) {
        _cleanup_(counts_finish) struct counts counts = { 0 };
        const struct config_node *table = config_find(node, "table");
        int r;

        r = read_evidence(node, &counts, fault);
        if (!r)
                r = read_given(model, node, draw, fault);
        if (!r)
                r = reserve_cells(draw, count_cells(table, draw->table.is_given), &counts);
        if (!r)
                r = draw->table.is_given ? read_groups(model, table, draw, &counts, fault)
                                         : read_group(model, table, draw, draw->table.groups, &counts, fault);
        if (!r && counts.positives)
                r = weigh_evidence(config_find(node, "evidence"), &draw->table, &counts, fault);
        return error_trace(r);
}
