/* Follow: asked ten times a second, drawn when something changed. */

#include "cli/follow.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/bars.h"
#include "cli/command.h"
#include "cli/progress.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/json_builder.h"
#include "proto/stages.h"

enum {
        ASK_EVERY_MS = 100,
        GATEWAY_PATIENCE_MS = 60000,
        ASK_TIMEOUT_MS = 10000,
        PATH_BYTES = 256,
        FAREWELL_BYTES = 256,
};

struct follow {
        struct client *client;
        enum follow_style style;
        struct progress_told told[STAGE_N_WORKERS];
        struct bars bars;
        int64_t gone_ms; /* since when the gateway does not answer; 0: it does */
        bool is_told_gone;
};

/* what Ctrl-C answers; made beforehand, since little may be called from a handler */
static char farewell[FAREWELL_BYTES];

static void on_interrupt(int number) {
        ssize_t n = write(STDERR_FILENO, farewell, strlen(farewell));

        (void)number;
        (void)n;
        _exit(FOLLOW_EXIT_INTERRUPTED);
}

/* Whoever started us with SIGINT ignored wants it so. */
static void heed_interrupt(const char *run) {
        struct sigaction action = { .sa_handler = on_interrupt }, former;

        snprintf(farewell, sizeof(farewell),
                 "\nconvoy: the run goes on; `convoy runs %.64s` shows it, `convoy cancel %.64s` ends it\n", run, run);
        if (!sigaction(SIGINT, NULL, &former) && former.sa_handler != SIG_IGN)
                sigaction(SIGINT, &action, NULL);
}

static void follow_finish(struct follow *follow) {
        bars_finish(&follow->bars);
}

enum follow_style follow_style(bool is_json) {
        return is_json ? FOLLOW_SILENT : command_is_on_terminal() ? FOLLOW_BARS : FOLLOW_LINES;
}

static int show(struct follow *follow, const struct json_value *run) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        int r;

        if (follow->style == FOLLOW_BARS)
                return error_trace(bars_draw(&follow->bars, run));
        if (follow->style == FOLLOW_SILENT)
                return 0;
        r = progress_put_changes(run, follow->told, STAGE_N_WORKERS, &text);
        if (r)
                return error_trace(r);
        fputs(buffer_text(&text), stdout);
        fflush(stdout);
        return 0;
}

static bool is_final(const struct json_value *run) {
        const char *state = json_text(json_get(run, "state"));

        return state && (!strcmp(state, "SUCCEEDED") || !strcmp(state, "FAILED") || !strcmp(state, "CANCELED"));
}

/* True while a gateway that does not answer is worth waiting for. */
static bool waits_for_gateway(struct follow *follow, int result, const struct http_response *response) {
        int64_t now_ms = clock_monotonic_ms();

        if (result < 0 || (!result && response->status < 500))
                return false;
        if (!follow->gone_ms)
                follow->gone_ms = now_ms;
        if (!follow->is_told_gone && now_ms - follow->gone_ms > 1000) {
                fprintf(stderr, "convoy: the gateway does not answer just now, waiting for it\n");
                follow->is_told_gone = true;
                bars_leave(&follow->bars);
        }
        return now_ms - follow->gone_ms < GATEWAY_PATIENCE_MS;
}

static void pause_between(void) {
        struct timespec pause = { .tv_nsec = ASK_EVERY_MS * 1000000L };

        nanosleep(&pause, NULL);
}

int follow_run(struct client *client, const char *run, enum follow_style style, struct json **ret_run) {
        _cleanup_(http_response_finish) struct http_response response = HTTP_RESPONSE_NULL;
        _cleanup_(follow_finish) struct follow follow = { .client = client, .style = style };
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        char path[PATH_BYTES];
        struct client_request request = { .method = "GET", .path = path, .timeout_ms = ASK_TIMEOUT_MS };
        int r, exit_code;

        snprintf(path, sizeof(path), "/runs/%.64s", run);
        heed_interrupt(run);
        for (;;) {
                r = client_ask(client, &request, &response);
                if (client_is_well(r, &response)) {
                        follow.gone_ms = 0;
                        json = json_destroy(json);
                        exit_code = client_parse(client, &response, &json);
                        if (exit_code)
                                return exit_code;
                        r = show(&follow, json_root(json));
                        if (r)
                                return command_fail("failed: %s", strerror(-r));
                        if (is_final(json_root(json)))
                                break;
                } else if (!waits_for_gateway(&follow, r, &response)) {
                        exit_code = client_explain(client, &request, r, &response);
                        fprintf(stderr, "convoy: run %s goes on without us; `convoy runs %s` shows it\n", run, run);
                        return exit_code;
                }
                pause_between();
        }
        *ret_run = steal(json);
        return COMMAND_DONE;
}

static int put_json(const struct json_value *root, struct buffer *text) {
        struct json_builder json = json_begin(text, JSON_PRETTY);

        json_put_value(&json, root);
        return error_trace(json_end(&json));
}

int follow_conclude(const struct json *run, bool is_json, bool must_be_accepted) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        const struct json_value *root = json_root(run);
        const char *state = json_text(json_get(root, "state"));
        bool is_accepted = false;
        int r;

        r = is_json ? put_json(root, &text) : progress_put_outcome(root, &text);
        if (r)
                return command_fail("failed: %s", strerror(-r));
        fputs(buffer_text(&text), stdout);
        if (!state || strcmp(state, "SUCCEEDED"))
                return COMMAND_FAILED;
        json_as_bool(json_get(root, "accepted"), &is_accepted);
        return must_be_accepted && !is_accepted ? COMMAND_FAILED : COMMAND_DONE;
}
