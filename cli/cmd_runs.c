/* convoy runs, cancel, retry: what is known of runs, and what can be done to one. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/progress.h"
#include "cli/run_id.h"
#include "common/base/json_builder.h"

enum { PATH_BYTES = 256 };

static const struct option_row RUNS_OPTIONS[] = {
        COMMAND_OPTIONS_GATEWAY,
        { "limit", NULL, "20", OPTION_INT, 1, 100000, NULL, "N", "how many runs to list, newest first" },
        COMMAND_OPTION_JSON("them"),
};

static const struct option_table RUNS_TABLE = {
        .program = "convoy runs",
        .summary = "Lists the runs, newest first, or shows one with its stages",
        .operands = "[RUN]",
        .n_operands_max = 1,
        .rows = RUNS_OPTIONS,
        .n_rows = N_ELEMENTS(RUNS_OPTIONS),
        .sections = RUN_ID_HELP,
};

static const struct option_row CANCEL_OPTIONS[] = {
        COMMAND_OPTIONS_GATEWAY,
        COMMAND_OPTION_JSON("the run"),
};

static const struct option_table CANCEL_TABLE = {
        .program = "convoy cancel",
        .summary = "Cancels a run that waits or is under way",
        .operands = "RUN",
        .n_operands_min = 1,
        .n_operands_max = 1,
        .rows = CANCEL_OPTIONS,
        .n_rows = N_ELEMENTS(CANCEL_OPTIONS),
        .sections = RUN_ID_HELP,
};

static const struct option_row RETRY_OPTIONS[] = {
        COMMAND_OPTIONS_GATEWAY,
        { "require-accepted", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL, "exit 1 when the model is not accepted" },
        { "no-wait", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL, "do not follow the run" },
        COMMAND_OPTION_JSON("the run"),
};

static const struct option_table RETRY_TABLE = {
        .program = "convoy retry",
        .summary = "Begins a run again that has failed or was canceled; stages that succeeded are not done again",
        .operands = "RUN",
        .n_operands_min = 1,
        .n_operands_max = 1,
        .rows = RETRY_OPTIONS,
        .n_rows = N_ELEMENTS(RETRY_OPTIONS),
        .sections = RUN_ID_HELP,
};

static const char *text_of(const struct json_value *object, const char *name) {
        const char *text = json_text(json_get(object, name));

        return text ? text : "";
}

/* Opens the gateway and finds the run that is meant. A run's id is a path's part, so it is looked at before it is sent.
 */
static int open_run(const struct options *options, struct client **ret_client, char ret_id[UUID_TEXT_BYTES]) {
        const char *run = options_operand(options, 0);
        int r;

        if (!run_id_is_possible(run)) {
                command_fail("%.64s is no run's id, nor the first %d characters of one; `convoy runs` lists them", run,
                             RUN_ID_PREFIX_LEAST);
                return COMMAND_MISCONFIGURED;
        }
        r = client_create(options, ret_client);
        return r ? command_end(r, NULL, COMMAND_FAILED) : run_id_find(*ret_client, run, ret_id);
}

static void print_row(const struct json_value *run) {
        int64_t version = 0;
        bool is_accepted = false;
        double f1 = 0;
        char outcome[64] = "";

        json_as_int64(json_get(run, "version"), &version);
        if (json_get(run, "error"))
                snprintf(outcome, sizeof(outcome), "%s", text_of(json_get(run, "error"), "code"));
        else if (version)
                snprintf(outcome, sizeof(outcome), "version %" PRId64, version);
        else if (json_as_bool(json_get(run, "accepted"), &is_accepted) && !is_accepted)
                snprintf(outcome, sizeof(outcome), "not accepted");
        printf("%-36s  %-9s  %-24s", text_of(run, "run_id"), text_of(run, "state"), text_of(run, "created_at"));
        if (json_as_double(json_get(json_get(json_get(run, "metrics"), "candidate"), "f1"), &f1))
                printf("  %6.4f", f1);
        else
                printf("  %6s", "");
        printf("%s%s\n", *outcome ? "  " : "", outcome);
}

