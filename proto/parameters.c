/* Parameters: the table of each section, and the readers of pipeline.yaml and of a request over them. */

#include "proto/parameters.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/base/config.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/json_builder.h"

static const char *const scalings[SCALING_N] = {
        [SCALING_PASSTHROUGH] = "passthrough",
        [SCALING_STANDARD] = "standard",
        [SCALING_MIN_MAX] = "min_max",
};

static const char *const modes[EVALUATE_MODE_N] = {
        [EVALUATE_MODE_IMPROVE] = "improve",
        [EVALUATE_MODE_REFRESH] = "refresh",
};

static const char *const on_accepts[EVALUATE_ON_ACCEPT_N] = {
        [EVALUATE_ON_ACCEPT_PROMOTE] = "promote",
        [EVALUATE_ON_ACCEPT_CHALLENGER] = "challenger",
};

static const struct record_field split_fields[] = {
        RECORD_INT(split, salt, 0, JSON_INTEGRAL_MAX),
        RECORD_INT(split, test_ten_thousandths, 1, 9999),
};

static const struct record split_record = RECORD(split, split_fields);

static const struct record_field column_scaling_fields[] = {
        RECORD_TEXT(column_scaling, name, ANY),
        RECORD_CHOICE(column_scaling, scaling, scalings, SCALING_N),
};

static const struct record column_scaling_record = RECORD(column_scaling, column_scaling_fields);

static const struct record_field transform_fields[] = {
        RECORD_CHOICE(transform_parameters, numbers, scalings, SCALING_N),
        RECORD_LIST(transform_parameters, columns, column_scaling),
};

const struct record transform_parameters_record = RECORD(transform_parameters, transform_fields);

static const struct record_field train_fields[] = {
        RECORD_INT(train_parameters, seed, 0, INT32_MAX),
        RECORD_INT(train_parameters, num_boost_round, 1, 1 << 20),
        RECORD_INT(train_parameters, early_stopping_rounds, 0, 1 << 20),
        RECORD_DOUBLE(train_parameters, stopping_fraction, 0.01, 0.5),
        RECORD_DOUBLE_OR_NONE(train_parameters, threshold, 1e-6, 1 - 1e-6),
        RECORD_LIST(train_parameters, settings, setting),
};

const struct record train_parameters_record = RECORD(train_parameters, train_fields);

static const struct record_field evaluate_fields[] = {
        RECORD_CHOICE(evaluate_parameters, mode, modes, EVALUATE_MODE_N),
        RECORD_DOUBLE(evaluate_parameters, threshold, 0, 1),
        RECORD_DOUBLE(evaluate_parameters, margin, 0, 1),
        RECORD_DOUBLE(evaluate_parameters, min_score, 0, 1),
        RECORD_INT(evaluate_parameters, min_test_positives, 1, INT32_MAX),
        RECORD_INT(evaluate_parameters, bootstrap, 100, 1000000),
        RECORD_CHOICE(evaluate_parameters, on_accept, on_accepts, EVALUATE_ON_ACCEPT_N),
};

static const struct record evaluate_parameters_record = RECORD(evaluate_parameters, evaluate_fields);

static const struct record_field parameters_fields[] = {
        RECORD_TEXT(parameters, name, NAME),
        RECORD_MAP(parameters, split, split),
        RECORD_DOUBLE(parameters, max_bad_fraction, 0, 1),
        RECORD_MAP(parameters, transform, transform_parameters),
        RECORD_MAP(parameters, train, train_parameters),
        RECORD_MAP(parameters, evaluate, evaluate_parameters),
};

const struct record parameters_record = RECORD(parameters, parameters_fields);

void parameters_init(struct parameters *parameters, const char *name) {
        static const struct setting settings[] = {
                { "eta", "0.1" },
                { "max_depth", "5" },
                { "min_child_weight", "10" },
                { "objective", "binary:logistic" },
                { "tree_method", "hist" },
        };

        *parameters = (struct parameters){
                .split = { .salt = 1, .test_ten_thousandths = 2500 },
                .train = { .seed = 1,
                           .num_boost_round = 500,
                           .early_stopping_rounds = 20,
                           .stopping_fraction = 0.1,
                           .threshold = NAN },
                .evaluate = { .threshold = 0.02,
                              .margin = 0.005,
                              .min_score = 0.40,
                              .min_test_positives = 300,
                              .bootstrap = 2000 },
        };
        snprintf(parameters->name, sizeof(parameters->name), "%s", name);
        memcpy(parameters->train.settings, settings, sizeof(settings));
        parameters->train.n_settings = N_ELEMENTS(settings);
}

