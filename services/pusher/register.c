/* Register: the manifest of the evaluator instead of its message. */

#include "services/pusher/register.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/daemon.h"
#include "common/base/error.h"
#include "common/base/json_builder.h"
#include "common/base/log.h"
#include "common/base/options.h"
#include "common/base/uuid.h"
#include "proto/pipeline.h"
#include "proto/stage_manifest.h"
#include "services/stage/stage_build.h"

static const char FLAG[] = "--register";

static const struct option_row OPTIONS[] = {
        { "register", NULL, NULL, OPTION_TEXT, 0, 0, NULL, "RUN", "the run whose candidate becomes a challenger" },
        { "home", "CONVOY_HOME", ".convoy", OPTION_TEXT, 0, 0, NULL, "DIR", "folder of spool, store and sockets" },
        { "pipeline", "CONVOY_PIPELINE", NULL, OPTION_TEXT, 0, 0, NULL, "DIR", "folder of pipeline.yaml" },
        { "json", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL, "print the release as JSON" },
};

static const struct option_table TABLE = {
        .program = "convoy-pusher",
        .summary = "Makes a challenger of a run's candidate, whatever the verdict was",
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
};

/* What is read and opened; large. */
struct registration {
        struct options *options;
        struct pipeline pipeline;
        struct store *store, *registry_store;
        struct registry registry;
        struct pusher_to_gateway release;
        char build[MANIFEST_BUILD_BYTES];
};

static void registration_finish(struct registration *registration) {
        store_close(registration->registry_store);
        store_close(registration->store);
        options_destroy(registration->options);
}

bool register_is_asked(int argc, char *const *argv) {
        size_t n = sizeof(FLAG) - 1;

        for (int i = 1; i < argc; i++)
                if (!strncmp(argv[i], FLAG, n) && (!argv[i][n] || argv[i][n] == '='))
                        return true;
        return false;
}

static int read_message(struct store *store, const char *run, struct evaluator_to_pusher *message,
                        struct fault *fault) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct stage_manifest *manifest = NULL;
        char name[MANIFEST_NAME_BYTES];
        bool has_output = false;
        int r;

        stage_manifest_name(run, STAGE_EVALUATOR, name);
        r = store_get(store, name, &text, NULL);
        if (r < 0)
                return error_trace(r);
        if (!r) {
                manifest = calloc(1, sizeof(*manifest));
                if (!manifest)
                        return error_origin(-ENOMEM, "registering run %s", run);
                r = stage_manifest_read(text.data, text.n_bytes, STAGE_EVALUATOR, manifest, message, &has_output,
                                        fault);
                free(manifest);
                if (r == FAULT_E_INPUT)
                        fault_at(fault, name, 0, 0);
                if (r)
                        return error_trace(r);
        }
        if (!has_output)
                return fault_set(fault, "RUN_UNKNOWN",
                                 "run %s has no candidate that was evaluated, so there is nothing to register", run);
        return 0;
}

int register_run(struct push_input *input, struct pusher_to_gateway *ret_release, struct fault *fault) {
        _cleanup_(free_pointer) struct evaluator_to_pusher *message = calloc(1, sizeof(*message));
        int r;

        if (!message)
                return error_origin(-ENOMEM, "registering run %s", input->run);
        r = read_message(input->store, input->run, message, fault);
        if (r)
                return r;
        if (strcmp(message->order.parameters.name, input->registry->model))
                return fault_set(fault, "RUN_UNKNOWN", "run %s made a candidate of %s, not of %s", input->run,
                                 message->order.parameters.name, input->registry->model);
        input->message = message;
        input->is_by_hand = true;
        r = push(input, ret_release, fault);
        input->message = NULL;
        return r;
}

