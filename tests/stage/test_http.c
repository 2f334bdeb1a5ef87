/* The HTTP client against the real gateway, and against servers that behave badly. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "common/base/json.h"
#include "common/base/uuid.h"
#include "common/store/http.h"
#include "tests/support/scratch.h"

enum { PATIENCE_MS = 60000 };

struct world {
        struct scratch *scratch;
        struct http *http;
        struct http_response response;
        pid_t gateway;
        int port;
        char url[256];
};

/* A socket that listens on a free port, or, with backlog -1, one that does not. */
static int open_socket(int backlog, int *ret_port) {
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, n), 0);
        if (backlog >= 0)
                assert_int_equal(listen(fd, backlog), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &n), 0);
        *ret_port = ntohs(address.sin_port);
        return fd;
}

static const char *url_of(struct world *world, const char *path) {
        snprintf(world->url, sizeof(world->url), "http://127.0.0.1:%d%s", world->port, path);
        return world->url;
}

static int get(struct world *world, const char *path) {
        struct http_request request = { .method = "GET", .url = url_of(world, path), .timeout_ms = PATIENCE_MS };

        return http_call(world->http, &request, &world->response);
}

static void start_gateway(struct world *world) {
        pid_t test = getpid();
        char port[16];

        close(open_socket(-1, &world->port));
        snprintf(port, sizeof(port), "%d", world->port);
        world->gateway = fork();
        assert_true(world->gateway >= 0);
        if (!world->gateway) {
                int fd = open(scratch_path(world->scratch, "log"), O_WRONLY | O_CREAT, 0600);

                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (fd < 0 || getppid() != test || dup2(fd, STDERR_FILENO) < 0)
                        _exit(99);
                execl(getenv("GATEWAY"), "convoy-gateway", "--home", world->scratch->folder, "--pipeline",
                      getenv("PIPELINE"), "--port", port, (char *)NULL);
                _exit(99);
        }
}

static int setup(void **state) {
        struct world *world = calloc(1, sizeof(*world));

        if (!world || scratch_setup((void **)&world->scratch) || http_create(&world->http))
                return -1;
        *state = world;
        return 0;
}

static int setup_gateway(void **state) {
        struct world *world;
        int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS;

        if (setup(state))
                return -1;
        world = *state;
        start_gateway(world);
        while (get(world, "/healthz") == HTTP_E_UNREACHABLE) {
                if (clock_monotonic_ms() > until_ms || waitpid(world->gateway, NULL, WNOHANG))
                        return -1;
                nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
        }
        return 0;
}

static int teardown(void **state) {
        struct world *world = *state;
        void *scratch = world->scratch;

        if (world->gateway > 0) {
                kill(world->gateway, SIGTERM);
                waitpid(world->gateway, NULL, 0);
        }
        http_response_finish(&world->response);
        http_destroy(world->http);
        free(world);
        return scratch_teardown(&scratch);
}

static void test_answers_have_status_body_and_headers(void **state) {
        struct world *world = *state;
        char value[64];

        assert_int_equal(get(world, "/healthz"), 0);
        assert_int_equal(world->response.status, 200);
        assert_string_equal(buffer_text(&world->response.body), "{\"status\":\"ok\"}");
        assert_string_equal(http_response_header(&world->response, "content-type", value, sizeof(value)),
                            "application/json");
        assert_string_equal(http_response_header(&world->response, "content", value, sizeof(value)), "");
        assert_string_equal(http_response_header(&world->response, "content-length", value, 2), "1");
        assert_int_equal(get(world, "/no/such/path"), 0);
        assert_int_equal(world->response.status, 404);
        assert_non_null(strstr(buffer_text(&world->response.body), "error"));
}

