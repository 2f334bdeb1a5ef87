#pragma once

/*
 * Value
 *
 * One cell, and the one rule for what it means from every source. null, an empty text and an absent value are all
 * missing; so is nan in text without types, and NaN in Arrow and BSON (JSON has none). The rest depends on the type
 * that the schema declares:
 *
 *   int                  any number of integral value within ±2^53: 28, 28.0, 2.8e1    -> VALUE_INT
 *   bool                 0 or 1 as a number, true or false                              -> VALUE_INT
 *   float                any number; infinities are values, for the schema to judge     -> VALUE_FLOAT
 *   category of string   a text, UTF-8, taken as it stands                              -> VALUE_TEXT
 *   category of int      as int                                                         -> VALUE_TEXT, as "28"
 *
 * Text without types (CSV, forms) is read by value_from_text(): nothing is trimmed (RFC 4180 section 2.4: spaces are
 * part of a field), a number is [+-] digits [. digits] [e [+-] digits], or nan, or inf or infinity, case ignored; true
 * and false also as True and False. Sources with types of their own (JSON, BSON, Arrow) use the other functions: there
 * no text stands for a number, no true for an int, and no number for a text.
 *
 * All return ANOMALY_NONE, or the code of what is wrong with the type and leave ret_value alone. Whether the value is
 * in its column's domain is for schema_check() (schema.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/json.h"
#include "common/data/anomaly.h"
#include "common/data/table.h"

/* the longest text */
#define VALUE_TEXT_BYTES_MAX 65536
/* the longest number written as text */
#define VALUE_NUMBER_BYTES_MAX 512
/* room for any number in canonical text, and for value_format() of one, with its end */
#define VALUE_SCRATCH_BYTES 32
/* ints lie within ± this: 2^53 */
#define VALUE_INT_MAX (INT64_C(1) << 53)

enum value_type {
        VALUE_TYPE_INT,
        VALUE_TYPE_FLOAT,
        VALUE_TYPE_BOOL,
        VALUE_TYPE_CATEGORY,     /* of string */
        VALUE_TYPE_CATEGORY_INT, /* of int */
};

enum value_kind {
        VALUE_MISSING,
        VALUE_INT,
        VALUE_FLOAT,
        VALUE_TEXT,
};

struct value {
        enum value_kind kind;
        size_t n_bytes; /* of text */
        union {
                int64_t integer;
                double number;    /* never NaN */
                const char *text; /* borrowed, without an end */
        };
};

#define VALUE_NULL \
        { 0 }

/* "int", "float", "bool", "category of string", "category of int". Borrowed forever. */
const char *value_type_name(enum value_type type);

/* The column of a table that holds values of that type. */
static inline enum column_type value_column_type(enum value_type type) {
        return type == VALUE_TYPE_FLOAT                            ? COLUMN_FLOAT64
               : type == VALUE_TYPE_INT || type == VALUE_TYPE_BOOL ? COLUMN_INT64
                                                                   : COLUMN_UTF8;
}

/* Text without types: CSV, forms. The value's text is borrowed from text, or from scratch where it had to be rewritten
 * (category of int: "028.0" -> "28"). */
enum anomaly value_from_text(enum value_type type, const char *text, size_t n_bytes, char scratch[VALUE_SCRATCH_BYTES],
                             struct value *ret_value);

/* A number or a text of a source with types. scratch as above. */
enum anomaly value_from_int64(enum value_type type, int64_t integer, char scratch[VALUE_SCRATCH_BYTES],
                              struct value *ret_value);
enum anomaly value_from_double(enum value_type type, double number, char scratch[VALUE_SCRATCH_BYTES],
                               struct value *ret_value);
enum anomaly value_from_bool(enum value_type type, bool is_true, struct value *ret_value);
enum anomaly value_from_string(enum value_type type, const char *text, size_t n_bytes, struct value *ret_value);

/* NULL and null are missing; a text is borrowed from the document. */
enum anomaly value_from_json(enum value_type type, const struct json_value *json, char scratch[VALUE_SCRATCH_BYTES],
                             struct value *ret_value);

/* A cell of a table. A column of value_column_type(type) is read in place (ints beyond ±2^53 are refused, the text of a
 * category of int is brought to its canonical form); any other column by the rules for sources with types. */
enum anomaly value_from_column(enum value_type type, const struct column *column, size_t row,
                               char scratch[VALUE_SCRATCH_BYTES], struct value *ret_value);

/* Appends a value of that type to the builder's column of value_column_type(). 0, -ENOMEM, or -EFBIG. */
int value_append(const struct value *value, struct table_builder *builder, size_t column);

/* The canonical text: "28", "-0.5", "1e+30", "Male"; "" for missing. A float is written with the fewest digits that
 * read back to the same double (17 at most). Borrowed from the value or from scratch. */
const char *value_format(const struct value *value, char scratch[VALUE_SCRATCH_BYTES], size_t *ret_n_bytes);

/* Writes the bytes as people should see them: in quotes, cut after 60 bytes, control characters and what is no UTF-8 as
 * '?'. NULL is written as: nothing. Returns ret_text. */
#define VALUE_QUOTE_BYTES 72
char *value_quote(const char *seen, size_t n_seen, char ret_text[VALUE_QUOTE_BYTES]);

/* The sentence about a value of the wrong type, seen as it was written: 'value "abc" is no int'. Cut at n_bytes;
 * returns ret_text. */
char *value_describe(enum anomaly anomaly, enum value_type type, const char *seen, size_t n_seen, char *ret_text,
                     size_t n_bytes);

/* The same as a fault with code, column and row (-1: unknown). Returns FAULT_E_INPUT. */
int value_fault(enum anomaly anomaly, enum value_type type, const char *column, int64_t row, const char *seen,
                size_t n_seen, struct fault *fault);
