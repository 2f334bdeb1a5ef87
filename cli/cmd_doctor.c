/* convoy doctor: checks each part, and says what to do about each trouble. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/check_credentials.h"
#include "cli/check_home.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/exec_daemon.h"
#include "cli/findings.h"
#include "cli/place.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/version/version.h"
#include "proto/pipeline_check.h"

enum {
        CHECK_SECONDS = 20, /* that a daemon's --check may take */
        EXIT_NOT_STARTED = 127,
};

static const struct option_row OPTIONS[] = {
        COMMAND_OPTIONS_GATEWAY,
        COMMAND_OPTION_HOME,
        COMMAND_OPTION_PIPELINE,
        { "rebuild", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL,
          "make the gateway's list of runs anew from the manifests in the store, setting a damaged one aside; the "
          "gateway "
          "must not run" },
        COMMAND_OPTION_JSON("the findings"),
};

static const struct option_table TABLE = {
        .program = "convoy doctor",
        .summary = "Looks at pipeline, programs, home, store, registry, gateway and stages, and says what to do",
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
        .sections = "Exit codes: 0 all is well, 1 something is not.\n",
};

struct doctor {
        const struct options *options;
        struct pipeline *pipeline; /* NULL when it cannot be read */
        struct findings findings;
};

static void doctor_finish(struct doctor *doctor) {
        free(doctor->pipeline);
}

#define note(doctor, ...) findings_note(&(doctor)->findings, __VA_ARGS__)
#define note_result(doctor, ...) findings_note_result(&(doctor)->findings, __VA_ARGS__)

static void check_pipeline(struct doctor *doctor) {
        struct fault fault = FAULT_NULL;
        int r;

        r = place_load_pipeline(doctor->options, &doctor->pipeline, &fault);
        if (!r)
                r = pipeline_check(doctor->pipeline, NULL, &fault);
        if (r)
                note_result(doctor, "pipeline", r, &fault);
        else
                note(doctor, "pipeline", WELL, "%s in %s", doctor->pipeline->parameters.name, doctor->pipeline->folder);
}

