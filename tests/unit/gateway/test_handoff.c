/* Hand-over: every request handed over is answered, whatever becomes of its thread and its client. */

#include "tests/unit/gateway/bare.h"

#include <errno.h>
#include <stdlib.h>

#include "common/base/cleanup.h"

static struct mailbox mailbox;

static int begin(void **state _unused_) {
        return mailbox_init(&mailbox);
}

static int end(void **state _unused_) {
        mailbox_finish(&mailbox);
        return 0;
}

static void answer(struct job *job, void *context) {
        struct handoff *handoff = handoff_of_job(job);

        assert_ptr_equal(context, &mailbox);
        assert_string_equal(handoff->parameter, "first");
        assert_string_equal(handoff->name, "second");
        assert_string_equal(handoff->header, "value");
        assert_string_equal(handoff->traceparent, "00-trace");
        assert_int_equal(handoff->number, 42);
        assert_string_equal(buffer_text(&handoff->body), "body");
        snprintf(handoff->location, sizeof(handoff->location), "/there");
        assert_int_equal(buffer_append_text(&handoff->answer, "{}"), 0);
        handoff_return(handoff, 202);
}

static void fill(struct bare *bare) {
        bare_begin(bare, "POST", "/x");
        bare_header(bare, "x-header", "value");
        bare_header(bare, "traceparent", "00-trace");
        bare_body(bare, "text/plain", "body");
        bare->request.parameters[0] = h2o_iovec_init(H2O_STRLIT("first"));
        bare->request.parameters[1] = h2o_iovec_init(H2O_STRLIT("second"));
        bare->request.n_parameters = 2;
}

static void a_request_goes_there_and_back(void **state _unused_) {
        struct bare bare;

        fill(&bare);
        assert_int_equal(handoff_post(&bare.request, &mailbox, answer, "x-header", 42), 0);
        assert_int_equal(atomic_load(&bare.tally.n_handed_over), 1);
        mailbox_run(&mailbox, &mailbox);
        assert_false(bare.is_complete);
        bare_turn(&bare);
        assert_true(bare.is_complete);
        assert_int_equal(bare.h2o.res.status, 202);
        assert_string_equal(bare_answer_header(&bare, "location"), "/there");
        assert_string_equal(buffer_text(&bare.body), "{}");
        assert_int_equal(atomic_load(&bare.tally.n_handed_over), 0);
        bare_end(&bare);
}

static void a_client_that_has_gone_is_not_answered(void **state _unused_) {
        struct bare bare;

        fill(&bare);
        assert_int_equal(handoff_post(&bare.request, &mailbox, answer, "x-header", 42), 0);
        mailbox_run(&mailbox, &mailbox);
        bare_leave(&bare);
        bare_turn(&bare);
        assert_false(bare.is_sending);
        assert_int_equal(atomic_load(&bare.tally.n_handed_over), 0);
        bare_end(&bare);
}

static void what_nobody_takes_is_answered_503(void **state _unused_) {
        struct bare waiting, late;

        fill(&waiting);
        fill(&late);
        assert_int_equal(handoff_post(&waiting.request, &mailbox, answer, "x-header", 42), 0);
        mailbox_close(&mailbox);
        bare_turn(&waiting);
        assert_int_equal(waiting.h2o.res.status, 503);
        assert_int_equal(handoff_post(&late.request, &mailbox, answer, "x-header", 42), 0);
        assert_int_equal(late.h2o.res.status, 503);
        assert_int_equal(atomic_load(&waiting.tally.n_handed_over), 0);
        assert_int_equal(atomic_load(&late.tally.n_handed_over), 0);
        bare_end(&waiting);
        bare_end(&late);
}

static void what_does_not_fit_is_refused_at_once(void **state _unused_) {
        char text[REQUEST_PARAMETER_BYTES + 1];
        struct bare bare;

        memset(text, 'x', sizeof(text) - 1);
        text[sizeof(text) - 1] = 0;
        bare_begin(&bare, "GET", "/x");
        bare_header(&bare, "x-header", text);
        assert_int_equal(handoff_post(&bare.request, &mailbox, answer, "x-header", 0), 0);
        assert_int_equal(bare.h2o.res.status, 400);
        bare_end(&bare);
        bare_begin(&bare, "GET", "/x");
        bare.request.parameters[0] = h2o_iovec_init(text, sizeof(text) - 1);
        bare.request.n_parameters = 1;
        assert_int_equal(handoff_post(&bare.request, &mailbox, answer, NULL, 0), 0);
        assert_int_equal(bare.h2o.res.status, 404);
        bare_end(&bare);
}

static void return_failure(struct job *job, void *context) {
        handoff_return_failure(handoff_of_job(job), *(const int *)context);
}

static void failures_have_a_status(void **state _unused_) {
        static const struct { int error, want; } rows[] = { { -EIO, 500 }, { -ENOSPC, 507 }, { -EDQUOT, 507 } };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                int error = rows[i].error;
                struct bare bare;

                bare_begin(&bare, "GET", "/x");
                assert_int_equal(handoff_post(&bare.request, &mailbox, return_failure, NULL, 0), 0);
                mailbox_run(&mailbox, &error);
                bare_turn(&bare);
                assert_int_equal(bare.h2o.res.status, rows[i].want);
                bare_end(&bare);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(a_request_goes_there_and_back, begin, end),
                cmocka_unit_test_setup_teardown(a_client_that_has_gone_is_not_answered, begin, end),
                cmocka_unit_test_setup_teardown(what_nobody_takes_is_answered_503, begin, end),
                cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused_at_once, begin, end),
                cmocka_unit_test_setup_teardown(failures_have_a_status, begin, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
