/*
 * What may reach a courier's socket: the golden bytes of the header, and frames that are truncated, oversized, of
 * another version, or hostile. Each ends in dead, is counted, and the courier lives on.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/bus/courier.h"
#include "common/bus/cursor.h"
#include "tests/support/station.h"

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_SANITIZER 1
#endif
#endif
#ifndef UNDER_SANITIZER
#define UNDER_SANITIZER 0
#endif

#define ID "0190a5c3-7b1e-7abc-8def-0123456789ab"

/* version 1 */
static const char golden_data[] = "CVOY\x01\x01" ID "\x05run-1";
static const char golden_ack[] = "CVOY\x01\x02" ID "\x00";
static const char golden_lossy[] = "CVOY\x01\x03" ID "\x04"
                                   "beat";

static void test_golden_headers(void **state) {
        static const struct {
                const char *bytes;
                size_t n_bytes;
                struct courier_header want;
        } rows[] = {
                { golden_data, sizeof(golden_data) - 1, { COURIER_KIND_DATA, ID, "run-1" } },
                { golden_ack, sizeof(golden_ack) - 1, { COURIER_KIND_ACK, ID, "" } },
                { golden_lossy, sizeof(golden_lossy) - 1, { COURIER_KIND_LOSSY, ID, "beat" } },
        };
        uint8_t bytes[COURIER_HEADER_BYTES_MAX];
        struct fault fault = FAULT_NULL;
        struct courier_header header;

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                assert_int_equal(courier_header_pack(&rows[i].want, bytes), rows[i].n_bytes);
                assert_memory_equal(bytes, rows[i].bytes, rows[i].n_bytes);
                assert_int_equal(courier_header_unpack(rows[i].bytes, rows[i].n_bytes, &header, &fault), 0);
                assert_int_equal(header.kind, rows[i].want.kind);
                assert_string_equal(header.id, rows[i].want.id);
                assert_string_equal(header.key, rows[i].want.key);
        }
}

/* A receiving station that walks each body as a daemon does, and a bare socket that sends it whatever it likes. */
struct fixture {
        struct scratch *scratch;
        struct station station;
        struct socket_context *sockets;
        struct socket *dealer;
        struct socket_message message;
        int next_id;
};

static int walk(void *context, const char *key, const uint8_t *body, size_t n_bytes, struct fault *fault) {
        struct cursor cursor;

        (void)context;
        (void)key;
        return cursor_open(&cursor, body, n_bytes, fault);
}

static int setup(void **state) {
        struct fixture *fixture = calloc(1, sizeof(*fixture));
        void *scratch = NULL;

        if (!fixture || scratch_setup(&scratch))
                return -1;
        fixture->scratch = scratch;
        station_name(&fixture->station, fixture->scratch, "s");
        fixture->station.hooks.check = walk;
        station_open(&fixture->station);
        *state = fixture;
        if (socket_context_create(&fixture->sockets))
                return -1;
        return socket_connect_dealer(fixture->sockets, fixture->station.endpoint, &fixture->dealer);
}

static int teardown(void **state) {
        struct fixture *fixture = *state;
        void *scratch = fixture->scratch;

        socket_message_finish(&fixture->message);
        socket_destroy(fixture->dealer);
        socket_context_destroy(fixture->sockets);
        station_close(&fixture->station);
        free(fixture);
        return scratch_teardown(&scratch);
}

static void send_frames(struct fixture *fixture, const struct socket_frame *frames, size_t n_frames) {
        struct socket_poll item = { .socket = fixture->dealer, .want_write = true };

        while (socket_send(fixture->dealer, frames, n_frames))
                assert_int_equal(socket_poll(&item, 1, STATION_PATIENCE_MS), 0);
}

/* A body under a valid header with an id of its own, which is returned. */
static const char *send_body(struct fixture *fixture, const void *body, size_t n_bytes) {
        static struct courier_header header = { .kind = COURIER_KIND_DATA, .key = "run-1" };
        uint8_t head[COURIER_HEADER_BYTES_MAX];
        struct socket_frame frames[2] = { { .data = head }, { body, n_bytes } };

        snprintf(header.id, sizeof(header.id), "00000000-0000-7000-8000-%012d", fixture->next_id++);
        frames[0].n_bytes = courier_header_pack(&header, head);
        send_frames(fixture, frames, 2);
        return header.id;
}

static void await_ack(struct fixture *fixture, const char *want_id) {
        struct fault fault = FAULT_NULL;
        struct courier_header header;

        STATION_AWAIT(&fixture->station, NULL, socket_receive(fixture->dealer, &fixture->message) == 0);
        assert_int_equal(courier_header_unpack(fixture->message.frames[0].data, fixture->message.frames[0].n_bytes,
                                               &header, &fault),
                         0);
        assert_int_equal(header.kind, COURIER_KIND_ACK);
        assert_string_equal(header.id, want_id);
}

