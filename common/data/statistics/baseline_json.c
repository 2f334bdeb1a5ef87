/* Baseline, as JSON. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/base/json.h"
#include "common/base/json_builder.h"
#include "common/data/statistics/baseline.h"

#define MALFORMED "BASELINE_MALFORMED"

static void put_column(const struct baseline_column *column, struct json_builder *json) {
        json_begin_object(json);
        json_key_text(json, "name", column->name);
        json_key_text(json, "type", value_type_name(column->type));
        if (column->edges) {
                json_key(json, "edges");
                json_begin_array(json);
                for (size_t i = 0; i < column->n_edges; i++)
                        json_put_double(json, column->edges[i]);
        } else {
                json_key(json, "values");
                json_begin_array(json);
                for (size_t i = 0; i < column->n_values; i++)
                        json_put_text(json, column->values[i]);
        }
        json_end_array(json);
        json_key(json, "counts");
        json_begin_array(json);
        for (size_t i = 0; i < column->n_cells; i++)
                json_put_uint64(json, column->counts[i]);
        json_end_array(json);
        json_end_object(json);
}

void baseline_put_json(const struct baseline *baseline, struct json_builder *json) {
        json_begin_object(json);
        json_key_int64(json, "baseline", BASELINE_VERSION);
        json_key_uint64(json, "rows", baseline->n_rows);
        json_key(json, "columns");
        json_begin_array(json);
        for (size_t i = 0; i < baseline->n_columns; i++)
                put_column(&baseline->columns[i], json);
        json_end_array(json);
        json_end_object(json);
}

static int read_type(const struct json_value *object, struct fault *fault, enum value_type *ret_type) {
        const char *name;
        int r;

        r = json_need_text(object, "type", fault, &name);
        if (r)
                return error_trace(r);
        for (enum value_type type = VALUE_TYPE_INT; type <= VALUE_TYPE_CATEGORY_INT; type++)
                if (!strcmp(name, value_type_name(type))) {
                        *ret_type = type;
                        return 0;
                }
        return fault_set(fault, MALFORMED, "\"%s\" is no type", name);
}

static int read_edges(const struct json_value *object, struct fault *fault, struct baseline_column *column) {
        const struct json_value *array, *element;
        struct json_array_iterator elements;
        int r;

        r = json_need_array(object, "edges", fault, &array);
        if (r)
                return error_trace(r);
        if (json_count(array) >= BASELINE_BINS)
                return fault_set(fault, MALFORMED, "column \"%s\" has too many edges", column->name);
        column->edges = calloc(BASELINE_BINS, sizeof(*column->edges));
        if (!column->edges)
                return error_origin(-ENOMEM, "reading a baseline");
        elements = json_iterate_array(array);
        while (json_next_element(&elements, &element)) {
                double *edge = &column->edges[column->n_edges];

                if (!json_as_double(element, edge) || (column->n_edges && !(edge[-1] < edge[0])))
                        return fault_set(fault, MALFORMED, "the edges of column \"%s\" are no ascending numbers",
                                         column->name);
                column->n_edges++;
        }
        column->n_cells = column->n_edges + 2;
        return 0;
}

static int read_values(const struct json_value *object, struct fault *fault, struct baseline_column *column) {
        const struct json_value *array, *element;
        struct json_array_iterator elements;
        int r;

        r = json_need_array(object, "values", fault, &array);
        if (r)
                return error_trace(r);
        if (json_count(array) > SCHEMA_VALUES_MAX)
                return fault_set(fault, MALFORMED, "column \"%s\" has too many values", column->name);
        column->values = calloc(json_count(array) + 1, sizeof(*column->values));
        if (!column->values)
                return error_origin(-ENOMEM, "reading a baseline");
        elements = json_iterate_array(array);
        while (json_next_element(&elements, &element)) {
                if (!json_text(element))
                        return fault_set(fault, MALFORMED, "a value of column \"%s\" is no text", column->name);
                column->values[column->n_values] = strdup(json_text(element));
                if (!column->values[column->n_values])
                        return error_origin(-ENOMEM, "reading a baseline");
                column->n_values++;
        }
        if (column->type == VALUE_TYPE_BOOL && column->n_values != 2)
                return fault_set(fault, MALFORMED, "bool column \"%s\" must have two values", column->name);
        column->n_cells = column->n_values + 2;
        return 0;
}

static int read_counts(const struct json_value *object, uint64_t n_rows, struct fault *fault,
                       struct baseline_column *column) {
        const struct json_value *array, *element;
        struct json_array_iterator elements;
        uint64_t n_left = n_rows;
        size_t n = 0;
        int r;

        r = json_need_array(object, "counts", fault, &array);
        if (r)
                return error_trace(r);
        column->counts = calloc(column->n_cells, sizeof(*column->counts));
        if (!column->counts)
                return error_origin(-ENOMEM, "reading a baseline");
        elements = json_iterate_array(array);
        while (json_next_element(&elements, &element)) {
                if (n == column->n_cells || !json_as_uint64(element, &column->counts[n]) || column->counts[n] > n_left)
                        return fault_set(fault, MALFORMED, "the counts of column \"%s\" do not fit", column->name);
                n_left -= column->counts[n++];
        }
        if (n != column->n_cells || n_left)
                return fault_set(fault, MALFORMED, "the counts of column \"%s\" do not add up", column->name);
        return 0;
}

static int read_column(const struct json_value *object, uint64_t n_rows, struct fault *fault,
                       struct baseline_column *column) {
        const char *name;
        int r;

        r = json_need_text(object, "name", fault, &name);
        if (r)
                return error_trace(r);
        column->name = strdup(name);
        if (!column->name)
                return error_origin(-ENOMEM, "reading a baseline");
        r = read_type(object, fault, &column->type);
        if (r)
                return error_trace(r);
        r = column->type == VALUE_TYPE_INT || column->type == VALUE_TYPE_FLOAT ? read_edges(object, fault, column)
                                                                               : read_values(object, fault, column);
        return error_trace(r ? r : read_counts(object, n_rows, fault, column));
}

int baseline_parse(const char *text, size_t n_bytes, struct fault *fault, struct baseline **ret_baseline) {
        _cleanup_(baseline_destroy_pointer) struct baseline *baseline = NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        const struct json_value *root, *columns, *element;
        struct json_array_iterator elements;
        int64_t version, n_rows;
        int r;

        if (n_bytes > BASELINE_BYTES_MAX)
                return fault_set(fault, MALFORMED, "a baseline has at most %d bytes", BASELINE_BYTES_MAX);
        r = json_parse(text, n_bytes, fault, &json);
        if (r)
                return error_trace(r);
        root = json_root(json);
        r = json_need_int(root, "baseline", BASELINE_VERSION, BASELINE_VERSION, fault, &version);
        if (!r)
                r = json_need_int(root, "rows", 0, INT64_MAX, fault, &n_rows);
        if (!r)
                r = json_need_array(root, "columns", fault, &columns);
        if (r)
                return error_trace(r);
        if (json_count(columns) > SCHEMA_COLUMNS_MAX)
                return fault_set(fault, MALFORMED, "a baseline has at most %d columns", SCHEMA_COLUMNS_MAX);
        baseline = calloc(1, sizeof(*baseline));
        if (!baseline)
                return error_origin(-ENOMEM, "reading a baseline");
        baseline->n_rows = (uint64_t)n_rows;
        baseline->columns = calloc(json_count(columns) + 1, sizeof(*baseline->columns));
        if (!baseline->columns)
                return error_origin(-ENOMEM, "reading a baseline");
        elements = json_iterate_array(columns);
        while (json_next_element(&elements, &element)) {
                r = read_column(element, baseline->n_rows, fault, &baseline->columns[baseline->n_columns++]);
                if (r)
                        return error_trace(r);
        }
        *ret_baseline = steal(baseline);
        return 0;
}
