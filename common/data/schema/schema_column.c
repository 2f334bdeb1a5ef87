/* One column of schema.yaml: type, domain, presence, outcomes. */

#include "common/data/schema/schema_column.h"

#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/utf8.h"
#include "common/data/schema/schema_index.h"

int schema_copy_text(const char *text, char **ret_copy) {
        char *copy = strdup(text);

        if (!copy)
                return error_origin(-ENOMEM, "reading the schema");
        *ret_copy = copy;
        return 0;
}

int schema_name_check(const struct config_node *node, const char *name, struct fault *fault) {
        size_t n_bytes = strlen(name);
        bool is_plain = n_bytes && n_bytes < TABLE_NAME_BYTES && utf8_is_valid(name, n_bytes);

        for (size_t i = 0; i < n_bytes && is_plain; i++)
                is_plain = (unsigned char)name[i] >= 0x20 && name[i] != 0x7f;
        if (!is_plain)
                return config_fault(node, fault, SCHEMA_BROKEN_RULE,
                                    "a column's name is a text of 1 to %d bytes without control characters",
                                    TABLE_NAME_BYTES - 1);
        return 0;
}

int schema_severity_read(const struct config_node *map, enum severity otherwise, struct fault *fault,
                         enum severity *ret_severity) {
        static const char *const words[] = { "warning", "error" };
        size_t place;
        int r;

        r = config_get_choice(map, "severity", words, N_ELEMENTS(words), severity_name(otherwise), fault, &place);
        if (r)
                return error_trace(r);
        *ret_severity = place ? SEVERITY_ERROR : SEVERITY_WARNING;
        return 0;
}

int schema_environments_read(const struct schema *schema, const struct config_node *map, const char *key,
                             uint32_t otherwise, struct fault *fault, uint32_t *ret_mask) {
        const struct config_node *list;
        uint32_t mask = 0;
        const char *name;
        size_t place;
        int r;

        r = config_get_list(map, key, false, fault, &list);
        if (r)
                return error_trace(r);
        for (const struct config_node *node = config_first(list); node; node = config_next(node)) {
                r = config_as_text(node, fault, &name);
                if (r)
                        return error_trace(r);
                place = schema_find_environment(schema, name);
                if (place == SIZE_MAX)
                        return config_fault(node, fault, SCHEMA_BROKEN_RULE,
                                            "\"%s\" is not among the environments on the first level", name);
                mask |= UINT32_C(1) << place;
        }
        *ret_mask = list ? mask : otherwise;
        return 0;
}

int schema_text_read(const struct schema_column *column, const struct config_node *node, struct fault *fault,
                     char **ret_text) {
        char scratch[VALUE_SCRATCH_BYTES];
        const char *text = scratch;
        int64_t integer;
        int r;

        if (column->type == VALUE_TYPE_CATEGORY) {
                r = config_as_text(node, fault, &text);
                if (!r && (!*text || strlen(text) > VALUE_TEXT_BYTES_MAX))
                        r = config_fault(node, fault, SCHEMA_BROKEN_RULE, "a value is a text of 1 to %d bytes",
                                         VALUE_TEXT_BYTES_MAX);
        } else {
                r = config_as_int(node, -VALUE_INT_MAX, VALUE_INT_MAX, fault, &integer);
                if (!r)
                        snprintf(scratch, sizeof(scratch), "%" PRId64, integer);
        }
        if (r)
                return error_trace(r);
        return error_trace(schema_copy_text(text, ret_text));
}

int schema_place_read(const struct schema_column *column, const struct config_node *node, struct fault *fault,
                      size_t *ret_place) {
        _cleanup_(free_pointer) char *text = NULL;
        size_t place;
        int r;

        r = schema_text_read(column, node, fault, &text);
        if (r)
                return error_trace(r);
        place = schema_find_value(column, text, strlen(text));
        if (place == SCHEMA_NO_VALUE)
                return config_fault(node, fault, SCHEMA_BROKEN_RULE, "\"%s\" is not among the values of \"%s\"", text,
                                    column->name);
        *ret_place = place;
        return 0;
}