/* The exit code of `program --check`, its output discarded; -1 when it was killed or took too long. */
static int run_check(const char *program) {
        const char *const argv[] = { program, "--check", NULL };
        pid_t pid = fork();
        int status;

        if (!pid) {
                /* survives exec, so a program that hangs is ended */
                alarm(CHECK_SECONDS);
                if (!freopen("/dev/null", "w", stderr) || !freopen("/dev/null", "w", stdout))
                        _exit(EXIT_NOT_STARTED);
                execv(program, (char *const *)(uintptr_t)argv);
                _exit(EXIT_NOT_STARTED);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
                return -1;
        return WEXITSTATUS(status);
}

static void check_programs(struct doctor *doctor) {
        char path[PLACE_BYTES], folder[PLACE_BYTES];
        struct fault fault = FAULT_NULL;
        int r, n_well = 0;

        if (doctor->pipeline)
                setenv("CONVOY_PIPELINE", doctor->pipeline->folder, 1);
        if (!place_absolute(options_text(doctor->options, "home"), folder))
                setenv("CONVOY_HOME", folder, 1);
        for (int i = 0; i < STAGE_N; i++) {
                r = place_daemon((enum stage)i, path, &fault);
                if (r) {
                        note_result(doctor, "programs", r, &fault);
                        continue;
                }
                r = run_check(path);
                if (r)
                        note(doctor, "programs", WRONG, "%s --check ends with %d; run it to see why", path, r);
                else
                        n_well++;
        }
        if (n_well == STAGE_N)
                note(doctor, "programs", WELL, "all %d are there and accept the configuration", n_well);
}

static bool is_in_s3(const char *uri) {
        return !strncmp(uri, "s3://", strlen("s3://"));
}

/* Writes, reads and removes an object of its own. */
static int probe(struct store *store) {
        _cleanup_(buffer_finish) struct buffer content = BUFFER_NULL;
        static const char text[] = "convoy doctor was here";
        char name[64];
        int r;

        snprintf(name, sizeof(name), "doctor-%d", (int)getpid());
        r = store_put(store, name, text, sizeof(text));
        if (!r)
                r = store_get(store, name, &content, NULL);
        if (!r)
                r = store_remove(store, name);
        return r > 0 ? error_origin(-EIO, "finding in the store what was just put there") : r;
}

static void check_store(struct doctor *doctor) {
        _cleanup_(store_close_pointer) struct store *store = NULL;
        struct fault fault = FAULT_NULL;
        int r;

        if (!file_exists(options_text(doctor->options, "home")))
                return;
        r = place_open_store(options_text(doctor->options, "home"), doctor->pipeline, doctor->pipeline->store_uri,
                             &store, &fault);
        if (!r)
                r = probe(store);
        if (r)
                note_result(doctor, "store", r, &fault);
        else
                note(doctor, "store", WELL, "%s can be written and read", doctor->pipeline->store_uri);
}

static void check_registry(struct doctor *doctor) {
        _cleanup_(store_close_pointer) struct store *store = NULL;
        _cleanup_(version_finish) struct version version = VERSION_NULL;
        _cleanup_(free_pointer) struct aliases *aliases = calloc(1, sizeof(*aliases));
        const struct pipeline *pipeline = doctor->pipeline;
        struct registry registry;
        struct fault fault = FAULT_NULL;
        int64_t champion = ALIASES_NONE;
        int r;

        if (!aliases || !file_exists(options_text(doctor->options, "home")))
                return;
        r = place_open_store(options_text(doctor->options, "home"), pipeline, pipeline->registry_uri, &store, &fault);
        if (!r)
                r = registry_init(&registry, store, pipeline->parameters.name);
        if (!r)
                r = registry_read_aliases(&registry, aliases);
        if (r > 0 && !*fault.code)
                r = fault_set(&fault, "REGISTRY_UNREADABLE", "the aliases of %s cannot be read; the log says why",
                              pipeline->parameters.name);
        if (!r)
                champion = aliases_find(aliases, ALIASES_CHAMPION);
        if (!r && champion != ALIASES_NONE)
                r = version_load(&registry, champion, &version, &fault);
        if (r)
                note_result(doctor, "registry", r, &fault);
        else if (champion == ALIASES_NONE)
                note(doctor, "registry", WELL, "no version yet; `convoy train` makes one");
        else
                note(doctor, "registry", WELL, "version %" PRId64 " of %s is the champion and sound", champion,
                     pipeline->parameters.name);
}

/* Stages that live and cannot go on; how many. */
static size_t note_waits(struct doctor *doctor, const struct json_value *ready) {
        struct json_object_iterator iterator = json_iterate_object(json_get(ready, "waiting"));
        const struct json_value *wait;
        const char *name, *reason;
        size_t n_name, n = 0;

        for (; json_next_member(&iterator, &name, &n_name, &wait); n++) {
                reason = json_text(json_get(wait, "reason"));
                note(doctor, "stages", DOUBTFUL, "the %s waits, and goes on by itself once that is mended: %s", name,
                     reason ? reason : "it does not say for what");
        }
        return n;
}

static void check_stages(struct doctor *doctor, const struct json_value *ready) {
        struct json_object_iterator iterator = json_iterate_object(json_get(ready, "stages"));
        const char *name;
        const struct json_value *value;
        size_t n_name, n_dead = 0;
        bool is_alive;

        while (json_next_member(&iterator, &name, &n_name, &value)) {
                if (json_as_bool(value, &is_alive) && is_alive)
                        continue;
                note(doctor, "stages", WRONG, "the %s is not heard from; is convoy-%s running with this home?", name,
                     name);
                n_dead++;
        }
        n_dead += note_waits(doctor, ready);
        if (!n_dead)
                note(doctor, "stages", WELL, "all are alive");
}

/* A champion that does not answer, whether another does meanwhile or not. */
static void check_model(struct doctor *doctor, const struct json_value *ready) {
        const struct json_value *champion = json_get(ready, "champion");
        const char *reason = json_text(json_get(champion, "error"));
        int64_t version = 0;

        if (reason && json_as_int64(json_get(champion, "version"), &version))
                note(doctor, "model", WRONG,
                     "champion version %lld cannot be loaded: %s; `convoy models rollback` goes back to another",
                     (long long)version, reason);
}

/* A registry that does not answer the gateway: what was known of it holds. */
static void check_presence(struct doctor *doctor, const struct json_value *ready) {
        const char *registry = json_text(json_get(ready, "registry"));

        if (registry)
                note(doctor, "gateway", DOUBTFUL,
                     "the registry is %s; what was seen of it last goes on answering, rollbacks work and are recorded "
                     "once it is back",
                     registry);
}

/* False only when it is sure that no gateway runs in this home: each holds a lock there for life. */
static bool may_run_here(const char *home) {
        _cleanup_(close_descriptor) int fd = -1;
        char path[PLACE_BYTES];

        if ((size_t)snprintf(path, sizeof(path), "%s/run/gateway.lock", home) >= sizeof(path))
                return true;
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return errno != ENOENT;
        return flock(fd, LOCK_SH | LOCK_NB) != 0;
}

static bool is_this_machine(const char *url) {
        static const char *const starts[] = { "http://127.", "http://localhost:", "http://localhost/", "http://[::1]" };

        for (size_t i = 0; i < N_ELEMENTS(starts); i++)
                if (!strncmp(url, starts[i], strlen(starts[i])))
                        return true;
        return false;
}

/* The gateway that answers need not be the one of this home and pipeline. True when it may be. */
static bool check_identity(struct doctor *doctor, struct client *client) {
        _cleanup_(http_response_finish) struct http_response response = HTTP_RESPONSE_NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        struct client_request request = { .method = "GET", .path = "/models" };
        const char *home = options_text(doctor->options, "home"), *name = NULL;
        const struct json_value *model = NULL;
        struct json_array_iterator iterator;
        struct fault ignored = FAULT_NULL;

        if (!client_ask(client, &request, &response) && response.status == 200 &&
            !json_parse(buffer_text(&response.body), response.body.n_bytes, &ignored, &json)) {
                iterator = json_iterate_array(json_get(json_root(json), "models"));
                json_next_element(&iterator, &model);
                name = json_text(json_get(model, "name"));
        }
        if (doctor->pipeline && name && strcmp(name, doctor->pipeline->parameters.name)) {
                note(doctor, "gateway", WRONG,
                     "what answers at %s serves %.64s, not %s; name its pipeline with --pipeline, or this one's "
                     "gateway "
                     "with --url or CONVOY_PORT",
                     client_url(client), name, doctor->pipeline->parameters.name);
                return false;
        }
        if (is_this_machine(client_url(client)) && !may_run_here(home)) {
                note(doctor, "gateway", WRONG,
                     "no gateway runs in %s, so what answers at %s has another home; name that with --home or "
                     "CONVOY_HOME, or start this one's line at another port with `convoy up --port N`",
                     home, client_url(client));
                return false;
        }
        return true;
}

static void check_gateway(struct doctor *doctor) {
        _cleanup_(client_destroy_pointer) struct client *client = NULL;
        _cleanup_(http_response_finish) struct http_response response = HTTP_RESPONSE_NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        struct client_request request = { .method = "GET", .path = "/readyz?line=1" };
        struct fault fault = FAULT_NULL;
        int r;

        r = client_create(doctor->options, &client);
        if (!r)
                r = client_ask(client, &request, &response);
        if (r < 0) {
                note_result(doctor, "gateway", r, &fault);
                return;
        }
        if (r == HTTP_E_UNREACHABLE) {
                note(doctor, "gateway", WRONG,
                     "nobody answers at %s; start the line with `convoy up`, or say where it "
                     "is with --url or CONVOY_URL",
                     client_url(client));
                return;
        }
        if (r == HTTP_E_LATE) {
                note(doctor, "gateway", WRONG, CLIENT_SILENT, client_url(client));
                return;
        }
        if (r || json_parse(buffer_text(&response.body), response.body.n_bytes, &fault, &json) ||
            !json_is_object(json_get(json_root(json), "stages"))) {
                note(doctor, "gateway", WRONG,
                     "what answers at %s is no gateway%s%s; choose another port with --port of `convoy up`",
                     client_url(client), r ? ": " : "", r ? response.sentence : "");
                return;
        }
        if (check_identity(doctor, client))
                note(doctor, "gateway", WELL, "answers at %s", client_url(client));
        check_stages(doctor, json_root(json));
        check_model(doctor, json_root(json));
        check_presence(doctor, json_root(json));
}

/* The gateway alone knows its ledger. */
static int rebuild(const struct options *options) {
        static const char *const arguments[] = { "--rebuild", NULL };

        return exec_daemon(STAGE_GATEWAY, arguments, options);
}

int cmd_doctor(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        _cleanup_(doctor_finish) struct doctor doctor = { 0 };
        int exit_code;

        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        if (options_flag(options, "rebuild"))
                return rebuild(options);
        doctor.options = options;
        check_pipeline(&doctor);
        check_programs(&doctor);
        check_home(&doctor.findings, options_text(options, "home"));
        check_spools(&doctor.findings, options_text(options, "home"));
        if (doctor.pipeline) {
                if (is_in_s3(doctor.pipeline->store_uri) || is_in_s3(doctor.pipeline->registry_uri))
                        check_credentials(&doctor.findings, NULL);
                check_store(&doctor);
                check_registry(&doctor);
        }
        check_gateway(&doctor);
        return findings_print(&doctor.findings, options_flag(options, "json"));
}
