/* MLmodel: YAML line by line, with the signature's JSON in single quotes. */

#include "services/pusher/mlmodel.h"

#include <math.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/json_builder.h"
#include "common/model/bundle.h"

static bool is_integral(const double *numbers, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (islessgreater(numbers[i], floor(numbers[i])))
                        return false;
        return true;
}

/*
 * MLflow refuses a data frame's ints where it expects double, and a column of ints with gaps is one of doubles there.
 * So what is always integral is long, and everything else double.
 */
static bool is_long(const struct schema_column *column, const struct parameters *parameters) {
        const struct schema_encoding *encoding = &column->encoding;
        bool is_number = encoding->kind == SCHEMA_ENCODING_PASS && column->type != VALUE_TYPE_BOOL;

        if (column->missing == SCHEMA_MISSING)
                return false;
        if (encoding->kind == SCHEMA_ENCODING_MAP)
                return is_integral(encoding->numbers, column->n_values);
        if (is_number && parameters_scaling(parameters, column->name) != SCALING_PASSTHROUGH)
                return false;
        return column->type != VALUE_TYPE_FLOAT;
}

static void put_inputs(const struct mlmodel *mlmodel, struct json_builder *json) {
        json_begin_array(json);
        for (size_t i = 0; i < mlmodel->schema->n_columns; i++) {
                const struct schema_column *column = &mlmodel->schema->columns[i];

                for (size_t k = 0; column->role == SCHEMA_ROLE_FEATURE && k < column->encoding.n_outputs; k++) {
                        json_begin_object(json);
                        json_key_text(json, "type", is_long(column, mlmodel->parameters) ? "long" : "double");
                        json_key_text(json, "name", column->encoding.outputs[k].name);
                        json_key_bool(json, "required", schema_column_is_required(column, SCHEMA_SERVING));
                        json_end_object(json);
                }
        }
        json_end_array(json);
}

/* In single quotes, where only they need doubling. */
static int append_quoted(struct buffer *text, const char *content) {
        const char *quote;
        int r;

        r = buffer_append_text(text, "'");
        for (; !r && (quote = strchr(content, '\'')); content = quote + 1) {
                r = buffer_append(text, content, (size_t)(quote - content) + 1);
                if (!r)
                        r = buffer_append_text(text, "'");
        }
        if (!r)
                r = buffer_append_text(text, content);
        return r ? r : buffer_append_text(text, "'");
}

static int write_signature(const struct mlmodel *mlmodel, struct buffer *text) {
        _cleanup_(buffer_finish) struct buffer inputs = BUFFER_NULL;
        struct json_builder json = json_begin(&inputs, JSON_COMPACT);
        int r;

        put_inputs(mlmodel, &json);
        r = json_end(&json);
        if (!r)
                r = buffer_append_text(text, "signature:\n  inputs: ");
        if (!r)
                r = append_quoted(text, buffer_text(&inputs));
        if (!r)
                r = buffer_append_text(text, "\n  outputs: '[{\"type\": \"tensor\", \"tensor-spec\": "
                                             "{\"dtype\": \"float32\", \"shape\": [-1]}}]'\n  params: null\n");
        return error_trace(r);
}

int mlmodel_write(const struct mlmodel *mlmodel, struct buffer *text) {
        char created_at[CLOCK_RFC3339_BYTES];
        int r;

        /* "2026-01-02 03:04:05.678" is how Python writes a time without zone */
        clock_format_rfc3339(mlmodel->created_at_ms, created_at);
        created_at[10] = ' ';
        created_at[CLOCK_RFC3339_BYTES - 2] = 0;
        r = buffer_printf(text,
                          "flavors:\n"
                          "  python_function:\n"
                          "    data: " BUNDLE_MODEL "\n"
                          "    loader_module: mlflow.xgboost\n"
                          "  xgboost:\n"
                          "    code: null\n"
                          "    data: " BUNDLE_MODEL "\n"
                          "    model_class: xgboost.core.Booster\n"
                          "    model_format: ubj\n"
                          "    xgb_version: '%s'\n"
                          "run_id: '%s'\n",
                          mlmodel->xgboost, mlmodel->run);
        if (!r)
                r = write_signature(mlmodel, text);
        if (!r)
                r = buffer_printf(text, "utc_time_created: '%s'\n", created_at);
        return error_trace(r);
}
