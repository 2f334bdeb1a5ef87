#pragma once

/*
 * Booster settings
 *
 * What may be set under XGBoost's names: which of them are Convoy's own, which are not the user's to choose, what holds
 * when nothing is given, and which parameter a complaint of libxgboost is about.
 */

#include <stddef.h>

#include "common/base/fault.h"
#include "common/model/booster.h"

struct booster_settings {
        const struct booster_parameter *given; /* borrowed */
        size_t n_given;
        size_t n_rounds_max;
        size_t n_stopping; /* rounds without gain before it stops; 0: no early stopping */
        size_t n_bins;
};

/* FAULT_E_INPUT with code PARAMETER_INVALID and the parameter as the fault's column. */
int booster_settings_read(const struct booster_parameter *parameters, size_t n_parameters,
                          struct booster_settings *ret_settings, struct fault *fault);

/* Calls set() for each default that nothing was given for, then for all that was given to libxgboost. Stops at, and
 * returns, the first nonzero. */
int booster_settings_apply(const struct booster_settings *settings,
                           int (*set)(void *context, const char *name, const char *value), void *context);

/* Fills the fault for a complaint in libxgboost's words, naming the parameter in it when it can be told. Returns
 * FAULT_E_INPUT. */
int booster_settings_blame(const struct booster_settings *settings, const char *complaint, struct fault *fault);

/* The same for a name that libxgboost has no use for. */
int booster_settings_blame_unused(const char *name, struct fault *fault);