/* Posts to /training and copies the run's id. */
static void train(struct world *world, const char *key, const char *body, int want_status,
                  char ret_run[UUID_TEXT_BYTES]) {
        const char *headers[] = { key, "content-type: application/json" };
        struct http_request request = { .method = "POST",
                                        .url = url_of(world, "/training"),
                                        .headers = headers,
                                        .n_headers = 2,
                                        .body = body,
                                        .n_bytes = strlen(body),
                                        .timeout_ms = PATIENCE_MS };
        struct fault fault = FAULT_NULL;
        struct json *json;

        assert_int_equal(http_call(world->http, &request, &world->response), 0);
        assert_int_equal(world->response.status, want_status);
        if (want_status != 202)
                return;
        assert_int_equal(json_parse(buffer_text(&world->response.body), world->response.body.n_bytes, &fault, &json),
                         0);
        snprintf(ret_run, UUID_TEXT_BYTES, "%s", json_text(json_get(json_root(json), "run_id")));
        json_destroy(json);
}

static void test_bodies_and_headers_arrive(void **state) {
        struct world *world = *state;
        char first[UUID_TEXT_BYTES], second[UUID_TEXT_BYTES], third[UUID_TEXT_BYTES], location[64];

        train(world, "idempotency-key: k1", "{\"parameters\":{\"train\":{\"max_depth\":6}}}", 202, first);
        assert_true(uuid_is_valid(first));
        http_response_header(&world->response, "location", location, sizeof(location));
        assert_string_equal(location + strlen("/runs/"), first);
        train(world, "idempotency-key: k1", "{\"parameters\":{\"train\":{\"max_depth\":6}}}", 202, second);
        assert_string_equal(first, second);
        train(world, "idempotency-key: k1", "{}", 422, second);
        train(world, "idempotency-key: k2", "{}", 202, third);
        assert_string_not_equal(first, third);
}

static void test_a_large_body_is_sent_and_refused(void **state) {
        struct world *world = *state;
        size_t n_bytes = (size_t)20 << 20;
        char *body = malloc(n_bytes);
        struct http_request request = { .method = "POST",
                                        .url = url_of(world, "/predict"),
                                        .body = body,
                                        .n_bytes = n_bytes,
                                        .timeout_ms = PATIENCE_MS };
        int r;

        assert_non_null(body);
        memset(body, ' ', n_bytes);
        /* the gateway answers 413 and closes; whether the answer is seen before the close is chance */
        r = http_call(world->http, &request, &world->response);
        if (r)
                assert_int_equal(r, HTTP_E_BROKEN);
        else
                assert_int_equal(world->response.status, 413);
        free(body);
        assert_int_equal(get(world, "/healthz"), 0);
        assert_int_equal(world->response.status, 200);
}

struct seen {
        struct buffer text;
        const char *until;
};

static int on_data(void *context, const void *bytes, size_t n_bytes) {
        struct seen *seen = context;

        assert_int_equal(buffer_append(&seen->text, bytes, n_bytes), 0);
        return strstr(buffer_text(&seen->text), seen->until) != NULL;
}

static void test_a_stream_is_handed_out_as_it_comes(void **state) {
        struct world *world = *state;
        struct seen seen = { .until = "\n\n" };
        struct http_request request = { .method = "GET", .url = world->url, .timeout_ms = PATIENCE_MS };
        char run[UUID_TEXT_BYTES], path[128];

        /* no ingestor runs, so the run stays where it is, and its stream open */
        train(world, "idempotency-key: k1", "{}", 202, run);
        snprintf(path, sizeof(path), "/runs/%s/events", run);
        url_of(world, path);
        request.on_data = on_data;
        request.context = &seen;
        assert_int_equal(http_call(world->http, &request, &world->response), HTTP_E_STOPPED);
        assert_non_null(strstr(buffer_text(&seen.text), "event: "));
        assert_non_null(strstr(buffer_text(&seen.text), run));
        assert_int_equal(world->response.body.n_bytes, 0);
        buffer_clear(&seen.text);
        /* an error's body is no data of the stream */
        url_of(world, "/runs/none/events");
        assert_int_equal(http_call(world->http, &request, &world->response), 0);
        assert_int_equal(world->response.status, 404);
        assert_int_equal(seen.text.n_bytes, 0);
        assert_true(world->response.body.n_bytes > 0);
        buffer_finish(&seen.text);
}

static void test_more_than_asked_for_is_refused(void **state) {
        struct world *world = *state;
        struct http_request request = { .method = "GET", .url = url_of(world, "/metrics"), .n_bytes_max = 10 };

        assert_int_equal(http_call(world->http, &request, &world->response), HTTP_E_TOO_LARGE);
        assert_int_equal(get(world, "/healthz"), 0);
}

