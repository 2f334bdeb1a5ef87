/* Settings: XGBoost's parameters for trees, as doc/parameter.rst of 1.7 lists them. */

#include "proto/setting.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/config.h"
#include "common/base/nearest.h"

enum setting_kind {
        SETTING_INT,
        SETTING_FLOAT,
        SETTING_POSITIVE, /* a float above low */
        SETTING_TEXT,     /* one of words, or any when there are none */
};

struct setting_row {
        const char *name;
        const char *written_as; /* NULL: by its own name */
        enum setting_kind kind;
        double low, high;
        const char *words; /* each between two '|' */
};

#define ANY_NUMBER 1e30

static const struct setting_row rows[] = {
        { "alpha", NULL, SETTING_FLOAT, 0, ANY_NUMBER, NULL },
        { "base_score", NULL, SETTING_FLOAT, -ANY_NUMBER, ANY_NUMBER, NULL },
        { "booster", NULL, SETTING_TEXT, 0, 0, "|gbtree|" },
        { "colsample_bylevel", NULL, SETTING_POSITIVE, 0, 1, NULL },
        { "colsample_bynode", NULL, SETTING_POSITIVE, 0, 1, NULL },
        { "colsample_bytree", NULL, SETTING_POSITIVE, 0, 1, NULL },
        { "eta", NULL, SETTING_POSITIVE, 0, 1, NULL },
        { "gamma", NULL, SETTING_FLOAT, 0, ANY_NUMBER, NULL },
        { "grow_policy", NULL, SETTING_TEXT, 0, 0, "|depthwise|lossguide|" },
        { "interaction_constraints", NULL, SETTING_TEXT, 0, 0, NULL },
        { "lambda", NULL, SETTING_FLOAT, 0, ANY_NUMBER, NULL },
        { "learning_rate", "eta", SETTING_POSITIVE, 0, 1, NULL },
        { "max_bin", NULL, SETTING_INT, 2, 65535, NULL },
        { "max_delta_step", NULL, SETTING_FLOAT, 0, ANY_NUMBER, NULL },
        { "max_depth", NULL, SETTING_INT, 0, 64, NULL },
        { "max_leaves", NULL, SETTING_INT, 0, 1 << 20, NULL },
        { "min_child_weight", NULL, SETTING_FLOAT, 0, ANY_NUMBER, NULL },
        { "min_split_loss", "gamma", SETTING_FLOAT, 0, ANY_NUMBER, NULL },
        { "monotone_constraints", NULL, SETTING_TEXT, 0, 0, NULL },
        { "num_parallel_tree", NULL, SETTING_INT, 1, 1024, NULL },
        { "objective", NULL, SETTING_TEXT, 0, 0, "|binary:logistic|" },
        { "reg_alpha", "alpha", SETTING_FLOAT, 0, ANY_NUMBER, NULL },
        { "reg_lambda", "lambda", SETTING_FLOAT, 0, ANY_NUMBER, NULL },
        { "sampling_method", NULL, SETTING_TEXT, 0, 0, "|uniform|" },
        { "scale_pos_weight", NULL, SETTING_POSITIVE, 0, ANY_NUMBER, NULL },
        { "subsample", NULL, SETTING_POSITIVE, 0, 1, NULL },
        { "tree_method", NULL, SETTING_TEXT, 0, 0, "|hist|" },
};

static const struct record_field setting_fields[] = {
        RECORD_TEXT(setting, name, NAME),
        RECORD_TEXT(setting, value, ANY),
};

const struct record setting_record = RECORD(setting, setting_fields);

static int fail_unknown(const struct config_node *node, const char *const *others, size_t n_others,
                        struct fault *fault) {
        const char *known[N_ELEMENTS(rows) + 16];
        char hint[768] = "";

        assert(n_others <= 16);
        for (size_t i = 0; i < n_others; i++)
                known[i] = others[i];
        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                known[n_others + i] = rows[i].name;
        nearest_explain(config_key(node), known, n_others + N_ELEMENTS(rows), hint, sizeof(hint));
        return config_fault(node, fault, "CONFIG_UNKNOWN_KEY", "unknown training parameter \"%s\"%s", config_key(node),
                            hint);
}