static int run(struct registration *registration, struct fault *fault) {
        const char *id = options_text(registration->options, "register");
        const char *folder = options_text(registration->options, "pipeline");
        struct push_input input = { .run = id,
                                    .build = registration->build,
                                    .now_ms = clock_realtime_ms(),
                                    .registry = &registration->registry };
        int r;

        if (!uuid_is_valid(id))
                return fault_set(fault, "RUN_UNKNOWN", "%.64s is no run's id", id);
        if (!folder)
                return fault_set(fault, "PIPELINE_MISSING", "name the pipeline's folder with --pipeline");
        r = pipeline_load(folder, &registration->pipeline, fault);
        if (!r)
                r = daemon_enter_home(options_text(registration->options, "home"), fault);
        if (!r)
                r = store_open(&(struct store_options){ registration->pipeline.store_uri, registration->pipeline.cache,
                                                        registration->pipeline.cache_bytes },
                               &registration->store, fault);
        if (!r)
                r = store_open(&(struct store_options){ registration->pipeline.registry_uri,
                                                        registration->pipeline.cache,
                                                        registration->pipeline.cache_bytes },
                               &registration->registry_store, fault);
        if (!r)
                r = registry_init(&registration->registry, registration->registry_store,
                                  registration->pipeline.parameters.name);
        if (!r)
                r = stage_build_id(NULL, registration->build);
        input.store = registration->store;
        return r ? r : register_run(&input, &registration->release, fault);
}

/* "a challenger", "the champion and stable", or that no alias names the version. */
static int put_standing(const struct aliases *aliases, int64_t version, struct buffer *text) {
        static const char *const known[][2] = { { ALIASES_CHAMPION, "the champion" },
                                                { ALIASES_CHALLENGER, "a challenger" },
                                                { ALIASES_PREVIOUS, "the previous champion" } };
        int r = 0;

        for (size_t i = 0; i < aliases->n_aliases && !r; i++) {
                const char *name = aliases->aliases[i].name;

                if (aliases->aliases[i].version != version)
                        continue;
                for (size_t k = 0; k < N_ELEMENTS(known); k++)
                        if (!strcmp(name, known[k][0]))
                                name = known[k][1];
                r = buffer_printf(text, "%s%s", text->n_bytes ? " and " : "", name);
        }
        return r || text->n_bytes ? error_trace(r) : error_trace(buffer_append_text(text, "named by no alias"));
}

static int put_json(const struct pusher_to_gateway *release, const struct aliases *aliases, struct buffer *text) {
        struct json_builder json = json_begin(text, JSON_COMPACT);

        json_begin_object(&json);
        json_key_text(&json, "name", release->model);
        json_key_int64(&json, "version", release->version);
        json_key_bool(&json, "promoted", aliases_find(aliases, ALIASES_CHAMPION) == release->version);
        json_key(&json, "aliases");
        json_begin_array(&json);
        for (size_t i = 0; i < aliases->n_aliases; i++)
                if (aliases->aliases[i].version == release->version)
                        json_put_text(&json, aliases->aliases[i].name);
        json_end_array(&json);
        json_end_object(&json);
        return error_trace(json_end(&json));
}

/* Where the version stands now: one that was published long ago may have lost its alias since. */
static int print(struct registration *registration) {
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        const struct pusher_to_gateway *release = &registration->release;
        bool is_json = options_flag(registration->options, "json");
        int r;

        if (!aliases)
                return error_origin(-ENOMEM, "telling the aliases");
        r = registry_read_aliases(&registration->registry, aliases);
        if (!r)
                r = is_json ? put_json(release, aliases, &text) : put_standing(aliases, release->version, &text);
        if (r)
                return r;
        if (is_json)
                printf("%s\n", buffer_text(&text));
        else
                printf("%s: version %" PRId64 " %sis %s\n", release->model, release->version,
                       release->promoted ? "was published already and " : "", buffer_text(&text));
        return 0;
}

int register_main(int argc, char **argv) {
        static struct registration registration;
        struct fault fault = FAULT_NULL;
        char text[FAULT_TEXT_BYTES];
        int r;

        log_open(TABLE.program, LOG_LEVEL_WARN);
        r = options_parse(&TABLE, argc, argv, &fault, &registration.options);
        if (r == OPTIONS_E_HELP || r == OPTIONS_E_VERSION)
                r = fault_set(&fault, "OPTION_VALUE", "usage: convoy-pusher --register RUN --home DIR --pipeline DIR");
        if (!r)
                r = run(&registration, &fault);
        if (r == FAULT_E_INPUT)
                log_error("code=%s %s", fault.code, fault_format(&fault, text, sizeof(text)));
        if (!r)
                r = print(&registration);
        registration_finish(&registration);
        return r ? DAEMON_EXIT_FAILED : DAEMON_EXIT_STOPPED;
}
