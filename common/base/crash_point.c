/* Crash points: counted in a file, since the process that counts dies. */

#include "common/base/crash_point.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/cleanup.h"
#include "common/base/log.h"

static const char *const names[] = {
        [CRASH_POINT_ACCEPTED] = "accepted",
        [CRASH_POINT_WORKING] = "working",
        [CRASH_POINT_STORED] = "stored",
        [CRASH_POINT_COMMITTED] = "committed",
};

/* The times that this place has been met, this one included: one byte each in the file. */
static long count(const char *process) {
        _cleanup_(close_descriptor) int fd = -1;
        struct stat status;
        char path[64];

        snprintf(path, sizeof(path), "run/%s.crash", process);
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, ".", 1) != 1 || fstat(fd, &status))
                return 0;
        return (long)status.st_size;
}

void crash_point_obey(const char *process, enum crash_point point) {
        const char *wanted = getenv("CONVOY_CRASH");
        size_t n_process = strlen(process), n_point = strlen(names[point]);

        if (!wanted)
                return;
        if (!strncmp(wanted, process, n_process) && wanted[n_process] == ':')
                wanted += n_process + 1;
        if (strncmp(wanted, names[point], n_point) != 0)
                return;
        wanted += n_point;
        if (*wanted == ':' ? count(process) != strtol(wanted + 1, NULL, 10) : *wanted != 0)
                return;
        log_warn("point=%s crashing, as CONVOY_CRASH says", names[point]);
        raise(SIGKILL);
}
