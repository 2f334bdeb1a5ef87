#pragma once

/*
 * Settings
 *
 * A training parameter of XGBoost under its own name (XGBoost 1.7, doc/parameter.rst), checked when a pipeline or a
 * request is read, so that a mistake is found before the trainer runs. Second names are written as the first:
 * learning_rate as eta, reg_lambda as lambda, reg_alpha as alpha, min_split_loss as gamma.
 */

#include <stddef.h>

#include "common/base/fault.h"
#include "proto/record.h"

#define SETTING_NAME_BYTES 32
#define SETTING_VALUE_BYTES 256

struct config_node;

struct setting {
        char name[SETTING_NAME_BYTES];
        char value[SETTING_VALUE_BYTES]; /* as XGBoost takes it: "6", "0.1", "binary:logistic" */
};

#define SETTING_NULL \
        { 0 }

extern const struct record setting_record;

/* Reads one member of `train`. Numbers are written in their shortest form, so 0.10 and 0.1 are one value.
 * FAULT_E_INPUT: CONFIG_UNKNOWN_KEY for a name that XGBoost's tree training does not know (others names, for the hint,
 * are those that may stand here as well), CONFIG_WRONG_KIND, CONFIG_OUT_OF_RANGE. */
int setting_load(const struct config_node *node, const char *const *others, size_t n_others,
                 struct setting *ret_setting, struct fault *fault);

/* Puts a setting into a list that is sorted by name: replaces the one of its name, or inserts it. False: full. */
bool setting_put(struct setting *settings, size_t *n_settings, size_t n_max, const struct setting *setting);

/* The value of that name, or NULL. Borrowed. */
const char *setting_find(const struct setting *settings, size_t n_settings, const char *name);
