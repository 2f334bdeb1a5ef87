/* schema.yaml, first level: environments, dataset, drift, columns, and the rules between columns. */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/config.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/data/schema/schema.h"
#include "common/data/schema/schema_column.h"
#include "common/data/schema/schema_index.h"

static int read_environments(struct schema *schema, const struct config_node *root, struct fault *fault) {
        static const char *const fixed[] = { [SCHEMA_TRAINING] = "TRAINING", [SCHEMA_SERVING] = "SERVING" };
        const struct config_node *list;
        bool is_named[N_ELEMENTS(fixed)] = { false };
        const char *name;
        int r;

        r = config_get_list(root, "environments", true, fault, &list);
        if (r)
                return error_trace(r);
        if (config_count(list) > SCHEMA_ENVIRONMENTS_MAX)
                return config_fault(list, fault, SCHEMA_BROKEN_RULE, "at most %d environments are allowed",
                                    SCHEMA_ENVIRONMENTS_MAX);
        schema->environments = calloc(SCHEMA_ENVIRONMENTS_MAX + N_ELEMENTS(fixed), sizeof(*schema->environments));
        if (!schema->environments)
                return error_origin(-ENOMEM, "reading the environments");
        for (; schema->n_environments < N_ELEMENTS(fixed); schema->n_environments++) {
                r = schema_copy_text(fixed[schema->n_environments], &schema->environments[schema->n_environments]);
                if (r)
                        return error_trace(r);
        }
        for (const struct config_node *node = config_first(list); node; node = config_next(node)) {
                size_t place;

                r = config_as_text(node, fault, &name);
                if (r)
                        return error_trace(r);
                place = schema_find_environment(schema, name);
                if (place < N_ELEMENTS(fixed) && !is_named[place]) {
                        is_named[place] = true;
                        continue;
                }
                if (place != SIZE_MAX || !*name)
                        return config_fault(node, fault, SCHEMA_BROKEN_RULE, "environment \"%s\" is %s", name,
                                            *name ? "named twice" : "empty");
                r = schema_copy_text(name, &schema->environments[schema->n_environments]);
                if (r)
                        return error_trace(r);
                schema->n_environments++;
        }
        if (!is_named[SCHEMA_TRAINING] || !is_named[SCHEMA_SERVING])
                return config_fault(list, fault, SCHEMA_BROKEN_RULE, "TRAINING and SERVING must both be among them");
        return 0;
}

static int read_dataset(struct schema *schema, const struct config_node *root, struct fault *fault) {
        static const char *const keys[] = { "min_examples", "min_examples_ratio", "new_columns" };
        static const char *const words[] = { "ignore", "warning", "error" };
        const struct config_node *dataset;
        size_t new_columns;
        int r;

        r = config_get_map(root, "dataset", false, fault, &dataset);
        if (!r)
                r = config_check_keys(dataset, keys, N_ELEMENTS(keys), fault);
        if (!r)
                r = config_get_int(dataset, "min_examples", 1, VALUE_INT_MAX, &(int64_t){ 1 }, fault,
                                   &schema->min_examples);
        if (!r)
                r = config_get_float(dataset, "min_examples_ratio", 0.0, 1e6, &(double){ 0.0 }, fault,
                                     &schema->min_examples_ratio);
        if (!r)
                r = config_get_choice(dataset, "new_columns", words, N_ELEMENTS(words), "warning", fault, &new_columns);
        if (r)
                return error_trace(r);
        schema->new_columns = (enum severity)new_columns;
        return 0;
}

