/* POST /training: a run is recorded, then 202. GET /training: the runs. */

#include "services/gateway/gateway.h"

#include "services/gateway/handoff.h"

static int start_run(struct request *request) {
        if (request->h2o->entity.len && !request_has_type(request, "application/json")) {
                request_answer_error(request, 415, "the body of this call is application/json");
                return 0;
        }
        return handoff_post(request, line_mailbox(gateway_of(request)->line), line_call_train, "idempotency-key", 0);
}

void route_training_register(struct router *router) {
        router_add(router, "POST", "/training", ROUTE_PROTECTED, start_run);
}
