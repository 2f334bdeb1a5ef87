/* Search for keys: calls, answers and sentences of all providers. */

#include "common/store/aws/aws_search.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/file.h"
#include "common/base/json.h"
#include "common/base/random.h"
#include "common/store/aws/aws_time.h"

enum {
        PAUSE_MS = 100, /* before the second try; twice as long before each further one */
        DATE_BYTES = 64,
        NAME_BYTES = 256,
        NS_PER_MS = 1000000,
        STATUS_TOO_MANY = 429,
        STATUS_SERVER = 500,
};

int aws_search_end(struct aws_search *search, int code, const char *format, ...) {
        va_list list;

        va_start(list, format);
        vsnprintf(search->sentence, sizeof(search->sentence), format, list);
        va_end(list);
        return code;
}

const char *aws_search_setting(const struct aws_search *search, enum aws_variable variable, const char *name) {
        const char *value = search->environment->values[variable];

        return value || !name ? value : aws_profiles_get(search->profiles, search->profile, name);
}

/* `services = NAME` in the profile, and `s3 =` with its own endpoint_url in [services NAME]. */
static const char *endpoint_of_services(const struct aws_profiles *profiles, const char *profile, const char *service) {
        const char *services = aws_profiles_get(profiles, profile, "services");
        char section[NAME_BYTES], name[NAME_BYTES];

        if (!services)
                return NULL;
        snprintf(section, sizeof(section), "services %s", services);
        snprintf(name, sizeof(name), "%s.endpoint_url", service);
        for (char *at = name; *at; at++)
                *at = (char)tolower((unsigned char)*at);
        return aws_profiles_get(profiles, section, name);
}

const char *aws_search_endpoint(const struct aws_environment *environment, const struct aws_profiles *profiles,
                                const char *profile, const char *service) {
        enum aws_variable variable = strcasecmp(service, "STS") ? AWS_VARIABLE_ENDPOINT_URL_S3
                                                                : AWS_VARIABLE_ENDPOINT_URL_STS;
        const char *endpoint = environment->values[variable];

        if (!endpoint)
                endpoint = environment->values[AWS_VARIABLE_ENDPOINT_URL];
        if (!endpoint)
                endpoint = endpoint_of_services(profiles, profile, service);
        return endpoint ? endpoint : aws_profiles_get(profiles, profile, "endpoint_url");
}

static void pause_before_try(const struct aws_search *search, int n) {
        struct random random = random_stream((uint64_t)clock_realtime_ns(), RANDOM_SALT_CREDENTIALS, (uint64_t)n);
        int64_t ns = (int64_t)((0.5 + random_uniform(&random)) * PAUSE_MS * NS_PER_MS) << (n - 1);
        struct timespec pause = { ns / (1000 * (int64_t)NS_PER_MS), ns % (1000 * (int64_t)NS_PER_MS) };

        if (http_time_left_ms(search->http) > ns / NS_PER_MS)
                nanosleep(&pause, NULL);
}

int aws_search_call(struct aws_search *search, const struct http_request *request, int n_tries,
                    struct http_response *response) {
        struct http_request limited = *request;
        char date[DATE_BYTES];
        int r = 0;

        limited.n_bytes_max = AWS_ANSWER_BYTES_MAX;
        for (int i = 0; i < n_tries; i++) {
                if (i)
                        pause_before_try(search, i);
                limited.is_fresh = i > 0;
                r = http_call(search->http, &limited, response);
                if (r < 0 || r == HTTP_E_TOO_LARGE)
                        return error_trace(r);
                if (!r)
                        aws_clock_observe(search->clock, http_response_header(response, "date", date, sizeof(date)));
                if (!r && response->status != STATUS_TOO_MANY && response->status < STATUS_SERVER)
                        break;
        }
        return r;
}

void aws_search_forget(struct http_response *response) {
        if (response->body.data)
                explicit_bzero(response->body.data, response->body.capacity);
        http_response_finish(response);
}

int aws_search_read_token(struct aws_search *search, const char *path, char **ret_token) {
        _cleanup_(buffer_finish) struct buffer text = BUFFER_NULL;
        const char *start;
        size_t n;
        int r;

        r = file_read(path, AWS_ANSWER_BYTES_MAX, &text);
        if (r == -ENOMEM)
                return error_trace(r);
        if (r)
                return aws_search_end(search, -EACCES, "the token file %.200s cannot be read: %s", path, strerror(-r));
        start = buffer_text(&text);
        start += strspn(start, " \t\r\n");
        n = strcspn(start, " \t\r\n");
        if (!n || start[n + strspn(start + n, " \t\r\n")])
                r = aws_search_end(search, -EACCES, "the token file %.200s does not hold one token", path);
        else if (!(*ret_token = strndup(start, n)))
                r = error_origin(-ENOMEM, "reading a token");
        explicit_bzero(text.data, text.capacity);
        if (!r && !aws_secret_is_sound(*ret_token)) {
                aws_secret_free(ret_token);
                return aws_search_end(search, -EACCES, "the token file %.200s holds bytes that no token has", path);
        }
        return r;
}

int aws_search_take(struct aws_search *search, const char *who, const char *access_key, const char *secret_key,
                    const char *session_token, const char *expiration, struct aws_keys *ret_keys) {
        int64_t expires_at_ms = 0;
        int r;

        if (!access_key || !secret_key || !*access_key || !*secret_key)
                return aws_search_end(search, -EHOSTUNREACH, "%.200s gave no keys", who);
        if (!aws_secret_is_sound(access_key) || !aws_secret_is_sound(secret_key) ||
            (session_token && *session_token && !aws_secret_is_sound(session_token)))
                return aws_search_end(search, -EACCES,
                                      "%.200s gave keys with a space, a line end or another letter that no key has",
                                      who);
        if (expiration && *expiration && !aws_time_parse(expiration, &expires_at_ms))
                return aws_search_end(search, -EHOSTUNREACH, "%.200s gave keys with an expiry that is no time", who);
        if (expires_at_ms && expires_at_ms <= aws_clock_now_ms(search->clock))
                return aws_search_end(search, -EHOSTUNREACH,
                                      "%.200s gave keys that have expired already; is this machine's clock right?",
                                      who);
        r = aws_keys_init(ret_keys, access_key, secret_key, session_token);
        if (r)
                return error_trace(r);
        ret_keys->expires_at_ms = expires_at_ms;
        return 0;
}

int aws_search_read_json(struct aws_search *search, const char *who, const char *token_name, const char *text,
                         size_t n_bytes, struct aws_keys *ret_keys) {
        _cleanup_(json_destroy_pointer) struct json *json = NULL;
        struct fault fault = FAULT_NULL;
        const struct json_value *root;
        size_t n_memory = JSON_MEMORY_BYTES(n_bytes);
        void *memory = malloc(n_memory);
        int r;

        if (!memory)
                return error_origin(-ENOMEM, "reading keys");
        r = json_parse_in(text, n_bytes, memory, n_memory, &fault, &json);
        if (r > 0) {
                r = aws_search_end(search, -EHOSTUNREACH, "what %.200s gave is no JSON", who);
        } else if (!r) {
                root = json_root(json);
                r = aws_search_take(search, who, json_text(json_get(root, "AccessKeyId")),
                                    json_text(json_get(root, "SecretAccessKey")), json_text(json_get(root, token_name)),
                                    json_text(json_get(root, "Expiration")), ret_keys);
                json = json_destroy(json);
        }
        explicit_bzero(memory, n_memory);
        free(memory);
        return error_trace(r);
}
