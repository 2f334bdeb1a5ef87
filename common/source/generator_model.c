/* The generator's model: generator.yaml read draw by draw, so that each may build on those before it. */

#include "common/source/generator_model.h"

#include <errno.h>
#include <string.h>

#include "common/base/array.h"
#include "common/base/error.h"
#include "common/source/generator_table.h"

static const char *const kinds[DRAW_N_KINDS] = { "sequence", "uniform", "quantiles", "table", "label" };

void generator_model_finish(struct model *model) {
        for (size_t i = 0; i < model->n_columns; i++)
                free(model->columns[i].values);
        for (size_t i = 0; i < model->n_draws; i++) {
                free(model->draws[i].quantiles.shares);
                free(model->draws[i].quantiles.values);
                free(model->draws[i].table.groups);
                free(model->draws[i].table.alias);
                free(model->draws[i].table.evidence);
                free(model->draws[i].table.codes);
        }
        free(model->columns);
        free(model->draws);
        config_destroy(model->config);
        *model = (struct model)MODEL_NULL;
}

size_t generator_model_find(const struct model *model, const char *name) {
        for (size_t i = 0; i < model->n_columns; i++)
                if (!strcmp(model->columns[i].name, name))
                        return i;
        return SIZE_MAX;
}

static int add_column(struct model *model, const struct config_node *node, struct model_draw *draw,
                      struct fault *fault) {
        struct model_column *columns;
        const char *name;
        int r;

        r = config_as_text(node, fault, &name);
        if (r)
                return error_trace(r);
        if (generator_model_find(model, name) != SIZE_MAX)
                return config_fault(node, fault, "GENERATOR_INVALID", "column %s is drawn above already", name);
        columns = array_grow(model->columns, model->n_columns, sizeof(*columns));
        if (!columns)
                return error_origin(-ENOMEM, "no memory for column %s", name);
        model->columns = columns;
        columns[model->n_columns++] = (struct model_column){ .name = name, .node = node, .kind = draw->kind };
        draw->n_columns++;
        return 0;
}

