/* Stream: what a client of server-sent events reads, and when it ends. */

#include "tests/unit/gateway/bare.h"

#include "common/base/cleanup.h"
#include "services/gateway/stream.h"
#include "services/gateway/watchers.h"

static struct mailbox mailbox;
static struct stream *watching; /* the stream that the line knows */

static void watch(struct job *job, void *context _unused_) {
        watching = stream_of_watch(job);
}

static void forget(struct job *job, void *context _unused_) {
        assert_ptr_equal(stream_of_forget(job), watching);
        watching = NULL;
        stream_release(stream_of_forget(job));
}

static int begin(void **state _unused_) {
        watching = NULL;
        return mailbox_init(&mailbox);
}

static int end(void **state _unused_) {
        mailbox_finish(&mailbox);
        return 0;
}

static void open_stream(struct bare *bare, const char *last) {
        bare_begin(bare, "GET", "/runs/abc/events");
        bare->request.parameters[0] = h2o_iovec_init(H2O_STRLIT("abc"));
        bare->request.n_parameters = 1;
        if (last)
                bare_header(bare, "last-event-id", last);
        assert_int_equal(stream_open(&bare->request, &mailbox, watch, forget), 0);
        mailbox_run(&mailbox, NULL);
}

static void close_stream(struct bare *bare) {
        bare_leave(bare);
        mailbox_run(&mailbox, NULL);
        assert_null(watching);
        bare_end(bare);
}

static void tell(int64_t number, const char *kind, const char *data) {
        struct ledger_event event = { .number = number, .data = data, .n_bytes = strlen(data) };

        snprintf(event.kind, sizeof(event.kind), "%s", kind);
        assert_int_equal(stream_tell(watching, &event), 0);
}

static void events_are_told_as_they_come(void **state _unused_) {
        struct bare bare;

        open_stream(&bare, NULL);
        assert_non_null(watching);
        assert_string_equal(watching->run, "abc");
        assert_int_equal(watching->after, 0);
        tell(3, "run", "{\"a\":1}");
        tell(4, "stage", "{}");
        tell(0, "stage", "{\"b\":2}");
        bare_turn(&bare);
        assert_int_equal(bare.h2o.res.status, 200);
        assert_string_equal(bare_answer_header(&bare, "content-type"), "text/event-stream; charset=utf-8");
        assert_string_equal(bare_answer_header(&bare, "cache-control"), "no-store");
        assert_false(bare.is_complete);
        /* one piece at a time: the rest goes when the first has gone */
        assert_string_equal(buffer_text(&bare.body), "id: 3\nevent: run\ndata: {\"a\":1}\n\n");
        bare_proceed(&bare);
        assert_string_equal(buffer_text(&bare.body), "id: 3\nevent: run\ndata: {\"a\":1}\n\n"
                                                     "id: 4\nevent: stage\ndata: {}\n\n"
                                                     "event: stage\ndata: {\"b\":2}\n\n");
        bare_proceed(&bare);
        assert_false(bare.is_sending);
        stream_end(watching);
        tell(5, "run", "late");
        bare_turn(&bare);
        assert_true(bare.is_complete);
        assert_null(strstr(buffer_text(&bare.body), "late"));
        close_stream(&bare);
}

static void last_event_id(void **state _unused_) {
        static const struct {
                const char *given;
                int64_t want;
        } rows[] = { { "17", 17 }, { "", 0 }, { "nonsense", 0 } };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                struct bare bare;

                open_stream(&bare, rows[i].given);
                assert_int_equal(watching->after, rows[i].want);
                close_stream(&bare);
        }
}

static void a_refused_stream_is_an_error_in_json(void **state _unused_) {
        struct bare bare;

        open_stream(&bare, NULL);
        assert_int_equal(stream_refuse(watching, 404, "there is no such run"), 0);
        tell(5, "run", "late");
        bare_turn(&bare);
        assert_int_equal(bare.h2o.res.status, 404);
        assert_string_equal(buffer_text(&bare.body), "{\"error\":\"there is no such run\",\"code\":\"NOT_FOUND\"}");
        close_stream(&bare);
        open_stream(&bare, "9");
        assert_int_equal(stream_refuse(watching, 204, ""), 0);
        bare_turn(&bare);
        assert_int_equal(bare.h2o.res.status, 204);
        assert_int_equal(bare.body.n_bytes, 0);
        close_stream(&bare);
}

static void a_silent_stream_keep_alives(void **state _unused_) {
        struct bare bare;

        open_stream(&bare, NULL);
        tell(1, "run", "x");
        bare_turn(&bare);
        bare_proceed(&bare);
        buffer_clear(&bare.body);
        assert_int_equal(stream_keep_alive(watching), 0);
        bare_turn(&bare);
        assert_int_equal(bare.body.n_bytes, 0);
        watching->told_ms -= STREAM_COMMENT_MS;
        assert_int_equal(stream_keep_alive(watching), 0);
        assert_int_equal(stream_keep_alive(watching), 0);
        bare_turn(&bare);
        assert_string_equal(buffer_text(&bare.body), ":\n\n");
        close_stream(&bare);
}

