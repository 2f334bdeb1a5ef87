#pragma once

/*
 * Generator model
 *
 * What a generator.yaml says, ready to draw from: tables as alias tables, evidence as log-odds per cell. Private to the
 * generator.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/config.h"
#include "common/base/fault.h"
#include "common/data/table.h"
#include "common/source/alias_table.h"

/* what an int of every source can be */
#define MODEL_NUMBER_MAX (INT64_C(1) << 53)
/* texts up to this length, of digits all of them, are handed out by one copy of a fixed size */
#define MODEL_SHORT_BYTES TABLE_TEXT_SLACK

enum draw_kind {
        DRAW_SEQUENCE,
        DRAW_UNIFORM,
        DRAW_QUANTILES,
        DRAW_TABLE,
        DRAW_LABEL,
        DRAW_N_KINDS,
};

/* One of the values of a column that is drawn by table, or of the label. */
struct model_value {
        const char *text; /* borrowed from the file; NULL: a number, whose digits are short */
        int64_t number;
        size_t n_bytes;
        char short_text[MODEL_SHORT_BYTES]; /* the text where it is short enough, padded */
};

struct model_column {
        const char *name;               /* borrowed from the file */
        const struct config_node *node; /* where the file names it */
        enum draw_kind kind;
        bool is_text;
        struct model_value *values; /* code is the index; none but for tables and labels */
        size_t n_values;
};

/* The cells of a table for one value of the given column. */
struct model_group {
        size_t first;
        size_t n_cells; /* 0: no such group */
};

struct model_table {
        bool is_given;
        size_t given;               /* a column */
        struct model_group *groups; /* one for each value of the given column, or one in all */
        size_t n_groups;
        struct alias_table_cell *alias; /* n_cells, each group's for itself */
        double *evidence;               /* n_cells; NULL: none */
        uint32_t *codes;                /* n_cells × n_columns of the draw */
        size_t n_cells;
};

struct model_quantiles {
        double *shares;
        double *values;
        size_t n_points;
        double floor_value;
        double floor_share;
        double round_to; /* 0: not */
};

struct model_draw {
        enum draw_kind kind;
        size_t first_column;
        size_t n_columns;
        int64_t first;   /* sequence, uniform */
        uint64_t n_wide; /* uniform: how many numbers */
        double log_odds; /* label */
        struct model_quantiles quantiles;
        struct model_table table;
};

struct model {
        struct config *config;
        struct model_column *columns;
        size_t n_columns;
        struct model_draw *draws;
        size_t n_draws;
};

#define MODEL_NULL \
        { 0 }

/* 0, FAULT_E_INPUT or -ENOMEM. */
int generator_model_load(const char *path, struct model *ret_model, struct fault *fault);
void generator_model_finish(struct model *model);

/* The column of that name, or SIZE_MAX. */
size_t generator_model_find(const struct model *model, const char *name);

static inline const char *generator_model_value_text(const struct model_value *value) {
        return value->text ? value->text : value->short_text;
}
