#pragma once

/*
 * Gateway
 *
 * What every route finds in request->context, and the registration of all routes.
 */

#include "proto/pipeline.h"
#include "services/gateway/line.h"
#include "services/gateway/model_swap.h"
#include "services/gateway/router.h"
#include "services/gateway/server.h"

struct gateway {
        struct pipeline pipeline;
        struct schema *schema; /* the pipeline's, for the form before there is a model */
        struct router router;
        struct server *server;
        struct model_swap *model_swap;
        struct line *line;
        int64_t started_at; /* milliseconds since 1970 */
};

static inline struct gateway *gateway_of(const struct request *request) {
        return request->context;
}

void route_health_register(struct router *router);
void route_metrics_register(struct router *router);
void route_training_register(struct router *router);
void route_runs_register(struct router *router);
void route_predict_register(struct router *router);
void route_models_register(struct router *router);
void route_page_register(struct router *router);