static int read_columns(struct model *model, const struct config_node *node, struct model_draw *draw,
                        struct fault *fault) {
        const struct config_node *one = config_find(node, "column"), *many = config_find(node, "columns");
        int r;

        draw->first_column = model->n_columns;
        if (!one == !many)
                return config_fault(node, fault, "GENERATOR_INVALID", "a draw has either column or columns");
        if (one)
                return error_trace(add_column(model, one, draw, fault));
        if (draw->kind != DRAW_TABLE)
                return config_fault(many, fault, "GENERATOR_INVALID", "only a table draws several columns");
        r = config_get_list(node, "columns", true, fault, &many);
        if (r)
                return error_trace(r);
        if (config_count(many) == 0)
                return config_fault(many, fault, "GENERATOR_INVALID", "columns names no column");
        for (const struct config_node *name = config_first(many); name; name = config_next(name)) {
                r = add_column(model, name, draw, fault);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int read_sequence(const struct config_node *node, struct model_draw *draw, struct fault *fault) {
        static const char *const known[] = { "first" };
        int r;

        r = config_check_keys(node, known, N_ELEMENTS(known), fault);
        if (r)
                return error_trace(r);
        return error_trace(config_get_int(node, "first", -MODEL_NUMBER_MAX, MODEL_NUMBER_MAX, &(int64_t){ 1 }, fault,
                                          &draw->first));
}

static int read_uniform(const struct config_node *node, struct model_draw *draw, struct fault *fault) {
        static const char *const known[] = { "min", "max" };
        int64_t max;
        int r;

        r = config_check_keys(node, known, N_ELEMENTS(known), fault);
        if (!r)
                r = config_get_int(node, "min", -MODEL_NUMBER_MAX, MODEL_NUMBER_MAX, NULL, fault, &draw->first);
        if (!r)
                r = config_get_int(node, "max", draw->first, MODEL_NUMBER_MAX, NULL, fault, &max);
        if (r)
                return error_trace(r);
        draw->n_wide = (uint64_t)(max - draw->first) + 1;
        return 0;
}

static int read_point(const struct config_node *node, struct model_quantiles *quantiles, struct fault *fault) {
        size_t n = quantiles->n_points;
        double share, value;
        int r;

        if (config_node_kind(node) != CONFIG_KIND_LIST || config_count(node) != 2)
                return config_fault(node, fault, "GENERATOR_INVALID", "a point is a list [SHARE, VALUE]");
        r = config_as_float(config_first(node), 0, 1, fault, &share);
        if (!r)
                r = config_as_float(config_next(config_first(node)), -0x1p53, 0x1p53, fault, &value);
        if (r)
                return error_trace(r);
        if (n == 0 && share > 0)
                return config_fault(node, fault, "GENERATOR_INVALID", "the first point must have share 0");
        if (n > 0 && (share <= quantiles->shares[n - 1] || value < quantiles->values[n - 1]))
                return config_fault(node, fault, "GENERATOR_INVALID",
                                    "points must rise, but [%.15g, %.15g] follows [%.15g, %.15g]", share, value,
                                    quantiles->shares[n - 1], quantiles->values[n - 1]);
        quantiles->shares[n] = share;
        quantiles->values[n] = value;
        quantiles->n_points++;
        return 0;
}

static int read_points(const struct config_node *node, struct model_quantiles *quantiles, struct fault *fault) {
        const struct config_node *points;
        int r;

        r = config_get_list(node, "points", true, fault, &points);
        if (r)
                return error_trace(r);
        if (config_count(points) < 2)
                return config_fault(points, fault, "GENERATOR_INVALID", "points must be two or more");
        quantiles->shares = calloc(config_count(points), sizeof(*quantiles->shares));
        quantiles->values = calloc(config_count(points), sizeof(*quantiles->values));
        if (!quantiles->shares || !quantiles->values)
                return error_origin(-ENOMEM, "no memory for %zu points", config_count(points));
        for (const struct config_node *point = config_first(points); point; point = config_next(point)) {
                r = read_point(point, quantiles, fault);
                if (r)
                        return error_trace(r);
        }
        if (quantiles->shares[quantiles->n_points - 1] < 1)
                return config_fault(points, fault, "GENERATOR_INVALID", "the last point must have share 1");
        return 0;
}

static int read_quantiles(const struct config_node *node, struct model_draw *draw, struct fault *fault) {
        static const char *const known[] = { "points", "floor", "round_to" };
        static const char *const known_in_floor[] = { "value", "share" };
        struct model_quantiles *quantiles = &draw->quantiles;
        const struct config_node *low;
        int r;

        r = config_check_keys(node, known, N_ELEMENTS(known), fault);
        if (!r)
                r = read_points(node, quantiles, fault);
        if (!r)
                r = config_get_float(node, "round_to", 0, 0x1p53, &(double){ 0 }, fault, &quantiles->round_to);
        if (!r)
                r = config_get_map(node, "floor", false, fault, &low);
        if (!r && low)
                r = config_check_keys(low, known_in_floor, N_ELEMENTS(known_in_floor), fault);
        if (!r && low)
                r = config_get_float(low, "value", -0x1p53, 0x1p53, NULL, fault, &quantiles->floor_value);
        if (!r && low)
                r = config_get_float(low, "share", 0, 1, NULL, fault, &quantiles->floor_share);
        return error_trace(r);
}

static int read_label(struct model *model, const struct config_node *node, struct model_draw *draw,
                      struct fault *fault) {
        static const char *const known[] = { "log_odds" };
        struct model_column *column = &model->columns[draw->first_column];
        uint32_t code;
        int r;

        r = config_check_keys(node, known, N_ELEMENTS(known), fault);
        if (!r)
                r = config_get_float(node, "log_odds", -700, 700, NULL, fault, &draw->log_odds);
        if (!r)
                r = model_add_value(column, NULL, 0, &code);
        if (!r)
                r = model_add_value(column, NULL, 1, &code);
        return error_trace(r);
}

/* Which kind of draw the node is, and where it says so. */
static int read_kind(const struct config_node *node, enum draw_kind *ret_kind, const struct config_node **ret_body,
                     struct fault *fault) {
        static const char *const known[] = { "column",  "columns",   "given", "evidence", "sequence",
                                             "uniform", "quantiles", "table", "label" };
        const struct config_node *body = NULL;
        size_t n_kinds = 0;
        int r;

        r = config_check_keys(node, known, N_ELEMENTS(known), fault);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < DRAW_N_KINDS; i++) {
                const struct config_node *found = config_find(node, kinds[i]);

                if (!found)
                        continue;
                n_kinds++;
                body = found;
                *ret_kind = (enum draw_kind)i;
        }
        if (n_kinds != 1)
                return config_fault(node, fault, "GENERATOR_INVALID",
                                    "a draw is one of sequence, uniform, quantiles, table and label");
        for (size_t i = 0; *ret_kind != DRAW_TABLE && i < 2; i++) {
                const struct config_node *found = config_find(node, i == 0 ? "given" : "evidence");

                if (found)
                        return config_fault(found, fault, "GENERATOR_INVALID", "%s goes with a table only",
                                            config_key(found));
        }
        *ret_body = body;
        return 0;
}

static int read_draw(struct model *model, const struct config_node *node, struct model_draw *draw,
                     struct fault *fault) {
        const struct config_node *body = NULL;
        int r;

        r = read_kind(node, &draw->kind, &body, fault);
        if (!r)
                r = read_columns(model, node, draw, fault);
        if (r)
                return error_trace(r);
        switch (draw->kind) {
        case DRAW_SEQUENCE:
                return error_trace(read_sequence(body, draw, fault));
        case DRAW_UNIFORM:
                return error_trace(read_uniform(body, draw, fault));
        case DRAW_QUANTILES:
                return error_trace(read_quantiles(body, draw, fault));
        case DRAW_TABLE:
                return error_trace(model_read_table(model, node, draw, fault));
        case DRAW_LABEL:
                return error_trace(read_label(model, body, draw, fault));
        case DRAW_N_KINDS:
                break;
        }
        abort();
}

static int read_model(struct model *model, struct fault *fault) {
        static const char *const known[] = { "generator", "draws" };
        const struct config_node *root = config_root(model->config), *draws;
        int64_t version;
        int r;

        r = config_check_keys(root, known, N_ELEMENTS(known), fault);
        if (!r)
                r = config_get_int(root, "generator", 1, 1, NULL, fault, &version);
        if (!r)
                r = config_get_list(root, "draws", true, fault, &draws);
        if (r)
                return error_trace(r);
        if (config_count(draws) == 0)
                return config_fault(draws, fault, "GENERATOR_INVALID", "draws makes no column");
        model->draws = calloc(config_count(draws), sizeof(*model->draws));
        if (!model->draws)
                return error_origin(-ENOMEM, "no memory for %zu draws", config_count(draws));
        for (const struct config_node *draw = config_first(draws); draw; draw = config_next(draw)) {
                r = read_draw(model, draw, &model->draws[model->n_draws++], fault);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

int generator_model_load(const char *path, struct model *ret_model, struct fault *fault) {
        _cleanup_(generator_model_finish) struct model model = MODEL_NULL;
        int r;

        r = config_load(path, CONFIG_VERBATIM, fault, &model.config);
        if (!r)
                r = read_model(&model, fault);
        if (r)
                return error_trace(r);
        *ret_model = model;
        model = (struct model)MODEL_NULL;
        return 0;
}