/* One more message is in dead, with this code as its reason; and a good one still comes through. */
static void assert_rejected(struct fixture *fixture, const char *code) {
        struct station *station = &fixture->station;
        int64_t n_inbox = station_n_inbox(station);
        uint64_t n_rejected = courier_counts(station->courier)->n_rejected;
        int64_t n_dead = station_n_dead(station);
        char sql[256];

        STATION_AWAIT(station, NULL, courier_counts(station->courier)->n_rejected > n_rejected);
        assert_int_equal(courier_counts(station->courier)->n_rejected, n_rejected + 1);
        assert_int_equal(station_n_dead(station), n_dead + 1);
        snprintf(sql, sizeof(sql),
                 "SELECT count(*) FROM dead WHERE number = (SELECT max(number) FROM dead) AND reason LIKE '%s: %%'",
                 code);
        assert_int_equal(station_query(station, sql), 1);
        assert_int_equal(station_n_inbox(station), n_inbox);
}

static void assert_lives_on(struct fixture *fixture) {
        int64_t n_inbox = station_n_inbox(&fixture->station);

        await_ack(fixture, send_body(fixture, "\xc0", 1));
        assert_int_equal(station_n_inbox(&fixture->station), n_inbox + 1);
}

static void test_header_truncated_at_every_byte(void **state) {
        struct fixture *fixture = *state;
        struct socket_frame frames[2] = { { (const uint8_t *)golden_data, 0 }, { (const uint8_t *)"\xc0", 1 } };

        for (size_t n = 0; n < sizeof(golden_data) - 1; n++) {
                frames[0].n_bytes = n;
                send_frames(fixture, frames, 2);
                /* once the id is there the message is known, acked, and refused only once */
                if (n <= 42)
                        assert_rejected(fixture, "HEADER_TRUNCATED");
                if (n >= 42)
                        await_ack(fixture, ID);
        }
        assert_lives_on(fixture);
}

static void test_wrong_headers(void **state) {
        static const struct {
                size_t at;
                char value;
                const char *want_code;
                bool want_ack;
        } rows[] = {
                { 0, 'X', "HEADER_MAGIC", false },
                { 4, 0, "HEADER_VERSION", true },
                { 4, 2, "HEADER_VERSION", true },
                { 5, 0, "HEADER_KIND", true },
                { 5, 9, "HEADER_KIND", true },
                { 5, COURIER_KIND_ACK, "MESSAGE_ACK", true },
                { 6, 'z', "HEADER_ID", false },
                { 42, 4, "HEADER_TRAILING_BYTES", true },
                { 42, (char)255, "HEADER_TRUNCATED", true },
                { 43, '\n', "HEADER_KEY", true },
        };
        struct fixture *fixture = *state;
        char head[sizeof(golden_data)], id[UUID_TEXT_BYTES] = ID;
        struct socket_frame frames[2] = { { (const uint8_t *)head, sizeof(golden_data) - 1 },
                                          { (const uint8_t *)"\xc0", 1 } };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                memcpy(head, golden_data, sizeof(head));
                /* another id for each, since a known one is only acked */
                id[35] = (char)('0' + i % 10);
                memcpy(head + 6, id, 36);
                head[rows[i].at] = rows[i].value;
                send_frames(fixture, frames, 2);
                assert_rejected(fixture, rows[i].want_code);
                if (rows[i].want_ack)
                        await_ack(fixture, id);
        }
        assert_lives_on(fixture);
}

static void test_wrong_number_of_frames(void **state) {
        struct fixture *fixture = *state;
        struct socket_frame frames[SOCKET_N_FRAMES_MAX + 4];

        for (size_t i = 0; i < N_ELEMENTS(frames); i++)
                frames[i] = (struct socket_frame){ (const uint8_t *)golden_data, sizeof(golden_data) - 1 };
        send_frames(fixture, frames, N_ELEMENTS(frames));
        assert_rejected(fixture, "MESSAGE_FRAMES");
        await_ack(fixture, ID);
        assert_lives_on(fixture);
}

static void test_header_alone(void **state) {
        struct fixture *fixture = *state;
        struct socket_frame frame = { (const uint8_t *)golden_data, sizeof(golden_data) - 1 };

        send_frames(fixture, &frame, 1);
        assert_rejected(fixture, "MESSAGE_FRAMES");
        await_ack(fixture, ID);
        assert_lives_on(fixture);
}

/* The most memory that the process held at once since the last call with true. */
static int64_t peak_bytes(bool start_again) {
        int64_t n_kib = 0;
        char line[256];
        FILE *file;

        if (start_again) {
                file = fopen("/proc/self/clear_refs", "we");
                assert_non_null(file);
                assert_true(fputs("5", file) >= 0);
                assert_int_equal(fclose(file), 0);
        }
        file = fopen("/proc/self/status", "re");
        assert_non_null(file);
        while (fgets(line, sizeof(line), file))
                if (sscanf(line, "VmHWM: %ld", &n_kib) == 1)
                        break;
        fclose(file);
        return n_kib * 1024;
}

