/* Canonical request: path, query and headers in the form that is signed. */

#include "common/store/aws/aws_canonical.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/base/error.h"
#include "common/store/http.h"

#define SPACES " \t\r\n\f\v"

static int no_memory(void) {
        return error_origin(-ENOMEM, "signing a request");
}

int aws_canonical_encode(const char *value, struct buffer *text) {
        return error_trace(http_escape(value, strlen(value), text));
}

/* RFC 3986 section 5.2.4 without its empty segments; a trailing slash stays. */
static int normalize(const char *path, struct buffer *text) {
        size_t n_path = strlen(path), n;
        int r = 0;

        for (const char *at = path; *at && !r; at += n) {
                at += strspn(at, "/");
                n = strcspn(at, "/");
                if (!n || (n == 1 && *at == '.'))
                        continue;
                if (n == 2 && !memcmp(at, "..", 2)) {
                        while (text->n_bytes && text->data[text->n_bytes - 1] != '/')
                                text->n_bytes--;
                        if (text->n_bytes)
                                text->n_bytes--;
                        if (text->data)
                                text->data[text->n_bytes] = 0;
                        continue;
                }
                r = buffer_append_text(text, "/");
                if (!r)
                        r = buffer_append(text, at, n);
        }
        if (!r && (!text->n_bytes || (n_path && path[n_path - 1] == '/')))
                r = buffer_append_text(text, "/");
        return r;
}

static int encode_path(const char *path, struct buffer *text) {
        size_t n;
        int r = 0;

        for (const char *at = path; !r; at += n + 1) {
                n = strcspn(at, "/");
                r = http_escape(at, n, text);
                if (r || !at[n])
                        break;
                r = buffer_append_text(text, "/");
        }
        return r;
}

int aws_canonical_path(const char *path, unsigned flags, struct buffer *text) {
        _cleanup_(buffer_finish) struct buffer normal = BUFFER_NULL, once = BUFFER_NULL;
        int r = 0;

        if (flags & AWS_SIGN_NORMALIZE_PATH) {
                r = normalize(path, &normal);
                path = buffer_text(&normal);
        }
        if (!r && (flags & AWS_SIGN_ENCODE_TWICE)) {
                r = encode_path(path, &once);
                path = buffer_text(&once);
        }
        if (!r)
                r = encode_path(path, text);
        return error_trace(r);
}

/* A pair whose texts are owned. */
struct parameter {
        struct buffer name, value;
        bool is_bare;
};

static void free_parameters(struct parameter *parameters, size_t n) {
        for (size_t i = 0; parameters && i < n; i++) {
                /* one of the values may be a session token */
                if (parameters[i].value.data)
                        explicit_bzero(parameters[i].value.data, parameters[i].value.capacity);
                buffer_finish(&parameters[i].name);
                buffer_finish(&parameters[i].value);
        }
        free(parameters);
}

static int compare_parameters(const void *a, const void *b) {
        const struct parameter *one = a, *other = b;
        int order = strcmp(buffer_text(&one->name), buffer_text(&other->name));

        return order ? order : strcmp(buffer_text(&one->value), buffer_text(&other->value));
}

int aws_canonical_query(const struct aws_pair *query, size_t n_query, bool is_bare, struct buffer *text) {
        struct parameter *parameters = calloc(n_query + 1, sizeof(*parameters));
        int r = 0;

        if (!parameters)
                return no_memory();
        for (size_t i = 0; i < n_query && !r; i++) {
                parameters[i].is_bare = is_bare && !query[i].value;
                r = aws_canonical_encode(query[i].name, &parameters[i].name);
                if (!r && query[i].value)
                        r = aws_canonical_encode(query[i].value, &parameters[i].value);
        }
        qsort(parameters, n_query, sizeof(*parameters), compare_parameters);
        for (size_t i = 0; i < n_query && !r; i++)
                r = buffer_printf(text, "%s%s%s%s", i ? "&" : "", buffer_text(&parameters[i].name),
                                  parameters[i].is_bare ? "" : "=", buffer_text(&parameters[i].value));
        free_parameters(parameters, n_query);
        return error_trace(r);
}

