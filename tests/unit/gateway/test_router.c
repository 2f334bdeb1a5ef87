/* Router: which route a request finds, and who may call it. */

#include "tests/unit/gateway/bare.h"

#include "common/base/cleanup.h"
#include "services/gateway/router.h"

static void patterns(void **state) {
        static const struct {
                const char *pattern, *path;
                bool want;
                const char *first, *second;
        } rows[] = {
                { "/", "/", true, NULL, NULL },
                { "/", "/x", false, NULL, NULL },
                { "/runs", "/runs", true, NULL, NULL },
                { "/runs", "/runs/", false, NULL, NULL },
                { "/runs", "/run", false, NULL, NULL },
                { "/runs/{id}", "/runs/abc", true, "abc", NULL },
                { "/runs/{id}", "/runs/", false, NULL, NULL },
                { "/runs/{id}", "/runs/a/b", false, NULL, NULL },
                { "/runs/{id}", "/runs/a:cancel", false, NULL, NULL },
                { "/runs/{id}:cancel", "/runs/a:cancel", true, "a", NULL },
                { "/runs/{id}:cancel", "/runs/a", false, NULL, NULL },
                { "/runs/{id}:cancel", "/runs/a:cancel2", false, NULL, NULL },
                { "/runs/{id}/events", "/runs/a/events", true, "a", NULL },
                { "/models/{m}/aliases/{a}", "/models/x/aliases/champion", true, "x", "champion" },
                { "/models/{m}/aliases/{a}", "/models/x/aliases/", false, NULL, NULL },
        };

        (void)state;
        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                h2o_iovec_t path = h2o_iovec_init(rows[i].path, strlen(rows[i].path));
                h2o_iovec_t parameters[REQUEST_PARAMETERS_MAX];
                size_t n = 9, want_n = (rows[i].first ? 1 : 0) + (rows[i].second ? 1 : 0);

                assert_int_equal(router_match(rows[i].pattern, path, parameters, &n), rows[i].want);
                if (!rows[i].want)
                        continue;
                assert_int_equal(n, want_n);
                if (want_n > 0)
                        assert_true(
                                h2o_memis(parameters[0].base, parameters[0].len, rows[i].first, strlen(rows[i].first)));
                if (want_n > 1)
                        assert_true(h2o_memis(parameters[1].base, parameters[1].len, rows[i].second,
                                              strlen(rows[i].second)));
        }
}

static int answer_open(struct request *request) {
        request_answer(request, 200, "text/plain", "open", 4);
        return 0;
}

static int answer_protected(struct request *request) {
        request_answer(request, 200, "text/plain", "protected", 9);
        return 0;
}

static void fill(struct router *router) {
        router_add(router, "GET", "/runs", ROUTE_OPEN, answer_open);
        router_add(router, "POST", "/runs", ROUTE_PROTECTED, answer_protected);
        router_add(router, "POST", "/runs/{id}:cancel", ROUTE_PROTECTED, answer_protected);
}

struct call {
        const char *method, *path, *authorization, *origin;
        int want; /* 0: declined */
        const char *want_allow;
};

static void check(const struct router *router, const struct call *call) {
        struct bare bare;
        int r;

        bare_begin(&bare, call->method, call->path);
        if (call->authorization)
                bare_header(&bare, "authorization", call->authorization);
        if (call->origin)
                bare_header(&bare, "origin", call->origin);
        r = router_dispatch(router, &bare.request);
        assert_int_equal(r, call->want ? 0 : -1);
        if (call->want) {
                assert_int_equal(bare.h2o.res.status, call->want);
                assert_true(bare.is_complete);
                assert_int_equal(atomic_load(&bare.tally.n_by_class[call->want / 100]), 1);
        }
        if (call->want == 401)
                assert_string_equal(bare_answer_header(&bare, "www-authenticate"), "Bearer realm=\"convoy\"");
        if (call->want_allow)
                assert_string_equal(bare_answer_header(&bare, "allow"), call->want_allow);
        if (call->want >= 400)
                assert_int_equal(strncmp(buffer_text(&bare.body), "{\"error\":\"", 10), 0);
        bare_end(&bare);
}

static void without_a_token(void **state) {
        static const struct call calls[] = {
                { "GET", "/runs", NULL, NULL, 200, NULL },
                { "HEAD", "/runs", NULL, NULL, 200, NULL },
                { "GET", "/runs?before=3", NULL, NULL, 200, NULL },
                { "POST", "/runs", NULL, NULL, 200, NULL },
                { "POST", "/runs/a:cancel", NULL, NULL, 200, NULL },
                { "PUT", "/runs", NULL, NULL, 405, "GET, HEAD, POST" },
                { "GET", "/runs/a:cancel", NULL, NULL, 405, "POST" },
                { "GET", "/nix", NULL, NULL, 0, NULL },
                /* a page of the gateway itself, and a page of another */
                { "POST", "/runs", NULL, "http://127.0.0.1:5080", 200, NULL },
                { "POST", "/runs", NULL, "http://127.0.0.1:5081", 403, NULL },
                { "POST", "/runs", NULL, "https://example.org", 403, NULL },
                { "POST", "/runs", NULL, "null", 403, NULL },
                { "GET", "/runs", NULL, "https://example.org", 200, NULL },
        };
        _cleanup_(router_finish) struct router router = ROUTER_NULL;
        struct bare bare;

        (void)state;
        fill(&router);
        for (size_t i = 0; i < N_ELEMENTS(calls); i++)
                check(&router, &calls[i]);
        /* HTTP/1.0 may have no Host */
        bare_begin(&bare, "POST", "/runs");
        bare.h2o.authority = (h2o_iovec_t){ NULL, 0 };
        bare_header(&bare, "origin", "null");
        assert_int_equal(router_dispatch(&router, &bare.request), 0);
        assert_int_equal(bare.h2o.res.status, 403);
        bare_end(&bare);
}

