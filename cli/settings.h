#pragma once

/*
 * Settings
 *
 * What --set NAME=VALUE says, which may be given more than once. A dotted name is a path: train.max_depth=6 becomes
 * {"train":{"max_depth":6}}. A value that is a JSON number, true, false or null is that; everything else is text.
 */

#include <stdbool.h>
#include <stddef.h>

#include "common/base/fault.h"
#include "common/base/json_builder.h"

struct setting {
        const char *name; /* borrowed from argv; n_name bytes, no end */
        size_t n_name;
        const char *value;
};

struct settings {
        struct setting *items;
        size_t n_items;
};

#define SETTINGS_NULL \
        { 0 }

/* Row of an option table, for --help; settings_take() leaves nothing of it to options_parse(). */
#define SETTINGS_OPTION(example, sentence) \
        { "set", NULL, NULL, OPTION_TEXT, 0, 0, NULL, example, sentence }

/* Takes every --set out of argv and adjusts *argc. FAULT_E_INPUT (OPTION_VALUE) for one without a name or value, or
 * -ENOMEM. The settings borrow from argv. */
int settings_take(int *argc, char **argv, struct settings *ret_settings, struct fault *fault);
void settings_finish(struct settings *settings);

/* Writes them as one object, in the order in which each path first appears. FAULT_E_INPUT (OPTION_VALUE) when a name is
 * set twice or is both a value and a path's part; the builder is then worthless. */
int settings_put_json(const struct settings *settings, struct json_builder *json, struct fault *fault);

/* Appends name=value&…, as forms are sent; names are taken whole. 0 or -ENOMEM. */
int settings_put_form(const struct settings *settings, struct buffer *form);
