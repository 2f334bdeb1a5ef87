/*
 * NAME
 *      convoy-gateway - starts runs and answers predictions
 *
 * SUMMARY
 *      Listens for HTTP/1.1 on port 5080 and stands at both ends of the line: POST /training records a run and sends it
 *      to the ingestor; what the pusher releases is loaded, verified and answers POST /predict from the next request
 * on.
 *
 * RECEIVES
 *      stage_to_gateway   how a stage ended, from all six
 *      pusher_to_gateway  a release, or none
 *      progress, heartbeat (lossy)
 *
 * EMITS
 *      gateway_to_ingestor  a run request
 *      gateway_to_stage     cancel, to all six
 *
 * STORES
 *      blobs        schema.yaml of the pipeline, when a run is accepted or begins
 *      runs/<run>/run.json
 *      spool/gateway.db  messages and the ledger of runs, below the home
 *      serving/          versions that answer or may be rolled back to, the aliases as last seen, and rollbacks that
 * the registry has yet to hear of: enough to start and to roll back while it is away
 *
 * CONFIG
 *      pipeline.yaml, and the options below. CONVOY_TOKEN guards every call that changes something; without it only
 *      loopback addresses can be listened on, and web pages may call by loopback names only.
 *
 * DIAGNOSTICS
 *      One line per run and change of state; exit codes 0 stopped, 1 failed, 2 misconfigured.
 *
 * BUGS
 *      HTTP/1.1 only; put a proxy in front for TLS.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/daemon.h"
#include "common/base/db.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/data/schema/schema.h"
#include "common/store/registry.h"
#include "proto/pipeline_check.h"
#include "services/gateway/gateway.h"
#include "services/gateway/listen.h"
#include "services/gateway/rebuild.h"
#include "services/gateway/serving.h"

#define SPOOL_FOLDER "spool"
#define SPOOL_PATH SPOOL_FOLDER "/gateway.db"

enum {
        DRAIN_MS = 5000,
        WATCH_MS = 500,
        ASIDE_BYTES = 64,
};

static const struct option_row OPTIONS[] = {
        { "home", "CONVOY_HOME", ".convoy", OPTION_TEXT, 0, 0, NULL, "DIR", "folder of spool, store and sockets" },
        { "pipeline", "CONVOY_PIPELINE", "pipelines/vehicle-insurance", OPTION_TEXT, 0, 0, NULL, "DIR",
          "folder of pipeline.yaml" },
        { "port", NULL, NULL, OPTION_INT, 0, 65535, NULL, "N",
          "port to listen on instead of the pipeline's, 0 for any" },
        { "listen", NULL, NULL, OPTION_TEXT, 0, 0, NULL, "ADDRESS", "address to listen on instead of the pipeline's" },
        { NULL, "CONVOY_TOKEN", NULL, OPTION_SECRET, 0, 0, NULL, NULL, "bearer token of calls that change something" },
        { "log-level", "CONVOY_LOG", "info", OPTION_CHOICE, 0, 0, "error|warn|info|debug", NULL,
          "least urgent lines to log" },
        { "check", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL, "check the configuration and exit" },
        { "rebuild", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL, "make the ledger anew from the store and exit" },
};

static const struct option_table TABLE = {
        .program = "convoy-gateway",
        .summary = "Starts runs and answers predictions over HTTP",
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
};

/* Everything that main() undoes at the end; larger than a stack should hold. */
struct process {
        struct gateway gateway;
        struct options *options;
        struct store *store;
        struct store *registry_store;
        struct registry registry;
        int lock_fd, signal_fd;
};

