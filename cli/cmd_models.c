/* convoy models: versions and aliases. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/exec_daemon.h"
#include "cli/history.h"
#include "cli/place.h"
#include "cli/pull.h"
#include "cli/reference.h"
#include "cli/run_id.h"
#include "cli/versions.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/nearest.h"
#include "common/base/uuid.h"

enum {
        PATH_BYTES = 512,
};

static const struct option_row OPTIONS[] = {
        COMMAND_OPTIONS_GATEWAY,
        { "out", NULL, NULL, OPTION_TEXT, 0, 0, NULL, "DIR", "pull: the folder to make" },
        { "to", NULL, NULL, OPTION_INT, 1, 1e15, NULL, "VERSION",
          "rollback: to which version; else an earlier champion" },
        { "limit", NULL, "20", OPTION_INT, 1, 100000, NULL, "N", "history: how many moves to list, newest first" },
        { "reason", NULL, "", OPTION_TEXT, 0, 0, NULL, "TEXT", "why, kept in the history" },
        COMMAND_OPTION_HOME,
        COMMAND_OPTION_PIPELINE,
        COMMAND_OPTION_JSON("the answer"),
};

static const char SECTIONS[] =
        "convoy models                         list the versions\n"
        "convoy models pull [NAME@champion|N] --out DIR\n"
        "                                      copy a version, verified, from the registry to a folder\n"
        "convoy models register RUN            make a challenger of a run's candidate that was not accepted\n"
        "convoy models promote VERSION         make it the champion, which also releases a pin\n"
        "convoy models rollback [--to N]       back to an earlier champion, and pin it\n"
        "convoy models history                 list the moves of the aliases: who, what, when and why\n"
        "convoy models pin | unpin             while pinned, accepted models become challengers\n\n" RUN_ID_HELP;

static const struct option_table TABLE = {
        .program = "convoy models",
        .summary = "Lists the versions of the model, copies one, or moves its aliases",
        .operands = "[history | pull | register | promote | rollback | pin | unpin] [VERSION|RUN]",
        .n_operands_max = 2,
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
        .sections = SECTIONS,
};

/* The one model that the gateway serves, as GET /models tells it. */
struct served {
        struct client *client;
        struct json *document;
        const struct json_value *model;
        const char *name;
};

static void served_finish(struct served *served) {
        json_destroy(served->document);
        client_destroy(served->client);
}

static int served_get(const struct options *options, struct served *served) {
        const struct json_value *model = NULL;
        struct json_array_iterator iterator;
        int r;

        r = client_create(options, &served->client);
        if (r)
                return command_end(r, NULL, COMMAND_FAILED);
        r = client_get(served->client, "/models", &served->document);
        if (r)
                return r;
        iterator = json_iterate_array(json_get(json_root(served->document), "models"));
        json_next_element(&iterator, &model);
        served->model = model;
        served->name = json_text(json_get(model, "name"));
        if (!served->name || !registry_model_is_valid(served->name))
                return command_fail("what answers at %s names no model; check --url or CONVOY_URL",
                                    client_url(served->client));
        return COMMAND_DONE;
}

static int64_t alias_of(const struct served *served, const char *alias) {
        int64_t version = 0;

        json_as_int64(json_get(json_get(served->model, "aliases"), alias), &version);
        return version;
}

static int list(const struct options *options) {
        _cleanup_(served_finish) struct served served = { 0 };
        int r;

        r = served_get(options, &served);
        return r ? r : versions_print(served.client, json_root(served.document), options_flag(options, "json"));
}

static int history(const struct options *options) {
        _cleanup_(served_finish) struct served served = { 0 };
        int r;

        r = served_get(options, &served);
        return r ? r
                 : history_print(served.client, served.name, options_int(options, "limit"),
                                 options_flag(options, "json"));
}