static int read_drift(struct schema *schema, const struct config_node *root, struct fault *fault,
                      struct schema_drift_defaults *ret_drift) {
        static const char *const keys[] = { "jensen_shannon_divergence", "infinity_norm", "severity" };
        struct schema_drift_defaults drift = { 0 };
        const struct config_node *map;
        const double otherwise = 0.01;
        int r;

        r = config_get_map(root, "drift", false, fault, &map);
        if (!r)
                r = config_check_keys(map, keys, N_ELEMENTS(keys), fault);
        if (!r)
                r = config_get_float(map, keys[0], 0.0, 1.0, &otherwise, fault, &drift.jensen_shannon_divergence);
        if (!r)
                r = config_get_float(map, keys[1], 0.0, 1.0, &otherwise, fault, &drift.infinity_norm);
        if (!r)
                r = schema_severity_read(map, SEVERITY_WARNING, fault, &drift.severity);
        if (r)
                return error_trace(r);
        schema->min_examples_ratio_severity = drift.severity;
        *ret_drift = drift;
        return 0;
}

/* Finds label and key, and counts. */
static int assign_roles(struct schema *schema, const struct config_node *list, struct fault *fault) {
        const struct config_node *node = config_first(list);

        schema->label = schema->key = SCHEMA_NO_VALUE;
        for (size_t i = 0; i < schema->n_columns; i++, node = config_next(node)) {
                const struct schema_column *column = &schema->columns[i];
                size_t *place = column->role == SCHEMA_ROLE_LABEL ? &schema->label
                                : column->role == SCHEMA_ROLE_KEY ? &schema->key
                                                                  : NULL;

                if (column->role == SCHEMA_ROLE_FEATURE) {
                        schema->n_features++;
                        schema->n_outputs += column->encoding.n_outputs;
                }
                if (!place)
                        continue;
                if (*place != SCHEMA_NO_VALUE)
                        return config_fault(node, fault, SCHEMA_BROKEN_RULE,
                                            "column \"%s\" is a second %s after \"%s\"", column->name,
                                            column->role == SCHEMA_ROLE_LABEL ? "label" : "key",
                                            schema->columns[*place].name);
                *place = i;
        }
        if (schema->label == SCHEMA_NO_VALUE)
                return config_fault(list, fault, SCHEMA_BROKEN_RULE, "no column has role: label, and one must");
        if (!schema->n_features)
                return config_fault(list, fault, SCHEMA_BROKEN_RULE, "no column is a feature, and one must be");
        if (schema->n_outputs > TABLE_COLUMNS_MAX)
                return config_fault(list, fault, SCHEMA_BROKEN_RULE,
                                    "the features make %zu matrix columns, at most %d are allowed", schema->n_outputs,
                                    TABLE_COLUMNS_MAX);
        return 0;
}

static int add_name(struct schema *schema, const struct config_node *node, const char *name, size_t column,
                    size_t output, struct fault *fault) {
        if (!schema_index_add(schema->name_index, name, strlen(name), schema->n_names))
                return config_fault(node, fault, SCHEMA_BROKEN_RULE,
                                    "name \"%s\" is used twice among columns and encoded columns", name);
        schema->names[schema->n_names++] = (struct schema_name){
                .name = name,
                .n_name = strlen(name),
                .column = column,
                .output = output,
        };
        return 0;
}

/* Gathers the names that a row may be written with; each must have one meaning. */
static int gather_names(struct schema *schema, const struct config_node *list, struct fault *fault) {
        const struct config_node *node = config_first(list);
        size_t n_max = schema->n_columns + schema->n_outputs;
        int r;

        schema->names = calloc(n_max, sizeof(*schema->names));
        if (!schema->names)
                return error_origin(-ENOMEM, "gathering the names of the schema");
        r = schema_index_create(n_max, &schema->name_index);
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < schema->n_columns; i++, node = config_next(node)) {
                r = add_name(schema, node, schema->columns[i].name, i, SCHEMA_NO_VALUE, fault);
                if (r)
                        return error_trace(r);
        }
        node = config_first(list);
        for (size_t i = 0; i < schema->n_columns; i++, node = config_next(node)) {
                const struct schema_column *column = &schema->columns[i];

                for (size_t j = 0; j < column->encoding.n_outputs; j++) {
                        const char *name = column->encoding.outputs[j].name;

                        if (column->encoding.kind != SCHEMA_ENCODING_ONE_HOT && !strcmp(name, column->name)) {
                                schema->names[i].is_both = column->encoding.kind == SCHEMA_ENCODING_MAP;
                                continue;
                        }
                        r = add_name(schema, node, name, i, j, fault);
                        if (r)
                                return error_trace(r);
                }
        }
        return 0;
}