static int load(struct process *process, struct fault *fault) {
        struct gateway *gateway = &process->gateway;
        struct pipeline_serve *serve = &gateway->pipeline.serve;
        const char *token = options_text(process->options, "CONVOY_TOKEN");
        int r;

        r = pipeline_load(options_text(process->options, "pipeline"), &gateway->pipeline, fault);
        if (!r)
                r = pipeline_check(&gateway->pipeline, &gateway->schema, fault);
        if (r)
                return r;
        if (options_is_given(process->options, "port"))
                serve->port = options_int(process->options, "port");
        if (options_is_given(process->options, "listen"))
                snprintf(serve->listen, sizeof(serve->listen), "%s", options_text(process->options, "listen"));
        if (token)
                return error_trace(router_set_token(&gateway->router, token));
        if (!listen_is_loopback(serve->listen)) {
                fault_in(fault, options_is_given(process->options, "listen") ? "--listen" : "serve.listen", -1);
                return fault_set(fault, "TOKEN_MISSING",
                                 "listening on %s without CONVOY_TOKEN would let anyone start runs; set it, or listen "
                                 "on 127.0.0.1",
                                 serve->listen);
        }
        return 0;
}

static int open_stores(struct process *process, struct fault *fault) {
        const struct pipeline *pipeline = &process->gateway.pipeline;
        int r;

        r = store_open(&(struct store_options){ pipeline->store_uri, pipeline->cache, pipeline->cache_bytes },
                       &process->store, fault);
        if (r) {
                fault_in(fault, "store.uri", -1);
                return error_trace(r);
        }
        r = store_open(&(struct store_options){ pipeline->registry_uri, pipeline->cache, pipeline->cache_bytes },
                       &process->registry_store, fault);
        if (r)
                fault_in(fault, "registry", -1);
        if (!r)
                r = registry_init(&process->registry, process->registry_store, pipeline->parameters.name);
        return error_trace(r);
}

static void register_routes(struct router *router) {
        route_predict_register(router);
        route_health_register(router);
        route_metrics_register(router);
        route_training_register(router);
        route_runs_register(router);
        route_models_register(router);
        route_page_register(router);
}

/* The server binds first: a taken port is known before anything is sent. */
static int create_parts(struct process *process, struct fault *fault) {
        struct gateway *gateway = &process->gateway;
        const struct pipeline_serve *serve = &gateway->pipeline.serve;
        char endpoint[SOCKET_ENDPOINT_BYTES];
        int r;

        register_routes(&gateway->router);
        r = server_create(&(struct server_options){ .address = serve->listen,
                                                    .port = (int)serve->port,
                                                    .body_bytes_max = (size_t)serve->max_body_bytes,
                                                    .connections_max = (size_t)serve->max_connections,
                                                    .router = &gateway->router,
                                                    .context = gateway },
                          &gateway->server, fault);
        if (!r)
                r = model_swap_create(&(struct model_swap_options){ .pipeline = &gateway->pipeline,
                                                                    .registry = &process->registry,
                                                                    .server = gateway->server,
                                                                    .folder = SERVING_FOLDER },
                                      &gateway->model_swap);
        if (!r)
                r = stage_endpoint(STAGE_GATEWAY, endpoint, fault);
        if (!r)
                r = line_create(&(struct line_options){ .pipeline = &gateway->pipeline,
                                                        .schema = gateway->schema,
                                                        .store = process->store,
                                                        .model_swap = gateway->model_swap,
                                                        .spool_path = SPOOL_PATH,
                                                        .endpoint = endpoint },
                                &gateway->line, fault);
        return error_trace(r);
}

/* Those that answer requests end before the loops that wait for them; what they had not begun is answered 503. */
static void stop(struct gateway *gateway) {
        if (gateway->line)
                line_stop(gateway->line);
        if (gateway->model_swap)
                model_swap_stop(gateway->model_swap);
        if (gateway->server)
                server_stop(gateway->server);
}

static int serve(struct process *process) {
        struct gateway *gateway = &process->gateway;
        struct pollfd wait = { .fd = process->signal_fd, .events = POLLIN };
        int r;

        r = model_swap_start(gateway->model_swap);
        if (!r)
                r = line_start(gateway->line);
        if (r)
                return error_trace(r);
        server_start(gateway->server);
        log_info("port=%d pipeline=%s ready", server_port(gateway->server), gateway->pipeline.parameters.name);
        while (poll(&wait, 1, WATCH_MS) <= 0 || !daemon_is_asked_to_stop(process->signal_fd))
                if (line_has_failed(gateway->line)) {
                        r = -EIO;
                        break;
                }
        server_drain(gateway->server, DRAIN_MS);
        stop(gateway);
        log_info("stopped");
        return r;
}

