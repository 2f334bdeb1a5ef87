/* Courier: at least once from outbox to inbox, and once in the inbox. */

#include "tests/unit/bus/courier_fixture.h"

#include <pthread.h>

static void test_letter_arrives_and_is_forgotten(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;
        struct spool_message message = SPOOL_MESSAGE_NULL;

        station_open(b);
        station_post(a, b, "hello");
        assert_int_equal(station_n_outbox(a), 1);
        STATION_AWAIT(a, b, station_n_outbox(a) == 0);
        assert_int_equal(spool_inbox_next(b->spool, 0, &message), 0);
        assert_string_equal(message.key, "run-1");
        assert_string_equal(buffer_text(&message.body), "hello");
        spool_message_finish(&message);
        assert_int_equal(station_n_inbox(b), 1);
        assert_int_equal(courier_counts(a->courier)->n_acked, 1);
        assert_int_equal(courier_counts(b->courier)->n_accepted, 1);
}

static void test_flush_sends_at_once(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;

        station_open(b);
        station_post(a, b, "opens the way");
        STATION_AWAIT(a, b, station_n_outbox(a) == 0);
        station_post(a, b, "now");
        assert_int_equal(courier_counts(a->courier)->n_sent, 1);
        courier_flush(a->courier);
        assert_int_equal(courier_counts(a->courier)->n_sent, 2);
}

static void test_rolled_back_letter_never_leaves(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;

        station_open(b);
        station_connect(a, b);
        assert_int_equal(spool_begin(a->spool), 0);
        assert_int_equal(courier_post(a->courier, b->name, "run-1", "undone", 6), 0);
        spool_rollback(a->spool);
        courier_flush(a->courier);
        station_post(a, b, "done");
        STATION_AWAIT(a, b, station_n_outbox(a) == 0);
        assert_int_equal(station_n_inbox(b), 1);
        assert_int_equal(courier_counts(a->courier)->n_sent, 1);
}

/* Killed between commit and send: the letter leaves after the restart. */
static void test_committed_letter_survives_its_sender(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;

        station_post(a, b, "hello");
        station_close(a);
        station_open(b);
        station_open(a);
        station_connect(a, b);
        STATION_AWAIT(a, b, station_n_outbox(a) == 0);
        assert_int_equal(station_n_inbox(b), 1);
}

static void test_receiver_may_come_later(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;

        station_post(a, b, "hello");
        for (int i = 0; i < 5; i++)
                station_turn(a);
        assert_int_equal(courier_counts(a->courier)->n_sent, 0);
        station_open(b);
        STATION_AWAIT(a, b, station_n_outbox(a) == 0);
        assert_int_equal(station_n_inbox(b), 1);
        assert_int_equal(courier_counts(a->courier)->n_resent, 0);
}

/* The receiver reads the message and dies before its ack: it is carried to the one that takes its place. */
static void test_unacked_letter_is_sent_again(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;
        struct socket_message message = SOCKET_MESSAGE_NULL;
        struct socket_context *sockets;
        struct socket *router;
        size_t n_seen = 0;

        assert_int_equal(socket_context_create(&sockets), 0);
        assert_int_equal(socket_bind_router(sockets, b->endpoint, &router), 0);
        station_post(a, b, "hello");
        while (n_seen < 3) {
                station_turn(a);
                n_seen += socket_receive(router, &message) == 0;
        }
        assert_true(courier_counts(a->courier)->n_resent >= 2);
        assert_int_equal(station_n_outbox(a), 1);
        socket_message_finish(&message);
        socket_destroy(router);
        socket_context_destroy(sockets);
        station_open(b);
        STATION_AWAIT(a, b, station_n_outbox(a) == 0);
        assert_int_equal(station_n_inbox(b), 1);
}

static void send_raw(struct socket *dealer, const struct courier_header *header, const char *body) {
        uint8_t head[COURIER_HEADER_BYTES_MAX];
        struct socket_frame frames[2] = { { .data = head }, { (const uint8_t *)body, strlen(body) } };
        struct socket_poll item = { .socket = dealer, .want_write = true };

        frames[0].n_bytes = courier_header_pack(header, head);
        while (!item.is_writable)
                assert_int_equal(socket_poll(&item, 1, STATION_PATIENCE_MS), 0);
        assert_int_equal(socket_send(dealer, frames, 2), 0);
}