/* By name, and of one name as they were given: they are elements of one array. */
static int compare_headers(const void *a, const void *b) {
        const struct aws_pair *const *one = a, *const *other = b;
        int order = strcasecmp((*one)->name, (*other)->name);

        return order ? order : (*one > *other) - (*one < *other);
}

static int sort_headers(const struct aws_pair *headers, size_t n_headers, const struct aws_pair ***ret_sorted) {
        const struct aws_pair **sorted = calloc(n_headers + 1, sizeof(struct aws_pair *));

        if (!sorted)
                return no_memory();
        for (size_t i = 0; i < n_headers; i++)
                sorted[i] = &headers[i];
        qsort(sorted, n_headers, sizeof(struct aws_pair *), compare_headers);
        *ret_sorted = sorted;
        return 0;
}

static int append_lower(const char *name, struct buffer *text) {
        size_t from = text->n_bytes;
        int r;

        r = buffer_append_text(text, name);
        for (size_t i = from; i < text->n_bytes; i++)
                text->data[i] = (uint8_t)tolower(text->data[i]);
        return r;
}

/* Without the spaces around it, and runs of them within as one. */
static int append_value(const char *value, struct buffer *text) {
        bool is_first = true;
        size_t n;
        int r = 0;

        for (const char *at = value + strspn(value, SPACES); *at && !r; at += n, at += strspn(at, SPACES)) {
                n = strcspn(at, SPACES);
                if (!is_first)
                        r = buffer_append_text(text, " ");
                if (!r)
                        r = buffer_append(text, at, n);
                is_first = false;
        }
        return r;
}

static bool is_same_name(const struct aws_pair *const *sorted, size_t i) {
        return i && !strcasecmp(sorted[i - 1]->name, sorted[i]->name);
}

int aws_canonical_names(const struct aws_pair *headers, size_t n_headers, struct buffer *text) {
        _cleanup_(free_pointer) const struct aws_pair **sorted = NULL;
        int r;

        r = sort_headers(headers, n_headers, &sorted);
        for (size_t i = 0; i < n_headers && !r; i++) {
                if (is_same_name(sorted, i))
                        continue;
                if (i)
                        r = buffer_append_text(text, ";");
                if (!r)
                        r = append_lower(sorted[i]->name, text);
        }
        return error_trace(r);
}

static int append_headers(const struct aws_pair *headers, size_t n_headers, struct buffer *text) {
        _cleanup_(free_pointer) const struct aws_pair **sorted = NULL;
        int r;

        r = sort_headers(headers, n_headers, &sorted);
        for (size_t i = 0; i < n_headers && !r; i++) {
                if (is_same_name(sorted, i)) {
                        r = buffer_append_text(text, ",");
                } else {
                        r = buffer_append_text(text, i ? "\n" : "");
                        if (!r)
                                r = append_lower(sorted[i]->name, text);
                        if (!r)
                                r = buffer_append_text(text, ":");
                }
                if (!r && sorted[i]->value)
                        r = append_value(sorted[i]->value, text);
        }
        if (!r)
                r = buffer_append_text(text, "\n");
        return r;
}

int aws_canonical_request(const struct aws_request *request, const struct aws_pair *query, size_t n_query,
                          const struct aws_pair *headers, size_t n_headers, const char *payload, struct buffer *text) {
        int r;

        r = buffer_printf(text, "%s\n", request->method);
        if (!r)
                r = aws_canonical_path(request->path, request->flags, text);
        if (!r)
                r = buffer_append_text(text, "\n");
        if (!r)
                r = aws_canonical_query(query, n_query, false, text);
        if (!r)
                r = buffer_append_text(text, "\n");
        if (!r)
                r = append_headers(headers, n_headers, text);
        if (!r)
                r = buffer_append_text(text, "\n");
        if (!r)
                r = aws_canonical_names(headers, n_headers, text);
        if (!r)
                r = buffer_printf(text, "\n%s", payload);
        return error_trace(r);
}
