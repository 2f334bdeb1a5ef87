/* GET /runs, /training, /runs/{id}, /runs/{id}/events; POST /runs/{id}:cancel, :retry. */

#include "services/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>

#include "services/gateway/handoff.h"
#include "services/gateway/stream.h"

static struct mailbox *mailbox_of(const struct request *request) {
        return line_mailbox(gateway_of(request)->line);
}

/* ?before=N, as the list's "next" says it; 0 when absent, -1 when it is no number. */
static int64_t read_before(const struct request *request) {
        h2o_iovec_t value = request_query(request, "before");
        int64_t number = 0;

        if (!value.base)
                return 0;
        if (!value.len || value.len > 18)
                return -1;
        for (size_t i = 0; i < value.len; i++) {
                if (value.base[i] < '0' || value.base[i] > '9')
                        return -1;
                number = number * 10 + (value.base[i] - '0');
        }
        return number;
}

static int list_runs(struct request *request) {
        int64_t before = read_before(request);

        if (before < 0) {
                request_answer_error(request, 400, "before is a number, the \"next\" of an earlier answer");
                return 0;
        }
        return handoff_post(request, mailbox_of(request), line_call_list, NULL, before);
}

static int show_run(struct request *request) {
        return handoff_post(request, mailbox_of(request), line_call_get, NULL, 0);
}

static int stream_events(struct request *request) {
        return stream_open(request, mailbox_of(request), line_call_watch, line_call_forget);
}

static int cancel_run(struct request *request) {
        return handoff_post(request, mailbox_of(request), line_call_cancel, NULL, 0);
}

static int retry_run(struct request *request) {
        return handoff_post(request, mailbox_of(request), line_call_retry, NULL, 0);
}

void route_runs_register(struct router *router) {
        router_add(router, "GET", "/training", ROUTE_OPEN, list_runs);
        router_add(router, "GET", "/runs", ROUTE_OPEN, list_runs);
        router_add(router, "GET", "/runs/{id}", ROUTE_OPEN, show_run);
        router_add(router, "GET", "/runs/{id}/events", ROUTE_OPEN, stream_events);
        router_add(router, "POST", "/runs/{id}:cancel", ROUTE_PROTECTED, cancel_run);
        router_add(router, "POST", "/runs/{id}:retry", ROUTE_PROTECTED, retry_run);
}
