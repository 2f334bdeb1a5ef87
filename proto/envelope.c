/* Envelope: who a message is from, and of what kind; and the one way in which all of them are packed and unpacked. */

#include "proto/envelope.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"

#define ENVELOPE_FIELDS 8
/* elements that an envelope of any version may have */
#define ENVELOPE_FIELDS_MAX 32

#define MESSAGE(NAME, name, how) extern const struct record name##_record;
#include "proto/messages.def"
#undef MESSAGE

static const struct record *const records[] = {
#define MESSAGE(NAME, name, how) &name##_record,
#include "proto/messages.def"
#undef MESSAGE
};

const struct record *message_record(enum message_type type) {
        assert(type < MESSAGE_N);
        return records[type];
}

bool envelope_traceparent_is_valid(const char *text) {
        return !*text || record_form_holds(RECORD_FORM_TRACEPARENT, text);
}

void envelope_init(struct envelope *envelope, const char *run, int64_t attempt, int64_t sequence,
                   const char *traceparent) {
        *envelope = (struct envelope){
                .version = ENVELOPE_VERSION,
                .attempt = attempt,
                .sequence = sequence,
                .produced_at = clock_realtime_ms(),
        };
        snprintf(envelope->run, sizeof(envelope->run), "%s", run);
        snprintf(envelope->traceparent, sizeof(envelope->traceparent), "%s", traceparent);
}

/* Only a heartbeat may name no run, and only the end of a stage no attempt. */
static bool run_is_valid(enum message_type type, const char *run, int64_t attempt) {
        if (type == MESSAGE_HEARTBEAT && !*run)
                return !attempt;
        return uuid_is_valid(run) && attempt >= (type == MESSAGE_STAGE_TO_GATEWAY ? 0 : 1);
}

static int unpack_version_1(struct cursor *cursor, struct envelope *envelope, struct fault *fault) {
        char name[64] = "";

        cursor_text(cursor, "type", sizeof(name), name);
        cursor_text(cursor, "run", sizeof(envelope->run), envelope->run);
        cursor_int64(cursor, "attempt", 0, INT32_MAX, &envelope->attempt);
        cursor_int64(cursor, "sequence", 0, INT64_MAX, &envelope->sequence);
        cursor_int64(cursor, "produced_at", 0, INT64_MAX, &envelope->produced_at);
        cursor_text(cursor, "traceparent", sizeof(envelope->traceparent), envelope->traceparent);
        if (cursor->error)
                return cursor->error;
        if (!message_parse(name, &envelope->type)) {
                fault_in(fault, "type", -1);
                return fault_set(fault, "ENVELOPE_TYPE", "\"%s\" is no message of version 1", name);
        }
        if (!run_is_valid(envelope->type, envelope->run, envelope->attempt))
                return cursor_fail(cursor, "run", "FIELD_FORM", "run and attempt do not name a run");
        if (!envelope_traceparent_is_valid(envelope->traceparent))
                return cursor_fail(cursor, "traceparent", "FIELD_FORM", "is no traceparent of version 00");
        return 0;
}

int envelope_unpack(const void *frame, size_t n_bytes, struct envelope *ret_envelope, struct fault *fault) {
        struct envelope envelope = ENVELOPE_NULL;
        struct cursor cursor;
        size_t n_fields = 0;
        int r;

        cursor_open(&cursor, frame, n_bytes, fault);
        cursor_array(&cursor, "envelope", ENVELOPE_FIELDS_MAX, &n_fields);
        r = cursor_int64(&cursor, "version", 0, INT32_MAX, &envelope.version);
        if (r)
                return r;
        if (envelope.version < ENVELOPE_VERSION_OLDEST || envelope.version > ENVELOPE_VERSION) {
                fault_in(fault, "version", -1);
                return fault_set(fault, "ENVELOPE_VERSION",
                                 "schema version %" PRId64 " is not read here, only %d to %d", envelope.version,
                                 ENVELOPE_VERSION_OLDEST, ENVELOPE_VERSION);
        }
        if (n_fields != ENVELOPE_FIELDS)
                return cursor_fail(&cursor, "envelope", "FIELD_SIZE", "has not eight elements");
        r = unpack_version_1(&cursor, &envelope, fault);
        if (r)
                return r;

        /* the frame is one array of eight, so what is left is one value */
        envelope.body = cursor.at;
        envelope.n_body_bytes = (size_t)(cursor.end - cursor.at);
        *ret_envelope = envelope;
        return 0;
}

int envelope_unpack_body(const struct envelope *envelope, enum message_type type, const struct record *record,
                         void *ret_message, struct fault *fault) {
        _cleanup_(free_pointer) void *message = NULL;
        struct cursor cursor;
        int r;

        if (envelope->type != type) {
                fault_in(fault, "type", -1);
                return fault_set(fault, "ENVELOPE_TYPE", "%s is not expected here, only %s",
                                 message_name(envelope->type), message_name(type));
        }
        message = calloc(1, record->n_bytes);
        if (!message)
                return error_origin(-ENOMEM, "no memory for %s", record->name);
        cursor_open(&cursor, envelope->body, envelope->n_body_bytes, fault);
        record_unpack(record, &cursor, message);
        r = cursor_end(&cursor);
        if (r)
                return r;
        memcpy(ret_message, message, record->n_bytes);
        return 0;
}

int envelope_pack(const struct envelope *envelope, enum message_type type, const struct record *record,
                  const void *message, struct buffer *frame) {
        char path[RECORD_PATH_BYTES];
        struct pack pack;

        if (!run_is_valid(type, envelope->run, envelope->attempt) || envelope->sequence < 0 ||
            envelope->produced_at < 0 || !envelope_traceparent_is_valid(envelope->traceparent))
                return error_origin(-EPROTO, "%s: the envelope would not be read", record->name);
        if (!record_is_valid(record, message, path))
                return error_origin(-EPROTO, "%s: field %s would not be read", record->name, path);

        buffer_clear(frame);
        pack_begin(&pack, frame);
        pack_array(&pack, ENVELOPE_FIELDS);
        pack_int64(&pack, ENVELOPE_VERSION);
        pack_text(&pack, message_name(type));
        pack_text(&pack, envelope->run);
        pack_int64(&pack, envelope->attempt);
        pack_int64(&pack, envelope->sequence);
        pack_int64(&pack, envelope->produced_at);
        pack_text(&pack, envelope->traceparent);
        record_pack(record, message, &pack);
        return error_trace(pack_end(&pack));
}
