/* POST /training: a run is recorded, then 202. Only the form of an Idempotency-Key is looked at here; whether it names
 * an earlier run is decided by find_key() of runs.c, in the line's thread. */

#include "services/gateway/gateway.h"

#include "services/gateway/handoff.h"

static bool key_is_valid(const struct request *request) {
        h2o_iovec_t key = request_header(request, "idempotency-key");

        if (!key.base)
                return true;
        for (size_t i = 0; i < key.len; i++)
                if (key.base[i] < 0x20 || key.base[i] > 0x7e)
                        return false;
        return key.len > 0 && key.len < REQUEST_PARAMETER_BYTES;
}

static int start_run(struct request *request) {
        if (request_refuses_type(request, "application/json"))
                return 0;
        if (!key_is_valid(request)) {
                request_answer_error(request, 400, "an Idempotency-Key is 1 to %d printable ASCII characters",
                                     REQUEST_PARAMETER_BYTES - 1);
                return 0;
        }
        return handoff_post(request, line_mailbox(gateway_of(request)->line), line_call_train, "idempotency-key", 0);
}

void route_training_register(struct router *router) {
        router_add(router, "POST", "/training", ROUTE_PROTECTED, start_run);
}
