/* Booster settings: nothing here calls libxgboost. */

#include "common/model/booster_settings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
        BINS_MAX = 65535,
        BINS_DEFAULT = 256, /* XGBoost's own, and what the evaluator's byte-wide ranges are made for */
};

/* Settings under XGBoost's names that are ours to choose, with why. */
static const struct {
        const char *name;
        const char *only; /* the one value that is accepted; NULL: none */
        const char *why;
} restricted[] = {
        { "booster", "gbtree", "the evaluator reads trees only" },
        { "tree_method", "hist", "the matrix is quantized" },
        { "eval_metric", NULL, "early stopping looks at the objective's own metric" },
        { "disable_default_eval_metric", NULL, "early stopping looks at the objective's own metric" },
        { "nthread", NULL, "it follows from the CPUs that the process may use" },
        { "n_jobs", NULL, "it follows from the CPUs that the process may use" },
        { "gpu_id", NULL, "training runs on CPUs" },
        { "device", NULL, "training runs on CPUs" },
        { "updater", NULL, "it follows from tree_method" },
        { "process_type", NULL, "models are trained from nothing" },
        { "num_feature", NULL, "it follows from the data" },
        { "verbosity", NULL, "it follows from the log's level" },
        { "validate_parameters", NULL, "parameters are always validated" },
};

static const char *const objectives[] = { "binary:logistic", "reg:logistic", "reg:squarederror", "multi:softprob",
                                          "multi:softmax" };

/* What is set unless given. */
static const struct booster_parameter defaults[] = {
        { "objective", "binary:logistic" }, { "tree_method", "hist" }, { "max_depth", "5" }, { "eta", "0.1" },
        { "min_child_weight", "10" },       { "seed", "0" },
};

/* Names that mean the same; libxgboost complains under the first. */
static const struct {
        const char *name;
        const char *other;
} aliases[] = {
        { "learning_rate", "eta" }, { "min_split_loss", "gamma" }, { "reg_lambda", "lambda" },
        { "reg_alpha", "alpha" },   { "seed", "random_state" },
};

static const char *find_parameter(const struct booster_settings *settings, const char *name) {
        const char *value = NULL;

        for (size_t i = 0; i < settings->n_given; i++)
                if (!strcmp(settings->given[i].name, name))
                        value = settings->given[i].value;
        return value;
}

/* The other name of the same setting, or the name itself. */
static const char *other_name(const char *name) {
        for (size_t i = 0; i < N_ELEMENTS(aliases); i++) {
                if (!strcmp(name, aliases[i].name))
                        return aliases[i].other;
                if (!strcmp(name, aliases[i].other))
                        return aliases[i].name;
        }
        return name;
}

static int parameter_fault(struct fault *fault, const char *name, const char *format, ...) _printf_(3, 4);

static int parameter_fault(struct fault *fault, const char *name, const char *format, ...) {
        char text[768];
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        fault_in(fault, name, -1);
        return fault_set(fault, "PARAMETER_INVALID", "%s", text);
}

static int read_count(const struct booster_settings *settings, struct fault *fault, const char *name, size_t least,
                      size_t most, size_t *count) {
        const char *text = find_parameter(settings, name);
        unsigned long long value;
        char *end;

        if (!text)
                return 0;
        errno = 0;
        value = strtoull(text, &end, 10);
        if (*text < '0' || *text > '9' || *end || errno || value < least || value > most)
                return parameter_fault(fault, name, "%s is \"%s\", but must be an integer from %zu to %zu", name, text,
                                       least, most);
        *count = (size_t)value;
        return 0;
}

static bool is_ours(const char *name) {
        return !strcmp(name, "num_boost_round") || !strcmp(name, "early_stopping_rounds");
}

