/* The outcomes of missing and unknown values, and how many of them a dataset may hold. */

#include <float.h>
#include <string.h>

#include "common/base/error.h"
#include "common/data/schema/schema_column.h"

/* The value that stands in for a missing one, of the column's type. */
static int read_fill(const struct config_node *node, struct fault *fault, struct schema_column *column) {
        struct value value = VALUE_NULL;
        _cleanup_(free_pointer) char *text = NULL;
        int r;

        switch (column->type) {
        case VALUE_TYPE_FLOAT:
                value.kind = VALUE_FLOAT;
                r = config_as_float(node, -DBL_MAX, DBL_MAX, fault, &value.number);
                break;
        case VALUE_TYPE_INT:
        case VALUE_TYPE_BOOL:
                value.kind = VALUE_INT;
                r = config_as_int(node, -VALUE_INT_MAX, VALUE_INT_MAX, fault, &value.integer);
                break;
        default:
                value.kind = VALUE_TEXT;
                r = schema_text_read(column, node, fault, &text);
                value.n_bytes = r ? 0 : strlen(text);
                value.text = text;
                break;
        }
        if (r)
                return error_trace(r);
        if (schema_check(column, SCHEMA_TRAINING, &value))
                return config_fault(node, fault, SCHEMA_BROKEN_RULE,
                                    "the value to fill in is outside the column's domain");
        (void)steal(text);
        column->missing_value = value;
        return 0;
}

/* The value that stands in for an unknown one. */
static int read_stand_in(const struct config_node *node, struct fault *fault, struct schema_column *column) {
        char *text = NULL;
        size_t place;
        int r;

        r = schema_place_read(column, node, fault, &place);
        if (!r)
                r = schema_copy_text(column->values[place].text, &text);
        if (r)
                return error_trace(r);
        column->unknown_value = (struct value){ .kind = VALUE_TEXT, .n_bytes = column->values[place].n_bytes };
        column->unknown_value.text = text;
        return 0;
}

/* "reject", the word, or a map of one key with a value. */
static int read_outcome(const struct config_node *node, const char *word, const char *key, struct fault *fault,
                        enum schema_outcome *ret_outcome, const struct config_node **ret_value) {
        const char *text;
        int r;

        *ret_value = NULL;
        if (config_node_kind(node) == CONFIG_KIND_MAP) {
                r = config_check_keys(node, &key, 1, fault);
                if (r)
                        return error_trace(r);
                *ret_value = config_find(node, key);
                *ret_outcome = SCHEMA_FILL;
                if (*ret_value)
                        return 0;
        } else {
                r = config_as_text(node, fault, &text);
                if (r)
                        return error_trace(r);
                *ret_outcome = strcmp(text, "reject") ? SCHEMA_MISSING : SCHEMA_REJECT;
                if (*ret_outcome == SCHEMA_REJECT || !strcmp(text, word))
                        return 0;
        }
        return config_fault(node, fault, SCHEMA_BROKEN_RULE, "one of these is expected: reject, %s, {%s: V}", word,
                            key);
}

/* Shares that may deviate, which for a feature is only sense with a declared outcome. */
static int read_shares(const struct config_node *node, struct fault *fault, struct schema_column *column) {
        const double all = 1.0;
        bool is_feature = column->role == SCHEMA_ROLE_FEATURE, is_needed = column->role != SCHEMA_ROLE_IGNORE;
        int r;

        r = config_get_float(node, "min_fraction", 0.0, 1.0, &all, fault, &column->min_fraction);
        if (!r)
                r = config_get_float(node, "min_domain_mass", 0.0, 1.0, &all, fault, &column->min_domain_mass);
        if (r)
                return error_trace(r);
        if (is_needed && column->min_fraction < 1.0 && column->missing == SCHEMA_REJECT)
                return config_fault(config_find(node, "min_fraction"), fault, SCHEMA_BROKEN_RULE, "%s",
                                    is_feature ? "where values may be missing, say what becomes of them: missing: keep "
                                                 "or {fill: V}"
                                               : "key and label are there in every row");
        if (is_needed && column->min_domain_mass < 1.0 && column->unknown == SCHEMA_REJECT && column->n_values)
                return config_fault(config_find(node, "min_domain_mass"), fault, SCHEMA_BROKEN_RULE, "%s",
                                    is_feature && column->type != VALUE_TYPE_BOOL
                                            ? "where values may be unknown, say what becomes of them: unknown: missing "
                                              "or {as: V}"
                                            : "a bool, a key and a label keep their domain in every row");
        return 0;
}

int schema_outcomes_read(const struct config_node *node, struct fault *fault, struct schema_column *column) {
        const struct config_node *missing = config_find(node, "missing"), *unknown = config_find(node, "unknown"),
                                 *value;
        int r = 0;

        if (missing) {
                r = read_outcome(missing, "keep", "fill", fault, &column->missing, &value);
                if (!r && value)
                        r = read_fill(value, fault, column);
        }
        if (!r && unknown) {
                r = read_outcome(unknown, "missing", "as", fault, &column->unknown, &value);
                if (!r && value)
                        r = read_stand_in(value, fault, column);
                if (!r && column->unknown == SCHEMA_MISSING && column->missing == SCHEMA_REJECT)
                        r = config_fault(unknown, fault, SCHEMA_BROKEN_RULE,
                                         "unknown: missing needs \"missing\": keep or {fill: V}");
        }
        if (!r)
                r = read_shares(node, fault, column);
        return error_trace(r);
}