/* A damaged spool makes room for a new one. */
static int set_aside_damaged(const char *path) {
        char aside[ASIDE_BYTES];
        int r;

        r = file_exists(path) ? db_check(path) : 0;
        if (r != -EBADMSG)
                return error_trace(r);
        r = db_set_aside(path, aside, sizeof(aside));
        if (r)
                return error_trace(r);
        printf("%s is damaged and was set aside as %s\n", path, aside);
        return 0;
}

static int rebuild(struct process *process) {
        _cleanup_(spool_destroy_pointer) struct spool *spool = NULL;
        _cleanup_(ledger_destroy_pointer) struct ledger *ledger = NULL;
        struct rebuild_counts counts = { 0 };
        int r;

        r = set_aside_damaged(SPOOL_PATH);
        if (!r)
                r = spool_open(SPOOL_PATH, &spool);
        if (!r)
                r = ledger_create(spool_db(spool), &ledger);
        if (!r)
                r = rebuild_ledger(process->store, &process->registry, spool, ledger, &counts);
        if (r)
                return error_trace(r);
        printf("rebuilt %lld runs with %lld stages, %lld manifests unreadable\n", (long long)counts.n_runs,
               (long long)counts.n_stages, (long long)counts.n_unreadable);
        return 0;
}

static int run(struct process *process, struct fault *fault) {
        int r;

        r = load(process, fault);
        if (r || options_flag(process->options, "check"))
                return r;
        r = daemon_open_signals(&process->signal_fd);
        if (!r)
                r = daemon_enter_home(options_text(process->options, "home"), fault);
        if (!r)
                r = daemon_lock("gateway", &process->lock_fd, fault);
        if (!r)
                r = file_make_folders(SPOOL_FOLDER);
        if (!r)
                r = open_stores(process, fault);
        if (r)
                return r;
        if (options_flag(process->options, "rebuild"))
                return error_trace(rebuild(process));
        r = create_parts(process, fault);
        return r ? r : error_trace(serve(process));
}

/* In the order that lets no thread and no callback meet what is gone: the server delivers what it still holds. */
static void finish(struct process *process) {
        struct gateway *gateway = &process->gateway;

        stop(gateway);
        server_destroy(gateway->server);
        line_destroy(gateway->line);
        model_swap_destroy(gateway->model_swap);
        router_finish(&gateway->router);
        schema_destroy(gateway->schema);
        store_close(process->registry_store);
        store_close(process->store);
        options_destroy(process->options);
        close_descriptor(&process->signal_fd);
        close_descriptor(&process->lock_fd);
}

static int print(int (*write_text)(const struct option_table *table, struct buffer *text)) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;

        if (write_text(&TABLE, &text))
                return DAEMON_EXIT_FAILED;
        fputs(buffer_text(&text), stdout);
        return DAEMON_EXIT_STOPPED;
}

int main(int argc, char **argv) {
        static struct process process = { .lock_fd = -1, .signal_fd = -1 };
        struct fault fault = FAULT_NULL;
        char text[FAULT_TEXT_BYTES];
        enum log_level level = LOG_LEVEL_INFO;
        int r;

        log_open(TABLE.program, level);
        process.gateway.started_at = clock_realtime_ms();
        r = options_parse(&TABLE, argc, argv, &fault, &process.options);
        if (r == OPTIONS_E_HELP)
                return print(options_help);
        if (r == OPTIONS_E_VERSION)
                return print(options_version);
        if (!r) {
                log_level_parse(options_text(process.options, "log-level"), &level);
                log_open(TABLE.program, level);
                r = run(&process, &fault);
        }
        if (r == FAULT_E_INPUT)
                log_error("code=%s %s", fault.code, fault_format(&fault, text, sizeof(text)));
        finish(&process);
        return r == FAULT_E_INPUT ? DAEMON_EXIT_MISCONFIGURED : r ? DAEMON_EXIT_FAILED : DAEMON_EXIT_STOPPED;
}
