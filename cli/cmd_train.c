/* convoy train: start a run and follow it. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/client.h"
#include "cli/command.h"
#include "cli/follow.h"
#include "cli/settings.h"
#include "common/base/error.h"
#include "common/base/uuid.h"

enum { ATTEMPTS = 5 };

static const struct option_row OPTIONS[] = {
        COMMAND_OPTIONS_GATEWAY,
        SETTINGS_OPTION("NAME=VALUE", "override a parameter of the run, such as train.max_depth=6 or "
                                      "evaluate.mode=refresh; may be given again"),
        { "require-accepted", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL, "exit 1 when the model is not accepted" },
        { "no-wait", NULL, NULL, OPTION_FLAG, 0, 0, NULL, NULL, "print the run's id and do not follow it" },
        COMMAND_OPTION_JSON("the run"),
};

static const struct option_table TABLE = {
        .program = "convoy train",
        .summary = "Starts a run and follows it to its end",
        .rows = OPTIONS,
        .n_rows = N_ELEMENTS(OPTIONS),
        .sections =
                "Exit codes: 0 the run succeeded, accepted or not; 1 it failed or was canceled, 130 Ctrl-C: the run\n"
                "goes on.\n",
};

/* {"parameters":{…}}, or nothing. */
static int make_body(const struct settings *settings, struct buffer *body, struct fault *fault) {
        struct json_builder json = json_begin(body, JSON_COMPACT);
        int r;

        if (!settings->n_items)
                return 0;
        json_begin_object(&json);
        json_key(&json, "parameters");
        r = settings_put_json(settings, &json, fault);
        if (r)
                return r;
        json_end_object(&json);
        return error_trace(json_end(&json));
}

/* The key makes it safe to ask again when the answer was lost: it is the same run. */
static int start(struct client *client, const struct buffer *body, struct json **ret_answer) {
        _cleanup_(http_response_finish) struct http_response response = HTTP_RESPONSE_NULL;
        char key[UUID_TEXT_BYTES];
        struct client_request request = { .method = "POST",
                                          .path = "/training",
                                          .body = body->n_bytes ? body->data : NULL,
                                          .n_bytes = body->n_bytes,
                                          .key = key };
        int r;

        r = uuid_make_v7(key);
        if (r)
                return command_fail("failed: %s", strerror(-r));
        for (int i = 0; i < ATTEMPTS; i++) {
                r = client_ask(client, &request, &response);
                if (r != HTTP_E_BROKEN)
                        break;
        }
        if (!client_is_well(r, &response))
                return client_explain(client, &request, r, &response);
        return client_parse(client, &response, ret_answer);
}

static int train(const struct options *options, const struct settings *settings) {
        _cleanup_(client_destroy_pointer) struct client *client = NULL;
        _cleanup_(json_destroy_pointer) struct json *answer = NULL, *run = NULL;
        _cleanup_(buffer_finish) struct buffer body = BUFFER_NULL;
        bool is_json = options_flag(options, "json");
        struct fault fault = FAULT_NULL;
        const char *id;
        int r;

        r = make_body(settings, &body, &fault);
        if (!r)
                r = client_create(options, &client);
        if (r)
                return command_end(r, &fault, COMMAND_MISCONFIGURED);
        r = start(client, &body, &answer);
        if (r)
                return r;
        id = json_text(json_get(json_root(answer), "run_id"));
        if (!id)
                return command_fail("what answers at %s is no gateway; check --url or CONVOY_URL", client_url(client));
        if (options_flag(options, "no-wait")) {
                printf(is_json ? "{\"run_id\":\"%s\"}\n" : "%s\n", id);
                return COMMAND_DONE;
        }
        if (!is_json)
                printf("run %s\n", id);
        fflush(stdout);
        r = follow_run(client, id, follow_style(is_json), &run);
        return r ? r : follow_conclude(run, is_json, options_flag(options, "require-accepted"));
}

int cmd_train(int argc, char **argv) {
        _cleanup_(options_destroy_pointer) struct options *options = NULL;
        _cleanup_(settings_finish) struct settings settings = SETTINGS_NULL;
        struct fault fault = FAULT_NULL;
        int r, exit_code;

        r = settings_take(&argc, argv, &settings, &fault);
        if (r)
                return command_end(r, &fault, COMMAND_MISCONFIGURED);
        if (!command_options(&TABLE, argc, argv, &options, &exit_code))
                return exit_code;
        return train(options, &settings);
}
