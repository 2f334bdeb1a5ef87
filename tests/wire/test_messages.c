/* Every message: what was packed is read back, golden bytes stay what they are, and whatever else comes is refused. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/file.h"
#include "common/bus/courier.h"
#include "proto/evaluator_to_pusher.h"
#include "proto/gateway_to_ingestor.h"
#include "proto/gateway_to_stage.h"
#include "proto/heartbeat.h"
#include "proto/progress.h"
#include "proto/pusher_to_gateway.h"
#include "proto/stage_to_gateway.h"
#include "tests/support/samples.h"
#include "tests/wire/tokens.h"

#define UNTOUCHED 0xa5

static const char binary[] = "\xc4\x00"; /* no message has binary data anywhere */

/* Reads a frame as a message of this type; 0, or FAULT_E_INPUT with an untouched output. */
static int unpack(enum message_type type, const struct buffer *frame, union sample *ret_sample, struct fault *fault) {
        size_t n_bytes = message_record(type)->n_bytes;
        struct envelope envelope;
        int r;

        *fault = (struct fault)FAULT_NULL;
        memset(ret_sample->bytes, UNTOUCHED, n_bytes);
        memset(&envelope, UNTOUCHED, sizeof(envelope));
        r = envelope_unpack(frame->data, frame->n_bytes, &envelope, fault);
        if (r) {
                assert_int_equal(r, FAULT_E_INPUT);
                for (size_t i = 0; i < sizeof(envelope); i++)
                        assert_int_equal(((unsigned char *)&envelope)[i], UNTOUCHED);
                return r;
        }
        r = envelope_unpack_body(&envelope, type, message_record(type), ret_sample->bytes, fault);
        if (r) {
                assert_int_equal(r, FAULT_E_INPUT);
                for (size_t i = 0; i < n_bytes; i++)
                        assert_int_equal(ret_sample->bytes[i], UNTOUCHED);
        }
        return r;
}

static bool begins(const char *text, const char *with) {
        return !strncmp(text, with, strlen(with));
}

/* What `name`_pack and `name`_unpack do with the sample; the macro calls them by their own types. */
#define MESSAGE(NAME, name, how) \
        static void round_trip_##name(void **state) { \
                _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL, again = BUFFER_NULL; \
                static struct name message, back; \
                static union sample sample; \
                struct envelope envelope, read = ENVELOPE_NULL; \
                struct fault fault = FAULT_NULL; \
