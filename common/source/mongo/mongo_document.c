/* Mongo document: each value by its type, each name first where it stood last. */

#include "common/source/mongo/mongo_document.h"

#include <bson/bson.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/cleanup.h"
#include "common/base/error.h"
#include "common/data/value.h"
#include "common/data/value_number.h"
#include "common/source/mongo/mongo_field.h"
#include "common/source/mongo/mongo_plan.h"

enum {
        OBJECT_ID_TEXT_BYTES = 24,
        /* years 0 to 9999, the bounds of RFC 3339 */
        DATE_TEXT_BYTES = 25,
        UUID_BYTES = 16,
        UUID_SUBTYPE = 4,
};
static const int64_t DATE_MS_MIN = INT64_C(-62167219200000), DATE_MS_MAX = INT64_C(253402300799999);

/* What the field at this place of the last document was. */
struct guess {
        char name[TABLE_NAME_BYTES];
        size_t n_name;
        size_t column;
};

struct mongo_document_reader {
        const struct schema *schema;
        bool *has;
        struct guess *guesses; /* TABLE_COLUMNS_MAX */
        uint64_t *seen;        /* of each schema column: the number of the last document that had it */
        uint64_t n_documents;
        struct mongo_plan *plan;
        bool is_planned; /* the last document was as planned */
};

int mongo_document_reader_create(const struct schema *schema, bool *has, struct mongo_document_reader **ret_reader) {
        _cleanup_(mongo_document_reader_destroy_pointer) struct mongo_document_reader *reader = calloc(1,
                                                                                                       sizeof(*reader));
        int r;

        if (reader) {
                reader->schema = schema;
                reader->has = has;
                reader->guesses = calloc(TABLE_COLUMNS_MAX, sizeof(*reader->guesses));
                reader->seen = calloc(schema->n_columns + 1, sizeof(*reader->seen));
        }
        if (!reader || !reader->guesses || !reader->seen)
                return error_origin(-ENOMEM, "reading documents");
        r = mongo_plan_create(schema, &reader->plan);
        if (r)
                return error_trace(r);
        *ret_reader = steal(reader);
        return 0;
}

struct mongo_document_reader *mongo_document_reader_destroy(struct mongo_document_reader *reader) {
        if (!reader)
                return NULL;
        free(reader->guesses);
        free(reader->seen);
        mongo_plan_destroy(reader->plan);
        free(reader);
        return NULL;
}

void mongo_document_reader_destroy_pointer(struct mongo_document_reader **reader) {
        *reader = mongo_document_reader_destroy(*reader);
}

static void format_hex(const uint8_t *bytes, size_t n_bytes, char *ret_text) {
        static const char digits[] = "0123456789abcdef";

        for (size_t i = 0; i < n_bytes; i++) {
                ret_text[2 * i] = digits[bytes[i] >> 4];
                ret_text[2 * i + 1] = digits[bytes[i] & 15];
        }
        ret_text[2 * n_bytes] = '\0';
}

