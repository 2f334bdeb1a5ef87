/* Predict: names resolved by the schema, values judged by it, one row through features and forest. */

#include "common/model/predict.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/base/error.h"

/* more features than this take heap memory */
enum { STACK_FEATURES = 1024 };

static const struct value MISSING = VALUE_NULL;

void predict_row_init(struct predict_row *row, const struct schema *schema) {
        assert(schema->n_columns <= SCHEMA_COLUMNS_MAX);
        row->schema = schema;
        assert(schema->n_names <= PREDICT_NAME_WORDS * 64);
        for (size_t i = 0; i * 64 < schema->n_names; i++)
                row->is_met[i] = 0;
        for (size_t i = 0; i < schema->n_columns; i++) {
                row->values[i] = MISSING;
                row->n_encoded[i] = 0;
                row->one[i] = SCHEMA_NO_VALUE;
                row->is_raw[i] = false;
        }
}

/* A name's own fault: the whole name is shown, cut to what a fault holds. */
static int refuse_name(const char *name, size_t n_name, const char *code, const char *sentence, struct fault *fault) {
        char text[sizeof(fault->column)];
        size_t n = n_name < sizeof(text) ? n_name : sizeof(text) - 1;

        memcpy(text, name, n);
        text[n] = 0;
        fault_in(fault, text, -1);
        return fault_set(fault, code, "%s", sentence);
}

static int set_raw(struct predict_row *row, size_t at, const char *name, size_t n_name, const struct value *value,
                   struct fault *fault) {
        if (row->n_encoded[at])
                return refuse_name(name, n_name, "COLUMN_RAW_AND_ENCODED",
                                   "the column is given both raw and encoded; give one", fault);
        row->is_raw[at] = true;
        row->values[at] = *value;
        return 0;
}

/* The value of a map's number; an unknown number is refused as an unknown value is. */
static int set_mapped(struct predict_row *row, size_t at, double number, const char *name, size_t n_name,
                      struct fault *fault) {
        const struct schema_column *column = &row->schema->columns[at];

        row->n_encoded[at]++;
        for (size_t i = 0; i < column->n_values; i++) {
                /* the numbers are those of the schema's own text, so equality is meant */
                if (column->encoding.numbers[i] < number || column->encoding.numbers[i] > number)
                        continue;
                row->values[at] = (struct value){ .kind = VALUE_TEXT,
                                                  .n_bytes = column->values[i].n_bytes,
                                                  .text = column->values[i].text };
                return 0;
        }
        return refuse_name(name, n_name, anomaly_name(ANOMALY_ENUM_TYPE_UNEXPECTED_STRING_VALUES),
                           "the number stands for none of the column's values", fault);
}

static int set_one_hot(struct predict_row *row, size_t at, size_t output, double number, const char *name,
                       size_t n_name, struct fault *fault) {
        const struct schema_encoding *encoding = &row->schema->columns[at].encoding;

        row->n_encoded[at]++;
        if (number < 0 || number > 1 || (number > 0 && number < 1))
                return refuse_name(name, n_name, "ONE_HOT_NOT_BINARY", "an encoded column is 0 or 1", fault);
        if (number < 1)
                return 0;
        if (row->one[at] != SCHEMA_NO_VALUE)
                return refuse_name(name, n_name, "ONE_HOT_TWO_ONES", "two columns that encode one value are both 1",
                                   fault);
        row->one[at] = encoding->outputs[output].value;
        return 0;
}

static int set_encoded(struct predict_row *row, const struct schema_name *found, double number, struct fault *fault) {
        size_t at = found->column;

        if (row->is_raw[at])
                return refuse_name(found->name, found->n_name, "COLUMN_RAW_AND_ENCODED",
                                   "the column is given both raw and encoded; give one", fault);
        if (row->schema->columns[at].encoding.kind == SCHEMA_ENCODING_MAP)
                return set_mapped(row, at, number, found->name, found->n_name, fault);
        return set_one_hot(row, at, found->output, number, found->name, found->n_name, fault);
}

/* The name in the schema, or NULL when it is to be passed over; ret_result is then 0 or the fault. */
static const struct schema_name *resolve(const struct predict_row *row, const char *name, size_t n_name,
                                         struct fault *fault, int *ret_result) {
        const struct schema_name *found = schema_find_name(row->schema, name, n_name);

        *ret_result = 0;
        if (!found)
                *ret_result = refuse_name(name, n_name, "SCHEMA_NEW_COLUMN", "the schema has no such column", fault);
        if (found && !schema_column_is_checked(&row->schema->columns[found->column], SCHEMA_SERVING))
                return NULL;
        return found;
}