static int load_split(const struct config_node *map, struct split *split, struct fault *fault) {
        static const char *const known[] = { "salt", "test_ratio" };
        const struct config_node *ratio = config_find(map, "test_ratio");
        double value;
        int r;

        r = config_check_keys(map, known, N_ELEMENTS(known), fault);
        if (!r && map)
                r = config_get_int(map, "salt", 0, JSON_INTEGRAL_MAX, &split->salt, fault, &split->salt);
        if (!r && ratio)
                r = config_as_float(ratio, 0.0001, 0.9999, fault, &value);
        if (r || !ratio)
                return r;
        split->test_ten_thousandths = llround(value * 10000);
        if (fabs(value * 10000 - (double)split->test_ten_thousandths) > 1e-6)
                return config_fault(ratio, fault, "CONFIG_OUT_OF_RANGE", "test_ratio goes in steps of 0.0001");
        return 0;
}

static int load_transform(const struct config_node *map, struct transform_parameters *transform, struct fault *fault) {
        static const char *const known[] = { "numbers", "columns" };
        const struct config_node *columns = NULL, *node = config_find(map, "numbers");
        struct column_scaling *column;
        int r;

        r = config_check_keys(map, known, N_ELEMENTS(known), fault);
        if (!r && node)
                r = record_get_config(record_find_field(&transform_parameters_record, "numbers"), node, transform,
                                      fault);
        if (!r && map)
                r = config_get_map(map, "columns", false, fault, &columns);
        if (!r && columns && config_count(columns) > PARAMETERS_COLUMNS_MAX)
                r = config_fault(columns, fault, "CONFIG_OUT_OF_RANGE", "at most %d columns may be named",
                                 PARAMETERS_COLUMNS_MAX);
        if (r)
                return r;
        transform->n_columns = 0;
        for (node = config_first(columns); node; node = config_next(node)) {
                column = &transform->columns[transform->n_columns++];
                if (strlen(config_key(node)) >= sizeof(column->name))
                        return config_fault(node, fault, "CONFIG_OUT_OF_RANGE", "a column's name has at most %zu bytes",
                                            sizeof(column->name) - 1);
                strcpy(column->name, config_key(node));
                r = record_get_config(record_find_field(&column_scaling_record, "scaling"), node, column, fault);
                if (r)
                        return r;
        }
        return 0;
}

/* expected_f1, or the probability itself */
static int load_threshold(const struct config_node *node, struct train_parameters *train, struct fault *fault) {
        const char *text;

        if (config_node_kind(node) != CONFIG_KIND_TEXT)
                return record_get_config(record_find_field(&train_parameters_record, "threshold"), node, train, fault);
        if (config_as_text(node, fault, &text))
                return FAULT_E_INPUT;
        if (strcmp(text, "expected_f1"))
                return config_fault(node, fault, "CONFIG_OUT_OF_RANGE",
                                    "\"%s\" is neither expected_f1 nor a probability between 0 and 1", text);
        train->threshold = NAN;
        return 0;
}

static int load_train(const struct config_node *map, struct train_parameters *train, struct fault *fault) {
        static const char *const ours[] = { "seed", "num_boost_round", "early_stopping_rounds", "stopping_fraction",
                                            "threshold" };
        const struct record_field *field;
        const struct config_node *node;
        struct setting setting;
        int r = 0;

        for (node = config_first(map); node && !r; node = config_next(node)) {
                field = record_find_field(&train_parameters_record, config_key(node));
                if (field && !strcmp(field->name, "threshold"))
                        r = load_threshold(node, train, fault);
                else if (field && field->kind != RECORD_KIND_LIST)
                        r = record_get_config(field, node, train, fault);
                else
                        r = setting_load(node, ours, N_ELEMENTS(ours), &setting, fault);
                if (r || field)
                        continue;
                if (!setting_put(train->settings, &train->n_settings, PARAMETERS_SETTINGS_MAX, &setting))
                        r = config_fault(node, fault, "CONFIG_OUT_OF_RANGE", "at most %d parameters may be set",
                                         PARAMETERS_SETTINGS_MAX);
        }
        return r;
}

static int load_evaluate(const struct config_node *map, struct evaluate_parameters *evaluate, struct fault *fault) {
        const char *known[N_ELEMENTS(evaluate_fields)];
        const struct config_node *node;
        int r;

        for (size_t i = 0; i < N_ELEMENTS(known); i++)
                known[i] = evaluate_fields[i].name;
        r = config_check_keys(map, known, N_ELEMENTS(known), fault);
        for (node = config_first(map); node && !r; node = config_next(node))
                r = record_get_config(record_find_field(&evaluate_parameters_record, config_key(node)), node, evaluate,
                                      fault);
        return r;
}

