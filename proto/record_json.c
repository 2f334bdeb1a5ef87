/* Record: JSON, for manifests and answers. */

#include <assert.h>
#include <math.h>
#include <string.h>

#include "common/base/clock.h"
#include "proto/record.h"

static bool flag_of(const struct record_field *field, const void *value) {
        return *(bool *)record_member(value, field->offset_of_flag);
}

bool record_field_is_absent(const struct record_field *field, const void *value) {
        const void *member = record_member(value, field->offset);

        if (!field->may_be_absent)
                return false;
        switch (field->kind) {
        case RECORD_KIND_INT:
                return *(const int64_t *)member == field->low;
        case RECORD_KIND_TIME:
                return !*(const int64_t *)member;
        case RECORD_KIND_DOUBLE:
                return isnan(*(const double *)member);
        case RECORD_KIND_TEXT:
                return !*(const char *)member;
        case RECORD_KIND_MAP:
                return !flag_of(field, value);
        default:
                return false;
        }
}

static void put_time(int64_t time_ms, struct json_builder *json) {
        char text[CLOCK_RFC3339_BYTES];

        clock_format_rfc3339(time_ms, text);
        json_put_text(json, text);
}

bool record_field_is_equal(const struct record_field *field, const void *value, const void *other) {
        const void *a = record_member(value, field->offset), *b = record_member(other, field->offset);

        switch (field->kind) {
        case RECORD_KIND_BOOL:
                return *(const bool *)a == *(const bool *)b;
        case RECORD_KIND_INT:
        case RECORD_KIND_TIME:
                return *(const int64_t *)a == *(const int64_t *)b;
        case RECORD_KIND_DOUBLE:
                return !memcmp(a, b, sizeof(double));
        case RECORD_KIND_FLOAT:
                return !memcmp(a, b, sizeof(float));
        case RECORD_KIND_TEXT:
                return !strcmp(a, b);
        case RECORD_KIND_CHOICE:
                return *(const unsigned *)a == *(const unsigned *)b;
        case RECORD_KIND_MAP:
        case RECORD_KIND_LIST:
                break;
        }
        assert(!"a single value");
        return false;
}

void record_put_field_json(const struct record_field *field, const void *value, struct json_builder *json) {
        const void *member = record_member(value, field->offset);
        size_t n;

        switch (field->kind) {
        case RECORD_KIND_BOOL:
                json_put_bool(json, *(const bool *)member);
                break;
        case RECORD_KIND_INT:
                json_put_int64(json, *(const int64_t *)member);
                break;
        case RECORD_KIND_TIME:
                put_time(*(const int64_t *)member, json);
                break;
        case RECORD_KIND_DOUBLE:
                json_put_double(json, *(const double *)member);
                break;
        case RECORD_KIND_FLOAT:
                /* as a double, so that any reader gets exactly this float */
                json_put_double(json, (double)*(const float *)member);
                break;
        case RECORD_KIND_TEXT:
                json_put_text(json, member);
                break;
        case RECORD_KIND_CHOICE:
                json_put_text(json, field->words[*(const unsigned *)member]);
                break;
        case RECORD_KIND_MAP:
                record_put_json(field->record, member, json);
                break;
        case RECORD_KIND_LIST:
                n = *(size_t *)record_member(value, field->offset_of_flag);
                json_begin_array(json);
                for (size_t i = 0; i < n; i++)
                        record_put_json(field->record, (const uint8_t *)member + i * field->record->n_bytes, json);
                json_end_array(json);
                break;
        }
}

void record_put_json_fields(const struct record *record, const void *value, struct json_builder *json) {
        for (size_t i = 0; i < record->n_fields; i++) {
                if (record_field_is_absent(&record->fields[i], value))
                        continue;
                json_key(json, record->fields[i].name);
                record_put_field_json(&record->fields[i], value, json);
        }
}

void record_put_json(const struct record *record, const void *value, struct json_builder *json) {
        json_begin_object(json);
        record_put_json_fields(record, value, json);
        json_end_object(json);
}

static int fail(const struct record_path *path, struct fault *fault, const char *reason) {
        fault_in(fault, path->text, -1);
        return fault_set(fault, "RECORD_FIELD", "%s", reason);
}

static int get_map(const struct record *record, const struct json_value *object, void *value, struct record_path *path,
                   struct fault *fault);

