/* GET /models, /models/{m}/history; POST /models/{m}/aliases/{alias}, /models/{m}:rollback, :pin, :unpin. */

#include "services/gateway/gateway.h"

#include "services/gateway/handoff.h"

static int hand_over(struct request *request, job_function *call) {
        if (request_refuses_type(request, "application/json"))
                return 0;
        return handoff_post(request, model_swap_mailbox(gateway_of(request)->model_swap), call, NULL, 0);
}

/* A list that comes in pages. */
static int hand_list_over(struct request *request, job_function *call) {
        int64_t before = request_query_number(request, "before");

        if (before < 0) {
                request_answer_error(request, 400, "before is a number, the \"next\" of an earlier answer");
                return 0;
        }
        return handoff_post(request, model_swap_mailbox(gateway_of(request)->model_swap), call, NULL, before);
}

static int list_models(struct request *request) {
        return hand_list_over(request, model_call_list);
}

static int show_history(struct request *request) {
        return hand_list_over(request, model_call_history);
}

static int set_alias(struct request *request) {
        return hand_over(request, model_call_alias);
}

static int roll_back(struct request *request) {
        return hand_over(request, model_call_rollback);
}

static int pin(struct request *request) {
        return hand_over(request, model_call_pin);
}

static int unpin(struct request *request) {
        return hand_over(request, model_call_unpin);
}

void route_models_register(struct router *router) {
        router_add(router, "GET", "/models", ROUTE_OPEN, list_models);
        router_add(router, "GET", "/models/{model}/history", ROUTE_OPEN, show_history);
        router_add(router, "POST", "/models/{model}/aliases/{alias}", ROUTE_PROTECTED, set_alias);
        router_add(router, "POST", "/models/{model}:rollback", ROUTE_PROTECTED, roll_back);
        router_add(router, "POST", "/models/{model}:pin", ROUTE_PROTECTED, pin);
        router_add(router, "POST", "/models/{model}:unpin", ROUTE_PROTECTED, unpin);
}
