/* convoy up: the whole line on this machine. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/place.h"
#include "cli/supervisor.h"
#include "common/base/clock.h"
#include "common/base/daemon.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/store/http.h"
#include "proto/pipeline_check.h"

enum {
        TICK_MS = 50,
        ASK_MS = 300,
        ARGUMENTS_MAX = 4,
        PORT_BYTES = 16,
};

static const struct option_row OPTIONS[] = {
        COMMAND_OPTION_HOME,
        COMMAND_OPTION_PIPELINE,
        { "port", NULL, NULL, OPTION_INT, 1, 65535, NULL, "N", "port of the gateway instead of the pipeline's" },
        { "source", NULL, NULL, OPTION_TEXT, 0, 0, NULL, "URI",
          "where rows come from instead of the pipeline's source: a file, file://, generate:, …" },
        { "log-level", "CONVOY_LOG", "info", OPTION_CHOICE, 0, 0, "error|warn|info|debug", NULL,
          "least urgent lines to log" },
};

static const char SECTIONS[] =
        "The daemons are looked for in CONVOY_BIN, else beside this program. Ctrl-C, SIGTERM or the end of the\n"
        "terminal stop them all. Other homes and ports may run side by side.\n";

static const struct option_table TABLE = {
        .program = "convoy up",
        .summary = "Starts the seven daemons of the line here, starts again what dies, and shows their logs as one",
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
        .sections = SECTIONS,
};

struct up {
        struct options *options;
        struct pipeline *pipeline;
        struct http *http;
        char paths[STAGE_N][PLACE_BYTES];
        const char *arguments[STAGE_N][ARGUMENTS_MAX];
        struct child children[STAGE_N];
        char home[PLACE_BYTES];
        char port[PORT_BYTES];
        char url[512]; /* of the gateway; "" when its port is not known beforehand */
        int signal_fd, lock_fd;
        int64_t started_ms;
};

static void up_finish(struct up *up) {
        for (int i = 0; i < STAGE_N; i++)
                child_finish(&up->children[i]);
        http_destroy(up->http);
        free(up->pipeline);
        options_destroy(up->options);
        close_descriptor(&up->signal_fd);
        close_descriptor(&up->lock_fd);
}

static int set_variable(const char *name, const char *value) {
        return setenv(name, value, 1) ? error_origin(-errno, "setting %s", name) : 0;
}

/* The children learn where they are from their environment, by absolute paths. */
static int prepare_environment(struct up *up, struct fault *fault) {
        const char *source = options_text(up->options, "source");
        char uri[PLACE_BYTES];
        int r = 0;

        if (source)
                r = place_source(source, uri, fault);
        if (!r && source)
                r = set_variable("CONVOY_SOURCE", uri);
        if (!r)
                r = place_load_pipeline(up->options, &up->pipeline, fault);
        if (!r && source && strcmp(up->pipeline->source.uri, uri)) {
                fault_at(fault, up->pipeline->folder, 0, 0);
                r = fault_set(
                        fault, "SOURCE_NOT_USED",
                        "source.uri of pipeline.yaml does not read ${CONVOY_SOURCE}, so --source cannot change it");
        }
        if (!r)
                r = pipeline_check(up->pipeline, NULL, fault);
        if (!r)
                r = place_absolute(options_text(up->options, "home"), up->home);
        if (!r)
                r = set_variable("CONVOY_HOME", up->home);
        if (!r)
                r = set_variable("CONVOY_PIPELINE", up->pipeline->folder);
        if (!r)
                r = set_variable("CONVOY_LOG", options_text(up->options, "log-level"));
        /* else libmongoc leaves a file in /dev/shm when it is killed, and complains of one of the same process id */
        if (!r)
                r = set_variable("MONGOC_DISABLE_SHM", "1");
        return r;
}

static void prepare_url(struct up *up) {
        const char *listen = up->pipeline->serve.listen;
        int64_t port = up->pipeline->serve.port;

        if (options_is_given(up->options, "port"))
                port = options_int(up->options, "port");
        if (!strcmp(listen, "0.0.0.0") || !strcmp(listen, "::"))
                listen = "127.0.0.1";
        if (port)
                snprintf(up->url, sizeof(up->url), strchr(listen, ':') ? "http://[%s]:%" PRId64 : "http://%s:%" PRId64,
                         listen, port);
}

