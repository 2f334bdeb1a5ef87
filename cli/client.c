/* Client: requests to the gateway, and what their failures mean. */

#include "cli/client.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/command.h"
#include "common/base/error.h"

enum {
        URL_BYTES = 1024,
        HEADER_BYTES = 4096,
        HEADERS_MAX = 4,
};

struct client {
        struct http *http;
        char url[URL_BYTES];
        char authorization[HEADER_BYTES]; /* the whole header line; "" without a token */
};

int client_create(const struct options *options, struct client **ret_client) {
        _cleanup_(client_destroy_pointer) struct client *client = calloc(1, sizeof(*client));
        const char *url = options_text(options, "url"), *token = options_text(options, "CONVOY_TOKEN");
        int n;

        if (!client)
                return error_origin(-ENOMEM, "addressing the gateway");
        if (url)
                n = snprintf(client->url, sizeof(client->url), "%s%s", strstr(url, "://") ? "" : "http://", url);
        else
                n = snprintf(client->url, sizeof(client->url), "http://127.0.0.1:%" PRId64,
                             options_int(options, "CONVOY_PORT"));
        if ((size_t)n >= sizeof(client->url))
                return error_origin(-ENAMETOOLONG, "addressing the gateway");
        while (n > 0 && client->url[n - 1] == '/')
                client->url[--n] = 0;
        if (token && (size_t)snprintf(client->authorization, sizeof(client->authorization), "authorization: Bearer %s",
                                      token) >= sizeof(client->authorization))
                return error_origin(-EINVAL, "CONVOY_TOKEN is too long");
        n = http_create(&client->http);
        if (n)
                return error_trace(n);
        *ret_client = steal(client);
        return 0;
}

struct client *client_destroy(struct client *client) {
        if (!client)
                return NULL;
        http_destroy(client->http);
        free(client);
        return NULL;
}

void client_destroy_pointer(struct client **client) {
        *client = client_destroy(*client);
}

const char *client_url(const struct client *client) {
        return client->url;
}

int client_ask(struct client *client, const struct client_request *request, struct http_response *response) {
        char url[URL_BYTES + HEADER_BYTES], key[HEADER_BYTES], type[HEADER_BYTES];
        const char *headers[HEADERS_MAX];
        struct http_request http = { .method = request->method,
                                     .url = url,
                                     .headers = headers,
                                     .body = request->body,
                                     .n_bytes = request->n_bytes,
                                     .timeout_ms = request->timeout_ms };

        if (!http.timeout_ms)
                http.timeout_ms = CLIENT_TIMEOUT_MS + (int)(request->n_bytes / CLIENT_BODY_BYTES_PER_MS);
        if ((size_t)snprintf(url, sizeof(url), "%s%s", client->url, request->path) >= sizeof(url))
                return error_origin(-ENAMETOOLONG, "asking %s", client->url);
        headers[http.n_headers++] = "accept: application/json";
        if (client->authorization[0])
                headers[http.n_headers++] = client->authorization;
        if (request->body) {
                snprintf(type, sizeof(type), "content-type: %s", request->type ? request->type : "application/json");
                headers[http.n_headers++] = type;
        }
        if (request->key) {
                snprintf(key, sizeof(key), "idempotency-key: %s", request->key);
                headers[http.n_headers++] = key;
        }
        return http_call(client->http, &http, response);
}

/* "GET /runs: 404: there is no run x", with code, column and row where the answer has them. JSON counts rows from 0,
 * people from 1. */
static int explain_answer(const struct client_request *request, const struct http_response *response) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        _cleanup_(buffer_finish) struct buffer place = BUFFER_NULL;
        struct fault ignored = FAULT_NULL;
        const struct json_value *root = NULL;
        const char *error, *column, *code;
        int64_t row;
        int r = 0;

        if (!json_parse(buffer_text(&response->body), response->body.n_bytes, &ignored, &json))
                root = json_root(json);
        error = json_text(json_get(root, "error"));
        column = json_text(json_get(root, "column"));
        code = json_text(json_get(root, "code"));
        if (code)
                r = buffer_printf(&place, "%s: ", code);
        if (!r && json_as_int64(json_get(root, "row"), &row))
                r = buffer_printf(&place, "row %" PRId64 ": ", row + 1);
        if (!r && column)
                r = buffer_printf(&place, "%s: ", column);
        return command_fail("%s %s: %d: %s%s%s", request->method, request->path, response->status,
                            r ? "" : buffer_text(&place), error ? error : "the answer is not the gateway's",
                            response->status == 401 ? "; set CONVOY_TOKEN to the gateway's token" : "");
}

int client_explain(const struct client *client, const struct client_request *request, int result,
                   const struct http_response *response) {
        switch (result) {
        case 0:
                return explain_answer(request, response);
        case HTTP_E_UNREACHABLE:
                return command_fail("no gateway answers at %s (%s); start one with `convoy up`, or say where it is "
                                    "with --url or CONVOY_URL",
                                    client->url, response->sentence);
        case HTTP_E_LATE:
                return command_fail(CLIENT_SILENT, client->url);
        default:
                if (result < 0)
                        return command_fail("%s %s: %s", request->method, request->path, strerror(-result));
                return command_fail("%s %s at %s: %s; `convoy doctor` looks for the cause", request->method,
                                    request->path, client->url, response->sentence);
        }
}

int client_parse(const struct client *client, const struct http_response *response, struct json **ret_json) {
        struct fault fault = FAULT_NULL;
        int r;

        r = json_parse(buffer_text(&response->body), response->body.n_bytes, &fault, ret_json);
        if (r)
                return command_fail(
                        "what answers at %s is no gateway: its answer is no JSON; check --url or CONVOY_URL",
                        client->url);
        return COMMAND_DONE;
}

static int call(struct client *client, const struct client_request *request, struct json **ret_json) {
        _cleanup_(http_response_finish) struct http_response response = HTTP_RESPONSE_NULL;
        int r;

        r = client_ask(client, request, &response);
        if (!client_is_well(r, &response))
                return client_explain(client, request, r, &response);
        return client_parse(client, &response, ret_json);
}

int client_get(struct client *client, const char *path, struct json **ret_json) {
        struct client_request request = { .method = "GET", .path = path };

        return call(client, &request, ret_json);
}

int client_post(struct client *client, const char *path, const struct buffer *body, struct json **ret_json) {
        struct client_request request = { .method = "POST", .path = path };

        if (body) {
                request.body = buffer_text(body);
                request.n_bytes = body->n_bytes;
        }
        return call(client, &request, ret_json);
}
