/* Error filter: the answer's bytes are replaced on their way out. */

#include "services/gateway/error_filter.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { TEXT_BYTES = 192 };

struct error_filter {
        h2o_filter_t super;
        void (*on_error)(h2o_req_t *h2o);
};

struct error_stream {
        h2o_ostream_t super;
        h2o_iovec_t body;
};

static h2o_iovec_t too_large(h2o_req_t *h2o) {
        char *text = h2o_mem_alloc_pool(&h2o->pool, TEXT_BYTES);
        int n = snprintf(
                text, TEXT_BYTES,
                "{\"error\":\"the body is larger than the %zu bytes that serve.max_body_bytes of pipeline.yaml "
                "allows\",\"code\":\"PAYLOAD_TOO_LARGE\"}",
                h2o->conn->ctx->globalconf->max_request_entity_size);

        return h2o_iovec_init(text, (size_t)n);
}

static h2o_iovec_t body_of(h2o_req_t *h2o) {
        switch (h2o->res.status) {
        case 400:
                return h2o_iovec_init(H2O_STRLIT("{\"error\":\"the request's body cannot be read: its length or its "
                                                 "chunks are malformed\",\"code\":\"BAD_REQUEST\"}"));
        case 404:
                return h2o_iovec_init(H2O_STRLIT("{\"error\":\"there is nothing here\",\"code\":\"NOT_FOUND\"}"));
        case 413:
                return too_large(h2o);
        case 417:
                return h2o_iovec_init(H2O_STRLIT(
                        "{\"error\":\"of Expect only 100-continue is known\",\"code\":\"EXPECTATION_FAILED\"}"));
        default:
                return h2o_iovec_init(
                        H2O_STRLIT("{\"error\":\"the request cannot be answered\",\"code\":\"UNANSWERABLE\"}"));
        }
}

static void on_send(h2o_ostream_t *super, h2o_req_t *h2o, h2o_iovec_t *bodies, size_t n_bodies,
                    h2o_send_state_t state) {
        struct error_stream *stream = (struct error_stream *)(void *)super;

        /* no body was to be sent in answer to HEAD, and libh2o sends these in one piece */
        if (n_bodies) {
                bodies = &stream->body;
                n_bodies = 1;
        }
        h2o_ostream_send_next(super, h2o, bodies, n_bodies, state);
}

/* True for an answer made by h2o_send_error_generic(); routes never answer errors as plain text. */
static bool is_of_libh2o(const h2o_res_t *answer) {
        static const char plain[] = "text/plain";
        ssize_t at = h2o_find_header(&answer->headers, H2O_TOKEN_CONTENT_TYPE, SIZE_MAX);

        return answer->status >= 400 && at != -1 && answer->headers.entries[at].value.len >= sizeof(plain) - 1 &&
               !memcmp(answer->headers.entries[at].value.base, plain, sizeof(plain) - 1);
}

static void on_setup(h2o_filter_t *super, h2o_req_t *h2o, h2o_ostream_t **slot) {
        struct error_filter *filter = (struct error_filter *)(void *)super;
        struct error_stream *stream;

        if (is_of_libh2o(&h2o->res)) {
                filter->on_error(h2o);
                stream = (struct error_stream *)(void *)h2o_add_ostream(h2o, sizeof(*stream), slot);
                slot = &stream->super.next;
                stream->super.do_send = on_send;
                stream->body = body_of(h2o);
                h2o->res.content_length = stream->body.len;
                h2o_set_header(&h2o->pool, &h2o->res.headers, H2O_TOKEN_CONTENT_TYPE, H2O_STRLIT("application/json"),
                               1);
        }
        h2o_setup_next_ostream(h2o, slot);
}

void error_filter_register(h2o_pathconf_t *path, void (*on_error)(h2o_req_t *h2o)) {
        struct error_filter *filter = (struct error_filter *)(void *)h2o_create_filter(path, sizeof(*filter));

        filter->super.on_setup_ostream = on_setup;
        filter->on_error = on_error;
}
