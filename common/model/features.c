/* Features: one function a cell, called for rows and for columns. */

#include "common/model/features.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/base/error.h"
#include "common/model/features_internal.h"

const char *features_scaling_name(enum features_scaling scaling) {
        static const char *const names[FEATURES_N_SCALINGS] = {
                [FEATURES_SCALING_PASSTHROUGH] = "passthrough",
                [FEATURES_SCALING_STANDARD] = "standard",
                [FEATURES_SCALING_MIN_MAX] = "min_max",
        };

        return names[scaling];
}

int features_create(const struct schema *schema, struct features **ret_features) {
        _cleanup_(features_destroy_pointer) struct features *features = calloc(1, sizeof(*features));

        if (!features)
                return error_origin(-ENOMEM, "creating features");
        features->features = calloc(schema->n_features ? schema->n_features : 1, sizeof(*features->features));
        if (!features->features)
                return error_origin(-ENOMEM, "creating features");
        features->schema = schema;
        for (size_t i = 0; i < schema->n_columns; i++) {
                const struct schema_column *column = &schema->columns[i];

                if (column->role != SCHEMA_ROLE_FEATURE)
                        continue;
                features->features[features->n_features++] = (struct feature){
                        .column = column, .place = i, .first_output = features->n_outputs, .unit = 1
                };
                features->n_outputs += column->encoding.n_outputs;
        }
        assert(features->n_features == schema->n_features && features->n_outputs == schema->n_outputs);
        *ret_features = steal(features);
        return 0;
}

struct features *features_destroy(struct features *features) {
        if (features)
                free(features->features);
        free(features);
        return NULL;
}

void features_destroy_pointer(struct features **features) {
        features_destroy(*features);
}

size_t features_n_outputs(const struct features *features) {
        return features->n_outputs;
}

static const struct feature *feature_of_output(const struct features *features, size_t output) {
        const struct feature *feature = features->features;

        assert(output < features->n_outputs);
        while (output >= feature->first_output + feature->column->encoding.n_outputs)
                feature++;
        return feature;
}

const char *features_output_name(const struct features *features, size_t output) {
        const struct feature *feature = feature_of_output(features, output);

        return feature->column->encoding.outputs[output - feature->first_output].name;
}

/*
 * A cell. `value` is of the column's type; distance is that between two outputs.
 */

static inline void write_missing(const struct feature *feature, float *outputs, size_t distance) {
        for (size_t k = 0; k < feature->column->encoding.n_outputs; k++)
                outputs[k * distance] = NAN;
}

static inline float scale(const struct feature *feature, double number) {
        return (float)((number - feature->shift) / feature->unit);
}

/* place: of the value in the closed list */
static inline void write_place(const struct feature *feature, size_t place, float *outputs, size_t distance) {
        const struct schema_encoding *encoding = &feature->column->encoding;

        if (encoding->kind == SCHEMA_ENCODING_MAP) {
                outputs[0] = (float)encoding->numbers[place];
                return;
        }
        for (size_t k = 0; k < encoding->n_outputs; k++)
                outputs[k * distance] = encoding->outputs[k].value == place ? 1.0F : 0.0F;
}

static int refuse(const struct feature *feature, enum anomaly anomaly, const struct value *value, int64_t row,
                  struct fault *fault) {
        char scratch[VALUE_SCRATCH_BYTES];
        const char *seen;
        size_t n;

        seen = value_format(value, scratch, &n);
        return schema_fault(feature->column, anomaly, row, seen, n, fault);
}

/* The place of a category or bool in the closed list. */
static inline size_t find_place(const struct schema_column *column, const struct value *value) {
        if (value->kind == VALUE_TEXT)
                return schema_find_value(column, value->text, value->n_bytes);
        return value->integer == 0 ? 0 : value->integer == 1 ? 1 : SCHEMA_NO_VALUE;
}

/* The one function: every float that a model ever sees comes from here (or, where it cannot matter, from
 * apply_numbers() below). */
