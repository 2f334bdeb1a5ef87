/* Record: the table's rules, and MessagePack. */

#include "proto/record.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/base/utf8.h"
#include "common/base/uuid.h"

/* 9999-12-31T23:59:59.999Z */
#define TIME_MS_MAX INT64_C(253402300799999)

const struct record_field *record_find_field(const struct record *record, const char *name) {
        for (size_t i = 0; i < record->n_fields; i++)
                if (!strcmp(record->fields[i].name, name))
                        return &record->fields[i];
        return NULL;
}

size_t record_path_push(struct record_path *path, const char *name, size_t index) {
        size_t before = path->n_bytes, room = sizeof(path->text) - before;
        int n;

        if (name)
                n = snprintf(path->text + before, room, "%s%s", before ? "." : "", name);
        else
                n = snprintf(path->text + before, room, "[%zu]", index);
        path->n_bytes += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room - 1;
        return before;
}

void record_path_pop(struct record_path *path, size_t n_bytes) {
        path->n_bytes = n_bytes;
        path->text[n_bytes] = 0;
}

static bool is_hex(const char *text, size_t n_digits) {
        return strspn(text, "0123456789abcdef") == n_digits && !text[n_digits];
}

/* version 00 only: those that will follow may have more fields */
static bool is_traceparent(const char *text) {
        char trace[33], parent[17];

        if (strlen(text) != 55 || strncmp(text, "00-", 3) || text[35] != '-' || text[52] != '-')
                return false;
        memcpy(trace, text + 3, 32);
        trace[32] = 0;
        memcpy(parent, text + 36, 16);
        parent[16] = 0;
        return is_hex(trace, 32) && is_hex(parent, 16) && is_hex(text + 53, 2) && strspn(trace, "0") < 32 &&
               strspn(parent, "0") < 16;
}

bool record_form_holds(enum record_form form, const char *text) {
        size_t n = strlen(text);

        switch (form) {
        case RECORD_FORM_ANY:
                return utf8_is_valid(text, n);
        case RECORD_FORM_SHA256:
                return is_hex(text, 64);
        case RECORD_FORM_CONTENT:
                return is_hex(text, 32);
        case RECORD_FORM_UUID:
                return uuid_is_valid(text);
        case RECORD_FORM_NAME:
                return n && strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_-") == n;
        case RECORD_FORM_CODE:
                return n && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == n;
        case RECORD_FORM_TRACEPARENT:
                return is_traceparent(text);
        }
        return false;
}

static bool text_is_valid(const struct record_field *field, const char *text) {
        if (strnlen(text, field->n_room) == field->n_room)
                return false;
        return (field->may_be_absent && !*text) || record_form_holds(field->form, text);
}

static bool double_is_valid(const struct record_field *field, double value) {
        if (isnan(value))
                return field->may_be_absent;
        return isfinite(value) && value >= field->double_low && value <= field->double_high;
}

static bool field_is_valid(const struct record_field *field, const void *value, struct record_path *path);

static bool fields_are_valid(const struct record *record, const void *value, struct record_path *path) {
        size_t before;

        for (size_t i = 0; i < record->n_fields; i++) {
                before = record_path_push(path, record->fields[i].name, 0);
                if (!field_is_valid(&record->fields[i], value, path))
                        return false;
                record_path_pop(path, before);
        }
        return true;
}

static bool list_is_valid(const struct record_field *field, const void *value, struct record_path *path) {
        const uint8_t *elements = record_member(value, field->offset);
        size_t n = *(size_t *)record_member(value, field->offset_of_flag), before;

        if (n > field->n_room)
                return false;
        for (size_t i = 0; i < n; i++) {
                before = record_path_push(path, NULL, i);
                if (!fields_are_valid(field->record, elements + i * field->record->n_bytes, path))
                        return false;
                record_path_pop(path, before);
        }
        return true;
}

/* The path stays at the field that is not valid. */
static bool field_is_valid(const struct record_field *field, const void *value, struct record_path *path) {
        const void *member = record_member(value, field->offset);
        int64_t number;

        switch (field->kind) {
        case RECORD_KIND_BOOL:
                return true;
        case RECORD_KIND_INT:
                number = *(const int64_t *)member;
                return number >= field->low && number <= field->high;
        case RECORD_KIND_TIME:
                number = *(const int64_t *)member;
                return number >= 0 && number <= TIME_MS_MAX;
        case RECORD_KIND_DOUBLE:
                return double_is_valid(field, *(const double *)member);
        case RECORD_KIND_FLOAT:
                return isfinite(*(const float *)member);
        case RECORD_KIND_TEXT:
                return text_is_valid(field, member);
        case RECORD_KIND_CHOICE:
                return *(const unsigned *)member < field->n_words;
        case RECORD_KIND_MAP:
                if (field->may_be_absent && !*(bool *)record_member(value, field->offset_of_flag))
                        return true;
                return fields_are_valid(field->record, member, path);
        case RECORD_KIND_LIST:
                return list_is_valid(field, value, path);
        }
        return false;
}

bool record_is_valid(const struct record *record, const void *value, char ret_path[RECORD_PATH_BYTES]) {
        struct record_path path = { 0 };

        if (fields_are_valid(record, value, &path))
                return true;
        memcpy(ret_path, path.text, sizeof(path.text));
        return false;
}

