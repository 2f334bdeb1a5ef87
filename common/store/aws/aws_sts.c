/* STS: one form posted, one XML document read. */

#include "common/store/aws/aws_sts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/store/xml.h"

#define TYPE "application/x-www-form-urlencoded"

enum {
        TRIES = 3,
        TIMEOUT_MS = 10000,
        URL_BYTES = 512,
        NAME_BYTES = 64,
        PARAMETERS_MAX = 8,
        STATUS_OK = 200,
        STATUS_BAD = 400,
        STATUS_FORBIDDEN = 403,
        CODE_BYTES = 64,
};

/* What an answer says. */
struct answer {
        char *access_key, *secret_key, *session_token, *expiration;
        char *code, *message;
};

static void answer_finish(struct answer *answer) {
        aws_secret_free(&answer->access_key);
        aws_secret_free(&answer->secret_key);
        aws_secret_free(&answer->session_token);
        free(answer->expiration);
        free(answer->code);
        aws_secret_free(&answer->message);
}

static bool ends_in(const char *path, const char *end) {
        size_t n_path = strlen(path), n_end = strlen(end);

        return n_path >= n_end && !strcmp(path + n_path - n_end, end);
}

static int on_element(void *context, const char *path, const char *text) {
        struct answer *answer = context;
        const struct {
                const char *end;
                char **ret_text;
        } rows[] = {
                { "/Credentials/AccessKeyId", &answer->access_key },
                { "/Credentials/SecretAccessKey", &answer->secret_key },
                { "/Credentials/SessionToken", &answer->session_token },
                { "/Credentials/Expiration", &answer->expiration },
                { "/Error/Code", &answer->code },
                { "/Error/Message", &answer->message },
        };

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                if (!ends_in(path, rows[i].end))
                        continue;
                aws_secret_free(rows[i].ret_text);
                *rows[i].ret_text = strdup(text);
                if (!*rows[i].ret_text)
                        return -ENOMEM;
        }
        return 0;
}

/* One call: where, what, and who signs it. */
struct post {
        const char *region;
        char url[URL_BYTES];
        char host[URL_BYTES];
        struct aws_pair parameters[PARAMETERS_MAX];
        size_t n_parameters;
        const char *token;           /* secret: the web identity */
        const struct aws_keys *keys; /* NULL: not signed */
        struct buffer form;
};

static void post_finish(struct post *post) {
        if (post->form.data)
                explicit_bzero(post->form.data, post->form.capacity);
        buffer_finish(&post->form);
}

static void add(struct post *post, const char *name, const char *value) {
        if (value)
                post->parameters[post->n_parameters++] = (struct aws_pair){ name, value };
}

/* Which STS: one that is named, that of the region, or the one for the world. */
static int locate(struct aws_search *search, struct post *post) {
        const char *region = aws_search_setting(search, AWS_VARIABLE_REGION, NULL), *endpoint, *host, *path;
        int n;

        if (!region)
                region = aws_search_setting(search, AWS_VARIABLE_DEFAULT_REGION, "region");
        endpoint = aws_search_endpoint(search->environment, search->profiles, search->profile, "STS");
        if (endpoint)
                n = snprintf(post->url, sizeof(post->url), "%.*s/", (int)(strlen(endpoint) - ends_in(endpoint, "/")),
                             endpoint);
        else if (region)
                n = snprintf(post->url, sizeof(post->url), "https://sts.%s.amazonaws.com%s/", region,
                             strncmp(region, "cn-", 3) ? "" : ".cn");
        else
                n = snprintf(post->url, sizeof(post->url), "https://sts.amazonaws.com/");
        host = strstr(post->url, "://");
        if ((size_t)n >= sizeof(post->url) || !host || strchr(post->url, '@'))
                return aws_search_end(search, -EACCES,
                                      "the address of STS is no URL; look at AWS_ENDPOINT_URL_STS, "
                                      "AWS_ENDPOINT_URL and the region");
        host += strlen("://");
        path = strchr(host, '/');
        snprintf(post->host, sizeof(post->host), "%.*s", (int)(path - host), host);
        post->region = region ? region : "us-east-1";
        return 0;
}

static int make_form(struct post *post) {
        int r = 0;

        for (size_t i = 0; i < post->n_parameters && !r; i++) {
                r = buffer_printf(&post->form, "%s%s=", i ? "&" : "", post->parameters[i].name);
                if (!r)
                        r = http_escape(post->parameters[i].value, strlen(post->parameters[i].value), &post->form);
        }
        return error_trace(r);
}

