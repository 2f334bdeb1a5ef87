/* Features: transform.json. */

#include <math.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/json_builder.h"
#include "common/model/features_internal.h"

#define TRANSFORM_VERSION 1

static const char *const operations[] = {
        [SCHEMA_ENCODING_PASS] = "pass",
        [SCHEMA_ENCODING_MAP] = "map",
        [SCHEMA_ENCODING_ONE_HOT] = "one_hot",
};

static void put_value(const struct value *value, struct json_builder *json) {
        if (value->kind == VALUE_TEXT)
                json_put_text_n(json, value->text, value->n_bytes);
        else if (value->kind == VALUE_FLOAT)
                json_put_double(json, value->number);
        else
                json_put_int64(json, value->integer);
}

/* An outcome in the words of the schema: "reject", the word, or {"fill": V}. */
static void save_outcome(const char *key, enum schema_outcome outcome, const char *word, const char *filled,
                         const struct value *value, struct json_builder *json) {
        json_key(json, key);
        if (outcome != SCHEMA_FILL) {
                json_put_text(json, outcome == SCHEMA_REJECT ? "reject" : word);
                return;
        }
        json_begin_object(json);
        json_key(json, filled);
        put_value(value, json);
        json_end_object(json);
}

static void save_map(const struct schema_column *column, struct json_builder *json) {
        json_key(json, "map");
        json_begin_object(json);
        for (size_t i = 0; i < column->n_values; i++)
                json_key_double(json, column->values[i].text, column->encoding.numbers[i]);
        json_end_object(json);
}

static void save_values(const struct schema_column *column, struct json_builder *json) {
        json_key(json, "values");
        json_begin_array(json);
        for (size_t i = 0; i < column->n_values; i++)
                json_put_text_n(json, column->values[i].text, column->values[i].n_bytes);
        json_end_array(json);
}

static void save_output(const struct feature *feature, size_t k, struct json_builder *json) {
        const struct schema_column *column = feature->column;
        const struct schema_encoding *encoding = &column->encoding;

        json_begin_object(json);
        json_key_text(json, "name", encoding->outputs[k].name);
        json_key_text(json, "column", column->name);
        json_key_text(json, "operation", operations[encoding->kind]);
        if (encoding->kind == SCHEMA_ENCODING_ONE_HOT) {
                json_key_text(json, "value", column->values[encoding->outputs[k].value].text);
                save_values(column, json);
        }
        if (encoding->kind == SCHEMA_ENCODING_MAP)
                save_map(column, json);
        save_outcome("missing", column->missing, "keep", "fill", &column->missing_value, json);
        if (encoding->kind != SCHEMA_ENCODING_PASS)
                save_outcome("unknown", column->unknown, "missing", "as", &column->unknown_value, json);
        if (feature->scaling != FEATURES_SCALING_PASSTHROUGH) {
                json_key_text(json, "scaling", features_scaling_name(feature->scaling));
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
                if (!strcmp(name, features_scaling_name((enum features_scaling)i)))
                        feature->scaling = (enum features_scaling)i;
        if (feature->scaling == FEATURES_SCALING_PASSTHROUGH || !(feature->unit > 0) || !isfinite(feature->unit) ||
            !isfinite(feature->shift) || feature->column->encoding.kind != SCHEMA_ENCODING_PASS)
                return fault_set(fault, "TRANSFORM_SCALING", "scaling %s of %s cannot be used", name,
                                 feature->column->name);
        return 0;
}

static int load_output(struct feature *feature, size_t k, const struct json_value *output, struct fault *fault) {
        const struct schema_column *column = feature->column;
        const char *want_name = column->encoding.outputs[k - feature->first_output].name;
        const char *want_operation = operations[column->encoding.kind], *name, *from, *operation;
        int r;

        r = json_need_text(output, "name", fault, &name);
        if (!r)
                r = json_need_text(output, "column", fault, &from);
        if (!r)
                r = json_need_text(output, "operation", fault, &operation);
        if (r)
                return r;
        if (strcmp(name, want_name) || strcmp(from, column->name) || strcmp(operation, want_operation))
                return fault_set(fault, "TRANSFORM_OUTPUTS",
                                 "output %zu of the transform is %s, %s of %s; its schema says %s, %s of %s", k, name,
                                 operation, from, want_name, want_operation, column->name);
        return load_scaling(output, feature, fault);
}

/* The outputs are those of the schema, and what was fitted is read. */
static int load_outputs(struct features *features, const struct json_value *outputs, struct fault *fault) {
        struct json_array_iterator iterator = json_iterate_array(outputs);
        struct feature *feature = features->features;
        const struct json_value *output;
        int r;

        if (json_count(outputs) != features->n_outputs)
                return fault_set(fault, "TRANSFORM_OUTPUTS", "the transform has %zu outputs, its schema %zu",
                                 json_count(outputs), features->n_outputs);
        for (size_t k = 0; json_next_element(&iterator, &output); k++) {
                while (k >= feature->first_output + feature->column->encoding.n_outputs)
                        feature++;
                r = load_output(feature, k, output, fault);
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
        r = features_create(schema, &features);
        if (r)
                return error_trace(r);
        r = load_outputs(features, outputs, fault);
        if (r)
                return r;
        *ret_features = steal(features);
        return 0;
}
