/* The schema: lookups, and the one check of a value. It is read in schema_read.c. */

#include "common/data/schema/schema.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/data/schema/schema_index.h"

/* a shorter closed list is searched faster without its index */
enum { N_VALUES_LINEAR = 8 };

static void column_finish(struct schema_column *column) {
        for (size_t i = 0; i < column->n_values; i++) {
                if (column->values)
                        free(column->values[i].text);
                if (column->names)
                        free(column->names[i]);
        }
        for (size_t i = 0; i < column->encoding.n_outputs; i++)
                if (column->encoding.outputs)
                        free(column->encoding.outputs[i].name);
        if (column->missing_value.kind == VALUE_TEXT)
                free((char *)(uintptr_t)column->missing_value.text);
        if (column->unknown_value.kind == VALUE_TEXT)
                free((char *)(uintptr_t)column->unknown_value.text);
        free(column->encoding.outputs);
        free(column->encoding.numbers);
        free(column->values);
        free(column->names);
        free(column->name);
        free(column->title);
        schema_index_destroy(column->value_index);
}

struct schema *schema_destroy(struct schema *schema) {
        if (!schema)
                return NULL;
        for (size_t i = 0; i < schema->n_columns; i++)
                column_finish(&schema->columns[i]);
        for (size_t i = 0; i < schema->n_environments; i++)
                free(schema->environments[i]);
        schema_index_destroy(schema->name_index);
        free(schema->names);
        free(schema->columns);
        free(schema->environments);
        free(schema->bytes);
        free(schema->name);
        free(schema);
        return NULL;
}

void schema_destroy_pointer(struct schema **schema) {
        *schema = schema_destroy(*schema);
}

const struct schema_name *schema_find_name(const struct schema *schema, const char *name, size_t n_name) {
        size_t place = schema_index_find(schema->name_index, name, n_name);

        return place == SIZE_MAX ? NULL : &schema->names[place];
}

const struct schema_column *schema_find(const struct schema *schema, const char *name, size_t n_name) {
        const struct schema_name *found = schema_find_name(schema, name, n_name);

        return found && found->output == SCHEMA_NO_VALUE ? &schema->columns[found->column] : NULL;
}

size_t schema_find_value(const struct schema_column *column, const char *text, size_t n_bytes) {
        if (column->n_values > N_VALUES_LINEAR)
                return schema_index_find(column->value_index, text, n_bytes);
        for (size_t i = 0; i < column->n_values; i++)
                if (column->values[i].n_bytes == n_bytes && !memcmp(column->values[i].text, text, n_bytes))
                        return i;
        return SCHEMA_NO_VALUE;
}

size_t schema_find_environment(const struct schema *schema, const char *name) {
        for (size_t i = 0; i < schema->n_environments; i++)
                if (!strcmp(schema->environments[i], name))
                        return i;
        return SIZE_MAX;
}

static enum anomaly check_missing(const struct schema_column *column, unsigned environment) {
        if (!schema_column_is_required(column, environment))
                return ANOMALY_NONE;
        if (environment != SCHEMA_TRAINING && column->missing != SCHEMA_REJECT)
                return ANOMALY_NONE;
        return ANOMALY_FEATURE_TYPE_NOT_PRESENT;
}

enum anomaly schema_check(const struct schema_column *column, unsigned environment, const struct value *value) {
        if (!schema_column_is_checked(column, environment))
                return ANOMALY_NONE;
        switch (value->kind) {
        case VALUE_MISSING:
                return check_missing(column, environment);
        case VALUE_INT:
                if (column->type == VALUE_TYPE_BOOL)
                        return value->integer < 0   ? ANOMALY_BOOL_TYPE_SMALL_INT
                               : value->integer > 1 ? ANOMALY_BOOL_TYPE_BIG_INT
                                                    : ANOMALY_NONE;
                if (column->has_min && (double)value->integer < column->min)
                        return ANOMALY_INT_TYPE_SMALL_INT;
                if (column->has_max && (double)value->integer > column->max)
                        return ANOMALY_INT_TYPE_BIG_INT;
                return ANOMALY_NONE;
        case VALUE_FLOAT:
                if (isinf(value->number))
                        return ANOMALY_FLOAT_TYPE_HAS_INF;
                if (column->has_min && value->number < column->min)
                        return ANOMALY_FLOAT_TYPE_SMALL_FLOAT;
                if (column->has_max && value->number > column->max)
                        return ANOMALY_FLOAT_TYPE_BIG_FLOAT;
                return ANOMALY_NONE;
        case VALUE_TEXT:
                if (!column->n_values || schema_find_value(column, value->text, value->n_bytes) != SCHEMA_NO_VALUE)
                        return ANOMALY_NONE;
                if (environment != SCHEMA_TRAINING && column->unknown != SCHEMA_REJECT)
                        return ANOMALY_NONE;
                return ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES;
        }
        return ANOMALY_NONE;
}

