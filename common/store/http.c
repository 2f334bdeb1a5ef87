/* HTTP client: one easy handle, its errors turned into ours. */

#include "common/store/http.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/version.h"

enum {
        HEADER_BYTES_MAX = 256 * 1024,
        AGENT_BYTES = 64,
        DNS_SECONDS = 60,
        UPLOAD_BYTES = 1 << 20,
};

#define PAST_DEADLINE "the caller's deadline has passed"

struct http {
        CURL *curl;
        const _Atomic int64_t *deadline_ms;
        char agent[AGENT_BYTES];
        char error[CURL_ERROR_SIZE];
};

/* One call under way. */
struct call {
        struct http *http;
        const struct http_request *request;
        struct http_response *response;
        size_t n_body, n_max;
        size_t n_sent; /* of a body out of a file */
        bool is_head_whole;
        int condition; /* why we ended it ourselves */
        int failure;
};

static pthread_once_t is_ready = PTHREAD_ONCE_INIT;
static CURLcode ready_result;

static void make_ready(void) {
        ready_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

int http_create(struct http **ret_http) {
        _cleanup_(http_destroy_pointer) struct http *http = calloc(1, sizeof(*http));

        if (!http)
                return error_origin(-ENOMEM, "opening an HTTP client");
        if (pthread_once(&is_ready, make_ready) || ready_result)
                return error_origin(-EIO, "starting libcurl: %s", curl_easy_strerror(ready_result));
        http->curl = curl_easy_init();
        if (!http->curl)
                return error_origin(-ENOMEM, "opening an HTTP client");
        snprintf(http->agent, sizeof(http->agent), "convoy/%s", version_text());
        *ret_http = steal(http);
        return 0;
}

struct http *http_destroy(struct http *http) {
        if (!http)
                return NULL;
        curl_easy_cleanup(http->curl);
        free(http);
        return NULL;
}

void http_set_deadline(struct http *http, const _Atomic int64_t *deadline_ms) {
        http->deadline_ms = deadline_ms;
}

int64_t http_time_left_ms(const struct http *http) {
        int64_t deadline_ms = http->deadline_ms ? *http->deadline_ms : 0;

        return deadline_ms ? deadline_ms - clock_monotonic_ms() : INT64_MAX;
}

void http_destroy_pointer(struct http **http) {
        *http = http_destroy(*http);
}

void http_response_finish(struct http_response *response) {
        buffer_finish(&response->body);
        buffer_finish(&response->headers);
}

static size_t on_body(char *bytes, size_t one, size_t n_bytes, void *context) {
        struct call *call = context;
        const struct http_request *request = call->request;
        long status = 0;

        n_bytes *= one;
        curl_easy_getinfo(call->http->curl, CURLINFO_RESPONSE_CODE, &status);
        if (request->on_data && status < 300) {
                if (!request->on_data(request->context, bytes, n_bytes))
                        return n_bytes;
                call->condition = HTTP_E_STOPPED;
                return 0;
        }
        call->n_body += n_bytes;
        if (call->n_body > call->n_max) {
                call->condition = HTTP_E_TOO_LARGE;
                return 0;
        }
        call->failure = buffer_append(&call->response->body, bytes, n_bytes);
        return call->failure ? 0 : n_bytes;
}

/* A line of the head. A new status line starts it anew: what came before was an interim answer. */
static size_t on_header(char *line, size_t one, size_t n_bytes, void *context) {
        struct call *call = context;
        struct buffer *headers = &call->response->headers;
        size_t n = n_bytes * one, n_name;
        const char *colon;

        if (n >= 5 && !memcmp(line, "HTTP/", 5)) {
                buffer_clear(headers);
                call->is_head_whole = false;
                return n;
        }
        colon = memchr(line, ':', n);
        if (!colon) {
                call->is_head_whole = n <= 2;
                return n;
        }
        n_name = (size_t)(colon - line);
        while (n && (line[n - 1] == '\r' || line[n - 1] == '\n'))
                n--;
        for (size_t i = 0; i < n_name; i++)
                line[i] = (char)tolower((unsigned char)line[i]);
        if (headers->n_bytes + n > HEADER_BYTES_MAX)
                call->condition = HTTP_E_TOO_LARGE;
        else
                call->failure = buffer_append(headers, line, n);
        if (!call->condition && !call->failure)
                call->failure = buffer_append_text(headers, "\n");
        return call->condition || call->failure ? 0 : n_bytes * one;
}

char *http_response_header(const struct http_response *response, const char *name, char *ret_value, size_t n_bytes) {
        size_t n_name = strlen(name);

        *ret_value = 0;
        for (const char *at = buffer_text(&response->headers); *at; at += strcspn(at, "\n") + 1) {
                if (strncmp(at, name, n_name) || at[n_name] != ':')
                        continue;
                at += n_name + 1;
                at += strspn(at, " \t");
                snprintf(ret_value, n_bytes, "%.*s", (int)strcspn(at, "\n"), at);
                break;
        }
        return ret_value;
}

int http_escape(const char *text, size_t n_bytes, struct buffer *escaped) {
        static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
        int r = 0;

        for (size_t i = 0; i < n_bytes && !r; i++)
                if (text[i] && strchr(safe, text[i]))
                        r = buffer_append(escaped, &text[i], 1);
                else
                        r = buffer_printf(escaped, "%%%02X", (unsigned char)text[i]);
        return error_trace(r);
}

/* True for an address of this machine, or of its link alone, as those at which AWS serves an instance or a container: a
 * proxy would look for it on its own. */
static bool is_local(const char *url) {
        static const char *const hosts[] = { "127.", "localhost", "[::1]", "169.254.", "[fd00:ec2::" };
        const char *host = strstr(url, "://");

        for (size_t i = 0; host && i < N_ELEMENTS(hosts); i++)
                if (!strncmp(host + 3, hosts[i], strlen(hosts[i])))
                        return true;
        return false;
}

static void free_list(struct curl_slist **list) {
        curl_slist_free_all(*list);
}

static int add_header(struct curl_slist **list, const char *line) {
        struct curl_slist *longer = curl_slist_append(*list, line);

        if (!longer)
                return error_origin(-ENOMEM, "writing the head of a request");
        *list = longer;
        return 0;
}

/* Two of libcurl's own headers are taken out: it would wait a second for "100 Continue" before a large body, and call
 * every body a form. */
static int make_headers(const struct http_request *request, struct curl_slist **list) {
        static const char type[] = "content-type:";
        bool has_type = false;
        int r;

        r = add_header(list, "Expect:");
        for (size_t i = 0; i < request->n_headers && !r; i++) {
                has_type |= !strncasecmp(request->headers[i], type, sizeof(type) - 1);
                r = add_header(list, request->headers[i]);
        }
        if (!r && !has_type)
                r = add_header(list, "Content-Type:");
        return error_trace(r);
}

static size_t on_read(char *bytes, size_t one, size_t n_bytes, void *context) {
        struct call *call = context;
        const struct http_request *request = call->request;
        size_t n_left = request->n_bytes - call->n_sent;
        ssize_t n;

        n_bytes *= one;
        if (n_bytes > n_left)
                n_bytes = n_left;
        do
                n = pread(request->from->fd, bytes, n_bytes, (off_t)(request->from->offset + call->n_sent));
        while (n < 0 && errno == EINTR);
        if (n <= 0 && n_bytes) {
                call->failure = error_origin(n ? -errno : -EIO, "reading a file that is to be sent");
                return CURL_READFUNC_ABORT;
        }
        call->n_sent += (size_t)n;
        return (size_t)n;
}

/* A kept connection turned out to be dead: libcurl begins again. */
static int on_seek(void *context, curl_off_t offset, int origin) {
        struct call *call = context;

        if (origin != SEEK_SET || offset < 0 || (size_t)offset > call->request->n_bytes)
                return CURL_SEEKFUNC_FAIL;
        call->n_sent = (size_t)offset;
        return CURL_SEEKFUNC_OK;
}

static int on_progress(void *context, curl_off_t n_total _unused_, curl_off_t n_received _unused_,
                       curl_off_t n_wanted _unused_, curl_off_t n_sent _unused_) {
        struct call *call = context;

        if (http_time_left_ms(call->http) > 0)
                return 0;
        call->condition = HTTP_E_LATE;
        return 1;
}

static CURLcode set_file(struct call *call) {
        CURL *curl = call->http->curl;
        CURLcode code;

        code = curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        if (!code)
                code = curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->request->n_bytes);
        if (!code)
                code = curl_easy_setopt(curl, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BYTES);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(curl, CURLOPT_READDATA, call);
        curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, call);
        return code;
}

