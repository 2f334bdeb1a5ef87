/* Features: one function a cell, called for rows and for columns. */

#include "common/model/features.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/json_builder.h"

#define TRANSFORM_VERSION 1

const char *const features_scaling_names[] = { "none", "standard", "min_max" };

/* One feature column of the schema. */
struct feature {
        const struct schema_column *column;
        size_t place; /* of the column in the schema */
        size_t first_output;
        enum features_scaling scaling;
        double shift, unit; /* (x - shift) / unit; 0 and 1 without scaling */
};

struct features {
        const struct schema *schema;
        size_t n_features;
        size_t n_outputs;
        struct feature *features;
};

static int create(const struct schema *schema, struct features **ret_features) {
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

/* The one function: every float that a model ever sees comes from here. */
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

static int apply_column(const struct feature *feature, const struct column *column, size_t n_rows, float *outputs,
                        size_t distance, struct fault *fault) {
        enum value_type type = feature->column->type;
        struct value value = VALUE_NULL;
        int r;

        if (column->type != value_column_type(type))
                return fault_set(fault, "TRANSFORM_COLUMN_TYPE", "the column does not hold values of type %s",
                                 value_type_name(type));
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

                fault_in(fault, feature->column->name, -1);
                if (!column)
                        return fault_set(fault, "SCHEMA_MISSING_COLUMN", "the column is not in the data");
                r = apply_column(feature, column, table->n_rows, ret_matrix + feature->first_output * distance,
                                 distance, fault);
                if (r)
                        return r;
        }
        fault_in(fault, "", -1);
        return 0;
}

/*
 * Fitting
 */

struct spread {
        int64_t n;
        double sum, min, max;
        double mean, squares;
};

static bool read_number(const struct column *column, size_t row, double *ret_number) {
        if (!column_is_present(column, row))
                return false;
        *ret_number = column->type == COLUMN_FLOAT64 ? column->float64[row] : (double)column->int64[row];
        return true;
}

/* Two passes over the tables in their order, so the figures depend on the rows alone. */
static struct spread measure(const struct feature *feature, const struct table *tables, size_t n_tables) {
        struct spread spread = { .min = INFINITY, .max = -INFINITY };
        double number;

        for (int pass = 0; pass < 2; pass++) {
                for (size_t t = 0; t < n_tables; t++) {
                        const struct column *column = table_find(&tables[t], feature->column->name);

                        for (size_t i = 0; column && i < tables[t].n_rows; i++) {
                                if (!read_number(column, i, &number))
                                        continue;
                                if (pass) {
                                        spread.squares += (number - spread.mean) * (number - spread.mean);
                                        continue;
                                }
                                spread.n++;
                                spread.sum += number;
                                spread.min = fmin(spread.min, number);
                                spread.max = fmax(spread.max, number);
                        }
                }
                spread.mean = spread.n ? spread.sum / (double)spread.n : 0;
        }
        return spread;
}

static void fit_one(struct feature *feature, enum features_scaling scaling, const struct table *tables,
                    size_t n_tables) {
        struct spread spread = measure(feature, tables, n_tables);

        feature->scaling = scaling;
        if (!spread.n)
                return;
        feature->shift = scaling == FEATURES_SCALING_STANDARD ? spread.mean : spread.min;
        feature->unit = scaling == FEATURES_SCALING_STANDARD ? sqrt(spread.squares / (double)spread.n)
                                                             : spread.max - spread.min;
        if (!(feature->unit > 0))
                feature->unit = 1;
}

static int find_choice(struct features *features, const char *name, struct feature **ret_feature, struct fault *fault) {
        fault_in(fault, name, -1);
        for (size_t i = 0; i < features->n_features; i++) {
                struct feature *feature = &features->features[i];

                if (strcmp(feature->column->name, name))
                        continue;
                if (feature->column->encoding.kind != SCHEMA_ENCODING_PASS || feature->column->type == VALUE_TYPE_BOOL)
                        return fault_set(fault, "TRANSFORM_NOT_A_NUMBER",
                                         "only int and float columns that pass unencoded can be scaled");
                *ret_feature = feature;
                return 0;
        }
        return fault_set(fault, "TRANSFORM_UNKNOWN_COLUMN", "the schema has no feature of that name");
}

int features_fit(const struct schema *schema, const struct features_choice *choices, size_t n_choices,
                 const struct table *tables, size_t n_tables, struct features **ret_features, struct fault *fault) {
        _cleanup_(features_destroy_pointer) struct features *features = NULL;
        struct feature *feature = NULL;
        int r;

        r = create(schema, &features);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < n_choices; i++) {
                r = find_choice(features, choices[i].column, &feature, fault);
                if (r)
                        return r;
                if (choices[i].scaling != FEATURES_SCALING_NONE)
                        fit_one(feature, choices[i].scaling, tables, n_tables);
        }
        *ret_features = steal(features);
        return 0;
}

/*
 * transform.json
 */

