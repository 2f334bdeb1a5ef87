#pragma once

/*
 * World
 *
 * Made-up rows with every kind of column: missing and unknown values with each outcome, each encoding, and a label that
 * can be learned. And models of them, trained by libxgboost. Every call fails the test when something in it fails.
 */

#include <stdint.h>

#include "common/base/buffer.h"
#include "common/data/schema/schema.h"
#include "common/data/table.h"
#include "common/model/bundle.h"
#include "common/model/features.h"

/* its schema.yaml */
extern const char world_schema_text[];

struct schema *world_schema(const char *text);

/* Rows by their ids first_id … first_id + n_rows - 1: a row depends on its id alone. The caller destroys the builder.
 */
struct table_builder *world_rows(const struct schema *schema, uint64_t first_id, size_t n_rows);

/* A row as the gateway sees it: values in the schema's order, missing where the table has no such column. */
void world_row(const struct schema *schema, const struct table *table, size_t row,
               char scratch[SCHEMA_COLUMNS_MAX][VALUE_SCRATCH_BYTES], struct value *ret_values);

/* What makes a bundle, as bytes. */
struct world_model {
        struct buffer schema, transform, model, threshold;
};

#define WORLD_MODEL_NULL \
        { 0 }

/* Trains on the table. pairs: XGBoost's names and values, NULL at the end. */
void world_train(const char *schema_text, const struct features_choice *choices, size_t n_choices,
                 const struct table *table, const char *const *pairs, float threshold, struct world_model *ret_model);
void world_model_finish(struct world_model *model);

/* Borrowed from the model. */
struct bundle_parts world_parts(const struct world_model *model);
void world_bundle(const struct world_model *model, struct bundle *ret_bundle);

/* Rows from id 0 on, a model that has learned from them, its threshold at a margin of -0.5, and its bundle. */
struct world {
        struct schema *schema;
        struct table_builder *builder;
        struct table table;
        struct world_model model;
        struct bundle bundle;
};

struct world *world_create(size_t n_rows, const struct features_choice *choices, size_t n_choices,
                           const char *const *pairs);
struct world *world_destroy(struct world *world);