static void pack_field(const struct record_field *field, const void *value, struct pack *pack) {
        const void *member = record_member(value, field->offset);
        size_t n;

        switch (field->kind) {
        case RECORD_KIND_BOOL:
                pack_bool(pack, *(const bool *)member);
                break;
        case RECORD_KIND_INT:
        case RECORD_KIND_TIME:
                pack_int64(pack, *(const int64_t *)member);
                break;
        case RECORD_KIND_DOUBLE:
                if (isnan(*(const double *)member))
                        pack_nil(pack);
                else
                        pack_double(pack, *(const double *)member);
                break;
        case RECORD_KIND_FLOAT:
                pack_double(pack, (double)*(const float *)member);
                break;
        case RECORD_KIND_TEXT:
                pack_text(pack, member);
                break;
        case RECORD_KIND_CHOICE:
                pack_text(pack, field->words[*(const unsigned *)member]);
                break;
        case RECORD_KIND_MAP:
                if (field->may_be_absent && !*(bool *)record_member(value, field->offset_of_flag))
                        pack_nil(pack);
                else
                        record_pack(field->record, member, pack);
                break;
        case RECORD_KIND_LIST:
                n = *(size_t *)record_member(value, field->offset_of_flag);
                pack_array(pack, n);
                for (size_t i = 0; i < n; i++)
                        record_pack(field->record, (const uint8_t *)member + i * field->record->n_bytes, pack);
                break;
        }
}

void record_pack(const struct record *record, const void *value, struct pack *pack) {
        pack_map(pack, record->n_fields);
        for (size_t i = 0; i < record->n_fields; i++) {
                pack_text(pack, record->fields[i].name);
                pack_field(&record->fields[i], value, pack);
        }
}

static int unpack_map(const struct record *record, struct cursor *cursor, void *value, struct record_path *path);

static int unpack_double(const struct record_field *field, struct cursor *cursor, const char *path, double *ret_value) {
        double value = 0;

        if (field->may_be_absent && cursor_take_nil(cursor)) {
                *ret_value = NAN;
                return 0;
        }
        if (cursor_double(cursor, path, &value))
                return cursor->error;
        if (!double_is_valid(field, value))
                return cursor_fail(cursor, path, "FIELD_RANGE", "is a number outside its limits");
        *ret_value = value;
        return 0;
}

static int unpack_float(struct cursor *cursor, const char *path, float *ret_value) {
        double value = 0;
        float single;

        if (cursor_double(cursor, path, &value))
                return cursor->error;
        single = (float)value;
        if (!isfinite(single) || (double)single < value || (double)single > value)
                return cursor_fail(cursor, path, "FIELD_RANGE", "is no number that a float of 32 bits can hold");
        *ret_value = single;
        return 0;
}

static int unpack_choice(const struct record_field *field, struct cursor *cursor, const char *path,
                         unsigned *ret_value) {
        const char *text = "";
        size_t n = 0;

        if (cursor_text_view(cursor, path, 64, &text, &n))
                return cursor->error;
        for (size_t i = 0; i < field->n_words; i++)
                if (strlen(field->words[i]) == n && !memcmp(field->words[i], text, n)) {
                        *ret_value = (unsigned)i;
                        return 0;
                }
        return cursor_fail(cursor, path, "FIELD_CHOICE", "is none of the words that may stand here");
}

static int unpack_list(const struct record_field *field, struct cursor *cursor, void *value, struct record_path *path) {
        uint8_t *elements = record_member(value, field->offset);
        size_t n = 0, before;

        cursor_array(cursor, path->text, field->n_room, &n);
        for (size_t i = 0; i < n && !cursor->error; i++) {
                before = record_path_push(path, NULL, i);
                unpack_map(field->record, cursor, elements + i * field->record->n_bytes, path);
                record_path_pop(path, before);
        }
        *(size_t *)record_member(value, field->offset_of_flag) = n;
        return cursor->error;
}

static int unpack_field(const struct record_field *field, struct cursor *cursor, void *value,
                        struct record_path *path) {
        void *member = record_member(value, field->offset);
        bool is_there;

        switch (field->kind) {
        case RECORD_KIND_BOOL:
                return cursor_bool(cursor, path->text, member);
        case RECORD_KIND_INT:
                return cursor_int64(cursor, path->text, field->low, field->high, member);
        case RECORD_KIND_TIME:
                return cursor_int64(cursor, path->text, 0, TIME_MS_MAX, member);
        case RECORD_KIND_DOUBLE:
                return unpack_double(field, cursor, path->text, member);
        case RECORD_KIND_FLOAT:
                return unpack_float(cursor, path->text, member);
        case RECORD_KIND_TEXT:
                if (!cursor_text(cursor, path->text, field->n_room, member) && !text_is_valid(field, member))
                        return cursor_fail(cursor, path->text, "FIELD_FORM", "is a text of another form");
                return cursor->error;
        case RECORD_KIND_CHOICE:
                return unpack_choice(field, cursor, path->text, member);
        case RECORD_KIND_MAP:
                is_there = !(field->may_be_absent && cursor_take_nil(cursor));
                if (field->may_be_absent)
                        *(bool *)record_member(value, field->offset_of_flag) = is_there;
                return is_there ? unpack_map(field->record, cursor, member, path) : 0;
        case RECORD_KIND_LIST:
                return unpack_list(field, cursor, value, path);
        }
        return cursor->error;
}

static int unpack_map(const struct record *record, struct cursor *cursor, void *value, struct record_path *path) {
        size_t before;

        cursor_map_of(cursor, path->n_bytes ? path->text : record->name, record->n_fields);
        for (size_t i = 0; i < record->n_fields && !cursor->error; i++) {
                before = record_path_push(path, record->fields[i].name, 0);
                if (cursor_key(cursor, record->fields[i].name))
                        fault_in(cursor->fault, path->text, -1);
                else
                        unpack_field(&record->fields[i], cursor, value, path);
                record_path_pop(path, before);
        }
        return cursor->error;
}

int record_unpack(const struct record *record, struct cursor *cursor, void *ret_value) {
        struct record_path path = { 0 };

        return unpack_map(record, cursor, ret_value, &path);
}