/* False for a year that has no four digits. */
static bool format_date(int64_t time_ms, char ret_text[VALUE_SCRATCH_BYTES]) {
        int64_t part = (time_ms % 1000 + 1000) % 1000;
        time_t seconds = (time_t)((time_ms - part) / 1000);
        struct tm tm;

        if (time_ms < DATE_MS_MIN || time_ms > DATE_MS_MAX || !gmtime_r(&seconds, &tm))
                return false;
        snprintf(ret_text, VALUE_SCRATCH_BYTES, "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ",
                 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100, (unsigned)tm.tm_mday % 100,
                 (unsigned)tm.tm_hour % 100, (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100, (unsigned)part);
        return true;
}

static void format_decimal(const uint8_t *at, char ret_text[BSON_DECIMAL128_STRING]) {
        bson_decimal128_t decimal = { .low = (uint64_t)mongo_field_int64(at),
                                      .high = (uint64_t)mongo_field_int64(at + 8) };

        bson_decimal128_to_string(&decimal, ret_text);
}

/* As the same number in a CSV file. */
static enum anomaly convert_decimal(const uint8_t *at, enum value_type type, char scratch[VALUE_SCRATCH_BYTES],
                                    struct value *ret_value) {
        char text[BSON_DECIMAL128_STRING];
        int64_t integer;
        double number;

        format_decimal(at, text);
        switch (value_number_read(text, strlen(text), &integer, &number)) {
        case VALUE_NUMBER_INT:
                return value_from_int64(type, integer, scratch, ret_value);
        case VALUE_NUMBER_DOUBLE:
                return value_from_double(type, number, scratch, ret_value);
        case VALUE_NUMBER_NONE:
                break;
        }
        return ANOMALY_UNEXPECTED_DATA_TYPE;
}

static enum anomaly convert_date(int64_t time_ms, enum value_type type, char scratch[VALUE_SCRATCH_BYTES],
                                 struct value *ret_value) {
        if (type == VALUE_TYPE_BOOL || (type == VALUE_TYPE_CATEGORY && !format_date(time_ms, scratch)))
                return ANOMALY_UNEXPECTED_DATA_TYPE;
        if (type == VALUE_TYPE_CATEGORY)
                return value_from_string(type, scratch, strlen(scratch), ret_value);
        return value_from_int64(type, time_ms, scratch, ret_value);
}

/* The table in mongo_document.h. */
static enum anomaly convert(const struct mongo_field *field, enum value_type type, char scratch[VALUE_SCRATCH_BYTES],
                            struct value *ret_value) {
        switch (field->type) {
        case MONGO_TYPE_INT32:
                return value_from_int64(type, mongo_field_int32(field->value), scratch, ret_value);
        case MONGO_TYPE_INT64:
                return value_from_int64(type, mongo_field_int64(field->value), scratch, ret_value);
        case MONGO_TYPE_DOUBLE:
                return value_from_double(type, mongo_field_double(field->value), scratch, ret_value);
        case MONGO_TYPE_DECIMAL128:
                return convert_decimal(field->value, type, scratch, ret_value);
        case MONGO_TYPE_BOOL:
                return value_from_bool(type, *field->value, ret_value);
        case MONGO_TYPE_STRING:
                return value_from_string(type, (const char *)field->value, field->n_value, ret_value);
        case MONGO_TYPE_OBJECT_ID:
                format_hex(field->value, field->n_value, scratch);
                return value_from_string(type, scratch, OBJECT_ID_TEXT_BYTES, ret_value);
        case MONGO_TYPE_DATE:
                return convert_date(mongo_field_int64(field->value), type, scratch, ret_value);
        case MONGO_TYPE_NULL:
                *ret_value = (struct value){ .kind = VALUE_MISSING };
                return ANOMALY_NONE;
        default:
                return ANOMALY_UNEXPECTED_DATA_TYPE;
        }
}

/* A value as it should be told of, without quotes; a text as it stands. Borrowed from the field or from scratch. */
static const char *see(const struct mongo_field *field, char scratch[BSON_DECIMAL128_STRING], size_t *ret_n_bytes) {
        const char *text = scratch;

        switch (field->type) {
        case MONGO_TYPE_STRING:
                *ret_n_bytes = field->n_value;
                return (const char *)field->value;
        case MONGO_TYPE_INT32:
                snprintf(scratch, BSON_DECIMAL128_STRING, "%" PRId32, mongo_field_int32(field->value));
                break;
        case MONGO_TYPE_INT64:
                snprintf(scratch, BSON_DECIMAL128_STRING, "%" PRId64, mongo_field_int64(field->value));
                break;
        case MONGO_TYPE_DOUBLE:
                value_number_format(mongo_field_double(field->value), scratch);
                break;
        case MONGO_TYPE_DECIMAL128:
                format_decimal(field->value, scratch);
                break;
        case MONGO_TYPE_BOOL:
                text = *field->value ? "true" : "false";
                break;
        case MONGO_TYPE_OBJECT_ID:
                format_hex(field->value, field->n_value, scratch);
                break;
        case MONGO_TYPE_DATE:
                if (!format_date(mongo_field_int64(field->value), scratch))
                        text = "a date without a year of four digits";
                break;
        default:
                text = mongo_field_type_name(field->type);
        }
        *ret_n_bytes = strlen(text);
        return text;
}

/* The same as mongo's shell would write it. Returns the length, below MONGO_DOCUMENT_NAME_BYTES. */
static size_t show_value(const struct mongo_field *field, char ret_text[MONGO_DOCUMENT_NAME_BYTES]) {
        char scratch[BSON_DECIMAL128_STRING], quoted[VALUE_QUOTE_BYTES], hex[2 * UUID_BYTES + 1];
        const char *before = "", *after = "";
        const char *seen;
        size_t n_seen = 0;

        seen = see(field, scratch, &n_seen);
        if (field->type == MONGO_TYPE_STRING) {
                seen = value_quote(seen, n_seen, quoted);
        } else if (field->type == MONGO_TYPE_OBJECT_ID) {
                before = "ObjectId(\"", after = "\")";
        } else if (field->type == MONGO_TYPE_DECIMAL128) {
                before = "Decimal128(\"", after = "\")";
        } else if (field->type == MONGO_TYPE_DATE) {
                before = "ISODate(\"", after = "\")";
        } else if (field->type == MONGO_TYPE_BINARY && field->n_value == 5 + UUID_BYTES &&
                   field->value[4] == UUID_SUBTYPE) {
                format_hex(field->value + 5, UUID_BYTES, hex);
                seen = hex, before = "UUID(\"", after = "\")";
        }
        return (size_t)snprintf(ret_text, MONGO_DOCUMENT_NAME_BYTES, "%s%.72s%s", before, seen, after);
}

char *mongo_document_name(const uint8_t *document, size_t n_bytes, char ret_text[MONGO_DOCUMENT_NAME_BYTES]) {
        struct mongo_field field;

        if (mongo_field_find(document, n_bytes, "_id", &field))
                show_value(&field, ret_text);
        else
                strcpy(ret_text, "without _id");
        return ret_text;
}

size_t mongo_document_show(const uint8_t *document, size_t n_document, char *ret_text, size_t n_bytes) {
        char value[MONGO_DOCUMENT_NAME_BYTES], name[VALUE_QUOTE_BYTES];
        struct mongo_fields fields;
        struct mongo_field field;
        size_t n = 0;
        int n_added;

        *ret_text = '\0';
        if (!mongo_fields_begin(document, n_document, &fields))
                return 0;
        while (mongo_fields_next(&fields, &field) == MONGO_NEXT_FIELD) {
                show_value(&field, value);
                n_added = snprintf(ret_text + n, n_bytes - n, "%s%s: %s", n ? ", " : "{",
                                   value_quote(field.name, field.n_name, name), value);
                if ((size_t)n_added >= n_bytes - n)
                        return n_bytes - 1;
                n += (size_t)n_added;
        }
        n_added = snprintf(ret_text + n, n_bytes - n, n ? "}" : "{}");
        return (size_t)n_added >= n_bytes - n ? n_bytes - 1 : n + (size_t)n_added;
}

/* Puts the document's name before the sentence. */
static int name_document(const uint8_t *document, size_t n_bytes, struct fault *fault) {
        char name[MONGO_DOCUMENT_NAME_BYTES], message[sizeof(fault->message)], code[sizeof(fault->code)];

        memcpy(message, fault->message, sizeof(message));
        memcpy(code, fault->code, sizeof(code));
        return fault_set(fault, code, "document %s: %.900s", mongo_document_name(document, n_bytes, name), message);
}

static int refuse_value(const struct schema_column *column, enum anomaly anomaly, const struct mongo_field *field,
                        int64_t row, struct fault *fault) {
        char scratch[BSON_DECIMAL128_STRING];
        size_t n_seen = 0;
        const char *seen = see(field, scratch, &n_seen);

        if (anomaly == ANOMALY_UNEXPECTED_DATA_TYPE) {
                fault_in(fault, column->name, row);
                return fault_set(fault, anomaly_name(anomaly), "%s stands where a value (%s) belongs",
                                 field->type == MONGO_TYPE_DATE && seen != scratch ? seen
                                                                                   : mongo_field_type_name(field->type),
                                 value_type_name(column->type));
        }
        return value_fault(anomaly, column->type, column->name, row, seen, n_seen, fault);
}

/* The schema column of the field at place i, or SCHEMA_NO_VALUE. */
static size_t find_column(struct mongo_document_reader *reader, size_t i, const struct mongo_field *field) {
        struct guess *guess = &reader->guesses[i < TABLE_COLUMNS_MAX ? i : TABLE_COLUMNS_MAX - 1];
        const struct schema_column *column;
        size_t place;

        if (guess->n_name == field->n_name && field->n_name && !memcmp(guess->name, field->name, field->n_name))
                return guess->column;
        column = schema_find(reader->schema, field->name, field->n_name);
        place = column ? (size_t)(column - reader->schema->columns) : SCHEMA_NO_VALUE;
        if (field->n_name < TABLE_NAME_BYTES) {
                memcpy(guess->name, field->name, field->n_name);
                guess->n_name = field->n_name;
                guess->column = place;
        }
        return place;
}

static int append_field(struct mongo_document_reader *reader, const struct mongo_field *field, size_t k, int64_t row,
                        struct table_builder *builder, struct fault *fault) {
        const struct schema_column *column = &reader->schema->columns[k];
        char scratch[VALUE_SCRATCH_BYTES];
        enum anomaly anomaly;
        struct value value;

        if (reader->seen[k] == reader->n_documents) {
                fault_in(fault, column->name, row);
                return fault_set(fault, "BSON_DUPLICATE_FIELD", "the document has this field twice");
        }
        reader->seen[k] = reader->n_documents;
        reader->has[k] = true;
        anomaly = convert(field, column->type, scratch, &value);
        if (anomaly)
                return refuse_value(column, anomaly, field, row, fault);
        return error_trace(value_append(&value, builder, k));
}

static int append_fields(struct mongo_document_reader *reader, const uint8_t *document, size_t n_bytes, int64_t row,
                         struct table_builder *builder, struct fault *fault) {
        size_t n_columns = reader->schema->n_columns, n_found = 0, k;
        struct mongo_fields fields;
        struct mongo_field field;
        enum mongo_next next;
        int r;

        if (!mongo_fields_begin(document, n_bytes, &fields)) {
                fault_in(fault, "", row);
                return fault_set(fault, "BSON_MALFORMED", "this is no BSON document");
        }
        for (size_t i = 0; (next = mongo_fields_next(&fields, &field)) == MONGO_NEXT_FIELD; i++) {
                k = find_column(reader, i, &field);
                if (k == SCHEMA_NO_VALUE)
                        continue;
                r = append_field(reader, &field, k, row, builder, fault);
                if (r)
                        return error_trace(r);
                n_found++;
        }
        if (next == MONGO_NEXT_BROKEN) {
                fault_in(fault, "", row);
                return fault_set(fault, "BSON_MALFORMED", "what follows its first fields is no BSON");
        }
        for (k = 0; k < n_columns && n_found < n_columns; k++) {
                if (reader->seen[k] == reader->n_documents)
                        continue;
                r = table_builder_add_missing(builder, k);
                if (r)
                        return error_trace(r);
                n_found++;
        }
        return 0;
}

int mongo_document_append(struct mongo_document_reader *reader, const uint8_t *document, size_t n_bytes, int64_t row,
                          struct table_builder *builder, struct fault *fault) {
        int r;

        reader->n_documents++;
        r = append_fields(reader, document, n_bytes, row, builder, fault);
        return r == FAULT_E_INPUT ? name_document(document, n_bytes, fault) : error_trace(r);
}

/* One document that is not as planned may be an exception; the second is the new rule. */
static void replan(struct mongo_document_reader *reader, const uint8_t *document, size_t n_bytes) {
        size_t columns[TABLE_COLUMNS_MAX], n = 0;
        struct mongo_fields fields;
        struct mongo_field field;

        if (!mongo_fields_begin(document, n_bytes, &fields))
                return;
        for (; n < TABLE_COLUMNS_MAX && mongo_fields_next(&fields, &field) == MONGO_NEXT_FIELD; n++)
                columns[n] = find_column(reader, n, &field);
        mongo_plan_learn(reader->plan, document, n_bytes, columns, n);
}

int mongo_document_append_run(struct mongo_document_reader *reader, const struct mongo_span *documents,
                              size_t n_documents, int64_t row, struct table_builder *builder, size_t *ret_n_done,
                              struct fault *fault) {
        size_t n_done = 0;
        int r;

        r = mongo_plan_append(reader->plan, documents, n_documents, builder, &n_done);
        if (r)
                return error_trace(r);
        *ret_n_done = n_done;
        if (n_done)
                reader->is_planned = true;
        if (n_done == n_documents)
                return 0;
        r = mongo_document_append(reader, documents[n_done].bytes, documents[n_done].n_bytes, row + (int64_t)n_done,
                                  builder, fault);
        if (r)
                return error_trace(r);
        if (!reader->is_planned)
                replan(reader, documents[n_done].bytes, documents[n_done].n_bytes);
        reader->is_planned = false;
        *ret_n_done = n_done + 1;
        return 0;
}

static bool write_cell(bson_t *document, const struct schema_column *declared, const struct column *column,
                       size_t row) {
        const char *name = declared->name;
        int n_name = (int)strlen(name);
        int64_t integer = 0;
        double number;
        const char *text;
        size_t n_bytes;

        if (column->type == COLUMN_FLOAT64)
                return bson_append_double(document, name, n_name, column->float64[row]);
        if (column->type == COLUMN_UTF8) {
                text = column_text(column, row, &n_bytes);
                if (declared->type != VALUE_TYPE_CATEGORY_INT ||
                    value_number_read(text, n_bytes, &integer, &number) != VALUE_NUMBER_INT)
                        return bson_append_utf8(document, name, n_name, text, (int)n_bytes);
        } else {
                integer = column->int64[row];
                if (declared->type == VALUE_TYPE_BOOL && (integer == 0 || integer == 1))
                        return bson_append_bool(document, name, n_name, integer);
        }
        if (integer >= INT32_MIN && integer <= INT32_MAX)
                return bson_append_int32(document, name, n_name, (int32_t)integer);
        return bson_append_int64(document, name, n_name, integer);
}

int mongo_document_write(const struct schema *schema, const struct table *table, size_t row, bson_t *document) {
        for (size_t k = 0; k < schema->n_columns; k++) {
                const struct column *column = &table->columns[k];

                if (!column_is_present(column, row))
                        continue;
                if (!write_cell(document, &schema->columns[k], column, row))
                        return error_origin(-ENOMEM, "no memory for a document");
        }
        return 0;
}
