/*
 * Generator: rows are made in blocks that stay in the first-level cache: draw by draw into one array per column, then
 * column by column into the builder. Each draw but a sequence takes one number from each row's stream.
 */

#include "common/source/generator.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/random.h"
#include "common/source/generator_model.h"

#define BLOCK_ROWS 256

/* What a draw leaves behind: the code of one of the column's values, or the number itself. */
union cell {
        size_t code;
        int64_t whole;
        double real;
};

struct block {
        uint64_t first; /* row */
        size_t n_rows;
        struct random random[BLOCK_ROWS];
        double log_odds[BLOCK_ROWS];
        union cell cells[][BLOCK_ROWS]; /* one for each column of the model */
};

/* A column to hand out: where it comes from, and what its codes stand for. */
struct output {
        enum column_type type;
        size_t source;                    /* a column of the model; SIZE_MAX: missing */
        const struct model_value *values; /* NULL: the column has no codes */
        union cell *numbers;              /* by code, for a type that is no text */
};

struct generator {
        struct model model;
        struct output *outputs;
        size_t n_outputs;
};

struct generator *generator_destroy(struct generator *generator) {
        if (!generator)
                return NULL;
        for (size_t i = 0; i < generator->n_outputs; i++)
                free(generator->outputs[i].numbers);
        free(generator->outputs);
        generator_model_finish(&generator->model);
        free(generator);
        return NULL;
}

void generator_destroy_pointer(struct generator **generator) {
        *generator = generator_destroy(*generator);
}

bool generator_makes(const struct generator *generator, size_t column) {
        return generator->outputs[column].source != SIZE_MAX;
}

static int bind_numbers(const struct model_column *source, struct output *output) {
        output->numbers = calloc(source->n_values, sizeof(*output->numbers));
        if (!output->numbers)
                return error_origin(-ENOMEM, "no memory for the values of column %s", source->name);
        for (size_t i = 0; i < source->n_values; i++) {
                if (output->type == COLUMN_INT64)
                        output->numbers[i].whole = source->values[i].number;
                else
                        output->numbers[i].real = (double)source->values[i].number;
        }
        return 0;
}

static int bind(const struct generator *generator, const struct generator_column *column, struct output *output,
                struct fault *fault) {
        const struct model_column *source;
        bool is_possible;

        output->type = column->type;
        output->source = generator_model_find(&generator->model, column->name);
        if (output->source == SIZE_MAX)
                return 0;
        source = &generator->model.columns[output->source];
        output->values = source->values;
        if (source->is_text)
                is_possible = column->type == COLUMN_UTF8;
        else if (source->values)
                is_possible = column->type != COLUMN_FLOAT32;
        else
                is_possible = column->type == COLUMN_FLOAT64 ||
                              (column->type == COLUMN_INT64 && source->kind != DRAW_QUANTILES);
        if (!is_possible)
                return config_fault(source->node, fault, "GENERATOR_INVALID",
                                    "column %s is drawn as %s, but %s is wanted", column->name,
                                    source->is_text ? "text" : "a number",
                                    column->type == COLUMN_UTF8    ? "text"
                                    : column->type == COLUMN_INT64 ? "an integer"
                                                                   : "a float");
        return source->values && column->type != COLUMN_UTF8 ? error_trace(bind_numbers(source, output)) : 0;
}

int generator_create(const char *path, const struct generator_column *columns, size_t n_columns,
                     struct generator **ret_generator, struct fault *fault) {
        _cleanup_(generator_destroy_pointer) struct generator *generator = calloc(1, sizeof(*generator));
        int r;

        if (!generator)
                return error_origin(-ENOMEM, "no memory for a generator");
        generator->outputs = calloc(n_columns + 1, sizeof(*generator->outputs));
        if (!generator->outputs)
                return error_origin(-ENOMEM, "no memory for %zu columns", n_columns);
        r = generator_model_load(path, &generator->model, fault);
        for (size_t i = 0; !r && i < n_columns; i++)
                r = bind(generator, &columns[i], &generator->outputs[generator->n_outputs++], fault);
        if (r)
                return error_trace(r);
        *ret_generator = steal(generator);
        return 0;
}

static void draw_table(const struct model_draw *draw, struct block *block) {
        const struct model_table *table = &draw->table;
        const union cell *given = table->is_given ? block->cells[table->given] : NULL;

        for (size_t i = 0; i < block->n_rows; i++) {
                const struct model_group *group = &table->groups[given ? given[i].code : 0];
                size_t cell = group->first +
                              alias_table_draw(table->alias + group->first, group->n_cells, &block->random[i]);
                const uint32_t *codes = table->codes + cell * draw->n_columns;

                if (table->evidence)
                        block->log_odds[i] += table->evidence[cell];
                for (size_t k = 0; k < draw->n_columns; k++)
                        block->cells[draw->first_column + k][i].code = codes[k];
        }
}

static double quantile(const struct model_quantiles *quantiles, double share) {
        const double *shares = quantiles->shares, *values = quantiles->values;
        size_t k = 0, n = quantiles->n_points - 1; /* share lies in segments k … k + n - 1 */

        while (n > 1) {
                size_t half = n / 2;

                k += shares[k + half] <= share ? half : 0;
                n -= half;
        }
        return values[k] + (values[k + 1] - values[k]) * ((share - shares[k]) / (shares[k + 1] - shares[k]));
}

