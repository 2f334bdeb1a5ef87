#pragma once

/*
 * Schema
 *
 * What a row is: schema.yaml as structs. It drives source, validator, features, gateway, web form and OpenAPI document;
 * nothing in them knows a column by name. The grammar stands in the head of a pipeline's schema.yaml; defaults are
 * filled in here, so that readers of the structs need no rules of their own.
 *
 * A loaded schema is never changed and may be shared by threads. Every text in it ends in NUL and belongs to it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/digest.h"
#include "common/base/fault.h"
#include "common/data/anomaly.h"
#include "common/data/value.h"

#define SCHEMA_VERSION 1
#define SCHEMA_COLUMNS_MAX 256
#define SCHEMA_VALUES_MAX 1000
#define SCHEMA_ENVIRONMENTS_MAX 16
/* no value of the closed list */
#define SCHEMA_NO_VALUE SIZE_MAX

/* Environments are bits of a mask by their place in the schema; these two have fixed places. */
enum {
        SCHEMA_TRAINING,
        SCHEMA_SERVING,
};

enum schema_role {
        SCHEMA_ROLE_FEATURE,
        SCHEMA_ROLE_KEY,
        SCHEMA_ROLE_LABEL,
        SCHEMA_ROLE_IGNORE,
};

/* What to do with a missing value, or with one outside the closed list. */
enum schema_outcome {
        SCHEMA_REJECT,  /* the row is refused */
        SCHEMA_MISSING, /* the model sees "missing" */
        SCHEMA_FILL,    /* the model sees another value */
};

enum schema_encoding_kind {
        SCHEMA_ENCODING_PASS,    /* the number itself, under the column's name: int, float, bool */
        SCHEMA_ENCODING_MAP,     /* one matrix column, one number for each value */
        SCHEMA_ENCODING_ONE_HOT, /* a 0/1 matrix column for each value listed */
};

/* One matrix column that is made from the column. */
struct schema_output {
        char *name;
        size_t value; /* one-hot: the place in values that makes it 1; else SCHEMA_NO_VALUE */
};

/* How the matrix and encoded clients write the column. Only a feature has outputs. */
struct schema_encoding {
        enum schema_encoding_kind kind;
        size_t n_outputs;
        struct schema_output *outputs; /* pass and map: one */
        double *numbers;               /* map: as long as values */
        size_t otherwise;              /* one-hot: the value that all zeros stand for, or SCHEMA_NO_VALUE */
};

struct schema_drift {
        bool is_checked;
        double threshold; /* divergence to base 2 for int and float, largest difference of shares for the rest */
        enum severity severity;
};

struct schema_value {
        char *text; /* canonical */
        size_t n_bytes;
};

struct schema_column {
        char *name;
        char *title;
        size_t n_name;
        enum schema_role role;
        enum value_type type;
        uint32_t required_in; /* bit 1 << environment */

        size_t n_values; /* category: the closed list; 0: any text. bool: "0" and "1". else 0 */
        struct schema_value *values;
        char **names; /* label: what an answer calls each value, n_values long; else NULL */
        bool has_min, has_max;
        double min, max; /* inclusive; an int's are integral */

        double min_fraction, min_domain_mass;
        enum schema_outcome missing, unknown;
        struct value missing_value; /* SCHEMA_FILL: in the column's domain */
        struct value unknown_value; /* SCHEMA_FILL: one of values */
        enum severity severity;
        struct schema_drift drift;
        struct schema_encoding encoding;

        struct schema_index *value_index; /* internal: values by text, where the list is long */
};

/* What a name in a row means. */
struct schema_name {
        const char *name;
        size_t n_name;
        size_t column; /* place in columns */
        size_t output; /* place in its encoding's outputs, SCHEMA_NO_VALUE for the raw column */
        bool is_both;  /* the raw column's name is also its map's: a number is encoded, a text is raw */
};

struct schema {
        char *name; /* the file, as complaints name it */
        char digest[DIGEST_SHA256_BYTES];
        void *bytes; /* the file's bytes, whose SHA-256 is digest */
        size_t n_bytes;

        size_t n_environments;
        char **environments; /* [SCHEMA_TRAINING] is "TRAINING", [SCHEMA_SERVING] is "SERVING" */

        int64_t min_examples;
        double min_examples_ratio;
        enum severity min_examples_ratio_severity;
        enum severity new_columns;

        size_t n_columns;
        struct schema_column *columns;
        size_t label; /* place in columns */
        size_t key;   /* place in columns, or SCHEMA_NO_VALUE */
        size_t n_features;
        size_t n_outputs; /* of all features together: the width of the matrix */

        size_t n_names;
        struct schema_name *names;
        struct schema_index *name_index; /* internal */
};

/* Reads schema.yaml. 0, FAULT_E_INPUT with file, line and position, or a negative errno. */
int schema_load(const char *path, struct fault *fault, struct schema **ret_schema);

/* The same from memory, which is copied; name stands for the file. */
int schema_parse(const char *name, const void *bytes, size_t n_bytes, struct fault *fault, struct schema **ret_schema);
struct schema *schema_destroy(struct schema *schema);
void schema_destroy_pointer(struct schema **schema);

/* The column of exactly that name, or NULL. schema_find_name() also knows encoded names. Constant time, no heap. */
const struct schema_column *schema_find(const struct schema *schema, const char *name, size_t n_name);
const struct schema_name *schema_find_name(const struct schema *schema, const char *name, size_t n_name);

/* The place of a canonical text in the closed list, or SCHEMA_NO_VALUE. */
size_t schema_find_value(const struct schema_column *column, const char *text, size_t n_bytes);

/* The place of an environment by name, or SIZE_MAX. */
size_t schema_find_environment(const struct schema *schema, const char *name);

static inline bool schema_column_is_required(const struct schema_column *column, unsigned environment) {
        return column->required_in >> environment & 1;
}

/* False for a label where it is not required: there it is not even looked at. */
static inline bool schema_column_is_checked(const struct schema_column *column, unsigned environment) {
        return column->role != SCHEMA_ROLE_LABEL || schema_column_is_required(column, environment);
}

/*
 * The one check of a value: in batches and in single rows, for the validator, the gateway and the command line. The
 * value has the kind that value_from_…(column->type) gives. ANOMALY_NONE, or what is wrong with it:
 * FEATURE_TYPE_NOT_PRESENT, or a code of the domain. In TRAINING every deviation is reported, and validate (validate.h)
 * weighs them against min_fraction and min_domain_mass; elsewhere a missing or unknown value with a declared outcome is
 * no anomaly. A column that is not checked has none.
 */
enum anomaly schema_check(const struct schema_column *column, unsigned environment, const struct value *value);

/* How bad an anomaly of that column is: its severity, but an error whatever it says where the row could not be learned
 * from or predicted (a type, a missing or unknown value to be rejected, anything about key and label). */
enum severity schema_severity(const struct schema_column *column, enum anomaly anomaly);

/* The sentence about an anomaly of one value, without the column's name: 'value "Mal" is none of "Female", "Male"'.
 * seen is the value as it was written. Cut at n_bytes; returns ret_text. */
char *schema_describe(const struct schema_column *column, enum anomaly anomaly, const char *seen, size_t n_seen,
                      char *ret_text, size_t n_bytes);

/* The same as a fault with code, column and row (-1: unknown). Returns FAULT_E_INPUT. */
int schema_fault(const struct schema_column *column, enum anomaly anomaly, int64_t row, const char *seen, size_t n_seen,
                 struct fault *fault);
