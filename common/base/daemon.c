/* Daemon: home, lock and signals of one process of the line. */

#include "common/base/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/error.h"
#include "common/base/file.h"

enum { LOCK_PATH_BYTES = 128 };

/* True when something stands there that is no folder; a path through a file counts, too. */
static bool is_other_than_folder(const char *path) {
        struct stat status;

        return stat(path, &status) ? errno == ENOTDIR : !S_ISDIR(status.st_mode);
}

int daemon_check_home(const char *home, struct fault *fault) {
        char run[PATH_MAX];

        if (is_other_than_folder(home))
                return fault_set(
                        fault, "HOME_NOT_WRITABLE",
                        "%s cannot be used as home: it is no folder; choose another with --home or CONVOY_HOME", home);
        snprintf(run, sizeof(run), "%s/run", home);
        if (is_other_than_folder(run))
                return fault_set(fault, "HOME_NOT_WRITABLE",
                                 "%s cannot be used as home: run in it is no folder; remove that, or choose another "
                                 "home with --home or CONVOY_HOME",
                                 home);
        return 0;
}

int daemon_enter_home(const char *home, struct fault *fault) {
        int r;

        r = daemon_check_home(home, fault);
        if (r)
                return r;
        r = file_make_folders(home);
        if (!r && chdir(home))
                r = -errno;
        if (!r)
                r = file_make_folders("run");
        if (!r && access("run", W_OK | X_OK))
                r = -errno;
        if (r)
                return fault_set(fault, "HOME_NOT_WRITABLE",
                                 "%s cannot be used as home: %s; choose another with --home or CONVOY_HOME", home,
                                 strerror(-r));
        return 0;
}

int daemon_lock(const char *name, int *ret_fd, struct fault *fault) {
        _cleanup_(close_descriptor) int fd = -1;
        char path[LOCK_PATH_BYTES], text[32];
        ssize_t n;

        if ((size_t)snprintf(path, sizeof(path), "run/%s.lock", name) >= sizeof(path))
                return error_origin(-ENAMETOOLONG, "naming the lock of %s", name);
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                return error_origin(-errno, "opening %s", path);
        if (flock(fd, LOCK_EX | LOCK_NB)) {
                if (errno != EWOULDBLOCK)
                        return error_origin(-errno, "locking %s", path);
                n = read(fd, text, sizeof(text) - 1);
                text[n < 0 ? 0 : n] = 0;
                return fault_set(fault, "ALREADY_RUNNING",
                                 "another %s (process %.*s) runs in this home; stop it or choose another home with "
                                 "--home or CONVOY_HOME",
                                 name, (int)strcspn(text, "\n"), text);
        }
        n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
        if (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n)
                return error_origin(-errno, "writing %s", path);
        *ret_fd = steal_descriptor(&fd);
        return 0;
}

int daemon_open_signals(int *ret_fd) {
        sigset_t set;
        int fd, r;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGHUP);
        r = pthread_sigmask(SIG_BLOCK, &set, NULL);
        if (r)
                return error_origin(-r, "blocking signals");
        if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
                return error_origin(-errno, "ignoring SIGPIPE");
        fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (fd < 0)
                return error_origin(-errno, "opening a signalfd");
        *ret_fd = fd;
        return 0;
}

bool daemon_is_asked_to_stop(int signal_fd) {
        struct signalfd_siginfo info;

        return read(signal_fd, &info, sizeof(info)) == sizeof(info);
}
