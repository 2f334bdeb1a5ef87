/* Child: fork, exec, and the pipe between. */

#include "cli/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"

enum {
        READ_BYTES = 16384,
        EXIT_NOT_STARTED = 127,
};

int64_t child_next_pause(int64_t pause_ms, int64_t life_ms) {
        if (!pause_ms || life_ms >= CHILD_STEADY_MS)
                return CHILD_PAUSE_MS_MIN;
        return pause_ms * 2 < CHILD_PAUSE_MS_MAX ? pause_ms * 2 : CHILD_PAUSE_MS_MAX;
}

/* In the new process, where only async-signal-safe calls are allowed. */
static void exec_program(const struct child *child, int output, pid_t parent) {
        sigset_t none;
        int null;

        /* asked for first and checked after: a parent that died in between sends nothing any more */
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent || setpgid(0, 0))
                _exit(EXIT_NOT_STARTED);
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        signal(SIGPIPE, SIG_DFL);
        null = open("/dev/null", O_RDONLY);
        if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
            dup2(output, STDERR_FILENO) < 0)
                _exit(EXIT_NOT_STARTED);
        if (null > STDERR_FILENO)
                close(null);
        execv(child->argv[0], (char *const *)(uintptr_t)child->argv);
        _exit(EXIT_NOT_STARTED);
}

int child_start(struct child *child, int64_t now_ms) {
        pid_t parent = getpid(), pid;
        int ends[2];

        if (pipe2(ends, O_CLOEXEC))
                return error_origin(-errno, "opening a pipe for %s", child->name);
        if (fcntl(ends[0], F_SETFL, O_NONBLOCK)) {
                close(ends[0]);
                close(ends[1]);
                return error_origin(-errno, "preparing the pipe of %s", child->name);
        }
        pid = fork();
        if (!pid)
                exec_program(child, ends[1], parent);
        close(ends[1]);
        if (pid < 0) {
                close(ends[0]);
                return error_origin(-errno, "starting %s", child->name);
        }
        /* it does so itself; here too, so that its group can be signalled from now on */
        setpgid(pid, pid);
        close_descriptor(&child->output);
        child->output = ends[0];
        child->pid = pid;
        child->started_ms = now_ms;
        return 0;
}

static void write_lines(void *context, const char *lines, size_t n_bytes) {
        (void)context;
        /* a failure to write the log cannot be reported anywhere */
        file_write_all(STDERR_FILENO, lines, n_bytes);
}

int child_forward(struct child *child) {
        char bytes[READ_BYTES];
        ssize_t n;
        int r = 0;

        while (child->output >= 0 && !r) {
                n = read(child->output, bytes, sizeof(bytes));
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN)
                        break;
                if (n > 0) {
                        r = lines_feed(&child->lines, bytes, (size_t)n, write_lines, NULL);
                        continue;
                }
                close(child->output);
                child->output = -1;
                r = lines_end(&child->lines, write_lines, NULL);
        }
        return error_trace(r);
}

int child_ended(struct child *child, int64_t now_ms) {
        int r;

        r = child_forward(child);
        if (!r)
                r = lines_end(&child->lines, write_lines, NULL);
        child->pause_ms = child_next_pause(child->pause_ms, now_ms - child->started_ms);
        child->due_ms = now_ms + child->pause_ms;
        child->pid = 0;
        return error_trace(r);
}

void child_signal(const struct child *child, int signal) {
        if (child->pid > 0)
                kill(child->pid, signal);
}

void child_signal_group(const struct child *child, int signal) {
        if (child->pid > 0)
                kill(-child->pid, signal);
}

void child_finish(struct child *child) {
        close_descriptor(&child->output);
        child->output = -1;
        lines_finish(&child->lines);
}