/* Remembers that the name was met, which happens once. */
static int meet(struct predict_row *row, const struct schema_name *found, struct fault *fault) {
        size_t at = (size_t)(found - row->schema->names);
        uint64_t bit = UINT64_C(1) << at % 64;

        if (row->is_met[at / 64] & bit)
                return refuse_name(found->name, found->n_name, "COLUMN_TWICE", "the column is given twice", fault);
        row->is_met[at / 64] |= bit;
        return 0;
}

/* The number of an encoded cell. true and false are what one-hot encoders of data frames write; a map's numbers stand
 * for something, and no bool stands for a number. */
static int read_encoded_json(const struct predict_row *row, const struct schema_name *found,
                             const struct json_value *json, struct fault *fault, struct value *ret_value) {
        enum schema_encoding_kind kind = row->schema->columns[found->column].encoding.kind;
        bool is_true;

        if (kind == SCHEMA_ENCODING_ONE_HOT && json_as_bool(json, &is_true)) {
                *ret_value = (struct value){ .kind = VALUE_FLOAT, .number = is_true };
                return 0;
        }
        if (json_as_double(json, &ret_value->number)) {
                ret_value->kind = VALUE_FLOAT;
                return 0;
        }
        return refuse_name(found->name, found->n_name, "ENCODED_NUMBER_EXPECTED", "an encoded column holds a number",
                           fault);
}

static int refuse_json(const struct schema_column *column, enum anomaly anomaly, const struct json_value *value,
                       struct fault *fault) {
        _cleanup_(buffer_finish) struct buffer seen = BUFFER_NULL;
        struct json_builder builder = json_begin(&seen, JSON_COMPACT);
        const char *text;
        size_t n;
        int r;

        if (json_as_text(value, &text, &n))
                return schema_fault(column, anomaly, -1, text, n, fault);
        json_put_value(&builder, value);
        r = json_end(&builder);
        return r ? error_trace(r) : schema_fault(column, anomaly, -1, buffer_text(&seen), seen.n_bytes, fault);
}

int predict_row_add_json(struct predict_row *row, const char *name, size_t n_name, const struct json_value *value,
                         struct fault *fault) {
        const struct schema_column *column;
        const struct schema_name *found;
        struct value typed = VALUE_NULL;
        enum anomaly anomaly;
        int r;

        found = resolve(row, name, n_name, fault, &r);
        if (!found)
                return r;
        r = meet(row, found, fault);
        if (r || json_is_null(value))
                return r;
        column = &row->schema->columns[found->column];
        if (found->output != SCHEMA_NO_VALUE || (found->is_both && json_is_number(value))) {
                r = read_encoded_json(row, found, value, fault, &typed);
                return r ? r : set_encoded(row, found, typed.number, fault);
        }
        anomaly = value_from_json(column->type, value, row->scratch[found->column], &typed);
        if (anomaly != ANOMALY_NONE)
                return refuse_json(column, anomaly, value, fault);
        return typed.kind == VALUE_MISSING ? 0 : set_raw(row, found->column, name, n_name, &typed, fault);
}

int predict_row_add_text(struct predict_row *row, const char *name, size_t n_name, const char *text, size_t n_text,
                         struct fault *fault) {
        const struct schema_column *column;
        const struct schema_name *found;
        struct value typed = VALUE_NULL;
        char scratch[VALUE_SCRATCH_BYTES];
        bool is_encoded;
        enum anomaly anomaly;
        int r;

        found = resolve(row, name, n_name, fault, &r);
        if (!found)
                return r;
        /* a form leaves what was not chosen empty: that is absence */
        r = meet(row, found, fault);
        if (r || !n_text)
                return r;
        column = &row->schema->columns[found->column];
        is_encoded = found->output != SCHEMA_NO_VALUE;
        if (is_encoded || found->is_both) {
                anomaly = value_from_text(VALUE_TYPE_FLOAT, text, n_text, scratch, &typed);
                if (anomaly != ANOMALY_NONE && is_encoded)
                        return refuse_name(found->name, found->n_name, "ENCODED_NUMBER_EXPECTED",
                                           "an encoded column holds a number", fault);
                if (anomaly == ANOMALY_NONE && typed.kind == VALUE_FLOAT)
                        return set_encoded(row, found, typed.number, fault);
                if (is_encoded)
                        return 0;
        }
        anomaly = value_from_text(column->type, text, n_text, row->scratch[found->column], &typed);
        if (anomaly != ANOMALY_NONE)
                return schema_fault(column, anomaly, -1, text, n_text, fault);
        return typed.kind == VALUE_MISSING ? 0 : set_raw(row, found->column, name, n_name, &typed, fault);
}

