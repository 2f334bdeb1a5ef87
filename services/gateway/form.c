/* Form: names and values with %XX and +. */

#include "services/gateway/form.h"

#include <string.h>

#include "common/base/error.h"

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        if (c >= 'A' && c <= 'F')
                return c - 'A' + 10;
        return -1;
}

/* A '%' without two digits stands for itself, as the standard has it. */
static h2o_iovec_t decode(h2o_mem_pool_t *pool, const char *text, size_t n_bytes) {
        char *decoded = h2o_mem_alloc_pool(pool, n_bytes + 1);
        int high, low;
        size_t n = 0;

        for (size_t i = 0; i < n_bytes; i++) {
                high = low = -1;
                if (text[i] == '%' && i + 2 < n_bytes) {
                        high = hex_digit(text[i + 1]);
                        low = hex_digit(text[i + 2]);
                }
                if (high >= 0 && low >= 0) {
                        decoded[n++] = (char)(high << 4 | low);
                        i += 2;
                } else {
                        decoded[n++] = text[i] == '+' ? ' ' : text[i];
                }
        }
        decoded[n] = 0;
        return h2o_iovec_init(decoded, n);
}

struct field {
        h2o_iovec_t name, value;
};

/* The next field of the body from *at on; false at the end. */
static bool next_field(struct request *request, size_t *at, struct field *ret_field) {
        h2o_iovec_t body = request->h2o->entity;
        const char *from, *end, *equals;

        while (*at < body.len && body.base[*at] == '&')
                ++*at;
        if (*at >= body.len)
                return false;
        from = body.base + *at;
        end = memchr(from, '&', body.len - *at);
        if (!end)
                end = body.base + body.len;
        *at = (size_t)(end - body.base) + 1;
        equals = memchr(from, '=', (size_t)(end - from));
        if (!equals)
                equals = end;
        ret_field->name = decode(&request->h2o->pool, from, (size_t)(equals - from));
        ret_field->value = equals == end ? h2o_iovec_init("", 0)
                                         : decode(&request->h2o->pool, equals + 1, (size_t)(end - equals - 1));
        return true;
}

int form_read(struct request *request, struct predict_row *row, struct fault *fault) {
        struct field field;
        size_t at = 0;
        int n = 0, r;

        if (request->h2o->entity.len > FORM_BYTES_MAX)
                return fault_set(fault, "FORM_TOO_LARGE", "a form has at most %d bytes", FORM_BYTES_MAX);
        while (next_field(request, &at, &field)) {
                if (++n > FORM_FIELDS_MAX)
                        return fault_set(fault, "FORM_TOO_LARGE", "a form has at most %d fields", FORM_FIELDS_MAX);
                r = predict_row_add_text(row, field.name.base, field.name.len, field.value.base, field.value.len,
                                         fault);
                if (r)
                        return r;
        }
        return 0;
}

h2o_iovec_t form_find(struct request *request, const char *name) {
        struct field field;
        size_t at = 0;

        if (request->h2o->entity.len > FORM_BYTES_MAX)
                return (h2o_iovec_t){ NULL, 0 };
        for (int n = 0; n < FORM_FIELDS_MAX && next_field(request, &at, &field); n++)
                if (field.name.len == strlen(name) && !memcmp(field.name.base, name, field.name.len))
                        return field.value;
        return (h2o_iovec_t){ NULL, 0 };
}

int form_escape(struct buffer *html, const char *text, size_t n_bytes) {
        const char *entity;
        int r = 0;

        for (size_t i = 0; i < n_bytes && !r; i++) {
                switch (text[i]) {
                case '&':
                        entity = "&amp;";
                        break;
                case '<':
                        entity = "&lt;";
                        break;
                case '>':
                        entity = "&gt;";
                        break;
                case '"':
                        entity = "&quot;";
                        break;
                case '\'':
                        entity = "&#39;";
                        break;
                default:
                        entity = NULL;
                }
                r = entity ? buffer_append_text(html, entity) : buffer_append(html, &text[i], 1);
        }
        return error_trace(r);
}