static inline int write_cell(const struct feature *feature, const struct value *value, int64_t row, float *outputs,
                             size_t distance, struct fault *fault) {
        const struct schema_column *column = feature->column;
        size_t place;

        if (value->kind == VALUE_MISSING) {
                if (column->missing == SCHEMA_REJECT)
                        return refuse(feature, ANOMALY_FEATURE_TYPE_NOT_PRESENT, value, row, fault);
                if (column->missing == SCHEMA_MISSING) {
                        write_missing(feature, outputs, distance);
                        return 0;
                }
                value = &column->missing_value;
        }
        if (column->encoding.kind == SCHEMA_ENCODING_PASS) {
                outputs[0] = scale(feature, value->kind == VALUE_FLOAT ? value->number : (double)value->integer);
                return 0;
        }
        place = find_place(column, value);
        if (place == SCHEMA_NO_VALUE) {
                if (column->unknown == SCHEMA_REJECT)
                        return refuse(feature, ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES, value, row, fault);
                if (column->unknown == SCHEMA_MISSING) {
                        write_missing(feature, outputs, distance);
                        return 0;
                }
                place = find_place(column, &column->unknown_value);
        }
        write_place(feature, place, outputs, distance);
        return 0;
}

int features_apply_row(const struct features *features, const struct value *values, float *ret_row,
                       struct fault *fault) {
        int r;

        for (size_t i = 0; i < features->n_features; i++) {
                const struct feature *feature = &features->features[i];

                r = write_cell(feature, &values[feature->place], -1, ret_row + feature->first_output, 1, fault);
                if (r)
                        return r;
        }
        return 0;
}

/* A column of another type than the schema's. */
static int apply_foreign(const struct feature *feature, const struct column *column, size_t n_rows, float *outputs,
                         size_t distance, struct fault *fault) {
        char scratch[VALUE_SCRATCH_BYTES];
        struct value value = VALUE_NULL;
        int r;

        for (size_t i = 0; i < n_rows; i++) {
                if (value_from_column(feature->column->type, column, i, scratch, &value) != ANOMALY_NONE) {
                        fault_in(fault, feature->column->name, (int64_t)i);
                        return fault_set(fault, "TRANSFORM_COLUMN_TYPE", "the column does not hold values of type %s",
                                         value_type_name(feature->column->type));
                }
                r = write_cell(feature, &value, (int64_t)i, outputs + i, distance, fault);
                if (r)
                        return r;
        }
        return 0;
}

/* write_cell() for numbers that pass and are all there, in loops that the compiler can make wide. */
static void apply_numbers(const struct feature *feature, const struct column *column, size_t n_rows, float *outputs) {
        if (column->type == COLUMN_INT64)
                for (size_t i = 0; i < n_rows; i++)
                        outputs[i] = scale(feature, (double)column->int64[i]);
        else
                for (size_t i = 0; i < n_rows; i++)
                        outputs[i] = scale(feature, column->float64[i]);
}

static int apply_column(const struct feature *feature, const struct column *column, size_t n_rows, float *outputs,
                        size_t distance, struct fault *fault) {
        struct value value = VALUE_NULL;
        int r;

        if (column->type != value_column_type(feature->column->type))
                return apply_foreign(feature, column, n_rows, outputs, distance, fault);
        if (feature->column->encoding.kind == SCHEMA_ENCODING_PASS && !column->validity) {
                apply_numbers(feature, column, n_rows, outputs);
                return 0;
        }
        for (size_t i = 0; i < n_rows; i++) {
                if (!column_is_present(column, i)) {
                        value.kind = VALUE_MISSING;
                } else if (column->type == COLUMN_INT64) {
                        value.kind = VALUE_INT;
                        value.integer = column->int64[i];
                } else if (column->type == COLUMN_FLOAT64) {
                        value.kind = VALUE_FLOAT;
                        value.number = column->float64[i];
                } else {
                        value.kind = VALUE_TEXT;
                        value.text = column_text(column, i, &value.n_bytes);
                }
                r = write_cell(feature, &value, (int64_t)i, outputs + i, distance, fault);
                if (r)
                        return r;
        }
        return 0;
}

int features_apply(const struct features *features, const struct table *table, float *ret_matrix, size_t distance,
                   struct fault *fault) {
        int r;

        assert(distance >= table->n_rows);
        for (size_t i = 0; i < features->n_features; i++) {
                const struct feature *feature = &features->features[i];
                const struct column *column = table_find(table, feature->column->name);

                if (!column) {
                        fault_in(fault, feature->column->name, -1);
                        return fault_set(fault, anomaly_name(ANOMALY_SCHEMA_MISSING_COLUMN),
                                         "the column is not in the data");
                }
                r = apply_column(feature, column, table->n_rows, ret_matrix + feature->first_output * distance,
                                 distance, fault);
                if (r)
                        return r;
        }
        return 0;
}