int predict_row_add_object(struct predict_row *row, const struct json_value *object, struct fault *fault) {
        struct json_object_iterator iterator;
        const struct json_value *value;
        const char *name;
        size_t n_name;
        int r;

        if (!json_is_object(object))
                return fault_set(fault, "ROW_NOT_AN_OBJECT", "a row is an object of columns, here stands %s",
                                 json_kind_name(json_kind(object)));
        iterator = json_iterate_object(object);
        while (json_next_member(&iterator, &name, &n_name, &value)) {
                r = predict_row_add_json(row, name, n_name, value, fault);
                if (r)
                        return r;
        }
        return 0;
}

/* Turns the ones met into a value; a one-hot is whole or absent. */
static int settle_one_hot(struct predict_row *row, size_t at, struct fault *fault) {
        const struct schema_column *column = &row->schema->columns[at];
        size_t place = row->one[at] == SCHEMA_NO_VALUE ? column->encoding.otherwise : row->one[at];

        if (column->encoding.kind != SCHEMA_ENCODING_ONE_HOT || !row->n_encoded[at])
                return 0;
        fault_in(fault, column->name, -1);
        if (row->n_encoded[at] != column->encoding.n_outputs)
                return fault_set(fault, "ONE_HOT_INCOMPLETE", "%u of %zu columns that encode it are given",
                                 (unsigned)row->n_encoded[at], column->encoding.n_outputs);
        if (place == SCHEMA_NO_VALUE)
                return fault_set(fault, "ONE_HOT_NO_ONE", "none of the columns that encode it is 1");
        row->values[at] = (struct value){ .kind = VALUE_TEXT,
                                          .n_bytes = column->values[place].n_bytes,
                                          .text = column->values[place].text };
        return 0;
}

static int validate(struct predict_row *row, struct fault *fault) {
        char scratch[VALUE_SCRATCH_BYTES];
        const char *seen;
        enum anomaly anomaly;
        size_t n;
        int r;

        for (size_t i = 0; i < row->schema->n_columns; i++) {
                const struct schema_column *column = &row->schema->columns[i];

                r = settle_one_hot(row, i, fault);
                if (r)
                        return r;
                anomaly = schema_check(column, SCHEMA_SERVING, &row->values[i]);
                if (anomaly == ANOMALY_NONE || schema_severity(column, anomaly) != SEVERITY_ERROR)
                        continue;
                seen = value_format(&row->values[i], scratch, &n);
                return schema_fault(column, anomaly, -1, seen, n, fault);
        }
        return 0;
}

int predict_row(const struct bundle *bundle, struct predict_row *row, struct prediction *ret_prediction,
                struct fault *fault) {
        size_t n_outputs = features_n_outputs(bundle->features);
        _cleanup_(free_pointer) float *heap = NULL;
        float stack[STACK_FEATURES], *features = stack, margin;
        int r;

        assert(row->schema == bundle->schema);
        if (n_outputs > STACK_FEATURES) {
                heap = calloc(n_outputs, sizeof(*heap));
                if (!heap)
                        return error_origin(-ENOMEM, "predicting a row of %zu features", n_outputs);
                features = heap;
        }
        r = validate(row, fault);
        if (!r)
                r = features_apply_row(bundle->features, row->values, features, fault);
        if (r)
                return r;
        forest_margins_row(bundle->forest, features, &margin);
        *ret_prediction = (struct prediction){ .outcome = margin >= bundle->threshold.margin,
                                               .margin = margin,
                                               .probability = forest_probability(margin) };
        return 0;
}

static void put_key(struct json_builder *json, const struct value *key) {
        if (key->kind == VALUE_INT) {
                json_key_int64(json, "id", key->integer);
        } else if (key->kind == VALUE_TEXT) {
                json_key(json, "id");
                json_put_text_n(json, key->text, key->n_bytes);
        }
}

void predict_put_json(struct json_builder *json, const struct bundle *bundle, const struct predict_row *row,
                      const struct prediction *prediction, const struct predict_model *model) {
        const struct schema_column *label = &bundle->schema->columns[bundle->schema->label];

        json_begin_object(json);
        json_key_int64(json, "prediction", prediction->outcome);
        if (label->names)
                json_key_text(json, "label", label->names[prediction->outcome]);
        json_key_float(json, "probability", prediction->probability);
        json_key_double(json, "threshold", threshold_shown(&bundle->threshold));
        if (bundle->schema->key != SCHEMA_NO_VALUE)
                put_key(json, &row->values[bundle->schema->key]);
        json_key_text(json, "model", model->name);
        if (model->version)
                json_key_int64(json, "version", model->version);
        json_end_object(json);
}
