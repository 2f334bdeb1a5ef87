#pragma once

/*
 * Station of a test
 *
 * A courier with its spool on an ipc endpoint of its own, all in one folder: what a daemon holds, without the daemon.
 * station_close() and station_open() again is what a crash does: everything but the file is forgotten.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/clock.h"
#include "common/base/db.h"
#include "common/bus/courier.h"
#include "tests/support/scratch.h"

/* long enough for any machine; reached only by a failure */
#define STATION_PATIENCE_MS 60000

struct station {
        struct socket_context *sockets;
        struct spool *spool;
        struct courier *courier;
        struct courier_hooks hooks; /* set before station_open() */
        char name[32];
        char path[768];
        char endpoint[SOCKET_ENDPOINT_BYTES];
};

static inline void station_name(struct station *station, const struct scratch *scratch, const char *name) {
        snprintf(station->name, sizeof(station->name), "%s", name);
        snprintf(station->path, sizeof(station->path), "%.500s/%s.db", scratch->folder, name);
        snprintf(station->endpoint, sizeof(station->endpoint), "ipc://%.100s/%s", scratch->folder, name);
}

static inline void station_open(struct station *station) {
        struct courier_options options = { .endpoint = station->endpoint, .hooks = station->hooks };

        assert_int_equal(socket_context_create(&station->sockets), 0);
        assert_int_equal(spool_open(station->path, &station->spool), 0);
        options.sockets = station->sockets;
        options.spool = station->spool;
        assert_int_equal(courier_create(&options, &station->courier), 0);
}

static inline void station_close(struct station *station) {
        station->courier = courier_destroy(station->courier);
        station->spool = spool_destroy(station->spool);
        station->sockets = socket_context_destroy(station->sockets);
}

/* One short turn; how many messages came in. */
static inline size_t station_turn(struct station *station) {
        size_t n_accepted = 0;

        assert_int_equal(courier_wait(station->courier, NULL, NULL, 0, 5, &n_accepted), 0);
        return n_accepted;
}

static inline int64_t station_n_inbox(struct station *station) {
        int64_t n_rows = -1;

        assert_int_equal(spool_inbox_count(station->spool, &n_rows), 0);
        return n_rows;
}

static inline int64_t station_n_outbox(struct station *station) {
        int64_t n_rows = -1;

        assert_int_equal(spool_outbox_count(station->spool, &n_rows), 0);
        return n_rows;
}

static inline int64_t station_n_dead(struct station *station) {
        int64_t n_rows = -1;

        assert_int_equal(spool_dead_count(station->spool, &n_rows), 0);
        return n_rows;
}

/* The first number that a query gives. */
static inline int64_t station_query(struct station *station, const char *sql) {
        struct db_statement *statement;
        int64_t value;

        assert_int_equal(db_prepare(spool_db(station->spool), sql, &statement), 0);
        assert_int_equal(db_step(statement), DB_E_ROW);
        value = db_column_int64(statement, 0);
        db_release(&statement);
        return value;
}

static inline void station_connect(struct station *station, const struct station *peer) {
        assert_int_equal(courier_connect(station->courier, peer->name, peer->endpoint), 0);
}

/* Posts to a connected peer in a transaction of its own, without courier_flush(). */
static inline void station_post_to(struct station *station, const char *peer, const char *body) {
        assert_int_equal(spool_begin(station->spool), 0);
        assert_int_equal(courier_post(station->courier, peer, "run-1", body, strlen(body)), 0);
        assert_int_equal(spool_commit(station->spool), 0);
}

/* The same, and connects before if need be. */
static inline void station_post(struct station *station, const struct station *peer, const char *body) {
        station_connect(station, peer);
        station_post_to(station, peer->name, body);
}

/* Ends the oldest message of the inbox. */
static inline void station_end_one(struct station *station) {
        struct spool_message message = SPOOL_MESSAGE_NULL;

        assert_int_equal(spool_inbox_next(station->spool, 0, &message), 0);
        assert_int_equal(spool_begin(station->spool), 0);
        assert_int_equal(spool_inbox_end(station->spool, message.number), 0);
        assert_int_equal(spool_commit(station->spool), 0);
        spool_message_finish(&message);
}

/* Turns both stations (b may be NULL) until the condition holds; a wait in vain does the last words, and fails. */
#define STATION_AWAIT_OR(a, b, condition, last_words) \
        do { \
                int64_t until_ms = clock_monotonic_ms() + STATION_PATIENCE_MS; \
                struct station *other = (b); \
                while (!(condition)) { \
                        station_turn(a); \
                        if (other) \
                                station_turn(other); \
                        if (clock_monotonic_ms() < until_ms) \
                                continue; \
                        last_words; \
                        fail_msg("in %d ms it did not come to: %s", STATION_PATIENCE_MS, #condition); \
                } \
        } while (0)

#define STATION_AWAIT(a, b, condition) STATION_AWAIT_OR(a, b, condition, (void)0)