static void await_ack(struct station *station, struct socket *dealer, const char *want_id) {
        struct socket_message message = SOCKET_MESSAGE_NULL;
        struct fault fault = FAULT_NULL;
        struct courier_header header;

        STATION_AWAIT(station, NULL, socket_receive(dealer, &message) == 0);
        assert_int_equal(message.n_frames, 2);
        assert_int_equal(courier_header_unpack(message.frames[0].data, message.frames[0].n_bytes, &header, &fault), 0);
        assert_int_equal(header.kind, COURIER_KIND_ACK);
        assert_string_equal(header.id, want_id);
        assert_int_equal(message.frames[1].n_bytes, 0);
        socket_message_finish(&message);
}

/* However often it is sent, before and after it was handled and across a restart, it is in the inbox once. */
static void test_duplicates_are_acked_and_ignored(void **state) {
        struct courier_header header = { .kind = COURIER_KIND_DATA,
                                         .id = "0190a5c3-7b1e-7abc-8def-0123456789ab",
                                         .key = "run-1" };
        struct fixture *fixture = *state;
        struct station *b = &fixture->b;
        struct socket_context *sockets;
        struct socket *dealer;

        station_open(b);
        assert_int_equal(socket_context_create(&sockets), 0);
        assert_int_equal(socket_connect_dealer(sockets, b->endpoint, &dealer), 0);
        for (int i = 0; i < 5; i++)
                send_raw(dealer, &header, "hello");
        for (int i = 0; i < 5; i++)
                await_ack(b, dealer, header.id);
        assert_int_equal(station_n_inbox(b), 1);
        assert_int_equal(courier_counts(b->courier)->n_duplicates, 4);
        station_end_one(b);
        station_close(b);
        station_open(b);
        send_raw(dealer, &header, "hello");
        await_ack(b, dealer, header.id);
        assert_int_equal(station_n_inbox(b), 0);
        assert_int_equal(courier_counts(b->courier)->n_duplicates, 1);
        socket_destroy(dealer);
        socket_context_destroy(sockets);
}

static void test_full_inbox_is_back_pressure(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;
        char id[UUID_TEXT_BYTES];

        station_open(b);
        assert_int_equal(spool_begin(b->spool), 0);
        for (int i = 0; i < SPOOL_INBOX_ROWS_MAX; i++) {
                snprintf(id, sizeof(id), "00000000-0000-7000-8000-%012d", i);
                assert_int_equal(spool_inbox_put(b->spool, id, "run-0", "x", 1), 0);
        }
        assert_int_equal(spool_commit(b->spool), 0);
        station_post(a, b, "waits");
        STATION_AWAIT(a, b, courier_counts(b->courier)->n_deferred >= 2);
        assert_int_equal(station_n_inbox(b), SPOOL_INBOX_ROWS_MAX);
        assert_int_equal(station_n_outbox(a), 1);
        station_end_one(b);
        STATION_AWAIT(a, b, station_n_outbox(a) == 0);
        assert_int_equal(station_n_inbox(b), SPOOL_INBOX_ROWS_MAX);
}

/* While the disk is full nothing is acked; when there is room again all arrives. */
static void test_full_disk_is_survived(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;
        char *body;

        station_open(b);
        body = calloc(1, 100001);
        assert_non_null(body);
        memset(body, 'x', 100000);
        assert_true(station_query(b, "PRAGMA max_page_count = 40") <= 40);
        for (int i = 0; i < 4; i++)
                station_post(a, b, body);
        STATION_AWAIT(a, b, courier_counts(b->courier)->n_deferred >= 1);
        assert_true(station_n_outbox(a) >= 3);
        assert_true(station_query(b, "PRAGMA max_page_count = 10000") == 10000);
        STATION_AWAIT(a, b, station_n_outbox(a) == 0);
        assert_int_equal(station_n_inbox(b), 4);
        free(body);
}

/* A commit that stands is no failure, whatever becomes of the sending; the next wait says so. */
static void test_flush_leaves_failures_to_the_wait(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;
        size_t n_accepted;

        station_post(a, b, "hello");
        assert_int_equal(db_exec(spool_db(a->spool), "DROP TABLE outbox"), 0);
        courier_flush(a->courier);
        assert_true(courier_wait(a->courier, NULL, NULL, 0, 0, &n_accepted) < 0);
}