static void a_client_that_does_not_read_is_cut(void **state _unused_) {
        _cleanup_(buffer_finish) struct buffer data = BUFFER_NULL;
        struct bare bare;

        for (int i = 0; i < 1000; i++)
                assert_int_equal(buffer_append_text(&data, "a hundred bytes or so of something that is told and told "
                                                           "again and again until it is too much of it for all"),
                                 0);
        open_stream(&bare, NULL);
        for (int i = 1; i < 40; i++)
                tell(i, "run", buffer_text(&data));
        bare_turn(&bare);
        assert_true(bare.is_sending);
        bare_proceed(&bare);
        assert_true(bare.is_complete);
        assert_true(bare.body.n_bytes < 2 * STREAM_WAITING_BYTES_MAX);
        close_stream(&bare);
}

static void a_client_may_go_at_any_time(void **state _unused_) {
        struct bare bare;

        /* before the line has seen the stream */
        bare_begin(&bare, "GET", "/runs/abc/events");
        bare.request.parameters[0] = h2o_iovec_init(H2O_STRLIT("abc"));
        bare.request.n_parameters = 1;
        assert_int_equal(stream_open(&bare.request, &mailbox, watch, forget), 0);
        close_stream(&bare);
        /* while an event is on its way */
        open_stream(&bare, NULL);
        tell(1, "run", "x");
        close_stream(&bare);
}

static void a_line_that_ends_leaves_no_stream_waiting(void **state _unused_) {
        struct bare seen, unseen;

        open_stream(&seen, NULL);
        bare_begin(&unseen, "GET", "/runs/abc/events");
        unseen.request.parameters[0] = h2o_iovec_init(H2O_STRLIT("abc"));
        unseen.request.n_parameters = 1;
        assert_int_equal(stream_open(&unseen.request, &mailbox, watch, forget), 0);
        mailbox_close(&mailbox);
        bare_turn(&unseen);
        assert_int_equal(unseen.h2o.res.status, 503);
        stream_end(watching);
        bare_turn(&seen);
        assert_true(seen.is_complete);
        bare_end(&seen);
        bare_end(&unseen);
}

/* A client that does not hear an event must come again and ask for it. */
static void an_event_that_cannot_be_sent_ends_the_stream(void **state _unused_) {
        struct watchers watchers = WATCHERS_NULL;
        struct ledger_event event = { .number = 2, .kind = "run", .data = "x", .n_bytes = SIZE_MAX / 2 };
        struct bare bare;

        open_stream(&bare, NULL);
        watchers_add(&watchers, watching);
        tell(1, "run", "first");
        watchers_tell(&watchers, "abc", &event, false);
        event.number = 3;
        event.n_bytes = 1;
        watchers_tell(&watchers, "abc", &event, true);
        bare_turn(&bare);
        bare_proceed(&bare);
        assert_true(bare.is_complete);
        assert_string_equal(buffer_text(&bare.body), "id: 1\nevent: run\ndata: first\n\n");
        watchers_end(&watchers);
        close_stream(&bare);
}

/* What was told is on its way, the client has gone, and the line ends before it forgets the stream. */
static void a_line_may_end_with_a_stream_to_forget(void **state _unused_) {
        struct watchers watchers = WATCHERS_NULL;
        struct ledger_event event = { .number = 1, .kind = "run", .data = "x", .n_bytes = 1 };
        struct bare bare;

        open_stream(&bare, NULL);
        watchers_add(&watchers, watching);
        watchers_tell(&watchers, "abc", &event, false);
        bare_leave(&bare);
        mailbox_close(&mailbox);
        assert_ptr_equal(watchers.first, watching);
        watchers_end(&watchers);
        assert_null(watchers.first);
        bare_end(&bare);
}

static void head_is_answered_without_a_stream(void **state _unused_) {
        struct bare bare;

        bare_begin(&bare, "HEAD", "/runs/abc/events");
        assert_int_equal(stream_open(&bare.request, &mailbox, watch, forget), 0);
        assert_true(bare.is_complete);
        assert_int_equal(bare.h2o.res.status, 200);
        bare_end(&bare);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(events_are_told_as_they_come, begin, end),
                cmocka_unit_test_setup_teardown(last_event_id, begin, end),
                cmocka_unit_test_setup_teardown(a_refused_stream_is_an_error_in_json, begin, end),
                cmocka_unit_test_setup_teardown(a_silent_stream_keep_alives, begin, end),
                cmocka_unit_test_setup_teardown(a_client_that_does_not_read_is_cut, begin, end),
                cmocka_unit_test_setup_teardown(a_client_may_go_at_any_time, begin, end),
                cmocka_unit_test_setup_teardown(a_line_that_ends_leaves_no_stream_waiting, begin, end),
                cmocka_unit_test_setup_teardown(a_line_may_end_with_a_stream_to_forget, begin, end),
                cmocka_unit_test_setup_teardown(an_event_that_cannot_be_sent_ends_the_stream, begin, end),
                cmocka_unit_test_setup_teardown(head_is_answered_without_a_stream, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
