/*
 * The provider of an EC2 instance: IMDSv2, the instance metadata service. A token is asked for first (PUT, valid for at
 * most six hours) and proves in each request that it comes from this machine; version 1, which wants none, is not
 * spoken. The token's answer may cross as many hops as the instance allows: one, unless somebody said more, so that
 * within a container it never arrives.
 */

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/error.h"
#include "common/base/json.h"
#include "common/store/aws/aws_provide.h"

#define ADDRESS "http://169.254.169.254"
#define ADDRESS_6 "http://[fd00:ec2::254]"
#define ROLES "/latest/meta-data/iam/security-credentials/"

enum {
        TRIES = 3, /* once it has given a token */
        TIMEOUT_MS = 1000,
        TIMEOUT_SECONDS_MAX = 60,
        ADDRESS_BYTES = 512,
        URL_BYTES = 1024,
        NAME_BYTES = 128,
        STATUS_OK = 200,
        STATUS_UNAUTHORIZED = 401,
        STATUS_NOT_FOUND = 404,
};

struct imds {
        struct aws_search *search;
        char address[ADDRESS_BYTES];
        int timeout_ms;
        char *header; /* with the token */
};

static void imds_finish(struct imds *imds) {
        aws_secret_free(&imds->header);
}

static int locate(struct aws_search *search, struct imds *imds) {
        char *const *values = search->environment->values;
        const char *endpoint = values[AWS_VARIABLE_METADATA_ENDPOINT],
                   *mode = values[AWS_VARIABLE_METADATA_ENDPOINT_MODE];
        const char *disabled = values[AWS_VARIABLE_METADATA_DISABLED], *timeout = values[AWS_VARIABLE_METADATA_TIMEOUT];
        long seconds;
        size_t n;

        imds->search = search;
        imds->timeout_ms = TIMEOUT_MS;
        seconds = timeout ? strtol(timeout, NULL, 10) : 0;
        if (seconds > 0 && seconds <= TIMEOUT_SECONDS_MAX)
                imds->timeout_ms = (int)seconds * 1000;
        if (disabled && !strcasecmp(disabled, "true"))
                return aws_search_end(search, AWS_E_ABSENT, "AWS_EC2_METADATA_DISABLED is true");
        if (!endpoint)
                endpoint = mode && !strcasecmp(mode, "IPv6") ? ADDRESS_6 : ADDRESS;
        n = strlen(endpoint);
        while (n && endpoint[n - 1] == '/')
                n--;
        if (n >= sizeof(imds->address) || strncmp(endpoint, "http", 4) || strchr(endpoint, '@'))
                return aws_search_end(search, -EACCES, "AWS_EC2_METADATA_SERVICE_ENDPOINT is no URL");
        snprintf(imds->address, sizeof(imds->address), "%.*s", (int)n, endpoint);
        return 0;
}

/* No answer to the first request is the usual case: this is no EC2 instance. */
static int ask_token(struct imds *imds, int n_tries) {
        _cleanup_(aws_search_forget) struct http_response response = HTTP_RESPONSE_NULL;
        static const char *const headers[] = { "X-aws-ec2-metadata-token-ttl-seconds: 21600" };
        struct http_request request = {
                .method = "PUT",
                .headers = headers,
                .n_headers = 1,
                .timeout_ms = imds->timeout_ms,
        };
        char url[URL_BYTES];
        int r;

        aws_secret_free(&imds->header);
        snprintf(url, sizeof(url), "%s/latest/api/token", imds->address);
        request.url = url;
        r = aws_search_call(imds->search, &request, n_tries, &response);
        if (r < 0)
                return error_trace(r);
        if (r)
                return aws_search_end(imds->search, AWS_E_ABSENT,
                                      "the request for a token to the instance metadata service at %.100s gets no "
                                      "answer (%.100s): this is no EC2 instance, or its hop limit ends before this "
                                      "container (aws ec2 modify-instance-metadata-options "
                                      "--http-put-response-hop-limit 2)",
                                      imds->address, response.sentence);
        if (response.status != STATUS_OK)
                return aws_search_end(imds->search, response.status < 500 ? AWS_E_ABSENT : -EHOSTUNREACH,
                                      "the instance metadata service at %.100s answers %d to the request for a token; "
                                      "IMDSv2 must be enabled",
                                      imds->address, response.status);
        if (!aws_secret_is_sound(buffer_text(&response.body)))
                return aws_search_end(imds->search, -EHOSTUNREACH,
                                      "what the instance metadata service at %.100s gives is no token", imds->address);
        if (asprintf(&imds->header, "X-aws-ec2-metadata-token: %s", buffer_text(&response.body)) < 0) {
                imds->header = NULL;
                return error_origin(-ENOMEM, "asking for an instance's keys");
        }
        return 0;
}

/* A document of the service. A token that is refused is replaced once. 0 with whatever status but 401. */
static int get(struct imds *imds, const char *path, struct http_response *response) {
        char url[URL_BYTES];
        int r;

        snprintf(url, sizeof(url), "%s%s", imds->address, path);
        for (int i = 0; i < 2; i++) {
                const char *headers[] = { imds->header };
                const struct http_request request = {
                        .method = "GET",
                        .url = url,
                        .headers = headers,
                        .n_headers = 1,
                        .timeout_ms = imds->timeout_ms,
                };

                r = aws_search_call(imds->search, &request, TRIES, response);
                if (r < 0)
                        return error_trace(r);
                if (r)
                        return aws_search_end(imds->search, -EHOSTUNREACH,
                                              "the instance metadata service at %.100s gives no answer: %.200s",
                                              imds->address, response->sentence);
                if (response->status != STATUS_UNAUTHORIZED)
                        return 0;
                r = ask_token(imds, TRIES);
                if (r)
                        return r == AWS_E_ABSENT ? -EHOSTUNREACH : error_trace(r);
        }
        return aws_search_end(imds->search, -EHOSTUNREACH,
                              "the instance metadata service at %.100s refuses the token that it has just given",
                              imds->address);
}

