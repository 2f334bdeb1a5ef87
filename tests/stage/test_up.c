/*
 * convoy up, with stand-ins for the daemons: what dies is started again, what asks to stop stops all, and nothing is
 * left behind whatever end it comes to.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/file.h"
#include "proto/stages.h"
#include "tests/support/scratch.h"

enum {
        PATIENCE_MS = 60000,
        LOG_BYTES_MAX = 16 << 20,
        CHILDREN_MAX = 32,
};

struct line {
        struct scratch *scratch;
        pid_t up;
        char home[1024], bin[1024], log[1024];
};

static void pause_briefly(void) {
        nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL);
}

#define AWAIT(condition) \
        do { \
                int64_t until_ms = clock_monotonic_ms() + PATIENCE_MS; \
                while (!(condition)) { \
                        assert_true(clock_monotonic_ms() < until_ms); \
                        pause_briefly(); \
                } \
        } while (0)

static void path_of(const struct line *line, char path[1100], const char *name) {
        snprintf(path, 1100, "%s/%s", line->scratch->folder, name);
}

static int line_setup(void **state) {
        struct line *line = calloc(1, sizeof(*line));
        char path[1100];

        if (!line || scratch_setup((void **)&line->scratch))
                return -1;
        snprintf(line->home, sizeof(line->home), "%s/home", line->scratch->folder);
        snprintf(line->bin, sizeof(line->bin), "%s/bin", line->scratch->folder);
        snprintf(line->log, sizeof(line->log), "%s/log", line->scratch->folder);
        if (file_make_folders(line->bin))
                return -1;
        for (int i = 0; i < STAGE_N; i++) {
                snprintf(path, sizeof(path), "%.1000s/convoy-%s", line->bin, stage_name((enum stage)i));
                if (symlink(getenv("STANDIN"), path))
                        return -1;
        }
        *state = line;
        return 0;
}

static int line_teardown(void **state) {
        struct line *line = *state;
        void *scratch = line->scratch;

        if (line->up > 0) {
                kill(line->up, SIGKILL);
                waitpid(line->up, NULL, 0);
        }
        free(line);
        return scratch_teardown(&scratch);
}

static void behave(struct line *line, const char *stage, const char *behaviour) {
        char path[1100], name[64];

        snprintf(name, sizeof(name), "behave-%s", stage);
        path_of(line, path, name);
        assert_int_equal(file_replace(path, behaviour, strlen(behaviour)), 0);
}

static void start(struct line *line) {
        pid_t test = getpid();

        line->up = fork();
        assert_true(line->up >= 0);
        if (!line->up) {
                int fd = open(line->log, O_WRONLY | O_CREAT | O_APPEND, 0600);

                /* a test that fails leaves nothing behind either */
                prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (fd < 0 || getppid() != test || dup2(fd, STDOUT_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
                        _exit(99);
                setenv("CONVOY_BIN", line->bin, 1);
                setenv("STANDIN_FOLDER", line->scratch->folder, 1);
                unsetenv("CONVOY_LOG");
                execl(getenv("CONVOY"), "convoy", "up", "--home", line->home, "--pipeline", getenv("PIPELINE"),
                      "--port", "1", (char *)NULL);
                _exit(99);
        }
}

static int await_exit(struct line *line) {
        int status;

        AWAIT(waitpid(line->up, &status, WNOHANG) == line->up);
        line->up = 0;
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* The log so far; the caller finishes it. */
static struct buffer log_of(const struct line *line) {
        struct buffer text = BUFFER_NULL;
        int r = file_read(line->log, LOG_BYTES_MAX, &text);

        assert_true(!r || r == -ENOENT);
        return text;
}

static int count(const struct line *line, const char *what) {
        struct buffer text = log_of(line);
        int n = 0;

        for (const char *at = buffer_text(&text); (at = strstr(at, what)); at++)
                n++;
        buffer_finish(&text);
        return n;
}

static void await_started(const struct line *line, int n) {
        AWAIT(count(line, " started with ") >= n);
}

/* The process ids of the children of a process. */
static size_t children_of(pid_t pid, pid_t ret_children[CHILDREN_MAX]) {
        char path[64], text[1024] = "", *at = text, *end;
        size_t n = 0;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
        file = fopen(path, "r");
        assert_non_null(file);
        if (!fgets(text, sizeof(text), file))
                text[0] = 0;
        fclose(file);
        for (long child; n < CHILDREN_MAX && (child = strtol(at, &end, 10), end != at); at = end)
                ret_children[n++] = (pid_t)child;
        return n;
}

/* Gone, or dead and only not yet waited for by whoever adopted it. */
static bool is_gone(pid_t pid) {
        char path[64], state = 0;
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        file = fopen(path, "r");
        if (!file)
                return true;
        if (fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
                state = 'Z';
        fclose(file);
        return state == 'Z' || state == 'X';
}

static pid_t child_called(const struct line *line, const char *name) {
        pid_t children[CHILDREN_MAX];
        size_t n = children_of(line->up, children);
        char path[64], command[4096];
        FILE *file;

        for (size_t i = 0; i < n; i++) {
                snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)children[i]);
                file = fopen(path, "r");
                if (!file)
                        continue;
                command[fread(command, 1, sizeof(command) - 1, file)] = 0;
                fclose(file);
                if (strrchr(command, '-') && !strcmp(strrchr(command, '-') + 1, name))
                        return children[i];
        }
        return 0;
}

