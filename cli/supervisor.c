/* Supervisor: poll, reap, restart. */

#include "cli/supervisor.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/command.h"
#include "common/base/clock.h"
#include "common/base/daemon.h"
#include "common/base/error.h"
#include "common/base/log.h"

struct supervisor {
        const struct supervisor_options *options;
        int ended_fd;         /* SIGCHLD */
        struct pollfd *polls; /* signals, SIGCHLD, then the children's pipes */
        bool is_stopping, has_killed;
        int64_t insist_ms; /* while stopping: from when on another signal kills at once */
        int64_t kill_ms;   /* while stopping: when to kill what is left */
        int64_t tick_ms;   /* the next on_tick; -1: no more */
        int result;
};

static void supervisor_finish(struct supervisor *supervisor) {
        close_descriptor(&supervisor->ended_fd);
        free(supervisor->polls);
}

static int supervisor_init(struct supervisor *supervisor) {
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGCHLD);
        if (sigprocmask(SIG_BLOCK, &set, NULL))
                return error_origin(-errno, "blocking SIGCHLD");
        supervisor->ended_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (supervisor->ended_fd < 0)
                return error_origin(-errno, "opening a signalfd");
        supervisor->polls = calloc(supervisor->options->n_children + 2, sizeof(*supervisor->polls));
        if (!supervisor->polls)
                return error_origin(-ENOMEM, "supervising");
        supervisor->tick_ms = supervisor->options->on_tick ? clock_monotonic_ms() : -1;
        return 0;
}

static bool is_any_running(const struct supervisor_options *options) {
        for (size_t i = 0; i < options->n_children; i++)
                if (options->children[i].pid)
                        return true;
        return false;
}

/* A second signal after a while kills at once. One right after the first does not count: Ctrl-C reaches us and the
 * process that started us, which then signals us too. */
static void stop(struct supervisor *supervisor, int64_t now_ms) {
        const struct supervisor_options *options = supervisor->options;

        if (supervisor->is_stopping) {
                if (now_ms >= supervisor->insist_ms)
                        supervisor->kill_ms = now_ms;
                return;
        }
        supervisor->is_stopping = true;
        supervisor->insist_ms = now_ms + SUPERVISOR_INSIST_MS;
        supervisor->kill_ms = now_ms + SUPERVISOR_DRAIN_MS;
        for (size_t i = 0; i < options->n_children; i++)
                child_signal(&options->children[i], SIGTERM);
}

static void kill_rest(struct supervisor *supervisor) {
        const struct supervisor_options *options = supervisor->options;

        supervisor->has_killed = true;
        for (size_t i = 0; i < options->n_children; i++)
                if (options->children[i].pid) {
                        log_warn("name=%s pid=%d it does not end, killing it", options->children[i].name,
                                 (int)options->children[i].pid);
                        child_signal_group(&options->children[i], SIGKILL);
                }
}

static void tell_end(const struct supervisor *supervisor, const struct child *child, int status) {
        const char *how = WIFSIGNALED(status) ? "signal" : "exit";
        int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);

        if (supervisor->is_stopping)
                return;
        if (supervisor->result == COMMAND_MISCONFIGURED)
                log_error("name=%s %s=%d it is misconfigured, its log above says how; stopping all", child->name, how,
                          number);
        else
                log_warn("name=%s %s=%d it ended, starting it again in %" PRId64 " ms", child->name, how, number,
                         child->pause_ms);
}

static int on_end(struct supervisor *supervisor, struct child *child, int status, int64_t now_ms) {
        int r;

        r = child_ended(child, now_ms);
        if (!supervisor->is_stopping && WIFEXITED(status) && WEXITSTATUS(status) == COMMAND_MISCONFIGURED)
                supervisor->result = COMMAND_MISCONFIGURED;
        tell_end(supervisor, child, status);
        if (supervisor->result == COMMAND_MISCONFIGURED && !supervisor->is_stopping)
                stop(supervisor, now_ms);
        return error_trace(r);
}

static int reap(struct supervisor *supervisor, int64_t now_ms) {
        const struct supervisor_options *options = supervisor->options;
        struct signalfd_siginfo info;
        int status, r = 0;

        while (read(supervisor->ended_fd, &info, sizeof(info)) > 0)
                continue;
        /* one signal may stand for several ends, so each child is asked */
        for (size_t i = 0; i < options->n_children && !r; i++) {
                struct child *child = &options->children[i];
                siginfo_t end = { 0 };

                if (!child->pid || waitid(P_PID, (id_t)child->pid, &end, WEXITED | WNOHANG | WNOWAIT) || !end.si_pid)
                        continue;
                /* what it may have left behind, while its number is surely still its own */
                child_signal_group(child, SIGKILL);
                if (waitpid(child->pid, &status, 0) == child->pid)
                        r = on_end(supervisor, child, status, now_ms);
        }
        return error_trace(r);
}

