/* Reasons: a record, and how one is put into words. */

#include "proto/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/base/utf8.h"

static const struct record_field reason_fields[] = {
        RECORD_TEXT(reason, code, CODE),
        RECORD_TEXT(reason, message, ANY),
};

const struct record reason_record = RECORD(reason, reason_fields);

void reason_add(struct reason *reasons, size_t *n_reasons, const char *code, const char *format, ...) {
        struct reason *reason = &reasons[*n_reasons];
        size_t n_bytes;
        va_list arguments;

        if (*n_reasons == REASONS_MAX)
                return;
        ++*n_reasons;
        snprintf(reason->code, sizeof(reason->code), "%s", code);
        va_start(arguments, format);
        vsnprintf(reason->message, sizeof(reason->message), format, arguments);
        va_end(arguments);
        /* a sentence that was cut may end in half a character, which no message can carry */
        for (n_bytes = strlen(reason->message); !utf8_is_valid(reason->message, n_bytes); n_bytes--)
                reason->message[n_bytes - 1] = 0;
}