/* Asks page by page until so many runs were given to the list. */
static int list(struct client *client, int64_t limit, bool is_json) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        struct json_builder all = json_begin(&text, JSON_PRETTY);
        char path[PATH_BYTES] = "/runs";
        bool is_begun = false;
        int exit_code;

        json_begin_object(&all);
        json_key(&all, "runs");
        json_begin_array(&all);
        while (*path && limit > 0) {
                _cleanup_(json_destroy_pointer) struct json *page = NULL;
                struct json_array_iterator iterator;
                const struct json_value *run;

                exit_code = client_get(client, path, &page);
                if (exit_code)
                        return exit_code;
                if (!is_json && !is_begun)
                        printf("%-36s  %-9s  %-24s  %6s  %s\n", "RUN", "STATE", "CREATED", "F1", "OUTCOME");
                is_begun = true;
                iterator = json_iterate_array(json_get(json_root(page), "runs"));
                while (limit > 0 && json_next_element(&iterator, &run)) {
                        if (is_json)
                                json_put_value(&all, run);
                        else
                                print_row(run);
                        limit--;
                }
                path[0] = 0;
                if (*text_of(json_root(page), "next"))
                        snprintf(path, sizeof(path), "/runs?before=%.32s", text_of(json_root(page), "next"));
        }
        json_end_array(&all);
        json_end_object(&all);
        if (json_end(&all))
                return command_fail("out of memory");
        if (is_json)
                fputs(buffer_text(&text), stdout);
        return COMMAND_DONE;
}

static int show(struct client *client, const char *id, bool is_json) {
        _cleanup_(json_destroy_pointer) struct json *run = NULL;
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        char path[PATH_BYTES];
        int r;

        snprintf(path, sizeof(path), "/runs/%s", id);
        r = client_get(client, path, &run);
        if (r)
                return r;
        if (is_json)
                return command_print_json(json_root(run));
        r = progress_put_bars(json_root(run), SIZE_MAX, &text);
        if (!r)
                r = progress_put_overrides(json_root(run), &text);
        if (!r)
                r = progress_put_outcome(json_root(run), &text);
        if (r)
                return command_fail("failed: %s", strerror(-r));
        fputs(buffer_text(&text), stdout);
        return COMMAND_DONE;
}

int cmd_runs(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        _cleanup_(client_destroy_pointer) struct client *client = NULL;
        char id[UUID_TEXT_BYTES];
        int r, exit_code;

        if (!command_options(&RUNS_TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        if (options_operand(options, 0)) {
                r = open_run(options, &client, id);
                return r ? r : show(client, id, options_flag(options, "json"));
        }
        r = client_create(options, &client);
        if (r)
                return command_end(r, NULL, COMMAND_FAILED);
        return list(client, options_int(options, "limit"), options_flag(options, "json"));
}

/* POST /runs/{id}:action */
static int act(struct client *client, const char *run, const char *action, struct json **ret_run) {
        char path[PATH_BYTES];

        snprintf(path, sizeof(path), "/runs/%s:%s", run, action);
        return client_post(client, path, NULL, ret_run);
}

int cmd_cancel(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        _cleanup_(client_destroy_pointer) struct client *client = NULL;
        _cleanup_(json_destroy_pointer) struct json *run = NULL;
        char id[UUID_TEXT_BYTES];
        int r, exit_code;

        if (!command_options(&CANCEL_TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        r = open_run(options, &client, id);
        if (!r)
                r = act(client, id, "cancel", &run);
        if (r)
                return r;
        if (options_flag(options, "json"))
                return command_print_json(json_root(run));
        printf("run %s %s\n", id, text_of(json_root(run), "state"));
        return COMMAND_DONE;
}

int cmd_retry(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        _cleanup_(client_destroy_pointer) struct client *client = NULL;
        _cleanup_(json_destroy_pointer) struct json *run = NULL, *end = NULL;
        char id[UUID_TEXT_BYTES];
        bool is_json;
        int r, exit_code;

        if (!command_options(&RETRY_TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        is_json = options_flag(options, "json");
        r = open_run(options, &client, id);
        if (!r)
                r = act(client, id, "retry", &run);
        if (r)
                return r;
        if (options_flag(options, "no-wait") && is_json)
                return command_print_json(json_root(run));
        if (!is_json)
                printf("run %s %s\n", id, text_of(json_root(run), "state"));
        if (options_flag(options, "no-wait"))
                return COMMAND_DONE;
        fflush(stdout);
        r = follow_run(client, id, follow_style(is_json), &end);
        return r ? r : follow_conclude(end, is_json, options_flag(options, "require-accepted"));
}