static void test_head_has_no_body(void **state) {
        struct world *world = *state;
        struct http_request request = { .method = "HEAD", .url = url_of(world, "/healthz"), .timeout_ms = PATIENCE_MS };

        assert_int_equal(http_call(world->http, &request, &world->response), 0);
        assert_int_equal(world->response.status, 200);
        assert_int_equal(world->response.body.n_bytes, 0);
}

static void test_nobody_there_is_told_from_nobody_answering(void **state) {
        struct world *world = *state;
        struct http_request request = { .method = "GET", .timeout_ms = 200 };
        int fd;

        fd = open_socket(-1, &world->port);
        request.url = url_of(world, "/");
        assert_int_equal(http_call(world->http, &request, &world->response), HTTP_E_UNREACHABLE);
        assert_true(*world->response.sentence);
        close(fd);
        /* takes the connection and says nothing */
        fd = open_socket(4, &world->port);
        url_of(world, "/");
        assert_int_equal(http_call(world->http, &request, &world->response), HTTP_E_LATE);
        close(fd);
}

static void test_other_schemes_are_refused(void **state) {
        struct world *world = *state;
        struct http_request request = { .method = "GET", .url = "file:///etc/passwd" };

        assert_int_equal(http_call(world->http, &request, &world->response), HTTP_E_UNREACHABLE);
        assert_int_equal(world->response.body.n_bytes, 0);
        request.url = "http://";
        assert_int_equal(http_call(world->http, &request, &world->response), HTTP_E_UNREACHABLE);
}

/* Answers one request with these bytes. */
static pid_t serve_once(int fd, const char *answer) {
        pid_t pid = fork();
        char request[4096];
        int connection;

        assert_true(pid >= 0);
        if (pid)
                return pid;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        connection = accept(fd, NULL, NULL);
        if (connection < 0 || read(connection, request, sizeof(request)) <= 0)
                _exit(1);
        _exit(write(connection, answer, strlen(answer)) == (ssize_t)strlen(answer) ? 0 : 1);
}

static void test_what_is_cut_off_is_no_answer(void **state) {
        static const struct {
                const char *answer;
                int want, want_status;
        } rows[] = {
                { "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf", HTTP_E_BROKEN, 0 },
                { "HTTP/1.1 200 OK\r\ncontent-le", HTTP_E_BROKEN, 0 },
                { "", HTTP_E_BROKEN, 0 },
                { "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n", 0, 302 },
                { "HTTP/1.1 100 Continue\r\nx-interim: 1\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", 0,
                  200 },
        };
        struct world *world = *state;
        char value[16];

        for (size_t i = 0; i < N_ELEMENTS(rows); i++) {
                int status, fd = open_socket(4, &world->port);
                pid_t pid = serve_once(fd, rows[i].answer);

                assert_int_equal(get(world, "/"), rows[i].want);
                assert_int_equal(world->response.status, rows[i].want_status);
                assert_string_equal(http_response_header(&world->response, "x-interim", value, sizeof(value)), "");
                assert_int_equal(waitpid(pid, &status, 0), pid);
                assert_int_equal(status, 0);
                close(fd);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_answers_have_status_body_and_headers, setup_gateway, teardown),
                cmocka_unit_test_setup_teardown(test_bodies_and_headers_arrive, setup_gateway, teardown),
                cmocka_unit_test_setup_teardown(test_a_large_body_is_sent_and_refused, setup_gateway, teardown),
                cmocka_unit_test_setup_teardown(test_a_stream_is_handed_out_as_it_comes, setup_gateway, teardown),
                cmocka_unit_test_setup_teardown(test_more_than_asked_for_is_refused, setup_gateway, teardown),
                cmocka_unit_test_setup_teardown(test_head_has_no_body, setup_gateway, teardown),
                cmocka_unit_test_setup_teardown(test_nobody_there_is_told_from_nobody_answering, setup, teardown),
                cmocka_unit_test_setup_teardown(test_other_schemes_are_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(test_what_is_cut_off_is_no_answer, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