static void draw_quantiles(const struct model_draw *draw, struct block *block) {
        const struct model_quantiles *quantiles = &draw->quantiles;
        union cell *cells = block->cells[draw->first_column];
        double low = quantiles->floor_share;

        for (size_t i = 0; i < block->n_rows; i++) {
                double share = random_uniform(&block->random[i]);

                if (share < low)
                        cells[i].real = quantiles->floor_value;
                else if (quantiles->round_to > 0)
                        cells[i].real = rint(quantile(quantiles, (share - low) / (1 - low)) / quantiles->round_to) *
                                        quantiles->round_to;
                else
                        cells[i].real = quantile(quantiles, (share - low) / (1 - low));
        }
}

static void draw_column(const struct model_draw *draw, struct block *block) {
        union cell *cells = block->cells[draw->first_column];

        switch (draw->kind) {
        case DRAW_SEQUENCE:
                for (size_t i = 0; i < block->n_rows; i++)
                        cells[i].whole = draw->first + (int64_t)(block->first + i);
                return;
        case DRAW_UNIFORM:
                for (size_t i = 0; i < block->n_rows; i++)
                        cells[i].whole = draw->first + (int64_t)random_below(&block->random[i], draw->n_wide);
                return;
        case DRAW_QUANTILES:
                draw_quantiles(draw, block);
                return;
        case DRAW_TABLE:
                draw_table(draw, block);
                return;
        case DRAW_LABEL:
                for (size_t i = 0; i < block->n_rows; i++) {
                        double chance = 1 / (1 + exp(-draw->log_odds - block->log_odds[i]));

                        cells[i].code = random_uniform(&block->random[i]) < chance;
                }
                return;
        case DRAW_N_KINDS:
                break;
        }
        abort();
}

static int hand_out_texts(const struct output *output, const union cell *cells, size_t n_rows,
                          struct table_builder *builder, size_t column) {
        size_t n_bytes = 0;
        int32_t end, *ends;
        char *text;
        int r;

        for (size_t i = 0; i < n_rows; i++)
                n_bytes += output->values[cells[i].code].n_bytes;
        r = table_builder_reserve_texts(builder, column, n_rows, n_bytes, &end, &ends, &text);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < n_rows; i++) {
                const struct model_value *value = &output->values[cells[i].code];

                if (value->n_bytes <= MODEL_SHORT_BYTES)
                        memcpy(text, value->short_text, MODEL_SHORT_BYTES);
                else
                        memcpy(text, value->text, value->n_bytes);
                text += value->n_bytes;
                end += (int32_t)value->n_bytes;
                ends[i] = end;
        }
        return 0;
}

static int hand_out_missing(size_t n_rows, struct table_builder *builder, size_t column) {
        for (size_t i = 0; i < n_rows; i++) {
                int r = table_builder_add_missing(builder, column);

                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int hand_out(const struct generator *generator, const struct block *block, size_t column,
                    struct table_builder *builder) {
        const struct output *output = &generator->outputs[column];
        const union cell *cells;
        void *values;
        int r;

        if (output->source == SIZE_MAX)
                return error_trace(hand_out_missing(block->n_rows, builder, column));
        cells = block->cells[output->source];
        if (output->type == COLUMN_UTF8)
                return error_trace(hand_out_texts(output, cells, block->n_rows, builder, column));
        r = table_builder_reserve(builder, column, block->n_rows, &values);
        if (r)
                return error_trace(r);
        if (output->numbers)
                for (size_t i = 0; i < block->n_rows; i++)
                        memcpy((union cell *)values + i, &output->numbers[cells[i].code], sizeof(*cells));
        else if (output->type == COLUMN_FLOAT64 && generator->model.columns[output->source].kind != DRAW_QUANTILES)
                for (size_t i = 0; i < block->n_rows; i++)
                        ((double *)values)[i] = (double)cells[i].whole;
        else
                memcpy(values, cells, block->n_rows * sizeof(*cells));
        return 0;
}

int generator_make(const struct generator *generator, uint64_t seed, uint64_t first, size_t n_rows,
                   struct table_builder *builder) {
        const struct model *model = &generator->model;
        _cleanup_(free_pointer) struct block *block = calloc(1, sizeof(*block) +
                                                                        model->n_columns * sizeof(block->cells[0]));
        int r;

        if (!block)
                return error_origin(-ENOMEM, "no memory for a block of %d rows", BLOCK_ROWS);
        for (size_t done = 0; done < n_rows; done += block->n_rows) {
                block->first = first + done;
                block->n_rows = n_rows - done < BLOCK_ROWS ? n_rows - done : BLOCK_ROWS;
                for (size_t i = 0; i < block->n_rows; i++) {
                        block->random[i] = random_stream(seed, RANDOM_SALT_GENERATOR, block->first + i);
                        block->log_odds[i] = 0;
                }
                for (size_t i = 0; i < model->n_draws; i++)
                        draw_column(&model->draws[i], block);
                for (size_t i = 0; i < generator->n_outputs; i++) {
                        r = hand_out(generator, block, i, builder);
                        if (r)
                                return error_trace(r);
                }
        }
        return 0;
}
