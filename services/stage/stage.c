/* Stage: the life of a stage's process, from its options to its exit code. */

#include "services/stage/stage.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/daemon.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/log.h"
#include "proto/pipeline_check.h"
#include "services/stage/stage_loop.h"
#include "services/stage/stage_worker.h"

#define SPOOL_FOLDER "spool"

enum {
        OPTIONS_MAX = 16,
        PROGRAM_BYTES = 32,
        PATH_BYTES = 64,
        /* io and worker; threads that a stage starts in between share theirs */
        ARENAS_MAX = 2,
};

static const struct option_row COMMON[] = {
        { "home", "CONVOY_HOME", ".convoy", OPTION_TEXT, 0, 0, NULL, "DIR", "folder of spool, store and sockets" },
        { "pipeline", "CONVOY_PIPELINE", "pipelines/vehicle-insurance", OPTION_TEXT, 0, 0, NULL, "DIR",
          "folder of pipeline.yaml" },
        { "log-level", "CONVOY_LOG", "info", OPTION_CHOICE, 0, 0, "error|warn|info|debug", NULL,
          "least urgent lines to log" },
        { "check", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL, "check the configuration and exit" },
};

/* Everything that stage_main() undoes at the end. */
struct process {
        const struct stage_service *service;
        char program[PROGRAM_BYTES];
        struct option_row rows[OPTIONS_MAX];
        struct option_table table;
        struct options *options;
        struct pipeline pipeline;
        struct store *store, *registry_store;
        struct stage_loop *loop;
        struct stage_worker *worker;
        void *state;
        bool has_started;
        int lock_fd, signal_fd;
};

static void make_table(struct process *process) {
        const struct stage_service *service = process->service;
        size_t n = N_ELEMENTS(COMMON);

        assert(n + service->n_options <= OPTIONS_MAX);
        memcpy(process->rows, COMMON, sizeof(COMMON));
        for (size_t i = 0; i < service->n_options; i++)
                process->rows[n++] = service->options[i];
        snprintf(process->program, sizeof(process->program), "convoy-%s", stage_name(service->stage));
        process->table = (struct option_table){ .program = process->program,
                                                .summary = service->summary,
                                                .rows = process->rows,
                                                .n_rows = n,
                                                .sections = service->sections };
}

/* All that can be known to be wrong without touching anything. */
static int check(struct process *process, struct fault *fault) {
        const struct stage_service *service = process->service;
        char endpoint[SOCKET_ENDPOINT_BYTES];
        int r;

        r = pipeline_load(options_text(process->options, "pipeline"), &process->pipeline, fault);
        if (!r)
                r = pipeline_check(&process->pipeline, NULL, fault);
        if (!r)
                r = stage_endpoint(service->stage, endpoint, fault);
        if (!r)
                r = stage_endpoint(stage_next(service->stage), endpoint, fault);
        if (!r)
                r = stage_endpoint(STAGE_GATEWAY, endpoint, fault);
        if (!r && service->check)
                r = service->check(&process->pipeline, process->options, fault);
        return error_trace(r);
}

static int open_home(struct process *process, struct fault *fault) {
        const struct stage_service *service = process->service;
        int r;

        r = daemon_open_signals(&process->signal_fd);
        if (!r)
                r = daemon_enter_home(options_text(process->options, "home"), fault);
        if (!r)
                r = daemon_lock(stage_name(service->stage), &process->lock_fd, fault);
        if (!r)
                r = file_make_folders(SPOOL_FOLDER);
        if (r)
                return error_trace(r);
        r = store_open(&(struct store_options){ process->pipeline.store_uri, process->pipeline.cache,
                                                process->pipeline.cache_bytes },
                       &process->store, fault);
        if (r) {
                fault_in(fault, "store.uri", -1);
                return error_trace(r);
        }
        if (service->uses_registry)
                r = store_open(&(struct store_options){ process->pipeline.registry_uri, process->pipeline.cache,
                                                        process->pipeline.cache_bytes },
                               &process->registry_store, fault);
        if (r)
                fault_in(fault, "registry", -1);
        return error_trace(r);
}

