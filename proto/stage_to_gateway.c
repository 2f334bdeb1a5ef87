/* The notice of an end: its tables, and a fault cut to what they carry: as UTF-8, and of its file the name alone. */

#include "proto/stage_to_gateway.h"

#include <string.h>

#include "common/base/error.h"
#include "common/base/utf8.h"

static const struct record_field count_fields[] = {
        RECORD_TEXT(count, name, NAME),
        RECORD_INT(count, value, INT64_MIN, INT64_MAX),
};

const struct record count_record = RECORD(count, count_fields);

static const struct record_field drifted_column_fields[] = {
        RECORD_TEXT(drifted_column, column, ANY),
        RECORD_DOUBLE(drifted_column, distance, 0, 1),
};

const struct record drifted_column_record = RECORD(drifted_column, drifted_column_fields);

static const struct record_field run_error_fields[] = {
        RECORD_TEXT(run_error, code, CODE),
        RECORD_TEXT(run_error, message, ANY),
        RECORD_TEXT_OR_NONE(run_error, column, ANY),
        RECORD_TEXT_OR_NONE(run_error, file, ANY),
        RECORD_INT_OR_NONE(run_error, line, 0, INT64_MAX),
        RECORD_INT_OR_NONE(run_error, position, 0, INT64_MAX),
        RECORD_INT_OR_NONE(run_error, row, -1, INT64_MAX),
};

const struct record run_error_record = RECORD(run_error, run_error_fields);

static const struct record_field stage_to_gateway_fields[] = {
        RECORD_CHOICE(stage_to_gateway, stage, stage_names, STAGE_N_WORKERS),
        RECORD_CHOICE(stage_to_gateway, state, run_state_names, RUN_STATE_N),
        RECORD_TIME(stage_to_gateway, started_at),
        RECORD_TIME(stage_to_gateway, finished_at),
        RECORD_INT(stage_to_gateway, work_ms, 0, INT64_MAX),
        RECORD_LIST(stage_to_gateway, counts, count),
        RECORD_LIST(stage_to_gateway, drifted, drifted_column),
        RECORD_INT_OR_NONE(stage_to_gateway, booster_ms, 0, INT64_MAX),
        RECORD_TEXT_OR_NONE(stage_to_gateway, ends_run, CODE),
        RECORD_MAP_OR_NONE(stage_to_gateway, error, run_error),
};

const struct record stage_to_gateway_record = RECORD(stage_to_gateway, stage_to_gateway_fields);

/* As much as fits, cut before the character that does not, so that the text stays UTF-8; a byte that is none becomes
 * '?'. */
static void copy_text(char *ret_text, size_t n_bytes, const char *text) {
        size_t n = strnlen(text, n_bytes - 1);

        while (n && text[n] && ((unsigned char)text[n] & 0xc0) == 0x80)
                --n;
        memcpy(ret_text, text, n);
        ret_text[n] = 0;
        if (utf8_is_valid(ret_text, n))
                return;
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)ret_text[i] >= 0x80)
                        ret_text[i] = '?';
}

void run_error_from_fault(struct run_error *ret_error, const struct fault *fault) {
        struct run_error error = { .line = fault->line, .position = fault->position, .row = fault->row };
        const char *name = strrchr(fault->file, '/');

        copy_text(error.code, sizeof(error.code), *fault->code ? fault->code : "INTERNAL");
        copy_text(error.message, sizeof(error.message), fault->message);
        copy_text(error.column, sizeof(error.column), fault->column);
        copy_text(error.file, sizeof(error.file), name ? name + 1 : fault->file);
        *ret_error = error;
}

int stage_to_gateway_pack(const struct stage_to_gateway *message, const struct envelope *envelope,
                          struct buffer *frame) {
        return error_trace(envelope_pack(envelope, MESSAGE_STAGE_TO_GATEWAY, &stage_to_gateway_record, message, frame));
}

int stage_to_gateway_unpack(const struct envelope *envelope, struct stage_to_gateway *ret_message,
                            struct fault *fault) {
        struct stage_to_gateway message;
        int r;

        r = envelope_unpack_body(envelope, MESSAGE_STAGE_TO_GATEWAY, &stage_to_gateway_record, &message, fault);
        if (r)
                return error_trace(r);
        if (!run_state_is_final(message.state)) {
                fault_in(fault, "state", -1);
                return fault_set(fault, "FIELD_CHOICE", "%s is no end of a stage", run_state_name(message.state));
        }
        if (!envelope->attempt && message.state != RUN_STATE_FAILED) {
                fault_in(fault, "attempt", -1);
                return fault_set(fault, "FIELD_FORM", "only a stage that FAILED may not know its attempt");
        }
        *ret_message = message;
        return 0;
}

void stage_to_gateway_finish(struct stage_to_gateway *message) {
        if (message)
                *message = (struct stage_to_gateway)STAGE_TO_GATEWAY_NULL;
}