static int prepare_children(struct up *up, struct fault *fault) {
        bool has_port = options_is_given(up->options, "port");
        int r = 0;

        snprintf(up->port, sizeof(up->port), "%" PRId64, options_int(up->options, "port"));
        for (int i = 0; i < STAGE_N && !r; i++) {
                r = place_daemon((enum stage)i, up->paths[i], fault);
                up->arguments[i][0] = up->paths[i];
                if (i == STAGE_GATEWAY && has_port) {
                        up->arguments[i][1] = "--port";
                        up->arguments[i][2] = up->port;
                }
                up->children[i] = (struct child)CHILD_NULL;
                up->children[i].name = stage_name((enum stage)i);
                up->children[i].argv = up->arguments[i];
        }
        return r;
}

/* Tells once when the whole line answers. */
static bool announce_ready(void *context) {
        _cleanup_(http_response_finish) struct http_response response = HTTP_RESPONSE_NULL;
        struct up *up = context;
        char url[sizeof(up->url) + 32];
        struct http_request request = { .method = "GET", .url = url, .timeout_ms = ASK_MS };

        snprintf(url, sizeof(url), "%s/readyz?line=1", up->url);
        if (http_call(up->http, &request, &response) || response.status != 200)
                return false;
        printf("the line is ready at %s after %.1f s; Ctrl-C stops it\n", up->url,
               (double)(clock_monotonic_ms() - up->started_ms) / 1000);
        fflush(stdout);
        return true;
}

/* Whoever holds our port would answer in our place, and be taken for our gateway. */
static int check_port(struct up *up, struct fault *fault) {
        _cleanup_(http_response_finish) struct http_response response = HTTP_RESPONSE_NULL;
        struct http_request request = { .method = "GET", .url = up->url, .timeout_ms = ASK_MS };
        int r;

        if (!*up->url)
                return 0;
        r = http_call(up->http, &request, &response);
        if (r < 0)
                return error_trace(r);
        if (r == HTTP_E_UNREACHABLE)
                return 0;
        return fault_set(fault, "PORT_TAKEN", "something answers at %s already; choose another port with --port",
                         up->url);
}

static int run(struct up *up, struct fault *fault) {
        int r;

        up->started_ms = clock_monotonic_ms();
        r = prepare_environment(up, fault);
        if (!r)
                r = prepare_children(up, fault);
        if (!r)
                r = http_create(&up->http);
        if (!r)
                r = daemon_open_signals(&up->signal_fd);
        if (!r)
                r = daemon_enter_home(up->home, fault);
        if (!r)
                r = daemon_lock("line", &up->lock_fd, fault);
        if (r)
                return r;
        prepare_url(up);
        r = check_port(up, fault);
        if (r)
                return r;
        log_info("home=%s pipeline=%s starting the line", up->home, up->pipeline->parameters.name);
        command_log_reasons();
        r = supervisor_run(&(struct supervisor_options){ .children = up->children,
                                                         .n_children = STAGE_N,
                                                         .signal_fd = up->signal_fd,
                                                         .on_tick = *up->url ? announce_ready : NULL,
                                                         .context = up,
                                                         .tick_ms = TICK_MS });
        log_info("the line is stopped");
        return r;
}

int cmd_up(int argc, char **argv) {
        _cleanup_(free_pointer) struct up *up = calloc(1, sizeof(*up));
        enum log_level level = LOG_LEVEL_INFO;
        struct fault fault = FAULT_NULL;
        int r, exit_code;

        if (!up)
                return command_fail("out of memory");
        up->signal_fd = up->lock_fd = -1;
        for (int i = 0; i < STAGE_N; i++)
                up->children[i] = (struct child)CHILD_NULL;
        if (command_options(&TABLE, argc, argv, &up->options, &exit_code)) {
                log_level_parse(options_text(up->options, "log-level"), &level);
                log_open("convoy", level);
                r = run(up, &fault);
                /* a daemon's own complaint about its configuration stands in the log already */
                exit_code = r == COMMAND_MISCONFIGURED ? COMMAND_MISCONFIGURED
                                                       : command_end(r, &fault, COMMAND_MISCONFIGURED);
        }
        up_finish(up);
        return exit_code;
}
