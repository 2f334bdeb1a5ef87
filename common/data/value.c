/* Values: the rules of value.h for each kind of source. How numbers are read from text stands in value_number.c. */

#include "common/data/value.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/utf8.h"
#include "common/data/value_number.h"

const char *value_type_name(enum value_type type) {
        static const char *const names[] = {
                [VALUE_TYPE_INT] = "int",
                [VALUE_TYPE_FLOAT] = "float",
                [VALUE_TYPE_BOOL] = "bool",
                [VALUE_TYPE_CATEGORY] = "category of string",
                [VALUE_TYPE_CATEGORY_INT] = "category of int",
        };

        assert(type < N_ELEMENTS(names));
        return names[type];
}

static struct value value_make_text(const char *text, size_t n_bytes) {
        struct value value = { .kind = n_bytes ? VALUE_TEXT : VALUE_MISSING, .n_bytes = n_bytes };

        value.text = text;
        return value;
}

/* Decimal digits of an int, faster than printf. Returns their number; scratch is ended by NUL. */
static size_t format_int64(int64_t integer, char scratch[VALUE_SCRATCH_BYTES]) {
        uint64_t rest = integer < 0 ? 0 - (uint64_t)integer : (uint64_t)integer;
        char digits[20];
        size_t n = 0, n_bytes = 0;

        do
                digits[n++] = (char)('0' + rest % 10);
        while (rest /= 10);
        if (integer < 0)
                scratch[n_bytes++] = '-';
        while (n)
                scratch[n_bytes++] = digits[--n];
        scratch[n_bytes] = '\0';
        return n_bytes;
}

enum anomaly value_from_int64(enum value_type type, int64_t integer, char scratch[VALUE_SCRATCH_BYTES],
                              struct value *ret_value) {
        bool is_int = integer >= -VALUE_INT_MAX && integer <= VALUE_INT_MAX;

        switch (type) {
        case VALUE_TYPE_INT:
                if (!is_int)
                        return ANOMALY_INT_TYPE_INT_EXPECTED;
                *ret_value = (struct value){ .kind = VALUE_INT, .integer = integer };
                return ANOMALY_NONE;
        case VALUE_TYPE_BOOL:
                if (!is_int)
                        return integer < 0 ? ANOMALY_BOOL_TYPE_SMALL_INT : ANOMALY_BOOL_TYPE_BIG_INT;
                *ret_value = (struct value){ .kind = VALUE_INT, .integer = integer };
                return ANOMALY_NONE;
        case VALUE_TYPE_FLOAT:
                *ret_value = (struct value){ .kind = VALUE_FLOAT, .number = (double)integer };
                return ANOMALY_NONE;
        case VALUE_TYPE_CATEGORY_INT:
                if (!is_int)
                        return ANOMALY_INT_TYPE_INT_EXPECTED;
                *ret_value = value_make_text(scratch, format_int64(integer, scratch));
                return ANOMALY_NONE;
        case VALUE_TYPE_CATEGORY:
                break;
        }
        return ANOMALY_ENUM_TYPE_INT_NOT_STRING;
}

enum anomaly value_from_double(enum value_type type, double number, char scratch[VALUE_SCRATCH_BYTES],
                               struct value *ret_value) {
        if (isnan(number)) {
                *ret_value = (struct value){ .kind = VALUE_MISSING };
                return ANOMALY_NONE;
        }
        if (type == VALUE_TYPE_FLOAT) {
                /* -0.0 becomes 0.0: one value, one text, one hash */
                *ret_value = (struct value){ .kind = VALUE_FLOAT, .number = number + 0.0 };
                return ANOMALY_NONE;
        }
        if (number >= -0x1p53 && number <= 0x1p53 && islessequal(fabs(number - trunc(number)), 0.0))
                return value_from_int64(type, (int64_t)number, scratch, ret_value);
        switch (type) {
        case VALUE_TYPE_BOOL:
                return ANOMALY_BOOL_TYPE_UNEXPECTED_FLOAT;
        case VALUE_TYPE_CATEGORY:
                return ANOMALY_ENUM_TYPE_FLOAT_NOT_STRING;
        default:
                return ANOMALY_INT_TYPE_INT_EXPECTED;
        }
}

enum anomaly value_from_bool(enum value_type type, bool is_true, struct value *ret_value) {
        switch (type) {
        case VALUE_TYPE_BOOL:
                *ret_value = (struct value){ .kind = VALUE_INT, .integer = is_true };
                return ANOMALY_NONE;
        case VALUE_TYPE_FLOAT:
                return ANOMALY_FLOAT_TYPE_NOT_FLOAT;
        case VALUE_TYPE_CATEGORY:
                return ANOMALY_ENUM_TYPE_INT_NOT_STRING;
        default:
                return ANOMALY_INT_TYPE_INT_EXPECTED;
        }
}

