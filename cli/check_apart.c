/* Check apart: findings in memory that is shared with a child, and a pipe that closes with it. */

#include "cli/check_apart.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/clock.h"

void check_apart_start(struct check_apart *apart, const char *name, check_function *check, const void *context,
                       int limit_ms) {
        int ends[2] = { -1, -1 };
        void *memory = mmap(NULL, sizeof(struct findings), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        *apart = (struct check_apart)CHECK_APART_NULL;
        if (memory == MAP_FAILED)
                return;
        apart->findings = memory;
        apart->name = name;
        apart->limit_ms = limit_ms;
        apart->until_ms = clock_monotonic_ms() + limit_ms;
        fflush(NULL);
        if (!pipe2(ends, O_CLOEXEC))
                apart->pid = fork();
        if (apart->pid > 0) {
                apart->fd = ends[0];
                close(ends[1]);
                return;
        }
        check(apart->findings, context);
        if (!apart->pid && ends[0] >= 0)
                exit(0);
        /* no child could be had */
        apart->pid = 0;
        for (size_t i = 0; i < N_ELEMENTS(ends); i++)
                if (ends[i] >= 0)
                        close(ends[i]);
}

/* False when the time is over first. */
static bool await(const struct check_apart *apart) {
        struct pollfd end = { .fd = apart->fd, .events = POLLIN };
        int64_t left;

        while ((left = apart->until_ms - clock_monotonic_ms()) > 0) {
                int n = poll(&end, 1, (int)left);

                if (n > 0)
                        return true;
                if (n < 0 && errno != EINTR)
                        return false;
        }
        return false;
}

/* Ends the child and says how it ended, should it not have done what it was for. */
static void reap(struct check_apart *apart, struct findings *findings) {
        bool has_ended = await(apart);
        int status = 0;

        if (!has_ended)
                kill(apart->pid, SIGKILL);
        while (waitpid(apart->pid, &status, 0) < 0 && errno == EINTR)
                ;
        close(apart->fd);
        if (!has_ended)
                findings_note(findings, apart->name, WRONG,
                              "looking at it did not end within %d seconds, so something does not answer; is the "
                              "network there, does the name's server (DNS) answer, or is it only slow?",
                              apart->limit_ms / 1000);
        else if (!WIFEXITED(status) || WEXITSTATUS(status))
                findings_note(findings, apart->name, WRONG, "looking at it failed; that is a fault of convoy's own");
}

bool check_apart_finish(struct check_apart *apart, struct findings *findings) {
        bool is_well = true;
        size_t n_before = findings->n_items;

        if (!apart->findings)
                return true;
        if (apart->pid)
                reap(apart, findings);
        findings_append(findings, apart->findings);
        munmap(apart->findings, sizeof(*apart->findings));
        *apart = (struct check_apart)CHECK_APART_NULL;
        for (size_t i = n_before; i < findings->n_items; i++)
                is_well &= findings->items[i].outcome != WRONG;
        return is_well;
}