static int open_line(struct process *process, struct fault *fault) {
        const struct stage_service *service = process->service;
        char spool_path[PATH_BYTES];
        int r;

        snprintf(spool_path, sizeof(spool_path), SPOOL_FOLDER "/%s.db", stage_name(service->stage));
        r = stage_loop_create(&(struct stage_loop_options){ .service = service,
                                                            .spool_path = spool_path,
                                                            .signal_fd = process->signal_fd },
                              &process->loop, fault);
        if (!r && service->start)
                r = service->start(&process->pipeline, process->options, &process->state, fault);
        process->has_started = !r;
        if (!r)
                r = stage_worker_create(&(struct stage_worker_options){ .service = service,
                                                                        .pipeline = &process->pipeline,
                                                                        .options = process->options,
                                                                        .store = process->store,
                                                                        .registry_store = process->registry_store,
                                                                        .state = process->state,
                                                                        .shared = stage_loop_shared(process->loop) },
                                        &process->worker);
        return error_trace(r);
}

static int run(struct process *process, struct fault *fault) {
        bool is_stuck = false;
        int r;

        r = check(process, fault);
        if (r || options_flag(process->options, "check"))
                return r;
        r = open_home(process, fault);
        if (!r)
                r = open_line(process, fault);
        if (r)
                return r;
        log_info("endpoint=%s pipeline=%s ready", stage_loop_endpoint(process->loop),
                 process->pipeline.parameters.name);
        r = stage_loop_run(process->loop, process->worker, &is_stuck);
        /* a condition would be taken for a configuration at fault */
        assert(r <= 0);
        log_info("stopped");
        /* a worker that does not let go is ended with the process; what counts is in the spool */
        if (is_stuck)
                _exit(r ? DAEMON_EXIT_FAILED : DAEMON_EXIT_STOPPED);
        return error_trace(r);
}

static void finish(struct process *process) {
        const struct stage_service *service = process->service;

        stage_worker_destroy(process->worker);
        if (process->has_started && service->stop)
                service->stop(process->state);
        stage_loop_destroy(process->loop);
        store_close(process->registry_store);
        store_close(process->store);
        options_destroy(process->options);
        close_descriptor(&process->signal_fd);
        close_descriptor(&process->lock_fd);
}

static int print(const struct option_table *table,
                 int (*write_text)(const struct option_table *table, struct buffer *text)) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;

        if (write_text(table, &text))
                return DAEMON_EXIT_FAILED;
        fputs(buffer_text(&text), stdout);
        return DAEMON_EXIT_STOPPED;
}

int stage_main(const struct stage_service *service, int argc, char **argv) {
        static struct process process = { .lock_fd = -1, .signal_fd = -1 };
        struct fault fault = FAULT_NULL;
        char text[FAULT_TEXT_BYTES];
        enum log_level level = LOG_LEVEL_INFO;
        int r;

        if (service->before)
                service->before(argv);
        mallopt(M_ARENA_MAX, ARENAS_MAX);
        process.service = service;
        make_table(&process);
        log_open(process.program, level);
        r = options_parse(&process.table, argc, argv, &fault, &process.options);
        if (r == OPTIONS_E_HELP)
                return print(&process.table, options_help);
        if (r == OPTIONS_E_VERSION)
                return print(&process.table, options_version);
        if (!r) {
                log_level_parse(options_text(process.options, "log-level"), &level);
                log_open(process.program, level);
                r = run(&process, &fault);
        }
        if (r == FAULT_E_INPUT)
                log_error("code=%s %s", fault.code, fault_format(&fault, text, sizeof(text)));
        finish(&process);
        return r == FAULT_E_INPUT ? DAEMON_EXIT_MISCONFIGURED : r ? DAEMON_EXIT_FAILED : DAEMON_EXIT_STOPPED;
}