/* Sent once, signed if somebody signs. */
static int send_once(struct aws_search *search, const struct post *post, struct http_response *response) {
        _cleanup_(aws_signed_finish) struct aws_signed result = AWS_SIGNED_NULL;
        const char *headers[AWS_SIGNED_HEADERS_MAX + 1] = { "content-type: " TYPE };
        struct http_request request = {
                .method = "POST",
                .url = post->url,
                .headers = headers,
                .n_headers = 1,
                .body = buffer_text(&post->form),
                .n_bytes = post->form.n_bytes,
                .timeout_ms = TIMEOUT_MS,
                .ca_file = aws_search_setting(search, AWS_VARIABLE_CA_BUNDLE, "ca_bundle"),
        };
        const struct aws_pair type = { "content-type", TYPE };
        char digest[DIGEST_SHA256_BYTES];
        struct aws_scope scope = { "sts", post->region, aws_clock_now_ms(search->clock) };
        const char *host_end = strstr(post->url, "://") + 3;
        const struct aws_request unsigned_ = {
                .method = "POST",
                .host = post->host,
                .path = strchr(host_end, '/'),
                .headers = &type,
                .n_headers = 1,
                .payload = digest,
                .flags = AWS_SIGN_OTHER,
        };
        int r = 0;

        if (post->keys) {
                r = digest_sha256(post->form.data, post->form.n_bytes, digest);
                if (!r)
                        r = aws_sign_headers(&unsigned_, &scope, post->keys, &result);
        }
        if (r)
                return error_trace(r);
        for (size_t i = 0; i < result.n_headers; i++)
                headers[request.n_headers++] = result.headers[i];
        return aws_search_call(search, &request, TRIES, response);
}

/* STS's own words, unless they show what must not be shown: to a wrong signature it tells all that it signed. */
static int refuse(struct aws_search *search, const struct post *post, const struct answer *answer, int status) {
        const char *message = answer->message ? answer->message : "";
        bool is_secret = aws_secret_shows(post->token, message) || (post->keys && aws_keys_show(post->keys, message));
        int code = status == STATUS_BAD || status == STATUS_FORBIDDEN ? -EACCES : -EHOSTUNREACH;

        if (is_secret)
                message = "(its words hold a secret)";
        return aws_search_end(search, code, "STS at %.100s answers %d %.60s: %.*s", post->host, status,
                              answer->code && !aws_secret_shows(post->token, answer->code) ? answer->code : "",
                              (int)strcspn(message, "\r\n"), message);
}

static int read_answer(struct aws_search *search, const struct post *post, const struct http_response *response,
                       struct aws_keys *ret_keys) {
        _cleanup_(answer_finish) struct answer answer = { 0 };
        struct fault fault = FAULT_NULL;
        char who[CODE_BYTES + URL_BYTES];
        int r;

        r = xml_read(buffer_text(&response->body), response->body.n_bytes, on_element, &answer, &fault);
        if (r < 0)
                return error_trace(r);
        if (response->status != STATUS_OK)
                return refuse(search, post, &answer, response->status);
        if (r)
                return aws_search_end(search, -EHOSTUNREACH, "what STS at %.100s answers is no XML", post->host);
        snprintf(who, sizeof(who), "STS at %.100s", post->host);
        return aws_search_take(search, who, answer.access_key, answer.secret_key, answer.session_token,
                               answer.expiration, ret_keys);
}

static int call(struct aws_search *search, struct post *post, struct aws_keys *ret_keys) {
        _cleanup_(aws_search_forget) struct http_response response = HTTP_RESPONSE_NULL;
        int64_t offset_ms = search->clock->offset_ms;
        int r;

        r = make_form(post);
        if (!r)
                r = send_once(search, post, &response);
        /* refused perhaps because the clock was wrong, which by now is known */
        if (!r && post->keys && response.status != STATUS_OK && search->clock->offset_ms != offset_ms)
                r = send_once(search, post, &response);
        if (r > 0)
                return aws_search_end(search, -EHOSTUNREACH, "STS at %.100s gives no answer: %.200s", post->host,
                                      response.sentence);
        if (r)
                return error_trace(r);
        return read_answer(search, post, &response, ret_keys);
}

static int begin(struct aws_search *search, const struct aws_role *role, const char *action, char *session_name,
                 struct post *post) {
        int r;

        r = locate(search, post);
        if (r)
                return r;
        snprintf(session_name, NAME_BYTES, "convoy-%lld", (long long)clock_realtime_ms());
        add(post, "Action", action);
        add(post, "Version", "2011-06-15");
        add(post, "RoleArn", role->arn);
        add(post, "RoleSessionName", role->session_name ? role->session_name : session_name);
        add(post, "DurationSeconds", role->seconds);
        add(post, "ExternalId", role->external_id);
        return 0;
}

int aws_sts_assume_by_token(struct aws_search *search, const struct aws_role *role, const char *token_file,
                            struct aws_keys *ret_keys) {
        _cleanup_(aws_secret_free) char *token = NULL;
        _cleanup_(post_finish) struct post post = { 0 };
        char session_name[NAME_BYTES];
        int r;

        /* read each time: whoever issues it replaces it before it expires */
        r = aws_search_read_token(search, token_file, &token);
        if (!r)
                r = begin(search, role, "AssumeRoleWithWebIdentity", session_name, &post);
        if (r)
                return error_trace(r);
        add(&post, "WebIdentityToken", token);
        post.token = token;
        return error_trace(call(search, &post, ret_keys));
}

int aws_sts_assume_by_keys(struct aws_search *search, const struct aws_role *role, const struct aws_keys *keys,
                           struct aws_keys *ret_keys) {
        _cleanup_(post_finish) struct post post = { 0 };
        char session_name[NAME_BYTES];
        int r;

        r = begin(search, role, "AssumeRole", session_name, &post);
        if (r)
                return error_trace(r);
        post.keys = keys;
        return error_trace(call(search, &post, ret_keys));
}
