/* GET /metrics: Prometheus' text format 0.0.4. */

#include "services/gateway/gateway.h"

#include <inttypes.h>

#include "common/base/clock.h"
#include "common/base/version.h"

static int put_runs(struct gateway *gateway, struct buffer *text) {
        struct line_counts counts;
        int r;

        line_counts(gateway->line, &counts);
        r = buffer_printf(text, "# HELP convoy_runs Runs in the ledger by state.\n# TYPE convoy_runs gauge\n");
        for (int i = 0; !r && i < RUN_STATE_N; i++)
                r = buffer_printf(text, "convoy_runs{state=\"%s\"} %" PRId64 "\n", run_state_names[i], counts.runs[i]);
        if (!r)
                r = buffer_printf(text,
                                  "# HELP convoy_messages_total Messages of the gateway's courier by outcome.\n"
                                  "# TYPE convoy_messages_total counter\n"
                                  "convoy_messages_total{outcome=\"accepted\"} %" PRIu64 "\n"
                                  "convoy_messages_total{outcome=\"duplicate\"} %" PRIu64 "\n"
                                  "convoy_messages_total{outcome=\"rejected\"} %" PRIu64 "\n"
                                  "convoy_messages_total{outcome=\"deferred\"} %" PRIu64 "\n"
                                  "convoy_messages_total{outcome=\"sent\"} %" PRIu64 "\n"
                                  "convoy_messages_total{outcome=\"resent\"} %" PRIu64 "\n"
                                  "# HELP convoy_messages_dead Messages kept in the gateway's dead table.\n"
                                  "# TYPE convoy_messages_dead gauge\n"
                                  "convoy_messages_dead %" PRId64 "\n",
                                  counts.courier.n_accepted, counts.courier.n_duplicates, counts.courier.n_rejected,
                                  counts.courier.n_deferred, counts.courier.n_sent, counts.courier.n_resent,
                                  counts.n_dead);
        return r;
}

static int put_requests(struct gateway *gateway, struct buffer *text) {
        uint64_t by_class[REQUEST_STATUS_CLASSES];
        int r;

        server_count_requests(gateway->server, by_class);
        r = buffer_printf(text, "# HELP convoy_http_requests_total Requests answered by class of status.\n"
                                "# TYPE convoy_http_requests_total counter\n");
        for (int i = 2; !r && i < REQUEST_STATUS_CLASSES; i++)
                r = buffer_printf(text, "convoy_http_requests_total{code=\"%dxx\"} %" PRIu64 "\n", i, by_class[i]);
        if (!r)
                r = buffer_printf(text,
                                  "# HELP convoy_http_connections Connections open now.\n"
                                  "# TYPE convoy_http_connections gauge\nconvoy_http_connections %zu\n",
                                  server_n_connections(gateway->server));
        return r;
}

static int put_stages(struct gateway *gateway, struct buffer *text) {
        struct line_stage stages[STAGE_N_WORKERS];
        int r;

        line_stages(gateway->line, stages);
        r = buffer_printf(text, "# HELP convoy_stage_up Whether a stage's heartbeat was heard within 3 seconds.\n"
                                "# TYPE convoy_stage_up gauge\n");
        for (int i = 0; !r && i < STAGE_N_WORKERS; i++)
                r = buffer_printf(text, "convoy_stage_up{stage=\"%s\"} %d\n", stage_name((enum stage)i),
                                  stages[i].is_alive);
        return r;
}

static int put_registry(struct gateway *gateway, struct buffer *text) {
        struct model_swap_absence absence;

        model_swap_absence(gateway->model_swap, &absence);
        return buffer_printf(text,
                             "# HELP convoy_registry_up Whether the registry answered the last look.\n"
                             "# TYPE convoy_registry_up gauge\nconvoy_registry_up %d\n"
                             "# HELP convoy_rollbacks_pending Rollbacks that the registry has yet to hear of.\n"
                             "# TYPE convoy_rollbacks_pending gauge\nconvoy_rollbacks_pending %zu\n",
                             !absence.since_ms, absence.n_pending);
}

static int put_model(struct gateway *gateway, struct buffer *text) {
        return buffer_printf(text,
                             "# HELP convoy_model_version Version of the model that answers, 0 for none.\n"
                             "# TYPE convoy_model_version gauge\nconvoy_model_version{model=\"%s\"} %" PRId64 "\n"
                             "# HELP convoy_build_info The build.\n# TYPE convoy_build_info gauge\n"
                             "convoy_build_info{version=\"%s\"} 1\n"
                             "# HELP process_start_time_seconds Start of the process since 1970.\n"
                             "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %.3f\n",
                             gateway->pipeline.parameters.name, model_swap_answering(gateway->model_swap),
                             version_text(), (double)gateway->started_at / 1000);
}

static int answer_metrics(struct request *request) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct gateway *gateway = gateway_of(request);
        int r;

        r = put_model(gateway, &text);
        if (!r)
                r = put_registry(gateway, &text);
        if (!r)
                r = put_runs(gateway, &text);
        if (!r)
                r = put_requests(gateway, &text);
        if (!r)
                r = put_stages(gateway, &text);
        if (r)
                request_answer_error(request, 503, "out of memory, try again");
        else
                request_answer(request, 200, "text/plain; version=0.0.4; charset=utf-8", text.data, text.n_bytes);
        return 0;
}

void route_metrics_register(struct router *router) {
        router_add(router, "GET", "/metrics", ROUTE_OPEN, answer_metrics);
}