static CURLcode set_body(struct call *call) {
        const struct http_request *request = call->request;
        CURL *curl = call->http->curl;
        CURLcode code = CURLE_OK;
        bool has_body = request->body || !strcmp(request->method, "POST") || !strcmp(request->method, "PUT");

        if (request->from)
                return set_file(call);
        if (!strcmp(request->method, "HEAD"))
                return curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
        if (has_body)
                code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->n_bytes);
        if (!code && has_body)
                code = curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body ? request->body : "");
        return code;
}

/* The request's own, or what is left until the deadline. */
static long timeout_of(const struct call *call) {
        int64_t left_ms = http_time_left_ms(call->http);

        if (left_ms >= INT32_MAX || (call->request->timeout_ms && call->request->timeout_ms < left_ms))
                return call->request->timeout_ms;
        return left_ms > 0 ? (long)left_ms : 1;
}

static CURLcode set_options(struct call *call, struct curl_slist *headers) {
        const struct http_request *request = call->request;
        CURL *curl = call->http->curl;
        const struct {
                CURLoption option;
                long value;
        } numbers[] = {
                { CURLOPT_NOSIGNAL, 1 },
                { CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1 },
                { CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2 },
                { CURLOPT_CONNECTTIMEOUT_MS, request->connect_ms ? request->connect_ms : HTTP_CONNECT_MS },
                { CURLOPT_FRESH_CONNECT, request->is_fresh },
                { CURLOPT_DNS_CACHE_TIMEOUT, request->is_fresh ? 0 : DNS_SECONDS },
                { CURLOPT_TIMEOUT_MS, timeout_of(call) },
                { CURLOPT_NOPROGRESS, 0 },
                { CURLOPT_LOW_SPEED_LIMIT, request->silence_ms ? 1 : 0 },
                { CURLOPT_LOW_SPEED_TIME, (request->silence_ms + 999) / 1000 },
                { CURLOPT_PATH_AS_IS, 1 },
        };
        CURLcode code = CURLE_OK;

        for (size_t i = 0; i < N_ELEMENTS(numbers) && !code; i++)
                code = curl_easy_setopt(curl, numbers[i].option, numbers[i].value);
        if (!code)
                code = set_body(call);
        if (!code)
                code = curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
        if (!code)
                code = curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
        if (!code)
                code = curl_easy_setopt(curl, CURLOPT_URL, request->url);
        if (!code)
                code = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        if (!code)
                code = curl_easy_setopt(curl, CURLOPT_USERAGENT, call->http->agent);
        if (!code && request->ca_file)
                code = curl_easy_setopt(curl, CURLOPT_CAINFO, request->ca_file);
        if (!code && is_local(request->url))
                code = curl_easy_setopt(curl, CURLOPT_PROXY, "");
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, call->http->error);
        curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
        curl_easy_setopt(curl, CURLOPT_XFERINFODATA, call);
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, call);
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, call);
        return code;
}

