/* Crash points: counted in a file, since the process that counts dies. */

#include "services/stage/stage_crash.h"

#ifdef CONVOY_CRASH_POINTS

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
        [STAGE_CRASH_ACCEPTED] = "accepted",
        [STAGE_CRASH_WORKING] = "working",
        [STAGE_CRASH_STORED] = "stored",
        [STAGE_CRASH_COMMITTED] = "committed",
};

/* The times that this place has been met, this one included: one byte each in the file. */
static long count(enum stage stage) {
        _cleanup_(close_descriptor) int fd = -1;
        struct stat status;
        char path[64];

        snprintf(path, sizeof(path), "run/%s.crash", stage_name(stage));
        fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, ".", 1) != 1 || fstat(fd, &status))
                return 0;
        return (long)status.st_size;
}

void stage_crash_at(enum stage stage, enum stage_crash_point point) {
        const char *wanted = getenv("CONVOY_CRASH");
        size_t n_stage = strlen(stage_name(stage)), n_point = strlen(names[point]);

        if (!wanted)
                return;
        if (!strncmp(wanted, stage_name(stage), n_stage) && wanted[n_stage] == ':')
                wanted += n_stage + 1;
        if (strncmp(wanted, names[point], n_point) != 0)
                return;
        wanted += n_point;
        if (*wanted == ':' ? count(stage) != strtol(wanted + 1, NULL, 10) : *wanted != 0)
                return;
        log_warn("point=%s crashing, as CONVOY_CRASH says", names[point]);
        raise(SIGKILL);
}

#endif
