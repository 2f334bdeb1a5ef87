/* Check gateway: what it answers to /readyz and /models. */

#include "cli/check_gateway.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "cli/client.h"
#include "cli/place.h"

enum {
        ANSWER_MS = 5000,
};

/* Stages that live and cannot go on; how many. */
static size_t note_waits(struct findings *findings, const struct json_value *ready) {
        struct json_object_iterator iterator = json_iterate_object(json_get(ready, "waiting"));
        const struct json_value *wait;
        const char *name, *reason;
        size_t n_name, n = 0;

        for (; json_next_member(&iterator, &name, &n_name, &wait); n++) {
                reason = json_text(json_get(wait, "reason"));
                findings_note(findings, "stages", DOUBTFUL,
                              "the %s waits, and goes on by itself once that is mended: %s", name,
                              reason ? reason : "it does not say for what");
        }
        return n;
}

static void check_stages(struct findings *findings, const struct json_value *ready) {
        struct json_object_iterator iterator = json_iterate_object(json_get(ready, "stages"));
        const char *name;
        const struct json_value *value;
        size_t n_name, n_dead = 0;
        bool is_alive;

        while (json_next_member(&iterator, &name, &n_name, &value)) {
                if (json_as_bool(value, &is_alive) && is_alive)
                        continue;
                findings_note(findings, "stages", WRONG,
                              "the %s is not heard from; is convoy-%s running with this home?", name, name);
                n_dead++;
        }
        n_dead += note_waits(findings, ready);
        if (!n_dead)
                findings_note(findings, "stages", WELL, "all are alive");
}

/* A champion that does not answer, whether another does meanwhile or not. */
static void check_model(struct findings *findings, const struct json_value *ready) {
        const struct json_value *champion = json_get(ready, "champion");
        const char *reason = json_text(json_get(champion, "error"));
        int64_t version = 0;

        if (reason && json_as_int64(json_get(champion, "version"), &version))
                findings_note(
                        findings, "model", WRONG,
                        "champion version %lld cannot be loaded: %s; `convoy models rollback` goes back to another",
                        (long long)version, reason);
}

/* A registry that does not answer the gateway: what was known of it holds. */
static void check_presence(struct findings *findings, const struct json_value *ready) {
        const char *registry = json_text(json_get(ready, "registry"));

        if (registry)
                findings_note(findings, "gateway", DOUBTFUL,
                              "the registry is %s; what was seen of it last goes on answering, rollbacks work and are "
                              "recorded "
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
static bool check_identity(struct findings *findings, const char *home, const struct pipeline *pipeline,
                           struct client *client) {
        _cleanup_(http_response_finish) struct http_response response = HTTP_RESPONSE_NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        struct client_request request = { .method = "GET", .path = "/models", .timeout_ms = ANSWER_MS };
        const char *name = NULL;
        const struct json_value *model = NULL;
        struct json_array_iterator iterator;
        struct fault ignored = FAULT_NULL;

        if (!client_ask(client, &request, &response) && response.status == 200 &&
            !json_parse(buffer_text(&response.body), response.body.n_bytes, &ignored, &json)) {
                iterator = json_iterate_array(json_get(json_root(json), "models"));
                json_next_element(&iterator, &model);
                name = json_text(json_get(model, "name"));
        }
        if (pipeline && name && strcmp(name, pipeline->parameters.name)) {
                findings_note(
                        findings, "gateway", WRONG,
                        "what answers at %s serves %.64s, not %s; name its pipeline with --pipeline, or this one's "
                        "gateway "
                        "with --url or CONVOY_PORT",
                        client_url(client), name, pipeline->parameters.name);
                return false;
        }
        if (is_this_machine(client_url(client)) && !may_run_here(home)) {
                findings_note(findings, "gateway", WRONG,
                              "no gateway runs in %s, so what answers at %s has another home; name that with --home or "
                              "CONVOY_HOME, or start this one's line at another port with `convoy up --port N`",
                              home, client_url(client));
                return false;
        }
        return true;
}

void check_gateway(struct findings *findings, const struct options *options, const struct pipeline *pipeline) {
        _cleanup_(client_destroy_pointer) struct client *client = NULL;
        _cleanup_(http_response_finish) struct http_response response = HTTP_RESPONSE_NULL;
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        struct client_request request = { .method = "GET", .path = "/readyz?line=1", .timeout_ms = ANSWER_MS };
        struct fault fault = FAULT_NULL;
        int r;

        r = client_create(options, &client);
        if (!r)
                r = client_ask(client, &request, &response);
        if (r < 0) {
                findings_note_result(findings, "gateway", r, &fault);
                return;
        }
        if (r == HTTP_E_UNREACHABLE) {
                findings_note(findings, "gateway", WRONG,
                              "nobody answers at %s; start the line with `convoy up`, or say where it "
                              "is with --url or CONVOY_URL",
                              client_url(client));
                return;
        }
        if (r == HTTP_E_LATE) {
                findings_note(findings, "gateway", WRONG, CLIENT_SILENT, client_url(client));
                return;
        }
        if (r || json_parse(buffer_text(&response.body), response.body.n_bytes, &fault, &json) ||
            !json_is_object(json_get(json_root(json), "stages"))) {
                findings_note(findings, "gateway", WRONG,
                              "what answers at %s is no gateway%s%s; choose another port with --port of `convoy up`",
                              client_url(client), r ? ": " : "", r ? response.sentence : "");
                return;
        }
        if (check_identity(findings, options_text(options, "home"), pipeline, client))
                findings_note(findings, "gateway", WELL, "answers at %s", client_url(client));
        check_stages(findings, json_root(json));
        check_model(findings, json_root(json));
        check_presence(findings, json_root(json));
}