static void set_absent(const struct record_field *field, void *value) {
        void *member = record_member(value, field->offset);

        switch (field->kind) {
        case RECORD_KIND_INT:
                *(int64_t *)member = field->low;
                break;
        case RECORD_KIND_TIME:
                *(int64_t *)member = 0;
                break;
        case RECORD_KIND_DOUBLE:
                *(double *)member = NAN;
                break;
        case RECORD_KIND_TEXT:
                *(char *)member = 0;
                break;
        case RECORD_KIND_MAP:
                *(bool *)record_member(value, field->offset_of_flag) = false;
                break;
        case RECORD_KIND_LIST:
                *(size_t *)record_member(value, field->offset_of_flag) = 0;
                break;
        default:
                break;
        }
}

static bool get_text(const struct record_field *field, const struct json_value *json, char *ret_text) {
        const char *text;
        size_t n;

        if (!json_as_text(json, &text, &n) || n >= field->n_room || strlen(text) != n)
                return false;
        memcpy(ret_text, text, n + 1);
        return true;
}

static bool get_choice(const struct record_field *field, const struct json_value *json, unsigned *ret_value) {
        const char *text = json_text(json);

        for (size_t i = 0; text && i < field->n_words; i++)
                if (!strcmp(field->words[i], text)) {
                        *ret_value = (unsigned)i;
                        return true;
                }
        return false;
}

static int get_list(const struct record_field *field, const struct json_value *json, void *value,
                    struct record_path *path, struct fault *fault) {
        struct json_array_iterator elements = json_iterate_array(json);
        uint8_t *member = record_member(value, field->offset);
        const struct json_value *element;
        size_t n = 0, before;
        int r = 0;

        if (!json_is_array(json) || json_count(json) > field->n_room)
                return fail(path, fault, "is no array, or a too long one");
        while (!r && json_next_element(&elements, &element)) {
                before = record_path_push(path, NULL, n);
                r = get_map(field->record, element, member + n++ * field->record->n_bytes, path, fault);
                record_path_pop(path, before);
        }
        *(size_t *)record_member(value, field->offset_of_flag) = n;
        return r;
}

/* A single value; false when it is of another kind. Its limits are checked once all is read. */
static bool get_value(const struct record_field *field, const struct json_value *json, void *member) {
        double number;

        switch (field->kind) {
        case RECORD_KIND_BOOL:
                return json_as_bool(json, member);
        case RECORD_KIND_INT:
                return json_as_int64(json, member);
        case RECORD_KIND_TIME:
                return json_text(json) && clock_parse_rfc3339(json_text(json), member);
        case RECORD_KIND_DOUBLE:
                return json_as_double(json, member);
        case RECORD_KIND_FLOAT:
                if (!json_as_double(json, &number))
                        return false;
                *(float *)member = (float)number;
                return true;
        case RECORD_KIND_TEXT:
                return get_text(field, json, member);
        case RECORD_KIND_CHOICE:
                return get_choice(field, json, member);
        default:
                return false;
        }
}

static int get_field(const struct record_field *field, const struct json_value *json, void *value,
                     struct record_path *path, struct fault *fault) {
        void *member = record_member(value, field->offset);

        if (!json || json_is_null(json)) {
                /* a list that an older build did not know is empty */
                if (!field->may_be_absent && field->kind != RECORD_KIND_LIST)
                        return fail(path, fault, "is missing");
                set_absent(field, value);
                return 0;
        }
        if (field->kind == RECORD_KIND_LIST)
                return get_list(field, json, value, path, fault);
        if (field->kind == RECORD_KIND_MAP) {
                if (field->may_be_absent)
                        *(bool *)record_member(value, field->offset_of_flag) = true;
                return get_map(field->record, json, member, path, fault);
        }
        return get_value(field, json, member) ? 0 : fail(path, fault, "is of another kind, or too long");
}

static int get_map(const struct record *record, const struct json_value *object, void *value, struct record_path *path,
                   struct fault *fault) {
        size_t before;
        int r = 0;

        if (!json_is_object(object))
                return fail(path, fault, "is no object");
        for (size_t i = 0; i < record->n_fields && !r; i++) {
                before = record_path_push(path, record->fields[i].name, 0);
                r = get_field(&record->fields[i], json_get(object, record->fields[i].name), value, path, fault);
                record_path_pop(path, before);
        }
        return r;
}

int record_get_json(const struct record *record, const struct json_value *object, void *ret_value,
                    struct fault *fault) {
        struct record_path path = { 0 };
        int r;

        r = get_map(record, object, ret_value, &path, fault);
        if (!r && !record_is_valid(record, ret_value, path.text))
                r = fail(&path, fault, "is outside its limits, or of another form");
        return r;
}
