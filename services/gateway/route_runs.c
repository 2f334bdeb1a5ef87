/* GET /runs, /training, /runs/{id}, /runs/{id}/events; POST /runs/{id}:cancel, :retry. */

#include "services/gateway/gateway.h"

#include <errno.h>
#include <stdlib.h>

#include "services/gateway/handoff.h"
#include "services/gateway/stream.h"

static struct mailbox *mailbox_of(const struct request *request) {
        return line_mailbox(gateway_of(request)->line);
}

static int list_runs(struct request *request) {
        int64_t before = request_query_number(request, "before");

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
