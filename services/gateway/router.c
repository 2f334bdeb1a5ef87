/* Router: patterns tried in order, one bearer token. */

#include "services/gateway/router.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/digest.h"
#include "common/base/error.h"
#include "services/gateway/listen.h"

enum {
        HOST_NAME_BYTES = 256,
        ENCODING_BYTES_SHOWN = 64,
};

void router_finish(struct router *router) {
        if (!router)
                return;
        free(router->token);
        *router = (struct router)ROUTER_NULL;
}

void router_add(struct router *router, const char *method, const char *pattern, enum route_access access,
                route_function *function) {
        assert(router->n_routes < ROUTER_ROUTES_MAX);
        router->routes[router->n_routes++] = (struct route){ method, pattern, access, function };
}

int router_set_token(struct router *router, const char *token) {
        char *copy = strdup(token);

        if (!copy)
                return error_origin(-ENOMEM, "keeping the token");
        free(router->token);
        router->token = copy;
        return 0;
}

bool router_match(const char *pattern, h2o_iovec_t path, h2o_iovec_t ret_parameters[REQUEST_PARAMETERS_MAX],
                  size_t *ret_n_parameters) {
        const char *at = path.base, *end = path.base + path.len, *from;
        size_t n = 0;

        for (; *pattern; pattern++) {
                if (*pattern != '{') {
                        if (at == end || *at++ != *pattern)
                                return false;
                        continue;
                }
                assert(n < REQUEST_PARAMETERS_MAX);
                pattern = strchr(pattern, '}');
                assert(pattern);
                for (from = at; at < end && *at != '/' && *at != ':';)
                        at++;
                if (at == from)
                        return false;
                ret_parameters[n++] = h2o_iovec_init(from, (size_t)(at - from));
        }
        *ret_n_parameters = n;
        return at == end;
}

static bool token_is_given(const struct router *router, const struct request *request) {
        static const char scheme[] = "bearer ";
        h2o_iovec_t value = request_header(request, "authorization");
        size_t n_scheme = sizeof(scheme) - 1, n_token = strlen(router->token);

        return value.len == n_scheme + n_token && !strncasecmp(value.base, scheme, n_scheme) &&
               digest_is_equal_secret(value.base + n_scheme, router->token, n_token);
}

/* The part of an origin behind its scheme; empty for "null". */
static h2o_iovec_t authority_of(h2o_iovec_t origin) {
        for (size_t i = 0; i + 3 <= origin.len; i++)
                if (!memcmp(origin.base + i, "://", 3))
                        return h2o_iovec_init(origin.base + i + 3, origin.len - i - 3);
        return (h2o_iovec_t){ NULL, 0 };
}

static bool is_of_other_origin(const struct request *request) {
        h2o_iovec_t origin = request_header(request, "origin"), host = request->h2o->authority;

        if (!origin.base)
                return false;
        origin = authority_of(origin);
        return !origin.base || !host.base || origin.len != host.len ||
               strncasecmp(origin.base, host.base, host.len) != 0;
}

/* Host without its port and the brackets of an IPv6 address; false when it is no such thing. */
static bool read_host(h2o_iovec_t host, char ret_name[HOST_NAME_BYTES]) {
        bool is_bracketed = host.len && *host.base == '[';
        const char *name = host.base + is_bracketed, *end = host.base + host.len, *stop;

        stop = memchr(name, is_bracketed ? ']' : ':', (size_t)(end - name));
        if (!stop && is_bracketed)
                return false;
        if (!stop)
                stop = end;
        if (stop == name || stop - name >= HOST_NAME_BYTES)
                return false;
        memcpy(ret_name, name, (size_t)(stop - name));
        ret_name[stop - name] = 0;
        stop += is_bracketed;
        if (stop == end)
                return true;
        if (*stop != ':')
                return false;
        while (++stop < end)
                if (!isdigit((unsigned char)*stop))
                        return false;
        return true;
}

