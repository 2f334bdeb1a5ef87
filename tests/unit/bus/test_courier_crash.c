/*
 * Courier under SIGKILL: this program starts itself again as a relay, which takes letters from its inbox and ends each
 * in one transaction (inbox row out, done row in, a letter to the next station into the outbox), and kills it at random
 * moments. Nothing is lost, and nothing is done twice.
 */

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "common/base/log.h"
#include "common/base/random.h"
#include "tests/support/station.h"

enum { N_KILLS = 50, N_LETTERS = 500 };

/* Ends what is in the inbox; each body is the name of a run. A second done row for one run would break the PRIMARY KEY
 * of effects, and the transaction with it. */
static int relay_one(struct station *station, const char *next, int64_t *after, struct spool_message *message) {
        char sql[128];
        int r;

        r = spool_inbox_next(station->spool, *after, message);
        if (r)
                return r;
        *after = message->number;
        snprintf(sql, sizeof(sql), "INSERT INTO effects (run) VALUES ('%s')", buffer_text(&message->body));
        r = spool_begin(station->spool);
        if (!r)
                r = db_exec(spool_db(station->spool), sql);
        if (!r)
                r = spool_done_put(station->spool, buffer_text(&message->body), 1, "SUCCEEDED", "x", 1);
        if (!r)
                r = spool_inbox_end(station->spool, message->number);
        if (!r)
                r = courier_post(station->courier, next, message->key, message->body.data, message->body.n_bytes);
        if (!r)
                r = spool_commit(station->spool);
        if (!r)
                courier_flush(station->courier);
        return r;
}

static int relay(const char *folder) {
        struct spool_message message = SPOOL_MESSAGE_NULL;
        struct scratch scratch = { 0 };
        struct station station = { 0 }, next = { 0 };
        int64_t after = 0;
        size_t n_accepted;
        int r;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        snprintf(scratch.folder, sizeof(scratch.folder), "%s", folder);
        station_name(&station, &scratch, "relay");
        station_name(&next, &scratch, "end");
        station_open(&station);
        station_connect(&station, &next);
        r = db_exec(spool_db(station.spool), "CREATE TABLE IF NOT EXISTS effects (run TEXT PRIMARY KEY)");
        while (!r) {
                do {
                        r = relay_one(&station, next.name, &after, &message);
                } while (!r);
                if (r == SPOOL_E_NONE)
                        r = courier_wait(station.courier, NULL, NULL, 0, 1000, &n_accepted);
        }
        return 1;
}

static pid_t start_relay(const char *folder) {
        pid_t pid = fork();

        if (pid == 0) {
                execl("/proc/self/exe", "test_courier_crash", "relay", folder, (char *)NULL);
                _exit(127);
        }
        assert_true(pid > 0);
        return pid;
}

/* Also shows that the relay had not ended by itself. */
static void kill_relay(pid_t pid) {
        int status = 0;

        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void post_some(struct station *from, const char *peer, int first, int n_letters) {
        char body[32];

        assert_int_equal(spool_begin(from->spool), 0);
        for (int i = first; i < first + n_letters; i++) {
                snprintf(body, sizeof(body), "run-%d", i);
                assert_int_equal(courier_post(from->courier, peer, body, body, strlen(body)), 0);
        }
        assert_int_equal(spool_commit(from->spool), 0);
        courier_flush(from->courier);
}

static void test_nothing_is_lost_or_done_twice(void **state) {
        struct random random = random_stream(1, RANDOM_SALT_COURIER, 0);
        struct station start = { 0 }, middle = { 0 }, end = { 0 };
        struct scratch *scratch = *state;
        int64_t n_wanted = 0;
        pid_t pid;

        station_name(&start, scratch, "start");
        station_name(&middle, scratch, "relay");
        station_name(&end, scratch, "end");
        station_open(&start);
        station_open(&end);
        station_connect(&start, &middle);
        for (int i = 0; i < N_KILLS; i++) {
                post_some(&start, middle.name, i * N_LETTERS / N_KILLS, N_LETTERS / N_KILLS);
                pid = start_relay(scratch->folder);
                /* from "hardly started" to "all but a few are through" */
                n_wanted = station_n_inbox(&end);
                n_wanted += (int64_t)random_below(&random, (uint64_t)((i + 1) * N_LETTERS / N_KILLS - n_wanted + 1));
                STATION_AWAIT(&start, &end, station_n_inbox(&end) >= n_wanted);
                kill_relay(pid);
        }
        pid = start_relay(scratch->folder);
        STATION_AWAIT(&start, &end, station_n_inbox(&end) == N_LETTERS && station_n_outbox(&start) == 0);
        kill_relay(pid);
        assert_int_equal(station_query(&end, "SELECT count(DISTINCT body) FROM inbox"), N_LETTERS);
        assert_int_equal(station_n_dead(&end), 0);

        station_open(&middle);
        station_connect(&middle, &end);
        STATION_AWAIT(&middle, &end, station_n_outbox(&middle) == 0);
        assert_int_equal(station_n_inbox(&middle), 0);
        assert_int_equal(station_n_inbox(&end), N_LETTERS);
        assert_int_equal(station_query(&middle, "SELECT count(*) FROM done"), N_LETTERS);
        assert_int_equal(station_query(&middle, "SELECT count(*) FROM effects"), N_LETTERS);
        station_close(&middle);
        station_close(&start);
        station_close(&end);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_nothing_is_lost_or_done_twice, scratch_setup, scratch_teardown),
        };

        if (argc == 3 && strcmp(argv[1], "relay") == 0)
                return relay(argv[2]);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