/* The two sections that a request may hold as well. */
static int load_learning(const struct config_node *map, struct parameters *parameters, struct fault *fault) {
        const struct config_node *train = NULL, *evaluate = NULL;
        int r;

        r = config_get_map(map, "train", false, fault, &train);
        if (!r)
                r = load_train(train, &parameters->train, fault);
        if (!r)
                r = config_get_map(map, "evaluate", false, fault, &evaluate);
        if (!r)
                r = load_evaluate(evaluate, &parameters->evaluate, fault);
        return r;
}

int parameters_load(const struct config_node *pipeline, struct parameters *ret_parameters, struct fault *fault) {
        const struct config_node *source = NULL, *split = NULL, *transform = NULL;
        struct parameters parameters;
        const double none = 0;
        const char *name;
        int r;

        r = config_get_text(pipeline, "name", NULL, fault, &name);
        if (r)
                return r;
        if (strlen(name) >= PARAMETERS_NAME_BYTES || !record_form_holds(RECORD_FORM_NAME, name))
                return config_fault(config_find(pipeline, "name"), fault, "CONFIG_OUT_OF_RANGE",
                                    "\"%s\" is no name: 1 to %d of a-z, 0-9, _ and -", name, PARAMETERS_NAME_BYTES - 1);
        parameters_init(&parameters, name);

        r = config_get_map(pipeline, "source", false, fault, &source);
        if (!r && source)
                r = config_get_float(source, "max_bad_fraction", 0, 1, &none, fault, &parameters.max_bad_fraction);
        if (!r)
                r = config_get_map(pipeline, "split", false, fault, &split);
        if (!r)
                r = load_split(split, &parameters.split, fault);
        if (!r)
                r = config_get_map(pipeline, "transform", false, fault, &transform);
        if (!r)
                r = load_transform(transform, &parameters.transform, fault);
        if (!r)
                r = load_learning(pipeline, &parameters, fault);
        if (!r)
                *ret_parameters = parameters;
        return r;
}

static int override(struct parameters *parameters, const struct config_node *root, struct fault *fault) {
        static const char *const members[] = { "parameters" };
        static const char *const sections[] = { "train", "evaluate" };
        static const char *const fixed[] = { "name",      "schema", "source",   "split",
                                             "transform", "store",  "registry", "serve" };
        const struct config_node *given, *node;
        int r;

        r = config_check_keys(root, members, N_ELEMENTS(members), fault);
        if (r)
                return r;
        given = config_find(root, "parameters");
        for (node = config_first(given); node; node = config_next(node))
                for (size_t i = 0; config_key(node) && i < N_ELEMENTS(fixed); i++)
                        if (!strcmp(config_key(node), fixed[i]))
                                return config_fault(node, fault, "PARAMETER_FIXED",
                                                    "%s belongs to the pipeline; a request may override train and "
                                                    "evaluate only",
                                                    fixed[i]);
        r = config_check_keys(given, sections, N_ELEMENTS(sections), fault);
        if (!r)
                r = load_learning(given, parameters, fault);
        return r;
}

int parameters_override(struct parameters *parameters, const void *body, size_t n_bytes, struct fault *fault) {
        _cleanup_(config_destroy_pointer) struct config *config = NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct parameters changed = *parameters;
        struct json_builder builder;
        int r;

        if (!n_bytes)
                return 0;
        r = json_parse(body, n_bytes, fault, &json);
        if (r)
                return r;

        /* JSON is YAML but for the tabs between its tokens, which this takes out */
        builder = json_begin(&text, JSON_COMPACT);
        json_put_value(&builder, json_root(json));
        r = json_end(&builder);
        if (r)
                return error_trace(r);
        r = config_parse("request", text.data, text.n_bytes, CONFIG_VERBATIM, fault, &config);
        if (!r)
                r = override(&changed, config_root(config), fault);
        if (r == FAULT_E_INPUT)
                fault_at(fault, "", 0, 0);
        if (!r)
                *parameters = changed;
        return r;
}

const char *parameters_setting(const struct parameters *parameters, const char *name) {
        return setting_find(parameters->train.settings, parameters->train.n_settings, name);
}

enum scaling parameters_scaling(const struct parameters *parameters, const char *column) {
        for (size_t i = 0; i < parameters->transform.n_columns; i++)
                if (!strcmp(parameters->transform.columns[i].name, column))
                        return parameters->transform.columns[i].scaling;
        return parameters->transform.numbers;
}
