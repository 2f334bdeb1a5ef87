#pragma once

/*
 * HTTP client
 *
 * The only door to libcurl. One handle keeps its connections open between calls and serves one thread. HTTP/1.1 and TLS
 * 1.2 or later; redirects are not followed; requests to this machine and to link-local addresses never go
 * through a proxy.
 *
 *      struct http_request request = { .method = "GET", .url = url, .timeout_ms = 5000 };
 *      _cleanup_(http_response_finish) struct http_response response = HTTP_RESPONSE_NULL;
 *
 *      r = http_call(http, &request, &response);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/buffer.h"

enum {
        _HTTP_E_SUCCESS,
        HTTP_E_UNREACHABLE, /* nobody took the request: no such host, refused, TLS failed */
        HTTP_E_BROKEN,      /* it was taken, perhaps worked on, and the answer did not come */
        HTTP_E_LATE,        /* the same, but it was not waited for longer than the request allows */
        HTTP_E_TOO_LARGE,   /* the body is longer than the caller takes */
        HTTP_E_STOPPED,     /* on_data asked to stop */
};

/* the body of an answer, unless the request says otherwise */
#define HTTP_BODY_BYTES_MAX ((size_t)256 << 20)
#define HTTP_SENTENCE_BYTES 256
#define HTTP_CONNECT_MS 10000

struct http;

/* Bytes of the body as they come. Anything but 0 stops the call. */
typedef int http_on_data(void *context, const void *bytes, size_t n_bytes);

/* Where in a file a body begins. The file's own position is neither used nor moved. */
struct http_range {
        int fd;
        uint64_t offset;
};

/* All borrowed for the call. */
struct http_request {
        const char *method;
        const char *url;
        const char *const *headers; /* "name: value" */
        size_t n_headers;
        const void *body;              /* NULL: none, unless there is a range */
        const struct http_range *from; /* the body is n_bytes of a file; NULL: it is body */
        size_t n_bytes;
        int timeout_ms;        /* of the whole call; 0: none */
        int connect_ms;        /* until there is a connection; 0: HTTP_CONNECT_MS */
        int silence_ms;        /* without a byte in either direction; 0: as long as it takes */
        bool is_fresh;         /* on a connection of its own, the host's name looked up anew */
        const char *ca_file;   /* PEM file of the authorities that are trusted; NULL: the system's */
        size_t n_bytes_max;    /* of the answer's body; 0: HTTP_BODY_BYTES_MAX */
        http_on_data *on_data; /* takes the body of an answer below 300; NULL: it goes to the response */
        void *context;
};

struct http_response {
        int status;
        struct buffer body;
        struct buffer headers;              /* lines "name: value\n" with the name in lower case */
        char sentence[HTTP_SENTENCE_BYTES]; /* why there is no answer, after a condition */
        int os_error;                       /* the errno behind it, where there is one; 0: none */
        /* HTTP_E_UNREACHABLE, and no use to ask again: */
        bool is_untrusted; /* its certificate is not one to trust */
        bool is_plain;     /* it does not speak TLS at that port */
};

#define HTTP_RESPONSE_NULL \
        { 0 }

int http_create(struct http **ret_http);
struct http *http_destroy(struct http *http);

/* Calls end with HTTP_E_LATE once clock_monotonic_ms() has come to *deadline_ms (0: never), which other threads may
 * change meanwhile; a call looks at it at least once a second. Borrowed as long as the handle lives; NULL: none. */
void http_set_deadline(struct http *http, const _Atomic int64_t *deadline_ms);

/* What is left until then: 0 or less when it has passed, INT64_MAX when there is none. */
int64_t http_time_left_ms(const struct http *http);

void http_destroy_pointer(struct http **http);

/* 0 when an answer came, whatever its status; a condition with its sentence; or a negative errno. The response is
 * emptied before. */
int http_call(struct http *http, const struct http_request *request, struct http_response *response);
void http_response_finish(struct http_response *response);

/* Copies the value of a header, its name in lower case; "" when there is none. Cut at n_bytes; returns ret_value. */
char *http_response_header(const struct http_response *response, const char *name, char *ret_value, size_t n_bytes);

/* Appends the text with everything but A-Z a-z 0-9 - . _ ~ as %XX (RFC 3986 section 2.1). 0 or -ENOMEM. */
int http_escape(const char *text, size_t n_bytes, struct buffer *escaped);
