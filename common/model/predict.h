#pragma once

/*
 * Predict
 *
 * A row in, a prediction out, as JSON: the same bytes over HTTP and from `convoy score`. A row names its columns, raw
 * as in the data ("Vehicle_Damage":"Yes") or encoded as in the matrix ("Vehicle_Damage_Yes":1), in any order. The key
 * is optional and echoed as "id", the label is ignored. null, an empty text, and in text without types nan, are as if
 * the name were not there; JSON has no NaN. Raw and encoded for one column, one name twice, part of a one-hot, or two
 * ones in it are refused, and every value is checked against the schema in the environment SERVING. Nothing here
 * allocates for rows and models of ordinary size.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/fault.h"
#include "common/base/json.h"
#include "common/base/json_builder.h"
#include "common/data/table.h"
#include "common/model/bundle.h"

/* 64-bit words with a bit for every name that a schema can have */
#define PREDICT_NAME_WORDS ((SCHEMA_COLUMNS_MAX + TABLE_COLUMNS_MAX + 63) / 64)

/* One row being read; large, for the stack of one call. */
struct predict_row {
        const struct schema *schema;
        struct value values[SCHEMA_COLUMNS_MAX];               /* in the schema's order */
        char scratch[SCHEMA_COLUMNS_MAX][VALUE_SCRATCH_BYTES]; /* rewritten texts of values */
        uint16_t n_encoded[SCHEMA_COLUMNS_MAX];                /* encoded names met of each column */
        uint64_t is_met[PREDICT_NAME_WORDS];                   /* bit n: name n of the schema was met */
        size_t one[SCHEMA_COLUMNS_MAX];                        /* the value whose one was met */
        bool is_raw[SCHEMA_COLUMNS_MAX];                       /* the raw name was met */
};

struct prediction {
        int outcome; /* 1: margin >= threshold */
        float margin;
        float probability;
};

/* Who answers, for the answer's JSON. */
struct predict_model {
        const char *name; /* borrowed */
        int64_t version;  /* 0: none, left out */
};

/* Empties the row; the schema is borrowed as long as the row is used. */
void predict_row_init(struct predict_row *row, const struct schema *schema);

/* Adds a member of a JSON object, or a field of a form or CSV line (text without types). FAULT_E_INPUT names the
 * column. Texts are borrowed until the prediction is written. */
int predict_row_add_json(struct predict_row *row, const char *name, size_t n_name, const struct json_value *value,
                         struct fault *fault);
int predict_row_add_text(struct predict_row *row, const char *name, size_t n_name, const char *text, size_t n_text,
                         struct fault *fault);

/* Adds all members of an object. */
int predict_row_add_object(struct predict_row *row, const struct json_value *object, struct fault *fault);

/* Validates the whole row, transforms and scores it. FAULT_E_INPUT names the column. */
int predict_row(const struct bundle *bundle, struct predict_row *row, struct prediction *ret_prediction,
                struct fault *fault);

/* Writes {"prediction":…,"label":…,"probability":…,"threshold":…,"id":…,"model":…,"version":…}. */
void predict_put_json(struct json_builder *json, const struct bundle *bundle, const struct predict_row *row,
                      const struct prediction *prediction, const struct predict_model *model);