/* What a text is called where a number belongs. */
static enum anomaly text_for_number(enum value_type type) {
        switch (type) {
        case VALUE_TYPE_FLOAT:
                return ANOMALY_FLOAT_TYPE_STRING_NOT_FLOAT;
        case VALUE_TYPE_BOOL:
                return ANOMALY_BOOL_TYPE_STRING_NOT_INT;
        default:
                return ANOMALY_INT_TYPE_INT_EXPECTED;
        }
}

enum anomaly value_from_string(enum value_type type, const char *text, size_t n_bytes, struct value *ret_value) {
        if (n_bytes && type != VALUE_TYPE_CATEGORY)
                return text_for_number(type);
        if (n_bytes > VALUE_TEXT_BYTES_MAX)
                return ANOMALY_VALUE_TOO_LONG;
        if (!utf8_is_valid(text, n_bytes))
                return ANOMALY_ENUM_TYPE_INVALID_UTF8;
        *ret_value = value_make_text(text, n_bytes);
        return ANOMALY_NONE;
}

static bool text_is_bool(const char *text, size_t n_bytes, bool *ret_is_true) {
        bool is_true = n_bytes == 4 && (!memcmp(text, "true", 4) || !memcmp(text, "True", 4));

        if (!is_true && !(n_bytes == 5 && (!memcmp(text, "false", 5) || !memcmp(text, "False", 5))))
                return false;
        *ret_is_true = is_true;
        return true;
}

enum anomaly value_from_text(enum value_type type, const char *text, size_t n_bytes, char scratch[VALUE_SCRATCH_BYTES],
                             struct value *ret_value) {
        int64_t integer;
        double number;
        bool is_true;

        if (type == VALUE_TYPE_CATEGORY || !n_bytes)
                return value_from_string(type, text, n_bytes, ret_value);
        switch (value_number_read(text, n_bytes, &integer, &number)) {
        case VALUE_NUMBER_INT:
                return value_from_int64(type, integer, scratch, ret_value);
        case VALUE_NUMBER_DOUBLE:
                return value_from_double(type, number, scratch, ret_value);
        case VALUE_NUMBER_NONE:
                break;
        }
        if (type == VALUE_TYPE_BOOL && text_is_bool(text, n_bytes, &is_true))
                return value_from_bool(type, is_true, ret_value);
        return text_for_number(type);
}

enum anomaly value_from_json(enum value_type type, const struct json_value *json, char scratch[VALUE_SCRATCH_BYTES],
                             struct value *ret_value) {
        const char *text = NULL;
        size_t n_bytes = 0;
        int64_t integer = 0;
        double number = 0.0;
        bool is_true = false;

        switch (json_kind(json)) {
        case JSON_KIND_NONE:
        case JSON_KIND_NULL:
                *ret_value = (struct value){ .kind = VALUE_MISSING };
                return ANOMALY_NONE;
        case JSON_KIND_BOOL:
                (void)json_as_bool(json, &is_true);
                return value_from_bool(type, is_true, ret_value);
        case JSON_KIND_INT:
                (void)json_as_int64(json, &integer);
                return value_from_int64(type, integer, scratch, ret_value);
        case JSON_KIND_UINT:
        case JSON_KIND_REAL:
                (void)json_as_double(json, &number);
                return value_from_double(type, number, scratch, ret_value);
        case JSON_KIND_TEXT:
                (void)json_as_text(json, &text, &n_bytes);
                return value_from_string(type, text, n_bytes, ret_value);
        case JSON_KIND_ARRAY:
        case JSON_KIND_OBJECT:
                break;
        }
        return ANOMALY_UNEXPECTED_DATA_TYPE;
}

enum anomaly value_from_column(enum value_type type, const struct column *column, size_t row,
                               char scratch[VALUE_SCRATCH_BYTES], struct value *ret_value) {
        const char *text;
        size_t n_bytes;

        if (!column_is_present(column, row)) {
                *ret_value = (struct value){ .kind = VALUE_MISSING };
                return ANOMALY_NONE;
        }
        switch (column->type) {
        case COLUMN_INT64:
                return value_from_int64(type, column->int64[row], scratch, ret_value);
        case COLUMN_FLOAT64:
                return value_from_double(type, column->float64[row], scratch, ret_value);
        case COLUMN_FLOAT32:
                return value_from_double(type, (double)column->float32[row], scratch, ret_value);
        case COLUMN_UTF8:
                break;
        }
        text = column_text(column, row, &n_bytes);
        if (type == VALUE_TYPE_CATEGORY_INT)
                return value_from_text(type, text, n_bytes, scratch, ret_value);
        return value_from_string(type, text, n_bytes, ret_value);
}

