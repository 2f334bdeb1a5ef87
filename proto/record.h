#pragma once

/*
 * Record
 *
 * A struct described once, as a table of its fields, and from that table written and read: as MessagePack in messages,
 * as JSON in manifests and answers, from YAML in pipeline.yaml. So the forms cannot drift apart, and every field has
 * its type, limit and name in one place.
 *
 *      static const struct record_field fields[] = {
 *              RECORD_SHA256(blob, sha256),
 *              RECORD_INT(blob, n_bytes, 0, INT64_MAX),
 *      };
 *      const struct record blob_record = RECORD(blob, fields);
 *
 * MessagePack: a map of all fields in the table's order, each key exactly once; an absent map or double is nil. JSON:
 * an object in the same order; absent values are left out, and a reader takes the members in any order, refuses unknown
 * ones and leaves absent ones as they are. Records hold no pointers: all text and lists lie within the struct, so that
 * a record may be copied and compared, and nothing of it needs freeing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"
#include "common/base/fault.h"
#include "common/base/json.h"
#include "common/base/json_builder.h"
#include "common/bus/cursor.h"
#include "common/bus/pack.h"

/* the path of a field, its end included */
#define RECORD_PATH_BYTES 128

struct config_node;
struct record;

enum record_kind {
        RECORD_KIND_BOOL,   /* bool */
        RECORD_KIND_INT,    /* int64_t, low … high; low is absent in JSON when it may be absent */
        RECORD_KIND_DOUBLE, /* double, low … high; NaN is absent when it may be absent */
        RECORD_KIND_FLOAT,  /* float, finite; travels as a double of the same value */
        RECORD_KIND_TIME,   /* int64_t, milliseconds since 1970; RFC 3339 in JSON; 0 is absent when it may be absent */
        RECORD_KIND_TEXT,   /* char[n_room], UTF-8; "" is absent when it may be absent */
        RECORD_KIND_CHOICE, /* an enum, written as one of words */
        RECORD_KIND_MAP,    /* a struct within; with a flag it may be absent */
        RECORD_KIND_LIST,   /* an array of structs within, n_max long, and a size_t that counts those in use */
};

/* what a text must look like beyond being UTF-8 */
enum record_form {
        RECORD_FORM_ANY,
        RECORD_FORM_SHA256,      /* 64 lower-case hex digits */
        RECORD_FORM_CONTENT,     /* 32 lower-case hex digits */
        RECORD_FORM_UUID,        /* lower-case */
        RECORD_FORM_NAME,        /* [a-z0-9_-]+ */
        RECORD_FORM_CODE,        /* [A-Z0-9_]+ */
        RECORD_FORM_TRACEPARENT, /* W3C Trace Context, version 00 */
};

struct record_field {
        const char *name;
        enum record_kind kind;
        enum record_form form;
        bool may_be_absent;
        size_t offset;
        size_t n_room;         /* text: bytes with the end; list: elements */
        size_t offset_of_flag; /* map: of a bool that says whether it is there; list: of its size_t */
        int64_t low, high;     /* int */
        double double_low, double_high;
        const char *const *words; /* choice */
        size_t n_words;
        const struct record *record; /* map and list */
};

struct record {
        const char *name;
        size_t n_bytes;
        const struct record_field *fields;
        size_t n_fields;
};

/* The offset of a member, at the price of a compiler error when it has not the type that the table says. */
#define RECORD_AT(type_, member_, wanted_) \
        (offsetof(struct type_, member_) + \
         0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((struct type_ *)0)->member_), wanted_) ? 1 : -1]))
#define RECORD_ROOM(type_, member_) sizeof(((struct type_ *)0)->member_)