static void test_all_are_started_apart(void **state) {
        struct line *line = *state;
        pid_t children[CHILDREN_MAX];
        char want[1200];

        start(line);
        await_started(line, STAGE_N);
        assert_int_equal(children_of(line->up, children), STAGE_N);
        for (int i = 0; i < STAGE_N; i++) {
                assert_int_equal(getpgid(children[i]), children[i]);
                assert_int_equal(getsid(children[i]), getsid(line->up));
        }
        for (int i = 0; i < STAGE_N; i++) {
                /* --port goes to the gateway alone */
                snprintf(want, sizeof(want), "%s started with %d arguments in %s\n", stage_name((enum stage)i),
                         i == STAGE_GATEWAY ? 2 : 0, line->home);
                assert_int_equal(count(line, want), 1);
        }
}

static void test_what_dies_is_started_again(void **state) {
        struct line *line = *state;
        pid_t first, second;

        start(line);
        await_started(line, STAGE_N);
        first = child_called(line, "trainer");
        assert_true(first > 0);
        assert_int_equal(kill(first, SIGKILL), 0);
        AWAIT(count(line, "trainer started with ") == 2);
        second = child_called(line, "trainer");
        assert_true(second > 0 && second != first);
        assert_int_equal(count(line, "name=trainer signal=9"), 1);
        assert_int_equal(count(line, " started with "), STAGE_N + 1);
}

static void test_pauses_grow_for_what_dies_at_once(void **state) {
        struct line *line = *state;

        behave(line, "pusher", "exit 1");
        start(line);
        AWAIT(count(line, "pusher started with ") >= 3);
        assert_int_equal(count(line, "name=pusher exit=1 it ended, starting it again in 100 ms"), 1);
        AWAIT(count(line, "name=pusher exit=1 it ended, starting it again in 200 ms") == 1);
}

static void expect_end(struct line *line, int signal, int want_exit) {
        pid_t children[CHILDREN_MAX];
        size_t n = children_of(line->up, children);

        assert_int_equal(n, STAGE_N);
        assert_int_equal(kill(line->up, signal), 0);
        assert_int_equal(await_exit(line), want_exit);
        for (size_t i = 0; i < n; i++)
                AWAIT(is_gone(children[i]));
}

static void test_asked_to_stop_it_stops_all(void **state) {
        static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
        struct line *line = *state;

        for (size_t i = 0; i < N_ELEMENTS(signals); i++) {
                unlink(line->log);
                start(line);
                await_started(line, STAGE_N);
                expect_end(line, signals[i], 0);
                /* last words without an end get one */
                assert_int_equal(count(line, " stopped\n"), STAGE_N + 1);
                assert_int_equal(count(line, "the line is stopped\n"), 1);
        }
}

static void test_what_does_not_stop_is_killed_at_the_second_asking(void **state) {
        struct line *line = *state;
        pid_t children[CHILDREN_MAX];
        int status = -1;
        size_t n;

        behave(line, "trainer", "stubborn");
        start(line);
        await_started(line, STAGE_N);
        n = children_of(line->up, children);
        assert_int_equal(n, STAGE_N);
        assert_int_equal(kill(line->up, SIGTERM), 0);
        AWAIT(count(line, " stopped\n") == STAGE_N - 1);
        /* at once would be no second asking */
        AWAIT(!kill(line->up, SIGTERM) && waitpid(line->up, &status, WNOHANG) == line->up);
        line->up = 0;
        assert_int_equal(status, 0);
        for (size_t i = 0; i < n; i++)
                AWAIT(is_gone(children[i]));
        assert_int_equal(count(line, "name=trainer pid="), 1);
}

static void test_killed_it_leaves_no_orphan(void **state) {
        struct line *line = *state;

        behave(line, "trainer", "stubborn");
        start(line);
        await_started(line, STAGE_N);
        expect_end(line, SIGKILL, 128 + SIGKILL);
}

