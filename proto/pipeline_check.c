/* Pipeline, checked: schema.yaml, then what names its columns. */

#include "proto/pipeline_check.h"

#include <stdio.h>
#include <string.h>

#include "common/base/config.h"
#include "common/base/error.h"
#include "common/base/nearest.h"
#include "common/model/features.h"
#include "common/source/source_generate.h"

enum { SENTENCE_BYTES = 512 };

/* The transformer's own rule, which it keeps: a run may come from elsewhere. */
static bool can_be_scaled(const struct schema *schema, const char *name) {
        const struct schema_column *column = schema_find(schema, name, strlen(name));

        return column && features_is_number(column);
}

static void explain(const struct schema *schema, const char *name, char *sentence, size_t n_bytes) {
        const struct schema_column *column = schema_find(schema, name, strlen(name));
        static const char *const roles[] = {
                [SCHEMA_ROLE_KEY] = "the key", [SCHEMA_ROLE_LABEL] = "the label", [SCHEMA_ROLE_IGNORE] = "one to ignore"
        };
        const char *numbers[SCHEMA_COLUMNS_MAX];
        size_t n = 0;

        if (!column)
                snprintf(sentence, n_bytes, "the schema has no column %s", name);
        else if (column->role != SCHEMA_ROLE_FEATURE)
                snprintf(sentence, n_bytes, "the schema calls %s %s, so nothing is learned from it", name,
                         roles[column->role]);
        else
                snprintf(sentence, n_bytes, "only int and float columns that pass unencoded can be scaled");
        for (size_t i = 0; i < schema->n_columns; i++)
                if (features_is_number(&schema->columns[i]))
                        numbers[n++] = schema->columns[i].name;
        nearest_explain(name, numbers, n, sentence, n_bytes);
}

/* Reads pipeline.yaml once more, for the place of what is wrong in it. */
static int refuse_column(const struct pipeline *pipeline, const struct schema *schema, const char *name,
                         struct fault *fault) {
        _cleanup_(config_destroy_pointer) struct config *config = NULL;
        const char *code = schema_find(schema, name, strlen(name)) ? "TRANSFORM_NOT_A_NUMBER"
                                                                   : "TRANSFORM_UNKNOWN_COLUMN";
        char path[PIPELINE_PATH_BYTES + sizeof(PIPELINE_FILE) + 1], sentence[SENTENCE_BYTES];
        const struct config_node *columns, *node;
        int r;

        snprintf(path, sizeof(path), "%s/%s", pipeline->folder, PIPELINE_FILE);
        r = config_load(path, CONFIG_EXPAND, fault, &config);
        if (r)
                return error_trace(r);
        explain(schema, name, sentence, sizeof(sentence));
        columns = config_find(config_find(config_root(config), "transform"), "columns");
        node = config_find(columns, name);
        return config_fault(node ? node : config_root(config), fault, code, "%s", sentence);
}

int pipeline_check(const struct pipeline *pipeline, struct schema **ret_schema, struct fault *fault) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;
        const struct transform_parameters *transform = &pipeline->parameters.transform;
        int r;

        r = schema_load(pipeline->schema, fault, &schema);
        for (size_t i = 0; !r && i < transform->n_columns; i++)
                if (!can_be_scaled(schema, transform->columns[i].name))
                        r = refuse_column(pipeline, schema, transform->columns[i].name, fault);
        if (!r && !strncmp(pipeline->source.uri, SOURCE_GENERATE_SCHEME, strlen(SOURCE_GENERATE_SCHEME)))
                r = source_generate_check(pipeline->folder, schema, fault);
        if (!r && ret_schema)
                *ret_schema = steal(schema);
        return error_trace(r);
}