#define RECORD(type_, fields_) \
        { .name = #type_, .n_bytes = sizeof(struct type_), .fields = (fields_), .n_fields = N_ELEMENTS(fields_) }

#define RECORD_BOOL(type_, member_) \
        { .name = #member_, .kind = RECORD_KIND_BOOL, .offset = RECORD_AT(type_, member_, bool) }
#define RECORD_INT(type_, member_, low_, high_) \
        { \
                .name = #member_, .kind = RECORD_KIND_INT, .offset = RECORD_AT(type_, member_, int64_t), \
                .low = (low_), .high = (high_) \
        }
/* none, the least value, says that there is none. */
#define RECORD_INT_OR_NONE(type_, member_, none_, high_) \
        { \
                .name = #member_, .kind = RECORD_KIND_INT, .offset = RECORD_AT(type_, member_, int64_t), \
                .low = (none_), .high = (high_), .may_be_absent = true \
        }
#define RECORD_DOUBLE(type_, member_, low_, high_) \
        { \
                .name = #member_, .kind = RECORD_KIND_DOUBLE, .offset = RECORD_AT(type_, member_, double), \
                .double_low = (low_), .double_high = (high_) \
        }
#define RECORD_DOUBLE_OR_NONE(type_, member_, low_, high_) \
        { \
                .name = #member_, .kind = RECORD_KIND_DOUBLE, .offset = RECORD_AT(type_, member_, double), \
                .double_low = (low_), .double_high = (high_), .may_be_absent = true \
        }
#define RECORD_FLOAT(type_, member_) \
        { .name = #member_, .kind = RECORD_KIND_FLOAT, .offset = RECORD_AT(type_, member_, float) }
#define RECORD_TIME(type_, member_) \
        { .name = #member_, .kind = RECORD_KIND_TIME, .offset = RECORD_AT(type_, member_, int64_t) }
#define RECORD_TIME_OR_NONE(type_, member_) \
        { \
                .name = #member_, .kind = RECORD_KIND_TIME, .offset = RECORD_AT(type_, member_, int64_t), \
                .may_be_absent = true \
        }
#define RECORD_TEXT_OF(type_, member_, form_, absent_) \
        { \
                .name = #member_, .kind = RECORD_KIND_TEXT, .form = (form_), .may_be_absent = (absent_), \
                .offset = offsetof(struct type_, member_), .n_room = RECORD_ROOM(type_, member_) \
        }
#define RECORD_TEXT(type_, member_, form_) RECORD_TEXT_OF(type_, member_, RECORD_FORM_##form_, false)
#define RECORD_TEXT_OR_NONE(type_, member_, form_) RECORD_TEXT_OF(type_, member_, RECORD_FORM_##form_, true)
#define RECORD_CHOICE(type_, member_, words_, n_words_) \
        { \
                .name = #member_, .kind = RECORD_KIND_CHOICE, \
                .offset = offsetof(struct type_, member_) + \
                          0 * sizeof(char[RECORD_ROOM(type_, member_) == sizeof(int) ? 1 : -1]), \
                .words = (words_), .n_words = (n_words_) \
        }
#define RECORD_MAP(type_, member_, within_) \
        { \
                .name = #member_, .kind = RECORD_KIND_MAP, .offset = RECORD_AT(type_, member_, struct within_), \
                .record = &within_##_record \
        }
/* Present when the bool has_<member> is true. */
#define RECORD_MAP_OR_NONE(type_, member_, within_) \
        { \
                .name = #member_, .kind = RECORD_KIND_MAP, .offset = RECORD_AT(type_, member_, struct within_), \
                .offset_of_flag = RECORD_AT(type_, has_##member_, bool), .may_be_absent = true, \
                .record = &within_##_record \
        }
/* As many as the size_t n_<member> says. */
#define RECORD_LIST(type_, member_, within_) \
        { \
                .name = #member_, .kind = RECORD_KIND_LIST, .offset = offsetof(struct type_, member_), \
                .offset_of_flag = RECORD_AT(type_, n_##member_, size_t), \
                .n_room = RECORD_ROOM(type_, member_) / sizeof(struct within_), .record = &within_##_record \
        }

/* The field of that name, or NULL. */
const struct record_field *record_find_field(const struct record *record, const char *name);

/* Writes the record, which is valid. */
void record_pack(const struct record *record, const void *value, struct pack *pack);

/* Reads a whole map into ret_value, which is written to along the way, or fails like the cursor's getters; the fault's
 * column is the path of the field, such as "order.schema.sha256". Codes FRAME_*, FIELD_*. */
int record_unpack(const struct record *record, struct cursor *cursor, void *ret_value);

/* Appends the record, which is valid, as one JSON value; or its fields into an object that is open already. */
void record_put_json(const struct record *record, const void *value, struct json_builder *json);
void record_put_json_fields(const struct record *record, const void *value, struct json_builder *json);

/* One field of a record: whether it is absent, and its value alone. Equal are the same bytes of a single value; maps
 * and lists are none (asserted). */
bool record_field_is_absent(const struct record_field *field, const void *value);
bool record_field_is_equal(const struct record_field *field, const void *value, const void *other);
void record_put_field_json(const struct record_field *field, const void *value, struct json_builder *json);

/* Reads an object into ret_value, which is written to along the way. 0 or FAULT_E_INPUT (RECORD_FIELD), the fault's
 * column being the path of the field. */
int record_get_json(const struct record *record, const struct json_value *object, void *ret_value, struct fault *fault);

/* Reads one field, neither map nor list, from YAML into the record at value. 0 or FAULT_E_INPUT (CONFIG_*). */
int record_get_config(const struct record_field *field, const struct config_node *node, void *value,
                      struct fault *fault);

/* True when value keeps the rules of the table; else the path of the first field that breaks them is written. A record
 * from outside is valid when it was read; a program checks what it made itself before it writes it. */
bool record_is_valid(const struct record *record, const void *value, char ret_path[RECORD_PATH_BYTES]);

/* True when text has the form. */
bool record_form_holds(enum record_form form, const char *text);

/* The path of a field while a record is walked; for the files of this module. */
struct record_path {
        char text[RECORD_PATH_BYTES];
        size_t n_bytes;
};

/* Appends ".name", or "[index]" when name is NULL, and returns the length before, to be put back. Cut when too long. */
size_t record_path_push(struct record_path *path, const char *name, size_t index);
void record_path_pop(struct record_path *path, size_t n_bytes);

/* Where a field lies. */
static inline void *record_member(const void *value, size_t offset) {
        return (uint8_t *)(uintptr_t)value + offset;
}
