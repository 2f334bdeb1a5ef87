#pragma once

/*
 * Bare request
 *
 * A request without a connection: what a route reads is set by the test, what it answers is caught on its way out. And
 * a loop that nothing but messages wakes, for what comes back from other threads.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "services/gateway/handoff.h"
#include "services/gateway/request.h"

struct bare {
        h2o_req_t h2o;
        struct request request;
        struct request_tally tally;
        h2o_ostream_t out;
        h2o_pathconf_t path;
        h2o_globalconf_t config;
        h2o_hostconf_t host;
        h2o_context_t context; /* only its loop and queue are there */
        h2o_multithread_receiver_t receiver;

        /* the answer */
        struct buffer body;
        bool is_sending;  /* something was sent, and proceed is waited for */
        bool is_complete; /* the last of it was sent */
};

static inline void bare_send(h2o_ostream_t *out, h2o_req_t *h2o, h2o_iovec_t *parts, size_t n_parts,
                             h2o_send_state_t state) {
        struct bare *bare = OUTER_OF(struct bare, out, out);

        (void)h2o;
        assert_false(bare->is_complete);
        for (size_t i = 0; i < n_parts; i++)
                assert_int_equal(buffer_append(&bare->body, parts[i].base, parts[i].len), 0);
        bare->is_sending = true;
        bare->is_complete = state == H2O_SEND_STATE_FINAL;
}

/* path may have a query. */
static inline void bare_begin(struct bare *bare, const char *method, const char *path) {
        const char *query = strchr(path, '?');
        size_t n_path = query ? (size_t)(query - path) : strlen(path);

        memset(bare, 0, sizeof(*bare));
        h2o_mem_init_pool(&bare->h2o.pool);
        bare->h2o.method = bare->h2o.input.method = h2o_strdup(&bare->h2o.pool, method, SIZE_MAX);
        bare->h2o.path = bare->h2o.input.path = h2o_strdup(&bare->h2o.pool, path, SIZE_MAX);
        bare->h2o.path_normalized = h2o_strdup(&bare->h2o.pool, path, n_path);
        bare->h2o.query_at = query ? n_path : SIZE_MAX;
        bare->h2o.authority = h2o_iovec_init(H2O_STRLIT("127.0.0.1:5080"));
        bare->h2o.version = 0x101;
        bare->h2o.http1_is_persistent = 1;
        bare->h2o.res.content_length = SIZE_MAX;
        bare->h2o.pathconf = &bare->path;
        bare->h2o._ostr_top = &bare->out;
        bare->out.do_send = bare_send;
        bare->context.loop = h2o_evloop_create();
        bare->context.queue = h2o_multithread_create_queue(bare->context.loop);
        h2o_multithread_register_receiver(bare->context.queue, &bare->receiver, handoff_on_messages);
        bare->request = (struct request){ .h2o = &bare->h2o, .tally = &bare->tally, .receiver = &bare->receiver };
}

static inline void bare_header(struct bare *bare, const char *name, const char *value) {
        const h2o_token_t *token = h2o_lookup_token(name, strlen(name));

        if (token)
                h2o_add_header(&bare->h2o.pool, &bare->h2o.headers, token, NULL, value, strlen(value));
        else
                h2o_add_header_by_str(&bare->h2o.pool, &bare->h2o.headers, name, strlen(name), 0, NULL, value,
                                      strlen(value));
}

static inline void bare_body(struct bare *bare, const char *type, const char *body) {
        bare_header(bare, "content-type", type);
        bare->h2o.entity = h2o_strdup(&bare->h2o.pool, body, SIZE_MAX);
}

/* Delivers what other threads have sent. */
static inline void bare_turn(struct bare *bare) {
        h2o_evloop_run(bare->context.loop, 0);
}

/* The client has taken what was sent. */
static inline void bare_proceed(struct bare *bare) {
        assert_true(bare->is_sending && !bare->is_complete);
        bare->is_sending = false;
        bare->h2o._generator->proceed(bare->h2o._generator, &bare->h2o);
}

/* The client goes, and the request's memory with it. */
static inline void bare_leave(struct bare *bare) {
        h2o_mem_clear_pool(&bare->h2o.pool);
        h2o_mem_init_pool(&bare->h2o.pool);
}

static inline const char *bare_answer_header(const struct bare *bare, const char *name) {
        for (size_t i = 0; i < bare->h2o.res.headers.size; i++)
                if (h2o_memis(bare->h2o.res.headers.entries[i].name->base, bare->h2o.res.headers.entries[i].name->len,
                              name, strlen(name)))
                        return bare->h2o.res.headers.entries[i].value.base;
        return NULL;
}

static inline void bare_end(struct bare *bare) {
        h2o_evloop_t *loop = bare->context.loop;

        bare_leave(bare);
        bare_turn(bare);
        h2o_multithread_unregister_receiver(bare->context.queue, &bare->receiver);
        h2o_multithread_destroy_queue(bare->context.queue);
        h2o_evloop_destroy(loop);
        buffer_finish(&bare->body);
}