static void test_body_at_and_above_the_limit(void **state) {
        struct fixture *fixture = *state;
        uint8_t *body;

        body = calloc(1, COURIER_BODY_BYTES_MAX + 1);
        assert_non_null(body);
        memcpy(body, "\xc6\x00\x03\xff\xfb", 5);
        await_ack(fixture, send_body(fixture, body, COURIER_BODY_BYTES_MAX));
        assert_int_equal(station_n_inbox(&fixture->station), 1);
        send_body(fixture, body, COURIER_BODY_BYTES_MAX + 1);
        assert_rejected(fixture, "MESSAGE_SIZE");
        assert_int_equal(station_query(&fixture->station, "SELECT n_bytes FROM dead"), COURIER_BODY_BYTES_MAX + 1);
        assert_int_equal(station_query(&fixture->station, "SELECT length(bytes) FROM dead"), SPOOL_DEAD_BYTES_MAX);
        free(body);
}

/* Beyond the transport's limit the connection is cut before the bytes are there; others are still served. */
static void test_body_above_the_limit_of_the_transport(void **state) {
        struct courier_header header = { .kind = COURIER_KIND_DATA, .id = ID, .key = "run-1" };
        struct fixture *fixture = *state;
        uint8_t head[COURIER_HEADER_BYTES_MAX], *body;
        struct socket_frame frames[2] = { { .data = head }, { .n_bytes = 64 * 1024 * 1024 } };

        body = calloc(1, frames[1].n_bytes);
        assert_non_null(body);
        frames[0].n_bytes = courier_header_pack(&header, head);
        frames[1].data = body;
        send_frames(fixture, frames, 2);
        free(body);
        /* what was queued behind it is lost with the connection, and a courier would send it again */
        while (socket_receive(fixture->dealer, &fixture->message)) {
                send_body(fixture, "\xc0", 1);
                station_turn(&fixture->station);
        }
        assert_true(station_n_inbox(&fixture->station) >= 1);
        assert_int_equal(station_query(&fixture->station, "SELECT count(*) FROM inbox WHERE body <> x'c0'"), 0);
        assert_int_equal(station_n_dead(&fixture->station), 0);
}

static void test_hostile_bodies(void **state) {
        enum { N_DEEP = 100000 };
        static const struct {
                const char *bytes;
                size_t n_bytes;
                const char *want_code;
        } rows[] = {
                { "\xdd\xff\0\0\0", 5, "FRAME_TRUNCATED" },
                { "\xdf\xff\xff\xff\xff", 5, "FRAME_TRUNCATED" },
                { "\xc6\xff\xff\xff\xff", 5, "FRAME_TRUNCATED" },
                { "\xdb\x7f\xff\xff\xff", 5, "FRAME_TRUNCATED" },
                { "\xc9\xff\xff\xff\xff\x01", 6, "FRAME_TYPE" },
                { "\xc1", 1, "FRAME_TYPE" },
                { "", 0, "FRAME_TRUNCATED" },
                { "\xc0\xc0", 2, "FRAME_TRAILING_BYTES" },
        };
        struct fixture *fixture = *state;
        int64_t before_bytes;
        const char *id;
        uint8_t *deep;

        deep = malloc(N_DEEP);
        assert_non_null(deep);
        memset(deep, 0x91, N_DEEP);
        /* one refused message before, so that what the libraries allocate once is there */
        send_body(fixture, deep, N_DEEP);
        assert_rejected(fixture, "FRAME_DEPTH");
        await_ack(fixture, "00000000-0000-7000-8000-000000000000");
        before_bytes = peak_bytes(true);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                id = send_body(fixture, rows[i].bytes, rows[i].n_bytes);
                assert_rejected(fixture, rows[i].want_code);
                await_ack(fixture, id);
        }
        id = send_body(fixture, deep, N_DEEP);
        assert_rejected(fixture, "FRAME_DEPTH");
        await_ack(fixture, id);
        if (!UNDER_SANITIZER)
                assert_true(peak_bytes(false) - before_bytes <= 1024 * 1024);
        free(deep);
        assert_lives_on(fixture);
}

int main(void) {
#define FRAME_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_golden_headers),
                FRAME_TEST(test_header_truncated_at_every_byte),
                FRAME_TEST(test_wrong_headers),
                FRAME_TEST(test_wrong_number_of_frames),
                FRAME_TEST(test_header_alone),
                FRAME_TEST(test_body_at_and_above_the_limit),
                FRAME_TEST(test_body_above_the_limit_of_the_transport),
                FRAME_TEST(test_hostile_bodies),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