/* Whether the request can have reached anybody decides what the caller may do. */
static int translate(const struct call *call, CURLcode code) {
        const char *sentence = call->http->error[0] ? call->http->error : curl_easy_strerror(code);
        struct http_response *response = call->response;
        long os_error = 0;

        if (call->failure)
                return error_trace(call->failure);
        if (call->condition == HTTP_E_LATE)
                sentence = PAST_DEADLINE;
        snprintf(response->sentence, sizeof(response->sentence), "%s", sentence);
        if (call->condition)
                return call->condition;
        curl_easy_getinfo(call->http->curl, CURLINFO_OS_ERRNO, &os_error);
        response->os_error = (int)os_error;
        switch (code) {
        case CURLE_OUT_OF_MEMORY:
                return error_origin(-ENOMEM, "asking %s", call->request->url);
        case CURLE_PEER_FAILED_VERIFICATION:
        case CURLE_SSL_CACERT_BADFILE:
                response->is_untrusted = true;
                return HTTP_E_UNREACHABLE;
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL:
        case CURLE_COULDNT_RESOLVE_PROXY:
        case CURLE_COULDNT_RESOLVE_HOST:
        case CURLE_COULDNT_CONNECT:
                return HTTP_E_UNREACHABLE;
        case CURLE_SSL_CONNECT_ERROR:
                /* OpenSSL's words for bytes that are not TLS's */
                response->is_plain = strstr(sentence, "wrong version number");
                return HTTP_E_UNREACHABLE;
        case CURLE_OPERATION_TIMEDOUT:
                return HTTP_E_LATE;
        default:
                return HTTP_E_BROKEN;
        }
}

int http_call(struct http *http, const struct http_request *request, struct http_response *response) {
        _cleanup_(free_list) struct curl_slist *headers = NULL;
        struct call call = { .http = http, .request = request, .response = response };
        CURLcode code;
        long status = 0;
        int r;

        call.n_max = request->n_bytes_max ? request->n_bytes_max : HTTP_BODY_BYTES_MAX;
        buffer_clear(&response->body);
        buffer_clear(&response->headers);
        response->status = response->os_error = 0;
        response->is_untrusted = response->is_plain = false;
        response->sentence[0] = http->error[0] = 0;
        if (http_time_left_ms(http) <= 0) {
                snprintf(response->sentence, sizeof(response->sentence), "%s", PAST_DEADLINE);
                return HTTP_E_LATE;
        }
        curl_easy_reset(http->curl);
        r = make_headers(request, &headers);
        if (r)
                return error_trace(r);
        code = set_options(&call, headers);
        if (code)
                return error_origin(code == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EINVAL, "asking %s: %s", request->url,
                                    curl_easy_strerror(code));
        code = curl_easy_perform(http->curl);
        if (code)
                return translate(&call, code);
        /* libcurl takes a head that the other side never ended for whole */
        if (!call.is_head_whole) {
                snprintf(response->sentence, sizeof(response->sentence), "the answer ends within its head");
                return HTTP_E_BROKEN;
        }
        curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status);
        response->status = (int)status;
        return 0;
}