/* Starts what is due; a machine without room for a process is asked again later. */
static void start_due(struct supervisor *supervisor, int64_t now_ms) {
        const struct supervisor_options *options = supervisor->options;

        for (size_t i = 0; i < options->n_children; i++) {
                struct child *child = &options->children[i];

                if (child->pid || child->due_ms > now_ms || !child_start(child, now_ms))
                        continue;
                child->pause_ms = child_next_pause(child->pause_ms, 0);
                child->due_ms = now_ms + child->pause_ms;
        }
}

static void tick(struct supervisor *supervisor, int64_t now_ms) {
        if (supervisor->is_stopping || supervisor->tick_ms < 0 || supervisor->tick_ms > now_ms)
                return;
        supervisor->tick_ms = supervisor->options->on_tick(supervisor->options->context)
                                      ? -1
                                      : clock_monotonic_ms() + supervisor->options->tick_ms;
}

static void earlier(int64_t *until_ms, int64_t ms) {
        if (*until_ms < 0 || ms < *until_ms)
                *until_ms = ms;
}

/* Milliseconds until something is due; -1: nothing is. */
static int patience(const struct supervisor *supervisor, int64_t now_ms) {
        const struct supervisor_options *options = supervisor->options;
        int64_t until_ms = -1;

        if (supervisor->is_stopping && !supervisor->has_killed)
                until_ms = supervisor->kill_ms;
        if (!supervisor->is_stopping && supervisor->tick_ms >= 0)
                until_ms = supervisor->tick_ms;
        for (size_t i = 0; i < options->n_children && !supervisor->is_stopping; i++)
                if (!options->children[i].pid)
                        earlier(&until_ms, options->children[i].due_ms);
        if (until_ms < 0)
                return -1;
        return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

static int wait_for_something(struct supervisor *supervisor) {
        const struct supervisor_options *options = supervisor->options;
        struct pollfd *polls = supervisor->polls;
        int r = 0;

        polls[0] = (struct pollfd){ .fd = options->signal_fd, .events = POLLIN };
        polls[1] = (struct pollfd){ .fd = supervisor->ended_fd, .events = POLLIN };
        for (size_t i = 0; i < options->n_children; i++)
                polls[2 + i] = (struct pollfd){ .fd = options->children[i].output, .events = POLLIN };
        if (poll(polls, options->n_children + 2, patience(supervisor, clock_monotonic_ms())) < 0 && errno != EINTR)
                return error_origin(-errno, "waiting for the daemons");
        for (size_t i = 0; i < options->n_children && !r; i++)
                if (polls[2 + i].revents)
                        r = child_forward(&options->children[i]);
        return error_trace(r);
}

static int turn(struct supervisor *supervisor) {
        int64_t now_ms;
        int r;

        r = wait_for_something(supervisor);
        now_ms = clock_monotonic_ms();
        if (!r)
                r = reap(supervisor, now_ms);
        if (r)
                return error_trace(r);
        if (daemon_is_asked_to_stop(supervisor->options->signal_fd))
                stop(supervisor, now_ms);
        if (supervisor->is_stopping && !supervisor->has_killed && now_ms >= supervisor->kill_ms)
                kill_rest(supervisor);
        if (!supervisor->is_stopping)
                start_due(supervisor, now_ms);
        tick(supervisor, now_ms);
        return 0;
}

int supervisor_run(const struct supervisor_options *options) {
        _cleanup_(supervisor_finish) struct supervisor supervisor = { .options = options, .ended_fd = -1 };
        int r;

        r = supervisor_init(&supervisor);
        if (r)
                return error_trace(r);
        start_due(&supervisor, clock_monotonic_ms());
        while (!r && (!supervisor.is_stopping || is_any_running(options)))
                r = turn(&supervisor);
        if (r) {
                /* without memory or poll there is nothing to wait with */
                kill_rest(&supervisor);
                for (size_t i = 0; i < options->n_children; i++)
                        if (options->children[i].pid)
                                waitpid(options->children[i].pid, NULL, 0);
        }
        return r ? error_trace(r) : supervisor.result;
}