/* The first line of an answer; empty when that is no name. */
static void first_line(const struct http_response *response, char *ret_line, size_t n_bytes) {
        const char *text = buffer_text(&response->body);
        size_t n = strcspn(text, "\r\n");

        *ret_line = 0;
        if (n >= n_bytes)
                return;
        memcpy(ret_line, text, n);
        ret_line[n] = 0;
        if (!aws_secret_is_sound(ret_line))
                *ret_line = 0;
}

static int ask_role(struct imds *imds, char ret_role[NAME_BYTES]) {
        _cleanup_(aws_search_forget) struct http_response response = HTTP_RESPONSE_NULL;
        int r;

        r = get(imds, ROLES, &response);
        if (r)
                return r;
        if (response.status == STATUS_NOT_FOUND)
                return aws_search_end(imds->search, AWS_E_ABSENT,
                                      "this EC2 instance has no role; give it an instance profile");
        if (response.status != STATUS_OK)
                return aws_search_end(imds->search, -EHOSTUNREACH,
                                      "the instance metadata service at %.100s answers %d when asked for the role",
                                      imds->address, response.status);
        first_line(&response, ret_role, NAME_BYTES);
        if (!*ret_role)
                return aws_search_end(imds->search, -EHOSTUNREACH,
                                      "the instance metadata service at %.100s gives no name of a role", imds->address);
        return 0;
}

/* Its own word for success, or for what is wrong; letters only, else nothing. */
static void read_code(const struct http_response *response, char ret_code[NAME_BYTES]) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        struct fault fault = FAULT_NULL;
        const char *code;
        size_t n_memory = JSON_MEMORY_BYTES(response->body.n_bytes);
        void *memory = malloc(n_memory);

        snprintf(ret_code, NAME_BYTES, "Success");
        if (memory &&
            !json_parse_in(buffer_text(&response->body), response->body.n_bytes, memory, n_memory, &fault, &json)) {
                code = json_text(json_get(json_root(json), "Code"));
                if (code)
                        snprintf(ret_code, NAME_BYTES, "%.60s", code);
                json = json_destroy(json);
        }
        for (char *at = ret_code; *at; at++)
                if (!isalpha((unsigned char)*at))
                        *at = '?';
        if (memory)
                explicit_bzero(memory, n_memory);
        free(memory);
}

static int ask_keys(struct imds *imds, const char *role, struct aws_keys *ret_keys) {
        _cleanup_(aws_search_forget) struct http_response response = HTTP_RESPONSE_NULL;
        _cleanup_(buffer_finish) struct buffer path = BUFFER_NULL;
        char code[NAME_BYTES];
        int r;

        r = buffer_append_text(&path, ROLES);
        if (!r)
                r = http_escape(role, strlen(role), &path);
        if (!r)
                r = get(imds, buffer_text(&path), &response);
        if (r)
                return error_trace(r);
        if (response.status != STATUS_OK)
                return aws_search_end(imds->search, -EHOSTUNREACH,
                                      "the instance metadata service at %.100s answers %d when asked for keys",
                                      imds->address, response.status);
        read_code(&response, code);
        if (strcmp(code, "Success"))
                return aws_search_end(imds->search, -EACCES,
                                      "the instance metadata service at %.100s has no keys for the role %.100s: %s",
                                      imds->address, role, code);
        return error_trace(aws_search_read_json(imds->search, "the instance metadata service", "Token",
                                                buffer_text(&response.body), response.body.n_bytes, ret_keys));
}

int aws_provide_instance(struct aws_search *search, struct aws_keys *ret_keys) {
        _cleanup_(imds_finish) struct imds imds = { 0 };
        char role[NAME_BYTES];
        int r;

        r = locate(search, &imds);
        if (!r)
                r = ask_token(&imds, 1);
        if (!r)
                r = ask_role(&imds, role);
        if (!r)
                r = ask_keys(&imds, role, ret_keys);
        if (r)
                return error_trace(r);
        return aws_search_end(search, 0, "keys of the instance's role %.100s", role);
}

int aws_instance_region(struct aws_search *search, char ret_region[AWS_REGION_BYTES]) {
        _cleanup_(imds_finish) struct imds imds = { 0 };
        _cleanup_(aws_search_forget) struct http_response response = HTTP_RESPONSE_NULL;
        char region[AWS_REGION_BYTES];
        int r;

        r = locate(search, &imds);
        if (!r)
                r = ask_token(&imds, 1);
        if (!r)
                r = get(&imds, "/latest/meta-data/placement/region", &response);
        if (r)
                return error_trace(r);
        first_line(&response, region, sizeof(region));
        if (response.status != STATUS_OK || !*region)
                return aws_search_end(search, AWS_E_ABSENT, "the instance metadata service knows no region");
        memcpy(ret_region, region, sizeof(region));
        return 0;
}
