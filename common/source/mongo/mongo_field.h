#pragma once

/*
 * Mongo field
 *
 * The fields of a BSON document, read in place. The bytes may be anything: nothing is read beyond them, and what is no
 * BSON is found out. Source of the format: BSON, version 1.1 (bsonspec.org/spec.html).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* As the specification numbers them; the others only have names (mongo_field_type_name). */
enum {
        MONGO_TYPE_DOUBLE = 0x01,
        MONGO_TYPE_STRING = 0x02,
        MONGO_TYPE_OBJECT = 0x03,
        MONGO_TYPE_ARRAY = 0x04,
        MONGO_TYPE_BINARY = 0x05,
        MONGO_TYPE_UNDEFINED = 0x06,
        MONGO_TYPE_OBJECT_ID = 0x07,
        MONGO_TYPE_BOOL = 0x08,
        MONGO_TYPE_DATE = 0x09,
        MONGO_TYPE_NULL = 0x0a,
        MONGO_TYPE_REGEX = 0x0b,
        MONGO_TYPE_DB_POINTER = 0x0c,
        MONGO_TYPE_CODE = 0x0d,
        MONGO_TYPE_SYMBOL = 0x0e,
        MONGO_TYPE_CODE_WITH_SCOPE = 0x0f,
        MONGO_TYPE_INT32 = 0x10,
        MONGO_TYPE_TIMESTAMP = 0x11,
        MONGO_TYPE_INT64 = 0x12,
        MONGO_TYPE_DECIMAL128 = 0x13,
        MONGO_TYPE_MAX_KEY = 0x7f,
        MONGO_TYPE_MIN_KEY = 0xff,
};

struct mongo_field {
        const char *name; /* borrowed from the document, ended by NUL */
        size_t n_name;
        uint8_t type;
        const uint8_t *value; /* of a string the text itself, of all others as they lie there */
        size_t n_value;       /* of a string without its NUL */
};

struct mongo_fields {
        const uint8_t *at;
        const uint8_t *end; /* the document's last byte, which is NUL */
};

/* false: it is no document. */
bool mongo_fields_begin(const uint8_t *document, size_t n_bytes, struct mongo_fields *ret_fields);

/* The bytes of a document. */
struct mongo_span {
        const uint8_t *bytes;
        size_t n_bytes;
};

/* How many bytes a value of that type takes, of the n_left that there are; false: it is broken. */
bool mongo_field_measure(uint8_t type, const uint8_t *value, size_t n_left, size_t *ret_n_bytes);

/* True of a type whose values all take the same number of bytes. */
bool mongo_field_is_fixed(uint8_t type);

enum mongo_next {
        MONGO_NEXT_FIELD,
        MONGO_NEXT_END,
        MONGO_NEXT_BROKEN, /* no BSON from here on */
};

enum mongo_next mongo_fields_next(struct mongo_fields *fields, struct mongo_field *ret_field);

/* The first field of that name. */
bool mongo_field_find(const uint8_t *document, size_t n_bytes, const char *name, struct mongo_field *ret_field);

/* "an object", "binary data", "a date", …; "an unknown type". Borrowed forever. */
const char *mongo_field_type_name(uint8_t type);

/* Numbers in BSON are little-endian. */
static inline int32_t mongo_field_int32(const uint8_t *at) {
        return (int32_t)((uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24);
}

static inline int64_t mongo_field_int64(const uint8_t *at) {
        return (int64_t)((uint64_t)(uint32_t)mongo_field_int32(at) | (uint64_t)(uint32_t)mongo_field_int32(at + 4)
                                                                             << 32);
}

static inline double mongo_field_double(const uint8_t *at) {
        int64_t bits = mongo_field_int64(at);
        double number;

        memcpy(&number, &bits, sizeof(number));
        return number;
}