/* What can be said of the parameters without libxgboost. */
static int check(struct booster_settings *settings, struct fault *fault) {
        const char *objective = find_parameter(settings, "objective");
        bool is_known = !objective;
        int r;

        settings->n_rounds_max = BOOSTER_ROUNDS_DEFAULT;
        settings->n_stopping = BOOSTER_STOPPING_ROUNDS_DEFAULT;
        settings->n_bins = BINS_DEFAULT;
        r = read_count(settings, fault, "num_boost_round", 1, BOOSTER_ROUNDS_MAX, &settings->n_rounds_max);
        if (r)
                return r;
        r = read_count(settings, fault, "early_stopping_rounds", 0, BOOSTER_ROUNDS_MAX, &settings->n_stopping);
        if (r)
                return r;
        r = read_count(settings, fault, "max_bin", 2, BINS_MAX, &settings->n_bins);
        if (r)
                return r;
        for (size_t i = 0; i < N_ELEMENTS(objectives); i++)
                is_known |= objective && !strcmp(objective, objectives[i]);
        if (!is_known)
                return parameter_fault(fault, "objective",
                                       "objective is \"%s\", but must be one of binary:logistic, reg:logistic, "
                                       "reg:squarederror, multi:softprob, multi:softmax",
                                       objective);
        for (size_t i = 0; i < N_ELEMENTS(restricted); i++) {
                const char *value = find_parameter(settings, restricted[i].name);

                if (value && (!restricted[i].only || strcmp(value, restricted[i].only)))
                        return parameter_fault(fault, restricted[i].name, "%s cannot be set to \"%s\": %s",
                                               restricted[i].name, value, restricted[i].why);
        }
        return 0;
}

int booster_settings_read(const struct booster_parameter *parameters, size_t n_parameters,
                          struct booster_settings *ret_settings, struct fault *fault) {
        struct booster_settings settings = { .given = parameters, .n_given = n_parameters };
        int r;

        r = check(&settings, fault);
        if (r)
                return r;
        *ret_settings = settings;
        return 0;
}

int booster_settings_apply(const struct booster_settings *settings,
                           int (*set)(void *context, const char *name, const char *value), void *context) {
        int r = 0;

        for (size_t i = 0; !r && i < N_ELEMENTS(defaults); i++)
                if (!find_parameter(settings, defaults[i].name) &&
                    !find_parameter(settings, other_name(defaults[i].name)))
                        r = set(context, defaults[i].name, defaults[i].value);
        for (size_t i = 0; !r && i < settings->n_given; i++)
                if (!is_ours(settings->given[i].name))
                        r = set(context, settings->given[i].name, settings->given[i].value);
        return r;
}

static bool has_word(const char *text, const char *word) {
        size_t n = strlen(word);

        for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
                if ((at == text || strchr(" `'\"", at[-1])) && (!at[n] || strchr(" `'\".,:;=", at[n])))
                        return true;
        return false;
}

int booster_settings_blame(const struct booster_settings *settings, const char *text, struct fault *fault) {
        const char *culprit = NULL;
        char quoted[256];

        for (size_t i = 0; i < settings->n_given && !culprit; i++) {
                const char *name = settings->given[i].name;

                if (has_word(text, name) || has_word(text, other_name(name)))
                        culprit = name;
        }
        /* of a choice it names only what was chosen: "Invalid Input: 'up', valid values are …" */
        for (size_t i = 0; i < settings->n_given && !culprit; i++) {
                snprintf(quoted, sizeof(quoted), "'%s'", settings->given[i].value);
                if (strstr(text, quoted))
                        culprit = settings->given[i].name;
        }
        if (!culprit)
                return parameter_fault(fault, "", "The parameters are refused: %s", text);
        return parameter_fault(fault, culprit, "%s is \"%s\": %s", culprit, find_parameter(settings, culprit), text);
}

int booster_settings_blame_unused(const char *name, struct fault *fault) {
        return parameter_fault(fault, name, "%s is not a parameter of XGBoost, or has no effect with the others", name);
}