/* Posts and prints where the aliases stand now. */
static int move(const struct options *options, struct served *served, const char *path, const struct buffer *body) {
        _cleanup_(json_destroy_pointer) struct json *answer = NULL;
        int64_t champion = 0;
        bool is_pinned = false, is_recorded = true;
        int r;

        r = client_post(served->client, path, body, &answer);
        if (r)
                return r;
        if (options_flag(options, "json"))
                return command_print_json(json_root(answer));
        json_as_int64(json_get(json_get(json_root(answer), "aliases"), ALIASES_CHAMPION), &champion);
        json_as_bool(json_get(json_root(answer), "pinned"), &is_pinned);
        json_as_bool(json_get(json_root(answer), "recorded"), &is_recorded);
        printf("%s: version %" PRId64 " is the champion%s\n", served->name, champion, is_pinned ? ", pinned" : "");
        if (!is_recorded)
                printf("the registry is away: the gateway records this when it is back, if it still can; `convoy "
                       "models` "
                       "tells\n");
        return COMMAND_DONE;
}

/* The number meant by the operand, from what the gateway has told. */
static int number_of(const struct served *served, const char *text, int64_t *ret_number) {
        struct reference reference;
        struct fault fault = FAULT_NULL;
        int64_t number;

        if (reference_parse(text, served->name, &reference, &fault)) {
                command_end(FAULT_E_INPUT, &fault, COMMAND_MISCONFIGURED);
                return COMMAND_MISCONFIGURED;
        }
        if (strcmp(reference.model, served->name))
                return command_fail("this gateway serves %s, not %s", served->name, reference.model);
        number = reference.version ? reference.version : alias_of(served, reference.alias);
        if (!number)
                return command_fail("%s has no alias %s; `convoy models` lists them", served->name, reference.alias);
        *ret_number = number;
        return COMMAND_DONE;
}

static int promote(const struct options *options, const char *operand) {
        _cleanup_(served_finish) struct served served = { 0 };
        _cleanup_(buffer_finish) struct buffer body = BUFFER_NULL;
        struct json_builder json = json_begin(&body, JSON_COMPACT);
        char path[PATH_BYTES];
        int64_t number = 0;
        int r;

        if (!operand) {
                command_fail("say which version: convoy models promote VERSION");
                return COMMAND_MISCONFIGURED;
        }
        r = served_get(options, &served);
        if (!r)
                r = number_of(&served, operand, &number);
        if (r)
                return r;
        json_begin_object(&json);
        json_key_int64(&json, "version", number);
        json_key_int64(&json, "expect", alias_of(&served, ALIASES_CHAMPION));
        json_key_text(&json, "reason", options_text(options, "reason"));
        json_end_object(&json);
        if (json_end(&json))
                return command_fail("out of memory");
        snprintf(path, sizeof(path), "/models/%s/aliases/" ALIASES_CHAMPION, served.name);
        return move(options, &served, path, &body);
}

static int roll_back(const struct options *options) {
        _cleanup_(served_finish) struct served served = { 0 };
        _cleanup_(buffer_finish) struct buffer body = BUFFER_NULL;
        struct json_builder json = json_begin(&body, JSON_COMPACT);
        char path[PATH_BYTES];
        int r;

        r = served_get(options, &served);
        if (r)
                return r;
        if (!alias_of(&served, ALIASES_CHAMPION))
                return command_fail("%s has no champion to roll back from", served.name);
        json_begin_object(&json);
        json_key_int64(&json, "from", alias_of(&served, ALIASES_CHAMPION));
        if (options_is_given(options, "to"))
                json_key_int64(&json, "to", options_int(options, "to"));
        json_key_text(&json, "reason", options_text(options, "reason"));
        json_end_object(&json);
        if (json_end(&json))
                return command_fail("out of memory");
        snprintf(path, sizeof(path), "/models/%s:rollback", served.name);
        return move(options, &served, path, &body);
}

static int pin(const struct options *options, const char *action) {
        _cleanup_(served_finish) struct served served = { 0 };
        _cleanup_(buffer_finish) struct buffer body = BUFFER_NULL;
        struct json_builder json = json_begin(&body, JSON_COMPACT);
        char path[PATH_BYTES];
        int r;

        r = served_get(options, &served);
        if (r)
                return r;
        if (!strcmp(action, "pin") && !alias_of(&served, ALIASES_CHAMPION))
                return command_fail("%s has no version to pin yet; `convoy train` makes one", served.name);
        json_begin_object(&json);
        json_key_text(&json, "reason", options_text(options, "reason"));
        json_end_object(&json);
        if (json_end(&json))
                return command_fail("out of memory");
        snprintf(path, sizeof(path), "/models/%s:%s", served.name, action);
        return move(options, &served, path, &body);
}