\
                (void)state; \
                sample_envelope(MESSAGE_##NAME, &envelope); \
                sample_message(MESSAGE_##NAME, &sample); \
                memcpy(&message, sample.bytes, sizeof(message)); \
                assert_int_equal(name##_pack(&message, &envelope, &frame), 0); \
                assert_int_equal(envelope_unpack(frame.data, frame.n_bytes, &read, &fault), 0); \
                assert_int_equal(read.version, ENVELOPE_VERSION); \
                assert_int_equal(read.type, MESSAGE_##NAME); \
                assert_string_equal(read.run, envelope.run); \
                assert_int_equal(read.attempt, envelope.attempt); \
                assert_int_equal(read.sequence, envelope.sequence); \
                assert_int_equal(read.produced_at, envelope.produced_at); \
                assert_string_equal(read.traceparent, envelope.traceparent); \
                assert_int_equal(name##_unpack(&read, &back, &fault), 0); \
                assert_int_equal(name##_pack(&back, &read, &again), 0); \
                assert_int_equal(again.n_bytes, frame.n_bytes); \
                assert_memory_equal(again.data, frame.data, frame.n_bytes); \
                name##_finish(&back); \
                name##_finish(NULL); \
        }
#include "proto/messages.def"
#undef MESSAGE

static unsigned hex_value(char digit) {
        return digit <= '9' ? (unsigned)(digit - '0') : (unsigned)(digit - 'a') + 10;
}

/* Reads tests/wire/golden/<version>/<type>.hex: hex digits, white space between them means nothing. */
static void read_golden(int version, enum message_type type, struct buffer *ret_frame) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        const char *at;
        char path[4096];
        uint8_t byte;

        snprintf(path, sizeof(path), "%s/tests/wire/golden/%d/%s.hex", SOURCE_ROOT, version, message_name(type));
        assert_int_equal(file_read(path, 1 << 20, &text), 0);
        for (at = buffer_text(&text); *at; at++) {
                if (*at == '\n')
                        continue;
                byte = (uint8_t)(hex_value(at[0]) << 4 | hex_value(at[1]));
                assert_int_equal(buffer_append(ret_frame, &byte, 1), 0);
                at++;
        }
}

static void golden_bytes_are_written_and_read(void **state) {
        static union sample sample;

        (void)state;
        for (int type = 0; type < MESSAGE_N; type++) {
                _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL, golden = BUFFER_NULL;
                struct fault fault;

                read_golden(ENVELOPE_VERSION, (enum message_type)type, &golden);
                assert_int_equal(sample_pack((enum message_type)type, &frame), 0);
                assert_int_equal(frame.n_bytes, golden.n_bytes);
                assert_memory_equal(frame.data, golden.data, golden.n_bytes);
                assert_int_equal(unpack((enum message_type)type, &golden, &sample, &fault), 0);
        }
}

static void every_truncation_is_refused(void **state) {
        static union sample sample;

        (void)state;
        for (int type = 0; type < MESSAGE_N; type++) {
                _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
                struct fault fault;

                assert_int_equal(sample_pack((enum message_type)type, &frame), 0);
                while (frame.n_bytes) {
                        --frame.n_bytes;
                        assert_int_equal(unpack((enum message_type)type, &frame, &sample, &fault), FAULT_E_INPUT);
                        assert_string_equal(fault.code, "FRAME_TRUNCATED");
                }
        }
}

static void trailing_bytes_are_refused(void **state) {
        static union sample sample;

        (void)state;
        for (int type = 0; type < MESSAGE_N; type++) {
                _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
                struct fault fault;

                assert_int_equal(sample_pack((enum message_type)type, &frame), 0);
                assert_int_equal(buffer_append(&frame, "\xc0", 1), 0);
                assert_int_equal(unpack((enum message_type)type, &frame, &sample, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "FRAME_TRAILING_BYTES");
        }
}

/* Replaces each token of these kinds, in every message, by the bytes; each must be refused with such a code. */
static void refuse_each(const bool *kinds, const void *bytes, size_t n_bytes, const char *code) {
        static union sample sample;
        static struct tokens tokens;
        size_t n_tried = 0;

        for (int type = 0; type < MESSAGE_N; type++) {
                _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL, changed = BUFFER_NULL;
                struct fault fault;

                assert_int_equal(sample_pack((enum message_type)type, &frame), 0);
                tokens_find(&frame, &tokens);
                for (size_t i = 0; i < tokens.n_places; i++) {
                        if (!kinds[tokens.places[i].kind])
                                continue;
                        tokens_replace(&frame, &tokens.places[i], bytes, n_bytes, &changed);
                        assert_int_equal(unpack((enum message_type)type, &changed, &sample, &fault), FAULT_E_INPUT);
                        if (!tokens.places[i].is_key && !begins(fault.code, code))
                                fail_msg("%s, byte %zu: %s: %s: %s, not %s", message_name((enum message_type)type),
                                         tokens.places[i].begin, fault.code, fault.column, fault.message, code);
                        if (tokens.places[i].begin)
                                assert_true(*fault.column);
                        n_tried++;
                }
        }
        assert_true(n_tried > 20);
}

static void every_field_of_wrong_type_is_refused(void **state) {
        static const bool all[] = { true, true, true, true, true, true, true };

        (void)state;
        refuse_each(all, binary, 2, "FIELD_TYPE");
}

static void numbers_do_not_stand_for_each_other(void **state) {
        static const bool ints[] = { [TOKEN_KIND_INT] = true, [TOKEN_KIND_MAP] = false };
        static const bool floats[] = { [TOKEN_KIND_FLOAT] = true, [TOKEN_KIND_MAP] = false };

        (void)state;
        refuse_each(ints, "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", 9, "FIELD_TYPE");
        refuse_each(floats, "\x01", 1, "FIELD_TYPE");
}

static void numbers_out_of_range_are_refused(void **state) {
        static const bool ints[] = { [TOKEN_KIND_INT] = true, [TOKEN_KIND_MAP] = false };
        static const bool floats[] = { [TOKEN_KIND_FLOAT] = true, [TOKEN_KIND_MAP] = false };

        (void)state;
        refuse_each(ints, "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9, "FIELD_RANGE");
        refuse_each(floats, "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", 9, "FIELD_RANGE"); /* NaN */
        refuse_each(floats, "\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00", 9, "FIELD_RANGE"); /* infinity */
        refuse_each(floats, "\xcb\xff\xef\xff\xff\xff\xff\xff\xff", 9, "FIELD_RANGE"); /* the least double */
}

static void texts_too_long_or_not_utf8_are_refused(void **state) {
        static const bool texts[] = { [TOKEN_KIND_TEXT] = true, [TOKEN_KIND_MAP] = false };
        char text[3 + 2000] = { (char)0xda, (char)(2000 >> 8), (char)(2000 & 255) };

        (void)state;
        memset(text + 3, 'x', 2000);
        refuse_each(texts, text, sizeof(text), "FIELD_SIZE");
        refuse_each(texts, "\xa2\xc3\x28", 3, "FIELD_TEXT");
        refuse_each(texts, "\xa2x\x00", 3, "FIELD_TEXT");
}

static void maps_and_lists_of_wrong_size_are_refused(void **state) {
        static const bool maps[] = { [TOKEN_KIND_MAP] = true };
        static const bool arrays[] = { [TOKEN_KIND_ARRAY] = true, [TOKEN_KIND_MAP] = false };
        char many[3 + 65] = { (char)0xdc, 0, 65 };

        (void)state;
        memset(many + 3, 0xc0, 65);
        refuse_each(maps, "\x80", 1, "FIELD_SIZE");
        refuse_each(maps,
                    "\xde\x00\x0d\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
                    "\x01\x01\x01\x01\x01\x01",
                    29, "FIELD_SIZE");
        refuse_each(arrays, many, sizeof(many), "FIELD_SIZE");
}

static void keys_stand_in_order(void **state) {
        static const char swapped[] = "\xa8sequence";
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL, changed = BUFFER_NULL;
        static union sample sample;
        static struct tokens tokens;
        struct fault fault;
        size_t n_keys = 0;

        (void)state;
        assert_int_equal(sample_pack(MESSAGE_EVALUATOR_TO_PUSHER, &frame), 0);
        tokens_find(&frame, &tokens);
        for (size_t i = 0; i < tokens.n_places; i++) {
                if (!tokens.places[i].is_key)
                        continue;
                tokens_replace(&frame, &tokens.places[i], swapped, sizeof(swapped) - 1, &changed);
                assert_int_equal(unpack(MESSAGE_EVALUATOR_TO_PUSHER, &changed, &sample, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "FIELD_MISSING");
                n_keys++;
        }
        assert_true(n_keys > 100);
}

/* Whatever one bit does, reading ends in 0 or in a fault; sanitizers watch the rest. */
static void single_bits_never_crash(void **state) {
        static union sample sample;

        (void)state;
        for (int type = 0; type < MESSAGE_N; type++) {
                _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
                struct fault fault;
                int r;

                assert_int_equal(sample_pack((enum message_type)type, &frame), 0);
                for (size_t bit = 0; bit < 8 * frame.n_bytes; bit++) {
                        frame.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
                        r = unpack((enum message_type)type, &frame, &sample, &fault);
                        assert_true(r == 0 || r == FAULT_E_INPUT);
                        frame.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
                }
        }
}

static void another_version_is_refused_by_name(void **state) {
        static const struct {
                const char *bytes;
                size_t n_bytes;
        } others[] = { { "\x00", 1 }, { "\x02", 1 }, { "\xce\x7f\xff\xff\xff", 5 } };
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL, changed = BUFFER_NULL;
        static const char shape_to_come[] = "\x93\x02\x01\x80";
        static union sample sample;
        struct fault fault;

        (void)state;
        assert_int_equal(sample_pack(MESSAGE_PROGRESS, &frame), 0);
        for (size_t i = 0; i < N_ELEMENTS(others); i++) {
                tokens_replace(&frame, &(struct token_place){ .begin = 1, .end = 2 }, others[i].bytes,
                               others[i].n_bytes, &changed);
                assert_int_equal(unpack(MESSAGE_PROGRESS, &changed, &sample, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, "ENVELOPE_VERSION");
        }

        /* also when it has another number of elements and another order */
        buffer_clear(&changed);
        assert_int_equal(buffer_append(&changed, shape_to_come, 4), 0);
        assert_int_equal(unpack(MESSAGE_PROGRESS, &changed, &sample, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "ENVELOPE_VERSION");
}

static void an_unknown_type_is_refused_by_name(void **state) {
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL, changed = BUFFER_NULL;
        static union sample sample;
        static struct tokens tokens;
        struct fault fault;

        (void)state;
        assert_int_equal(sample_pack(MESSAGE_PROGRESS, &frame), 0);
        tokens_find(&frame, &tokens);
        tokens_replace(&frame, &tokens.places[2], "\xa5hello", 6, &changed);
        assert_int_equal(unpack(MESSAGE_PROGRESS, &changed, &sample, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "ENVELOPE_TYPE");
        assert_int_equal(unpack(MESSAGE_GATEWAY_TO_STAGE, &frame, &sample, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "ENVELOPE_TYPE");
}

static void hostile_frames_are_refused(void **state) {
        static uint8_t nest[100001];
        static const struct {
                const char *bytes;
                size_t n_bytes;
                const char *want_code;
        } rows[] = {
                { "", 0, "FRAME_TRUNCATED" },
                { "\xdd\xff\x00\x00\x00", 5, "FRAME_TRUNCATED" },
                { "\xdf\xff\xff\xff\xff", 5, "FRAME_TRUNCATED" },
                { "\xdb\xff\xff\xff\xff", 5, "FRAME_TRUNCATED" },
                { "\xc1", 1, "FRAME_TYPE" },
                { "\xd4\x01\x00", 3, "FRAME_TYPE" },
                { "\xc0", 1, "FIELD_TYPE" },
                { "\x90", 1, "FIELD_MISSING" },
                { "\x91\x01", 2, "FIELD_SIZE" },
        };
        struct envelope envelope;
        struct fault fault;

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                fault = (struct fault)FAULT_NULL;
                assert_int_equal(envelope_unpack(rows[i].bytes, rows[i].n_bytes, &envelope, &fault), FAULT_E_INPUT);
                assert_string_equal(fault.code, rows[i].want_code);
        }
        memset(nest, 0x91, sizeof(nest) - 1);
        nest[sizeof(nest) - 1] = 0xc0;
        assert_int_equal(envelope_unpack(nest, sizeof(nest), &envelope, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.code, "FRAME_DEPTH");
}

static void what_cannot_be_read_is_not_packed(void **state) {
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
        struct progress progress = { .stage = STAGE_TRAINER, .total = 5, .unit = "rounds" };
        struct envelope envelope, bad;

        (void)state;
        sample_envelope(MESSAGE_PROGRESS, &envelope);
        assert_int_equal(progress_pack(&progress, &envelope, &frame), 0);
        progress.done = -1;
        assert_int_equal(progress_pack(&progress, &envelope, &frame), -EPROTO);
        progress.done = 0;
        strcpy(progress.unit, "Rounds");
        assert_int_equal(progress_pack(&progress, &envelope, &frame), -EPROTO);
        memset(progress.unit, 'r', sizeof(progress.unit));
        assert_int_equal(progress_pack(&progress, &envelope, &frame), -EPROTO);
        strcpy(progress.unit, "rounds");
        progress.stage = STAGE_GATEWAY; /* has no progress */
        assert_int_equal(progress_pack(&progress, &envelope, &frame), -EPROTO);
        progress.stage = STAGE_TRAINER;

        bad = envelope;
        bad.run[0] = 'x';
        assert_int_equal(progress_pack(&progress, &bad, &frame), -EPROTO);
        bad = envelope;
        bad.run[0] = 0; /* only a heartbeat may be about no run */
        bad.attempt = 0;
        assert_int_equal(progress_pack(&progress, &bad, &frame), -EPROTO);
        bad = envelope;
        strcpy(bad.traceparent, "00-0");
        assert_int_equal(progress_pack(&progress, &bad, &frame), -EPROTO);
}

static void an_end_that_is_none_is_refused(void **state) {
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
        static union sample sample;
        struct stage_to_gateway *end = (struct stage_to_gateway *)(void *)sample.bytes, back;
        struct envelope envelope, read;
        struct fault fault = FAULT_NULL;

        (void)state;
        sample_envelope(MESSAGE_STAGE_TO_GATEWAY, &envelope);
        sample_message(MESSAGE_STAGE_TO_GATEWAY, &sample);
        end->state = RUN_STATE_RUNNING;
        assert_int_equal(stage_to_gateway_pack(end, &envelope, &frame), 0);
        assert_int_equal(envelope_unpack(frame.data, frame.n_bytes, &read, &fault), 0);
        assert_int_equal(stage_to_gateway_unpack(&read, &back, &fault), FAULT_E_INPUT);
        assert_string_equal(fault.column, "state");

        /* a stage that could not read the attempt has failed */
        envelope.attempt = 0;
        for (int i = 0; i < RUN_STATE_N; i++) {
                end->state = (enum run_state)i;
                if (!run_state_is_final(end->state))
                        continue;
                assert_int_equal(stage_to_gateway_pack(end, &envelope, &frame), 0);
                assert_int_equal(envelope_unpack(frame.data, frame.n_bytes, &read, &fault), 0);
                assert_int_equal(stage_to_gateway_unpack(&read, &back, &fault),
                                 end->state == RUN_STATE_FAILED ? 0 : FAULT_E_INPUT);
        }
}

/* A heartbeat at work names the run, an idle one has none. */
static void a_heartbeat_may_name_a_run(void **state) {
        _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
        struct envelope envelope, read;
        static union sample sample;
        struct fault fault = FAULT_NULL;

        (void)state;
        sample_envelope(MESSAGE_PROGRESS, &envelope);
        sample_message(MESSAGE_HEARTBEAT, &sample);
        assert_int_equal(heartbeat_pack((struct heartbeat *)(void *)sample.bytes, &envelope, &frame), 0);
        assert_int_equal(envelope_unpack(frame.data, frame.n_bytes, &read, &fault), 0);
        assert_string_equal(read.run, envelope.run);
        assert_int_equal(read.attempt, 2);
        envelope.attempt = 0;
        assert_int_equal(heartbeat_pack((struct heartbeat *)(void *)sample.bytes, &envelope, &frame), -EPROTO);
}

static void traceparents(void **state) {
        static const struct {
                const char *text;
                bool want;
        } rows[] = {
                { "", true },
                { "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true },
                { "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0", false },
                { "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011", false },
                { "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false },
                { "00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false },
                { "00-00000000000000000000000000000000-00f067aa0ba902b7-01", false },
                { "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", false },
                { "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01", false },
                { "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g", false },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                assert_int_equal(envelope_traceparent_is_valid(rows[i].text), rows[i].want);
}

/* Fills all lists and texts of a valid record to their brim. */
static void fill(const struct record *record, void *value) {
        for (size_t i = 0; i < record->n_fields; i++) {
                const struct record_field *field = &record->fields[i];
                uint8_t *member = record_member(value, field->offset);

                if (field->kind == RECORD_KIND_TEXT && field->form != RECORD_FORM_SHA256 &&
                    field->form != RECORD_FORM_CONTENT) {
                        memset(member, field->form == RECORD_FORM_CODE ? 'X' : 'x', field->n_room - 1);
                        member[field->n_room - 1] = 0;
                } else if (field->kind == RECORD_KIND_INT) {
                        *(int64_t *)(void *)member = field->high;
                } else if (field->kind == RECORD_KIND_MAP) {
                        fill(field->record, member);
                } else if (field->kind == RECORD_KIND_LIST) {
                        *(size_t *)record_member(value, field->offset_of_flag) = field->n_room;
                        for (size_t j = 0; j < field->n_room; j++)
                                fill(field->record, member + j * field->record->n_bytes);
                }
        }
}

static void the_largest_messages_fit_the_courier(void **state) {
        static union sample sample;

        (void)state;
        for (int type = 0; type < MESSAGE_N; type++) {
                _cleanup_(buffer_finish) struct buffer frame = BUFFER_NULL;
                struct envelope envelope;
                struct fault fault;

                sample_envelope((enum message_type)type, &envelope);
                sample_message((enum message_type)type, &sample);
                fill(message_record((enum message_type)type), sample.bytes);
                assert_int_equal(envelope_pack(&envelope, (enum message_type)type,
                                               message_record((enum message_type)type), sample.bytes, &frame),
                                 0);
                assert_true(frame.n_bytes < COURIER_BODY_BYTES_MAX / 4);
                assert_int_equal(unpack((enum message_type)type, &frame, &sample, &fault), 0);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define MESSAGE(NAME, name, how) cmocka_unit_test(round_trip_##name),
#include "proto/messages.def"
#undef MESSAGE
                cmocka_unit_test(golden_bytes_are_written_and_read),
                cmocka_unit_test(every_truncation_is_refused),
                cmocka_unit_test(trailing_bytes_are_refused),
                cmocka_unit_test(every_field_of_wrong_type_is_refused),
                cmocka_unit_test(numbers_do_not_stand_for_each_other),
                cmocka_unit_test(numbers_out_of_range_are_refused),
                cmocka_unit_test(texts_too_long_or_not_utf8_are_refused),
                cmocka_unit_test(maps_and_lists_of_wrong_size_are_refused),
                cmocka_unit_test(keys_stand_in_order),
                cmocka_unit_test(single_bits_never_crash),
                cmocka_unit_test(another_version_is_refused_by_name),
                cmocka_unit_test(an_unknown_type_is_refused_by_name),
                cmocka_unit_test(hostile_frames_are_refused),
                cmocka_unit_test(what_cannot_be_read_is_not_packed),
                cmocka_unit_test(an_end_that_is_none_is_refused),
                cmocka_unit_test(a_heartbeat_may_name_a_run),
                cmocka_unit_test(traceparents),
                cmocka_unit_test(the_largest_messages_fit_the_courier),
        };

        return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