int value_append(const struct value *value, struct table_builder *builder, size_t column) {
        switch (value->kind) {
        case VALUE_INT:
                return table_builder_add_int64(builder, column, value->integer);
        case VALUE_FLOAT:
                return table_builder_add_float64(builder, column, value->number);
        case VALUE_TEXT:
                return table_builder_add_text(builder, column, value->text, value->n_bytes);
        case VALUE_MISSING:
                break;
        }
        return table_builder_add_missing(builder, column);
}

const char *value_format(const struct value *value, char scratch[VALUE_SCRATCH_BYTES], size_t *ret_n_bytes) {
        switch (value->kind) {
        case VALUE_INT:
                *ret_n_bytes = format_int64(value->integer, scratch);
                return scratch;
        case VALUE_FLOAT:
                *ret_n_bytes = value_number_format(value->number, scratch);
                return scratch;
        case VALUE_TEXT:
                *ret_n_bytes = value->n_bytes;
                return value->text;
        case VALUE_MISSING:
                break;
        }
        *ret_n_bytes = 0;
        return "";
}

char *value_quote(const char *seen, size_t n_seen, char ret_text[VALUE_QUOTE_BYTES]) {
        enum { N_SHOWN = 60 };
        size_t n = n_seen < N_SHOWN ? n_seen : N_SHOWN;
        bool is_utf8;
        char *end = ret_text;

        if (!seen) {
                memcpy(ret_text, "nothing", sizeof("nothing"));
                return ret_text;
        }
        /* a cut must not leave half a character behind */
        while (n < n_seen && n > N_SHOWN - 4 && ((unsigned char)seen[n] & 0xc0) == 0x80)
                n--;
        is_utf8 = utf8_is_valid(seen, n);
        *end++ = '"';
        for (size_t i = 0; i < n; i++) {
                unsigned char byte = (unsigned char)seen[i];

                *end++ = byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !is_utf8) ? '?' : (char)byte;
        }
        memcpy(end, n < n_seen ? "…\"" : "\"", n < n_seen ? sizeof("…\"") : sizeof("\""));
        return ret_text;
}

char *value_describe(enum anomaly anomaly, enum value_type type, const char *seen, size_t n_seen, char *ret_text,
                     size_t n_bytes) {
        char quote[VALUE_QUOTE_BYTES];

        value_quote(seen, n_seen, quote);
        switch (anomaly) {
        case ANOMALY_UNEXPECTED_DATA_TYPE:
                snprintf(ret_text, n_bytes, "a list or an object stands where one value (%s) belongs",
                         value_type_name(type));
                break;
        case ANOMALY_VALUE_TOO_LONG:
                snprintf(ret_text, n_bytes, "text %s has %zu bytes, at most %d are allowed", quote, n_seen,
                         VALUE_TEXT_BYTES_MAX);
                break;
        case ANOMALY_ENUM_TYPE_INVALID_UTF8:
                snprintf(ret_text, n_bytes, "text %s is not UTF-8", quote);
                break;
        case ANOMALY_ENUM_TYPE_INT_NOT_STRING:
        case ANOMALY_ENUM_TYPE_FLOAT_NOT_STRING:
                snprintf(ret_text, n_bytes, "value %s is no text", quote);
                break;
        case ANOMALY_FLOAT_TYPE_NOT_FLOAT:
        case ANOMALY_FLOAT_TYPE_STRING_NOT_FLOAT:
                snprintf(ret_text, n_bytes, "value %s is no number", quote);
                break;
        case ANOMALY_BOOL_TYPE_STRING_NOT_INT:
        case ANOMALY_BOOL_TYPE_UNEXPECTED_FLOAT:
        case ANOMALY_BOOL_TYPE_SMALL_INT:
        case ANOMALY_BOOL_TYPE_BIG_INT:
                snprintf(ret_text, n_bytes, "value %s is neither 0 nor 1", quote);
                break;
        default:
                snprintf(ret_text, n_bytes, "value %s is no int (an integral number within ±2^53)", quote);
                break;
        }
        return ret_text;
}

int value_fault(enum anomaly anomaly, enum value_type type, const char *column, int64_t row, const char *seen,
                size_t n_seen, struct fault *fault) {
        char sentence[256];

        fault_in(fault, column, row);
        value_describe(anomaly, type, seen, n_seen, sentence, sizeof(sentence));
        return fault_set(fault, anomaly_name(anomaly), "%s", sentence);
}