static void save_output(const struct feature *feature, size_t k, struct json_builder *json) {
        static const char *const operations[] = { "pass", "map", "one_hot" };
        const struct schema_column *column = feature->column;
        const struct schema_encoding *encoding = &column->encoding;

        json_begin_object(json);
        json_key_text(json, "name", encoding->outputs[k].name);
        json_key_text(json, "column", column->name);
        json_key_text(json, "operation", operations[encoding->kind]);
        if (encoding->kind == SCHEMA_ENCODING_ONE_HOT)
                json_key_text(json, "value", column->values[encoding->outputs[k].value].text);
        if (encoding->kind == SCHEMA_ENCODING_MAP) {
                json_key(json, "map");
                json_begin_object(json);
                for (size_t i = 0; i < column->n_values; i++)
                        json_key_double(json, column->values[i].text, encoding->numbers[i]);
                json_end_object(json);
        }
        if (feature->scaling != FEATURES_SCALING_NONE) {
                json_key_text(json, "scaling", features_scaling_names[feature->scaling]);
                json_key_double(json, "shift", feature->shift);
                json_key_double(json, "unit", feature->unit);
        }
        json_end_object(json);
}

int features_save(const struct features *features, struct buffer *json) {
        struct json_builder builder = json_begin(json, JSON_PRETTY);

        json_begin_object(&builder);
        json_key_int64(&builder, "transform", TRANSFORM_VERSION);
        json_key_text(&builder, "schema_sha256", features->schema->digest);
        json_key(&builder, "outputs");
        json_begin_array(&builder);
        for (size_t i = 0; i < features->n_features; i++)
                for (size_t k = 0; k < features->features[i].column->encoding.n_outputs; k++)
                        save_output(&features->features[i], k, &builder);
        json_end_array(&builder);
        json_end_object(&builder);
        return error_trace(json_end(&builder));
}

static int load_scaling(const struct json_value *output, struct feature *feature, struct fault *fault) {
        const char *name;
        int r;

        if (!json_get(output, "scaling"))
                return 0;
        r = json_need_text(output, "scaling", fault, &name);
        if (!r)
                r = json_need_double(output, "shift", fault, &feature->shift);
        if (!r)
                r = json_need_double(output, "unit", fault, &feature->unit);
        if (r)
                return r;
        for (int i = FEATURES_SCALING_STANDARD; i < FEATURES_N_SCALINGS; i++)
                if (!strcmp(name, features_scaling_names[i]))
                        feature->scaling = (enum features_scaling)i;
        if (feature->scaling == FEATURES_SCALING_NONE || !(feature->unit > 0) || !isfinite(feature->unit) ||
            !isfinite(feature->shift) || feature->column->encoding.kind != SCHEMA_ENCODING_PASS)
                return fault_set(fault, "TRANSFORM_SCALING", "scaling %s of %s cannot be used", name,
                                 feature->column->name);
        return 0;
}

/* The outputs are those of the schema, and what was fitted is read. */
static int load_outputs(struct features *features, const struct json_value *outputs, struct fault *fault) {
        struct json_array_iterator iterator = json_iterate_array(outputs);
        const struct json_value *output;
        const char *name;
        int r;

        if (json_count(outputs) != features->n_outputs)
                return fault_set(fault, "TRANSFORM_OUTPUTS", "the transform has %zu outputs, its schema %zu",
                                 json_count(outputs), features->n_outputs);
        for (size_t k = 0; json_next_element(&iterator, &output); k++) {
                struct feature *feature = &features->features[0];

                while (k >= feature->first_output + feature->column->encoding.n_outputs)
                        feature++;
                r = json_need_text(output, "name", fault, &name);
                if (r)
                        return r;
                if (strcmp(name, features_output_name(features, k)))
                        return fault_set(fault, "TRANSFORM_OUTPUTS",
                                         "output %zu of the transform is %s, its schema says %s", k, name,
                                         features_output_name(features, k));
                r = load_scaling(output, feature, fault);
                if (r)
                        return r;
        }
        return 0;
}

int features_load(const struct schema *schema, const void *json, size_t n_bytes, struct features **ret_features,
                  struct fault *fault) {
        _cleanup_(features_destroy_pointer) struct features *features = NULL;
        _cleanup_(json_destroy_pointer) struct json *document = NULL;
        const struct json_value *root, *outputs;
        int64_t version;
        const char *digest;
        int r;

        r = json_parse(json, n_bytes, fault, &document);
        if (r)
                return error_trace(r);
        root = json_root(document);
        r = json_need_int(root, "transform", TRANSFORM_VERSION, TRANSFORM_VERSION, fault, &version);
        if (!r)
                r = json_need_text(root, "schema_sha256", fault, &digest);
        if (!r)
                r = json_need_array(root, "outputs", fault, &outputs);
        if (r)
                return r;
        if (strcmp(digest, schema->digest))
                return fault_set(fault, "TRANSFORM_SCHEMA", "the transform was fitted for another schema (%s)", digest);
        r = create(schema, &features);
        if (r)
                return error_trace(r);
        r = load_outputs(features, outputs, fault);
        if (r)
                return r;
        *ret_features = steal(features);
        return 0;
}