static int read_type(const struct config_node *node, struct fault *fault, struct schema_column *column) {
        static const char *const types[] = { "int", "float", "bool", "category" }, *const kinds[] = { "string", "int" };
        static const char *const roles[] = { "feature", "key", "label", "ignore" };
        size_t role, type, of;
        int r;

        r = config_get_choice(node, "role", roles, N_ELEMENTS(roles), "feature", fault, &role);
        if (!r)
                r = config_get_choice(node, "type", types, N_ELEMENTS(types), NULL, fault, &type);
        if (!r)
                r = config_get_choice(node, "of", kinds, N_ELEMENTS(kinds), "string", fault, &of);
        if (r)
                return error_trace(r);
        column->role = (enum schema_role)role;
        column->type = (enum value_type)type;
        if (column->type == VALUE_TYPE_CATEGORY && of)
                column->type = VALUE_TYPE_CATEGORY_INT;
        return 0;
}

/* A key that has no meaning in this place is refused: its author would believe that it has one. */
static int refuse_strays(const struct config_node *node, struct fault *fault, const struct schema_column *column) {
        bool is_category = column->type == VALUE_TYPE_CATEGORY || column->type == VALUE_TYPE_CATEGORY_INT;
        bool is_number = column->type == VALUE_TYPE_INT || column->type == VALUE_TYPE_FLOAT;
        bool is_feature = column->role == SCHEMA_ROLE_FEATURE;
        const struct {
                const char *key;
                bool is_allowed;
                const char *where;
        } rules[] = {
                { "of", is_category, "a category" },
                { "values", is_category, "a category" },
                { "min", is_number, "an int or float" },
                { "max", is_number, "an int or float" },
                { "names", column->role == SCHEMA_ROLE_LABEL, "the label" },
                { "missing", is_feature, "a feature" },
                { "unknown", is_feature && is_category, "a feature that is a category" },
                { "drift", is_feature, "a feature" },
                { "encoded", is_feature && is_category, "a feature that is a category" },
        };

        for (size_t i = 0; i < N_ELEMENTS(rules); i++) {
                const struct config_node *stray = config_find(node, rules[i].key);

                if (stray && !rules[i].is_allowed)
                        return config_fault(stray, fault, SCHEMA_BROKEN_RULE, "only %s has \"%s\", and \"%s\" is none",
                                            rules[i].where, rules[i].key, column->name);
        }
        return 0;
}

static int read_range(const struct config_node *node, struct fault *fault, struct schema_column *column) {
        static const char *const keys[] = { "min", "max" };

        for (size_t i = 0; i < N_ELEMENTS(keys); i++) {
                double limit = 0.0;
                int64_t integer;
                int r;

                if (!config_find(node, keys[i]))
                        continue;
                if (column->type == VALUE_TYPE_INT) {
                        r = config_get_int(node, keys[i], -VALUE_INT_MAX, VALUE_INT_MAX, NULL, fault, &integer);
                        limit = r ? 0.0 : (double)integer;
                } else {
                        r = config_get_float(node, keys[i], -DBL_MAX, DBL_MAX, NULL, fault, &limit);
                }
                if (r)
                        return error_trace(r);
                *(i ? &column->has_max : &column->has_min) = true;
                *(i ? &column->max : &column->min) = limit;
        }
        if (column->has_min && column->has_max && column->min > column->max)
                return config_fault(config_find(node, "max"), fault, SCHEMA_BROKEN_RULE, "max is below min");
        return 0;
}

