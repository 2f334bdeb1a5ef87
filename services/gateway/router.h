#pragma once

/*
 * Router
 *
 * A table of method, pattern and function, filled at start by the route_*_register() of each route file and only read
 * afterwards. A pattern is a path whose segments may hold one {name}: "/runs/{id}", "/runs/{id}:cancel". A path that
 * matches with another method is answered 405 with Allow; none, 404. HEAD is served by GET. A page of another origin
 * may not call what is protected (403): a browser would let any page post to a loopback address. Without a token, a
 * page may call anything only by a loopback name: any other name may have been made to point here by a stranger.
 */

#include <stdbool.h>
#include <stddef.h>

#include "services/gateway/request.h"

enum { ROUTER_ROUTES_MAX = 64 };

enum route_access {
        ROUTE_OPEN,      /* anyone */
        ROUTE_PROTECTED, /* needs the bearer token when one is configured */
};

/* Answers now, or hands the request over and lets that answer. Returns 0, or -1 to decline (404). */
typedef int route_function(struct request *request);

struct route {
        const char *method;  /* literal */
        const char *pattern; /* literal */
        enum route_access access;
        route_function *function;
};

struct router {
        struct route routes[ROUTER_ROUTES_MAX];
        size_t n_routes;
        char *token; /* NULL: no token is asked; taken by router_finish() */
};

#define ROUTER_NULL \
        { 0 }

void router_finish(struct router *router);

/* Asserts that there is room. */
void router_add(struct router *router, const char *method, const char *pattern, enum route_access access,
                route_function *function);

/* token is copied; every ROUTE_PROTECTED route asks for it from then on. 0 or -ENOMEM. */
int router_set_token(struct router *router, const char *token);

/* True, and the {…} parts stored, when path fits pattern. */
bool router_match(const char *pattern, h2o_iovec_t path, h2o_iovec_t ret_parameters[REQUEST_PARAMETERS_MAX],
                  size_t *ret_n_parameters);

/* Finds the route and calls it, or answers 401, 404 or 405. */
int router_dispatch(const struct router *router, struct request *request);