static void test_misconfigured_stops_all(void **state) {
        struct line *line = *state;
        pid_t children[CHILDREN_MAX];
        size_t n;

        start(line);
        await_started(line, STAGE_N);
        n = children_of(line->up, children);
        behave(line, "evaluator", "exit 2");
        assert_int_equal(kill(child_called(line, "evaluator"), SIGKILL), 0);
        assert_int_equal(await_exit(line), 2);
        for (size_t i = 0; i < n; i++)
                AWAIT(is_gone(children[i]));
        assert_int_equal(count(line, "name=evaluator exit=2 it is misconfigured"), 1);
        assert_int_equal(count(line, "evaluator started with "), 2);
}

static void test_what_a_child_leaves_behind_is_killed_with_it(void **state) {
        struct line *line = *state;
        struct buffer text = BUFFER_NULL;
        char path[1100];
        pid_t grandchild;

        behave(line, "ingestor", "fork");
        start(line);
        await_started(line, STAGE_N);
        path_of(line, path, "grandchild-ingestor");
        AWAIT(!file_read(path, 64, &text) && text.n_bytes > 1);
        grandchild = (pid_t)strtol(buffer_text(&text), NULL, 10);
        buffer_finish(&text);
        assert_false(is_gone(grandchild));
        assert_int_equal(kill(child_called(line, "ingestor"), SIGKILL), 0);
        AWAIT(is_gone(grandchild));
}

static void test_a_second_line_in_the_same_home_is_refused(void **state) {
        struct line *line = *state;
        pid_t first;

        start(line);
        await_started(line, STAGE_N);
        first = line->up;
        start(line);
        assert_int_equal(await_exit(line), 2);
        line->up = first;
        assert_int_equal(count(line, "another line (process "), 1);
        assert_int_equal(count(line, " started with "), STAGE_N);
}

static void test_a_missing_daemon_is_named(void **state) {
        struct line *line = *state;
        char path[1100];

        path_of(line, path, "bin/convoy-pusher");
        assert_int_equal(unlink(path), 0);
        start(line);
        assert_int_equal(await_exit(line), 2);
        assert_int_equal(count(line, "convoy-pusher is not in "), 1);
        assert_int_equal(count(line, " started with "), 0);
}

/* Every line of the log is of one program alone and whole. */
static void test_logs_do_not_mix(void **state) {
        struct line *line = *state;
        struct buffer text;
        int n_long = 0;

        behave(line, "ingestor", "chatter");
        behave(line, "validator", "chatter");
        behave(line, "pusher", "chatter");
        start(line);
        await_started(line, STAGE_N);
        AWAIT(count(line, "iiii\n") == 300 && count(line, "vvvv\n") == 300 && count(line, "pppp\n") == 300);
        assert_int_equal(kill(line->up, SIGTERM), 0);
        assert_int_equal(await_exit(line), 0);
        text = log_of(line);
        for (const char *at = buffer_text(&text), *end; *at; at = end + 1) {
                end = strchr(at, '\n');
                assert_non_null(end);
                if (end - at < 3000)
                        continue;
                assert_int_equal(end - at, 3999);
                assert_int_equal(strspn(at, (char[]){ *at, 0 }), 3999);
                n_long++;
        }
        assert_int_equal(n_long, 900);
        buffer_finish(&text);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_all_are_started_apart, line_setup, line_teardown),
                cmocka_unit_test_setup_teardown(test_what_dies_is_started_again, line_setup, line_teardown),
                cmocka_unit_test_setup_teardown(test_pauses_grow_for_what_dies_at_once, line_setup, line_teardown),
                cmocka_unit_test_setup_teardown(test_asked_to_stop_it_stops_all, line_setup, line_teardown),
                cmocka_unit_test_setup_teardown(test_what_does_not_stop_is_killed_at_the_second_asking, line_setup,
                                                line_teardown),
                cmocka_unit_test_setup_teardown(test_killed_it_leaves_no_orphan, line_setup, line_teardown),
                cmocka_unit_test_setup_teardown(test_misconfigured_stops_all, line_setup, line_teardown),
                cmocka_unit_test_setup_teardown(test_what_a_child_leaves_behind_is_killed_with_it, line_setup,
                                                line_teardown),
                cmocka_unit_test_setup_teardown(test_a_second_line_in_the_same_home_is_refused, line_setup,
                                                line_teardown),
                cmocka_unit_test_setup_teardown(test_a_missing_daemon_is_named, line_setup, line_teardown),
                cmocka_unit_test_setup_teardown(test_logs_do_not_mix, line_setup, line_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