/* While the spool is left alone nothing is loaded; when the pause ends the courier wakes by itself. */
static void test_letter_posted_in_a_pause(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;
        int64_t started_ms = clock_monotonic_ms();
        size_t n_accepted;
        struct db *other;

        station_open(b);
        assert_int_equal(db_open(b->path, &other), 0);
        assert_int_equal(db_exec(other, "BEGIN IMMEDIATE"), 0);
        station_post(a, b, "cannot be stored");
        while (!courier_counts(a->courier)->n_sent)
                station_turn(a);
        assert_int_equal(courier_wait(b->courier, NULL, NULL, 0, STATION_PATIENCE_MS, &n_accepted), 0);
        assert_int_equal(n_accepted, 0);
        assert_int_equal(db_exec(other, "ROLLBACK"), 0);
        station_post(b, a, "posted in the pause");
        assert_int_equal(courier_counts(b->courier)->n_sent, 0);
        while (!courier_counts(b->courier)->n_sent)
                assert_int_equal(courier_wait(b->courier, NULL, NULL, 0, 10 * STATION_PATIENCE_MS, &n_accepted), 0);
        assert_true(clock_monotonic_ms() - started_ms < STATION_PATIENCE_MS);
        db_destroy(other);
}

static void test_lossy_is_now_or_never(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;

        station_connect(a, b);
        assert_int_equal(courier_send_lossy(a->courier, b->name, "beat", "1", 1), 0);
        assert_int_equal(courier_counts(a->courier)->n_dropped, 1);
        station_open(b);
        station_post(a, b, "opens the way");
        STATION_AWAIT(a, b, station_n_outbox(a) == 0);
        assert_int_equal(fixture->n_lossy, 0);
        assert_int_equal(courier_send_lossy(a->courier, b->name, "beat", "2", 1), 0);
        STATION_AWAIT(a, b, fixture->n_lossy == 1);
        assert_string_equal(fixture->lossy, "beat:2");
        assert_int_equal(station_n_inbox(b), 1);
        assert_int_equal(courier_counts(a->courier)->n_dropped, 1);
}

/* More letters than the window holds all arrive, each once. */
static void test_more_letters_than_the_window(void **state) {
        enum { N_LETTERS = 3 * COURIER_WINDOW + 7 };
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;
        char body[16];

        station_connect(a, b);
        assert_int_equal(spool_begin(a->spool), 0);
        for (int i = 0; i < N_LETTERS; i++) {
                snprintf(body, sizeof(body), "%d", i);
                assert_int_equal(courier_post(a->courier, b->name, "run-1", body, strlen(body)), 0);
        }
        assert_int_equal(spool_commit(a->spool), 0);
        station_open(b);
        STATION_AWAIT(a, b, station_n_outbox(a) == 0);
        assert_int_equal(station_query(b, "SELECT count(DISTINCT body) FROM inbox"), N_LETTERS);
        assert_int_equal(station_n_inbox(b), N_LETTERS);
        assert_int_equal(courier_counts(a->courier)->n_sent, N_LETTERS);
}

/* A letter is for a name: it follows the peer that has moved while the letter waited. */
static void test_letters_follow_a_peer_that_moved(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;
        char before[SOCKET_ENDPOINT_BYTES + 8];

        snprintf(before, sizeof(before), "%s-before", b->endpoint);
        assert_int_equal(courier_connect(a->courier, "b", before), 0);
        station_post_to(a, "b", "one");
        station_post_to(a, "b", "two");
        station_turn(a);
        station_close(a);
        station_open(a);
        assert_int_equal(courier_connect(a->courier, "b", b->endpoint), 0);
        assert_int_equal(courier_connect(a->courier, "b", b->endpoint), 0); /* known already */
        station_open(b);
        station_post_to(a, "b", "three");
        STATION_AWAIT(a, b, station_n_outbox(a) == 0);
        assert_int_equal(station_n_inbox(b), 3);
        assert_int_equal(station_n_dead(b), 0);
}

