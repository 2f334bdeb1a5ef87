#pragma once

/* What features.c, features_fit.c and features_json.c share. */

#include <stddef.h>

#include "common/model/features.h"

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

/* Features of a schema, nothing scaled. 0 or -ENOMEM. */
int features_create(const struct schema *schema, struct features **ret_features);
