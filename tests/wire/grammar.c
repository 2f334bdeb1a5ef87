/* The grammar of a message, written from its table in the words of proto/README.md. */

#include "tests/wire/grammar.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static void write_range(int64_t low, int64_t high, char *ret_text, size_t n_bytes) {
        char last[32] = "";

        if (high < INT64_MAX)
                snprintf(last, sizeof(last), "%" PRId64, high);
        if (low > INT64_MIN)
                snprintf(ret_text, n_bytes, " %" PRId64 "..%s", low, last);
}

static int write_choice(const struct record_field *field, struct buffer *text) {
        int r = 0;

        for (size_t i = 0; i < field->n_words && !r; i++)
                r = buffer_printf(text, "%s\"%s\"", i ? " | " : "", field->words[i]);
        return r;
}

static int write_text(const struct record_field *field, struct buffer *text) {
        static const char *const forms[] = {
                [RECORD_FORM_ANY] = "text",
                [RECORD_FORM_SHA256] = "sha256",
                [RECORD_FORM_CONTENT] = "content",
                [RECORD_FORM_UUID] = "uuid",
                [RECORD_FORM_NAME] = "name",
                [RECORD_FORM_CODE] = "code",
                [RECORD_FORM_TRACEPARENT] = "traceparent",
        };
        char most[32] = "";

        if (field->form == RECORD_FORM_ANY || field->form == RECORD_FORM_NAME || field->form == RECORD_FORM_CODE)
                snprintf(most, sizeof(most), " ..%zu", field->n_room - 1);
        return buffer_printf(text, "%s%s%s", forms[field->form], most,
                             field->may_be_absent && field->form != RECORD_FORM_ANY ? " or \"\"" : "");
}

static int write_type(const struct record_field *field, struct buffer *text) {
        char range[64] = "", high[32] = "";

        switch (field->kind) {
        case RECORD_KIND_BOOL:
                return buffer_append_text(text, "bool");
        case RECORD_KIND_INT:
                write_range(field->low, field->high, range, sizeof(range));
                return buffer_printf(text, "int%s", range);
        case RECORD_KIND_TIME:
                return buffer_append_text(text, "time");
        case RECORD_KIND_DOUBLE:
                if (isfinite(field->double_high))
                        snprintf(high, sizeof(high), "%.15g", field->double_high);
                return buffer_printf(text, "number %.15g..%s%s", field->double_low, high,
                                     field->may_be_absent ? " or nil" : "");
        case RECORD_KIND_FLOAT:
                return buffer_append_text(text, "float32");
        case RECORD_KIND_TEXT:
                return write_text(field, text);
        case RECORD_KIND_CHOICE:
                return write_choice(field, text);
        case RECORD_KIND_MAP:
                return buffer_printf(text, "%s%s", field->record->name, field->may_be_absent ? " or nil" : "");
        case RECORD_KIND_LIST:
                return buffer_printf(text, "[%s] ..%zu", field->record->name, field->n_room);
        }
        return 0;
}

int grammar_write(const struct record *record, struct buffer *text) {
        int r;

        r = buffer_printf(text, "%s = {\n", record->name);
        for (size_t i = 0; i < record->n_fields && !r; i++) {
                r = buffer_printf(text, "    %s: ", record->fields[i].name);
                if (!r)
                        r = write_type(&record->fields[i], text);
                if (!r)
                        r = buffer_append_text(text, "\n");
        }
        return r ? r : buffer_append_text(text, "}\n");
}