/* Its owner says where it is only after the start, or never: until then it waits. */
static void test_letters_to_a_name_wait_until_it_is_connected(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;

        assert_int_equal(courier_connect(a->courier, "b", b->endpoint), 0);
        station_post_to(a, "b", "waits");
        station_close(a);
        station_open(a);
        station_open(b);
        assert_int_equal(courier_connect(a->courier, "another", b->endpoint), 0);
        station_post_to(a, "another", "does not wait");
        STATION_AWAIT(a, b, station_n_inbox(b) == 1 && station_n_outbox(a) == 1);
        assert_int_equal(courier_connect(a->courier, "b", b->endpoint), 0);
        STATION_AWAIT(a, b, station_n_inbox(b) == 2 && station_n_outbox(a) == 0);
}

/* A peer that is away does not keep others waiting. */
static void test_peers_do_not_hinder_each_other(void **state) {
        struct fixture *fixture = *state;
        struct station *a = &fixture->a, *b = &fixture->b;
        char nobody[SOCKET_ENDPOINT_BYTES + 8];

        snprintf(nobody, sizeof(nobody), "%s-nobody", b->endpoint);
        assert_int_equal(courier_connect(a->courier, "nobody", nobody), 0);
        station_open(b);
        station_connect(a, b);
        assert_int_equal(spool_begin(a->spool), 0);
        for (int i = 0; i < 2 * COURIER_WINDOW; i++)
                assert_int_equal(courier_post(a->courier, "nobody", "run-1", "x", 1), 0);
        assert_int_equal(courier_post(a->courier, b->name, "run-1", "y", 1), 0);
        assert_int_equal(spool_commit(a->spool), 0);
        STATION_AWAIT(a, b, station_n_inbox(b) == 1 && courier_counts(a->courier)->n_acked == 1);
        STATION_AWAIT(a, b, station_n_outbox(a) == 2 * COURIER_WINDOW);
}

static void *wake(void *context) {
        courier_wake(context);
        return NULL;
}

static void test_wake_from_another_thread(void **state) {
        struct fixture *fixture = *state;
        size_t n_accepted = 1;
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, wake, fixture->a.courier), 0);
        assert_int_equal(courier_wait(fixture->a.courier, NULL, NULL, 0, -1, &n_accepted), 0);
        assert_int_equal(n_accepted, 0);
        pthread_join(thread, NULL);
}

static void test_descriptors_of_the_owner(void **state) {
        struct fixture *fixture = *state;
        bool is_ready[2] = { true, false };
        int first[2], second[2], fds[2];
        size_t n_accepted;

        assert_int_equal(pipe(first), 0);
        assert_int_equal(pipe(second), 0);
        fds[0] = first[0];
        fds[1] = second[0];
        assert_int_equal(write(second[1], "x", 1), 1);
        assert_int_equal(courier_wait(fixture->a.courier, fds, is_ready, 2, -1, &n_accepted), 0);
        assert_false(is_ready[0]);
        assert_true(is_ready[1]);
        for (int i = 0; i < 2; i++) {
                close(first[i]);
                close(second[i]);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                COURIER_TEST(test_letter_arrives_and_is_forgotten),
                COURIER_TEST(test_flush_sends_at_once),
                COURIER_TEST(test_rolled_back_letter_never_leaves),
                COURIER_TEST(test_committed_letter_survives_its_sender),
                COURIER_TEST(test_receiver_may_come_later),
                COURIER_TEST(test_unacked_letter_is_sent_again),
                COURIER_TEST(test_duplicates_are_acked_and_ignored),
                COURIER_TEST(test_full_inbox_is_back_pressure),
                COURIER_TEST(test_full_disk_is_survived),
                COURIER_TEST(test_flush_leaves_failures_to_the_wait),
                COURIER_TEST(test_letter_posted_in_a_pause),
                COURIER_TEST(test_lossy_is_now_or_never),
                COURIER_TEST(test_more_letters_than_the_window),
                COURIER_TEST(test_letters_follow_a_peer_that_moved),
                COURIER_TEST(test_letters_to_a_name_wait_until_it_is_connected),
                COURIER_TEST(test_peers_do_not_hinder_each_other),
                COURIER_TEST(test_wake_from_another_thread),
                COURIER_TEST(test_descriptors_of_the_owner),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