/* A name that no one else can make point here. */
static bool is_of_this_machine(h2o_iovec_t host) {
        char name[HOST_NAME_BYTES];

        return host.base && read_host(host, name) && (!strcasecmp(name, "localhost") || listen_is_loopback(name));
}

/*
 * True when the request was answered because it comes from a page whose name only seems to be ours: to a browser, a
 * name that was made to point to this machine is the page's own origin. Only browsers send Origin, so other clients may
 * use any name.
 */
static bool refuse_rebound_name(const struct router *router, struct request *request) {
        h2o_iovec_t host = request->h2o->authority;
        struct fault fault = FAULT_NULL;

        if (router->token || !request_header(request, "origin").base || is_of_this_machine(host))
                return false;
        fault_set(&fault, "HOST_NOT_LOOPBACK",
                  "without CONVOY_TOKEN a page may call only localhost, 127.0.0.1 or [::1], not %.*s",
                  (int)(host.len < HOST_NAME_BYTES ? host.len : HOST_NAME_BYTES), host.base ? host.base : "");
        request_answer_fault(request, 403, &fault);
        return true;
}

/* True when the request was answered because it may not do this. */
static bool refuse_stranger(const struct router *router, struct request *request) {
        if (router->token && !token_is_given(router, request)) {
                request_add_header(request, "www-authenticate", "Bearer realm=\"convoy\"");
                request_answer_error(request, 401, "this call needs the header Authorization: Bearer $CONVOY_TOKEN");
                return true;
        }
        if (!router->token && is_of_other_origin(request)) {
                request_answer_error(request, 403, "a page of another origin may not make this call");
                return true;
        }
        return false;
}

/* True when the request was answered because its body is packed in a way that nobody here unpacks. */
static bool refuse_encoding(struct request *request) {
        static const char identity[] = "identity";
        h2o_iovec_t encoding = request_header(request, "content-encoding");

        if (!request->h2o->entity.len || !encoding.len ||
            (encoding.len == sizeof(identity) - 1 && !strncasecmp(encoding.base, identity, encoding.len)))
                return false;
        request_add_header(request, "accept-encoding", identity);
        request_answer_error(request, 415, "a body is read as it is, not as content-encoding %.*s; send it unpacked",
                             (int)(encoding.len < ENCODING_BYTES_SHOWN ? encoding.len : ENCODING_BYTES_SHOWN),
                             encoding.base);
        return true;
}

static bool method_is(const struct request *request, const char *method) {
        h2o_iovec_t given = request->h2o->method;

        if (given.len == 4 && !memcmp(given.base, "HEAD", 4))
                return !strcmp(method, "GET");
        return given.len == strlen(method) && !memcmp(given.base, method, given.len);
}

int router_dispatch(const struct router *router, struct request *request) {
        char allow[64] = "";
        size_t n = 0;

        for (size_t i = 0; i < router->n_routes; i++) {
                const struct route *route = &router->routes[i];

                if (!router_match(route->pattern, request->h2o->path_normalized, request->parameters,
                                  &request->n_parameters))
                        continue;
                if (!method_is(request, route->method)) {
                        n += (size_t)snprintf(allow + n, sizeof(allow) - n, "%s%s", n ? ", " : "",
                                              strcmp(route->method, "GET") ? route->method : "GET, HEAD");
                        assert(n < sizeof(allow));
                        continue;
                }
                if (refuse_rebound_name(router, request) ||
                    (route->access == ROUTE_PROTECTED && refuse_stranger(router, request)) || refuse_encoding(request))
                        return 0;
                return route->function(request);
        }
        if (n) {
                request_add_header(request, "allow", allow);
                request_answer_error(request, 405, "%.*s is not allowed here; allowed: %s",
                                     (int)(request->h2o->method.len < 32 ? request->h2o->method.len : 32),
                                     request->h2o->method.base, allow);
                return 0;
        }
        return -1;
}