/* A whole number as such, any other with the fewest digits that read back as the same double. */
static void write_number(double value, char *ret_text, size_t n_bytes) {
        double back;

        snprintf(ret_text, n_bytes, "%.0f", value);
        back = strtod(ret_text, NULL);
        if (!memcmp(&back, &value, sizeof(value)) && strlen(ret_text) < 16)
                return;
        for (int digits = 1; digits <= 17; digits++) {
                snprintf(ret_text, n_bytes, "%.*g", digits, value);
                back = strtod(ret_text, NULL);
                if (!memcmp(&back, &value, sizeof(value)))
                        return;
        }
}

static int load_float(const struct setting_row *row, const struct config_node *node, char *ret_text, size_t n_bytes,
                      struct fault *fault) {
        double value;
        int r;

        r = config_as_float(node, row->low, row->high, fault, &value);
        if (r)
                return r;
        if (row->kind == SETTING_POSITIVE && value <= row->low)
                return config_fault(node, fault, "CONFIG_OUT_OF_RANGE", "%s must be above %g", row->name, row->low);
        write_number(value + 0.0, ret_text, n_bytes);
        return 0;
}

static int load_text(const struct setting_row *row, const struct config_node *node, char *ret_text, size_t n_bytes,
                     struct fault *fault) {
        char quoted[SETTING_VALUE_BYTES + 2];
        const char *text;
        int r;

        r = config_as_text(node, fault, &text);
        if (r)
                return r;
        if (strlen(text) >= n_bytes || strchr(text, '|'))
                return config_fault(node, fault, "CONFIG_OUT_OF_RANGE", "%s is too long, or holds a '|'", row->name);
        snprintf(quoted, sizeof(quoted), "|%.*s|", SETTING_VALUE_BYTES - 1, text);
        if (row->words && !strstr(row->words, quoted))
                return config_fault(node, fault, "CONFIG_OUT_OF_RANGE", "%s \"%s\" is not offered here, only %.*s",
                                    row->name, text, (int)strlen(row->words) - 2, row->words + 1);
        strcpy(ret_text, text);
        return 0;
}

int setting_load(const struct config_node *node, const char *const *others, size_t n_others,
                 struct setting *ret_setting, struct fault *fault) {
        struct setting setting = SETTING_NULL;
        const struct setting_row *row = NULL;
        int64_t whole;
        int r;

        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                if (!strcmp(rows[i].name, config_key(node)))
                        row = &rows[i];
        if (!row)
                return fail_unknown(node, others, n_others, fault);

        strcpy(setting.name, row->written_as ? row->written_as : row->name);
        switch (row->kind) {
        case SETTING_INT:
                r = config_as_int(node, (int64_t)row->low, (int64_t)row->high, fault, &whole);
                if (!r)
                        snprintf(setting.value, sizeof(setting.value), "%" PRId64, whole);
                break;
        case SETTING_TEXT:
                r = load_text(row, node, setting.value, sizeof(setting.value), fault);
                break;
        default:
                r = load_float(row, node, setting.value, sizeof(setting.value), fault);
                break;
        }
        if (!r)
                *ret_setting = setting;
        return r;
}

bool setting_put(struct setting *settings, size_t *n_settings, size_t n_max, const struct setting *setting) {
        size_t i = 0;

        while (i < *n_settings && strcmp(settings[i].name, setting->name) < 0)
                i++;
        if (i == *n_settings || strcmp(settings[i].name, setting->name)) {
                if (*n_settings == n_max)
                        return false;
                memmove(settings + i + 1, settings + i, (*n_settings - i) * sizeof(*settings));
                ++*n_settings;
        }
        settings[i] = *setting;
        return true;
}

const char *setting_find(const struct setting *settings, size_t n_settings, const char *name) {
        for (size_t i = 0; i < n_settings; i++)
                if (!strcmp(settings[i].name, name))
                        return settings[i].value;
        return NULL;
}
