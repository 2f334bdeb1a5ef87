#pragma once

/*
 * Client
 *
 * The gateway as the verbs see it: one address, one token, JSON answers, and for everything that goes wrong a sentence
 * that names the fix.
 */

#include <stddef.h>

#include "common/base/json.h"
#include "common/base/options.h"
#include "common/store/http.h"

struct client;

/* About a gateway, by its URL, that takes a request and does not answer. */
#define CLIENT_SILENT "the gateway at %s does not answer; is it stopped or overloaded?"

/* All borrowed for the call. */
struct client_request {
        const char *method;
        const char *path; /* from the first slash on */
        const char *type; /* of the body; NULL: JSON */
        const void *body; /* NULL: none */
        size_t n_bytes;
        const char *key; /* Idempotency-Key; NULL: none */
        int timeout_ms;  /* 0: CLIENT_TIMEOUT_MS, and the body's share */
};

/* A gateway that lives answers at once; a large body takes its time to arrive and to be worked on. */
#define CLIENT_TIMEOUT_MS 10000
#define CLIENT_BODY_BYTES_PER_MS 256

/* Reads COMMAND_OPTIONS_GATEWAY. 0 or a negative errno. */
int client_create(const struct options *options, struct client **ret_client);
struct client *client_destroy(struct client *client);
void client_destroy_pointer(struct client **client);

/* "http://127.0.0.1:5080". Borrowed. */
const char *client_url(const struct client *client);

/* As http_call(). */
int client_ask(struct client *client, const struct client_request *request, struct http_response *response);

/* True for an answer that says yes. */
static inline bool client_is_well(int result, const struct http_response *response) {
        return !result && response->status < 300;
}

/* Prints what came of client_ask() when it is not well. Returns the exit code. */
int client_explain(const struct client *client, const struct client_request *request, int result,
                   const struct http_response *response);

/* Asks for JSON. The exit code, after an explanation when it is not 0. The document is the caller's. */
int client_get(struct client *client, const char *path, struct json **ret_json);
int client_post(struct client *client, const char *path, const struct buffer *body, struct json **ret_json);

/* Parses the answer's body. The exit code likewise. */
int client_parse(const struct client *client, const struct http_response *response, struct json **ret_json);