static int read_values(const struct config_node *node, struct fault *fault, struct schema_column *column) {
        const struct config_node *list;
        int r;

        r = config_get_list(node, "values", false, fault, &list);
        if (r || !list)
                return error_trace(r);
        if (config_count(list) < 2 || config_count(list) > SCHEMA_VALUES_MAX)
                return config_fault(list, fault, SCHEMA_BROKEN_RULE, "2 to %d values are allowed, there are %zu",
                                    SCHEMA_VALUES_MAX, config_count(list));
        column->values = calloc(config_count(list), sizeof(*column->values));
        if (!column->values)
                return error_origin(-ENOMEM, "reading the values of %s", column->name);
        r = schema_index_create(config_count(list), &column->value_index);
        if (r)
                return error_trace(r);
        for (const struct config_node *element = config_first(list); element; element = config_next(element)) {
                struct schema_value *value = &column->values[column->n_values];

                r = schema_text_read(column, element, fault, &value->text);
                if (r)
                        return error_trace(r);
                value->n_bytes = strlen(value->text);
                if (!schema_index_add(column->value_index, value->text, value->n_bytes, column->n_values++))
                        return config_fault(element, fault, SCHEMA_BROKEN_RULE, "value \"%s\" stands there twice",
                                            value->text);
        }
        return 0;
}

/* A bool is a closed list of its own. */
static int make_bool_values(struct schema_column *column) {
        int r = 0;

        column->values = calloc(2, sizeof(*column->values));
        if (!column->values)
                return error_origin(-ENOMEM, "reading %s", column->name);
        for (; column->n_values < 2 && !r; column->n_values++) {
                r = schema_copy_text(column->n_values ? "1" : "0", &column->values[column->n_values].text);
                column->values[column->n_values].n_bytes = 1;
        }
        return error_trace(r);
}

static int read_names(const struct config_node *node, struct fault *fault, struct schema_column *column) {
        const struct config_node *list, *element;
        const char *name;
        int r;

        if (column->role != SCHEMA_ROLE_LABEL)
                return 0;
        if (!column->n_values)
                return config_fault(node, fault, SCHEMA_BROKEN_RULE, "a label is a bool or a category with values");
        r = config_get_list(node, "names", false, fault, &list);
        if (r)
                return error_trace(r);
        if (list && config_count(list) != column->n_values)
                return config_fault(list, fault, SCHEMA_BROKEN_RULE, "there are %zu names for %zu values",
                                    config_count(list), column->n_values);
        column->names = calloc(column->n_values, sizeof(*column->names));
        if (!column->names)
                return error_origin(-ENOMEM, "reading the names of %s", column->name);
        element = config_first(list);
        for (size_t i = 0; i < column->n_values; i++, element = config_next(element)) {
                name = column->values[i].text;
                if (list)
                        r = config_as_text(element, fault, &name);
                if (!r)
                        r = schema_copy_text(name, &column->names[i]);
                if (r)
                        return error_trace(r);
        }
        return 0;
}

static int check_role(const struct config_node *node, struct fault *fault, const struct schema_column *column) {
        uint32_t training = UINT32_C(1) << SCHEMA_TRAINING, serving = UINT32_C(1) << SCHEMA_SERVING;
        const struct config_node *place = config_find(node, "required_in");

        place = place ? place : node;
        switch (column->role) {
        case SCHEMA_ROLE_KEY:
                if (column->type != VALUE_TYPE_INT && (column->type != VALUE_TYPE_CATEGORY || column->n_values))
                        return config_fault(node, fault, SCHEMA_BROKEN_RULE,
                                            "a key is an int or a category of string without values");
                break;
        case SCHEMA_ROLE_LABEL:
                if (column->required_in & serving)
                        return config_fault(place, fault, SCHEMA_BROKEN_RULE, "a label cannot be required in SERVING");
                break;
        case SCHEMA_ROLE_FEATURE:
                if (!column->n_values && column->type != VALUE_TYPE_INT && column->type != VALUE_TYPE_FLOAT)
                        return config_fault(node, fault, SCHEMA_BROKEN_RULE,
                                            "a category without values cannot be a feature; list its values");
                if (column->missing == SCHEMA_REJECT && !(column->required_in & serving))
                        return config_fault(
                                place, fault, SCHEMA_BROKEN_RULE,
                                "a feature that may be absent in SERVING needs \"missing\": keep or {fill: V}");
                return 0;
        case SCHEMA_ROLE_IGNORE:
                return 0;
        }
        if (!(column->required_in & training))
                return config_fault(place, fault, SCHEMA_BROKEN_RULE, "key and label are required in TRAINING");
        return 0;
}