enum severity schema_severity(const struct schema_column *column, enum anomaly anomaly) {
        if (column->role == SCHEMA_ROLE_IGNORE)
                return column->severity;
        if (column->role != SCHEMA_ROLE_FEATURE)
                return SEVERITY_ERROR;
        switch (anomaly) {
        case ANOMALY_INT_TYPE_SMALL_INT:
        case ANOMALY_INT_TYPE_BIG_INT:
        case ANOMALY_FLOAT_TYPE_SMALL_FLOAT:
        case ANOMALY_FLOAT_TYPE_BIG_FLOAT:
                return column->severity;
        case ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES:
                return column->unknown == SCHEMA_REJECT ? SEVERITY_ERROR : column->severity;
        case ANOMALY_FEATURE_TYPE_NOT_PRESENT:
        case ANOMALY_FEATURE_TYPE_LOW_FRACTION_PRESENT:
                return column->missing == SCHEMA_REJECT ? SEVERITY_ERROR : column->severity;
        default:
                return SEVERITY_ERROR;
        }
}

/* 'is none of "Female", "Male"', the list cut after a few. */
static void describe_list(const struct schema_column *column, const char *quote, char *ret_text, size_t n_bytes) {
        enum { N_SHOWN = 10 };
        size_t n_shown = column->n_values < N_SHOWN ? column->n_values : N_SHOWN;
        char shown[VALUE_QUOTE_BYTES];
        size_t at;

        at = (size_t)snprintf(ret_text, n_bytes, "value %s is none of ", quote);
        for (size_t i = 0; i < n_shown && at < n_bytes; i++)
                at += (size_t)snprintf(ret_text + at, n_bytes - at, "%s%s", i ? ", " : "",
                                       value_quote(column->values[i].text, column->values[i].n_bytes, shown));
        if (n_shown < column->n_values && at < n_bytes)
                snprintf(ret_text + at, n_bytes - at, " and %zu more", column->n_values - n_shown);
}

char *schema_describe(const struct schema_column *column, enum anomaly anomaly, const char *seen, size_t n_seen,
                      char *ret_text, size_t n_bytes) {
        char quote[VALUE_QUOTE_BYTES], limit[VALUE_SCRATCH_BYTES];
        struct value bound = { .kind = VALUE_FLOAT };
        bool is_small = anomaly == ANOMALY_INT_TYPE_SMALL_INT || anomaly == ANOMALY_FLOAT_TYPE_SMALL_FLOAT;
        size_t n_limit;

        value_quote(seen, n_seen, quote);
        switch (anomaly) {
        case ANOMALY_INT_TYPE_SMALL_INT:
        case ANOMALY_FLOAT_TYPE_SMALL_FLOAT:
        case ANOMALY_INT_TYPE_BIG_INT:
        case ANOMALY_FLOAT_TYPE_BIG_FLOAT:
                bound.number = is_small ? column->min : column->max;
                (void)value_format(&bound, limit, &n_limit);
                snprintf(ret_text, n_bytes, "value %s is %s, which is %s", quote,
                         is_small ? "below the minimum" : "above the maximum", limit);
                return ret_text;
        case ANOMALY_FLOAT_TYPE_HAS_INF:
                snprintf(ret_text, n_bytes, "value %s is not finite", quote);
                return ret_text;
        case ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES:
                describe_list(column, quote, ret_text, n_bytes);
                return ret_text;
        case ANOMALY_FEATURE_TYPE_NOT_PRESENT:
                snprintf(ret_text, n_bytes, "a value is required here, and it is missing");
                return ret_text;
        default:
                return value_describe(anomaly, column->type, seen, n_seen, ret_text, n_bytes);
        }
}

int schema_fault(const struct schema_column *column, enum anomaly anomaly, int64_t row, const char *seen, size_t n_seen,
                 struct fault *fault) {
        char sentence[1024];

        fault_in(fault, column->name, row);
        schema_describe(column, anomaly, seen, n_seen, sentence, sizeof(sentence));
        return fault_set(fault, anomaly_name(anomaly), "%s", sentence);
}
