#pragma once

/*
 * Anomaly
 *
 * What can be wrong with data, by the names of TensorFlow Data Validation (tensorflow/metadata,
 * tensorflow_metadata/proto/v0/anomalies.proto, AnomalyInfo.Type), so that its users know them; LABEL_ONE_CLASS and
 * VALUE_TOO_LONG are Convoy's own. The same code names the same thing in a batch, in a row over HTTP and in a report.
 */

#include <stdbool.h>

#define ANOMALY_TABLE(X) \
        /* of one value: its type */ \
        X(INT_TYPE_INT_EXPECTED)       /* not a number of integral value within ±2^53 */ \
        X(FLOAT_TYPE_NOT_FLOAT)        /* not a number, nor a text */ \
        X(FLOAT_TYPE_STRING_NOT_FLOAT) /* a text where a number belongs */ \
        X(BOOL_TYPE_STRING_NOT_INT)    /* a text that is neither 0 nor 1 */ \
        X(BOOL_TYPE_UNEXPECTED_FLOAT)  /* a number with a fraction */ \
        X(ENUM_TYPE_INT_NOT_STRING)    /* a number or bool where a text belongs */ \
        X(ENUM_TYPE_FLOAT_NOT_STRING)  /* a number with a fraction where a text belongs */ \
        X(ENUM_TYPE_INVALID_UTF8)      /* a text that is not UTF-8 */ \
        X(UNEXPECTED_DATA_TYPE)        /* a list or an object */ \
        X(VALUE_TOO_LONG)              /* a text above VALUE_TEXT_BYTES_MAX */ \
        /* of one value: its domain */ \
        X(INT_TYPE_SMALL_INT)                 /* below min */ \
        X(INT_TYPE_BIG_INT)                   /* above max */ \
        X(FLOAT_TYPE_SMALL_FLOAT)             /* below min */ \
        X(FLOAT_TYPE_BIG_FLOAT)               /* above max */ \
        X(FLOAT_TYPE_HAS_INF)                 /* infinite */ \
        X(BOOL_TYPE_SMALL_INT)                /* below 0 */ \
        X(BOOL_TYPE_BIG_INT)                  /* above 1 */ \
        X(ENUM_TYPE_UNEXPECTED_STRING_VALUES) /* not in the closed list */ \
        X(FEATURE_TYPE_NOT_PRESENT)           /* missing in the row, or in every row */ \
        /* of a column */ \
        X(FEATURE_TYPE_LOW_FRACTION_PRESENT) /* missing in too many rows */ \
        X(FEATURE_TYPE_LOW_UNIQUE)           /* a key that stands in two rows */ \
        X(LABEL_ONE_CLASS)                   /* every label is the same */ \
        X(SCHEMA_MISSING_COLUMN)             /* required, and not there at all */ \
        X(SCHEMA_NEW_COLUMN)                 /* there, and not in the schema */ \
        /* of a dataset */ \
        X(DATASET_LOW_NUM_EXAMPLES)    /* too few rows */ \
        X(COMPARATOR_LOW_NUM_EXAMPLES) /* too few rows beside the baseline's */ \
        X(COMPARATOR_JENSEN_SHANNON_DIVERGENCE_HIGH) \
        X(COMPARATOR_L_INFTY_HIGH)

enum anomaly {
        ANOMALY_NONE,
#define ANOMALY_MEMBER(name) ANOMALY_##name,
        ANOMALY_TABLE(ANOMALY_MEMBER)
#undef ANOMALY_MEMBER
                N_ANOMALIES,
};

enum severity {
        SEVERITY_IGNORE,
        SEVERITY_WARNING,
        SEVERITY_ERROR,
};

/* "INT_TYPE_BIG_INT"; "" for ANOMALY_NONE. Borrowed forever. */
const char *anomaly_name(enum anomaly anomaly);

/* "error", "warning", "ignore". Borrowed forever. */
const char *severity_name(enum severity severity);
