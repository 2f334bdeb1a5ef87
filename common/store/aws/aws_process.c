/* credential_process: a command of the user's, run and read. */

#include "common/store/aws/aws_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/base/buffer.h"
#include "common/base/clock.h"
#include "common/base/error.h"

extern char **environ;

enum {
        TIMEOUT_MS = 60000,
        PIECE_BYTES = 4096,
        SLICE_MS = 100,    /* of waiting: the deadline may be changed meanwhile */
        WAIT_NS = 5000000, /* between looks whether it has ended */
};

/* In a group of its own, so that all of it can be ended; without our signal mask. */
static int spawn(const char *command, int output, pid_t *ret_pid) {
        const char *const argv[] = { "sh", "-c", command, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        sigset_t none, all;
        int r;

        sigemptyset(&none);
        sigfillset(&all);
        posix_spawn_file_actions_init(&actions);
        posix_spawnattr_init(&attributes);
        r = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        if (!r)
                r = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (!r)
                r = posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        if (!r)
                r = posix_spawnattr_setflags(&attributes,
                                             POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
        if (!r)
                r = posix_spawnattr_setsigmask(&attributes, &none);
        if (!r)
                r = posix_spawnattr_setsigdefault(&attributes, &all);
        if (!r)
                r = posix_spawn(ret_pid, "/bin/sh", &actions, &attributes, (char *const *)(uintptr_t)argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return -r;
}

/* What is left of the command's time; 0 or less: r says why there is none. */
static int64_t time_left_ms(const struct aws_search *search, int64_t end_ms, int *ret_r) {
        int64_t left_ms = end_ms - clock_monotonic_ms();

        if (left_ms <= 0) {
                *ret_r = -ETIMEDOUT;
        } else if (http_time_left_ms(search->http) <= 0) {
                *ret_r = -ECANCELED;
                left_ms = 0;
        }
        return left_ms;
}

/* To its end, within the time and the size that are allowed. */
static int read_all(const struct aws_search *search, int fd, int64_t end_ms, struct buffer *text) {
        char piece[PIECE_BYTES];
        ssize_t n = 1;
        int r = 0;

        while (n && !r) {
                struct pollfd ready = { .fd = fd, .events = POLLIN };
                int64_t left_ms = time_left_ms(search, end_ms, &r);

                if (left_ms > 0 && poll(&ready, 1, left_ms < SLICE_MS ? (int)left_ms : SLICE_MS) > 0) {
                        n = read(fd, piece, sizeof(piece));
                        if (n < 0 && errno != EINTR && errno != EAGAIN)
                                r = -errno;
                        else if (n > 0 && text->n_bytes + (size_t)n > AWS_ANSWER_BYTES_MAX)
                                r = -EFBIG;
                        else if (n > 0)
                                r = buffer_append(text, piece, (size_t)n);
                }
        }
        explicit_bzero(piece, sizeof(piece));
        return r;
}

/* A command may close its output and go on: it has the rest of its time for that. */
static int wait_for(const struct aws_search *search, pid_t pid, int64_t end_ms, int *ret_status) {
        const struct timespec pause = { .tv_nsec = WAIT_NS };
        pid_t ended;
        int r = 0;

        while (!(ended = waitpid(pid, ret_status, WNOHANG)) || (ended < 0 && errno == EINTR)) {
                if (time_left_ms(search, end_ms, &r) <= 0)
                        return r;
                nanosleep(&pause, NULL);
        }
        return 0;
}

/* With all that it has started, and even when it has left its group. */
static void end(pid_t pid) {
        int status;

        kill(-pid, SIGKILL);
        kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
}

static int run(struct aws_search *search, const char *command, struct buffer *text) {
        _cleanup_(close_descriptor) int from = -1, to = -1;
        int64_t end_ms = clock_monotonic_ms() + TIMEOUT_MS;
        int fds[2], status = 0, r;
        pid_t pid = -1;

        if (pipe2(fds, O_CLOEXEC))
                return error_origin(-errno, "opening a pipe");
        from = fds[0];
        to = fds[1];
        r = spawn(command, to, &pid);
        if (r)
                return aws_search_end(search, -EACCES, "credential_process cannot be started: %s", strerror(-r));
        close(steal_descriptor(&to));
        r = read_all(search, from, end_ms, text);
        if (!r)
                r = wait_for(search, pid, end_ms, &status);
        if (r)
                end(pid);
        if (r == -ENOMEM)
                return error_trace(r);
        if (r)
                return aws_search_end(search, -EHOSTUNREACH, "credential_process was ended: %s",
                                      r == -ETIMEDOUT ? "it took more than a minute"
                                      : r == -EFBIG   ? "it printed too much"
                                                      : strerror(-r));
        if (!WIFEXITED(status) || WEXITSTATUS(status))
                return aws_search_end(search, -EACCES, "credential_process ended with %s %d; run it by hand to see why",
                                      WIFEXITED(status) ? "exit code" : "signal",
                                      WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
        return 0;
}

int aws_process_run(struct aws_search *search, const char *command, struct aws_keys *ret_keys) {
        struct buffer text = BUFFER_NULL;
        int r;

        r = run(search, command, &text);
        if (!r)
                r = aws_search_read_json(search, "credential_process", "SessionToken", buffer_text(&text), text.n_bytes,
                                         ret_keys);
        if (text.data)
                explicit_bzero(text.data, text.capacity);
        buffer_finish(&text);
        return error_trace(r);
}