/* A browser takes a page of a name that was made to point here for one of the gateway itself. */
static void a_page_calls_by_a_loopback_name(void **state) {
        static const struct {
                const char *host;
                int want;
        } rows[] = {
                { "localhost", 200 },
                { "LocalHost:5080", 200 },
                { "127.0.0.1", 200 },
                { "127.8.9.10:80", 200 },
                { "[::1]", 200 },
                { "[::1]:5080", 200 },
                { "evil.example", 403 },
                { "evil.example:5080", 403 },
                { "localhost.evil.example", 403 },
                { "127.0.0.1.evil.example", 403 },
                { "127.0.0.1:5080.evil.example", 403 },
                { "[::1].evil.example", 403 },
                { "[::1", 403 },
                { "[localhost", 403 },
                { "::1", 403 },
                { "[::2]", 403 },
                { "128.0.0.1", 403 },
                { "0.0.0.0:5080", 403 },
                { "2130706433", 403 },
                { "127.1", 403 },
                { ":5080", 403 },
                { "", 403 },
        };
        static const char *const calls[][2] = { { "POST", "/runs" }, { "GET", "/runs" }, { "POST", "/open" } };
        _cleanup_(router_finish) struct router router = ROUTER_NULL;
        struct bare bare;
        char origin[64];

        (void)state;
        fill(&router);
        router_add(&router, "POST", "/open", ROUTE_OPEN, answer_open);
        for (size_t i = 0; i < N_ELEMENTS(rows); i++)
                for (size_t k = 0; k < N_ELEMENTS(calls); k++)
                        for (int is_page = 0; is_page < 2; is_page++) {
                                snprintf(origin, sizeof(origin), "http://%s", rows[i].host);
                                bare_begin(&bare, calls[k][0], calls[k][1]);
                                bare.h2o.authority = h2o_iovec_init(rows[i].host, strlen(rows[i].host));
                                if (is_page)
                                        bare_header(&bare, "origin", origin);
                                assert_int_equal(router_dispatch(&router, &bare.request), 0);
                                /* other clients may use any name, such as a container's */
                                assert_int_equal(bare.h2o.res.status, is_page ? rows[i].want : 200);
                                if (bare.h2o.res.status == 403)
                                        assert_non_null(strstr(buffer_text(&bare.body), "\"HOST_NOT_LOOPBACK\""));
                                bare_end(&bare);
                        }
        /* with a token, names are the deployment's own */
        assert_int_equal(router_set_token(&router, "secret"), 0);
        bare_begin(&bare, "POST", "/runs");
        bare.h2o.authority = h2o_iovec_init(H2O_STRLIT("convoy.example"));
        bare_header(&bare, "origin", "https://convoy.example");
        bare_header(&bare, "authorization", "Bearer secret");
        assert_int_equal(router_dispatch(&router, &bare.request), 0);
        assert_int_equal(bare.h2o.res.status, 200);
        bare_end(&bare);
}

static void with_a_token(void **state) {
        static const struct call calls[] = {
                { "GET", "/runs", NULL, NULL, 200, NULL },
                { "POST", "/runs", NULL, NULL, 401, NULL },
                { "POST", "/runs", "", NULL, 401, NULL },
                { "POST", "/runs", "Bearer", NULL, 401, NULL },
                { "POST", "/runs", "Bearer ", NULL, 401, NULL },
                { "POST", "/runs", "Bearer secret", NULL, 200, NULL },
                { "POST", "/runs", "bearer secret", NULL, 200, NULL },
                { "POST", "/runs", "Bearer Secret", NULL, 401, NULL },
                { "POST", "/runs", "Bearer secre", NULL, 401, NULL },
                { "POST", "/runs", "Bearer secret2", NULL, 401, NULL },
                { "POST", "/runs", "Basic secret", NULL, 401, NULL },
                { "POST", "/runs", "Bearer secret", "https://example.org", 200, NULL },
                { "POST", "/runs/a:cancel", NULL, NULL, 401, NULL },
        };
        _cleanup_(router_finish) struct router router = ROUTER_NULL;

        (void)state;
        fill(&router);
        assert_int_equal(router_set_token(&router, "other"), 0);
        assert_int_equal(router_set_token(&router, "secret"), 0);
        for (size_t i = 0; i < N_ELEMENTS(calls); i++)
                check(&router, &calls[i]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(patterns),
                cmocka_unit_test(without_a_token),
                cmocka_unit_test(a_page_calls_by_a_loopback_name),
                cmocka_unit_test(with_a_token),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
