/* Courier, refusals: what is no good is kept once, told, and acked or not; what is too large or forged does no harm. */

#include "tests/unit/bus/courier_fixture.h"

#include <errno.h>

/* Refused by the owner's check: kept in dead, told to whom the owner likes, and its sender stops. */
static void test_refused_letter(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;

        station_open(b);
        station_post(a, b, "bad news");
        STATION_AWAIT(a, b, station_n_outbox(a) == 0 && station_n_inbox(a) == 1);
        assert_int_equal(station_n_inbox(b), 0);
        assert_int_equal(station_n_dead(b), 1);
        assert_int_equal(fixture->n_rejects, 1);
        assert_string_equal(fixture->reject_code, "TEST_BAD");
        assert_string_equal(fixture->reject_key, "run-1");
        assert_string_equal(fixture->reject_body, "bad news");
        assert_int_equal(courier_counts(b->courier)->n_rejected, 1);
        assert_int_equal(station_query(b,
                                       "SELECT count(*) FROM dead WHERE key = 'run-1' AND bytes = x'626164206e657773'"
                                       " AND reason = 'TEST_BAD: it is bad'"),
                         1);
}

/* A message that check refused and that could not be kept says nothing about the next one, which check never saw. */
static void test_refusal_is_told_of_its_own_message(void **state) {
        struct courier_header header = { .kind = COURIER_KIND_DATA,
                                         .id = "0190a5c3-7b1e-7abc-8def-0123456789ab",
                                         .key = "run-2" };
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;
        uint8_t head[COURIER_HEADER_BYTES_MAX];
        struct socket_frame frame = { .data = head };
        struct socket_context *sockets;
        struct socket *dealer;

        station_open(b);
        fixture->has_no_room = true;
        station_post(a, b, "bad news");
        STATION_AWAIT(a, b, courier_counts(b->courier)->n_deferred >= 1);
        fixture->has_no_room = false;
        assert_int_equal(socket_context_create(&sockets), 0);
        assert_int_equal(socket_connect_dealer(sockets, b->endpoint, &dealer), 0);
        frame.n_bytes = courier_header_pack(&header, head);
        STATION_AWAIT(b, NULL, socket_send(dealer, &frame, 1) == 0);
        STATION_AWAIT(b, NULL, !strcmp(fixture->reject_key, "run-2"));
        assert_string_equal(fixture->reject_code, "MESSAGE_FRAMES");
        assert_string_equal(fixture->reject_key, "run-2");
        assert_string_equal(fixture->reject_body, "");
        socket_destroy(dealer);
        socket_context_destroy(sockets);
}

/* Its owner has no room for what follows: it is neither kept nor acked, and comes again. */
static void test_refused_letter_waits_for_room(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;

        fixture->has_no_room = true;
        station_open(b);
        station_post(a, b, "bad news");
        STATION_AWAIT(a, b, courier_counts(b->courier)->n_deferred >= 2);
        assert_int_equal(station_n_outbox(a), 1);
        assert_int_equal(station_n_dead(b), 0);
        assert_int_equal(courier_counts(b->courier)->n_rejected, 0);
        fixture->has_no_room = false;
        STATION_AWAIT(a, b, station_n_outbox(a) == 0);
        assert_int_equal(station_n_dead(b), 1);
        assert_int_equal(fixture->n_rejects, 1);
        assert_int_equal(courier_counts(b->courier)->n_rejected, 1);
}

/* It cannot be acked and comes again and again: it is kept once, and pushes no other out. */
static void test_message_without_id_is_kept_once(void **state) {
        struct fixture *fixture = *state;
        struct station *b = &fixture->b;
        struct socket_frame frames[2] = { { (const uint8_t *)"noise", 5 }, { (const uint8_t *)"body", 4 } };
        struct socket_context *sockets;
        struct socket *dealer;

        station_open(b);
        assert_int_equal(socket_context_create(&sockets), 0);
        assert_int_equal(socket_connect_dealer(sockets, b->endpoint, &dealer), 0);
        for (int i = 0; i < 5; i++)
                STATION_AWAIT(b, NULL, socket_send(dealer, frames, 2) == 0);
        STATION_AWAIT(b, NULL, courier_counts(b->courier)->n_rejected == 5);
        assert_int_equal(station_n_dead(b), 1);
        assert_int_equal(station_query(b, "SELECT times FROM dead"), 5);
        frames[0] = (struct socket_frame){ (const uint8_t *)"other", 5 };
        STATION_AWAIT(b, NULL, socket_send(dealer, frames, 2) == 0);
        STATION_AWAIT(b, NULL, station_n_dead(b) == 2);
        socket_destroy(dealer);
        socket_context_destroy(sockets);
}

static void test_letter_above_the_limit(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a;
        char *body;

        body = calloc(1, COURIER_BODY_BYTES_MAX + 1);
        assert_non_null(body);
        assert_int_equal(courier_connect(a->courier, "b", fixture->b.endpoint), 0);
        assert_int_equal(spool_begin(a->spool), 0);
        assert_int_equal(courier_post(a->courier, "b", "run-1", body, COURIER_BODY_BYTES_MAX + 1), -EMSGSIZE);
        assert_int_equal(courier_send_lossy(a->courier, "b", "run-1", body, COURIER_BODY_BYTES_MAX + 1), -EMSGSIZE);
        spool_rollback(a->spool);
        free(body);
}

/* A forged ack deletes nothing, and what is no ack is ignored. */
static void test_only_the_right_ack_counts(void **state) {
        struct courier_header header = { .kind = COURIER_KIND_ACK, .id = "0190a5c3-7b1e-7abc-8def-0123456789ab" };
        struct socket_message message = SOCKET_MESSAGE_NULL;
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;
        uint8_t head[COURIER_HEADER_BYTES_MAX];
        struct socket_frame frames[3] = { { 0 } };
        struct socket_context *sockets;
        struct socket *router;

        assert_int_equal(socket_context_create(&sockets), 0);
        assert_int_equal(socket_bind_router(sockets, b->endpoint, &router), 0);
        station_post(a, b, "hello");
        STATION_AWAIT(a, NULL, socket_receive(router, &message) == 0);
        frames[0] = message.frames[0];
        frames[1] = (struct socket_frame){ head, courier_header_pack(&header, head) };
        assert_int_equal(socket_send(router, frames, 3), 0);
        header.kind = COURIER_KIND_DATA;
        courier_header_pack(&header, head);
        assert_int_equal(socket_send(router, frames, 3), 0);
        frames[1] = (struct socket_frame){ (const uint8_t *)"noise", 5 };
        assert_int_equal(socket_send(router, frames, 2), 0);
        STATION_AWAIT(a, NULL, courier_counts(a->courier)->n_rejected == 2);
        assert_int_equal(courier_counts(a->courier)->n_acked, 0);
        assert_int_equal(station_n_outbox(a), 1);
        socket_message_finish(&message);
        socket_destroy(router);
        socket_context_destroy(sockets);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                COURIER_TEST(test_refused_letter),
                COURIER_TEST(test_refusal_is_told_of_its_own_message),
                COURIER_TEST(test_refused_letter_waits_for_room),
                COURIER_TEST(test_message_without_id_is_kept_once),
                COURIER_TEST(test_letter_above_the_limit),
                COURIER_TEST(test_only_the_right_ack_counts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