static int read_drift(const struct config_node *node, const struct schema_drift_defaults *defaults, struct fault *fault,
                      struct schema_column *column) {
        static const char *const keys[] = { "threshold", "severity" };
        const struct config_node *drift = config_find(node, "drift");
        bool is_number = column->type == VALUE_TYPE_INT || column->type == VALUE_TYPE_FLOAT;
        double threshold = is_number ? defaults->jensen_shannon_divergence : defaults->infinity_norm;
        const char *text;
        int r;

        column->drift = (struct schema_drift){ false, threshold, defaults->severity };
        if (column->role != SCHEMA_ROLE_FEATURE)
                return 0;
        if (drift && config_node_kind(drift) == CONFIG_KIND_TEXT && !config_as_text(drift, fault, &text) &&
            !strcmp(text, "off"))
                return 0;
        column->drift.is_checked = true;
        r = config_check_keys(drift, keys, N_ELEMENTS(keys), fault);
        if (!r)
                r = config_get_float(drift, "threshold", 0.0, 1.0, &threshold, fault, &column->drift.threshold);
        if (!r)
                r = schema_severity_read(drift, defaults->severity, fault, &column->drift.severity);
        return error_trace(r);
}

static int read_title(const struct config_node *node, struct fault *fault, struct schema_column *column) {
        const char *name, *title;
        int r;

        r = config_get_text(node, "name", NULL, fault, &name);
        if (!r)
                r = schema_name_check(config_find(node, "name"), name, fault);
        if (!r)
                r = config_get_text(node, "title", name, fault, &title);
        if (!r)
                r = schema_copy_text(name, &column->name);
        if (!r)
                r = schema_copy_text(title, &column->title);
        if (r)
                return error_trace(r);
        column->n_name = strlen(name);
        return 0;
}

int schema_column_read(const struct schema *schema, const struct schema_drift_defaults *drift,
                       const struct config_node *node, struct fault *fault, struct schema_column *column) {
        static const char *const keys[] = {
                "name",    "title",   "role",     "type",        "of",           "values",
                "names",   "min",     "max",      "required_in", "min_fraction", "min_domain_mass",
                "missing", "unknown", "severity", "drift",       "encoded",
        };
        uint32_t everywhere = (UINT32_C(1) << schema->n_environments) - 1;
        int r;

        r = config_check_keys(node, keys, N_ELEMENTS(keys), fault);
        if (!r)
                r = read_title(node, fault, column);
        if (!r)
                r = read_type(node, fault, column);
        if (!r)
                r = refuse_strays(node, fault, column);
        if (!r)
                r = column->type == VALUE_TYPE_BOOL ? make_bool_values(column) : read_values(node, fault, column);
        if (!r)
                r = read_names(node, fault, column);
        if (!r)
                r = read_range(node, fault, column);
        if (!r) {
                if (column->role == SCHEMA_ROLE_LABEL || column->role == SCHEMA_ROLE_KEY)
                        everywhere = UINT32_C(1) << SCHEMA_TRAINING;
                r = schema_environments_read(schema, node, "required_in", everywhere, fault, &column->required_in);
        }
        if (!r)
                r = schema_severity_read(node, SEVERITY_ERROR, fault, &column->severity);
        if (!r)
                r = schema_outcomes_read(node, fault, column);
        if (!r)
                r = check_role(node, fault, column);
        if (!r)
                r = read_drift(node, drift, fault, column);
        if (!r && column->role == SCHEMA_ROLE_FEATURE)
                r = schema_encoding_read(node, fault, column);
        return error_trace(r);
}