static int pull(const struct options *options, const char *operand, struct fault *fault) {
        _cleanup_(free_pointer) struct pipeline *pipeline = NULL;
        _cleanup_(store_close_pointer) struct store *store = NULL;
        const char *out = options_text(options, "out");
        char folder[PLACE_BYTES];
        struct registry registry;
        int64_t number;
        int r;

        snprintf(folder, sizeof(folder), "%s", out);
        for (size_t n = strlen(folder); n > 1 && folder[n - 1] == '/'; n--)
                folder[n - 1] = 0;
        r = place_load_pipeline(options, &pipeline, fault);
        if (!r)
                r = reference_open(pipeline, options_text(options, "home"), operand, &store, &registry, &number, fault);
        if (!r)
                r = pull_version(&registry, number, folder, fault);
        if (r)
                return r;
        if (options_flag(options, "json"))
                printf("{\"name\":\"%s\",\"version\":%" PRId64 "}\n", registry.model, number);
        else
                printf("version %" PRId64 " of %s is in %s\n", number, registry.model, out);
        return 0;
}

static int find_run(const struct options *options, const char *text, char ret_run[UUID_TEXT_BYTES],
                    struct fault *fault) {
        _cleanup_(free_pointer) struct pipeline *pipeline = NULL;
        _cleanup_(store_close_pointer) struct store *store = NULL;
        int r;

        r = place_load_pipeline(options, &pipeline, fault);
        if (!r)
                r = place_open_store(options_text(options, "home"), pipeline, pipeline->store_uri, &store, fault);
        return r ? r : run_id_find_in_store(store, text, ret_run, fault);
}

/* The pusher alone knows how a version is made. */
static int register_run(const struct options *options, const char *text) {
        char run[UUID_TEXT_BYTES];
        const char *const arguments[] = { "--register", run, options_flag(options, "json") ? "--json" : NULL, NULL };
        struct fault fault = FAULT_NULL;
        int r;

        if (!text || !run_id_is_possible(text)) {
                command_fail("say which run: convoy models register RUN; `convoy runs` lists them");
                return COMMAND_MISCONFIGURED;
        }
        r = find_run(options, text, run, &fault);
        if (r)
                return command_end(r, &fault, COMMAND_FAILED);
        return exec_daemon(STAGE_PUSHER, arguments, options);
}

int cmd_models(int argc, char **argv) {
        static const char *const actions[] = { "history", "pull", "register", "promote", "rollback", "pin", "unpin" };
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        struct fault fault = FAULT_NULL;
        const char *action, *operand;
        char known[256] = "";
        int exit_code;

        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        action = options_operand(options, 0);
        operand = options_operand(options, 1);
        if (!action)
                return list(options);
        if (!strcmp(action, "pull") && !(options_text(options, "out") && *options_text(options, "out"))) {
                command_fail("say where to: convoy models pull %.128s --out DIR", operand ? operand : ALIASES_CHAMPION);
                return COMMAND_MISCONFIGURED;
        }
        if (!strcmp(action, "pull"))
                return command_end(pull(options, operand, &fault), &fault, COMMAND_FAILED);
        if (!strcmp(action, "register"))
                return register_run(options, operand);
        if (!strcmp(action, "history") && !operand)
                return history(options);
        if (!strcmp(action, "promote"))
                return promote(options, operand);
        if (operand && (!strcmp(action, "history") || !strcmp(action, "rollback") || !strcmp(action, "pin") ||
                        !strcmp(action, "unpin"))) {
                command_fail("models %s takes no version%s", action,
                             !strcmp(action, "rollback")  ? "; use --to N"
                             : !strcmp(action, "history") ? ""
                                                          : ", it is about the champion; see promote");
                return COMMAND_MISCONFIGURED;
        }
        if (!strcmp(action, "rollback"))
                return roll_back(options);
        if (!strcmp(action, "pin") || !strcmp(action, "unpin"))
                return pin(options, action);
        nearest_explain(action, actions, N_ELEMENTS(actions), known, sizeof(known));
        command_fail("models cannot %.64s%s", action, known);
        return COMMAND_MISCONFIGURED;
}
