/* GET /healthz, /readyz: whether the process lives, and whether it can answer. */

#include "services/gateway/gateway.h"

#include <string.h>

#include "common/base/json_builder.h"
#include "proto/run_view.h"

static int answer_health(struct request *request) {
        static const char alive[] = "{\"status\":\"ok\"}";

        request_answer(request, 200, "application/json", alive, sizeof(alive) - 1);
        return 0;
}

/* "none": the registry can be read, and holds no champion yet. */
static const char *model_word(enum model_swap_readiness readiness, bool has_model) {
        if (readiness == MODEL_SWAP_READY)
                return has_model ? "ready" : "none";
        return readiness == MODEL_SWAP_LOADING ? "loading" : "unusable";
}

/* "champion": the version that should answer and cannot, and why; nothing while all is well. */
static void put_trouble(struct model_swap *swap, struct json_builder *json) {
        struct model_swap_trouble trouble;

        model_swap_trouble(swap, &trouble);
        if (!trouble.version)
                return;
        json_key(json, "champion");
        json_begin_object(json);
        json_key_int64(json, "version", trouble.version);
        json_key_text(json, "error", trouble.reason);
        json_end_object(json);
}

/* "waiting": the stages that cannot go on, and why; nothing while all can. */
static void put_waits(const struct line_stage *stages, struct json_builder *json) {
        bool is_begun = false;

        for (int i = 0; i < STAGE_N_WORKERS; i++) {
                const struct heartbeat *heartbeat = &stages[i].heartbeat;
                struct run_view_wait wait = { .retry_at = heartbeat->retry_at };

                if (!stages[i].is_alive || !*heartbeat->waits_for)
                        continue;
                if (!is_begun) {
                        json_key(json, "waiting");
                        json_begin_object(json);
                }
                is_begun = true;
                memcpy(wait.reason, heartbeat->waits_for, sizeof(wait.reason));
                json_key(json, stage_name((enum stage)i));
                run_view_put_wait_json(&wait, json);
        }
        if (is_begun)
                json_end_object(json);
}

/* ?line=1 also wants every stage alive: what demo, tests and compose wait for, and no load balancer should. */
static int answer_ready(struct request *request) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct gateway *gateway = gateway_of(request);
        struct line_stage stages[STAGE_N_WORKERS];
        enum model_swap_readiness readiness = model_swap_readiness(gateway->model_swap);
        h2o_iovec_t wants_line = request_query(request, "line");
        bool is_ready = readiness == MODEL_SWAP_READY;
        struct json_builder json = json_begin(&text, JSON_COMPACT);
        struct model_swap_absence absence;

        model_swap_absence(gateway->model_swap, &absence);
        line_stages(gateway->line, stages);
        if (wants_line.base && wants_line.len == 1 && wants_line.base[0] == '1')
                for (int i = 0; i < STAGE_N_WORKERS; i++)
                        is_ready &= stages[i].is_alive;
        json_begin_object(&json);
        json_key_bool(&json, "ready", is_ready);
        json_key_text(&json, "model", model_word(readiness, request->shared));
        put_trouble(gateway->model_swap, &json);
        model_swap_absence_put_json(&absence, &json);
        json_key(&json, "stages");
        json_begin_object(&json);
        for (int i = 0; i < STAGE_N_WORKERS; i++)
                json_key_bool(&json, stage_name((enum stage)i), stages[i].is_alive);
        json_end_object(&json);
        put_waits(stages, &json);
        json_end_object(&json);
        if (json_end(&json))
                request_answer_error(request, 503, "out of memory, try again");
        else
                request_answer_json(request, is_ready ? 200 : 503, &text);
        return 0;
}

void route_health_register(struct router *router) {
        router_add(router, "GET", "/healthz", ROUTE_OPEN, answer_health);
        router_add(router, "GET", "/readyz", ROUTE_OPEN, answer_ready);
}
