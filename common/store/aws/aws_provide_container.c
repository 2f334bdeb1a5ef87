/* The provider of a container: what ECS, and EKS Pod Identity, answer at an address that only the container reaches. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/store/aws/aws_provide.h"

#define ECS_ADDRESS "http://169.254.170.2"

enum {
        TRIES = 3,
        TIMEOUT_MS = 2000,
        STATUS_OK = 200,
        URL_BYTES = 1024,
        HOST_BYTES = 256,
};

/* Over plain HTTP keys are taken only from where no network lies between: this machine, and the addresses at which ECS
 * and EKS serve a container. */
static bool is_allowed(const char *url, char ret_host[HOST_BYTES]) {
        static const char *const hosts[] = { "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost",
                                             "[::1]" };
        bool is_plain = !strncmp(url, "http://", 7);
        const char *host;
        size_t n;

        *ret_host = 0;
        if (!is_plain && strncmp(url, "https://", 8))
                return false;
        host = strstr(url, "://") + 3;
        if (host[strcspn(host, "/?#@")] == '@')
                return false;
        n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/?#");
        snprintf(ret_host, HOST_BYTES, "%.*s", (int)(n < HOST_BYTES ? n : HOST_BYTES - 1), host);
        if (!is_plain)
                return n > 0;
        for (size_t i = 0; i < N_ELEMENTS(hosts); i++)
                if (!strcmp(ret_host, hosts[i]))
                        return true;
        return !strncmp(ret_host, "127.", 4) && strspn(ret_host, "0123456789.") == strlen(ret_host);
}

/* The header that proves to the other side who we are; NULL when it wants none. */
static int make_authorization(struct aws_search *search, char **ret_header) {
        _cleanup_(aws_secret_free) char *token = NULL;
        char *const *values = search->environment->values;
        const char *said = values[AWS_VARIABLE_CONTAINER_TOKEN], *file = values[AWS_VARIABLE_CONTAINER_TOKEN_FILE];
        int r;

        if (file) {
                /* read each time: EKS replaces it before it expires */
                r = aws_search_read_token(search, file, &token);
                if (r)
                        return error_trace(r);
                said = token;
        }
        if (!said)
                return 0;
        if (strpbrk(said, "\r\n"))
                return aws_search_end(search, -EACCES, "AWS_CONTAINER_AUTHORIZATION_TOKEN holds a line end");
        if (asprintf(ret_header, "Authorization: %s", said) < 0) {
                *ret_header = NULL;
                return error_origin(-ENOMEM, "asking for a container's keys");
        }
        return 0;
}

static int ask(struct aws_search *search, const char *url, const char *host, struct aws_keys *ret_keys) {
        _cleanup_(aws_search_forget) struct http_response response = HTTP_RESPONSE_NULL;
        _cleanup_(aws_secret_free) char *authorization = NULL;
        char who[HOST_BYTES + 64];
        int r;

        r = make_authorization(search, &authorization);
        if (!r) {
                const char *headers[] = { "Accept: application/json", authorization };
                const struct http_request request = {
                        .method = "GET",
                        .url = url,
                        .headers = headers,
                        .n_headers = authorization ? 2 : 1,
                        .timeout_ms = TIMEOUT_MS,
                        .ca_file = aws_search_setting(search, AWS_VARIABLE_CA_BUNDLE, "ca_bundle"),
                };

                r = aws_search_call(search, &request, TRIES, &response);
        }
        if (r < 0)
                return error_trace(r);
        snprintf(who, sizeof(who), "the container's endpoint at %.200s", host);
        if (r)
                return aws_search_end(search, -EHOSTUNREACH, "%s gives no answer: %.200s", who, response.sentence);
        if (response.status != STATUS_OK)
                return aws_search_end(search, response.status < 500 ? -EACCES : -EHOSTUNREACH,
                                      "%s answers %d; look at the role of the task or pod", who, response.status);
        r = aws_search_read_json(search, who, "Token", buffer_text(&response.body), response.body.n_bytes, ret_keys);
        if (r)
                return error_trace(r);
        return aws_search_end(search, 0, "keys from %s", who);
}

int aws_provide_container(struct aws_search *search, struct aws_keys *ret_keys) {
        char *const *values = search->environment->values;
        const char *relative = values[AWS_VARIABLE_CONTAINER_RELATIVE_URI];
        const char *full = values[AWS_VARIABLE_CONTAINER_FULL_URI];
        char url[URL_BYTES], host[HOST_BYTES];
        int n;

        if (!relative && !full)
                return aws_search_end(search, AWS_E_ABSENT,
                                      "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and _FULL_URI are not set");
        if (relative)
                n = snprintf(url, sizeof(url), ECS_ADDRESS "%s%s", *relative == '/' ? "" : "/", relative);
        else
                n = snprintf(url, sizeof(url), "%s", full);
        if ((size_t)n >= sizeof(url) || !is_allowed(url, host))
                return aws_search_end(search, -EACCES,
                                      "AWS_CONTAINER_CREDENTIALS_FULL_URI is no address to take keys from: over plain "
                                      "HTTP only localhost and those of ECS and EKS are trusted");
        return error_trace(ask(search, url, host, ret_keys));
}
