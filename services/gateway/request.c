/* Request: reading headers and answering in JSON. */

#include "services/gateway/request.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/base/error.h"
#include "common/base/json_builder.h"

enum { CODE_BYTES = 64 };

bool request_parameter(const struct request *request, size_t i, char *ret_text, size_t n_bytes) {
        h2o_iovec_t value = request->parameters[i];

        if (value.len >= n_bytes || memchr(value.base, 0, value.len))
                return false;
        memcpy(ret_text, value.base, value.len);
        ret_text[value.len] = 0;
        return true;
}

h2o_iovec_t request_header(const struct request *request, const char *name) {
        const h2o_headers_t *headers = &request->h2o->headers;
        ssize_t at = h2o_find_header_by_str(headers, name, strlen(name), SIZE_MAX);

        return at == -1 ? (h2o_iovec_t){ NULL, 0 } : headers->entries[at].value;
}

h2o_iovec_t request_query(const struct request *request, const char *name) {
        h2o_iovec_t path = request->h2o->path;
        size_t n_name = strlen(name);
        const char *at, *end = path.base + path.len, *stop;

        if (request->h2o->query_at == SIZE_MAX)
                return (h2o_iovec_t){ NULL, 0 };
        for (at = path.base + request->h2o->query_at + 1; at < end; at = stop + 1) {
                stop = memchr(at, '&', (size_t)(end - at));
                if (!stop)
                        stop = end;
                if ((size_t)(stop - at) > n_name && !memcmp(at, name, n_name) && at[n_name] == '=')
                        return h2o_iovec_init(at + n_name + 1, (size_t)(stop - at) - n_name - 1);
                if ((size_t)(stop - at) == n_name && !memcmp(at, name, n_name))
                        return h2o_iovec_init(stop, 0);
        }
        return (h2o_iovec_t){ NULL, 0 };
}

int64_t request_query_number(const struct request *request, const char *name) {
        h2o_iovec_t value = request_query(request, name);
        int64_t number = 0;

        if (!value.base)
                return 0;
        if (!value.len || value.len > 18)
                return -1;
        for (size_t i = 0; i < value.len; i++) {
                if (value.base[i] < '0' || value.base[i] > '9')
                        return -1;
                number = number * 10 + (value.base[i] - '0');
        }
        return number;
}

bool request_has_type(const struct request *request, const char *type) {
        h2o_iovec_t value = request_header(request, "content-type");
        size_t n = 0;

        while (n < value.len && value.base[n] != ';' && value.base[n] != ' ' && value.base[n] != '\t')
                n++;
        return value.base && n == strlen(type) && !strncasecmp(value.base, type, n);
}

bool request_refuses_type(struct request *request, const char *type) {
        if (!request->h2o->entity.len || request_has_type(request, type))
                return false;
        request_answer_error(request, 415, "the body of this call is sent with Content-Type: %s", type);
        return true;
}

const char *request_status_phrase(int status) {
        static const struct {
                int status;
                const char *phrase;
        } phrases[] = {
                { 200, "OK" },
                { 202, "Accepted" },
                { 204, "No Content" },
                { 303, "See Other" },
                { 400, "Bad Request" },
                { 401, "Unauthorized" },
                { 403, "Forbidden" },
                { 404, "Not Found" },
                { 405, "Method Not Allowed" },
                { 406, "Not Acceptable" },
                { 409, "Conflict" },
                { 408, "Request Timeout" },
                { 413, "Payload Too Large" },
                { 415, "Unsupported Media Type" },
                { 422, "Unprocessable Entity" },
                { 429, "Too Many Requests" },
                { 500, "Internal Server Error" },
                { 503, "Service Unavailable" },
                { 507, "Insufficient Storage" },
        };

        for (size_t i = 0; i < N_ELEMENTS(phrases); i++)
                if (phrases[i].status == status)
                        return phrases[i].phrase;
        return "Unknown";
}

void request_answer(struct request *request, int status, const char *type, const void *body, size_t n_bytes) {
        h2o_req_t *h2o = request->h2o;

        atomic_fetch_add_explicit(&request->tally->n_by_class[status / 100], 1, memory_order_relaxed);
        h2o->res.status = status;
        h2o->res.reason = request_status_phrase(status);
        h2o->res.content_length = n_bytes;
        h2o_add_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, type, strlen(type));
        h2o_send_inline(h2o, body, n_bytes);
}

void request_answer_nothing(struct request *request, int status) {
        h2o_req_t *h2o = request->h2o;

        atomic_fetch_add_explicit(&request->tally->n_by_class[status / 100], 1, memory_order_relaxed);
        h2o->res.status = status;
        h2o->res.reason = request_status_phrase(status);
        h2o_send_inline(h2o, "", 0);
}

void request_answer_json(struct request *request, int status, const struct buffer *json) {
        request_answer(request, status, "application/json", buffer_text(json), json->n_bytes);
}

void request_add_header(struct request *request, const char *name, const char *value) {
        h2o_iovec_t copy = h2o_strdup(&request->h2o->pool, value, SIZE_MAX);

        h2o_add_header_by_str(&request->h2o->pool, &request->h2o->res.headers, name, strlen(name), 1, NULL, copy.base,
                              copy.len);
}

/* The code of an error that has none of its own: its status in words, "NOT_FOUND". */
static void status_code(int status, char ret_code[CODE_BYTES]) {
        const char *phrase = request_status_phrase(status);
        size_t n = 0;

        for (; phrase[n] && n < CODE_BYTES - 1; n++)
                ret_code[n] = phrase[n] == ' ' ? '_' : (char)toupper((unsigned char)phrase[n]);
        ret_code[n] = 0;
}

void request_answer_fault(struct request *request, int status, const struct fault *fault) {
        _cleanup_(buffer_finish) struct buffer json = BUFFER_NULL;

        if (request_error_json(status, fault, &json))
                h2o_send_error_generic(request->h2o, 500, "Internal Server Error", "out of memory", 0);
        else
                request_answer_json(request, status, &json);
}

int request_fault_status(const struct fault *fault) {
        return strcmp(fault->code, "JSON_MALFORMED") && strcmp(fault->code, "JSON_TOO_DEEP") ? 422 : 400;
}

int request_error_json(int status, const struct fault *fault, struct buffer *json) {
        struct json_builder builder = json_begin(json, JSON_COMPACT);
        char code[CODE_BYTES];

        status_code(status, code);

        json_begin_object(&builder);
        json_key_text(&builder, "error", fault->message);
        json_key_text(&builder, "code", fault->code[0] ? fault->code : code);
        if (fault->column[0])
                json_key_text(&builder, "column", fault->column);
        if (fault->row >= 0)
                json_key_int64(&builder, "row", fault->row);
        if (fault->line > 0)
                json_key_int64(&builder, "line", fault->line);
        if (fault->position > 0)
                json_key_int64(&builder, "position", fault->position);
        json_end_object(&builder);
        return error_trace(json_end(&builder));
}

void request_answer_error(struct request *request, int status, const char *format, ...) {
        struct fault fault = FAULT_NULL;
        va_list arguments;

        va_start(arguments, format);
        vsnprintf(fault.message, sizeof(fault.message), format, arguments);
        va_end(arguments);
        request_answer_fault(request, status, &fault);
}
