/* Carried on: found by walking the two messages' tables, so that no stage lists what it does not touch. */

#include "services/stage/stage_carry.h"

#include <string.h>

#include "proto/blob.h"

static bool is_carried(const struct record_field *field, const struct record *from,
                       const struct record_field **ret_source) {
        const struct record_field *source = record_find_field(from, field->name);

        if (!source || source->kind != RECORD_KIND_MAP || field->kind != RECORD_KIND_MAP ||
            source->record != field->record || source->may_be_absent != field->may_be_absent)
                return false;
        *ret_source = source;
        return true;
}

static bool *flag_of(const struct record_field *field, const void *value) {
        return record_member(value, field->offset_of_flag);
}

void stage_carry(const struct record *from, const void *source, const struct record *to, void *target) {
        const struct record_field *field, *at;

        for (size_t i = 0; i < to->n_fields; i++) {
                field = &to->fields[i];
                if (!is_carried(field, from, &at))
                        continue;
                memcpy(record_member(target, field->offset), record_member(source, at->offset), field->record->n_bytes);
                if (field->may_be_absent)
                        *flag_of(field, target) = *flag_of(at, source);
        }
}

struct visit {
        int (*each)(void *context, const char *sha256);
        void *context;
};

static int visit_record(const struct record *record, const void *value, const struct visit *visit);

static int visit_field(const struct record_field *field, const void *value, const struct visit *visit) {
        const uint8_t *member = record_member(value, field->offset);
        size_t n = 1;
        int r = 0;

        if (field->kind != RECORD_KIND_MAP && field->kind != RECORD_KIND_LIST)
                return 0;
        if (field->kind == RECORD_KIND_LIST)
                n = *(const size_t *)record_member(value, field->offset_of_flag);
        else if (field->may_be_absent && !*flag_of(field, value))
                n = 0;
        for (size_t i = 0; i < n && !r; i++)
                r = visit_record(field->record, member + i * field->record->n_bytes, visit);
        return r;
}

static int visit_record(const struct record *record, const void *value, const struct visit *visit) {
        int r = 0;

        if (record == &blob_record)
                return visit->each(visit->context, ((const struct blob *)value)->sha256);
        if (record == &dataset_record)
                return visit->each(visit->context, ((const struct dataset *)value)->sha256);
        for (size_t i = 0; i < record->n_fields && !r; i++)
                r = visit_field(&record->fields[i], value, visit);
        return r;
}

int stage_carry_own_blobs(const struct record *from, const struct record *to, const void *value,
                          int (*each)(void *context, const char *sha256), void *context) {
        const struct visit visit = { each, context };
        const struct record_field *source;
        int r = 0;

        for (size_t i = 0; i < to->n_fields && !r; i++)
                if (!is_carried(&to->fields[i], from, &source))
                        r = visit_field(&to->fields[i], value, &visit);
        return r;
}