static int read_columns(struct schema *schema, const struct config_node *root,
                        const struct schema_drift_defaults *drift, struct fault *fault) {
        const struct config_node *list;
        int r;

        r = config_get_list(root, "columns", true, fault, &list);
        if (r)
                return error_trace(r);
        if (!config_count(list) || config_count(list) > SCHEMA_COLUMNS_MAX)
                return config_fault(list, fault, SCHEMA_BROKEN_RULE, "1 to %d columns are allowed, there are %zu",
                                    SCHEMA_COLUMNS_MAX, config_count(list));
        schema->columns = calloc(config_count(list), sizeof(*schema->columns));
        if (!schema->columns)
                return error_origin(-ENOMEM, "reading the columns of %s", schema->name);
        for (const struct config_node *node = config_first(list); node; node = config_next(node)) {
                r = schema_column_read(schema, drift, node, fault, &schema->columns[schema->n_columns++]);
                if (r)
                        return error_trace(r);
        }
        r = assign_roles(schema, list, fault);
        if (!r)
                r = gather_names(schema, list, fault);
        return error_trace(r);
}

static int read_root(struct schema *schema, const struct config_node *root, struct fault *fault) {
        static const char *const keys[] = { "schema", "environments", "dataset", "drift", "columns" };
        struct schema_drift_defaults drift;
        int64_t version;
        int r;

        r = config_check_keys(root, keys, N_ELEMENTS(keys), fault);
        if (!r)
                r = config_get_int(root, "schema", SCHEMA_VERSION, SCHEMA_VERSION, NULL, fault, &version);
        if (!r)
                r = read_environments(schema, root, fault);
        if (!r)
                r = read_dataset(schema, root, fault);
        if (!r)
                r = read_drift(schema, root, fault, &drift);
        if (!r)
                r = read_columns(schema, root, &drift, fault);
        return error_trace(r);
}

int schema_parse(const char *name, const void *bytes, size_t n_bytes, struct fault *fault, struct schema **ret_schema) {
        _cleanup_(schema_destroy_pointer) struct schema *schema = NULL;
        _cleanup_(config_destroy_pointer) struct config *config = NULL;
        int r;

        r = config_parse(name, bytes, n_bytes, CONFIG_VERBATIM, fault, &config);
        if (r)
                return error_trace(r);
        schema = calloc(1, sizeof(*schema));
        if (!schema)
                return error_origin(-ENOMEM, "reading %s", name);
        r = schema_copy_text(name, &schema->name);
        if (!r)
                r = digest_sha256(bytes, n_bytes, schema->digest);
        if (r)
                return error_trace(r);
        schema->bytes = malloc(n_bytes + 1);
        if (!schema->bytes)
                return error_origin(-ENOMEM, "reading %s", name);
        memcpy(schema->bytes, bytes, n_bytes);
        schema->n_bytes = n_bytes;
        r = read_root(schema, config_root(config), fault);
        if (r)
                return error_trace(r);
        *ret_schema = steal(schema);
        return 0;
}

int schema_load(const char *path, struct fault *fault, struct schema **ret_schema) {
        _cleanup_(config_destroy_pointer) struct config *config = NULL;
        const void *bytes;
        size_t n_bytes;
        int r;

        /* the config says what is wrong with the path; its tree is thrown away, since the digest is of the bytes */
        r = config_load(path, CONFIG_VERBATIM, fault, &config);
        if (r)
                return error_trace(r);
        bytes = config_bytes(config, &n_bytes);
        return error_trace(schema_parse(path, bytes, n_bytes, fault, ret_schema));
}
